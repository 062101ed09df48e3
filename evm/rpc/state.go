package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/lru"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/eth/tracers"
	ethrpc "github.com/ava-labs/libevm/rpc"
)

// ErrStateGone reports a state that this node no longer keeps and can't work out
// within its bounds.
var ErrStateGone = errors.New("state is not available")

const (
	// cachedStates is how many replayed states are kept for the next question
	// about the same block.
	cachedStates = 8
	// replays is how many replays may run at once.
	replays = 2
)

// stateCache holds states that were made by replay. The states in it are never
// handed out, only copies of them.
type stateCache struct {
	slots chan struct{}

	mu     sync.Mutex
	states lru.BasicLRU[common.Hash, *state.StateDB]
}

func newStateCache() *stateCache {
	return &stateCache{
		slots:  make(chan struct{}, replays),
		states: lru.NewBasicLRU[common.Hash, *state.StateDB](cachedStates),
	}
}

// get returns a copy of the state with that root, or nil.
func (c *stateCache) get(root common.Hash) *state.StateDB {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, ok := c.states.Get(root)
	if !ok {
		return nil
	}
	return st.Copy()
}

// put keeps st and returns a copy.
func (c *stateCache) put(root common.Hash, st *state.StateDB) *state.StateDB {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states.Add(root, st)
	return st.Copy()
}

// stateOf returns a state of its own to the caller: that after the block of
// header h, which is canonical. If the node has dropped it, the blocks since the
// nearest kept state are executed again, at most replay of them and at most
// [Config.ReplayBlocks], until ctx ends.
func (b *backend) stateOf(ctx context.Context, h *types.Header, replay uint64) (*state.StateDB, error) {
	if st := b.kept(h.Root); st != nil {
		return st, nil
	}
	select {
	case b.states.slots <- struct{}{}:
		defer func() { <-b.states.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to replay blocks up to %v: %w", h.Number, ctx.Err())
	}
	if st := b.kept(h.Root); st != nil {
		return st, nil // another request has just made it
	}
	st, err := b.replay(ctx, h, min(replay, b.cfg.ReplayBlocks))
	if err != nil {
		return nil, err
	}
	return b.states.put(h.Root, st), nil
}

// kept returns the state with that root if it needs no replay, else nil.
func (b *backend) kept(root common.Hash) *state.StateDB {
	if st, err := b.bc.StateAt(root); err == nil {
		return st
	}
	return b.states.get(root)
}

// replay makes the state after h from the nearest kept one below it. Nothing is
// written to the chain's own database: all changes stay in the returned state.
func (b *backend) replay(ctx context.Context, h *types.Header, most uint64) (*state.StateDB, error) {
	var (
		path []*types.Block // to execute, last first
		st   *state.StateDB
	)
	for at := h; ; {
		if at.Number.Sign() == 0 || uint64(len(path)) >= most {
			return nil, fmt.Errorf("%w: block %v is older than what this node keeps, and no kept state is found within %d blocks below it; ask a node that keeps all states (parsd run --archive)", ErrStateGone, h.Number, most)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("looking for a state below block %v: %w", h.Number, err)
		}
		block := b.bc.GetBlock(at.Hash(), at.Number.Uint64())
		if block == nil {
			return nil, fmt.Errorf("%w: block %v is missing in the database", ErrStateGone, at.Number)
		}
		path = append(path, block)
		at = b.bc.GetHeader(at.ParentHash, at.Number.Uint64()-1)
		if at == nil {
			return nil, fmt.Errorf("%w: the parent of block %v is missing in the database", ErrStateGone, block.Number())
		}
		if st = b.kept(at.Root); st != nil {
			break
		}
	}
	for i := len(path) - 1; i >= 0; i-- {
		block := path[i]
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("replaying block %v of %d for the state of block %v: %w; ask a node that keeps all states (parsd run --archive)", block.Number(), len(path), h.Number, err)
		}
		if _, _, _, err := b.bc.Processor().Process(block, st, vm.Config{}); err != nil {
			return nil, fmt.Errorf("replaying block %v: %w", block.Number(), err)
		}
		root := st.IntermediateRoot(b.bc.Config().IsEIP158(block.Number()))
		if root != block.Root() {
			return nil, fmt.Errorf("replaying block %v gave state root %v, want %v: the database may be damaged", block.Number(), root, block.Root())
		}
	}
	return st, nil
}

