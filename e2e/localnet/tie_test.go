package localnet

import (
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
)

// TestTieEndsWhenTheFifthIsBack splits four of five validators two against two
// while the fifth is dead. Healed, the four are all connected and enough, but each
// half prefers its own blocks and the other half's votes are too few to change that:
// no block is accepted for minutes, and nothing is forked. The fifth makes it three
// against two, which ends it.
func TestTieEndsWhenTheFifthIsBack(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes three minutes; PARS_TEST_FULL=1 runs it")
	}
	needsNamespaces(t)
	n := start(t, "--validators", "5", "--cuttable")
	stop := n.traffic()
	n.awaitReceipts(20)
	n.agree()
	n.kill(4)
	n.awaitReceipts(20)
	four := n.nodes[:4]
	n.cut("1,2", "3,4")
	n.awaitStill(four)
	marks := n.marks()
	healed := n.heal()
	// What one half had decided when it was cut off, the other now hears of.
	n.agree()
	before := n.heads(four)
	n.awaitEither(
		func() bool { return n.heads(four)[0] > before[0]+1 },
		func() bool { return hasLine(four[0].log()[marks[four[0]]:], []string{theTie}) },
	)
	t.Logf("%s after the heal, before %v, now %v", time.Since(healed).Round(time.Second), before, n.heads(four))
	back := time.Now()
	n.restart(4)
	n.awaitBlocks(four[0], 1, back, "with the fifth back, the first block is accepted")
	n.awaitReceipts(20)
	stop()
	n.agree()
}

// theTie is what nodes log then.
const theTie = "the chain has halted though enough validators are heard"

// awaitEither waits until one of two things is true: whether blocks tie is chance.
func (n *network) awaitEither(a, b func() bool) {
	n.t.Helper()
	n.until("either", func() bool { return a() || b() })
}
