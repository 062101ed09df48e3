package precompile_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/precompile/ai"
)

// sampleNetwork has two chunks: a convolution, its requantisation, and a large
// matrix.
func sampleNetwork(tb testing.TB) []byte {
	tb.Helper()
	m := &model.Model{
		Input: model.Input{Shape: model.Shape{C: 1, H: 16, W: 16}, Hi: 255},
		Nodes: []model.Node{
			{Op: model.Conv, Groups: 1, Outputs: 4, Window: model.Window{Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Pad: [4]int{1, 1, 1, 1}}, Weights: bytes.Repeat([]byte{3, 0xfe, 5, 7}, 9)},
			{Op: model.Requantise, A: 1, Multipliers: []uint32{3}, Shifts: []uint8{7}, Hi: 255},
			{Op: model.Dense, A: 2, Outputs: 26, Weights: bytes.Repeat([]byte{1, 2, 0xff, 0xfc}, 26*256)},
		},
	}
	b, err := m.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func sampleAI(tb testing.TB) []sample {
	tb.Helper()
	b := sampleNetwork(tb)
	id := [32]byte(crypto.Keccak256Hash(b))
	first, second := b[:ai.ChunkSize], b[ai.ChunkSize:]
	chunks := [][32]byte{crypto.Keccak256Hash(first), crypto.Keccak256Hash(second)}
	put := []sample{
		{signature: "putChunk(bytes)", args: []any{first}},
		{signature: "putChunk(bytes)", args: []any{second}},
	}
	register := sample{signature: "registerModel(bytes32[])", args: []any{chunks}, before: put}
	stored := append(slices.Clone(put), sample{signature: register.signature, args: register.args})
	input := bytes.Repeat([]byte{9, 200}, 128)
	return []sample{
		put[1],
		{signature: "sizeOfChunk(bytes32)", args: []any{chunks[1]}, before: put},
		register,
		{signature: "modelOf(bytes32)", args: []any{id}, before: stored},
		{signature: "chunksOf(bytes32)", args: []any{id}, before: stored},
		{signature: "modelCount()", before: stored},
		{signature: "modelAt(uint256)", args: []any{new(big.Int)}, before: stored},
		{signature: "infer(bytes32,bytes)", args: []any{id, input}, before: stored},
		{signature: "classify(bytes32,bytes)", args: []any{id, input}, before: stored},
	}
}
