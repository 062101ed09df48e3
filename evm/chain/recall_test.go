package chain

import (
	"testing"

	"github.com/ava-labs/avalanchego/snow"

	"github.com/pars-network/pars/evm/genesis"
)

// restart ends the node as a crash would for consensus, and starts it again.
func (n *testNode) restart() *testNode {
	n.net.tb.Helper()
	n.setState(snow.Bootstrapping)
	if err := n.Shutdown(n.net.tb.Context()); err != nil {
		n.net.tb.Fatal(err)
	}
	return n.start()
}

// One node accepts a block by the votes of the others; all crash before the others
// accept it. Restarted, every one of the others proposes that very block first,
// although a rival would be as valid.
func TestRestartedNodesProposeAgainWhatTheyPreferred(t *testing.T) {
	net := newTestNet(t, 4, genesis.Options{})
	nodes := net.started(4)
	give(t, net.transfer(3), nodes...)
	round(nodes)
	give(t, net.transfer(0), nodes...)
	first := leader(nodes).build()
	for _, n := range nodes {
		n.verifyAndPrefer(first)
	}
	give(t, net.transfer(1), nodes...)
	second := leader(nodes).build()
	for _, n := range nodes {
		n.verifyAndPrefer(second)
	}
	nodes[0].adopt(first) // and shows it to a user
	for i, n := range nodes[1:] {
		n.restart()
		if wait := n.next(); wait != 0 {
			t.Errorf("node %d waits %d ms, want none", i+1, wait)
		}
		for _, want := range []*Block{first, second} {
			b, err := n.BuildBlock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if b.ID() != want.ID() {
				t.Fatalf("node %d proposes %s at height %d, want again %s at height %d", i+1, b.ID(), b.Height(), want.ID(), want.Height())
			}
			n.verifyAndPrefer(b)
		}
		if len(n.recalled) != 0 {
			t.Errorf("node %d still recalls %d blocks", i+1, len(n.recalled))
		}
	}
	// The chain goes on from there.
	for _, b := range []*Block{first, second} {
		for i, n := range nodes {
			if i > 0 || b == second {
				n.adopt(b)
			}
		}
	}
	give(t, net.transfer(2), nodes...)
	if b := round(nodes); b.Height() != 4 {
		t.Errorf("the next block is at height %d, want 4", b.Height())
	}
}

func TestWhatWasDecidedIsNotRecalled(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	give(t, net.transfer(0), nodes[0])
	rival := nodes[0].build()
	give(t, net.transfer(1), nodes[1])
	won := nodes[1].build()
	// Node 0 preferred the rival, and then accepted the other one.
	nodes[0].verifyAndPrefer(rival)
	nodes[0].adopt(won)
	nodes[0].restart()
	if len(nodes[0].recalled) != 0 {
		t.Errorf("%d blocks beside the accepted one are recalled, want none", len(nodes[0].recalled))
	}
	nodes[0].restart()
	// A node that was away: what it preferred is decided by the time it has
	// caught up.
	nodes[1].adopt(won)
	give(t, net.transfer(2), nodes...)
	next := leader(nodes).build()
	nodes[0].verifyAndPrefer(next)
	nodes[0].restart()
	if len(nodes[0].recalled) != 1 {
		t.Fatalf("%d blocks are recalled, want 1", len(nodes[0].recalled))
	}
	nodes[0].adopt(next)
	if len(nodes[0].recalled) != 0 {
		t.Errorf("%d blocks are recalled after the decision, want none", len(nodes[0].recalled))
	}
}
