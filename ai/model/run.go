package model

import "encoding/binary"

// Infer runs a model that [Model.Analyse] takes. The error is an *[InputError].
func (m *Model) Infer(input []byte) ([]int32, error) {
	values, err := m.Trace(input)
	if err != nil {
		return nil, err
	}
	return values[len(values)-1], nil
}

// Trace returns all values of an inference: the input, then each node's result.
func (m *Model) Trace(input []byte) ([][]int32, error) {
	first, err := m.Input.read(input)
	if err != nil {
		return nil, err
	}
	values := make([][]int32, 1, len(m.Nodes)+1)
	values[0] = first
	for i := range m.Nodes {
		n := &m.Nodes[i]
		values = append(values, n.Run(values[n.A], values[n.B]))
	}
	return values, nil
}

// read decodes an input.
func (in Input) read(b []byte) ([]int32, error) {
	if len(b) != in.Size() {
		return nil, &InputError{Size: len(b), Want: in.Size()}
	}
	out := make([]int32, in.Shape.Len())
	for i := range out {
		var v int32
		switch {
		case in.Wide && in.Signed:
			v = int32(int16(binary.BigEndian.Uint16(b[2*i:])))
		case in.Wide:
			v = int32(binary.BigEndian.Uint16(b[2*i:]))
		case in.Signed:
			v = int32(int8(b[i]))
		default:
			v = int32(b[i])
		}
		if v < in.Lo || v > in.Hi {
			return nil, &InputError{Size: len(b), Want: len(b), Element: i}
		}
		out[i] = v
	}
	return out, nil
}

// Run computes the result of one operator of an analysed model from its operands,
// which have the right shapes and are within their intervals; b is Add's second.
func (n *Node) Run(a, b []int32) []int32 {
	out := make([]int32, n.out.Len())
	switch n.Op {
	case Dense:
		n.dense(a, out)
	case Conv:
		n.conv(a, out)
	case Add:
		for i := range out {
			out[i] = a[i] + b[i]
		}
	case Requantise:
		n.requantiseAll(a, out)
	case ReLU:
		for i, v := range a {
			out[i] = max(v, n.Zero)
		}
	case Clip:
		for i, v := range a {
			out[i] = min(max(v, n.Lo), n.Hi)
		}
	case MaxPool:
		n.maxPool(a, out)
	case Average:
		n.average(a, out)
	case ArgMax:
		best := 0
		for i, v := range a {
			if v > a[best] {
				best = i
			}
		}
		out[0] = int32(best)
	case Embed:
		for t, row := range a {
			for c, w := range n.Weights[int(row)*n.Outputs:][:n.Outputs] {
				out[c*len(a)+t] = int32(int8(w))
			}
		}
	}
	return out
}

// dense is Dense. Sums may wrap on the way when WeightZero is not zero, but end
// where the analysis says.
func (n *Node) dense(a, out []int32) {
	x := make([]int32, len(a))
	var all int32
	for i, v := range a {
		x[i] = v - n.InZero
		all += x[i]
	}
	n.rows(x, out, 0, 1, -all*int32(n.WeightZero), n.Outputs)
}

// rows writes count sums of products with x, which begin with the output number
// first, at out[first·step] and every step behind it; correction is added to each.
func (n *Node) rows(x, out []int32, first, step int, correction int32, count int) {
	weights := n.Weights[first*len(x):]
	o := first
	for ; o+4 <= first+count; o += 4 {
		w := weights[:4*len(x)]
		s0, s1, s2, s3 := dot4(x, w[:len(x)], w[len(x):2*len(x)], w[2*len(x):3*len(x)], w[3*len(x):])
		out[o*step] = s0 + correction
		out[(o+1)*step] = s1 + correction
		out[(o+2)*step] = s2 + correction
		out[(o+3)*step] = s3 + correction
		weights = weights[4*len(x):]
	}
	for ; o < first+count; o++ {
		out[o*step] = dot(x, weights[:len(x)]) + correction
		weights = weights[len(x):]
	}
	if len(n.Bias) > 0 {
		for o := first; o < first+count; o++ {
			out[o*step] += n.Bias[o]
		}
	}
}

// dot4 multiplies x with four rows of weights.
func dot4(x []int32, w0, w1, w2, w3 []byte) (s0, s1, s2, s3 int32) {
	w0, w1, w2, w3 = w0[:len(x)], w1[:len(x)], w2[:len(x)], w3[:len(x)]
	for i, v := range x {
		s0 += v * int32(int8(w0[i]))
		s1 += v * int32(int8(w1[i]))
		s2 += v * int32(int8(w2[i]))
		s3 += v * int32(int8(w3[i]))
	}
	return s0, s1, s2, s3
}

