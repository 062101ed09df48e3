package onnx

import (
	"math"

	"github.com/pars-network/pars/ai/model"
)

// weights are a constant as the model wants it: int8, and one zero point.
func (n *node) weights(c *constant) (bytes []byte, zero int8, err error) {
	if c.kind != typeInt8 && c.kind != typeUint8 || c.scale == nil {
		return nil, 0, n.cant("its weights are not quantised to int8 or uint8")
	}
	var shift, z int64
	if c.kind == typeUint8 {
		shift = 128
	}
	for i, v := range c.zero {
		if i > 0 && v != c.zero[0] {
			return nil, 0, n.cant("its weights have different zero points")
		}
		z = v
	}
	if z -= shift; z < -128 || z > 127 {
		return nil, 0, n.cant("its weights have the zero point %d", z+shift)
	}
	bytes = make([]byte, len(c.ints))
	for i, v := range c.ints {
		if v -= shift; v < -128 || v > 127 {
			return nil, 0, n.cant("its weight %d is %d, beyond its type", i, v+shift)
		}
		bytes[i] = byte(v)
	}
	return bytes, int8(z), nil
}

// scales are the products of a value's scale and those of weights.
func (v *value) scales(c *constant) []float32 {
	out := make([]float32, len(c.scale))
	for i, s := range c.scale {
		out[i] = v.scale[0] * s
	}
	return out
}

func (n *node) bias32(ints []int64) ([]int32, error) {
	out := make([]int32, len(ints))
	for i, v := range ints {
		if v < math.MinInt32 || v > math.MaxInt32 {
			return nil, n.cant("its bias %d is %d, beyond int32", i, v)
		}
		out[i] = int32(v)
	}
	return out, nil
}

// bias is a constant in whole numbers of the scales of the sums.
func (n *node) bias(c *constant, scales []float32) ([]int32, error) {
	if c.kind == typeInt32 && c.scale == nil {
		return n.bias32(c.ints)
	}
	count := c.len()
	out := make([]int64, count)
	for i := range out {
		scale := float64(scales[min(i, len(scales)-1)])
		var real float64
		if c.scale != nil {
			var zero int64
			if len(c.zero) > 0 {
				zero = c.zero[min(i, len(c.zero)-1)]
			}
			real = float64(c.scale[min(i, len(c.scale)-1)]) * float64(c.ints[i]-zero)
		} else if c.kind == typeFloat {
			real = float64(c.floats[i])
		} else {
			return nil, n.cant("its bias is of type %d, want int32 or float", c.kind)
		}
		whole := math.RoundToEven(real / scale)
		if !(math.Abs(whole) <= math.MaxInt32) {
			return nil, n.cant("its bias %d is %g, which has no place in int32 at the scale %g", i, real, scale)
		}
		out[i] = int64(whole)
	}
	return n.bias32(out)
}

// summand is a value that is multiplied with weights: one scale, no open bounds.
func (l *lowering) summand(n *node, v *value) (*value, error) {
	if v.open || !v.real {
		return nil, n.cant("its input is not quantised")
	}
	if len(v.scale) != 1 {
		return nil, n.cant("its input has a scale for each channel; quantise it before")
	}
	return l.settle(v, n.op, n.label())
}

// convolve is a Conv of a real value with quantised weights.
func (l *lowering) convolve(n *node, v *value, w, bias *constant) (*value, error) {
	v, err := l.summand(n, v)
	if err != nil {
		return nil, err
	}
	rank := len(v.dims)
	if !v.image() || rank < 3 || len(w.dims) != rank {
		return nil, n.cant("got an input of sides %d and weights of sides %d, want batch, channels, and the same rows or rows and columns", v.dims, w.dims)
	}
	window, dims, err := n.window(v, w.dims[2:])
	if err != nil {
		return nil, err
	}
	bytes, zero, err := n.weights(w)
	if err != nil {
		return nil, err
	}
	groups := int(min(max(n.integer("group", 1), 0), model.MaxSide))
	if groups == 0 || w.dims[1]*groups != v.dims[1] {
		return nil, n.cant("got %d groups of %d channels for %d", groups, w.dims[1], v.dims[1])
	}
	conv := model.Node{Op: model.Conv, A: v.ref, Groups: groups, Outputs: w.dims[0], Window: window, InZero: v.zero, Weights: bytes, WeightZero: zero}
	out := *v
	out.scale, out.zero = v.scales(w), 0
	out.dims = append([]int{1, w.dims[0]}, dims...)
	if bias != nil {
		if bias.len() != w.dims[0] {
			return nil, n.cant("got %d biases for %d channels", bias.len(), w.dims[0])
		}
		if conv.Bias, err = n.bias(bias, out.scale); err != nil {
			return nil, err
		}
	}
	return l.emit(conv, &out)
}

