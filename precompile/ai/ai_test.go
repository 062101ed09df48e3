package ai_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/ai"
)

const (
	put      = "putChunk(bytes)"
	register = "registerModel(bytes32[])"
	infer    = "infer(bytes32,bytes)"
	classify = "classify(bytes32,bytes)"
)

func encode(t *testing.T, m *model.Model) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// doubled gives each of n bytes twice its value.
func doubled(n int) *model.Model {
	return &model.Model{
		Input: model.Input{Shape: model.Shape{C: n, H: 1, W: 1}, Lo: 1, Hi: 255},
		Nodes: []model.Node{{Op: model.Requantise, Multipliers: []uint32{2}, Shifts: []uint8{0}, Hi: 1000}},
	}
}

func refuses(t *testing.T, n *evmtest.Native, want, signature string, args ...any) {
	t.Helper()
	if r := n.Do(t, signature, args...); r.Revert != want {
		t.Errorf("%s: revert %q, %v, want %s", signature, r.Revert, r.Err, want)
	}
}

func TestModelsAreUploadedInPieces(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.AIAddress)
	weights := make([]byte, 4096*13)
	for i := range weights {
		weights[i] = byte(i * 31)
	}
	m := &model.Model{Input: model.Input{Shape: model.Shape{C: 4096, H: 1, W: 1}, Hi: 255}, Nodes: []model.Node{{Op: model.Dense, Outputs: 13, Weights: weights}}}
	b := encode(t, m)
	id := crypto.Keccak256Hash(b)
	var chunks [][32]byte
	for part := range slices.Chunk(b, ai.ChunkSize) {
		chunks = append(chunks, crypto.Keccak256Hash(part))
		refuses(t, n, "UnknownChunk", register, chunks)
		if r := n.Do(t, put, part); r.Out == nil || r.Out[0].([32]byte) != chunks[len(chunks)-1] {
			t.Fatalf("putChunk: %+v, want the hash of the piece", r)
		}
		if r := n.Do(t, "sizeOfChunk(bytes32)", chunks[len(chunks)-1]); r.Out == nil || r.Out[0].(*big.Int).Int64() != int64(len(part)) {
			t.Errorf("sizeOfChunk: %+v, want %d", r, len(part))
		}
	}
	if len(chunks) != 3 {
		t.Fatalf("%d pieces, want 3", len(chunks))
	}
	refuses(t, n, "InvalidModel", register, chunks[:2])
	refuses(t, n, "InvalidChunk", register, [][32]byte{chunks[2], chunks[0]})
	refuses(t, n, "InvalidModel", register, [][32]byte{})
	refuses(t, n, "UnknownModel", infer, id, make([]byte, 4096))
	for range 2 {
		if r := n.Do(t, register, chunks); r.Out == nil || r.Out[0].([32]byte) != id {
			t.Fatalf("registerModel: %+v, want the hash of the model", r)
		}
		if r := n.Do(t, "modelCount()"); r.Out[0].(*big.Int).Int64() != 1 {
			t.Errorf("modelCount = %v, want 1 however often it is registered", r.Out[0])
		}
	}
	input := make([]byte, 4096)
	for i := range input {
		input[i] = byte(i * 3)
	}
	want, err := m.Infer(input)
	if err != nil {
		t.Fatal(err)
	}
	r := n.Do(t, infer, id, input)
	if r.Out == nil || !slices.Equal(r.Out[0].([]int32), want) {
		t.Fatalf("infer: %+v, want %d", r, want)
	}
	// modelOf tells what it costs.
	info := n.Do(t, "modelOf(bytes32)", id)
	calldata := uint64(300 + 4*((4+3*32+4096+31)/32))
	if got := info.Out[4].(uint64) + calldata; got != r.Used {
		t.Errorf("modelOf says that infer costs %d, and it used %d", got, r.Used)
	}
	if info.Out[0].(common.Address) != evmtest.Caller || info.Out[2].(uint64) != uint64(len(b)) || info.Out[3].(uint64) != 4096*13 || info.Out[5].(uint64) != 4096 || info.Out[6].(uint64) != 13 {
		t.Errorf("modelOf = %v", info.Out)
	}
}

func TestWhatIsNoModelIsRefused(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.AIAddress)
	refuses(t, n, "InvalidChunk", put, []byte{})
	refuses(t, n, "InvalidChunk", put, make([]byte, ai.ChunkSize+1))
	overflow := &model.Model{Input: model.Input{Shape: model.Shape{C: 1, H: 1, W: 1}, Hi: 255}, Nodes: []model.Node{
		{Op: model.Requantise, Multipliers: []uint32{1 << 30}, Shifts: []uint8{0}, Hi: 1 << 30},
		{Op: model.Dense, A: 1, Outputs: 1, Weights: []byte{3}},
	}}
	for name, b := range map[string][]byte{"noise": bytes.Repeat([]byte{7}, 50), "a sum that can leave int32": encode(t, overflow), "a byte too many": append(encode(t, doubled(3)), 0)} {
		n.Do(t, put, b)
		if r := n.Do(t, register, [][32]byte{crypto.Keccak256Hash(b)}); r.Revert != "InvalidModel" {
			t.Errorf("%s: %+v, want InvalidModel", name, r)
		}
	}
	refuses(t, n, "InvalidModel", register, make([][32]byte, 44))
}

func TestInputsAreChecked(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.AIAddress)
	b := encode(t, doubled(3))
	id := crypto.Keccak256Hash(b)
	n.Do(t, put, b)
	n.Do(t, register, [][32]byte{id})
	for _, input := range [][]byte{{}, {1, 2}, {1, 2, 3, 4}, {1, 0, 3}} {
		refuses(t, n, "InvalidInput", infer, id, input)
	}
	for _, c := range []struct {
		input         []byte
		label, margin int64
	}{{[]byte{9, 20, 17}, 1, 6}, {[]byte{5, 5, 4}, 0, 0}, {[]byte{1, 2, 200}, 2, 396}} {
		r := n.Do(t, classify, id, c.input)
		if r.Out == nil || r.Out[0].(*big.Int).Int64() != c.label || r.Out[1].(*big.Int).Int64() != 2*int64(slices.Max(c.input)) || r.Out[2].(*big.Int).Int64() != c.margin {
			t.Errorf("classify(%v) = %+v, want %d with a margin of %d", c.input, r, c.label, c.margin)
		}
	}
}
