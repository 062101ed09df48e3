package chain

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/ethdb"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
)

var errBroken = errors.New("the signer is broken")

type brokenSigner struct{}

func (brokenSigner) Sign(*warp.UnsignedMessage) ([]byte, error) { return nil, errBroken }

// A node that is killed between the guard's write and the broadcast sends the
// same bytes again, whatever its pool and clock say by then.
func TestKilledBetweenGuardAndBroadcast(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	first := n.build() // sealed and guarded; the process dies before anybody hears of it

	again := net.node(0)
	again.dir = n.dir // same disk for the guard and the journal
	again.config = `{"pool": {"noJournal": true}}`
	again.start()
	give(t, net.transfer(1), again)
	net.clock.set(net.clock.ms() + 5_000)
	b, err := again.BuildBlock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), first.Bytes()) {
		t.Fatalf("after the kill the node sealed %s, want the same bytes as %s", b.ID(), first.ID())
	}
	again.adopt(b)
	// Another parent, another block.
	next := again.build()
	if next.Height() != 2 || next.ID() == b.ID() {
		t.Errorf("the next block is %s at %d", next.ID(), next.Height())
	}
}

func TestANodeThatChangesParentNeitherEquivocatesNorLocksItselfOut(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	a := leader(nodes)
	b := nodes[(a.index+1)%2]
	give(t, net.transfer(0), a)
	give(t, net.transfer(1), b)
	mine := a.build()
	theirs := b.build()
	a.verifyAndPrefer(mine)
	a.verifyAndPrefer(theirs)
	net.clock.set(net.clock.ms() + 1_500)
	onTheirs := a.build() // on theirs
	if onTheirs.Parent() != theirs.ID() {
		t.Fatalf("built on %s, want %s", onTheirs.Parent(), theirs.ID())
	}
	if err := a.SetPreference(context.Background(), mine.Parent()); err != nil {
		t.Fatal(err)
	}
	again, err := a.BuildBlock(context.Background())
	if err != nil || !bytes.Equal(again.Bytes(), mine.Bytes()) {
		t.Errorf("back on the first parent the node built %v, %v, want %s again", again, err, mine.ID())
	}
	if err := a.SetPreference(context.Background(), theirs.ID()); err != nil {
		t.Fatal(err)
	}
	again, err = a.BuildBlock(context.Background())
	if err != nil || !bytes.Equal(again.Bytes(), onTheirs.Bytes()) {
		t.Errorf("back on the second parent the node built %v, %v, want %s again", again, err, onTheirs.ID())
	}
}

func TestWithoutItsGuardANodeWaitsForABlock(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	for range 3 {
		give(t, net.transfer(0), nodes...)
		round(nodes)
	}
	lost := nodes[0]
	if err := lost.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(lost.dir, "guard")); err != nil {
		t.Fatal(err)
	}
	lost.start()
	tx := net.transfer(0)
	give(t, tx, nodes...)
	net.clock.set(net.clock.ms() + 3_000)
	if _, err := lost.BuildBlock(context.Background()); !errors.Is(err, ErrGuardWait) {
		t.Fatalf("BuildBlock without a guard = %v, want %v", err, ErrGuardWait)
	}
	if wait := lost.next(); wait != -1 {
		t.Errorf("without a guard the next look is in %d ms, want never", wait)
	}
	b := nodes[1].build()
	for _, n := range nodes {
		n.adopt(b)
	}
	if !lost.guard.trusted() {
		t.Fatal("after a block above the start-up tip the node still waits")
	}
	give(t, net.transfer(0), nodes...)
	next := lost.build()
	for _, n := range nodes {
		n.adopt(next)
	}
}

func TestTheOnlyValidatorNeedsNoGuard(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	if err := os.RemoveAll(filepath.Join(n.dir, "guard")); err != nil {
		t.Fatal(err)
	}
	n.start()
	give(t, net.transfer(0), n)
	round([]*testNode{n})
	if !n.guard.trusted() {
		t.Error("the guard is not kept from now on")
	}
}

