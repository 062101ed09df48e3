package engine

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/consensus"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rpc"
	"github.com/ava-labs/libevm/trie"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/precompile/graph"
)

// ErrUnsupported reports a call that libevm's interface has and this chain does
// not: mining, uncles and withdrawals.
var ErrUnsupported = errors.New("not supported by this chain's engine")

var _ consensus.Engine = (*Engine)(nil)

// Config holds the settings of an [Engine]. The zero value is the main network's.
type Config struct {
	// GasLimit is the gas limit of genesis and of every block; 0 means
	// params.GenesisGasLimit.
	GasLimit uint64
}

// Engine checks headers against their parents. It is immutable and safe for
// concurrent use.
type Engine struct {
	gasLimit uint64
}

// New returns an engine for a chain with the given settings.
func New(c Config) *Engine {
	if c.GasLimit == 0 {
		c.GasLimit = params.GenesisGasLimit
	}
	return &Engine{gasLimit: c.GasLimit}
}

// GasLimit returns the gas limit of every block.
func (e *Engine) GasLimit() uint64 { return e.gasLimit }

// Author returns the address that receives the block's tips. Who made the block
// is [Extra]'s Proposer.
func (*Engine) Author(h *types.Header) (common.Address, error) { return h.Coinbase, nil }

// VerifyHeader runs [Engine.CheckHeader] with the parent that chain knows.
func (e *Engine) VerifyHeader(chain consensus.ChainHeaderReader, h *types.Header) error {
	return e.verifyHeader(chain, nil, h)
}

// VerifyHeaders checks the headers in order and sends one result for each. A
// header's parent may be the one before it. It never starts a goroutine that
// outlives a caller who stops reading: the results fit the channel.
func (e *Engine) VerifyHeaders(chain consensus.ChainHeaderReader, hs []*types.Header) (chan<- struct{}, <-chan error) {
	results := make(chan error, len(hs))
	var before *types.Header
	for _, h := range hs {
		results <- e.verifyHeader(chain, before, h)
		before = h
	}
	return make(chan struct{}, 1), results
}

func (e *Engine) verifyHeader(chain consensus.ChainHeaderReader, before, h *types.Header) error {
	if h.Number == nil || !h.Number.IsUint64() {
		return fmt.Errorf("%w: got %v, want a number below 2^64", ErrNumber, h.Number)
	}
	if h.Number.Sign() == 0 {
		return verifyGenesis(chain, h)
	}
	parent := before
	if parent == nil || parent.Hash() != h.ParentHash {
		parent = chain.GetHeader(h.ParentHash, h.Number.Uint64()-1)
	}
	if parent == nil {
		return consensus.ErrUnknownAncestor
	}
	return e.CheckHeader(parent, h)
}

// verifyGenesis accepts one header with number 0: the chain's own.
func verifyGenesis(chain consensus.ChainHeaderReader, h *types.Header) error {
	genesis := chain.GetHeaderByNumber(0)
	if genesis == nil || genesis.Hash() != h.Hash() {
		return fmt.Errorf("%w: got a block 0 that is not this chain's genesis", ErrNumber)
	}
	return nil
}

// VerifyUncles refuses every uncle.
func (*Engine) VerifyUncles(_ consensus.ChainReader, b *types.Block) error {
	if n := len(b.Uncles()); n > 0 {
		return fmt.Errorf("%w: got %d uncles, want none", ErrUnused, n)
	}
	return nil
}

// Prepare sets what follows from the parent and from h.Extra, which must hold
// time, P-Chain height, proposer and reveal. Builders use [Engine.Draft].
func (e *Engine) Prepare(chain consensus.ChainHeaderReader, h *types.Header) error {
	x, err := ParseExtra(h.Extra)
	if err != nil {
		return err
	}
	if h.Number == nil || !h.Number.IsUint64() || h.Number.Sign() == 0 {
		return fmt.Errorf("%w: got %v, want a number above 0", ErrNumber, h.Number)
	}
	parent := chain.GetHeader(h.ParentHash, h.Number.Uint64()-1)
	if parent == nil {
		return consensus.ErrUnknownAncestor
	}
	e.fill(parent, h, x)
	return nil
}

// Finalize mints nothing. It leaves what queries can know of this block in the
// Graph contract's storage. The withdrawals of a valid block are an empty list,
// which its header's root pins.
func (*Engine) Finalize(_ consensus.ChainHeaderReader, h *types.Header, st *state.StateDB, _ []*types.Transaction, _ []*types.Header, _ []*types.Withdrawal) {
	record(h, st)
}

// record is the last change of state in a block (spec/graph.md, section 6).
func record(h *types.Header, st *state.StateDB) {
	var proposer ids.NodeID
	if x, err := ParseExtra(h.Extra); err == nil { // a verified header's parses
		proposer = x.Proposer
	}
	graph.Record(st, h, TimeMs(h), proposer)
}

// FinalizeAndAssemble sets the state root and assembles the block.
func (*Engine) FinalizeAndAssemble(_ consensus.ChainHeaderReader, h *types.Header, st *state.StateDB, txs []*types.Transaction, uncles []*types.Header, receipts []*types.Receipt, withdrawals []*types.Withdrawal) (*types.Block, error) {
	if len(uncles) > 0 || len(withdrawals) > 0 {
		return nil, fmt.Errorf("%w: got %d uncles and %d withdrawals", ErrUnsupported, len(uncles), len(withdrawals))
	}
	record(h, st)
	h.Root = st.IntermediateRoot(true)
	return types.NewBlockWithWithdrawals(h, txs, nil, receipts, []*types.Withdrawal{}, trie.NewStackTrie(nil)), nil
}

// Seal is libevm's asynchronous sealing for miners. Blocks here are sealed by
// [SealBlock], so it returns [ErrUnsupported].
func (*Engine) Seal(consensus.ChainHeaderReader, *types.Block, chan<- *types.Block, <-chan struct{}) error {
	return fmt.Errorf("sealing by miner: %w; use SealBlock", ErrUnsupported)
}

// SealHash returns [SealHash] of h, or zeros if h has no valid extra data.
func (*Engine) SealHash(h *types.Header) common.Hash {
	hash, err := SealHash(h)
	if err != nil {
		return common.Hash{}
	}
	return hash
}

// CalcDifficulty returns 0, the one difficulty of this chain.
func (*Engine) CalcDifficulty(consensus.ChainHeaderReader, uint64, *types.Header) *big.Int {
	return new(big.Int)
}

// APIs returns none.
func (*Engine) APIs(consensus.ChainHeaderReader) []rpc.API { return nil }

// Close has nothing to release.
func (*Engine) Close() error { return nil }
