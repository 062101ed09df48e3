package ai

import (
	"math/big"

	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/precompile/contract"
)

// Prices; docs/precompiles/gas.md derives them.
const (
	// hashGas covers a few short Keccak hashes.
	hashGas = 200
	// chunkGas is the price of a chunk's account.
	chunkGas = params.ColdAccountAccessCostEIP2929 + hashGas
	// analyseByteGas is the price of reading a model and bounding its sums, a byte.
	analyseByteGas = 1
	// inferBaseGas covers what does not grow with the model.
	inferBaseGas = 1_000
	// bytesPerGas, macsPerGas and movesPerGas are how much of a model's encoding
	// is loaded and read, how many products are added up, and how many elements
	// are gathered for one gas.
	bytesPerGas = 16
	macsPerGas  = 16
	movesPerGas = 4
	// elementGas is the price of an element of a value, outputGas of one of the
	// result.
	elementGas = 1
	outputGas  = 20
)

func loadGas(size uint64) uint64 { return (size + bytesPerGas - 1) / bytesPerGas }

// workGas is the price of work.
func workGas(w model.Work) uint64 {
	return w.MACs/macsPerGas + w.Moves/movesPerGas + w.Elements*elementGas + 1
}

// runGas is the price of an inference without loading the model.
func (r *record) runGas() uint64 {
	return inferBaseGas + workGas(r.work) + outputGas*r.outputs
}

// inferGas is what infer costs beside its calldata.
func (r *record) inferGas() uint64 {
	gas := params.ColdAccountAccessCostEIP2929 + hashGas + r.runGas()
	left := r.size
	for range r.chunks {
		part := min(left, ChunkSize)
		gas += chunkGas + loadGas(part)
		left -= part
	}
	return gas
}

// run charges for and runs a model.
func run(c *contract.Call, id [32]byte, input []byte) ([]int32, error) {
	r, err := load(c, id)
	if err != nil {
		return nil, err
	}
	if uint64(len(input)) != r.input {
		return nil, contract.Revert("InvalidInput", len(input), new(big.Int).SetUint64(r.input), 0)
	}
	if err := c.Charge(r.runGas()); err != nil {
		return nil, err
	}
	b, err := join(c, r.chunks)
	if err != nil {
		return nil, err
	}
	m, err := model.Parse(b)
	if err != nil {
		return nil, err // only a model that was parsed is registered
	}
	out, err := m.Infer(input)
	return out, refuse(err)
}

func infer(c *contract.Call) ([]any, error) {
	out, err := run(c, c.Args.Bytes32(0), c.Args.Bytes(1))
	if err != nil {
		return nil, err
	}
	return []any{out}, nil
}

// classify gives the place of the greatest number, that number, and how far the
// next one is below.
func classify(c *contract.Call) ([]any, error) {
	out, err := run(c, c.Args.Bytes32(0), c.Args.Bytes(1))
	if err != nil {
		return nil, err
	}
	best := 0
	for i, v := range out {
		if v > out[best] {
			best = i
		}
	}
	var margin int64
	for i, v := range out {
		if gap := int64(out[best]) - int64(v); i != best && (gap < margin || margin == 0) {
			margin = gap
			if gap == 0 {
				break
			}
		}
	}
	return []any{big.NewInt(int64(best)), big.NewInt(int64(out[best])), big.NewInt(margin)}, nil
}
