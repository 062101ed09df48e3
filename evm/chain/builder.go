package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	corevm "github.com/ava-labs/libevm/core/vm"
	libparams "github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/engine"
)

const (
	// fillFor is how long a block is filled with transactions.
	fillFor = 150 * time.Millisecond
	// warnEvery is how often a failing build is logged.
	warnEvery = 10 * time.Second
	// blockOverhead is what a block's RLP may take besides its transactions.
	blockOverhead = 4 << 10
)

var (
	// ErrNoWork reports a build with nothing to include before a heartbeat is due.
	ErrNoWork = errors.New("chain: no transaction to include and no heartbeat due")
	// ErrNotDue reports a build before this node's turn.
	ErrNotDue = errors.New("chain: not this node's turn yet")
)

// BuildBlock returns a sealed block on the preferred one. If this node sealed a
// block on that parent before, it returns exactly that block. What it returns is
// already on stable storage in the guard.
func (vm *VM) BuildBlock(ctx context.Context) (snowman.Block, error) {
	start := time.Now()
	b, err := vm.build(ctx)
	vm.metrics.builtBlock(err, time.Since(start))
	if err != nil {
		vm.noteFailure(err)
		return nil, err
	}
	return b, nil
}

// noteFailure backs off, and tells the operator about failures that do not pass
// by themselves: the engine logs none of them.
func (vm *VM) noteFailure(err error) {
	if errors.Is(err, ErrNotDue) {
		return
	}
	now := vm.Clock.Now()
	vm.mu.Lock()
	vm.retryAt, vm.workOn = now.Add(buildBackOff), common.Hash{}
	warn := !errors.Is(err, ErrNoWork) && !errors.Is(err, ErrGuardWait) && now.Sub(vm.warnedAt) >= warnEvery
	if warn {
		vm.warnedAt = now
	}
	vm.mu.Unlock()
	if warn {
		vm.sctx.Log.Warn("this node can't build a block", zap.Error(err))
	}
}

func (vm *VM) build(ctx context.Context) (*Block, error) {
	vm.mu.Lock()
	parent, normal, accepted := vm.preferred, vm.normal, vm.accepted.Number.Uint64()
	vm.mu.Unlock()
	if !normal {
		return nil, fmt.Errorf("%w: the node has not caught up", ErrNotDue)
	}
	if b, err := vm.takeRecalled(parent.Hash()); b != nil || err != nil {
		return b, err
	}
	rank, of, err := vm.rankOn(ctx, parent)
	if err != nil {
		return nil, err
	}
	if of == 1 {
		if err := vm.guard.trust(accepted); err != nil {
			return nil, err
		}
	}
	sealed, err := vm.guard.lookup(parent.Hash(), parent.Number.Uint64())
	if err != nil {
		return nil, err
	}
	if sealed != nil {
		return vm.reissue(sealed)
	}
	// The engine may ask for an event that was due on another parent.
	ready, _, err := vm.nextBuild(ctx)
	if err != nil {
		return nil, err
	}
	nowMs := vm.nowMs()
	if from := engine.EarliestMs(engine.TimeMs(parent), rank); !ready || nowMs < from {
		return nil, fmt.Errorf("%w: rank %d on a parent of %d ms at %d ms", ErrNotDue, rank, engine.TimeMs(parent), nowMs)
	}
	return vm.buildOn(ctx, parent, nowMs)
}

// reissue returns a block from the guard.
func (vm *VM) reissue(sealed []byte) (*Block, error) {
	eth, err := parseEthBlock(sealed, vm.pool.Get)
	if err != nil {
		return nil, fmt.Errorf("reading a sealed block from the guard: %w", err)
	}
	vm.metrics.reissued.Inc()
	vm.sctx.Log.Info("sending a block again that is sealed already", zap.Uint64("height", eth.NumberU64()), zap.Stringer("hash", eth.Hash()))
	return vm.newBlock(eth, sealed), nil
}

