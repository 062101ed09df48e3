package model

// Analyse returns the interval of each value of a complete model, the input's
// first, or the first node in which some input within its bounds can lead a sum
// out of int32, whatever the order of its terms, or an index out of its table.
// Errors are *[Error]. It takes time in proportion to the model's encoding.
func (m *Model) Analyse() ([]Interval, error) {
	out := make([]Interval, 1, len(m.Nodes)+1)
	out[0] = Interval{int64(m.Input.Lo), int64(m.Input.Hi)}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		r, reason := n.interval(out[n.A], out[n.B])
		if reason == "" && !r.fits() {
			reason = Overflow
		}
		if reason != "" {
			return nil, &Error{i + 1, reason}
		}
		out = append(out, r)
	}
	return out, nil
}

// interval is what the result can be for operands in a and b.
func (n *Node) interval(a, b Interval) (Interval, Reason) {
	switch n.Op {
	case Dense, Conv:
		return n.sums(a)
	case Add:
		return Interval{a.Lo + b.Lo, a.Hi + b.Hi}, ""
	case Requantise:
		// Both factors are positive, so the result never falls where a rises.
		less := Interval{a.Lo - int64(n.InZero), a.Hi - int64(n.InZero)}
		if !less.fits() {
			return less, Overflow
		}
		var out Interval
		for i, multiplier := range n.Multipliers {
			lo, hi := n.requantise(a.Lo, multiplier, n.Shifts[i]), n.requantise(a.Hi, multiplier, n.Shifts[i])
			if i == 0 {
				out = Interval{lo, hi}
			}
			out = out.join(lo).join(hi)
		}
		return out, ""
	case ReLU:
		zero := int64(n.Zero)
		return Interval{max(a.Lo, zero), max(a.Hi, zero)}, ""
	case Clip:
		lo, hi := int64(n.Lo), int64(n.Hi)
		return Interval{min(max(a.Lo, lo), hi), min(max(a.Hi, lo), hi)}, ""
	case Average:
		terms := int64(n.Window.Kernel[0] * n.Window.Kernel[1])
		sum := Interval{terms * a.Lo, terms * a.Hi}
		if !sum.join(0).fits() {
			return sum, Overflow
		}
		return Interval{halfEven(sum.Lo, n.Shift), halfEven(sum.Hi, n.Shift)}, ""
	case ArgMax:
		return Interval{0, int64(n.in.Len() - 1)}, ""
	case Embed:
		if a.Lo < 0 || a.Hi >= int64(n.Rows) {
			return a, OutOfTable
		}
		out := Interval{127, -128}
		for _, w := range n.Weights {
			out = out.join(int64(int8(w)))
		}
		return out, ""
	default: // MaxPool
		return a, ""
	}
}

// sums bounds the sums of Dense and Conv: every sum of some of the terms, by
// taking those above and those below zero apart.
func (n *Node) sums(a Interval) (Interval, Reason) {
	zero := int64(n.InZero)
	a = Interval{a.Lo - zero, a.Hi - zero}
	if !a.fits() {
		return a, Overflow
	}
	padded := n.Op == Conv && n.Window.Pad != [4]int{}
	if padded {
		a = a.join(0)
	}
	each := len(n.Weights) / n.Outputs
	out := Interval{maxInt32, minInt32}
	for o := range n.Outputs {
		var bias int64
		if len(n.Bias) > 0 {
			bias = int64(n.Bias[o])
		}
		least, greatest := bias, bias // of whole sums
		below, above := min(bias, 0), max(bias, 0)
		for _, raw := range n.Weights[o*each : (o+1)*each] {
			w := int64(int8(raw)) - int64(n.WeightZero)
			x, y := w*a.Lo, w*a.Hi
			lo, hi := min(x, y), max(x, y)
			least += lo
			greatest += hi
			below += min(lo, 0)
			above += max(hi, 0)
		}
		if below < minInt32 || above > maxInt32 {
			return out, Overflow
		}
		out = out.join(least).join(greatest)
	}
	return out, ""
}
