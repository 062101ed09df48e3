package main

import (
	"bytes"
	"slices"

	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/ai"
)

// ai has a model for each operator at a size where it is most of the work.
func (b *builder) ai() {
	list := model.Input{Shape: model.Shape{C: 4096, H: 1, W: 1}, Hi: 255}
	image := model.Input{Shape: model.Shape{C: 16, H: 64, W: 64}, Hi: 255}
	weights := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(i*7 + i>>8)
		}
		return out
	}
	window := func(kernel, stride, pad int) model.Window {
		return model.Window{Kernel: [2]int{kernel, kernel}, Stride: [2]int{stride, stride}, Pad: [4]int{pad, pad, pad, pad}}
	}
	repeat := func(n model.Node, count int) []model.Node {
		var out []model.Node
		for i := range count {
			n.A = i
			out = append(out, n)
		}
		return out
	}
	requantise := model.Node{Op: model.Requantise, Multipliers: []uint32{12_345_679}, Shifts: []uint8{24}, Zero: 3, Hi: 255}
	each := model.Node{Op: model.Requantise, Hi: 255}
	for i := range 16 {
		each.Multipliers, each.Shifts = append(each.Multipliers, uint32(16_000_000+i)), append(each.Shifts, 24)
	}
	digits := model.Input{Shape: model.Shape{C: 1, H: 28, W: 28}, Hi: 255}
	for _, c := range []struct {
		name  string
		model model.Model
	}{
		{"4,096 x 240 products", model.Model{Input: list, Nodes: []model.Node{{Op: model.Dense, Outputs: 240, Weights: weights(4096 * 240)}}}},
		{"3 products, again and again", model.Model{Input: model.Input{Shape: model.Shape{C: 1, H: 1, W: 1}, Hi: 255}, Nodes: repeat(model.Node{Op: model.Dense, Outputs: 1, InZero: 1, WeightZero: 2, Bias: []int32{1}, Weights: []byte{2}}, 8)}},
		{"convolution 3x3, 16 to 32 channels", model.Model{Input: image, Nodes: []model.Node{{Op: model.Conv, Groups: 1, Outputs: 32, Window: window(3, 1, 1), Weights: weights(32 * 16 * 9)}, {Op: model.ArgMax, A: 1}}}},
		{"convolution 3x3, channels apart", model.Model{Input: image, Nodes: []model.Node{{Op: model.Conv, Groups: 16, Outputs: 16, Window: window(3, 1, 1), Weights: weights(16 * 9)}, {Op: model.ArgMax, A: 1}}}},
		{"convolution 1x1, channels apart", model.Model{Input: image, Nodes: []model.Node{{Op: model.Conv, Groups: 16, Outputs: 16, Window: window(1, 1, 0), Weights: weights(16)}, {Op: model.ArgMax, A: 1}}}},
		{"20 requantisations", model.Model{Input: image, Nodes: append(repeat(requantise, 20), model.Node{Op: model.ArgMax, A: 20})}},
		{"20 requantisations by channel", model.Model{Input: image, Nodes: append(repeat(each, 20), model.Node{Op: model.ArgMax, A: 20})}},
		{"8 sums", model.Model{Input: image, Nodes: append(func() []model.Node {
			out := repeat(model.Node{Op: model.Add}, 8)
			for i := range out {
				out[i].B = out[i].A
			}
			return out
		}(), model.Node{Op: model.ArgMax, A: 8})}},
		{"20 ReLU", model.Model{Input: image, Nodes: append(repeat(model.Node{Op: model.ReLU, Zero: 7}, 20), model.Node{Op: model.ArgMax, A: 20})}},
		{"20 clips", model.Model{Input: image, Nodes: append(repeat(model.Node{Op: model.Clip, Lo: 5, Hi: 100}, 20), model.Node{Op: model.ArgMax, A: 20})}},
		{"max-pool 2x2", model.Model{Input: image, Nodes: []model.Node{{Op: model.MaxPool, Window: window(2, 2, 0)}, {Op: model.ArgMax, A: 1}}}},
		{"max-pool 1x1, 10 times", model.Model{Input: image, Nodes: append(repeat(model.Node{Op: model.MaxPool, Window: window(1, 1, 0)}, 10), model.Node{Op: model.ArgMax, A: 10})}},
		{"max-pool 7x7, stride 1", model.Model{Input: image, Nodes: []model.Node{{Op: model.MaxPool, Window: window(7, 1, 3)}, {Op: model.ArgMax, A: 1}}}},
		{"average 1x1, 10 times", model.Model{Input: image, Nodes: append(repeat(model.Node{Op: model.Average, Window: window(1, 1, 0), Shift: 1}, 10), model.Node{Op: model.ArgMax, A: 10})}},
		{"average 8x8", model.Model{Input: image, Nodes: []model.Node{{Op: model.Average, Window: window(8, 8, 0), Shift: 6}, {Op: model.ArgMax, A: 1}}}},
		{"4,096 rows of a table", model.Model{Input: list, Nodes: []model.Node{{Op: model.Embed, Rows: 4096, Outputs: 48, Weights: weights(4096 * 48)}, {Op: model.ArgMax, A: 1}}}},
		{"4,096 results", model.Model{Input: list, Nodes: []model.Node{{Op: model.ReLU}}}},
		{"255 operators on one element", model.Model{Input: model.Input{Shape: model.Shape{C: 1, H: 1, W: 1}, Hi: 255}, Nodes: repeat(requantise, 255)}},
		{"4,096 factors", model.Model{Input: list, Nodes: []model.Node{{Op: model.Requantise, Multipliers: slices.Repeat([]uint32{5}, 4096), Shifts: make([]byte, 4096), Hi: 255}, {Op: model.ArgMax, A: 1}}}},
		{"a digit, by a small network", model.Model{Input: digits, Nodes: []model.Node{
			{Op: model.Conv, Groups: 1, Outputs: 8, Window: window(5, 2, 0), Weights: weights(8 * 25)},
			{Op: model.Requantise, A: 1, Multipliers: []uint32{1}, Shifts: []uint8{9}, Hi: 255},
			{Op: model.Conv, A: 2, Groups: 1, Outputs: 16, Window: window(5, 2, 0), Weights: weights(16 * 200)},
			{Op: model.Requantise, A: 3, Multipliers: []uint32{1}, Shifts: []uint8{9}, Hi: 255},
			{Op: model.Dense, A: 4, Outputs: 10, Weights: weights(10 * 256)},
		}}},
	} {
		b.network(c.name, &c.model)
	}
}

// network adds the calls of one model, which is stored before.
func (b *builder) network(name string, m *model.Model) {
	to := precompile.AIAddress
	code, err := m.MarshalBinary()
	if err != nil {
		b.fail(err)
		return
	}
	id := [32]byte(crypto.Keccak256Hash(code))
	var chunks [][32]byte
	for part := range slices.Chunk(code, ai.ChunkSize) {
		chunks = append(chunks, crypto.Keccak256Hash(part))
		b.before = append(b.before, call{address: to, input: b.pack(to, "putChunk(bytes)", part)})
	}
	b.before = append(b.before, call{address: to, input: b.pack(to, "registerModel(bytes32[])", chunks)})
	input := bytes.Repeat([]byte{200}, m.Input.Size())
	b.add("AI infer, "+name, to, false, "infer(bytes32,bytes)", id, input)
	b.add("AI registerModel again, "+name, to, false, "registerModel(bytes32[])", chunks)
	if len(chunks) > 1 {
		b.add("AI putChunk again, "+name, to, false, "putChunk(bytes)", code[:ai.ChunkSize])
		b.add("AI chunksOf, "+name, to, false, "chunksOf(bytes32)", id)
	}
}
