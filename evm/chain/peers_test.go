package chain

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/ava-labs/avalanchego/network/p2p/gossip"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// hear gives the node a message of transactions as from a peer.
func (n *testNode) hear(from ids.NodeID, txs ...*types.Transaction) {
	n.net.tb.Helper()
	batch := make([][]byte, len(txs))
	for i, tx := range txs {
		batch[i] = must(tx.MarshalBinary())(n.net.tb)
	}
	n.hearRaw(from, must(gossip.MarshalAppGossip(batch))(n.net.tb))
}

func (n *testNode) hearRaw(from ids.NodeID, body []byte) {
	n.net.tb.Helper()
	if err := n.AppGossip(context.Background(), from, p2p.PrefixMessage(p2p.ProtocolPrefix(p2p.TxGossipHandlerID), body)); err != nil {
		n.net.tb.Fatal(err)
	}
}

func (n *testNode) refusedGossip(label string) int {
	return int(gaugeValue(n.net.tb, n.metrics.gossipRefused.WithLabelValues(label)))
}

// unsigned returns transactions whose S is no scalar of the group.
func unsigned(from, n int) []*types.Transaction {
	id := big.NewInt(int64(params.Dev.ID))
	out := make([]*types.Transaction, n)
	for i := range out {
		out[i] = types.NewTx(&types.DynamicFeeTx{
			ChainID: id, Nonce: uint64(from + i), Gas: 21000, To: &common.Address{}, GasFeeCap: big.NewInt(2e9), GasTipCap: common.Big1,
			V: new(big.Int), R: common.Big1, S: crypto.S256().Params().N,
		})
	}
	return out
}

// A peer that sends what no pool takes uses up its budget. Then the node is deaf
// to it, not to others, until time has passed.
func TestAPeerThatFloodsIsNotListenedTo(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	n := net.node(0).start()
	bad, good := ids.NodeID{66}, ids.NodeID{77}

	n.hear(bad, unsigned(0, refusedBurst)...)
	if got := n.refusedGossip("signature"); got != refusedBurst {
		t.Fatalf("%d transactions are counted as badly signed, want %d", got, refusedBurst)
	}
	tx := net.transfer(0)
	n.hear(bad, tx)
	if n.pool.Has(tx.Hash()) || n.refusedGossip("unheard") != 1 {
		t.Errorf("a peer without budget was heard; unheard = %d, want 1", n.refusedGossip("unheard"))
	}
	n.hear(good, tx)
	if !n.pool.Has(tx.Hash()) {
		t.Error("another peer was not heard")
	}

	net.clock.set(net.clock.ms() + uint64(time.Second.Milliseconds()))
	later := net.transfer(1)
	n.hear(bad, append(unsigned(refusedBurst, refusedPerSecond-1), later)...)
	if !n.pool.Has(later.Hash()) {
		t.Error("after a second the peer was not heard again")
	}
	n.hear(bad, unsigned(2*refusedBurst, 10)...)
	if got := n.refusedGossip("signature"); got != refusedBurst+refusedPerSecond {
		t.Errorf("%d transactions were read, want the burst and a second's: %d", got, refusedBurst+refusedPerSecond)
	}
}

// What honest peers send twice costs nothing.
func TestAKnownTransactionCostsAPeerNothing(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	n := net.node(0).start()
	peer := ids.NodeID{66}
	tx := net.transfer(0)
	// Often enough to use up a budget if it cost as much as a race does.
	const rounds = 2 / raceCost
	again := slices.Repeat([]*types.Transaction{tx}, refusedBurst)
	for range int(rounds) {
		n.hear(peer, again...)
	}
	if got, want := n.refusedGossip("known"), int(rounds)*refusedBurst-1; got != want {
		t.Errorf("%d transactions are counted as known, want %d", got, want)
	}
	next := net.transfer(0)
	n.hear(peer, next)
	if !n.pool.Has(next.Hash()) {
		t.Error("the peer is not heard any more")
	}
}

func TestBytesThatAreNoGossipAreCounted(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	n := net.node(0).start()
	peer := ids.NodeID{66}
	n.hearRaw(peer, []byte{0xff})
	n.hearRaw(peer, must(gossip.MarshalAppGossip([][]byte{{0x02, 0x01}, nil, make([]byte, maxTxBytes+1)}))(t))
	if m, o := n.refusedGossip("malformed"), n.refusedGossip("oversized"); m != 3 || o != 1 {
		t.Errorf("%d malformed and %d oversized, want 3 and 1", m, o)
	}
}

func TestRefusedTransactionsHaveReasons(t *testing.T) {
	for _, c := range []struct {
		err   error
		label string
		fault bool
	}{
		{txpool.ErrAlreadyKnown, "known", false},
		{core.ErrNonceTooLow, "nonce_too_low", false},
		{txpool.ErrInvalidSender, "signature", true},
		{core.ErrInsufficientFunds, "funds", true},
		{txpool.ErrOversizedData, "oversized", true},
		{fmt.Errorf("%w: %w", errPeerMalformed, txpool.ErrOversizedData), "oversized", true},
		{errPeerMalformed, "malformed", true},
		{context.Canceled, "other", true},
	} {
		if label, fault := txReason(fmt.Errorf("adding: %w", c.err)); label != c.label || fault != c.fault {
			t.Errorf("txReason(%v) = %q, %t, want %q, %t", c.err, label, fault, c.label, c.fault)
		}
	}
}
