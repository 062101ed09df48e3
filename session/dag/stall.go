package dag

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// maxStalledFaults is how many times in a row pebble may fail to make room while
// a writer waits for it.
const maxStalledFaults = 64

// stall watches for what pebble itself would wait on for ever: when the memory
// tables or the first level are full, writers wait until tables are written,
// and if the disk refuses those, pebble tries again without end or pause. The
// writer that waits holds the store's lock and can't be called back, so after
// [maxStalledFaults] the process must end. While nobody waits, a table that can't be
// written is only reported: the log has what was acknowledged.
type stall struct {
	log databaseLogger

	mu      sync.Mutex
	waiting bool
	reason  string
	faults  int // since the wait began or room was made last
}

// listener tells pebble what to call.
func (w *stall) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: w.fault,
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) { w.set(true, i.Reason) },
		WriteStallEnd:   func() { w.set(false, "") },
		FlushEnd:        func(i pebble.FlushInfo) { w.progress(i.Err) },
		CompactionEnd:   func(i pebble.CompactionInfo) { w.progress(i.Err) },
	}
}

func (w *stall) set(waiting bool, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.reason, w.faults = waiting, reason, 0
}

func (w *stall) progress(err error) {
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = 0
}

// fault counts what the disk refused in the background.
func (w *stall) fault(err error) {
	w.mu.Lock()
	waiting, reason := w.waiting, w.reason
	if waiting {
		w.faults++
	}
	faults := w.faults
	w.mu.Unlock()
	if faults >= maxStalledFaults {
		w.log.Fatalf("writers wait (%s) and %d attempts to make room failed, the last with: %v; free or repair the disk and start again", reason, faults, err)
		return
	}
	if faults <= 1 {
		w.log.Errorf("background: %v", err)
	}
}