// multiply is a product of a real list with a quantised matrix.
func (l *lowering) multiply(n *node, v *value, w, bias *constant, transposed bool) (*value, error) {
	v, err := l.summand(n, v)
	if err != nil {
		return nil, err
	}
	if len(w.dims) != 2 || len(v.dims) == 0 || v.dims[len(v.dims)-1] != product(v.dims) || !v.ordered() {
		return nil, n.cant("got an input of sides %d and weights of sides %d, want a list and a matrix", v.dims, w.dims)
	}
	inputs, outputs := w.dims[0], w.dims[1]
	if transposed {
		inputs, outputs = outputs, inputs
	}
	if inputs != product(v.dims) || outputs == 0 {
		return nil, n.cant("got an input of %d numbers and weights for %d", product(v.dims), inputs)
	}
	bytes, zero, err := n.weights(w)
	if err != nil {
		return nil, err
	}
	if !transposed {
		rows := make([]byte, len(bytes))
		for i := range inputs {
			for o := range outputs {
				rows[o*inputs+i] = bytes[i*outputs+o]
			}
		}
		bytes = rows
	}
	if axis := w.axis; len(w.scale) > 1 && (axis == 0) != transposed {
		return nil, n.cant("its weights have a scale for each input, want one for each output")
	}
	dense := model.Node{Op: model.Dense, A: v.ref, Outputs: outputs, InZero: v.zero, Weights: bytes, WeightZero: zero}
	out := &value{real: true, scale: v.scales(w), dims: append(append([]int{}, v.dims[:len(v.dims)-1]...), outputs)}
	for range v.dims[1:] {
		out.axes = append(out.axes, -1)
	}
	out.axes = append(out.axes, 0)
	if bias != nil {
		if bias.len() != outputs {
			return nil, n.cant("got %d biases for %d outputs", bias.len(), outputs)
		}
		if dense.Bias, err = n.bias(bias, out.scale); err != nil {
			return nil, err
		}
	}
	return l.emit(dense, out)
}

// optional is input i, a constant that may be left out.
func (l *lowering) optional(n *node, i int) (*constant, error) {
	if !n.has(i) {
		return nil, nil
	}
	return l.constant(n, i)
}

func (l *lowering) conv(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.constant(n, 1)
	if err != nil {
		return nil, err
	}
	if len(w.scale) > 1 && w.axis != 0 {
		return nil, n.cant("its weights have a scale for each input, want one for each output")
	}
	bias, err := l.optional(n, 2)
	if err != nil {
		return nil, err
	}
	return l.convolve(n, v, w, bias)
}

func (l *lowering) matMul(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.constant(n, 1)
	if err != nil {
		return nil, err
	}
	return l.multiply(n, v, w, nil, false)
}

func (l *lowering) gemm(n *node) (*value, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.constant(n, 1)
	if err != nil {
		return nil, err
	}
	bias, err := l.optional(n, 2)
	if err != nil {
		return nil, err
	}
	if err := n.plain(); err != nil {
		return nil, err
	}
	return l.multiply(n, v, w, bias, n.integer("transB", 0) != 0)
}

