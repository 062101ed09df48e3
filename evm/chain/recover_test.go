package chain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// crashRun is a chain whose disk recorded every write, and what was promised
// when.
type crashRun struct {
	net      *testNet
	store    *recordingStore
	blocks   []*Block // by height - 1
	durable  []int    // durable[h-1]: after so many writes block h was accepted
	verified []int    // after so many writes block h was verified
}

// runForCrashes accepts blocks one after the other, some with a rival that is
// rejected.
func runForCrashes(t *testing.T, blocks int, config string) *crashRun {
	t.Helper()
	net := newTestNet(t, 2, genesis.Options{})
	r := &crashRun{net: net, store: newRecordingStore()}
	n, rival := net.node(0), net.node(1).start()
	n.store, n.config = r.store, config
	n.start()
	nodes := []*testNode{n, rival}
	for h := range blocks {
		by := leader(nodes)
		other := nodes[1-by.index]
		give(t, net.transfer(h%5), by)
		if h%3 == 1 {
			give(t, net.transfer(5+h%5), other)
		}
		b := by.build()
		if h%3 == 1 {
			lost := other.build()
			va := n.verifyAndPrefer(lost)
			n.adopt(b)
			if err := va.Reject(context.Background()); err != nil {
				t.Fatal(err)
			}
			r.verified = append(r.verified, r.store.count())
			for _, tx := range lost.eth.Transactions() {
				give(t, tx, by) // the next block has it
			}
		} else {
			n.verifyAndPrefer(b)
			r.verified = append(r.verified, r.store.count())
			n.adopt(b)
		}
		rival.adopt(b)
		r.blocks, r.durable = append(r.blocks, b), append(r.durable, r.store.count())
	}
	return r
}

// Kill the node after each of its writes, from the first of a new disk on: it
// comes back, with everything that was accepted, and with the state that an
// uninterrupted run had.
func TestKilledAfterEveryWrite(t *testing.T) {
	blocks := 8
	if os.Getenv("PARS_TEST_FULL") != "" {
		blocks = 24
	}
	for _, config := range []string{`{"commitEvery": 4}`, `{"commitEvery": 1000}`, `{"archive": true}`} {
		t.Run(config, func(t *testing.T) {
			r := runForCrashes(t, blocks, config)
			total := r.store.count()
			t.Logf("%d writes", total)
			for n := 0; n <= total; n++ {
				r.revive(t, n, config)
			}
		})
	}
}

