package onnx

import (
	"math"

	"github.com/pars-network/pars/ai/model"
)

// operators are what this package takes, by ONNX' names.
var operators map[string]func(*lowering, *node) (*value, error)

func init() {
	operators = map[string]func(*lowering, *node) (*value, error){
		"Add": (*lowering).add, "ArgMax": (*lowering).argMax, "AveragePool": (*lowering).averagePool, "Cast": (*lowering).cast,
		"Clip": (*lowering).clip, "Constant": (*lowering).keep, "Conv": (*lowering).conv, "ConvInteger": (*lowering).convInteger,
		"DequantizeLinear": (*lowering).dequantizeLinear, "Dropout": (*lowering).same, "Flatten": (*lowering).flatten, "Gather": (*lowering).gather,
		"Gemm": (*lowering).gemm, "GlobalAveragePool": (*lowering).globalAveragePool, "Identity": (*lowering).same,
		"MatMul": (*lowering).matMul, "MatMulInteger": (*lowering).matMulInteger, "MaxPool": (*lowering).maxPool, "Mul": (*lowering).mul,
		"QGemm": (*lowering).qGemm, "QLinearAdd": (*lowering).qLinearAdd, "QLinearAveragePool": (*lowering).qLinearAveragePool,
		"QLinearConv": (*lowering).qLinearConv, "QLinearGlobalAveragePool": (*lowering).qLinearGlobalAveragePool,
		"QLinearMatMul": (*lowering).qLinearMatMul, "QuantizeLinear": (*lowering).quantizeLinear, "ReduceMean": (*lowering).reduceMean,
		"Relu": (*lowering).relu, "Reshape": (*lowering).flatten, "Squeeze": (*lowering).flatten, "Transpose": (*lowering).transpose,
		"Unsqueeze": (*lowering).flatten,
	}
}

// Operators are the names of what can be taken, unordered.
func Operators() []string {
	var out []string
	for name := range operators {
		out = append(out, name)
	}
	return out
}

// lower adds what a node of the file becomes.
func (l *lowering) lower(n *node) error {
	if len(n.out) == 0 {
		return n.cant("it has no output")
	}
	for _, name := range n.out[1:] {
		if name != "" && n.op != "Dropout" {
			return n.cant("it has a second output")
		}
	}
	v, err := operators[n.op](l, n)
	if err != nil {
		return err
	}
	if v != nil {
		l.values[n.out[0]] = v
	}
	return nil
}

// keep is Constant.
func (l *lowering) keep(n *node) (*value, error) {
	t := &tensor{name: n.out[0]}
	switch a := n.attributes; {
	case a["value"] != nil && a["value"].t != nil:
		t = a["value"].t
	case a["value_float"] != nil:
		t.kind, t.floats = typeFloat, []float32{a["value_float"].f}
	case a["value_floats"] != nil:
		t.kind, t.floats = typeFloat, a["value_floats"].floats
		t.dims = []int{len(t.floats)}
	case a["value_int"] != nil:
		t.kind, t.ints = typeInt64, []int64{a["value_int"].i}
	case a["value_ints"] != nil:
		t.kind, t.ints = typeInt64, a["value_ints"].ints
		t.dims = []int{len(t.ints)}
	default:
		return nil, n.cant("it is no tensor of numbers")
	}
	l.constants[n.out[0]] = &constant{tensor: t}
	return nil, nil
}

// passed makes a constant that an operator doesn't change the output; done is
// false for a value.
func (l *lowering) passed(n *node) (done bool) {
	if !n.has(0) {
		return false
	}
	c, ok := l.constants[n.in[0]]
	if ok {
		l.constants[n.out[0]] = c
	}
	return ok
}

func (l *lowering) same(n *node) (*value, error) {
	if l.passed(n) {
		return nil, nil
	}
	return l.value(n, 0)
}

// cast changes what holds the numbers, not the numbers.
func (l *lowering) cast(n *node) (*value, error) {
	if l.passed(n) {
		return nil, nil
	}
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	switch to := n.integer("to", 0); {
	case to == typeFloat && !v.real && !v.open:
		return l.dequantise(n, v, 1, 0)
	case (to == typeInt32 || to == typeInt64) && !v.real, to == typeFloat && v.real:
		return v, nil
	default:
		return nil, n.cant("it rounds numbers to type %d", to)
	}
}

func (l *lowering) quantizeLinear(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	scale, err := l.number(n, 1)
	if err != nil {
		return nil, err
	}
	zero, kind, err := l.zero(n, 2, typeUint8)
	if err != nil {
		return nil, err
	}
	return l.quantise(n, v, scale, zero, kind)
}

func (l *lowering) dequantizeLinear(n *node) (*value, error) {
	if !n.has(0) {
		return nil, n.cant("it has no input")
	}
	if _, ok := l.constants[n.in[0]]; ok {
		c, err := l.whole(n, 0, 1, 2)
		if err == nil {
			l.constants[n.out[0]] = c
		}
		return nil, err
	}
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	return l.dequantised(n, v, 1, 2)
}

