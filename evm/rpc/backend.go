package rpc

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/accounts"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/consensus"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/eth/gasprice"
	"github.com/ava-labs/libevm/eth/tracers"
	"github.com/ava-labs/libevm/ethdb"
	"github.com/ava-labs/libevm/event"
	"github.com/ava-labs/libevm/libevm/ethapi"
	ethparams "github.com/ava-labs/libevm/params"
	ethrpc "github.com/ava-labs/libevm/rpc"
)

var (
	_ ethapi.Backend  = (*backend)(nil)
	_ tracers.Backend = (*backend)(nil)
)

var errNoSelector = errors.New("invalid arguments; neither block nor hash specified")

// backend answers libevm's API packages from the [Chain]. It shows accepted
// blocks only: libevm also stores blocks that consensus has yet to decide, and
// finds them by hash.
type backend struct {
	cfg    Config
	chain  Chain
	bc     *core.BlockChain
	am     *accounts.Manager
	oracle *gasprice.Oracle
	bloom  *bloomIndex
	states *stateCache

	// subs ends every subscription that libevm's packages hold on the chain.
	subs event.SubscriptionScope
	// oracleHeads is the channel that the oracle ranges over; closing it ends
	// the oracle's goroutine.
	oracleHeads chan<- core.ChainHeadEvent
}

func newBackend(cfg Config, chain Chain) *backend {
	b := &backend{
		cfg:    cfg,
		chain:  chain,
		bc:     chain.BlockChain,
		am:     accounts.NewManager(&accounts.Config{}),
		bloom:  newBloomIndex(chain.DB, chain.BlockChain, cfg.bloomSection),
		states: newStateCache(),
	}
	b.oracle = newOracle(b)
	return b
}

// close ends everything the backend started. No API may use it any more.
func (b *backend) close() error {
	b.subs.Close()
	close(b.oracleHeads)
	return errors.Join(b.bloom.close(), b.am.Close())
}

// canonical returns h if it is a block of the accepted chain, else nil.
func (b *backend) canonical(h *types.Header) *types.Header {
	if h == nil || h.Number.Cmp(b.bc.CurrentBlock().Number) > 0 || b.bc.GetCanonicalHash(h.Number.Uint64()) != h.Hash() {
		return nil
	}
	return h
}

func (b *backend) HeaderByNumber(_ context.Context, number ethrpc.BlockNumber) (*types.Header, error) {
	switch number {
	case ethrpc.PendingBlockNumber:
		return b.pendingHeader(), nil
	case ethrpc.LatestBlockNumber, ethrpc.SafeBlockNumber, ethrpc.FinalizedBlockNumber:
		return b.bc.CurrentBlock(), nil
	case ethrpc.EarliestBlockNumber:
		return b.bc.Genesis().Header(), nil
	}
	if number < 0 {
		return nil, fmt.Errorf("block tag %d is unknown", number)
	}
	return b.canonical(b.bc.GetHeaderByNumber(uint64(number))), nil
}

func (b *backend) HeaderByHash(_ context.Context, hash common.Hash) (*types.Header, error) {
	return b.canonical(b.bc.GetHeaderByHash(hash)), nil
}

func (b *backend) HeaderByNumberOrHash(ctx context.Context, which ethrpc.BlockNumberOrHash) (*types.Header, error) {
	if number, ok := which.Number(); ok {
		return b.HeaderByNumber(ctx, number)
	}
	hash, ok := which.Hash()
	if !ok {
		return nil, errNoSelector
	}
	h, err := b.HeaderByHash(ctx, hash)
	if err == nil && h == nil {
		err = fmt.Errorf("header of block %v not found", hash)
	}
	return h, err
}

func (b *backend) CurrentHeader() *types.Header { return b.bc.CurrentBlock() }
func (b *backend) CurrentBlock() *types.Header  { return b.bc.CurrentBlock() }

func (b *backend) BlockByNumber(ctx context.Context, number ethrpc.BlockNumber) (*types.Block, error) {
	if number == ethrpc.PendingBlockNumber {
		return types.NewBlockWithHeader(b.pendingHeader()), nil
	}
	h, err := b.HeaderByNumber(ctx, number)
	if h == nil || err != nil {
		return nil, err
	}
	return b.bc.GetBlock(h.Hash(), h.Number.Uint64()), nil
}

func (b *backend) BlockByHash(ctx context.Context, hash common.Hash) (*types.Block, error) {
	h, err := b.HeaderByHash(ctx, hash)
	if h == nil || err != nil {
		return nil, err
	}
	return b.bc.GetBlock(hash, h.Number.Uint64()), nil
}

func (b *backend) BlockByNumberOrHash(ctx context.Context, which ethrpc.BlockNumberOrHash) (*types.Block, error) {
	if number, ok := which.Number(); ok {
		return b.BlockByNumber(ctx, number)
	}
	hash, ok := which.Hash()
	if !ok {
		return nil, errNoSelector
	}
	block, err := b.BlockByHash(ctx, hash)
	if err == nil && block == nil {
		err = fmt.Errorf("block %v not found", hash)
	}
	return block, err
}

func (b *backend) GetBody(ctx context.Context, hash common.Hash, _ ethrpc.BlockNumber) (*types.Body, error) {
	block, err := b.BlockByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	if block == nil {
		return nil, fmt.Errorf("body of block %v not found", hash)
	}
	return block.Body(), nil
}

