package ai

import (
	"encoding/binary"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/precompile/contract"
)

// ChunkSize is how many bytes of a model each chunk has but the last: one less
// than the code of a contract may have (EIP-170).
const ChunkSize = params.MaxCodeSize - 1

// maxChunks is how many chunks the largest model takes.
const maxChunks = (model.MaxSize + ChunkSize - 1) / ChunkSize

// What is kept; spec/ai.md describes the layout.
const (
	chunkTag  = "pars ai chunk v1" // and the hash of a chunk: its account
	recordTag = "pars ai model v1" // and the id of a model: its record's account
	metaTag   = "pars ai meta v1"  // and the id of a model: a slot, see [Meta]
	listTag   = "pars ai list v1"  // and a number (8 bytes): a slot, the id of that model
	countName = "pars ai count v1" // a slot, the number of models
)

var countSlot = crypto.Keccak256Hash([]byte(countName))

// Accounts of nobody: there is neither key nor code to act for them.
func chunkAccount(id [32]byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte(chunkTag), id[:]))
}

func recordAccount(id [32]byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte(recordTag), id[:]))
}

// Load reads a storage slot of this contract and charges for it.
type Load func(slot common.Hash) (common.Hash, error)

// Meta is what storage says of a model.
type Meta struct {
	Registrant common.Address
	// Size is the length of its encoding, in bytes; 0: there is no such model.
	Size  uint32
	Block uint64
}

func metaSlot(id common.Hash) common.Hash { return crypto.Keccak256Hash([]byte(metaTag), id[:]) }

func listSlot(index uint64) common.Hash {
	return crypto.Keccak256Hash([]byte(listTag), binary.BigEndian.AppendUint64(nil, index))
}

// Count is how many models there are.
func Count(load Load) (uint64, error) {
	word, err := load(countSlot)
	return binary.BigEndian.Uint64(word[24:]), err
}

// At is the id of a model below [Count], in the order of registration.
func At(load Load, index uint64) (common.Hash, error) { return load(listSlot(index)) }

// ReadMeta returns what storage says of a model.
func ReadMeta(load Load, id common.Hash) (Meta, error) {
	word, err := load(metaSlot(id))
	return Meta{
		Registrant: common.BytesToAddress(word[:20]), Size: binary.BigEndian.Uint32(word[20:]), Block: binary.BigEndian.Uint64(word[24:]),
	}, err
}

// record is what the account of a model keeps as its code.
type record struct {
	registrant                  common.Address
	block, size, input, outputs uint64
	work                        model.Work
	chunks                      [][32]byte
}

const recordHead = 1 + common.AddressLength + 7*8

func (r *record) bytes() []byte {
	b := append([]byte{0x00}, r.registrant[:]...)
	for _, n := range []uint64{r.block, r.size, r.input, r.outputs, r.work.MACs, r.work.Moves, r.work.Elements} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, id := range r.chunks {
		b = append(b, id[:]...)
	}
	return b
}

// store writes a new model's record, lists it, and logs it.
func (r *record) store(c *contract.Call, id common.Hash) error {
	b := r.bytes()
	if err := c.Charge(2*hashGas + params.CreateGas + params.CreateDataGas*uint64(len(b))); err != nil {
		return err
	}
	s := c.State()
	index, err := Count(s.Load)
	if err != nil {
		return err
	}
	var meta common.Hash
	copy(meta[:], r.registrant[:])
	binary.BigEndian.PutUint32(meta[20:], uint32(r.size))
	binary.BigEndian.PutUint64(meta[24:], r.block)
	for _, w := range []struct{ slot, value common.Hash }{
		{listSlot(index), id}, {countSlot, number(index + 1)}, {metaSlot(id), meta},
	} {
		if err := s.Store(w.slot, w.value); err != nil {
			return err
		}
	}
	size, macs := number(r.size), number(r.work.MACs)
	if err := s.Log([]common.Hash{modelRegistered, id, common.BytesToHash(r.registrant[:])}, append(size[:], macs[:]...)); err != nil {
		return err
	}
	at, db := recordAccount(id), c.Env.StateDB()
	db.SetNonce(at, 1)
	db.SetCode(at, b)
	return nil
}

// load charges for and reads a model's record.
func load(c *contract.Call, id [32]byte) (*record, error) {
	if err := c.Charge(params.ColdAccountAccessCostEIP2929 + hashGas); err != nil {
		return nil, err
	}
	b := c.Env.ReadOnlyState().GetCode(recordAccount(id))
	if len(b) < recordHead {
		return nil, contract.Revert("UnknownModel", id)
	}
	r := &record{registrant: common.BytesToAddress(b[1:21])}
	b = b[21:]
	for _, n := range []*uint64{&r.block, &r.size, &r.input, &r.outputs, &r.work.MACs, &r.work.Moves, &r.work.Elements} {
		*n, b = binary.BigEndian.Uint64(b), b[8:]
	}
	r.chunks = make([][32]byte, 0, len(b)/32)
	for ; len(b) > 0; b = b[32:] {
		r.chunks = append(r.chunks, [32]byte(b))
	}
	return r, nil
}

// join charges for and reads chunks, which are all full but the last.
func join(c *contract.Call, chunks [][32]byte) ([]byte, error) {
	state := c.Env.ReadOnlyState()
	var out []byte
	for i, id := range chunks {
		if err := c.Charge(chunkGas); err != nil {
			return nil, err
		}
		at := chunkAccount(id)
		size := state.GetCodeSize(at) - 1
		if size < 1 {
			return nil, contract.Revert("UnknownChunk", id)
		}
		if size != ChunkSize && i < len(chunks)-1 {
			return nil, contract.Revert("InvalidChunk", size)
		}
		if err := c.Charge(loadGas(uint64(size))); err != nil {
			return nil, err
		}
		code := state.GetCode(at)[1:]
		if len(chunks) == 1 {
			return code, nil
		}
		if i == 0 {
			out = make([]byte, 0, len(chunks)*ChunkSize)
		}
		out = append(out, code...)
	}
	return out, nil
}
