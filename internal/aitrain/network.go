package main

import (
	"math"
	"math/rand/v2"
)

// sample is an input in bytes and what it is.
type sample struct {
	input []byte
	label int
}

// network is: bytes, or rows of a table by bytes; convolutions, each with a ReLU;
// perhaps the greatest of each channel; one matrix.
type network struct {
	// in has channels, rows and columns of the bytes; a table has one channel for
	// each column.
	in    [3]int
	table *parameters // 256 rows of in[0], or nil
	convs []*conv
	pool  bool
	dense *conv
}

// parameters are numbers that are learnt, with Adam's two averages.
type parameters struct{ v, grad, m1, m2 []float32 }

func newParameters(random *rand.Rand, n int, spread float64) *parameters {
	p := &parameters{v: make([]float32, n), grad: make([]float32, n), m1: make([]float32, n), m2: make([]float32, n)}
	for i := range p.v {
		p.v[i] = float32(random.NormFloat64() * spread)
	}
	return p
}

// step is Adam (Kingma and Ba, algorithm 1) after t steps.
func (p *parameters) step(rate float64, t int) {
	const b1, b2 = 0.9, 0.999
	c1, c2 := 1-math.Pow(b1, float64(t)), 1-math.Pow(b2, float64(t))
	for i, g := range p.grad {
		p.m1[i] = b1*p.m1[i] + (1-b1)*g
		p.m2[i] = b2*p.m2[i] + (1-b2)*g*g
		p.v[i] -= float32(rate * (float64(p.m1[i]) / c1) / (math.Sqrt(float64(p.m2[i])/c2) + 1e-8))
	}
	clear(p.grad)
}

// conv is a convolution without padding; a matrix is one whose window is all of
// its input.
type conv struct {
	in, out        [3]int
	kernel, stride [2]int
	weights, bias  *parameters
}

func newConv(random *rand.Rand, in [3]int, outputs, kh, kw, stride int) *conv {
	c := &conv{in: in, kernel: [2]int{kh, kw}, stride: [2]int{stride, min(stride, kw)}}
	c.out = [3]int{outputs, (in[1]-kh)/c.stride[0] + 1, (in[2]-kw)/c.stride[1] + 1}
	patch := in[0] * kh * kw
	c.weights = newParameters(random, outputs*patch, math.Sqrt(2/float64(patch)))
	c.bias = newParameters(random, outputs, 0)
	return c
}

// each calls f with the place of every row of weights in the input, and of the
// sum it goes into.
func (c *conv) each(f func(o, out, weights, in int)) {
	for o := range c.out[0] {
		for y := range c.out[1] {
			for x := range c.out[2] {
				out := (o*c.out[1]+y)*c.out[2] + x
				for i := range c.in[0] {
					for ky := range c.kernel[0] {
						f(o, out, ((o*c.in[0]+i)*c.kernel[0]+ky)*c.kernel[1], (i*c.in[1]+y*c.stride[0]+ky)*c.in[2]+x*c.stride[1])
					}
				}
			}
		}
	}
}

func (c *conv) forward(a []float32) []float32 {
	out := make([]float32, c.out[0]*c.out[1]*c.out[2])
	plane := c.out[1] * c.out[2]
	for i := range out {
		out[i] = c.bias.v[i/plane]
	}
	c.each(func(_, o, w, i int) {
		weights, line := c.weights.v[w:w+c.kernel[1]], a[i:i+c.kernel[1]]
		var sum float32
		for k, v := range line {
			sum += v * weights[k]
		}
		out[o] += sum
	})
	return out
}

// backward adds to the gradients and returns that of the input.
func (c *conv) backward(a, grad []float32) []float32 {
	back := make([]float32, len(a))
	plane := c.out[1] * c.out[2]
	for i, g := range grad {
		c.bias.grad[i/plane] += g
	}
	c.each(func(_, o, w, i int) {
		g := grad[o]
		if g == 0 {
			return
		}
		weights, slope := c.weights.v[w:w+c.kernel[1]], c.weights.grad[w:w+c.kernel[1]]
		line, to := a[i:i+c.kernel[1]], back[i:i+c.kernel[1]]
		for k := range line {
			slope[k] += g * line[k]
			to[k] += g * weights[k]
		}
	})
	return back
}

