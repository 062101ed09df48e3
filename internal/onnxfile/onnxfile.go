// Package onnxfile writes ONNX files, for the trainer and for tests: of ONNX'
// messages just what a quantised network needs.
package onnxfile

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Types of elements, as TensorProto.DataType numbers them.
const (
	Float = 1
	Uint8 = 2
	Int8  = 3
	Int32 = 6
	Int64 = 7
)

// Graph is a network that is put together.
type Graph struct {
	// Name is the graph's.
	Name string
	body []byte
	// contrib is set once an operator of com.microsoft is used.
	contrib bool
}

func field(to []byte, number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), b)
}

func integer(to []byte, number protowire.Number, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.VarintType), uint64(n))
}

func text(to []byte, number protowire.Number, s string) []byte { return field(to, number, []byte(s)) }

// Tensor adds a constant of elements in their little-endian encoding.
func (g *Graph) Tensor(name string, kind int, dims []int, raw []byte) string {
	var b []byte
	for _, d := range dims {
		b = integer(b, 1, int64(d))
	}
	b = integer(b, 2, int64(kind))
	b = text(b, 8, name)
	b = field(b, 9, raw)
	g.body = field(g.body, 5, b)
	return name
}

// Floats adds a constant; no sides make a number.
func (g *Graph) Floats(name string, v []float32, dims ...int) string {
	var raw []byte
	for _, f := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return g.Tensor(name, Float, dims, raw)
}

// Bytes adds a constant of int8 or uint8.
func (g *Graph) Bytes(name string, kind int, v []byte, dims ...int) string {
	return g.Tensor(name, kind, dims, v)
}

// Int32s adds a constant.
func (g *Graph) Int32s(name string, v []int32, dims ...int) string {
	var raw []byte
	for _, n := range v {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	return g.Tensor(name, Int32, dims, raw)
}

// Int64s adds a constant list.
func (g *Graph) Int64s(name string, v ...int64) string {
	var raw []byte
	for _, n := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(n))
	}
	return g.Tensor(name, Int64, []int{len(v)}, raw)
}

// Attributes of a node are int, []int or float32.
type Attributes map[string]any

// Node adds an operator and returns the name of its output, which is the node's.
// Operators whose names begin with Q but not with QL and not QuantizeLinear, and
// QLinearAdd and the QLinear pools, are com.microsoft's.
func (g *Graph) Node(op, out string, attributes Attributes, in ...string) string {
	var b []byte
	for _, name := range in {
		b = text(b, 1, name)
	}
	b = text(b, 2, out)
	b = text(b, 3, out)
	b = text(b, 4, op)
	for name, value := range attributes {
		a := text(nil, 1, name)
		switch v := value.(type) {
		case int:
			a = integer(integer(a, 3, int64(v)), 20, 2)
		case []int:
			for _, n := range v {
				a = integer(a, 8, int64(n))
			}
			a = integer(a, 20, 7)
		case float32:
			a = protowire.AppendFixed32(protowire.AppendTag(a, 2, protowire.Fixed32Type), math.Float32bits(v))
			a = integer(a, 20, 1)
		}
		b = field(b, 5, a)
	}
	switch op {
	case "QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearGlobalAveragePool":
		b = text(b, 7, "com.microsoft")
		g.contrib = true
	}
	g.body = field(g.body, 1, b)
	return out
}

func port(name string, kind int, dims []int) []byte {
	var shape []byte
	for _, d := range dims {
		shape = field(shape, 1, integer(nil, 1, int64(d)))
	}
	tensor := field(integer(nil, 1, int64(kind)), 2, shape)
	return field(text(nil, 1, name), 2, field(nil, 1, tensor))
}

// Input declares what the network takes.
func (g *Graph) Input(name string, kind int, dims ...int) string {
	g.body = field(g.body, 11, port(name, kind, dims))
	return name
}

// Output declares what it gives.
func (g *Graph) Output(name string, kind int, dims ...int) {
	g.body = field(g.body, 12, port(name, kind, dims))
}

// File is the ModelProto: IR version 8, operator set 17.
func (g *Graph) File() []byte {
	b := integer(nil, 1, 8)
	b = text(b, 2, "pars")
	b = field(b, 7, text(append([]byte{}, g.body...), 2, g.Name))
	b = field(b, 8, integer(text(nil, 1, ""), 2, 17))
	if g.contrib {
		b = field(b, 8, integer(text(nil, 1, "com.microsoft"), 2, 1))
	}
	return b
}
