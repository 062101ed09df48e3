package graph

import (
	"encoding/hex"
	"strings"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/params"
)

// builtin gives the rows of a type that the chain itself has: rows from..to-1 in
// the order of their numbers.
type builtin interface {
	find(m *machine, id string) (row, error)
	at(m *machine, seq uint64) (row, error)
	cursor(m *machine, l *listing) (cursor, error)
}

// builtins are the types that every schema has besides its own.
var builtins = []*object{blockType, feedType, poolType, positionType, modelType}

// builtinNamed reports whether a built-in type has the name, or will: the names
// of types to come are taken too.
func builtinNamed(name string) bool {
	switch name {
	case "Block", "Feed", "Pool", "Position", "Model", "Job", "Vault":
		return true
	}
	return false
}

// chainSchema is the schema with the id zero.
var chainSchema = &schema{types: builtins}

// declare makes a built-in type; fields number themselves.
func declare(name string, rows builtin, fields ...*field) *object {
	for i, f := range fields {
		f.no = i
	}
	return &object{name: name, fields: fields, rows: rows}
}

// counter goes through consecutive numbers.
type counter struct {
	// from..to-1 are left.
	from, to uint64
	desc     bool
}

func (c *counter) next() (p position, ok bool, err error) {
	if c.from >= c.to {
		return p, false, nil
	}
	if c.desc {
		c.to--
		return position{seq: c.to}, true, nil
	}
	c.from++
	return position{seq: c.from - 1}, true, nil
}

// count goes through from..to-1 as the listing wants it.
func (l *listing) count(from, to uint64) *counter {
	if l.after != nil {
		if l.desc {
			to = min(to, l.after.seq)
		} else if l.after.seq >= from {
			from = min(l.after.seq, to) + 1
		}
	}
	return &counter{from, to, l.desc}
}

// record is a row of a built-in type whose values are at hand.
type record struct {
	seq   uint64
	words []common.Hash
	texts []string
}

func (r *record) number() uint64                     { return r.seq }
func (r *record) word(f *field) (common.Hash, error) { return r.words[f.no], nil }
func (r *record) text(f *field) (string, error)      { return r.texts[f.no], nil }

// hashOf reads an id of 32 bytes in hex.
func hashOf(id string) (h common.Hash, ok bool) {
	digits, prefixed := strings.CutPrefix(id, "0x")
	raw, err := hex.DecodeString(digits)
	if err != nil || !prefixed || len(raw) != common.HashLength {
		return h, false
	}
	return common.Hash(raw), true
}

// foreign reads storage of another account at the price of SLOAD and, the first
// time in a transaction, of touching the account (EIP-2929).
func (m *machine) foreign(account common.Address) func(common.Hash) (common.Hash, error) {
	return func(slot common.Hash) (common.Hash, error) {
		gas := uint64(hashGas)
		reader := m.env.ReadOnlyState()
		access, _ := reader.(interface {
			AddSlotToAccessList(common.Address, common.Hash)
		})
		knownAccount, knownSlot := reader.SlotInAccessList(account, slot)
		if !knownAccount {
			gas += params.ColdAccountAccessCostEIP2929
		}
		if knownSlot {
			gas += params.WarmStorageReadCostEIP2929
		} else {
			gas += params.ColdSloadCostEIP2929
		}
		if err := m.state.Charge(gas); err != nil {
			return common.Hash{}, vm.ErrOutOfGas
		}
		if access != nil {
			access.AddSlotToAccessList(account, slot)
		}
		return reader.GetState(account, slot), nil
	}
}
