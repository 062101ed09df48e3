package dag

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// request is what one caller wants accepted.
type request struct {
	items    []*item
	released []*item
	err      error
	done     bool          // else the caller is to lead the next group
	turn     chan struct{} // gets one value when done is set or it is the caller's turn
}

// group is what is accepted in one batch and with one sync.
type group struct {
	batch    *pebble.Batch
	applied  bool              // the database has it, and syncs it
	spaces   map[*space]uint64 // greatest position in it
	accepted []*item
}

// maxSyncs is how many groups may be on their way to the disk. pebble syncs those
// together that were written while it synced others. If it were two, what comes
// during a sync would miss the next one and wait for a third.
const maxSyncs = 16

// commit checks items against their parents, writes those that pass and syncs
// them, together with those of callers that came while the disk was busy. What had
// waited for the items is returned.
func (s *Store) commit(items []*item) ([]*item, error) {
	r := &request{items: items, turn: make(chan struct{}, 1)}
	s.queueMu.Lock()
	s.queue = append(s.queue, r)
	busy := s.busy
	s.busy = true
	s.queueMu.Unlock()
	if busy {
		<-r.turn
		if r.done {
			return r.released, r.err
		}
	}
	s.syncs <- struct{}{}
	led := s.takeGroup()
	g := &group{batch: s.db.NewBatch(), spaces: map[*space]uint64{}}
	err := s.write(g, led, s.cfg.Now())
	s.handOver()
	err = s.settle(g, err)
	<-s.syncs
	for _, o := range led {
		o.done, o.err = true, err
		if o != r {
			o.turn <- struct{}{}
		}
	}
	return r.released, r.err
}

// handOver lets the next in the queue lead.
func (s *Store) handOver() {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if len(s.queue) > 0 {
		s.queue[0].turn <- struct{}{}
	} else {
		s.busy = false
	}
}

// takeGroup takes what fits into one batch from the front of the queue, the
// leader's own request being the first.
func (s *Store) takeGroup() []*request {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	n, vertices, size := 0, 0, 0
	for _, r := range s.queue {
		for _, it := range r.items {
			size += len(it.data)
		}
		if vertices += len(r.items); n > 0 && (vertices > commitVertices || size > commitBytes) {
			break
		}
		n++
	}
	led := s.queue[:n:n]
	s.queue = s.queue[n:]
	return led
}

// settle waits until what a group wrote is synced, if writing did not fail, and makes
// its outcomes final.
func (s *Store) settle(g *group, err error) error {
	if err != nil || !g.applied {
		return errors.Join(err, g.batch.Close())
	}
	err = g.batch.SyncWait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.fail(err)
	}
	for _, it := range g.accepted {
		it.decide(Accepted, nil)
	}
	for sp, pos := range g.spaces {
		sp.sync(pos)
	}
	return g.batch.Close()
}

// write decides the requests and hands what it accepts to the database, whose sync
// is then under way.
func (s *Store) write(g *group, requests []*request, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	for _, r := range requests {
		for _, it := range r.items {
			if it.done() {
				continue
			}
			more, err := s.accept1(g, it, now)
			if err != nil {
				return s.fail(err)
			}
			r.released = append(r.released, more...)
		}
	}
	if g.batch.Empty() {
		return nil
	}
	for sp := range g.spaces {
		if sp.next-1-sp.saved >= saveEvery {
			if err := sp.save(g.batch); err != nil {
				return s.fail(err)
			}
		}
	}
	if err := s.db.ApplyNoSyncWait(g.batch, pebble.Sync); err != nil {
		return s.fail(err)
	}
	g.applied = true // the batch itself does not tell: pebble takes a large one's content away
	for sp := range g.spaces {
		sp.applied()
	}
	return nil
}
