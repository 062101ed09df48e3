package chain

import (
	"context"
	"errors"
	"time"

	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/evm/engine"
)

const (
	// buildBackOff is how long a failed build is not tried again.
	buildBackOff = 50 * time.Millisecond
	// feeLook is how often a pool is looked at again whose transactions pay less
	// than the base fee, which falls with time.
	feeLookMs = 250
)

// never stands for "not before something stirs".
var never = time.Unix(1<<40, 0)

// WaitForEvent returns once this node should build a block: it has work, the
// spacing has passed and its window is open. The engine asks again after each
// build and whenever the preference changes.
func (vm *VM) WaitForEvent(ctx context.Context) (snowcommon.Message, error) {
	for {
		ready, at, err := vm.nextBuild(ctx)
		if err != nil {
			return 0, err
		}
		if ready {
			return snowcommon.PendingTxs, nil
		}
		var due <-chan time.Time
		if at.Before(never) {
			due = vm.Clock.At(at)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-vm.wake:
		case <-due:
		}
	}
}

// nextBuild reports whether to build on the preferred block now, else when to
// look again.
//
// The idle rule is in engine.BuildAt: after a pause every rank's window is open,
// so each rank waits its windows from the moment it first saw work. That moment
// outlives a change of parent as long as there is work all the time.
func (vm *VM) nextBuild(ctx context.Context) (ready bool, at time.Time, err error) {
	vm.mu.Lock()
	normal, parent, retryAt := vm.normal, vm.preferred, vm.retryAt
	work := vm.workOn == parent.Hash()
	_, recalled := vm.recalled[parent.Hash()]
	vm.mu.Unlock()
	if !normal {
		return false, never, nil
	}
	rank, of, err := vm.rankOn(ctx, parent)
	if errors.Is(err, errNotProposer) {
		return false, never, nil
	}
	if err != nil {
		return false, never, err
	}
	if recalled { // nothing to seal, so neither turn nor guard matter
		return true, time.Time{}, nil
	}
	if !vm.guard.trusted() && of > 1 {
		return false, never, nil
	}
	now := vm.nowMs()
	waiting := false
	if !work {
		vm.arrived.Store(false)
		if work, waiting, err = vm.hasWork(parent, now); err != nil {
			return false, never, err
		}
	}
	seen := vm.noteWork(work, parent, now)
	due := max(engine.BuildAt(engine.TimeMs(parent), now, seen, rank), uint64(max(0, retryAt.UnixMilli())))
	if due <= now {
		return true, time.Time{}, nil
	}
	if waiting && !work {
		due = min(due, now+feeLookMs)
	}
	return false, time.UnixMilli(int64(due)), nil
}

// noteWork remembers whether there is work on parent and since when, and returns
// that time, or engine.NoWork.
func (vm *VM) noteWork(work bool, parent *types.Header, nowMs uint64) uint64 {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if !work {
		vm.workOn, vm.seenMs = common.Hash{}, engine.NoWork
		if vm.arrived.Load() { // while hasWork was looking
			vm.stir()
		}
		return engine.NoWork
	}
	vm.workOn = parent.Hash()
	if vm.seenMs == engine.NoWork {
		vm.seenMs = nowMs
	}
	return vm.seenMs
}

// noteArrival wakes WaitForEvent for a new transaction, unless it knows of work
// already: looking through a large pool for each transaction would cost more
// than executing them.
func (vm *VM) noteArrival() {
	vm.arrived.Store(true)
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.seenMs == engine.NoWork {
		vm.stir()
	}
}

// hasWork reports whether a child of parent built now could include a
// transaction, and whether any executable ones are waiting at all. The pool
// follows accepted heads, so what undecided ancestors include is not work: the
// accounts' nonces after parent tell.
func (vm *VM) hasWork(parent *types.Header, nowMs uint64) (work, waiting bool, err error) {
	if pending, _ := vm.pool.Stats(); pending == 0 {
		return false, false, nil
	}
	ms := max(nowMs, engine.EarliestMs(engine.TimeMs(parent), 0))
	baseFee := uint256.MustFromBig(engine.BaseFee(parent, ms))
	st, err := vm.bc.StateAt(parent.Root)
	if err != nil {
		return false, false, err
	}
	for from, list := range vm.pool.Pending(txpool.PendingFilter{}) {
		if next := nextOf(st, from, list); len(next) > 0 {
			waiting = true
			if includable(st, from, next[0], baseFee) {
				return true, true, nil
			}
		}
	}
	return false, waiting, nil
}

// nextOf drops the transactions whose nonces the account has used in st, and
// returns nothing if a gap follows.
func nextOf(st *state.StateDB, from common.Address, list []*txpool.LazyTransaction) []*txpool.LazyTransaction {
	nonce := st.GetNonce(from)
	for len(list) > 0 {
		tx := list[0].Resolve()
		if tx != nil && tx.Nonce() >= nonce {
			if tx.Nonce() > nonce {
				return nil
			}
			return list
		}
		list = list[1:]
	}
	return nil
}

// includable reports whether the account's next transaction pays the base fee
// and can be paid for.
func includable(st *state.StateDB, from common.Address, lazy *txpool.LazyTransaction, baseFee *uint256.Int) bool {
	if lazy.GasFeeCap.Lt(baseFee) {
		return false
	}
	tx := lazy.Resolve()
	if tx == nil {
		return false
	}
	cost, overflow := uint256.FromBig(tx.Cost())
	return !overflow && !st.GetBalance(from).Lt(cost)
}
