package localnet

import (
	"testing"

	"github.com/pars-network/pars/internal/testutil"
)

// TestTieEndsByItself splits four of five validators two against two while the
// fifth is dead. Healed, the four are all connected and enough, but each half
// prefers its own blocks. A node follows any majority of a sample, so one of them
// soon changes sides and the others after it: blocks go on without the fifth.
func TestTieEndsByItself(t *testing.T) {
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
	healed := n.heal()
	n.awaitBlocks(four[0], 2, healed, "with the fifth still dead, the first blocks are accepted")
	n.awaitReceipts(20)
	n.restart(4)
	n.awaitReceipts(20)
	stop()
	n.agree()
}