// buildOn fills, seals and guards a block with the time ms.
func (vm *VM) buildOn(ctx context.Context, parent *types.Header, ms uint64) (*Block, error) {
	height, err := vm.proposalHeight(ctx, parent)
	if err != nil {
		return nil, err
	}
	h, err := vm.engine.Draft(parent, engine.Draft{
		NetworkID: vm.sctx.NetworkID, ChainID: vm.sctx.ChainID,
		TimeMs: ms, PChainHeight: height, Proposer: vm.sctx.NodeID, Coinbase: vm.config.FeeRecipient,
	}, vm.sctx.WarpSigner)
	if err != nil {
		return nil, fmt.Errorf("drafting block %d: %w", parent.Number.Uint64()+1, err)
	}
	st, err := vm.bc.StateAt(parent.Root)
	if err != nil {
		return nil, fmt.Errorf("reading the state of block %d: %w", parent.Number, err)
	}
	st.StartPrefetcher("builder")
	defer st.StopPrefetcher()
	txs, receipts := vm.fill(h, st)
	if len(txs) == 0 && ms < engine.HeartbeatAt(engine.TimeMs(parent)) {
		return nil, ErrNoWork
	}
	eth, err := vm.engine.FinalizeAndAssemble(vm.bc, h, st, txs, nil, receipts, nil)
	if err != nil {
		return nil, fmt.Errorf("assembling block %d: %w", h.Number, err)
	}
	if eth, err = engine.SealBlock(vm.sctx.NetworkID, vm.sctx.ChainID, eth, vm.sctx.WarpSigner); err != nil {
		return nil, err
	}
	b, err := vm.encodeBlock(eth)
	if err != nil {
		return nil, err
	}
	if err := vm.guard.record(h.ParentHash, parent.Number.Uint64(), b.bytes); err != nil {
		return nil, err
	}
	return b, nil
}

// proposalHeight returns the P-Chain height that a child of parent carries.
func (vm *VM) proposalHeight(ctx context.Context, parent *types.Header) (uint64, error) {
	least, err := vm.sctx.ValidatorState.GetMinimumHeight(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the P-Chain's minimum height: %w", err)
	}
	height, err := engine.PChainHeight(parent)
	return max(height, least), err
}

// fill executes transactions of the pool until the block is full, nothing is
// left, or the time is up. A transaction that can't be included costs the block
// nothing: its effects are undone and its sender waits.
func (vm *VM) fill(h *types.Header, st *state.StateDB) ([]*types.Transaction, []*types.Receipt) {
	var (
		baseFee  = uint256.MustFromBig(h.BaseFee)
		q        = newQueue(st, vm.pool.Pending(txpool.PendingFilter{BaseFee: baseFee, MinTip: new(uint256.Int), OnlyPlainTxs: true}), baseFee)
		gas      = new(core.GasPool).AddGas(h.GasLimit)
		room     = uint64(MaxBlockBytes - blockOverhead)
		deadline = vm.Clock.Now().Add(fillFor)
		txs      []*types.Transaction
		receipts []*types.Receipt
	)
	vm.startBlock(h, st)
	for gas.Gas() >= libparams.TxGas && vm.Clock.Now().Before(deadline) {
		lazy := q.first()
		if lazy == nil {
			break
		}
		tx := lazy.Resolve()
		if tx == nil || lazy.Gas > gas.Gas() || tx.Size() > room {
			q.dropSender()
			continue
		}
		st.SetTxContext(tx.Hash(), len(txs))
		before, left := st.Snapshot(), gas.Gas()
		receipt, err := core.ApplyTransaction(vm.bc.Config(), vm.bc, &h.Coinbase, gas, st, h, tx, &h.GasUsed, *vm.bc.GetVMConfig())
		if err != nil {
			st.RevertToSnapshot(before)
			gas.SetGas(left)
			q.dropSender()
			continue
		}
		txs, receipts = append(txs, tx), append(receipts, receipt)
		room -= tx.Size()
		q.next()
	}
	return txs, receipts
}

// startBlock runs what a block does before its transactions (EIP-4788).
func (vm *VM) startBlock(h *types.Header, st *state.StateDB) {
	if h.ParentBeaconRoot == nil {
		return
	}
	evm := corevm.NewEVM(core.NewEVMBlockContext(h, vm.bc, &h.Coinbase), corevm.TxContext{}, st, vm.bc.Config(), *vm.bc.GetVMConfig())
	core.ProcessBeaconBlockRoot(*h.ParentBeaconRoot, evm, st)
}