// dequantised makes v real with the scale and zero point in the node's inputs.
func (l *lowering) dequantised(n *node, v *value, scale, zero int) (*value, error) {
	s, err := l.number(n, scale)
	if err != nil {
		return nil, err
	}
	z, _, err := l.zero(n, zero, 0)
	if err != nil {
		return nil, err
	}
	return l.dequantise(n, v, s, z)
}

// whole is input i, a constant of whole numbers, with its scale and zero point.
func (l *lowering) whole(n *node, i, scale, zero int) (*constant, error) {
	c, err := l.constant(n, i)
	if err != nil {
		return nil, err
	}
	s, err := l.constant(n, scale)
	if err != nil {
		return nil, err
	}
	out := &constant{tensor: c.tensor, scale: s.floats}
	if n.has(zero) {
		z, err := l.constant(n, zero)
		if err != nil {
			return nil, err
		}
		out.zero = z.ints
	}
	if len(c.ints) == 0 || len(out.scale) == 0 {
		return nil, n.cant("its input %d is not of whole numbers, or has no scale", i)
	}
	for _, f := range out.scale {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return nil, n.cant("its input %d has the scale %g, want one above 0", i, f)
		}
	}
	switch n.op {
	case "DequantizeLinear":
		if len(out.scale) > 1 {
			if out.axis, err = n.axis(n.integer("axis", 1), len(c.dims)); err != nil {
				return nil, err
			}
		}
	case "QLinearMatMul", "QGemm":
		// One scale for each column of the second matrix.
		out.axis = 1 - int(n.integer("transB", 0))
	}
	if len(out.scale) > 1 && (out.axis >= len(c.dims) || out.axis < 0 || c.dims[out.axis] != len(out.scale)) {
		return nil, n.cant("its input %d has %d scales for sides %d", i, len(out.scale), c.dims)
	}
	return out, nil
}

func (l *lowering) relu(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	if v.open {
		return nil, n.cant("it comes before the input is quantised")
	}
	if !v.real {
		return l.emit(model.Node{Op: model.ReLU, A: v.ref}, v)
	}
	zero := 0.0
	return v.cut(&zero, nil), nil
}

// cut narrows the bounds of a real value.
func (v *value) cut(lo, hi *float64) *value {
	out := *v
	clamp := func(x float64) float64 {
		if lo != nil {
			x = max(x, *lo)
		}
		if hi != nil {
			x = min(x, *hi)
		}
		return x
	}
	for _, b := range []struct{ was, add, to **float64 }{{&v.lo, &lo, &out.lo}, {&v.hi, &hi, &out.hi}} {
		switch {
		case *b.was != nil:
			x := clamp(**b.was)
			*b.to = &x
		case *b.add != nil:
			*b.to = *b.add
		}
	}
	return &out
}

func (l *lowering) clip(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	if v.open {
		return nil, n.cant("it comes before the input is quantised")
	}
	var bounds [2]*float64
	for i, name := range []string{"min", "max"} {
		switch {
		case n.has(i + 1):
			c, err := l.constant(n, i+1)
			if err != nil {
				return nil, err
			}
			var b float64
			switch {
			case len(c.floats) == 1:
				b = float64(c.floats[0])
			case len(c.ints) == 1:
				b = float64(c.ints[0])
			default:
				return nil, n.cant("its bound %d is no number", i+1)
			}
			bounds[i] = &b
		case n.attributes[name] != nil:
			b := float64(n.attributes[name].f)
			bounds[i] = &b
		}
		if bounds[i] != nil && math.Abs(*bounds[i]) > 1e30 {
			bounds[i] = nil // as good as none
		}
	}
	if v.real {
		if bounds[0] != nil && bounds[1] != nil && *bounds[0] > *bounds[1] {
			return nil, n.cant("its bounds leave nothing")
		}
		return v.cut(bounds[0], bounds[1]), nil
	}
	clip := model.Node{Op: model.Clip, A: v.ref, Lo: math.MinInt32, Hi: math.MaxInt32}
	for i, to := range []*int32{&clip.Lo, &clip.Hi} {
		if b := bounds[i]; b != nil {
			*to = int32(min(max(*b, math.MinInt32), math.MaxInt32))
		}
	}
	return l.emit(clip, v)
}

// add is Add: of two values, or of one and a constant that becomes its bias.
func (l *lowering) add(n *node) (*value, error) {
	for i := range 2 {
		if !n.has(i) {
			return nil, n.cant("it wants two inputs")
		}
		if _, ok := l.constants[n.in[i]]; ok {
			v, err := l.value(n, 1-i)
			if err != nil {
				return nil, err
			}
			return l.addConstant(n, v, i)
		}
	}
	a, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	b, err := l.value(n, 1)
	if err != nil {
		return nil, err
	}
	return l.sum(n, a, b)
}

