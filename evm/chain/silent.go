package chain

import (
	"slices"
	"sync"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// silentAfter is how many windows in a row a proposer lets pass before it is
// called silent. The network may take one window from a proposer, not this many.
const silentAfter = 8

// attendance knows which proposers let their windows pass. A silent one may be
// down or cut off, or withholding blocks because their randomness doesn't suit
// it; the chain can't tell which, so this accuses nobody.
type attendance struct {
	mu     sync.Mutex
	missed map[ids.NodeID]int // windows in a row, of those with any
	silent prometheus.Gauge
}

// note takes the proposers of an accepted block's height, best rank first, and
// the rank of the one whose block it is. It returns those who just became
// silent, and whether the block's proposer was silent before.
func (a *attendance) note(order []ids.NodeID, rank int) (silent []ids.NodeID, back bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.missed == nil {
		a.missed = map[ids.NodeID]int{}
	}
	for _, id := range order[:rank] {
		a.missed[id]++
		if a.missed[id] == silentAfter {
			silent = append(silent, id)
		}
	}
	back = a.missed[order[rank]] >= silentAfter
	delete(a.missed, order[rank])
	count := 0
	for id, n := range a.missed {
		switch {
		case !slices.Contains(order, id): // no validator any more
			delete(a.missed, id)
		case n >= silentAfter:
			count++
		}
	}
	a.silent.Set(float64(count))
	return silent, back
}

// noteAttendance logs who became silent and who is back.
func (vm *VM) noteAttendance(order []ids.NodeID, rank int, height uint64) {
	silent, back := vm.metrics.schedule.attendance.note(order, rank)
	for _, id := range silent {
		vm.sctx.Log.Warn("a proposer has let its windows pass: it is down, cut off or withholds its blocks",
			zap.Stringer("proposer", id), zap.Int("windows", silentAfter), zap.Uint64("height", height))
	}
	if back {
		vm.sctx.Log.Info("a silent proposer is back", zap.Stringer("proposer", order[rank]), zap.Uint64("height", height))
	}
}
