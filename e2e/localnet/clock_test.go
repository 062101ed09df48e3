package localnet

import (
	"testing"
	"time"

	"github.com/pars-network/pars/internal/skew"
)

func TestWrongClocks(t *testing.T) {
	needsWrongClocks(t)
	n := start(t, "--validators", "5")
	stop := n.traffic()
	n.awaitReceipts(20)
	for _, ahead := range []time.Duration{80 * time.Millisecond, -80 * time.Millisecond, 300 * time.Millisecond, -300 * time.Millisecond, 5 * time.Second, -5 * time.Second} {
		t.Logf("the clock of node2 is %s ahead", ahead)
		n.setClock(1, ahead)
		before := n.heads(n.nodes)
		n.awaitReceipts(100)
		<-time.After(5*time.Second)
		t.Logf("before %v, now %v", before, n.heads(n.nodes))
		n.agree()
		t.Logf("agreed %v", n.heads(n.nodes))
	}
	n.setClock(1, 0)
	n.awaitReceipts(20)
	stop()
	n.agree()
}

// setClock sets the clock of node i ahead of the others'.
func (n *network) setClock(i int, ahead time.Duration) {
	n.t.Helper()
	if err := skew.Set(n.nodes[i].info.PID, ahead); err != nil {
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
