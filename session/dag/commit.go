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
	spaces   map[*space]uint64 // greatest position in it
	accepted []*item
}

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
	led := s.takeGroup()
	err := s.accept(led)
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	for _, o := range led {
		o.done, o.err = true, err
		if o != r {
			o.turn <- struct{}{}
		}
	}
	if len(s.queue) > 0 {
		s.queue[0].turn <- struct{}{}
	} else {
		s.busy = false
	}
	return r.released, r.err
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

// accept decides the requests and returns when what it accepted is synced.
func (s *Store) accept(requests []*request) error {
	g := &group{batch: s.db.NewBatch(), spaces: map[*space]uint64{}}
	if err := s.write(g, requests, s.cfg.Now()); err != nil {
		return errors.Join(err, g.batch.Close())
	}
	if g.batch.Empty() {
		return g.batch.Close()
	}
	err := g.batch.SyncWait()
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
	for sp := range g.spaces {
		sp.applied()
	}
	return nil
}
