package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"
	ethrpc "github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// maxBlockTimes bounds the blocks of one pars_getBlockTimes.
const maxBlockTimes = 1024

var errNoConsensus = errors.New("this node runs without a validator set, so it can't tell; ask a node of the network")

// parsAPI is the pars namespace: what this chain has and Ethereum has not.
// Numbers are JSON numbers where they fit in 53 bits, and hashes are hex.
type parsAPI struct{ b *backend }

// NodeInfo describes the node (pars_nodeInfo).
func (a parsAPI) NodeInfo() NodeInfo { return a.b.nodeInfo() }

// Parameters are the chain's constants, as pars_parameters answers them.
type Parameters struct {
	ChainID uint64 `json:"chainId"`
	// Milliseconds; see package params.
	BlockSpacingMs   uint64 `json:"blockSpacingMs"`
	WindowMs         uint64 `json:"windowMs"`
	ClockToleranceMs uint64 `json:"clockToleranceMs"`
	HeartbeatMs      uint64 `json:"heartbeatMs"`
	BaseFeePeriodMs  uint64 `json:"baseFeePeriodMs"`
	// GasLimit is that of the latest block.
	GasLimit uint64 `json:"gasLimit"`
	// MinBaseFee is in wei.
	MinBaseFee uint64 `json:"minBaseFee"`
}

// Parameters returns the chain's constants (pars_parameters).
func (a parsAPI) Parameters() Parameters {
	return Parameters{
		ChainID:          a.b.bc.Config().ChainID.Uint64(),
		BlockSpacingMs:   params.BlockSpacingMs,
		WindowMs:         params.WindowMs,
		ClockToleranceMs: params.ClockToleranceMs,
		HeartbeatMs:      params.HeartbeatMs,
		BaseFeePeriodMs:  params.BaseFeePeriodMs,
		GasLimit:         a.b.bc.CurrentBlock().GasLimit,
		MinBaseFee:       params.MinBaseFee,
	}
}

// BlockTime is when a block was made, and by whom.
type BlockTime struct {
	Number uint64      `json:"number"`
	Hash   common.Hash `json:"hash"`
	// TimeMs is the block's time in milliseconds since 1970.
	TimeMs uint64 `json:"timeMs"`
	// GapMs is the time since its parent; 0 for genesis.
	GapMs uint64 `json:"gapMs"`
	// Proposer is empty for genesis.
	Proposer string `json:"proposer,omitempty"`
	// Transactions is how many the block has.
	Transactions int    `json:"transactions"`
	GasUsed      uint64 `json:"gasUsed"`
}

// GetBlockTimes returns the times of the blocks from one number to another, both
// included, at most 1024 (pars_getBlockTimes). Without to, from is the only one.
func (a parsAPI) GetBlockTimes(ctx context.Context, from ethrpc.BlockNumber, to *ethrpc.BlockNumber) ([]BlockTime, error) {
	first, err := a.accepted(ctx, ethrpc.BlockNumberOrHashWithNumber(from))
	if err != nil {
		return nil, err
	}
	last := first
	if to != nil {
		if last, err = a.accepted(ctx, ethrpc.BlockNumberOrHashWithNumber(*to)); err != nil {
			return nil, err
		}
	}
	lo, hi := first.Number.Uint64(), last.Number.Uint64()
	if lo > hi {
		return nil, fmt.Errorf("invalid block range: from %d is after to %d", lo, hi)
	}
	if n := hi - lo + 1; n > maxBlockTimes {
		return nil, fmt.Errorf("query spans %d blocks, want at most %d; ask for a part at a time", n, maxBlockTimes)
	}
	out := make([]BlockTime, 0, hi-lo+1)
	var parentMs uint64
	if lo > 0 {
		if h := a.b.bc.GetHeaderByNumber(lo - 1); h != nil {
			parentMs = engine.TimeMs(h)
		}
	}
	for n := lo; n <= hi; n++ {
		block := a.b.bc.GetBlockByNumber(n)
		if block == nil {
			return nil, fmt.Errorf("block %d is missing in the database", n)
		}
		h := block.Header()
		t := BlockTime{
			Number:       n,
			Hash:         block.Hash(),
			TimeMs:       engine.TimeMs(h),
			Transactions: len(block.Transactions()),
			GasUsed:      h.GasUsed,
		}
		if n > 0 {
			t.GapMs = t.TimeMs - parentMs
			if x, err := engine.ExtraOf(h); err == nil {
				t.Proposer = x.Proposer.String()
			}
		}
		parentMs = t.TimeMs
		out = append(out, t)
	}
	return out, nil
}

