package chain

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

func TestBuildVerifyAccept(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	for want := uint64(1); want <= 5; want++ {
		tx := net.transfer(0)
		give(t, tx, n)
		b := n.build()
		if got := len(b.EthBlock().Transactions()); got != 1 {
			t.Fatalf("block %d holds %d transactions, want 1", want, got)
		}
		if n.height() != want-1 {
			t.Fatalf("the head moved to %d before block %d was accepted", n.height(), want)
		}
		n.adopt(b)
		if n.height() != want || n.bc.CurrentFinalBlock().Hash() != common.Hash(b.ID()) || n.bc.CurrentSafeBlock().Hash() != common.Hash(b.ID()) {
			t.Fatalf("after accepting block %d: head %d, finalized %v, safe %v", want, n.height(), n.bc.CurrentFinalBlock().Number, n.bc.CurrentSafeBlock().Number)
		}
		if id := must(n.GetBlockIDAtHeight(context.Background(), want))(t); id != b.ID() {
			t.Fatalf("GetBlockIDAtHeight(%d) = %s, want %s", want, id, b.ID())
		}
		if id := must(n.LastAccepted(context.Background()))(t); id != b.ID() {
			t.Fatalf("LastAccepted() = %s, want %s", id, b.ID())
		}
		if pending, _ := n.pool.Stats(); pending != 0 {
			t.Fatalf("the pool still holds %d transactions after block %d", pending, want)
		}
	}
	if _, err := n.GetBlockIDAtHeight(context.Background(), 6); !errors.Is(err, database.ErrNotFound) {
		t.Errorf("GetBlockIDAtHeight(6) = %v, want not found", err)
	}
	if _, err := n.GetBlock(context.Background(), ids.ID{1}); !errors.Is(err, database.ErrNotFound) {
		t.Errorf("GetBlock(unknown) = %v, want not found", err)
	}
}

func TestEveryBlockIsSealedByItsProposerFromTheFirstOn(t *testing.T) {
	net := newTestNet(t, 4, genesis.Options{})
	nodes := net.started(4)
	proposers := map[ids.NodeID]bool{}
	for range 12 {
		give(t, net.transfer(0), nodes...)
		by := leader(nodes)
		parent := by.Preferred()
		b := round(nodes)
		x := must(engine.ParseExtra(b.header.Extra))(t)
		if x.Proposer != by.NodeID() || x.TimeMs != engine.EarliestMs(engine.TimeMs(parent), 0) {
			t.Errorf("block %d is by %s at %d ms, want %s at %d", b.Height(), x.Proposer, x.TimeMs, by.NodeID(), engine.EarliestMs(engine.TimeMs(parent), 0))
		}
		if b.header.MixDigest != engine.NextMix(parent.MixDigest, x.Reveal) {
			t.Errorf("block %d does not continue the randomness", b.Height())
		}
		proposers[x.Proposer] = true
	}
	if len(proposers) < 2 {
		t.Errorf("12 blocks had %d proposers, want several", len(proposers))
	}
}