func (b *backend) GetReceipts(ctx context.Context, hash common.Hash) (types.Receipts, error) {
	h, err := b.HeaderByHash(ctx, hash)
	if h == nil || err != nil {
		return nil, err
	}
	return b.bc.GetReceiptsByHash(hash), nil
}

func (b *backend) GetLogs(ctx context.Context, hash common.Hash, number uint64) ([][]*types.Log, error) {
	h, err := b.HeaderByHash(ctx, hash)
	if h == nil || err != nil {
		return nil, err
	}
	return rawdb.ReadLogs(b.chain.DB, hash, number), nil
}

func (b *backend) GetTd(_ context.Context, hash common.Hash) *big.Int {
	h := b.bc.GetHeaderByHash(hash)
	if h == nil {
		return nil
	}
	return b.bc.GetTd(hash, h.Number.Uint64())
}

// GetTransaction finds a transaction of an accepted block. libevm writes the
// index of a block's transactions just before the block becomes its head; in
// between, they are still pending.
//
// libevm's error for an unknown transaction is dropped: it says that the index
// may be incomplete, as it does until the first block. On this chain every
// accepted block is in the index, and clients take the error for a failure.
func (b *backend) GetTransaction(ctx context.Context, hash common.Hash) (bool, *types.Transaction, common.Hash, uint64, uint64, error) {
	lookup, tx, err := b.bc.GetTransactionLookup(hash)
	if err != nil || lookup == nil || tx == nil {
		return false, nil, common.Hash{}, 0, 0, nil //nolint:nilerr // see above
	}
	if h, err := b.HeaderByHash(ctx, lookup.BlockHash); h == nil || err != nil {
		return false, nil, common.Hash{}, 0, 0, err
	}
	return true, tx, lookup.BlockHash, lookup.BlockIndex, lookup.Index, nil
}

func (b *backend) GetEVM(_ context.Context, msg *core.Message, st *state.StateDB, h *types.Header, cfg *vm.Config, block *vm.BlockContext) *vm.EVM {
	if cfg == nil {
		cfg = b.bc.GetVMConfig()
	}
	if block == nil {
		c := core.NewEVMBlockContext(h, b.bc, nil)
		block = &c
	}
	return vm.NewEVM(*block, core.NewEVMTxContext(msg), st, b.bc.Config(), *cfg)
}

func (b *backend) SyncProgress() ethereum.SyncProgress {
	if b.chain.Node == nil {
		return ethereum.SyncProgress{}
	}
	highest, syncing := b.chain.Node.Syncing()
	if !syncing {
		return ethereum.SyncProgress{}
	}
	current := b.bc.CurrentBlock().Number.Uint64()
	return ethereum.SyncProgress{
		CurrentBlock: current,
		// Equal numbers would read as "done".
		HighestBlock: max(highest, current+1),
	}
}

func (b *backend) ChainDb() ethdb.Database             { return b.chain.DB }
func (b *backend) AccountManager() *accounts.Manager   { return b.am }
func (b *backend) ExtRPCEnabled() bool                 { return true }
func (b *backend) RPCGasCap() uint64                   { return b.cfg.GasCap }
func (b *backend) RPCEVMTimeout() time.Duration        { return b.cfg.EVMTimeout }
func (b *backend) RPCTxFeeCap() float64                { return b.cfg.TxFeeCap }
func (b *backend) UnprotectedAllowed() bool            { return false }
func (b *backend) ChainConfig() *ethparams.ChainConfig { return b.bc.Config() }
func (b *backend) Engine() consensus.Engine            { return b.bc.Engine() }

// SetHead is part of the interface for debug_setHead, which is not served: an
// accepted block can't be taken back.
func (b *backend) SetHead(uint64) {}

func (b *backend) SubscribeChainEvent(ch chan<- core.ChainEvent) event.Subscription {
	return b.subs.Track(b.bc.SubscribeChainEvent(ch))
}

// SubscribeChainHeadEvent has one caller, the gas price oracle, which never
// unsubscribes; close ends it through the channel.
func (b *backend) SubscribeChainHeadEvent(ch chan<- core.ChainHeadEvent) event.Subscription {
	b.oracleHeads = ch
	return b.subs.Track(b.bc.SubscribeChainHeadEvent(ch))
}

func (b *backend) SubscribeLogsEvent(ch chan<- []*types.Log) event.Subscription {
	return b.subs.Track(b.bc.SubscribeLogsEvent(ch))
}

func (b *backend) SubscribeNewTxsEvent(ch chan<- core.NewTxsEvent) event.Subscription {
	return b.subs.Track(b.chain.TxPool.SubscribeTransactions(ch, true))
}

// The chain has no side blocks, removed logs or pending logs.

func (b *backend) SubscribeChainSideEvent(chan<- core.ChainSideEvent) event.Subscription {
	return b.subs.Track(b.none())
}

func (b *backend) SubscribeRemovedLogsEvent(chan<- core.RemovedLogsEvent) event.Subscription {
	return b.subs.Track(b.none())
}

func (b *backend) SubscribePendingLogsEvent(chan<- []*types.Log) event.Subscription {
	return b.subs.Track(b.none())
}

// none returns a subscription that waits for its end.
func (*backend) none() event.Subscription {
	return event.NewSubscription(func(quit <-chan struct{}) error {
		<-quit
		return nil
	})
}
