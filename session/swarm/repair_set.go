package swarm

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/sync"
)

// pairSpace names the set that two nodes both hold, for a session of package
// sync. It is the same from both sides.
func pairSpace(a, b nodes.ID) sync.ID {
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return digest.Sum("pars swarm pair v1", a[:], b[:])
}

// set is a [sync.Snapshot] of items: a set without order.
type set struct {
	store *Store
	ids   []sync.ID // ascending
}

// common returns the items whose keys both nodes hold.
func (s *Store) common(m *Map, a, b nodes.ID) *set {
	out := &set{store: s}
	for key, ids := range s.byKey() {
		if m.Holds(a, key) && m.Holds(b, key) {
			for _, id := range ids {
				out.ids = append(out.ids, sync.ID(id))
			}
		}
	}
	slices.SortFunc(out.ids, func(a, b sync.ID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// byKey returns the IDs of all items that have not expired.
func (s *Store) byKey() map[Key][]ID {
	hour := hourOf(s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[Key][]ID, len(s.boxes))
	for key, b := range s.boxes {
		for _, e := range b.entries {
			if e.hour > hour {
				out[key] = append(out[key], e.id)
			}
		}
	}
	return out
}

// Line implements [sync.Snapshot].
func (*set) Line() uint64 { return 0 }

// Count implements [sync.Snapshot].
func (s *set) Count() uint64 { return uint64(len(s.ids)) }

// Heads implements [sync.Snapshot].
func (*set) Heads() []sync.Head { return nil }

func (s *set) search(id sync.ID) (int, bool) {
	return slices.BinarySearchFunc(s.ids, id, func(a, b sync.ID) int { return bytes.Compare(a[:], b[:]) })
}

// Has implements [sync.Snapshot].
func (s *set) Has(id sync.ID) (bool, error) {
	_, ok := s.search(id)
	return ok, nil
}

// IDs implements [sync.Snapshot].
func (s *set) IDs(_ uint64, from sync.ID) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		at, _ := s.search(from)
		for _, id := range s.ids[at:] {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Since implements [sync.Snapshot]: nothing is an ancestor of anything.
func (s *set) Since(known []sync.ID, _ uint64) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		for _, id := range s.ids {
			if !slices.Contains(known, id) && !yield(id, nil) {
				return
			}
		}
	}
}

// Lamport implements [sync.Snapshot].
func (*set) Lamport(sync.ID) (uint64, error) { return 0, nil }

// Vertex implements [sync.Snapshot].
func (s *set) Vertex(id sync.ID) ([]byte, error) {
	it, err := s.store.Item(ID(id))
	if err != nil {
		return nil, err
	}
	return it.Bytes()
}

// sink takes the items of another service node, a [sync.Sink].
type sink struct {
	store *Store
	maps  *Maps
	self  nodes.ID
}

// ID implements [sync.Sink].
func (s *sink) ID(raw []byte) (sync.ID, error) {
	it, err := ParseItem(raw)
	if err != nil {
		return sync.ID{}, err
	}
	return sync.ID(it.ID()), nil
}

// Add implements [sync.Sink].
func (s *sink) Add(ctx context.Context, items [][]byte) ([]sync.Outcome, error) {
	out := make([]sync.Outcome, len(items))
	for i, raw := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		it, err := ParseItem(raw)
		if err != nil {
			out[i] = sync.Refused
			continue
		}
		if out[i], err = s.take(it); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// take stores what another service node brings. It needs no more work than any
// write did once, since the load of now is not that of then.
func (s *sink) take(it Item) (sync.Outcome, error) {
	if !s.maps.Now().Near(s.self, it.Key) {
		return sync.Deferred, nil
	}
	err := s.store.Put(it, MinWork)
	switch {
	case err == nil:
		return sync.Accepted, nil
	case errors.Is(err, ErrItem), errors.Is(err, ErrStamp):
		return sync.Refused, nil
	case errors.Is(err, ErrFull), errors.Is(err, ErrDeleted), errors.Is(err, envelope.ErrExpired), errors.Is(err, envelope.ErrLifetime):
		return sync.Deferred, nil
	}
	return 0, err
}
