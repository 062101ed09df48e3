package dag

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// oneByOne lets pebble run one compaction after another and has no goroutine nor
// timer ([Config.Quiet]): a compaction begins when pebble asks and none is under
// way, else when the one before has ended. pebble calls it with its own lock
// held, so it must not call pebble with mu held.
type oneByOne struct {
	db pebble.DBForCompaction

	mu      sync.Mutex
	ended   sync.Cond // of a call of Done
	closed  bool
	running bool // the permission is given, or on its way from one compaction to the next
	refused bool // somebody asked since Done asked pebble for what waits
	passing int  // calls of Done under way
}

func newOneByOne() *oneByOne {
	c := &oneByOne{}
	c.ended.L = &c.mu
	return c
}

// Register is called when the database is open.
func (c *oneByOne) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister returns when pebble will not be called any more.
func (c *oneByOne) Unregister() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for c.passing > 0 {
		c.ended.Wait()
	}
}

// TrySchedule gives the permission if nobody has it. Who is refused waits, and is
// found by Done.
func (c *oneByOne) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.running {
		c.refused = true
		return false, nil
	}
	c.running = true
	return true, c
}

// UpdateGetAllowedWithoutPermission changes nothing: one is always allowed.
func (*oneByOne) UpdateGetAllowedWithoutPermission() {}

// Started is told of a compaction that begins.
func (*oneByOne) Started() {}

// MeasureCPU is told of its goroutines.
func (*oneByOne) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is told how far it is.
func (*oneByOne) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done is told that a compaction has ended: its permission goes to the next one, if
// any waits.
func (c *oneByOne) Done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passing++
	passed := false
	for !c.closed && !passed {
		c.refused = false
		c.mu.Unlock()
		waiting, _ := c.db.GetWaitingCompaction()
		passed = waiting && c.db.Schedule(c)
		c.mu.Lock()
		if !c.refused {
			break
		}
	}
	if !passed {
		c.running = false
	}
	c.passing--
	c.ended.Broadcast()
}