func (b *backend) StateAndHeaderByNumber(ctx context.Context, number ethrpc.BlockNumber) (*state.StateDB, *types.Header, error) {
	return b.StateAndHeaderByNumberOrHash(ctx, ethrpc.BlockNumberOrHashWithNumber(number))
}

func (b *backend) StateAndHeaderByNumberOrHash(ctx context.Context, which ethrpc.BlockNumberOrHash) (*state.StateDB, *types.Header, error) {
	if number, ok := which.Number(); ok && number == ethrpc.PendingBlockNumber {
		pending := b.pendingHeader()
		st, err := b.bc.StateAt(pending.Root) // the latest state
		return st, pending, err
	}
	h, err := b.HeaderByNumberOrHash(ctx, which)
	if err != nil {
		return nil, nil, err
	}
	if h == nil {
		return nil, nil, errors.New("header not found")
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.EVMTimeout)
	defer cancel()
	st, err := b.stateOf(ctx, h, b.cfg.ReplayBlocks)
	if err != nil {
		return nil, nil, err
	}
	return st, h, nil
}

// StateAtBlock returns the state after block to a tracer. The tracers' own way
// of carrying a state from block to block serves debug_traceChain only, which is
// not served; base is not used.
func (b *backend) StateAtBlock(ctx context.Context, block *types.Block, reexec uint64, _ *state.StateDB, _, _ bool) (*state.StateDB, tracers.StateReleaseFunc, error) {
	root := block.Root()
	// Holds back garbage collection while the tracer reads. It has no effect on
	// states on disk, and fails on databases that collect no garbage.
	release := func() {}
	if b.bc.TrieDB().Reference(root, common.Hash{}) == nil {
		release = func() { _ = b.bc.TrieDB().Dereference(root) }
	}
	st, err := b.stateOf(ctx, block.Header(), reexec)
	if err != nil {
		release()
		return nil, nil, err
	}
	return st, release, nil
}

// StateAtTransaction returns the state just before transaction index of block,
// with the message and the block context to run it.
func (b *backend) StateAtTransaction(ctx context.Context, block *types.Block, index int, reexec uint64) (*core.Message, vm.BlockContext, *state.StateDB, tracers.StateReleaseFunc, error) {
	none := vm.BlockContext{}
	if block.NumberU64() == 0 {
		return nil, none, nil, nil, errors.New("genesis has no transactions to trace")
	}
	if n := len(block.Transactions()); index < 0 || index >= n {
		return nil, none, nil, nil, fmt.Errorf("transaction index %d out of range: block %v has %d transactions", index, block.Number(), n)
	}
	parent := b.bc.GetBlock(block.ParentHash(), block.NumberU64()-1)
	if parent == nil {
		return nil, none, nil, nil, fmt.Errorf("parent %v of block %v not found", block.ParentHash(), block.Number())
	}
	st, release, err := b.StateAtBlock(ctx, parent, reexec, nil, true, false)
	if err != nil {
		return nil, none, nil, nil, err
	}
	var (
		config  = b.bc.Config()
		signer  = types.MakeSigner(config, block.Number(), block.Time())
		context = core.NewEVMBlockContext(block.Header(), b.bc, nil)
	)
	if root := block.BeaconRoot(); root != nil {
		core.ProcessBeaconBlockRoot(*root, vm.NewEVM(context, vm.TxContext{}, st, config, vm.Config{}), st)
	}
	for i, tx := range block.Transactions() {
		msg, err := core.TransactionToMessage(tx, signer, block.BaseFee())
		if err != nil {
			release()
			return nil, none, nil, nil, fmt.Errorf("reading transaction %v: %w", tx.Hash(), err)
		}
		if i == index {
			return msg, context, st, release, nil
		}
		if err := ctx.Err(); err != nil {
			release()
			return nil, none, nil, nil, fmt.Errorf("running transaction %d of block %v: %w", i, block.Number(), err)
		}
		st.SetTxContext(tx.Hash(), i)
		evm := vm.NewEVM(context, core.NewEVMTxContext(msg), st, config, vm.Config{})
		if _, err := core.ApplyMessage(evm, msg, new(core.GasPool).AddGas(tx.Gas())); err != nil {
			release()
			return nil, none, nil, nil, fmt.Errorf("running transaction %v: %w", tx.Hash(), err)
		}
		st.Finalise(config.IsEIP158(block.Number()))
	}
	panic("unreachable: index is in range")
}
