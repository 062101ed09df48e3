package contracts_test

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"time"
)

var (
	dexSeed = flag.Uint64("dex.seed", 0x0400, "seed of the random sequences")
	dexFrom = flag.Uint64("dex.from", 0, "first of the random sequences")
	dexN    = flag.Uint64("dex.n", 0, "how many random sequences; 0 for the usual number")
)

// The native pool manager and the published one do the same: every result, every
// revert, every event, every slot.
func TestPoolManagerIsUniswaps(t *testing.T) {
	n := *dexN
	if n == 0 {
		n = 60
		if os.Getenv("PARS_TEST_FULL") != "" {
			n = 20_000
		}
	}
	base := newStage(t)
	t.Logf("seed %#x, sequences %d to %d", *dexSeed, *dexFrom, *dexFrom+n-1)
	start, failed, seen := time.Now(), 0, make(tally)
	for i := *dexFrom; i < *dexFrom+n; i++ {
		author, txs := write(t, base, *dexSeed, i, 50, false)
		if err := author.compare(author.puppets, txs, seen); err != nil {
			t.Errorf("sequence %d (-dex.seed %s -dex.from %d -dex.n 1): %v", i, strconv.FormatUint(*dexSeed, 10), i, err)
			if failed++; failed == 5 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d sequences in %v; events: %v", n, time.Since(start).Round(time.Second), seen)
	for _, name := range []string{"Initialize", "Swap", "ModifyLiquidity", "Donate", "Transfer", "ProtocolFeeUpdated"} {
		if n >= 60 && seen[name] == 0 {
			t.Errorf("%d sequences without one %s that succeeded", n, name)
		}
	}
}
