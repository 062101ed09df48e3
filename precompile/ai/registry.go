package ai

import (
	_ "embed"
	"errors"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IAI.json
var registryABI []byte

// Address is where the contract is.
var Address = common.BytesToAddress([]byte{0x03, 0x00})

// Registry is the contract at 0x0300. contracts/src/interfaces/IAI.sol describes it.
var Registry = contract.MustNew(contract.Config{
	Name: "AI",
	ABI:  registryABI,
	Functions: map[string]contract.Function{
		"putChunk(bytes)":          putChunk,
		"sizeOfChunk(bytes32)":     sizeOfChunk,
		"registerModel(bytes32[])": registerModel,
		"modelOf(bytes32)":         modelOf,
		"chunksOf(bytes32)":        chunksOf,
		"modelCount()":             modelCount,
		"modelAt(uint256)":         modelAt,
		"infer(bytes32,bytes)":     infer,
		"classify(bytes32,bytes)":  classify,
	},
	Stateful: true,
})

// First topics of the events.
var (
	chunkStored     = crypto.Keccak256Hash([]byte("ChunkStored(bytes32,address,uint256)"))
	modelRegistered = crypto.Keccak256Hash([]byte("ModelRegistered(bytes32,address,uint256,uint256)"))
)

func number(n uint64) common.Hash { return uint256.NewInt(n).Bytes32() }

// putChunk stores a piece of a model as the code of an account, behind a STOP.
func putChunk(c *contract.Call) ([]any, error) {
	data := c.Args.Bytes(0)
	if len(data) == 0 || len(data) > ChunkSize {
		return nil, contract.Revert("InvalidChunk", len(data))
	}
	size := uint64(len(data))
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + hashGas + params.Keccak256WordGas*contract.Words(len(data))); err != nil {
		return nil, err
	}
	id := crypto.Keccak256Hash(data)
	at := chunkAccount(id)
	s := c.State()
	db := c.Env.StateDB()
	if db.GetCodeSize(at) > 0 {
		return []any{[32]byte(id)}, nil
	}
	if err := c.Charge(params.CreateGas + params.CreateDataGas*(size+1)); err != nil {
		return nil, err
	}
	data = append([]byte{0x00}, data...)
	by, length := s.Caller(), number(size)
	if err := s.Log([]common.Hash{chunkStored, id, common.BytesToHash(by[:])}, length[:]); err != nil {
		return nil, err
	}
	db.SetNonce(at, 1)
	db.SetCode(at, data)
	return []any{[32]byte(id)}, nil
}

func sizeOfChunk(c *contract.Call) ([]any, error) {
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + hashGas); err != nil {
		return nil, err
	}
	size := c.Env.ReadOnlyState().GetCodeSize(chunkAccount(c.Args.Bytes32(0)))
	return []any{uint256.NewInt(uint64(max(size-1, 0))).ToBig()}, nil
}

// refuse turns an error of package model into a revert.
func refuse(err error) error {
	var bad *model.Error
	var input *model.InputError
	switch {
	case errors.As(err, &bad):
		return contract.Revert("InvalidModel", bad.Node, string(bad.Reason))
	case errors.As(err, &input):
		return contract.Revert("InvalidInput", input.Size, input.Want, input.Element)
	}
	return err
}

func registerModel(c *contract.Call) ([]any, error) {
	list := c.Args.List(0)
	if len(list) == 0 || len(list) > maxChunks {
		return nil, contract.Revert("InvalidModel", 0, string(model.TooLarge))
	}
	r := &record{registrant: c.Env.Addresses().Raw.Caller, block: c.Env.BlockNumber().Uint64()}
	for i := range list {
		r.chunks = append(r.chunks, list.Bytes32(i))
	}
	b, err := join(c, r.chunks)
	if err != nil {
		return nil, err
	}
	if err := c.Charge(hashGas + params.Keccak256WordGas*contract.Words(len(b)) + analyseByteGas*uint64(len(b))); err != nil {
		return nil, err
	}
	m, err := model.Parse(b)
	if err != nil {
		return nil, refuse(err)
	}
	if _, err := m.Analyse(); err != nil {
		return nil, refuse(err)
	}
	id := crypto.Keccak256Hash(b)
	if err := c.Charge(params.ColdAccountAccessCostEIP2929); err != nil {
		return nil, err
	}
	db := c.Env.StateDB()
	if db.GetCodeSize(recordAccount(id)) > 0 {
		return []any{[32]byte(id)}, nil
	}
	r.size, r.work, r.input, r.outputs = uint64(len(b)), m.Work(), uint64(m.Input.Size()), uint64(m.Output().Len())
	return []any{[32]byte(id)}, r.store(c, id)
}

func modelOf(c *contract.Call) ([]any, error) {
	r, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	return []any{r.registrant, r.block, r.size, r.work.MACs, r.inferGas(), r.input, r.outputs}, nil
}

func chunksOf(c *contract.Call) ([]any, error) {
	r, err := load(c, c.Args.Bytes32(0))
	if err != nil {
		return nil, err
	}
	return []any{r.chunks}, nil
}

func modelCount(c *contract.Call) ([]any, error) {
	n, err := Count(c.State().Load)
	return []any{uint256.NewInt(n).ToBig()}, err
}

func modelAt(c *contract.Call) ([]any, error) {
	if err := c.Charge(hashGas); err != nil {
		return nil, err
	}
	index := c.Args.Uint256(0)
	if !index.IsUint64() {
		return []any{[32]byte{}}, nil
	}
	id, err := At(c.State().Load, index.Uint64())
	return []any{[32]byte(id)}, err
}