// BlockExtra is the decoded extra data of a header.
type BlockExtra struct {
	Number uint64      `json:"number"`
	Hash   common.Hash `json:"hash"`
	// TimeMs is the block's time in milliseconds since 1970.
	TimeMs uint64 `json:"timeMs"`
	// PChainHeight is where the validator set of the next block is read.
	PChainHeight uint64 `json:"pChainHeight"`
	Proposer     string `json:"proposer,omitempty"`
	// Reveal and Seal are BLS signatures of 96 bytes; genesis has none.
	Reveal hexutil.Bytes `json:"reveal,omitempty"`
	Seal   hexutil.Bytes `json:"seal,omitempty"`
	// Randomness is the header's MixDigest, which PREVRANDAO reads.
	Randomness common.Hash `json:"randomness"`
}

// GetBlockExtra returns the decoded extra data of a block (pars_getBlockExtra).
func (a parsAPI) GetBlockExtra(ctx context.Context, block *ethrpc.BlockNumberOrHash) (*BlockExtra, error) {
	h, err := a.accepted(ctx, orLatest(block))
	if err != nil {
		return nil, err
	}
	x, err := engine.ExtraOf(h)
	if err != nil {
		return nil, err
	}
	out := &BlockExtra{
		Number:       h.Number.Uint64(),
		Hash:         h.Hash(),
		TimeMs:       x.TimeMs,
		PChainHeight: x.PChainHeight,
		Randomness:   h.MixDigest,
	}
	if out.Number > 0 {
		out.Proposer = x.Proposer.String()
		out.Reveal, out.Seal = x.Reveal[:], x.Seal[:]
	}
	return out, nil
}

// Validators returns the set that may propose the child of a block; of the
// latest without an argument (pars_validators).
func (a parsAPI) Validators(ctx context.Context, block *ethrpc.BlockNumberOrHash) ([]Validator, error) {
	return ask(ctx, a, block, func(c Consensus, h *types.Header) ([]Validator, error) { return c.Validators(ctx, h) })
}

// Schedule returns who may propose the child of a block and from when; of the
// latest without an argument (pars_schedule).
func (a parsAPI) Schedule(ctx context.Context, block *ethrpc.BlockNumberOrHash) ([]Slot, error) {
	return ask(ctx, a, block, func(c Consensus, h *types.Header) ([]Slot, error) { return c.Schedule(ctx, h) })
}

// GetEquivocations returns the evidence of double proposals that this node has
// (pars_getEquivocations).
func (a parsAPI) GetEquivocations(ctx context.Context) ([]Equivocation, error) {
	latest := ethrpc.BlockNumberOrHashWithNumber(ethrpc.LatestBlockNumber)
	return ask(ctx, a, &latest, func(c Consensus, _ *types.Header) ([]Equivocation, error) { return c.Equivocations(ctx) })
}

// ask puts a question about a block to the chain's consensus. It answers an
// empty list as [], never as null.
func ask[T any](ctx context.Context, a parsAPI, block *ethrpc.BlockNumberOrHash, question func(Consensus, *types.Header) ([]T, error)) ([]T, error) {
	if a.b.chain.Consensus == nil {
		return nil, errNoConsensus
	}
	h, err := a.accepted(ctx, orLatest(block))
	if err != nil {
		return nil, err
	}
	out, err := question(a.b.chain.Consensus, h)
	if err == nil && out == nil {
		out = []T{}
	}
	return out, err
}

// accepted resolves a block that exists; pending counts as the latest.
func (a parsAPI) accepted(ctx context.Context, which ethrpc.BlockNumberOrHash) (*types.Header, error) {
	if number, ok := which.Number(); ok && number == ethrpc.PendingBlockNumber {
		return a.b.bc.CurrentBlock(), nil
	}
	h, err := a.b.HeaderByNumberOrHash(ctx, which)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("block %s not found; the latest is %v", which.String(), a.b.bc.CurrentBlock().Number)
	}
	return h, nil
}

func orLatest(block *ethrpc.BlockNumberOrHash) ethrpc.BlockNumberOrHash {
	if block != nil {
		return *block
	}
	return ethrpc.BlockNumberOrHashWithNumber(ethrpc.LatestBlockNumber)
}
