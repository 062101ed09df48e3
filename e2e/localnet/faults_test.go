package localnet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/datadir"
)

// watchHalt is how long a halted chain is watched. A chain that goes on makes a
// block every 400 ms.
const watchHalt = 5 * time.Second

// TestFiveValidatorsUnderFaults breaks the nodes of one network in turn while
// ten users send transfers to all of them. After each fault there must be one
// chain with one state everywhere, with everything on it that users were shown.
func TestFiveValidatorsUnderFaults(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--validators", "5", "--datadir", dir)
	t.Logf("five nodes were ready after %d ms", n.banner.ReadyMs)
	stop := n.traffic()
	n.awaitReceipts(20)
	n.agree()

	t.Log("one is killed and comes back")
	marks := n.marks()
	n.kill(1)
	n.awaitLog(n.up(), marks, "a validator is not connected", n.nodes[1].info.NodeID)
	n.awaitMetric(n.up(), is(1), "pars_node_validators_missing")
	n.until("the holder to name the dead", func() bool {
		return strings.Contains(n.holder.Stderr(), "node2 signal: killed; its log ends with: ")
	})
	n.awaitReceipts(20)
	n.restart(1)
	n.awaitReceipts(10)
	n.awaitLog([]*peer{n.nodes[0], n.nodes[2]}, marks, "the validator is heard again", n.nodes[1].info.NodeID)
	n.agree()

	t.Log("one is frozen and thaws")
	n.freeze(2)
	n.awaitReceipts(20)
	n.awaitLog(n.up(), marks, "a validator is connected and silent", n.nodes[2].info.NodeID)
	n.thaw(2)
	n.awaitReceipts(10)
	n.agree()

	t.Log("two of five are gone: the chain halts; one comes back: it goes on")
	n.kill(3)
	n.kill(4)
	n.checkHalt()
	n.awaitLog(n.up(), marks, "too few validators are heard to decide", n.nodes[3].info.NodeID, n.nodes[4].info.NodeID)
	n.awaitReadyz(n.up(), "validators", false, n.nodes[3].info.NodeID+" (not connected)", n.nodes[4].info.NodeID+" (not connected)")
	n.agreeStill()
	n.restart(3)
	n.awaitReceipts(20)
	n.restart(4)
	n.awaitReceipts(20)
	n.agree()

	t.Log("one loses everything but its keys")
	n.kill(0)
	wipe(t, n.nodes[0].info.DataDir)
	n.awaitReceipts(10)
	n.restart(0)
	n.awaitReceipts(10)
	n.agree()

	t.Log("all are killed at once, and the network starts again")
	stop()
	for i := range n.nodes {
		n.kill(i)
	}
	if code := n.holder.Wait(patience); code != int(node.CodeChain) {
		t.Errorf("exit code of parsd localnet after all its nodes died = %d, want %d", code, node.CodeChain)
	}
	n.run("--datadir", dir)
	n.agree()
	stop = n.traffic()
	n.awaitReceipts(10)
	stop()
	n.agree()
	if code, took := n.holder.Terminate(); code != 0 {
		t.Errorf("exit code after SIGTERM = %d after %s, want 0", code, took)
	}
}

// TestAllKilledAgainAndAgain kills all nodes at moments when some have accepted a
// block and others have not: what one user was shown by one node must be final for
// all after the start.
func TestAllKilledAgainAndAgain(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes minutes; PARS_TEST_FULL=1 runs it, and one round of it is always run")
	}
	dir := t.TempDir()
	n := start(t, "--validators", "5", "--datadir", dir)
	for range 8 {
		stop := n.traffic()
		n.awaitReceipts(20)
		for i := range n.nodes {
			n.kill(i)
		}
		stop()
		n.holder.Wait(patience)
		n.run("--datadir", dir)
		t.Logf("after the start, accepted are %v", n.heads(n.nodes))
		n.agree()
	}
}

// checkHalt checks that no node accepts a block any more, once what was being
// decided is decided.
func (n *network) checkHalt() {
	n.t.Helper()
	heads := func() (out [8]uint64) {
		for i, p := range n.up() {
			h, err := p.head(n.t.Context())
			if err != nil {
				n.t.Fatalf("head of %s: %v", p.name, err)
			}
			out[i] = h
		}
		return out
	}
	// Still for as long as the watch lasts: nothing else marks a halt.
	last, since := heads(), time.Now()
	n.until("the chain to halt", func() bool {
		if now := heads(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > watchHalt
	})
	n.t.Logf("halted at %v for %s", last[:len(n.up())], watchHalt)
}

// wipe does what docs/guide/node.md says of syncing anew: everything goes but
// the keys with their guard, and the operator's settings.
func wipe(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == datadir.KeysFolder || e.Name() == "parsd.toml" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFrozenForLongerThanStatesLast freezes a node while the others go on for
// more than the 128 blocks whose states libevm keeps in memory. After the thaw
// it is handed all of them at once, and must take them.
func TestFrozenForLongerThanStatesLast(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes over a minute; PARS_TEST_FULL=1 runs it, and TestLongAwayCatchesUpWithoutAVote is always run")
	}
	n := start(t, "--validators", "5")
	stop := n.traffic()
	n.awaitReceipts(10)
	n.freeze(2)
	began, err := n.nodes[0].head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.until("140 more blocks", func() bool {
		h, err := n.nodes[0].head(t.Context())
		return err == nil && h >= began+140
	})
	n.bounded()
	n.thaw(2)
	n.awaitReceipts(20)
	n.agree()
	stop()
	n.agree()
}

// TestLossyLinks loses three of ten packets between nodes that are 100 ms apart.
func TestLossyLinks(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes minutes; PARS_TEST_FULL=1 runs it")
	}
	needsNamespaces(t)
	n := start(t, "--validators", "5", "--delay", "100ms", "--loss", "30")
	stop := n.traffic()
	n.awaitReceipts(30)
	n.awaitLog(n.nodes, nil, "blocks come slowly though transactions wait")
	n.agree()
	stop()
}
