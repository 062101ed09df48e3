package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"
	"github.com/ava-labs/libevm/trie"

	"github.com/pars-network/pars/evm/engine"
)

// MaxBlockBytes bounds a block's RLP. A message between nodes holds 2 MiB; the
// rest is left for its envelope. Larger blocks are invalid everywhere.
const MaxBlockBytes = 2<<20 - 64<<10

// ErrMalformed reports bytes that are no block of this chain.
var ErrMalformed = errors.New("chain: malformed block")

// ParseBlock reads a block without judging it: it bounds the size before it
// decodes, requires the one encoding of the block, and checks that the body is
// the header's. Time and validity are Verify's. Transactions that the pool knows
// are taken from there, because the pool has recovered their senders.
func (vm *VM) ParseBlock(_ context.Context, raw []byte) (snowman.Block, error) {
	eth, err := parseEthBlock(raw, vm.pool.Get)
	if err == nil && eth.NumberU64() == 0 && eth.Hash() != vm.bc.Genesis().Hash() {
		err = fmt.Errorf("%w: got a block 0 that is not genesis %s", ErrMalformed, vm.bc.Genesis().Hash())
	}
	if err != nil {
		vm.noteMalformed(raw, err)
		return nil, err
	}
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if b, ok := vm.processing[ids.ID(eth.Hash())]; ok {
		return b, nil
	}
	return vm.newBlock(eth, bytes.Clone(raw)), nil
}

// parseEthBlock reads a block; known returns the pool's copy of a transaction or
// nil.
func parseEthBlock(raw []byte, known func(common.Hash) *types.Transaction) (*types.Block, error) {
	if len(raw) > MaxBlockBytes {
		return nil, fmt.Errorf("%w: got %d bytes, want at most %d", ErrMalformed, len(raw), MaxBlockBytes)
	}
	eth := new(types.Block)
	if err := rlp.DecodeBytes(raw, eth); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkShape(eth); err != nil {
		return nil, err
	}
	again, err := rlp.EncodeToBytes(eth)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(raw, again) {
		return nil, fmt.Errorf("%w: its bytes are not the block's one encoding", ErrMalformed)
	}
	return withKnownTransactions(eth, known), nil
}

// checkShape bounds the header's fields and compares the body with its hashes.
func checkShape(eth *types.Block) error {
	h := eth.Header()
	if err := h.SanityCheck(); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if h.Number.Sign() > 0 {
		if _, err := engine.ParseExtra(h.Extra); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	if n := len(eth.Uncles()); n != 0 || h.UncleHash != types.EmptyUncleHash {
		return fmt.Errorf("%w: got %d uncles and uncle hash %s, want none", ErrMalformed, n, h.UncleHash)
	}
	if got := types.DeriveSha(eth.Transactions(), trie.NewStackTrie(nil)); got != h.TxHash {
		return fmt.Errorf("%w: the transactions' root is %s, the header says %s", ErrMalformed, got, h.TxHash)
	}
	if eth.Withdrawals() == nil || len(eth.Withdrawals()) != 0 || h.WithdrawalsHash == nil || *h.WithdrawalsHash != types.EmptyWithdrawalsHash {
		return fmt.Errorf("%w: withdrawals must be an empty list", ErrMalformed)
	}
	for i, tx := range eth.Transactions() {
		if tx.Type() == types.BlobTxType {
			return fmt.Errorf("%w: transaction %d carries blobs, which are off", ErrMalformed, i)
		}
	}
	return nil
}

// withKnownTransactions replaces transactions by equal ones whose senders are
// recovered already.
func withKnownTransactions(eth *types.Block, known func(common.Hash) *types.Transaction) *types.Block {
	txs := make([]*types.Transaction, 0, len(eth.Transactions()))
	found := false
	for _, tx := range eth.Transactions() {
		if have := known(tx.Hash()); have != nil {
			tx, found = have, true
		}
		txs = append(txs, tx)
	}
	if !found {
		return eth
	}
	return types.NewBlockWithHeader(eth.Header()).
		WithBody(types.Body{Transactions: txs}).
		WithWithdrawals([]*types.Withdrawal{})
}
