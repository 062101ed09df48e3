package stark

import (
	"cmp"
	"slices"
)

// boundary is an assertion placed on a trace of known length: column equals
// value(x) where x^steps = offset.
type boundary struct {
	column int
	stride uint64 // 0 for single assertions
	first  uint64
	steps  uint64
	values []uint64
}

// boundaries places the assertions on a trace of n steps, in the order in which
// they take their coefficients: by stride, first step, column.
func (a *AIR) boundaries(n uint64, public []uint64) ([]boundary, error) {
	out := make([]boundary, 0, len(a.Assertions))
	for i, s := range a.Assertions {
		b := boundary{column: int(s.Column), stride: uint64(s.Stride), first: uint64(s.Step), steps: 1}
		for _, v := range s.Values {
			if v.Public {
				b.values = append(b.values, public[v.N])
			} else {
				b.values = append(b.values, v.N)
			}
		}
		switch s.Kind {
		case Single:
			if b.first >= n {
				return nil, bad("assertion %d is at step %d of %d", i, s.Step, n)
			}
			if s.FromEnd {
				b.first = n - 1 - b.first
			}
		case Periodic:
			if b.stride > n {
				return nil, bad("assertion %d has stride %d on %d steps", i, s.Stride, n)
			}
			b.steps = n / b.stride
		case Sequence:
			if b.stride*uint64(len(b.values)) != n {
				return nil, bad("assertion %d covers %d steps of %d", i, b.stride*uint64(len(b.values)), n)
			}
			b.steps = uint64(len(b.values))
		}
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(x, y boundary) int {
		return cmp.Or(cmp.Compare(x.stride, y.stride), cmp.Compare(x.first, y.first), cmp.Compare(x.column, y.column))
	})
	for i, x := range out {
		for _, y := range out[i+1:] {
			if x.overlaps(y) {
				return nil, bad("two assertions on column %d bind the same step", x.column)
			}
		}
	}
	return out, nil
}

// overlaps reports whether x and y bind one cell twice. Strides are powers of
// two, so two arithmetic progressions meet exactly when their first steps agree
// modulo the shorter stride; a single step meets one when it lies on it.
func (x boundary) overlaps(y boundary) bool {
	if x.column != y.column {
		return false
	}
	switch {
	case x.stride == 0 && y.stride == 0:
		return x.first == y.first
	case x.stride == 0:
		return x.first%y.stride == y.first
	case y.stride == 0:
		return y.first%x.stride == x.first
	}
	s := min(x.stride, y.stride)
	return x.first%s == y.first%s
}

// interpolate returns the coefficients of the polynomial of degree below
// len(values) with p(root^i) = values[i], where root generates the subgroup of
// that order. len(values) is a power of two.
func interpolate(values []uint64) []uint64 {
	n := len(values)
	if n == 1 {
		return values
	}
	out := slices.Clone(values)
	logN := 0
	for 1<<logN < n {
		logN++
	}
	// Bit reversal, then decimation in time with the inverse root.
	bitReverse(out)
	for log := 1; log <= logN; log++ {
		half, step := 1<<(log-1), inv(rootOfUnity(log))
		for start := 0; start < n; start += 2 * half {
			t := uint64(1)
			for k := start; k < start+half; k++ {
				odd := mul(t, out[k+half])
				out[k+half], out[k] = sub(out[k], odd), add(out[k], odd)
				t = mul(t, step)
			}
		}
	}
	scale := inv(uint64(n))
	for i := range out {
		out[i] = mul(out[i], scale)
	}
	return out
}

// bitReverse permutes v, a power of two long, by reversing its indices' bits.
func bitReverse[T any](v []T) {
	n := len(v)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			v[i], v[j] = v[j], v[i]
		}
	}
}

// horner evaluates base field coefficients, constant first, at x.
func (f field) horner(coefficients []uint64, x element) element {
	var r element
	for _, c := range slices.Backward(coefficients) {
		r = f.mul(r, x).add(embed(c))
	}
	return r
}