// addConstant folds a bias into the Dense or Conv that v comes from.
func (l *lowering) addConstant(n *node, v *value, i int) (*value, error) {
	c, err := l.constant(n, i)
	if err != nil {
		return nil, err
	}
	if v.ref == 0 || v.ref != len(l.m.Nodes) || v.lo != nil || v.hi != nil {
		return nil, n.cant("a constant is added, which works right behind a Conv, MatMul or Gemm only")
	}
	last := &l.m.Nodes[v.ref-1]
	if (last.Op != model.Dense && last.Op != model.Conv) || len(last.Bias) > 0 {
		return nil, n.cant("a constant is added, which works right behind a Conv, MatMul or Gemm only")
	}
	// The constant goes along the channels.
	channels, count := 0, c.len()
	for k, d := range v.dims {
		if v.axes[k] == 0 {
			channels = k
		}
		_ = d
	}
	if behind := len(v.dims) - channels; count != last.Outputs || (len(c.dims) > 0 && len(c.dims) >= behind && c.dims[len(c.dims)-behind] != count) ||
		(len(c.dims) < behind && count > 1) {
		return nil, n.cant("a constant of sides %d is added to one of %d, want one number for each channel", c.dims, v.dims)
	}
	if !v.real {
		if c.kind != typeInt32 || c.scale != nil {
			return nil, n.cant("a constant that is not int32 is added to whole numbers")
		}
		last.Bias, err = n.bias32(c.ints)
		return v, err
	}
	last.Bias, err = n.bias(c, v.scale)
	return v, err
}

// sum adds two values: whole numbers as they are, real ones as whole numbers of a
// common, finer scale.
func (l *lowering) sum(n *node, a, b *value) (*value, error) {
	if a.open || b.open || a.real != b.real || product(a.dims) != product(b.dims) || l.m.ShapeOf(a.ref) != l.m.ShapeOf(b.ref) {
		return nil, n.cant("got values of sides %d and %d, want both quantised and of one shape", a.dims, b.dims)
	}
	if !a.real {
		return l.emit(model.Node{Op: model.Add, A: a.ref, B: b.ref}, a)
	}
	var parts [2]*value
	bits := 0
	for i, v := range []*value{a, b} {
		settled, err := l.settle(v, n.op, n.label())
		if err != nil {
			return nil, err
		}
		if len(settled.scale) != 1 {
			return nil, n.cant("a value has a scale for each channel; quantise it before")
		}
		parts[i] = settled
		r, err := l.interval(settled.ref)
		if err != nil {
			return nil, err
		}
		bits = max(bits, model.Interval{Lo: r.Lo - int64(settled.zero), Hi: r.Hi - int64(settled.zero)}.Bits())
	}
	// Two numbers of 30 bits add up to one of 31.
	room := min(20, 30-bits)
	if room < 8 {
		return nil, n.cant("its values have %d bits, want at most 22; quantise them before", bits)
	}
	common := max(parts[0].scale[0], parts[1].scale[0]) / float32(int(1)<<room)
	var refs [2]int
	for i, v := range parts {
		multiplier := math.RoundToEven(float64(v.scale[0]) / float64(common))
		if multiplier < 1 {
			return nil, n.cant("the scales %g and %g are too far apart", parts[0].scale[0], parts[1].scale[0])
		}
		r, err := l.emit(model.Node{Op: model.Requantise, A: v.ref, InZero: v.zero, Lo: math.MinInt32, Hi: math.MaxInt32, Multipliers: []uint32{uint32(multiplier)}, Shifts: []uint8{0}}, v)
		if err != nil {
			return nil, err
		}
		refs[i] = r.ref
	}
	out := *parts[0]
	out.scale, out.zero = []float32{common}, 0
	return l.emit(model.Node{Op: model.Add, A: refs[0], B: refs[1]}, &out)
}

// mul is Mul by a positive constant, which changes the scale.
func (l *lowering) mul(n *node) (*value, error) {
	for i := range 2 {
		if !n.has(i) {
			break
		}
		c, ok := l.constants[n.in[i]]
		if !ok {
			continue
		}
		v, err := l.value(n, 1-i)
		if err != nil {
			return nil, err
		}
		if !v.real || v.open || len(c.floats) != 1 || !(c.floats[0] > 0) {
			return nil, n.cant("it multiplies by something that is not one positive float")
		}
		out := *v
		out.scale = nil
		for _, s := range v.scale {
			out.scale = append(out.scale, s*c.floats[0])
		}
		for _, b := range []**float64{&out.lo, &out.hi} {
			if *b != nil {
				x := **b * float64(c.floats[0])
				*b = &x
			}
		}
		return &out, nil
	}
	return nil, n.cant("it multiplies two values")
}

func (l *lowering) argMax(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	axis, err := n.axis(n.integer("axis", 0), len(v.dims))
	if err != nil {
		return nil, err
	}
	if v.open || v.dims[axis] != product(v.dims) || n.integer("select_last_index", 0) != 0 || len(v.scale) > 1 {
		return nil, n.cant("it wants a list, the first of equal numbers, and one scale")
	}
	if v.real {
		if v, err = l.settle(v, n.op, n.label()); err != nil {
			return nil, err
		}
	}
	return l.emit(model.Node{Op: model.ArgMax, A: v.ref}, &value{dims: []int{1}, axes: []int{0}})
}