func TestEquivocationsAreKept(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	cheat := leader(nodes)
	judge := nodes[(cheat.index+1)%2]
	give(t, net.transfer(0), cheat)
	first := cheat.build()
	// The same key on another machine, without the guard.
	twin := net.node(cheat.index).start()
	give(t, net.transfer(1), twin)
	second := twin.build()
	for range 2 {
		judge.verifyAndPrefer(first)
		judge.verifyAndPrefer(second)
	}
	got := judge.Equivocations()
	if len(got) != 1 || got[0].Proposer() != cheat.NodeID() {
		t.Fatalf("Equivocations() = %v, want one by %s", got, cheat.NodeID())
	}
	if err := got[0].Verify(net.netID(), testBlockchain, net.keys[cheat.index].PublicKey()); err != nil {
		t.Errorf("the proof does not convict: %v", err)
	}
	if err := judge.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	judge.start()
	if after := judge.Equivocations(); len(after) != 1 || after[0].ID() != got[0].ID() {
		t.Errorf("after a restart Equivocations() = %v, want the same", after)
	}
	if n := len(cheat.Equivocations()); n != 0 {
		t.Errorf("the cheat's own node has %d proofs, want none yet", n)
	}
}

func (net *testNet) netID() uint32 { return 1337 }

func TestEvidenceIsBounded(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	h := n.build().header
	x := must(engine.ParseExtra(h.Extra))(t)
	for i := range maxEquivocations + 10 {
		for second := range 2 {
			c := *h
			c.Number = common.Big2
			c.ParentHash = common.BigToHash(common.Big1)
			c.ParentHash[0], c.ParentHash[1] = byte(i>>8), byte(i)
			x.Seal[0] = byte(second)
			c.Extra = x.Bytes()
			if _, err := n.proof.observe(&c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := len(n.Equivocations()); got != maxEquivocations {
		t.Errorf("%d proofs are kept, want %d", got, maxEquivocations)
	}
	again, err := openEvidence(n.db)
	if err != nil || len(again.all()) != maxEquivocations {
		t.Errorf("after a restart %d proofs are kept (%v), want %d", len(again.all()), err, maxEquivocations)
	}
	n.proof.prune(2 + seenDepth + 1)
	if len(n.proof.seen) != 0 {
		t.Errorf("%d headers are remembered after pruning, want none", len(n.proof.seen))
	}
}

// A node whose chain data is an old backup does not seal again what its guard
// has already forgotten; it goes on once it has caught up.
func TestARestoredBackupWaitsUntilItHasCaughtUp(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	var blocks []*Block
	var backup ethdb.KeyValueStore
	for h := range 5 {
		if h == 2 {
			backup = copyStore(t, n.store)
		}
		give(t, net.transfer(0), n)
		blocks = append(blocks, round([]*testNode{n}))
	}
	if err := n.guard.compact(5); err != nil {
		t.Fatal(err)
	}
	if err := n.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	old := net.node(0)
	old.dir, old.store, old.config = n.dir, backup, `{"commitEvery": 1, "pool": {"noJournal": true}}`
	if err := old.open(); err == nil {
		t.Cleanup(func() {
			if err := old.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	} else {
		t.Fatal(err)
	}
	old.setState(snow.NormalOp)
	give(t, net.transfer(1), old)
	net.clock.set(net.clock.ms() + 20_000)
	if _, err := old.BuildBlock(context.Background()); !errors.Is(err, ErrGuardFloor) {
		t.Fatalf("BuildBlock at height 2 with a guard from height 5 on = %v, want %v", err, ErrGuardFloor)
	}
	for _, b := range blocks[2:] {
		old.adopt(b)
	}
	net.clock.set(net.clock.ms() + 1_000) // past the back-off
	old.adopt(old.build())
	if old.height() != 6 {
		t.Errorf("height = %d, want 6", old.height())
	}
}

func openedGuard(t *testing.T, dir string) *guard {
	t.Helper()
	g, err := openGuard(dir, testBlockchain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestGuardFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "guard")
	if g := openedGuard(t, dir); g.trusted() {
		t.Fatal("a guard without its directory is trusted")
	}
	if err := CreateGuard(dir); err != nil {
		t.Fatal(err)
	}
	g := openedGuard(t, dir)
	if !g.trusted() {
		t.Fatal("a guard as old as its key is not trusted")
	}
	p1, p2 := common.Hash{1}, common.Hash{2}
	for i, p := range []common.Hash{p1, p2} {
		if err := g.record(p, uint64(10+i), []byte{byte(i), 'b'}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.record(p1, 10, []byte("another")); err == nil {
		t.Error("a second block on one parent was recorded")
	}
	if err := g.record(common.Hash{3}, 12, make([]byte, MaxBlockBytes+1)); err == nil {
		t.Error("a block above the size limit was recorded")
	}
	check := func(g *guard, p common.Hash, height uint64, want []byte, wantErr error) {
		t.Helper()
		if got, err := g.lookup(p, height); !bytes.Equal(got, want) || !errors.Is(err, wantErr) {
			t.Errorf("lookup(%x, %d) = %q, %v, want %q, %v", p[:1], height, got, err, want, wantErr)
		}
	}
	check(g, p1, 10, []byte{0, 'b'}, nil)
	check(g, common.Hash{3}, 12, nil, nil)

	again := openedGuard(t, dir)
	check(again, p2, 11, []byte{1, 'b'}, nil)

	if err := again.compact(11); err != nil {
		t.Fatal(err)
	}
	check(again, p1, 10, nil, ErrGuardFloor)
	check(again, p2, 11, []byte{1, 'b'}, nil)
	if err := again.record(common.Hash{4}, 12, []byte("c")); err != nil {
		t.Fatal(err)
	}
	check(openedGuard(t, dir), common.Hash{4}, 12, []byte("c"), nil)
	check(openedGuard(t, dir), p1, 10, nil, ErrGuardFloor)
}

// Whatever a crash leaves of the last record, the guard never forgets an earlier
// one and never trusts a file in which a record may be missing.
func TestGuardCutShortAtEveryByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "guard")
	if err := CreateGuard(dir); err != nil {
		t.Fatal(err)
	}
	g := openedGuard(t, dir)
	if err := g.record(common.Hash{1}, 1, []byte("first block")); err != nil {
		t.Fatal(err)
	}
	before := g.size
	if err := g.record(common.Hash{2}, 2, []byte("second block")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	reopen := func(data []byte) (*guard, error) {
		if err := os.WriteFile(g.path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return openGuard(dir, testBlockchain)
	}
	for cut := before; cut < int64(len(whole)); cut++ {
		g, err := reopen(whole[:cut])
		if err != nil || !g.trusted() {
			t.Fatalf("cut at %d: trusted %v, %v, want a trusted guard without the unfinished record", cut, g.trusted(), err)
		}
		first, err1 := g.lookup(common.Hash{1}, 1)
		second, err2 := g.lookup(common.Hash{2}, 2)
		if string(first) != "first block" || second != nil || err1 != nil || err2 != nil {
			t.Fatalf("cut at %d: %q, %q", cut, first, second)
		}
		if err := errors.Join(g.record(common.Hash{2}, 2, []byte("other")), g.close()); err != nil {
			t.Fatal(err)
		}
	}
	for at := before; at < int64(len(whole)); at++ {
		bent := bytes.Clone(whole)
		bent[at] ^= 0x40
		g, err := reopen(bent)
		if err != nil || g.trusted() {
			t.Fatalf("a flipped bit at %d: trusted %v, %v, want a guard that is not trusted", at, g.trusted(), err)
		}
		if err := g.close(); err != nil {
			t.Fatal(err)
		}
	}
	bent := bytes.Clone(whole)
	bent[before-1] ^= 1
	if _, err := reopen(bent); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damage before the last record gives %v, want an error", err)
	}
	if _, err := reopen([]byte("something else entirely, and long enough to hold a guard's head of bytes")); err == nil {
		t.Error("a foreign file was taken for a guard")
	}
}
