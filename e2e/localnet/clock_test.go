package localnet

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/skew"
	"github.com/pars-network/pars/internal/testutil"
)

// wrongNode is whose clock is wrong here, counted from 0.
const wrongNode = 1

// TestWrongClocks gives one of five validators a wrong clock while it runs, the
// way a clock goes wrong: its wall clock jumps. Everybody else's is the system's.
// The short run has one clock far ahead and one far behind.
func TestWrongClocks(t *testing.T) {
	needsWrongClocks(t)
	n := start(t, "--validators", "5")
	stop := n.traffic()
	n.awaitReceipts(20)
	n.agree()
	all := []time.Duration{300 * time.Millisecond, -5 * time.Second}
	if testutil.Full() {
		all = []time.Duration{
			80 * time.Millisecond, -80 * time.Millisecond, 300 * time.Millisecond, -300 * time.Millisecond,
			5 * time.Second, -5 * time.Second,
		}
	}
	for _, ahead := range all {
		n.liveWithClock(ahead)
	}
	n.setClock(0)
	n.awaitReceipts(20)
	stop()
	n.agree()
}

// liveWithClock checks that the network goes on with one wrong clock, that all
// name it if it is wrong enough to matter, and that all is well once it is right
// again.
func (n *network) liveWithClock(ahead time.Duration) {
	n.t.Helper()
	n.t.Logf("the clock of %s is %s ahead", n.nodes[wrongNode].name, ahead)
	wrong := n.nodes[wrongNode : wrongNode+1]
	others := append(append([]*peer{}, n.nodes[:wrongNode]...), n.nodes[wrongNode+1:]...)
	marks := n.marks()
	early := map[*peer]float64{}
	for _, p := range n.nodes {
		early[p], _ = n.metric(p, "pars_chain_verifies_failed_total", "too_early")
	}
	n.setClock(ahead)
	n.awaitReceipts(50)
	n.awaitMetric(wrong, func(v float64) bool {
		return (time.Duration(v*float64(time.Second)) - ahead).Abs() < clockError
	}, "pars_clock_ahead_seconds")
	id := wrong[0].info.NodeID
	if matters := 2 * clockError; ahead.Abs() > matters {
		n.awaitLog(wrong, marks, "this node's clock is wrong", "set it, and keep it right with NTP")
		n.awaitReadyz(wrong, "clock", false, "this node's clock is")
		n.awaitLog(others, marks, "the clock of a validator is wrong", id)
		n.awaitMetric(others, is(1), "pars_clock_validators_wrong")
		// Who is behind finds the others' blocks too early, who is ahead has its
		// own found so.
		finders := others
		if ahead < 0 {
			finders = wrong
		}
		for _, p := range finders {
			n.awaitMetric([]*peer{p}, func(v float64) bool { return v > early[p] }, "pars_chain_verifies_failed_total", "too_early")
		}
	} else {
		n.awaitReadyz(n.nodes, "clock", true)
	}
	n.agree()
	n.setClock(0)
	n.awaitReadyz(wrong, "clock", true, "this node's clock is")
	n.awaitMetric(others, is(0), "pars_clock_validators_wrong")
	n.awaitReceipts(20)
	n.agree()
}

// clockError is how wrong the comparison of clocks may be on a busy machine.
const clockError = 60 * time.Millisecond

// setClock sets the wrong node's clock ahead of the others'.
func (n *network) setClock(ahead time.Duration) {
	n.t.Helper()
	err := skew.Set(n.nodes[wrongNode].info.PID, ahead)
	if errors.Is(err, fs.ErrPermission) {
		n.t.Skipf("this system doesn't let a program debug its children: %v", err)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// needsWrongClocks skips a test where a process can't be given a wrong clock.
func needsWrongClocks(t *testing.T) {
	t.Helper()
	if skew.Supported != nil {
		t.Skip(skew.Supported)
	}
}
