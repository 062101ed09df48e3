package chain

import (
	"container/heap"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/holiman/uint256"
)

// queue orders the accounts' next transactions by tip, then by arrival. An
// account's own transactions stay in the order of their nonces.
type queue struct {
	baseFee *uint256.Int
	heads   []*account
}

// account is one sender's transactions, next nonce first.
type account struct {
	from common.Address
	txs  []*txpool.LazyTransaction
	tip  *uint256.Int // of txs[0]
}

// newQueue takes what can follow st at the base fee.
func newQueue(st *state.StateDB, pending map[common.Address][]*txpool.LazyTransaction, baseFee *uint256.Int) *queue {
	q := &queue{baseFee: baseFee, heads: make([]*account, 0, len(pending))}
	for from, list := range pending {
		list = nextOf(st, from, list)
		if len(list) == 0 || list[0].GasFeeCap.Lt(baseFee) {
			continue
		}
		q.heads = append(q.heads, &account{from: from, txs: list, tip: tipOf(list[0], baseFee)})
	}
	heap.Init(q)
	return q
}

// tipOf returns what the proposer earns a gas; the fee cap is not below baseFee.
func tipOf(tx *txpool.LazyTransaction, baseFee *uint256.Int) *uint256.Int {
	tip := new(uint256.Int).Sub(tx.GasFeeCap, baseFee)
	if tx.GasTipCap.Lt(tip) {
		tip.Set(tx.GasTipCap)
	}
	return tip
}

// first returns the best transaction, or nil if none is left.
func (q *queue) first() *txpool.LazyTransaction {
	if len(q.heads) == 0 {
		return nil
	}
	return q.heads[0].txs[0]
}

// next moves to the sender's following transaction: the first one is included.
func (q *queue) next() {
	a := q.heads[0]
	a.txs = a.txs[1:]
	if len(a.txs) == 0 || a.txs[0].GasFeeCap.Lt(q.baseFee) {
		q.dropSender()
		return
	}
	a.tip = tipOf(a.txs[0], q.baseFee)
	heap.Fix(q, 0)
}

// dropSender leaves the sender of the first transaction out of this block:
// without that one none of its later ones can follow.
func (q *queue) dropSender() { heap.Pop(q) }

// Len implements heap.Interface.
func (q *queue) Len() int { return len(q.heads) }

// Less implements heap.Interface.
func (q *queue) Less(i, j int) bool {
	a, b := q.heads[i], q.heads[j]
	if c := a.tip.Cmp(b.tip); c != 0 {
		return c > 0
	}
	if !a.txs[0].Time.Equal(b.txs[0].Time) {
		return a.txs[0].Time.Before(b.txs[0].Time)
	}
	return a.from.Cmp(b.from) < 0
}

// Swap implements heap.Interface.
func (q *queue) Swap(i, j int) { q.heads[i], q.heads[j] = q.heads[j], q.heads[i] }

// Push implements heap.Interface; the queue never grows after newQueue.
func (q *queue) Push(x any) {
	if a, ok := x.(*account); ok {
		q.heads = append(q.heads, a)
	}
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := q.heads[len(q.heads)-1]
	q.heads = q.heads[:len(q.heads)-1]
	return last
}
