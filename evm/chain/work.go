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
	feeLook = 250 * time.Millisecond
	// forever stands for "until something stirs".
	forever = time.Duration(1<<63 - 1)
)

// WaitForEvent returns once this node should build a block: it has work, the
// spacing has passed and its window is open. The engine asks again after each
// build and whenever the preference changes.
func (vm *VM) WaitForEvent(ctx context.Context) (snowcommon.Message, error) {
	for {
		wait, err := vm.untilBuild(ctx)
		if err != nil {
			return 0, err
		}
		if wait <= 0 {
			return snowcommon.PendingTxs, nil
		}
		var due <-chan time.Time
		if wait < forever {
			due = vm.Clock.After(wait)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-vm.wake:
		case <-due:
		}
	}
}

// untilBuild returns how long to wait before building on the preferred block; 0
// or less means now.
//
// The idle rule is in engine.BuildAt: after a pause every rank's window is open,
// so each rank waits its windows from the moment it first saw work. That moment
// outlives a change of parent as long as there is work all the time.
func (vm *VM) untilBuild(ctx context.Context) (time.Duration, error) {
	vm.mu.Lock()
	normal, parent, retryAt := vm.normal, vm.preferred, vm.retryAt
	vm.mu.Unlock()
	if !normal {
		return forever, nil
	}
	rank, of, err := vm.rankOn(ctx, parent)
	if errors.Is(err, errNotProposer) {
		return forever, nil
	}
	if err != nil {
		return 0, err
	}
	if !vm.guard.trusted() && of > 1 {
		return forever, nil
	}
	now := vm.Clock.Now()
	nowMs := uint64(max(0, now.UnixMilli()))
	work, waiting, err := vm.hasWork(parent, nowMs)
	if err != nil {
		return 0, err
	}
	seen := vm.noteWork(work, nowMs)
	at := time.UnixMilli(int64(engine.BuildAt(engine.TimeMs(parent), nowMs, seen, rank)))
	if retryAt.After(at) {
		at = retryAt
	}
	wait := at.Sub(now)
	if at.UnixMilli() <= now.UnixMilli() {
		wait = 0
	}
	if waiting && !work {
		wait = min(wait, feeLook)
		if at.UnixMilli() > now.UnixMilli() {
			wait = max(wait, time.Millisecond)
		}
	}
	return wait, nil
}

// noteWork remembers when work was first seen and returns that time, or
// engine.NoWork.
func (vm *VM) noteWork(work bool, nowMs uint64) uint64 {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	switch {
	case !work:
		vm.seenMs = engine.NoWork
	case vm.seenMs == engine.NoWork:
		vm.seenMs = nowMs
	}
	return vm.seenMs
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