func dot(x []int32, w []byte) (sum int32) {
	w = w[:len(x)]
	for i, v := range x {
		sum += v * int32(int8(w[i]))
	}
	return sum
}

// conv is Conv: the window at each place is gathered once for all channels.
func (n *Node) conv(a, out []int32) {
	plane, inside := n.out.H*n.out.W, n.in.C/n.Groups
	channels := n.Outputs / n.Groups
	patch := make([]int32, n.patch())
	for g := range n.Groups {
		from := a[g*inside*n.in.H*n.in.W:]
		for y := range n.out.H {
			for x := range n.out.W {
				all := n.gather(from, patch, inside, y, x)
				n.rows(patch, out[y*n.out.W+x:], g*channels, plane, -all*int32(n.WeightZero), channels)
			}
		}
	}
}

// gather copies one window of the given channels less InZero, and adds it up.
// Padding is zero.
func (n *Node) gather(a, patch []int32, channels, y, x int) (all int32) {
	w := n.Window
	top, left := y*w.Stride[0]-w.Pad[0], x*w.Stride[1]-w.Pad[1]
	at := 0
	for c := range channels {
		for ky := range w.Kernel[0] {
			line := patch[at : at+w.Kernel[1]]
			at += w.Kernel[1]
			row := top + ky
			if row < 0 || row >= n.in.H {
				clear(line)
				continue
			}
			from := a[(c*n.in.H+row)*n.in.W:][:n.in.W]
			for kx := range line {
				if col := left + kx; col >= 0 && col < len(from) {
					line[kx] = from[col] - n.InZero
				} else {
					line[kx] = 0
				}
				all += line[kx]
			}
		}
	}
	return all
}

// halfEven is v/2^shift, rounded to the nearest and halves to the even number.
func halfEven(v int64, shift uint8) int64 {
	if shift == 0 {
		return v
	}
	half := int64(1) << (shift - 1)
	down := v >> shift
	rest := v - down<<shift
	if rest > half || (rest == half && down&1 == 1) {
		down++
	}
	return down
}

// requantise is Requantise of one element. The analysis
// keeps v-InZero in 32 bits, so the product is below 2^62.
func (n *Node) requantise(v int64, multiplier uint32, shift uint8) int64 {
	// Zero is added in 64 bits: no sum of theirs leaves those.
	r := halfEven((v-int64(n.InZero))*int64(multiplier), shift) + int64(n.Zero)
	return min(max(r, int64(n.Lo)), int64(n.Hi))
}

func (n *Node) requantiseAll(a, out []int32) {
	if len(n.Multipliers) == 1 {
		for i, v := range a {
			out[i] = int32(n.requantise(int64(v), n.Multipliers[0], n.Shifts[0]))
		}
		return
	}
	plane := n.in.H * n.in.W
	for c, multiplier := range n.Multipliers {
		line := out[c*plane:][:plane]
		for i, v := range a[c*plane:][:plane] {
			line[i] = int32(n.requantise(int64(v), multiplier, n.Shifts[c]))
		}
	}
}

func (n *Node) maxPool(a, out []int32) {
	w := n.Window
	at := 0
	for c := range n.in.C {
		plane := a[c*n.in.H*n.in.W:][:n.in.H*n.in.W]
		for y := range n.out.H {
			top := y*w.Stride[0] - w.Pad[0]
			for x := range n.out.W {
				left := x*w.Stride[1] - w.Pad[1]
				best := int32(minInt32)
				for row := max(top, 0); row < min(top+w.Kernel[0], n.in.H); row++ {
					for _, v := range plane[row*n.in.W:][max(left, 0):min(left+w.Kernel[1], n.in.W)] {
						best = max(best, v)
					}
				}
				out[at] = best
				at++
			}
		}
	}
}

func (n *Node) average(a, out []int32) {
	w := n.Window
	at := 0
	for c := range n.in.C {
		plane := a[c*n.in.H*n.in.W:][:n.in.H*n.in.W]
		for y := range n.out.H {
			for x := range n.out.W {
				var sum int32
				for row := y * w.Stride[0]; row < y*w.Stride[0]+w.Kernel[0]; row++ {
					for _, v := range plane[row*n.in.W+x*w.Stride[1]:][:w.Kernel[1]] {
						sum += v
					}
				}
				out[at] = int32(halfEven(int64(sum), n.Shift))
				at++
			}
		}
	}
}