func TestRivalsAtOneHeight(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	first, second := leader(nodes), nodes[0]
	if first == nodes[0] {
		second = nodes[1]
	}
	give(t, net.transfer(0), first)
	give(t, net.transfer(1), second)
	a, b := first.build(), second.build()
	if a.ID() == b.ID() || a.Height() != b.Height() {
		t.Fatalf("want two blocks at one height, got %s and %s", a.ID(), b.ID())
	}
	for _, n := range nodes {
		va, vb := n.verifyAndPrefer(a), n.verifyAndPrefer(b)
		if n.height() != 0 {
			t.Fatalf("the head moved to %d without an acceptance", n.height())
		}
		if err := vb.Accept(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := va.Reject(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := n.bc.CurrentBlock().Hash(); got != common.Hash(b.ID()) {
			t.Fatalf("head = %s, want %s", got, b.ID())
		}
		if number := n.bc.GetBlockByNumber(1); number.Hash() != common.Hash(b.ID()) {
			t.Fatalf("block 1 = %s, want %s", number.Hash(), b.ID())
		}
		if has, _ := n.db.Has(append(append([]byte("h"), 0, 0, 0, 0, 0, 0, 0, 1), a.header.Hash().Bytes()...)); has {
			t.Errorf("the rejected header is still in the database")
		}
	}
	// Both extend the winner; the loser's transaction is still in its pool.
	give(t, net.transfer(2), nodes...)
	round(nodes)
	if nodes[0].bc.CurrentBlock().Hash() != nodes[1].bc.CurrentBlock().Hash() {
		t.Errorf("the nodes' heads differ")
	}
}

func TestDecisionsNeedVerification(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	b := n.parse(n.build())
	if err := b.Accept(context.Background()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("Accept before Verify = %v, want %v", err, ErrNotVerified)
	}
	if err := b.Reject(context.Background()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("Reject before Verify = %v, want %v", err, ErrNotVerified)
	}
	if err := n.SetPreference(context.Background(), b.ID()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("SetPreference before Verify = %v, want %v", err, ErrNotVerified)
	}
	n.adopt(b)
	if err := b.Accept(context.Background()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("Accept twice = %v, want %v", err, ErrNotVerified)
	}
	if err := b.Reject(context.Background()); err == nil {
		t.Error("an accepted block was rejected")
	}
	if n.bc.GetBlockByNumber(1) == nil {
		t.Error("the accepted block is gone")
	}
}

// libevm returns nil from an insertion that it skips because it stops.
func TestAStoppedChainVerifiesAndAcceptsNothing(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	b := n.parse(n.build())
	n.bc.StopInsert()
	if err := n.bc.InsertBlockWithoutSetHead(b.(*Block).eth); err != nil {
		t.Fatalf("libevm now reports a skipped insertion (%v): this test no longer covers the silent case", err)
	}
	if err := b.Verify(context.Background()); !errors.Is(err, ErrNotExecuted) {
		t.Fatalf("Verify while stopping = %v, want %v", err, ErrNotExecuted)
	}
	if err := b.Accept(context.Background()); !errors.Is(err, ErrNotVerified) {
		t.Errorf("Accept of a block that was not executed = %v, want %v", err, ErrNotVerified)
	}
	// Even if the VM's own books said it was verified.
	n.mu.Lock()
	n.processing[b.ID()] = b.(*Block)
	n.mu.Unlock()
	if err := b.Accept(context.Background()); !errors.Is(err, ErrNotExecuted) {
		t.Errorf("Accept of a block without state = %v, want %v", err, ErrNotExecuted)
	}
	n.mu.Lock()
	delete(n.processing, b.ID())
	n.mu.Unlock()
}

func TestRestartKeepsEverything(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	n.store = nil // pebble
	n.start()
	for range 7 {
		give(t, net.transfer(0), n)
		round([]*testNode{n})
	}
	head := n.bc.CurrentBlock()
	if err := n.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	n.start()
	if got := n.bc.CurrentBlock(); got.Hash() != head.Hash() || got.Root != head.Root {
		t.Fatalf("after a restart the head is %d (%s), want %d (%s)", got.Number, got.Hash(), head.Number, head.Hash())
	}
	give(t, net.transfer(0), n)
	if b := round([]*testNode{n}); b.Height() != 8 {
		t.Errorf("the next block has height %d, want 8", b.Height())
	}
}

func TestForeignDataIsRefusedWithAdvice(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	used := net.node(0)
	used.start()
	give(t, net.transfer(0), used)
	round([]*testNode{used})

	for name, c := range map[string]struct {
		change func(n *testNode)
		want   string
	}{
		"another genesis": {func(n *testNode) {
			other := newTestNet(t, 1, genesis.Options{GasLimit: 10_000_000})
			n.net = other
		}, "genesis.json"},
		"a folder that is not ours": {func(n *testNode) {
			if err := n.store.Delete(identityKey); err != nil {
				t.Fatal(err)
			}
		}, "choose another data folder"},
		"a newer layout": {func(n *testNode) {
			v := must(n.store.Get(identityKey))(t)
			v[0]++
			if err := n.store.Put(identityKey, v); err != nil {
				t.Fatal(err)
			}
		}, "layout"},
		"another network": {func(n *testNode) {
			v := must(n.store.Get(identityKey))(t)
			v[4]++
			if err := n.store.Put(identityKey, v); err != nil {
				t.Fatal(err)
			}
		}, "of network 1338, want 1337"},
		"a last accepted block that is missing": {func(n *testNode) {
			if err := n.store.Put(lastAcceptedKey, make([]byte, 32)); err != nil {
				t.Fatal(err)
			}
		}, "lacks the last accepted block"},
	} {
		t.Run(name, func(t *testing.T) {
			n := net.node(0)
			n.store = copyStore(t, used.store)
			c.change(n)
			err := n.open()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Initialize = %v, want an error with %q", err, c.want)
			}
			if !errors.Is(err, ErrForeign) && !errors.Is(err, ErrCorrupt) {
				t.Errorf("Initialize = %v, want ErrForeign or ErrCorrupt", err)
			}
		})
	}
}

func TestShutdownWithoutAndAfterInitialize(t *testing.T) {
	if err := new(VM).Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown of a zero VM = %v", err)
	}
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	n.config = `{"surprise": 1}`
	if err := n.open(); err == nil || !strings.Contains(err.Error(), "surprise") {
		t.Errorf("Initialize with an unknown setting = %v, want its name", err)
	}
	n.config = ""
	n.start()
	for range 2 {
		if err := n.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHealthTellsAStall(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	if _, err := n.HealthCheck(context.Background()); err != nil {
		t.Fatalf("a fresh chain is unhealthy: %v", err)
	}
	net.clock.set(net.clock.ms() + 3*params.HeartbeatMs + 1)
	if _, err := n.HealthCheck(context.Background()); err == nil || !strings.Contains(err.Error(), "1 transactions") {
		t.Errorf("HealthCheck = %v, want the number of waiting transactions", err)
	}
	round([]*testNode{n})
	if _, err := n.HealthCheck(context.Background()); err != nil {
		t.Errorf("after a block the chain is unhealthy: %v", err)
	}
}
