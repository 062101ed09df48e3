package onnx

import (
	"math"

	"github.com/pars-network/pars/ai/model"
)

// factor writes a positive float32 as multiplier/2^shift, exactly.
func factor(f float32) (multiplier uint32, shift uint8, ok bool) {
	fraction, exponent := math.Frexp(float64(f))
	if !(f > 0) || math.IsInf(float64(f), 0) {
		return 0, 0, false
	}
	// A float32 has 24 bits.
	m, s := uint64(fraction*(1<<24)), 24-exponent
	for m&1 == 0 && s > 0 {
		m >>= 1
		s--
	}
	for s < 0 && m <= math.MaxInt32 {
		m <<= 1
		s++
	}
	if m > math.MaxInt32 || s < 0 || s > model.MaxShift {
		return 0, 0, false
	}
	return uint32(m), uint8(s), true
}

// quantise turns a real value into whole numbers of scale and zero in a type of
// ONNX.
func (l *lowering) quantise(n *node, v *value, scale float32, zero int64, kind int) (*value, error) {
	least, greatest, ok := limits(kind)
	if !ok || zero < least || zero > greatest {
		return nil, n.cant("got a zero point of %d and elements of type %d, want int8 or uint8", zero, kind)
	}
	if !(scale > 0) {
		return nil, n.cant("got the scale %g, want one above 0", scale)
	}
	if v.open {
		return l.openAs(n, v, scale, zero, kind)
	}
	if !v.real {
		return nil, n.cant("its input is quantised already")
	}
	lo, hi := float64(least), float64(greatest)
	at := func(bound float64) float64 {
		return min(max(math.RoundToEven(bound/float64(scale))+float64(zero), lo), hi)
	}
	if v.lo != nil {
		lo = at(*v.lo)
	}
	if v.hi != nil {
		hi = at(*v.hi)
	}
	out := *v
	out.real, out.scale, out.zero, out.lo, out.hi = false, nil, 0, nil, nil
	if len(v.scale) == 1 && v.scale[0] == scale && int64(v.zero) == zero && v.lo == nil && v.hi == nil && l.within(v.ref, least, greatest) {
		return &out, nil
	}
	node := model.Node{Op: model.Requantise, A: v.ref, InZero: v.zero, Zero: int32(zero), Lo: int32(lo), Hi: int32(hi)}
	for _, s := range v.scale {
		multiplier, shift, ok := factor(s / scale)
		if !ok {
			return nil, n.cant("the scale %g of its input and its own, %g, are too far apart", s, scale)
		}
		node.Multipliers, node.Shifts = append(node.Multipliers, multiplier), append(node.Shifts, shift)
	}
	return l.emit(node, &out)
}

// limits are the least and greatest number of an 8-bit type.
func limits(kind int) (least, greatest int64, ok bool) {
	switch kind {
	case typeUint8:
		return 0, 255, true
	case typeInt8:
		return -128, 127, true
	}
	return 0, 0, false
}

// openAs makes the graph's float input one of whole numbers: whoever calls the
// model quantises.
func (l *lowering) openAs(n *node, v *value, scale float32, zero int64, kind int) (*value, error) {
	in := &l.m.Input
	least, greatest, _ := limits(kind)
	signed := kind == typeInt8
	if l.in.Scale != 0 && (l.in.Scale != scale || int64(l.in.Zero) != zero || in.Signed != signed) {
		return nil, n.cant("the input is quantised in two ways")
	}
	l.in.Scale, l.in.Zero = scale, int32(zero)
	in.Signed, in.Lo, in.Hi = signed, int32(least), int32(greatest)
	out := *v
	out.open = false
	return &out, nil
}

// dequantise makes whole numbers real.
func (l *lowering) dequantise(n *node, v *value, scale float32, zero int64) (*value, error) {
	if v.real || v.open {
		return nil, n.cant("its input is not quantised")
	}
	if !(scale > 0) || zero < math.MinInt32 || zero > math.MaxInt32 {
		return nil, n.cant("got the scale %g and the zero point %d", scale, zero)
	}
	out := *v
	out.real, out.scale, out.zero = true, []float32{scale}, int32(zero)
	return &out, nil
}

// interval is what a value of the model can be.
func (l *lowering) interval(ref int) (model.Interval, error) {
	if len(l.m.Nodes) == 0 {
		return model.Interval{Lo: int64(l.m.Input.Lo), Hi: int64(l.m.Input.Hi)}, nil
	}
	all, err := l.m.Analyse()
	if err != nil {
		return model.Interval{}, err
	}
	return all[ref], nil
}

func (l *lowering) within(ref int, lo, hi int64) bool {
	i, err := l.interval(ref)
	return err == nil && i.Lo >= lo && i.Hi <= hi
}

// settle cuts the whole numbers of a real value to its bounds.
func (l *lowering) settle(v *value, op, name string) (*value, error) {
	if v.lo == nil && v.hi == nil {
		return v, nil
	}
	lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
	for _, b := range []struct {
		bound *float64
		to    *int64
	}{{v.lo, &lo}, {v.hi, &hi}} {
		if b.bound == nil {
			continue
		}
		at := *b.bound / float64(v.scale[0])
		whole := math.Round(at)
		if (len(v.scale) > 1 && *b.bound != 0) || math.Abs(at-whole) > 1e-4 || math.Abs(whole) > math.MaxInt32/2 {
			return nil, &UnsupportedError{op, name, "a bound before it is no whole number of its scale; put QuantizeLinear behind the Clip"}
		}
		*b.to = int64(whole) + int64(v.zero)
	}
	out := *v
	out.lo, out.hi = nil, nil
	if hi == math.MaxInt32 {
		return l.emit(model.Node{Op: model.ReLU, A: v.ref, Zero: int32(lo)}, &out)
	}
	if lo > hi {
		return nil, &UnsupportedError{op, name, "the bounds before it leave nothing"}
	}
	return l.emit(model.Node{Op: model.Clip, A: v.ref, Lo: int32(lo), Hi: int32(hi)}, &out)
}
