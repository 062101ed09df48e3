package model_test

import (
	"math"

	"pgregory.net/rapid"

	"github.com/pars-network/pars/ai/model"
)

// draw makes a model that is complete, though perhaps not free of overflow.
func draw(t *rapid.T) *model.Model {
	side := rapid.IntRange(1, 6)
	m := &model.Model{Input: model.Input{
		Shape: model.Shape{C: side.Draw(t, "C"), H: side.Draw(t, "H"), W: side.Draw(t, "W")},
		Wide:  rapid.Bool().Draw(t, "wide"), Signed: rapid.Bool().Draw(t, "signed"),
	}}
	bits := 8
	if m.Input.Wide {
		bits = 16
	}
	from := 0
	if m.Input.Signed {
		from = -1 << (bits - 1)
	}
	m.Input.Lo = int32(rapid.IntRange(from, from+1<<bits-1).Draw(t, "lo"))
	m.Input.Hi = int32(rapid.IntRange(int(m.Input.Lo), from+1<<bits-1).Draw(t, "hi"))
	for at := range rapid.IntRange(1, 6).Draw(t, "nodes") {
		n := drawNode(t, m, at)
		m.Nodes = append(m.Nodes, n)
		// What is not used yet goes into the next node, so that all is used.
		if err := m.Complete(); err != nil {
			m.Nodes[at] = model.Node{Op: model.ReLU, A: at}
			if err := m.Complete(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

func drawNode(t *rapid.T, m *model.Model, at int) model.Node {
	n := model.Node{Op: model.Op(rapid.IntRange(1, 10).Draw(t, "op")), A: at}
	in := m.ShapeOf(at)
	small := rapid.Int32Range(-300, 300)
	any32 := rapid.Int32()
	window := func(pad bool) {
		n.Window.Kernel = [2]int{rapid.IntRange(1, in.H).Draw(t, "kh"), rapid.IntRange(1, in.W).Draw(t, "kw")}
		n.Window.Stride = [2]int{rapid.IntRange(1, 3).Draw(t, "sh"), rapid.IntRange(1, 3).Draw(t, "sw")}
		for i := range n.Window.Pad {
			if pad {
				n.Window.Pad[i] = rapid.IntRange(0, n.Window.Kernel[i%2]-1).Draw(t, "pad")
			}
		}
	}
	weights := func(each int) {
		n.InZero = small.Draw(t, "zero")
		if rapid.Bool().Draw(t, "asymmetric") {
			n.WeightZero = rapid.Int8().Draw(t, "weight zero")
		}
		n.Weights = rapid.SliceOfN(rapid.Byte(), n.Outputs*each, n.Outputs*each).Draw(t, "weights")
		if rapid.Bool().Draw(t, "biased") {
			n.Bias = rapid.SliceOfN(rapid.Int32Range(-1<<20, 1<<20), n.Outputs, n.Outputs).Draw(t, "bias")
		}
	}
	switch n.Op {
	case model.Dense:
		n.Outputs = rapid.IntRange(1, 9).Draw(t, "outputs")
		weights(in.Len())
	case model.Conv:
		n.Groups = rapid.SampledFrom([]int{1, in.C}).Draw(t, "groups")
		n.Outputs = n.Groups * rapid.IntRange(1, 5).Draw(t, "outputs")
		window(true)
		weights(in.C / n.Groups * n.Window.Kernel[0] * n.Window.Kernel[1])
	case model.Add:
		n.B = rapid.IntRange(0, at).Draw(t, "b")
	case model.Requantise:
		factors := rapid.SampledFrom([]int{1, in.C}).Draw(t, "factors")
		for range factors {
			n.Multipliers = append(n.Multipliers, rapid.Uint32Range(1, math.MaxInt32).Draw(t, "multiplier"))
			n.Shifts = append(n.Shifts, rapid.Uint8Range(0, model.MaxShift).Draw(t, "shift"))
		}
		n.InZero, n.Zero = small.Draw(t, "subtracted"), any32.Draw(t, "zero")
		a, b := any32.Draw(t, "a"), any32.Draw(t, "b")
		n.Lo, n.Hi = min(a, b), max(a, b)
		if rapid.Bool().Draw(t, "like ONNX") {
			n.Zero, n.Lo, n.Hi = int32(rapid.Uint8().Draw(t, "zero")), 0, 255
		}
	case model.ReLU:
		n.Zero = small.Draw(t, "zero")
	case model.Clip:
		a, b := any32.Draw(t, "a"), any32.Draw(t, "b")
		n.Lo, n.Hi = min(a, b), max(a, b)
	case model.MaxPool:
		window(true)
	case model.Average:
		window(false)
		n.Shift = rapid.Uint8Range(0, 6).Draw(t, "shift")
	case model.Embed:
		n.Rows, n.Outputs = rapid.IntRange(1, 300).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "outputs")
		n.Weights = rapid.SliceOfN(rapid.Byte(), n.Rows*n.Outputs, n.Rows*n.Outputs).Draw(t, "table")
	}
	return n
}

// drawInput makes an input of the model; every third is all at one bound.
func drawInput(t *rapid.T, in model.Input) []byte {
	var out []byte
	element := rapid.Int32Range(in.Lo, in.Hi)
	switch rapid.IntRange(0, 5).Draw(t, "input") {
	case 0:
		element = rapid.Just(in.Lo)
	case 1:
		element = rapid.Just(in.Hi)
	}
	for range in.Shape.Len() {
		v := element.Draw(t, "element")
		if in.Wide {
			out = append(out, byte(v>>8))
		}
		out = append(out, byte(v))
	}
	return out
}
