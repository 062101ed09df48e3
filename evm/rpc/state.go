package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/lru"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/eth/tracers"
	ethrpc "github.com/ava-labs/libevm/rpc"
	"github.com/ava-labs/libevm/triedb"
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

// stateCache remembers where replayed states are: each is in a database of its
// own, in memory over the chain's.
type stateCache struct {
	slots chan struct{}
	dbs   *lru.Cache[common.Hash, state.Database] // by state root
}

func newStateCache() *stateCache {
	return &stateCache{
		slots: make(chan struct{}, replays),
		dbs:   lru.NewCache[common.Hash, state.Database](cachedStates),
	}
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
	db, err := b.replay(ctx, h, min(replay, b.cfg.ReplayBlocks))
	if err != nil {
		return nil, err
	}
	b.states.dbs.Add(h.Root, db)
	return state.New(h.Root, db, nil)
}

// kept returns the state with that root if it needs no replay, else nil.
func (b *backend) kept(root common.Hash) *state.StateDB {
	if st, err := b.bc.StateAt(root); err == nil {
		return st
	}
	if db, ok := b.states.dbs.Get(root); ok {
		if st, err := state.New(root, db, nil); err == nil {
			return st
		}
	}
	return nil
}

// replay makes the state after h in a database in memory, from the nearest state
// below it that is on disk or was replayed before. The chain's own database does
// not change.
func (b *backend) replay(ctx context.Context, h *types.Header, most uint64) (state.Database, error) {
	path, base, db, err := b.pathTo(ctx, h, most)
	if err != nil {
		return nil, err
	}
	st, err := state.New(base, db, nil)
	if err != nil {
		return nil, fmt.Errorf("opening the state to replay from: %w", err)
	}
	for i, block := range path {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("replaying block %v, %d of %d for the state of block %v: %w; ask a node that keeps all states (parsd run --archive)", block.Number(), i+1, len(path), h.Number, err)
		}
		if _, _, _, err := b.bc.Processor().Process(block, st, vm.Config{}); err != nil {
			return nil, fmt.Errorf("replaying block %v: %w", block.Number(), err)
		}
		root, err := st.Commit(block.NumberU64(), b.bc.Config().IsEIP158(block.Number()))
		if err != nil {
			return nil, fmt.Errorf("keeping the state of block %v: %w", block.Number(), err)
		}
		if root != block.Root() {
			return nil, fmt.Errorf("replaying block %v gave state root %v, want %v: the database may be damaged", block.Number(), root, block.Root())
		}
		if err := db.TrieDB().Reference(root, common.Hash{}); err != nil {
			return nil, fmt.Errorf("keeping the state of block %v: %w", block.Number(), err)
		}
		if i > 0 { // frees what the new state does not share; never the base
			if err := db.TrieDB().Dereference(path[i-1].Root()); err != nil {
				return nil, fmt.Errorf("freeing the state of block %v: %w", path[i-1].Number(), err)
			}
		}
		if st, err = state.New(root, db, nil); err != nil {
			return nil, fmt.Errorf("opening the state of block %v: %w", block.Number(), err)
		}
	}
	return db, nil
}

// pathTo returns the blocks to execute for the state after h, first one first,
// at most that many, with the root to start from and the database that has it.
func (b *backend) pathTo(ctx context.Context, h *types.Header, most uint64) (path []*types.Block, base common.Hash, db state.Database, err error) {
	disk := state.NewDatabaseWithNodeDB(b.chain.DB, triedb.NewDatabase(b.chain.DB, triedb.HashDefaults))
	for at := h; ; {
		if at.Number.Sign() == 0 || uint64(len(path)) >= most {
			return nil, base, nil, fmt.Errorf("%w: block %v is older than what this node keeps, and no kept state is found within %d blocks below it; ask a node that keeps all states (parsd run --archive)", ErrStateGone, h.Number, most)
		}
		if err := ctx.Err(); err != nil {
			return nil, base, nil, fmt.Errorf("looking for a state below block %v: %w", h.Number, err)
		}
		block := b.bc.GetBlock(at.Hash(), at.Number.Uint64())
		if block == nil {
			return nil, base, nil, fmt.Errorf("%w: block %v is missing in the database", ErrStateGone, at.Number)
		}
		path = append(path, block)
		at = b.bc.GetHeader(at.ParentHash, at.Number.Uint64()-1)
		if at == nil {
			return nil, base, nil, fmt.Errorf("%w: the parent of block %v is missing in the database", ErrStateGone, block.Number())
		}
		db, ok := b.states.dbs.Get(at.Root)
		if !ok {
			db = disk
		}
		if _, err := state.New(at.Root, db, nil); err == nil {
			slices.Reverse(path)
			return path, at.Root, db, nil
		}
	}
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
