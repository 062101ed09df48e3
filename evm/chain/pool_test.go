package chain

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/utils/set"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// What Submit has answered outlives a killed process.
func TestSubmittedTransactionsSurviveAKill(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	var want []common.Hash
	for range 5 {
		tx := net.transfer(0)
		give(t, tx, n)
		want = append(want, tx.Hash())
	}
	back := net.node(0)
	back.dir = n.dir // n is not shut down: nothing is flushed at the end
	back.store = copyStore(t, n.store)
	back.start()
	for _, h := range want {
		if !back.pool.Has(h) {
			t.Errorf("transaction %s is lost", h)
		}
	}
	b := back.build()
	if got := len(b.EthBlock().Transactions()); got != 5 {
		t.Errorf("the next block holds %d transactions, want 5", got)
	}
}

func TestSubmitTellsWhatIsWrong(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	tx := net.transfer(0)
	give(t, tx, n)
	if err := n.Submit(context.Background(), tx); err == nil {
		t.Error("a transaction was taken twice")
	}
	wrong := must(types.SignNewTx(net.accounts[0], types.LatestSignerForChainID(big.NewInt(1)), &types.DynamicFeeTx{
		ChainID: big.NewInt(1), Nonce: 1, Gas: 21000, To: &common.Address{}, GasFeeCap: big.NewInt(2e9),
	}))(t)
	if err := n.Submit(context.Background(), wrong); err == nil {
		t.Error("a transaction of another chain was taken")
	}
	low := must(types.SignNewTx(net.accounts[1], net.signer, &types.LegacyTx{Gas: 21000, To: &common.Address{}, GasPrice: big.NewInt(2e9), Nonce: 0, Value: params.Supply()}))(t)
	if err := n.Submit(context.Background(), low); !errors.Is(err, core.ErrInsufficientFunds) {
		t.Errorf("Submit without the funds = %v, want %v", err, core.ErrInsufficientFunds)
	}
}

func TestBlocksAreOrderedByTipThenArrival(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	var arrival []common.Hash
	for _, p := range []struct {
		account int
		tip     int64
	}{{0, 3}, {1, 9}, {2, 3}, {3, 5}, {1, 1}, {4, 3}} {
		tx := net.pay(p.account, 5_000_000_000, p.tip)
		give(t, tx, n)
		arrival = append(arrival, tx.Hash())
	}
	want := []common.Hash{arrival[1], arrival[3], arrival[0], arrival[2], arrival[5], arrival[4]}
	var got []common.Hash
	for _, tx := range n.build().EthBlock().Transactions() {
		got = append(got, tx.Hash())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the block's order is %v, want %v", got, want)
	}
}

// A block never exceeds its gas limit or what a message can carry.
func TestBlocksStayWithinGasAndBytes(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	for i := range 20 {
		key := net.accounts[i%10]
		tx := must(types.SignNewTx(key, net.signer, &types.DynamicFeeTx{
			ChainID: big.NewInt(int64(params.Dev.ID)), Nonce: uint64(i / 10), Gas: 600_000, To: &common.Address{1},
			GasFeeCap: big.NewInt(3e9), GasTipCap: big.NewInt(1e9), Data: make([]byte, 120_000),
		}))(t)
		give(t, tx, n)
	}
	total := 0
	for total < 20 {
		b := n.build()
		if len(b.Bytes()) > MaxBlockBytes {
			t.Fatalf("a block of %d bytes", len(b.Bytes()))
		}
		if len(b.eth.Transactions()) == 0 {
			t.Fatal("an empty block while transactions wait")
		}
		total += len(b.eth.Transactions())
		n.adopt(b)
	}
	if n.height() < 2 {
		t.Errorf("2.4 MB of transactions fitted into %d block", n.height())
	}

	net = newTestNet(t, 1, genesis.Options{GasLimit: 5_000_000})
	n = net.node(0).start()
	for i := range 400 {
		give(t, net.transfer(i%10), n)
	}
	b := n.build()
	if got, want := len(b.eth.Transactions()), 5_000_000/21_000; got != want {
		t.Errorf("a block of 5,000,000 gas holds %d transfers, want %d", got, want)
	}
	n.adopt(b)
}

// A local transaction that pays less than the base fee must not be taken for a
// generous one.
func TestATransactionBelowTheBaseFeeWaits(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{BaseFee: big.NewInt(4_000_000_000)})
	n := net.node(0).start()
	cheap, fair := net.pay(0, 1_500_000_000, 1_000_000_000), net.pay(1, 9_000_000_000, 1)
	give(t, cheap, n)
	give(t, fair, n)
	st := must(n.bc.State())(t)
	if q := newQueue(st, n.pool.Pending(txpool.PendingFilter{}), uint256.NewInt(4_000_000_000)); q.Len() != 1 {
		t.Errorf("%d accounts can pay the base fee, want 1", q.Len())
	}
	b := n.build()
	if txs := b.eth.Transactions(); len(txs) != 1 || txs[0].Hash() != fair.Hash() {
		t.Errorf("the block holds %d transactions, want only the one that pays the base fee", len(txs))
	}
	n.adopt(b)
}

// wire carries gossip from one node to another.
type wire struct {
	mu sync.Mutex
	to *testNode
}

func (w *wire) SendAppGossip(ctx context.Context, _ snowcommon.SendConfig, msg []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to == nil {
		return nil
	}
	return w.to.AppGossip(ctx, ids.NodeID{1}, msg)
}

func (*wire) SendAppRequest(context.Context, set.Set[ids.NodeID], uint32, []byte) error { return nil }
func (*wire) SendAppResponse(context.Context, ids.NodeID, uint32, []byte) error         { return nil }
func (*wire) SendAppError(context.Context, ids.NodeID, uint32, int32, string) error     { return nil }

func TestTransactionsArePushed(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	w := &wire{}
	from, to := net.node(0), net.node(1)
	from.sender = w
	to.start()
	arrived := make(chan core.NewTxsEvent, 16)
	sub := to.pool.SubscribeTransactions(arrived, true)
	defer sub.Unsubscribe()
	from.start()
	defer func() { w.mu.Lock(); w.to = nil; w.mu.Unlock() }()
	w.mu.Lock()
	w.to = to
	w.mu.Unlock()
	tx := net.transfer(0)
	give(t, tx, from)
	if ev := <-arrived; len(ev.Txs) != 1 || ev.Txs[0].Hash() != tx.Hash() {
		t.Errorf("the other pool got %v, want %s", ev.Txs, tx.Hash())
	}
}

func TestGossipCodecIsBounded(t *testing.T) {
	if _, err := (gossipCodec{}).UnmarshalGossip(make([]byte, maxTxBytes+1)); err == nil {
		t.Error("a transaction above the limit was read")
	}
	if _, err := (gossipCodec{}).UnmarshalGossip([]byte{2, 0xc0}); err == nil {
		t.Error("nonsense was read as a transaction")
	}
}
