package rpc

import (
	"context"
	"math/big"

	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/gasprice"
	ethparams "github.com/ava-labs/libevm/params"
	ethrpc "github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// pendingHeader returns the header that the next block would have if it were
// built now without transactions. Its seal, reveal, proposer and randomness are
// not known yet: Extra and Coinbase are empty and MixDigest is the parent's.
func (b *backend) pendingHeader() *types.Header {
	parent := b.bc.CurrentBlock()
	ms := b.pendingMs(parent)
	h := types.CopyHeader(parent)
	h.ParentHash = parent.Hash()
	h.Number.Add(h.Number, big.NewInt(1))
	h.Time = ms / 1000
	h.BaseFee = engine.BaseFee(parent, ms)
	h.GasUsed = 0
	h.Bloom = types.Bloom{}
	h.TxHash, h.ReceiptHash = types.EmptyTxsHash, types.EmptyReceiptsHash
	h.Coinbase = [20]byte{}
	h.Extra = nil
	return h
}

// pendingMs is the time of a block on parent that is built now, in milliseconds.
func (b *backend) pendingMs(parent *types.Header) uint64 {
	now := uint64(max(0, b.cfg.Now().UnixMilli()))
	return max(now, engine.TimeMs(parent)+params.BlockSpacingMs)
}

// PendingBlockAndReceipts returns the pending header as a block. There are no
// receipts, because the pool's transactions are not executed ahead of time.
func (b *backend) PendingBlockAndReceipts() (*types.Block, types.Receipts) {
	return types.NewBlockWithHeader(b.pendingHeader()), types.Receipts{}
}

func newOracle(b *backend) *gasprice.Oracle {
	return gasprice.NewOracle(b, gasprice.Config{
		Blocks:           20,
		Percentile:       60,
		MaxHeaderHistory: 1024,
		MaxBlockHistory:  1024,
		Default:          b.cfg.DefaultTip,
		MaxPrice:         big.NewInt(500 * ethparams.GWei),
		IgnorePrice:      big.NewInt(2),
	})
}

func (b *backend) SuggestGasTipCap(ctx context.Context) (*big.Int, error) {
	return b.oracle.SuggestTipCap(ctx)
}

// FeeHistory is the oracle's, but for the base fees: the oracle works out that
// of each next block by Ethereum's rule, which knows no time. Here they are read
// from the headers, and that of a block still to come is what it would be now.
func (b *backend) FeeHistory(ctx context.Context, blocks uint64, last ethrpc.BlockNumber, percentiles []float64) (*big.Int, [][]*big.Int, []*big.Int, []float64, error) {
	oldest, rewards, fees, ratios, err := b.oracle.FeeHistory(ctx, blocks, last, percentiles)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	var (
		head = b.bc.CurrentBlock()
		next = b.pendingHeader()
	)
	for i := range fees {
		number := oldest.Uint64() + uint64(i)
		switch {
		case number <= head.Number.Uint64():
			if h := b.bc.GetHeaderByNumber(number); h != nil && h.BaseFee != nil {
				fees[i] = h.BaseFee
			}
		case number == next.Number.Uint64():
			fees[i] = next.BaseFee
		default: // the block after the pending one
			fees[i] = engine.BaseFee(next, 0)
		}
	}
	return oldest, rewards, fees, ratios, nil
}