// revive opens the disk as it was after n writes and checks it.
func (r *crashRun) revive(t *testing.T, n int, config string) {
	t.Helper()
	back := r.net.node(0)
	back.store, back.config = r.store.at(t, n), config
	if err := back.open(); err != nil {
		t.Fatalf("after %d writes the node does not start: %v", n, err)
	}
	defer func() {
		if err := back.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	promised := 0
	for promised < len(r.durable) && r.durable[promised] <= n {
		promised++
	}
	height := int(back.height())
	if height < promised || height > promised+1 {
		t.Fatalf("after %d writes the head is %d, want %d, or one more that was about to be announced", n, height, promised)
	}
	if id := must(back.LastAccepted(context.Background()))(t); id != back.idAt(height) {
		t.Fatalf("after %d writes LastAccepted() = %s, the head is %s", n, id, back.idAt(height))
	}
	if height == 0 {
		return
	}
	want := r.blocks[height-1]
	head := back.bc.CurrentBlock()
	if head.Hash() != common.Hash(want.ID()) || head.Root != want.header.Root || !back.bc.HasState(head.Root) {
		t.Fatalf("after %d writes the head is %s, want %s with its state", n, head.Hash(), want.ID())
	}
	for h := 1; h <= height; h++ {
		if b := back.bc.GetBlockByNumber(uint64(h)); b == nil || b.Hash() != common.Hash(r.blocks[h-1].ID()) {
			t.Fatalf("after %d writes block %d is not the accepted one", n, h)
		}
		if back.bc.GetReceiptsByHash(common.Hash(r.blocks[h-1].ID())) == nil {
			t.Fatalf("after %d writes block %d has no receipts", n, h)
		}
	}
	if height < len(r.blocks) {
		back.adopt(r.blocks[height])
		if got := back.bc.CurrentBlock().Root; got != r.blocks[height].header.Root {
			t.Fatalf("after %d writes the next block gives root %s, want %s", n, got, r.blocks[height].header.Root)
		}
	}
}

func (n *testNode) idAt(height int) [32]byte {
	return n.bc.GetBlockByNumber(uint64(height)).Hash()
}

// The same with pebble and a copy of its folder at random moments between steps.
func TestKilledWithPebble(t *testing.T) {
	if testing.Short() {
		t.Skip("copies folders for seconds")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	n.store, n.config = nil, `{"commitEvery": 7}`
	n.start()
	var blocks []*types.Header
	for h := 1; h <= 40; h++ {
		give(t, net.transfer(h%10), n)
		b := n.build()
		parsed := n.verifyAndPrefer(b)
		accepted := h - 1
		if random.IntN(2) == 0 {
			accept(t, n, parsed)
			accepted = h
		}
		if random.IntN(4) == 0 {
			back := net.node(0)
			back.store, back.config = nil, n.config
			copyFolder(t, n.dir, back.dir)
			if err := back.open(); err != nil {
				t.Fatalf("at height %d: %v", h, err)
			}
			if back.height() != uint64(accepted) {
				t.Errorf("killed at height %d the node came back at %d", accepted, back.height())
			}
			if accepted == h && back.bc.CurrentBlock().Root != b.header.Root {
				t.Errorf("killed at height %d the node came back with another state", h)
			}
			if err := back.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if accepted < h {
			accept(t, n, parsed)
		}
		if err := n.pool.Sync(); err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b.header)
	}
	// Executing every block anew on another machine gives the same state.
	fresh := net.node(0).start()
	for _, h := range blocks {
		fresh.adopt(must(n.GetBlock(context.Background(), [32]byte(h.Hash())))(t))
	}
	if got, want := fresh.bc.CurrentBlock().Root, n.bc.CurrentBlock().Root; got != want {
		t.Errorf("a replay gives root %s, want %s", got, want)
	}
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || d.Name() == "LOCK" {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s went away while the folder was copied", rel)
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRestartExecutesAtMostCommitEveryBlocks(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	store := newRecordingStore()
	n.store, n.config = store, `{"commitEvery": 8}`
	n.start()
	for range 21 {
		give(t, net.transfer(0), n)
		round([]*testNode{n})
	}
	back := net.node(0)
	back.store, back.config = store.at(t, store.count()), n.config
	back.start()
	if got := gaugeValue(t, back.metrics.replayed); got != 5 {
		t.Errorf("killed at height 21 with states written every 8 blocks, %v blocks were executed again, want 5", got)
	}
	// By gas, too: 21,000 a block, so every fourth.
	net = newTestNet(t, 1, genesis.Options{})
	n = net.node(0)
	store = newRecordingStore()
	n.store, n.config = store, `{"commitGas": 80000}`
	n.start()
	for range 10 {
		give(t, net.transfer(0), n)
		round([]*testNode{n})
	}
	back = net.node(0)
	back.store = store.at(t, store.count())
	back.start()
	if got := gaugeValue(t, back.metrics.replayed); got != 2 {
		t.Errorf("with states written every 80,000 gas %v blocks were executed again, want 2", got)
	}
}

// A new activation time in the past would change accepted blocks; libevm would
// rewind the chain.
func TestRulesOfAcceptedBlocksCannotChange(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	round([]*testNode{n})
	if err := n.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	spec := must(parseGenesis(net.genesis, params.Dev.ID))(t)
	past := uint64(1)
	spec.Config.CancunTime = &past
	if err := checkRules(n.db, spec, n.accepted); err == nil {
		t.Error("a rule that changes accepted blocks was let through")
	}
}
