package localnet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
)

// TestPartitionsHealByThemselves cuts the network of five validators where the
// rule of docs/adr/0005-consensus-parameters.md matters: four fifths of the stake
// can decide, three fifths can't. Users go on sending to nodes on both sides.
func TestPartitionsHealByThemselves(t *testing.T) {
	needsNamespaces(t)
	n := start(t, "--validators", "5", "--cuttable")
	stop := n.traffic()
	n.awaitReceipts(20)
	n.agree()

	t.Log("1|4: four go on, one stops")
	marks := n.marks()
	n.cut("1")
	alone, others := n.nodes[:1], n.nodes[1:]
	n.awaitStill(alone)
	n.awaitReceipts(20)
	n.awaitLog(others, marks, "a validator is connected and silent", alone[0].info.NodeID)
	n.awaitMetric(others, is(1), "pars_node_validators_missing")
	n.awaitReadyz(others, "validators", true, "80 % of the stake is heard, a decision takes 70 %", alone[0].info.NodeID+" (silent for")
	n.awaitLog(alone, marks, "too few validators are heard to decide", others[0].info.NodeID, others[3].info.NodeID)
	n.awaitReadyz(alone, "validators", false, "20 % of the stake is heard")
	n.bounded()
	began := n.heal()
	n.awaitBlocks(others[0], 1, began, "the four accept a block")
	n.awaitCaughtUp(alone[0], others, began)
	n.awaitLog(others, marks, "the validator is heard again", alone[0].info.NodeID)
	n.awaitLog(alone, marks, "enough validators are heard to decide")
	n.awaitReceipts(20)
	n.agree()

	t.Log("2|3: nobody can decide")
	marks = n.marks()
	n.cut("1,2", "3,4,5")
	n.awaitStill(n.nodes)
	n.awaitLog(n.nodes[:2], marks, "too few validators are heard to decide", n.nodes[2].info.NodeID, n.nodes[4].info.NodeID)
	n.awaitLog(n.nodes[2:], marks, "too few validators are heard to decide", n.nodes[0].info.NodeID, n.nodes[1].info.NodeID)
	n.awaitMetric(n.nodes[:2], is(0.4), "pars_node_stake_connected_ratio")
	n.awaitMetric(n.nodes[2:], is(0.6), "pars_node_stake_connected_ratio")
	n.agreeStill()
	began = n.heal()
	n.awaitBlocks(n.nodes[0], 1, began, "the first block is accepted")
	n.awaitReceipts(20)
	stop()
	n.agree()
}

// cut divides the nodes, heal undoes that and returns when.
func (n *network) cut(groups ...string) {
	n.t.Helper()
	n.command(append([]string{"cut"}, groups...)...)
}

func (n *network) heal() time.Time {
	n.t.Helper()
	n.command("heal")
	return time.Now()
}

// command runs parsd localnet's own commands for the running network.
func (n *network) command(args ...string) {
	n.t.Helper()
	args = append(append([]string{"localnet"}, args...), "--datadir", n.banner.DataDir)
	p := testutil.Start(n.t, testutil.Build(n.t, "parsd"), args...)
	if code := p.Wait(patience); code != 0 {
		n.t.Fatalf("parsd %v: exit code %d: %s", args, code, p.Stderr())
	}
}

// awaitStill waits until none of peers accepts a block any more, and watches
// them for watchHalt. What was being decided when they were cut off may still be.
func (n *network) awaitStill(peers []*peer) {
	n.t.Helper()
	heads := func() []uint64 { return n.heads(peers) }
	last, since := heads(), time.Now()
	n.until("these nodes to accept nothing", func() bool {
		if now := heads(); !slices.Equal(now, last) {
			last, since = now, time.Now()
		}
		return time.Since(since) > watchHalt
	})
	n.t.Logf("%d nodes stand still at %v for %s", len(peers), last, watchHalt)
}

// heads are the heights of the last accepted blocks.
func (n *network) heads(peers []*peer) []uint64 {
	n.t.Helper()
	var out []uint64
	for _, p := range peers {
		h, err := p.head(n.t.Context())
		if err != nil {
			n.t.Fatalf("head of %s: %v", p.name, err)
		}
		out = append(out, h)
	}
	return out
}

// awaitBlocks waits until p accepts count blocks more than it has, and logs how
// long after began that was.
func (n *network) awaitBlocks(p *peer, count uint64, began time.Time, what string) {
	n.t.Helper()
	want := n.heads([]*peer{p})[0] + count
	n.until(fmt.Sprintf("block %d at %s", want, p.name), func() bool {
		h, err := p.head(n.t.Context())
		return err == nil && h >= want
	})
	n.t.Logf("%s: after %s", what, time.Since(began).Round(time.Millisecond))
}

// awaitCaughtUp waits until p has all blocks that the others have now, and logs
// how long that took.
func (n *network) awaitCaughtUp(p *peer, others []*peer, began time.Time) {
	n.t.Helper()
	missing, want := n.heads([]*peer{p})[0], slices.Max(n.heads(others))
	n.until(fmt.Sprintf("%s to have block %d", p.name, want), func() bool {
		h, err := p.head(n.t.Context())
		return err == nil && h >= want
	})
	n.t.Logf("%s, which was at block %d, has block %d %s after the network healed", p.name, missing, want, time.Since(began).Round(time.Millisecond))
}

// TestLongPartitions lasts until connections are given up: the way back is then a
// new connection, not a packet sent again.
func TestLongPartitions(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes six minutes; PARS_TEST_FULL=1 runs it, and TestPartitionsHealByThemselves is always run")
	}
	needsNamespaces(t)
	n := start(t, "--validators", "5", "--cuttable")
	stop := n.traffic()
	n.awaitReceipts(20)

	t.Log("2|3 for two minutes")
	marks := n.marks()
	n.cut("1,2")
	n.watch(n.nodes, longCut)
	n.awaitLog(n.nodes, marks, "the chain has halted")
	n.awaitReadyz(n.nodes, "recent", false)
	n.agreeStill()
	began := n.heal()
	n.awaitBlocks(n.nodes[0], 1, began, "the first block is accepted")
	n.awaitLog(n.nodes, marks, "the chain goes on")
	n.awaitReceipts(20)
	n.agree()

	t.Log("1|4 for two minutes")
	n.cut("1")
	n.watch(n.nodes[:1], longCut)
	n.bounded()
	began = n.heal()
	n.awaitCaughtUp(n.nodes[0], n.nodes[1:], began)
	n.awaitReceipts(20)
	stop()
	n.agree()
}

// longCut is longer than any connection waits for an answer.
const longCut = 2 * time.Minute

// watch checks for a time that peers accept nothing, once what was being decided
// is decided.
func (n *network) watch(peers []*peer, long time.Duration) {
	n.t.Helper()
	n.awaitStill(peers)
	still := n.heads(peers)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := time.After(long - watchHalt); ; {
		select {
		case <-over:
			return
		case <-tick.C:
			if now := n.heads(peers); !slices.Equal(now, still) {
				n.t.Fatalf("cut off, these nodes went from blocks %v to %v", still, now)
			}
		}
	}
}
