package model_test

import (
	"math/big"

	"github.com/pars-network/pars/ai/model"
)

// reference computes one operator from the definitions in spec/ai.md, element by
// element in numbers without limits, with no code of the package.
type reference struct {
	n       *model.Node
	in, out model.Shape
	a, b    []int32
}

func (r *reference) run() []*big.Int {
	out := make([]*big.Int, 0, r.out.Len())
	for c := range r.out.C {
		for y := range r.out.H {
			for x := range r.out.W {
				out = append(out, r.element(c, y, x))
			}
		}
	}
	return out
}

// at is element c, y, x of the first operand; ok is false outside of it.
func (r *reference) at(c, y, x int) (v *big.Int, ok bool) {
	if y < 0 || x < 0 || y >= r.in.H || x >= r.in.W {
		return nil, false
	}
	return big.NewInt(int64(r.a[(c*r.in.H+y)*r.in.W+x])), true
}

func (r *reference) weight(i int) *big.Int {
	return big.NewInt(int64(int8(r.n.Weights[i])) - int64(r.n.WeightZero))
}

func (r *reference) bias(o int) *big.Int {
	if len(r.n.Bias) == 0 {
		return new(big.Int)
	}
	return big.NewInt(int64(r.n.Bias[o]))
}

// rounded is v/2^shift to the nearest whole number, halves to the even one.
func rounded(v *big.Int, shift uint8) *big.Int {
	d := new(big.Int).Lsh(big.NewInt(1), uint(shift))
	// floor((2v + d) / 2d) rounds halves up; an odd result of a half is one too many.
	twice := new(big.Int).Lsh(v, 1)
	sum := new(big.Int).Add(twice, d)
	q, m := new(big.Int).DivMod(sum, new(big.Int).Lsh(d, 1), new(big.Int))
	if m.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

func clamp(v *big.Int, lo, hi int32) *big.Int {
	if l := big.NewInt(int64(lo)); v.Cmp(l) < 0 {
		return l
	}
	if h := big.NewInt(int64(hi)); v.Cmp(h) > 0 {
		return h
	}
	return v
}

func (r *reference) element(c, y, x int) *big.Int {
	n := r.n
	place := (c*r.out.H+y)*r.out.W + x
	switch n.Op {
	case model.Dense:
		sum := r.bias(c)
		for i, v := range r.a {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(v)-int64(n.InZero)), r.weight(c*len(r.a)+i)))
		}
		return sum
	case model.Conv:
		sum := r.bias(c)
		inside := r.in.C / n.Groups
		group := c / (n.Outputs / n.Groups)
		for ic := range inside {
			for ky := range n.Window.Kernel[0] {
				for kx := range n.Window.Kernel[1] {
					v, ok := r.at(group*inside+ic, y*n.Window.Stride[0]+ky-n.Window.Pad[0], x*n.Window.Stride[1]+kx-n.Window.Pad[1])
					if !ok {
						continue
					}
					w := r.weight(((c*inside+ic)*n.Window.Kernel[0]+ky)*n.Window.Kernel[1] + kx)
					sum.Add(sum, v.Sub(v, big.NewInt(int64(n.InZero))).Mul(v, w))
				}
			}
		}
		return sum
	case model.Add:
		return new(big.Int).Add(big.NewInt(int64(r.a[place])), big.NewInt(int64(r.b[place])))
	case model.Requantise:
		f := 0
		if len(n.Multipliers) > 1 {
			f = c
		}
		v, _ := r.at(c, y, x)
		v.Sub(v, big.NewInt(int64(n.InZero)))
		v = rounded(v.Mul(v, big.NewInt(int64(n.Multipliers[f]))), n.Shifts[f])
		return clamp(v.Add(v, big.NewInt(int64(n.Zero))), n.Lo, n.Hi)
	case model.ReLU:
		v, _ := r.at(c, y, x)
		if zero := big.NewInt(int64(n.Zero)); v.Cmp(zero) < 0 {
			return zero
		}
		return v
	case model.Clip:
		v, _ := r.at(c, y, x)
		return clamp(v, n.Lo, n.Hi)
	case model.MaxPool, model.Average:
		var best *big.Int
		sum := new(big.Int)
		for ky := range n.Window.Kernel[0] {
			for kx := range n.Window.Kernel[1] {
				v, ok := r.at(c, y*n.Window.Stride[0]+ky-n.Window.Pad[0], x*n.Window.Stride[1]+kx-n.Window.Pad[1])
				if !ok {
					continue
				}
				sum.Add(sum, v)
				if best == nil || v.Cmp(best) > 0 {
					best = v
				}
			}
		}
		if n.Op == model.MaxPool {
			return best
		}
		return rounded(sum, n.Shift)
	case model.ArgMax:
		best := 0
		for i, v := range r.a {
			if v > r.a[best] {
				best = i
			}
		}
		return big.NewInt(int64(best))
	case model.Embed:
		return big.NewInt(int64(int8(n.Weights[int(r.a[y])*n.Outputs+c])))
	}
	panic("no such operator")
}
