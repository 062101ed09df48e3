package model

import (
	"fmt"
	"math/bits"
)

// Limits of a model. They bound what registering and running one can take.
const (
	// MaxSize is the longest encoding, in bytes.
	MaxSize = 1 << 20
	// MaxNodes is how many operators a model may have.
	MaxNodes = 255
	// MaxSide is the longest side of a value.
	MaxSide = 4096
	// MaxElements is how many elements one value may have, and MaxTotal how many
	// the input and the results of all operators may have together.
	MaxElements = 1 << 18
	MaxTotal    = 1 << 21
	// MaxMACs is how many products one inference may take.
	MaxMACs = 1 << 28
	// MaxKernel is the longest side of a window.
	MaxKernel = 255
	// MaxShift is the largest shift of a Requantise.
	MaxShift = 62
)

// Shape is the sides of a value: channels, rows, columns. Elements lie in that
// order, columns next to each other. A plain list has one row and one column.
type Shape struct{ C, H, W int }

// Len is how many elements a value has.
func (s Shape) Len() int { return s.C * s.H * s.W }

func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }

// ok reports whether the sides are within the limits.
func (s Shape) ok() bool {
	return s.C > 0 && s.H > 0 && s.W > 0 && s.C <= MaxSide && s.H <= MaxSide && s.W <= MaxSide && s.C*s.H <= MaxElements && s.Len() <= MaxElements
}

// Interval is the least and the greatest number that an element can be.
type Interval struct{ Lo, Hi int64 }

// Bits is how many bits the number furthest from zero takes, without its sign.
func (i Interval) Bits() int { return bits.Len64(uint64(max(i.Hi, -i.Lo, 0))) }

func (i Interval) join(n int64) Interval { return Interval{min(i.Lo, n), max(i.Hi, n)} }

func (i Interval) fits() bool { return i.Lo >= minInt32 && i.Hi <= maxInt32 && i.Lo <= i.Hi }

// Op is an operator. Its number stands in the encoding.
type Op uint8

// The operators.
const (
	// Dense is ONNX' MatMulInteger of a list and a matrix: result o is the sum
	// over i of (a[i]-InZero)·(w[o][i]-WeightZero), and Bias[o].
	Dense Op = 1 + iota
	// Conv is ONNX' ConvInteger: windows of Kernel rows and columns at every
	// Stride, Pad elements around that count as InZero, Groups of channels apart.
	Conv
	// Add adds two values of one shape.
	Add
	// Requantise is Zero + (a-InZero)·Multiplier/2^Shift, the quotient rounded to the nearest whole
	// number and halves to the even one, then at least Lo and at most Hi. The
	// factors are one for all or one for each channel.
	Requantise
	// ReLU is a where it is above Zero, else Zero.
	ReLU
	// Clip is a, at least Lo and at most Hi.
	Clip
	// MaxPool is the greatest element of each window; padding counts for nothing.
	MaxPool
	// Average is the sum of each window divided by 2^Shift, rounded as Requantise
	// rounds. Windows have no padding. Shift 0 gives the sum.
	Average
	// ArgMax is the place of the greatest element, the first of equal ones.
	ArgMax
	// Embed replaces each element by a row of a table: element t becomes column t
	// of the result, one row of the table being a channel's.
	Embed
)

var opNames = [...]string{
	Dense: "Dense", Conv: "Conv", Add: "Add", Requantise: "Requantise", ReLU: "ReLU",
	Clip: "Clip", MaxPool: "MaxPool", Average: "Average", ArgMax: "ArgMax", Embed: "Embed",
}

func (o Op) String() string {
	if o == 0 || int(o) >= len(opNames) {
		return fmt.Sprintf("operator %d", uint8(o))
	}
	return opNames[o]
}

// Window is how Conv, MaxPool and Average go over rows and columns.
type Window struct {
	Kernel, Stride [2]int
	// Pad is how many rows above, columns to the left, rows below and columns to
	// the right are added.
	Pad [4]int
}

// Node is one operator. Fields that its operator has no use for are zero.
type Node struct {
	Op Op
	// A and B name values: 0 is the input, n the result of the nth node.
	A, B int
	// Window and Groups: see [Conv].
	Window Window
	Groups int
	// Outputs is the number of results of Dense, channels of Conv, or elements of
	// a row of Embed's table.
	Outputs int
	// Rows is how many rows Embed's table has.
	Rows int
	// InZero and WeightZero are subtracted before multiplying, InZero also by
	// Requantise.
	InZero     int32
	WeightZero int8
	// Weights are int8, as bytes: of Dense by output and input, of Conv by output
	// channel, input channel of the group, row, column; of Embed by row of the
	// table. They may alias what was parsed.
	Weights []byte
	// Bias is empty or has a number for each output.
	Bias []int32
	// Multipliers and Shifts have one entry or one for each channel.
	Multipliers []uint32
	Shifts      []uint8
	// Zero, Lo, Hi: see Requantise, ReLU and Clip.
	Zero, Lo, Hi int32
	// Shift is Average's.
	Shift uint8

	// in is the shape of A, out that of the result; [Model.Complete] sets them.
	in, out Shape
}

// Out is the shape of the result, once the model is complete.
func (n *Node) Out() Shape { return n.out }

// Input is what a model takes.
type Input struct {
	Shape Shape
	// Wide elements take two bytes, big-endian, instead of one.
	Wide bool
	// Signed elements are in two's complement.
	Signed bool
	// Lo and Hi are the least and the greatest element that is taken.
	Lo, Hi int32
}

// Size is the length of an input in bytes.
func (i Input) Size() int {
	if i.Wide {
		return 2 * i.Shape.Len()
	}
	return i.Shape.Len()
}

// bounds is what the encoding of an element can hold.
func (i Input) bounds() Interval {
	bits := 8
	if i.Wide {
		bits = 16
	}
	if i.Signed {
		return Interval{-1 << (bits - 1), 1<<(bits-1) - 1}
	}
	return Interval{0, 1<<bits - 1}
}

// Model is a network. The result of the last node is the model's.
type Model struct {
	Input Input
	Nodes []Node

	work Work
}

// Work is what one inference takes, from the shapes alone.
type Work struct {
	// MACs is how many products are added up.
	MACs uint64
	// Moves is how many elements windows gather, padding included.
	Moves uint64
	// Elements is how many elements the input and all results have.
	Elements uint64
}

func (w *Work) add(o Work) {
	w.MACs += o.MACs
	w.Moves += o.Moves
	w.Elements += o.Elements
}

// Work is what one inference takes.
func (m *Model) Work() Work { return m.work }

// Output is the shape of the model's result.
func (m *Model) Output() Shape { return m.Nodes[len(m.Nodes)-1].out }

// ShapeOf is the shape of value n: 0 is the input, n the result of the nth node.
func (m *Model) ShapeOf(n int) Shape {
	if n == 0 {
		return m.Input.Shape
	}
	return m.Nodes[n-1].out
}
