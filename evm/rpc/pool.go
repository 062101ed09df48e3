package rpc

import (
	"context"
	"fmt"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
)

// SendTx hands a client's transaction to the chain. Checks of form and fee cap
// are done by then.
func (b *backend) SendTx(ctx context.Context, tx *types.Transaction) error {
	if b.chain.Submit != nil {
		return b.chain.Submit(ctx, tx)
	}
	const local, sync = true, true
	return b.chain.TxPool.Add([]*types.Transaction{tx}, local, sync)[0]
}

func (b *backend) GetPoolTransactions() (types.Transactions, error) {
	var txs types.Transactions
	for _, batch := range b.chain.TxPool.Pending(txpool.PendingFilter{}) {
		for _, lazy := range batch {
			if tx := lazy.Resolve(); tx != nil {
				txs = append(txs, tx)
			}
		}
	}
	return txs, nil
}

func (b *backend) GetPoolTransaction(hash common.Hash) *types.Transaction {
	return b.chain.TxPool.Get(hash)
}

// GetPoolNonce returns the account's next nonce after its transactions in the
// pool. The pool follows a new block a moment later than the state does, so its
// answer may be behind the state, but never the client's.
func (b *backend) GetPoolNonce(_ context.Context, addr common.Address) (uint64, error) {
	st, err := b.bc.State()
	if err != nil {
		return 0, fmt.Errorf("reading the latest state: %w", err)
	}
	return max(b.chain.TxPool.Nonce(addr), st.GetNonce(addr)), nil
}

func (b *backend) Stats() (pending, queued int) { return b.chain.TxPool.Stats() }

func (b *backend) TxPoolContent() (pending, queued map[common.Address][]*types.Transaction) {
	return b.chain.TxPool.Content()
}

func (b *backend) TxPoolContentFrom(addr common.Address) (pending, queued []*types.Transaction) {
	return b.chain.TxPool.ContentFrom(addr)
}
