package chain

import (
	"context"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// writerInit deploys a contract that stores the block's number under its
// randomness: NUMBER PREVRANDAO SSTORE STOP.
var writerInit = common.FromHex("0x63434455006000526004601cf3")

// TestTwoNodesAgreeWhateverTheyHearFirst drives two nodes through 1,000 heights.
// At each, both may propose; the nodes verify the rivals in different orders,
// sometimes with a child on the one that loses, and consensus picks either. With
// the race detector it is 200 heights.
func TestTwoNodesAgreeWhateverTheyHearFirst(t *testing.T) {
	heights := 1000
	if testing.Short() || raceDetector {
		heights = 200
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	var accepted []*Block
	var child *Block // verified by both on the last accepted block
	for len(accepted) < heights {
		for i := range 1 + r.IntN(4) {
			give(t, net.randomTx(r, i), nodes[r.IntN(2)])
		}
		if child != nil && r.IntN(2) == 0 {
			decide(t, nodes, child, nil)
			accepted, child = append(accepted, child), nil
			continue
		}
		if child != nil { // it loses against a block that comes later
			loser := child
			child = nil
			prefer(t, nodes, loser.Parent())
			rival := nodes[r.IntN(2)].tryBuild()
			if rival == nil || rival.ID() == loser.ID() {
				decide(t, nodes, loser, nil)
				accepted = append(accepted, loser)
				continue
			}
			verifyAll(t, nodes, rival)
			decide(t, nodes, rival, []*Block{loser})
			accepted = append(accepted, rival)
			giveBack(t, loser, nodes)
			continue
		}
		a := nodes[0].tryBuild()
		b := nodes[1].tryBuild()
		switch {
		case a == nil && b == nil:
			continue
		case a == nil || b == nil:
			if a == nil {
				a = b
			}
			verifyAll(t, nodes, a)
			decide(t, nodes, a, nil)
			accepted = append(accepted, a)
			continue
		}
		nodes[0].verifyAndPrefer(a)
		nodes[1].verifyAndPrefer(b)
		nodes[0].verifyAndPrefer(b)
		nodes[1].verifyAndPrefer(a)
		winner, loser := a, b
		if r.IntN(2) == 0 {
			winner, loser = b, a
		}
		losers := []*Block{loser}
		if r.IntN(4) == 0 {
			on := winner
			if r.IntN(2) == 0 {
				on = loser
			}
			prefer(t, nodes, on.ID())
			if c := nodes[r.IntN(2)].tryBuild(); c != nil {
				verifyAll(t, nodes, c)
				if on == winner {
					child = c
				} else {
					losers = append(losers, c)
				}
			}
		}
		prefer(t, nodes, winner.ID())
		decide(t, nodes, winner, losers)
		accepted = append(accepted, winner)
		for _, l := range losers {
			giveBack(t, l, nodes)
		}
	}
	if child != nil {
		decide(t, nodes, child, nil)
		accepted = append(accepted, child)
	}
	for _, n := range nodes {
		if got, want := n.bc.CurrentBlock().Hash(), accepted[len(accepted)-1].eth.Hash(); got != want {
			t.Errorf("node %d ends at %s, want %s", n.index, got, want)
		}
	}
	// A node that hears only what was accepted, bootstrapping, gets there too.
	late := net.node(0).start()
	txs := 0
	for _, b := range accepted {
		late.adopt(b)
		txs += len(b.eth.Transactions())
	}
	st := must(late.bc.State())(t)
	if got, want := st.IntermediateRoot(true), accepted[len(accepted)-1].header.Root; got != want {
		t.Errorf("a replay ends with root %s, want %s", got, want)
	}
	t.Logf("%d blocks, %d transactions", len(accepted), txs)
}

// tryBuild builds if there is work, and waits for nothing.
func (n *testNode) tryBuild() *Block {
	n.net.tb.Helper()
	n.due()
	b, err := n.BuildBlock(context.Background())
	if err != nil {
		return nil
	}
	return b.(*Block)
}

func verifyAll(t *testing.T, nodes []*testNode, b *Block) {
	t.Helper()
	for _, n := range nodes {
		n.verifyAndPrefer(b)
	}
}

func prefer(t *testing.T, nodes []*testNode, id [32]byte) {
	t.Helper()
	for _, n := range nodes {
		if err := n.SetPreference(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// decide has every node accept the winner and reject the losers, parents first.
func decide(t *testing.T, nodes []*testNode, winner *Block, losers []*Block) {
	t.Helper()
	for _, n := range nodes {
		if err := n.parse(winner).Accept(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, l := range losers {
			if err := n.parse(l).Reject(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.pool.Sync(); err != nil {
			t.Fatal(err)
		}
		if root := n.bc.CurrentBlock().Root; root != winner.header.Root {
			t.Fatalf("node %d has root %s after block %d, want %s", n.index, root, winner.Height(), winner.header.Root)
		}
	}
}

// giveBack hands the transactions of a rejected block to every pool again.
func giveBack(t *testing.T, b *Block, nodes []*testNode) {
	t.Helper()
	for _, tx := range b.eth.Transactions() {
		for _, n := range nodes {
			_ = n.Submit(context.Background(), tx) // known or used already
		}
	}
}

// randomTx returns a transfer, a deployment or a call.
func (net *testNet) randomTx(r *rand.Rand, _ int) *types.Transaction {
	net.tb.Helper()
	key := net.accounts[r.IntN(len(net.accounts))]
	from := crypto.PubkeyToAddress(key.PublicKey)
	tx := &types.DynamicFeeTx{
		ChainID: big.NewInt(int64(params.Dev.ID)), Nonce: net.nonces[from], Gas: 100_000, Value: new(big.Int),
		GasFeeCap: big.NewInt(20e9), GasTipCap: big.NewInt(int64(1 + r.IntN(1000))),
	}
	switch kind := r.IntN(4); {
	case kind == 0 || net.nonces[from] == 0:
		tx.Data = writerInit
	case kind == 1:
		to := crypto.CreateAddress(from, r.Uint64N(net.nonces[from]))
		tx.To = &to
	default:
		to := common.BigToAddress(big.NewInt(int64(0xbeef0000 + r.IntN(50))))
		tx.To, tx.Value = &to, big.NewInt(int64(r.IntN(1e9)))
	}
	net.nonces[from]++
	return must(types.SignNewTx(key, net.signer, tx))(net.tb)
}

// Blocks of 1,000 transfers, verified and accepted by a node that sees their
// transactions for the first time: senders are recovered, too.
func BenchmarkExecute1000Transfers(b *testing.B) {
	net := newTestNet(b, 1, genesis.Options{})
	maker, runner := net.node(0).start(), net.node(0).start()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range 1000 {
			give(b, net.pay(i%10, 100_000_000_000, 1), maker)
		}
		block := maker.build()
		if got := len(block.eth.Transactions()); got != 1000 {
			b.Fatalf("%d transactions in the block, want 1000", got)
		}
		maker.adopt(block)
		parsed := runner.parse(block)
		b.StartTimer()
		if err := parsed.Verify(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := parsed.Accept(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "tx/s")
}