// plain refuses the settings of Gemm that nobody's exporter writes.
func (n *node) plain() error {
	for _, name := range []string{"alpha", "beta"} {
		if a := n.attributes[name]; a != nil && a.f != 1 {
			return n.cant("%s is %g, want 1", name, a.f)
		}
	}
	if n.integer("transA", 0) != 0 {
		return n.cant("transA is set")
	}
	return nil
}

// real is input i, dequantised by the two inputs behind it.
func (l *lowering) realAt(n *node, i int) (*value, error) {
	v, err := l.value(n, i)
	if err != nil {
		return nil, err
	}
	return l.dequantised(n, v, i+1, i+2)
}

// requantised quantises by the node's inputs scale and scale+1.
func (l *lowering) requantised(n *node, v *value, scale int) (*value, error) {
	s, err := l.number(n, scale)
	if err != nil {
		return nil, err
	}
	zero, kind, err := l.zero(n, scale+1, typeUint8)
	if err != nil {
		return nil, err
	}
	return l.quantise(n, v, s, zero, kind)
}

func (l *lowering) qLinearConv(n *node) (*value, error) {
	v, err := l.realAt(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.whole(n, 3, 4, 5)
	if err != nil {
		return nil, err
	}
	bias, err := l.optional(n, 8)
	if err != nil {
		return nil, err
	}
	if v, err = l.convolve(n, v, w, bias); err != nil {
		return nil, err
	}
	return l.requantised(n, v, 6)
}

func (l *lowering) qLinearMatMul(n *node) (*value, error) {
	v, err := l.realAt(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.whole(n, 3, 4, 5)
	if err != nil {
		return nil, err
	}
	if v, err = l.multiply(n, v, w, nil, false); err != nil {
		return nil, err
	}
	return l.requantised(n, v, 6)
}

func (l *lowering) qGemm(n *node) (*value, error) {
	if err := n.plain(); err != nil {
		return nil, err
	}
	v, err := l.realAt(n, 0)
	if err != nil {
		return nil, err
	}
	w, err := l.whole(n, 3, 4, 5)
	if err != nil {
		return nil, err
	}
	bias, err := l.optional(n, 6)
	if err != nil {
		return nil, err
	}
	if v, err = l.multiply(n, v, w, bias, n.integer("transB", 0) != 0); err != nil || !n.has(7) {
		return v, err
	}
	return l.requantised(n, v, 7)
}

func (l *lowering) qLinearAdd(n *node) (*value, error) {
	a, err := l.realAt(n, 0)
	if err != nil {
		return nil, err
	}
	b, err := l.realAt(n, 3)
	if err != nil {
		return nil, err
	}
	sum, err := l.sum(n, a, b)
	if err != nil {
		return nil, err
	}
	return l.requantised(n, sum, 6)
}

// ones gives the weights of the Integer operators, input 1, the scale one.
func (l *lowering) ones(n *node) (*value, *constant, error) {
	v, err := l.value(n, 0)
	if err != nil {
		return nil, nil, err
	}
	zero, _, err := l.zero(n, 2, 0)
	if err != nil {
		return nil, nil, err
	}
	if v, err = l.dequantise(n, v, 1, zero); err != nil {
		return nil, nil, err
	}
	w, err := l.constant(n, 1)
	if err != nil {
		return nil, nil, err
	}
	out := &constant{tensor: w.tensor, scale: []float32{1}}
	if n.has(3) {
		z, err := l.constant(n, 3)
		if err != nil {
			return nil, nil, err
		}
		out.zero = z.ints
	}
	return v, out, nil
}

// counted is what an Integer operator gives: whole numbers.
func counted(v *value, err error) (*value, error) {
	if err != nil {
		return nil, err
	}
	out := *v
	out.real, out.scale = false, nil
	return &out, nil
}

func (l *lowering) convInteger(n *node) (*value, error) {
	v, w, err := l.ones(n)
	if err != nil {
		return nil, err
	}
	return counted(l.convolve(n, v, w, nil))
}

func (l *lowering) matMulInteger(n *node) (*value, error) {
	v, w, err := l.ones(n)
	if err != nil {
		return nil, err
	}
	return counted(l.multiply(n, v, w, nil, false))
}
