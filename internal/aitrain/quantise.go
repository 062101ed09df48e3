package main

import (
	"fmt"
	"math"

	"github.com/pars-network/pars/internal/onnxfile"
)

// layer is a convolution or matrix in whole numbers.
type layer struct {
	*conv
	weights []byte // int8
	scales  []float32
	bias    []int32
	// in and out are the scales of uint8 before and behind; zero is that of out.
	in, out float32
	zero    byte
}

// quantised is a network in whole numbers.
type quantised struct {
	net    *network
	layers []*layer // the matrix last
	table  []byte   // uint8, zero point 128
	first  float32  // the scale of the first layer's input
}

// round is the least scale that holds most in so many steps: a power of two if
// asked for.
func round(most float64, steps float64, powers bool) float32 {
	scale := max(most, 1e-6) / steps
	if powers {
		scale = math.Pow(2, math.Ceil(math.Log2(scale)))
	}
	return float32(scale)
}

func clampByte(v, lo, hi float64) byte { return byte(int(min(max(math.RoundToEven(v), lo), hi))) }

// quantise measures what each layer gives for the samples and picks scales.
func (n *network) quantise(samples []sample, powers bool) *quantised {
	most := make([]float64, len(n.convs))
	var least, greatest float64
	for _, s := range samples {
		t := n.forward(s.input)
		for i := range n.convs {
			for _, v := range t.values[i+1] {
				most[i] = max(most[i], float64(v))
			}
		}
		for _, v := range t.logits {
			least, greatest = min(least, float64(v)), max(greatest, float64(v))
		}
	}
	q := &quantised{net: n, first: round(1, 255, powers)}
	if n.table != nil {
		var top float64
		for _, v := range n.table.v {
			top = max(top, math.Abs(float64(v)))
		}
		q.first = round(top, 127, powers)
		q.table = make([]byte, len(n.table.v))
		for i, v := range n.table.v {
			q.table[i] = clampByte(float64(v/q.first)+128, 0, 255)
		}
	}
	in := q.first
	for i, c := range append(append([]*conv{}, n.convs...), n.dense) {
		l := &layer{conv: c, in: in}
		if i < len(n.convs) {
			l.out = round(most[i], 255, powers)
		} else {
			l.out = round(greatest-least, 250, powers)
			l.zero = clampByte(-least/float64(l.out)+2, 0, 255)
		}
		patch := len(c.weights.v) / c.out[0]
		l.weights = make([]byte, len(c.weights.v))
		for o := range c.out[0] {
			row := c.weights.v[o*patch : (o+1)*patch]
			var top float64
			for _, v := range row {
				top = max(top, math.Abs(float64(v)))
			}
			scale := round(top, 127, powers)
			l.scales = append(l.scales, scale)
			for k, v := range row {
				l.weights[o*patch+k] = clampByte(float64(v/scale), -127, 127)
			}
			l.bias = append(l.bias, int32(math.RoundToEven(float64(c.bias.v[o])/float64(in*scale))))
		}
		q.layers = append(q.layers, l)
		in = l.out
	}
	return q
}

// tokens is the beginning of a file: bytes, or rows of the table in the order
// channels, rows, columns.
func (q *quantised) tokens(g *onnxfile.Graph, dequantise func(string) string) string {
	n := q.net
	if n.table == nil {
		return g.Input("image", onnxfile.Uint8, 1, n.in[0], n.in[1], n.in[2])
	}
	x := g.Input("text", onnxfile.Uint8, 1, n.in[1])
	x = g.Node("Cast", "ids", onnxfile.Attributes{"to": onnxfile.Int32}, x)
	x = g.Node("Gather", "rows", nil, g.Bytes("table", onnxfile.Uint8, q.table, 256, n.in[0]), x)
	if dequantise != nil {
		x = dequantise(x)
	}
	x = g.Node("Transpose", "channels", onnxfile.Attributes{"perm": []int{0, 2, 1}}, x)
	return g.Node("Unsqueeze", "columns", nil, x, g.Int64s("axes", 3))
}

func (q *quantised) window(l *layer) onnxfile.Attributes {
	return onnxfile.Attributes{"kernel_shape": l.kernel[:], "strides": l.stride[:]}
}

// shape is the sides of the weights.
func (l *layer) shape(matrix bool) []int {
	if matrix {
		return []int{l.conv.out[0], len(l.weights) / l.conv.out[0]}
	}
	return []int{l.conv.out[0], l.conv.in[0], l.kernel[0], l.kernel[1]}
}