// embed is the input of the first convolution.
func (n *network) embed(input []byte) []float32 {
	if n.table == nil {
		out := make([]float32, len(input))
		for i, b := range input {
			out[i] = float32(b) / 255
		}
		return out
	}
	out := make([]float32, n.in[0]*len(input))
	for t, b := range input {
		for c, v := range n.table.v[int(b)*n.in[0]:][:n.in[0]] {
			out[c*len(input)+t] = v
		}
	}
	return out
}

// trace has what each layer takes and gives.
type trace struct {
	values [][]float32 // the input of each convolution, then the last one's result
	pooled []float32
	from   []int // where the pool found each
	logits []float32
}

func (n *network) forward(input []byte) *trace {
	t := &trace{values: [][]float32{n.embed(input)}}
	for _, c := range n.convs {
		out := c.forward(t.values[len(t.values)-1])
		for i, v := range out {
			out[i] = max(v, 0)
		}
		t.values = append(t.values, out)
	}
	t.pooled = t.values[len(t.values)-1]
	if n.pool {
		last := n.convs[len(n.convs)-1].out
		plane := last[1] * last[2]
		all := t.pooled
		t.pooled, t.from = make([]float32, last[0]), make([]int, last[0])
		for c := range last[0] {
			best := c * plane
			for i := best; i < (c+1)*plane; i++ {
				if all[i] > all[best] {
					best = i
				}
			}
			t.pooled[c], t.from[c] = all[best], best
		}
	}
	t.logits = n.dense.forward(t.pooled)
	return t
}

// learn adds the gradients of one sample and returns its loss.
func (n *network) learn(s sample) float64 {
	t := n.forward(s.input)
	grad := make([]float32, len(t.logits))
	top := t.logits[0]
	for _, v := range t.logits {
		top = max(top, v)
	}
	var sum float64
	for _, v := range t.logits {
		sum += math.Exp(float64(v - top))
	}
	for i, v := range t.logits {
		grad[i] = float32(math.Exp(float64(v-top)) / sum)
	}
	loss := -math.Log(max(float64(grad[s.label]), 1e-12))
	grad[s.label]--
	back := n.dense.backward(t.pooled, grad)
	if n.pool {
		all := make([]float32, len(t.values[len(t.values)-1]))
		for c, from := range t.from {
			all[from] = back[c]
		}
		back = all
	}
	for i := len(n.convs) - 1; i >= 0; i-- {
		for k, v := range t.values[i+1] {
			if v <= 0 {
				back[k] = 0
			}
		}
		back = n.convs[i].backward(t.values[i], back)
	}
	if n.table != nil {
		for p, b := range s.input {
			for c := range n.in[0] {
				n.table.grad[int(b)*n.in[0]+c] += back[c*len(s.input)+p]
			}
		}
	}
	return loss
}

func (n *network) parameters() []*parameters {
	out := []*parameters{n.dense.weights, n.dense.bias}
	for _, c := range n.convs {
		out = append(out, c.weights, c.bias)
	}
	if n.table != nil {
		out = append(out, n.table)
	}
	return out
}

// train goes through the samples in batches of 16.
func (n *network) train(random *rand.Rand, t *task, epochs int, report func(epoch int, loss float64)) {
	const batch = 16
	step := 0
	for epoch := range epochs {
		order := random.Perm(len(t.train))
		var loss float64
		rate := 0.003 * math.Pow(0.8, float64(epoch))
		for i, k := range order {
			s := t.train[k]
			if t.vary != nil {
				s.input = t.vary(random, s.input)
			}
			loss += n.learn(s)
			if i%batch == batch-1 {
				step++
				for _, p := range n.parameters() {
					for j := range p.grad {
						p.grad[j] /= batch
					}
					p.step(rate, step)
				}
			}
		}
		report(epoch+1, loss/float64(len(order)))
	}
}

func (n *network) accuracy(samples []sample) float64 {
	right := 0
	for _, s := range samples {
		logits := n.forward(s.input).logits
		best := 0
		for i, v := range logits {
			if v > logits[best] {
				best = i
			}
		}
		if best == s.label {
			right++
		}
	}
	return float64(right) / float64(len(samples))
}
