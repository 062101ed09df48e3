package chain

import (
	"errors"
	"fmt"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	"go.uber.org/zap"
)

// preferredKey holds the hash of the block that the engine preferred last.
//
// Consensus itself forgets in a crash which blocks it voted for. If many nodes
// crash at once, one of them may just have accepted a block by the votes of the
// others, and shown it to users; restarted, the others would know nothing of it and
// could decide for a rival. So what a node preferred is on disk before it votes for
// anything on it, and a node that comes back proposes those blocks again, whoever
// made them, before it makes any of its own.
var preferredKey = []byte("pars-preferred")

// recollection is what this node preferred before it stopped: undecided blocks by
// their parents, one each. VM.mu guards it.
type recollection map[common.Hash]*types.Block

// writePreferred records the preferred block. It is on stable storage on return.
func (vm *VM) writePreferred(hash common.Hash) error {
	if err := vm.db.Put(preferredKey, hash[:]); err != nil {
		return fmt.Errorf("recording the preferred block %s: %w", hash, err)
	}
	return nil
}

// recall reads what was preferred above the last accepted block. Anything that
// doesn't lead there is of another time and forgotten.
func (vm *VM) recall() error {
	value, err := vm.db.Get(preferredKey)
	if has, hasErr := vm.db.Has(preferredKey); hasErr == nil && !has || errors.Is(err, database.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the preferred block: %w", err)
	}
	found := recollection{}
	hash := common.BytesToHash(value)
	for hash != vm.accepted.Hash() {
		number := rawdb.ReadHeaderNumber(vm.db, hash)
		if number == nil || *number <= vm.accepted.Number.Uint64() || len(found) == maxUndecided {
			return nil
		}
		b := rawdb.ReadBlock(vm.db, hash, *number)
		if b == nil {
			return nil
		}
		found[b.ParentHash()] = b
		hash = b.ParentHash()
	}
	vm.recalled = found
	if len(found) > 0 {
		vm.sctx.Log.Info("undecided blocks that this node preferred will be proposed again", zap.Int("blocks", len(found)), zap.Stringer("last", common.BytesToHash(value)))
	}
	return nil
}

// takeRecalled returns the recalled child of parent, once, or nil.
func (vm *VM) takeRecalled(parent common.Hash) (*Block, error) {
	vm.mu.Lock()
	eth := vm.recalled[parent]
	delete(vm.recalled, parent)
	vm.mu.Unlock()
	if eth == nil {
		return nil, nil
	}
	vm.metrics.recalled.Inc()
	return vm.encodeBlock(eth)
}

// forgetRecalled drops what was recalled at the heights up to number, which are
// decided. vm.mu is held.
func (vm *VM) forgetRecalled(number uint64) {
	for parent, b := range vm.recalled {
		if b.NumberU64() <= number {
			delete(vm.recalled, parent)
		}
	}
}