// operators writes the QOperator form.
func (q *quantised) operators(name string) []byte {
	g := &onnxfile.Graph{Name: name}
	x := q.tokens(g, nil)
	scale, zero := g.Floats("first.scale", []float32{q.first}), g.Bytes("first.zero", onnxfile.Uint8, []byte{q.zero()})
	for i, l := range q.layers {
		p := fmt.Sprintf("layer%d.", i)
		last := i == len(q.layers)-1
		if last && q.net.pool {
			x = g.Node("MaxPool", "pool", onnxfile.Attributes{"kernel_shape": q.layers[i-1].conv.out[1:]}, x)
		}
		ws := g.Floats(p+"weights.scale", l.scales, len(l.scales))
		wz := g.Bytes(p+"weights.zero", onnxfile.Int8, make([]byte, len(l.scales)), len(l.scales))
		b := g.Int32s(p+"bias", l.bias, len(l.bias))
		ys, yz := g.Floats(p+"scale", []float32{l.out}), g.Bytes(p+"zero", onnxfile.Uint8, []byte{l.zero})
		w := g.Bytes(p+"weights", onnxfile.Int8, l.weights, l.shape(last)...)
		if last {
			x = g.Node("Flatten", "list", nil, x)
			// QGemm wants one scale for each column: the matrix is transposed.
			x = g.Node("QGemm", "logits", onnxfile.Attributes{"transB": 1}, x, scale, zero, w, ws, wz, b, ys, yz)
		} else {
			x = g.Node("QLinearConv", p+"out", q.window(l), x, scale, zero, w, ws, wz, ys, yz, b)
		}
		scale, zero = ys, yz
	}
	g.Output(x, onnxfile.Uint8, 1, q.layers[len(q.layers)-1].conv.out[0])
	return g.File()
}

// zero is the zero point of the first layer's input.
func (q *quantised) zero() byte {
	if q.table != nil {
		return 128
	}
	return 0
}

// qdq writes the QDQ form: a network of floats with every tensor quantised and
// dequantised.
func (q *quantised) qdq(name string) []byte {
	g := &onnxfile.Graph{Name: name}
	scale, zero := g.Floats("first.scale", []float32{q.first}), g.Bytes("first.zero", onnxfile.Uint8, []byte{q.zero()})
	dequantise := func(x string) string { return g.Node("DequantizeLinear", x+".real", nil, x, scale, zero) }
	var x string
	if q.table != nil {
		x = q.tokens(g, dequantise)
	} else {
		x = g.Input("image", onnxfile.Float, 1, q.net.in[0], q.net.in[1], q.net.in[2])
		x = dequantise(g.Node("QuantizeLinear", "image.whole", nil, x, scale, zero))
	}
	for i, l := range q.layers {
		p := fmt.Sprintf("layer%d.", i)
		last := i == len(q.layers)-1
		if last && q.net.pool {
			x = g.Node("MaxPool", "pool", onnxfile.Attributes{"kernel_shape": q.layers[i-1].conv.out[1:]}, x)
		}
		ws := g.Floats(p+"weights.scale", l.scales, len(l.scales))
		wz := g.Bytes(p+"weights.zero", onnxfile.Int8, make([]byte, len(l.scales)), len(l.scales))
		w := g.Node("DequantizeLinear", p+"weights.real", onnxfile.Attributes{"axis": 0}, g.Bytes(p+"weights", onnxfile.Int8, l.weights, l.shape(last)...), ws, wz)
		var bs []float32
		for _, s := range l.scales {
			bs = append(bs, l.in*s)
		}
		b := g.Node("DequantizeLinear", p+"bias.real", onnxfile.Attributes{"axis": 0},
			g.Int32s(p+"bias", l.bias, len(l.bias)), g.Floats(p+"bias.scale", bs, len(bs)))
		if last {
			x = g.Node("Flatten", "list", nil, x)
			x = g.Node("Gemm", p+"out", onnxfile.Attributes{"transB": 1}, x, w, b)
		} else {
			x = g.Node("Relu", p+"relu", nil, g.Node("Conv", p+"out", q.window(l), x, w, b))
		}
		scale, zero = g.Floats(p+"scale", []float32{l.out}), g.Bytes(p+"zero", onnxfile.Uint8, []byte{l.zero})
		x = g.Node("QuantizeLinear", p+"whole", nil, x, scale, zero)
		x = dequantise(x)
	}
	g.Output(x, onnxfile.Float, 1, q.layers[len(q.layers)-1].conv.out[0])
	return g.File()
}
