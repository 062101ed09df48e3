package replica

import (
	"context"
	"fmt"
	"iter"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/sync"
)

// Snapshot is a space at one moment, as package sync reads it. It must be closed.
type Snapshot struct {
	store *dag.Store
	space dag.Space
	snap  *dag.Snapshot
	count uint64
	heads []sync.Head
}

// NewSnapshot takes a snapshot of a space.
func NewSnapshot(store *dag.Store, space dag.Space) (*Snapshot, error) {
	snap, err := store.Snapshot(space)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{store: store, space: space, snap: snap}
	if s.count, err = snap.Count(snap.Line()); err != nil {
		_ = snap.Close()
		return nil, err
	}
	for _, id := range snap.Frontier() {
		ref, ok, err := snap.Lookup(id)
		if err != nil {
			_ = snap.Close()
			return nil, err
		}
		if ok { // else it was pruned: it is below the line
			s.heads = append(s.heads, sync.Head{ID: sync.ID(id), Lamport: ref.Lamport})
		}
	}
	return s, nil
}

// Close releases the snapshot.
func (s *Snapshot) Close() error { return s.snap.Close() }

// Line implements [sync.Snapshot].
func (s *Snapshot) Line() uint64 { return s.snap.Line() }

// Count implements [sync.Snapshot].
func (s *Snapshot) Count() uint64 { return s.count }

// Heads implements [sync.Snapshot].
func (s *Snapshot) Heads() []sync.Head { return s.heads }

// Has implements [sync.Snapshot].
func (s *Snapshot) Has(id sync.ID) (bool, error) {
	_, ok, err := s.snap.Lookup(dag.ID(id))
	return ok, err
}

// IDs implements [sync.Snapshot].
func (s *Snapshot) IDs(line uint64, from sync.ID) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		for ref, err := range s.snap.IDs(line, dag.ID(from)) {
			if !yield(sync.ID(ref.ID), err) {
				return
			}
		}
	}
}

// Since implements [sync.Snapshot]. The store may have more by now: what the
// snapshot does not show is left out.
func (s *Snapshot) Since(known []sync.ID, line uint64) iter.Seq2[sync.ID, error] {
	frontier := make([]dag.ID, len(known))
	for i, id := range known {
		frontier[i] = dag.ID(id)
	}
	return func(yield func(sync.ID, error) bool) {
		for e, err := range s.store.Since(s.space, frontier) {
			if err == nil {
				if e.Lamport < line {
					continue
				}
				var shown bool
				if _, shown, err = s.snap.Lookup(e.ID); err == nil && !shown {
					continue
				}
			}
			if !yield(sync.ID(e.ID), err) {
				return
			}
		}
	}
}

// Lamport implements [sync.Snapshot].
func (s *Snapshot) Lamport(id sync.ID) (uint64, error) {
	ref, ok, err := s.snap.Lookup(dag.ID(id))
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s", dag.ErrNotFound, dag.ID(id))
	}
	return ref.Lamport, err
}

// Vertex implements [sync.Snapshot].
func (s *Snapshot) Vertex(id sync.ID) ([]byte, error) { return s.snap.Encoded(dag.ID(id)) }

// Sink puts what a peer or a file brings into the store.
type Sink struct {
	Store *dag.Store
	Space dag.Space
	// Peer names who brings it, "" for a file.
	Peer string
	// Stored, if set, is told which vertices were accepted.
	Stored func(ids []dag.ID)
}

// ID implements [sync.Sink].
func (s Sink) ID(vertex []byte) (sync.ID, error) {
	v, err := decode(s.Space, vertex)
	if err != nil {
		return sync.ID{}, err
	}
	return sync.ID(v.ID()), nil
}

// Add implements [sync.Sink].
func (s Sink) Add(ctx context.Context, vertices [][]byte) ([]sync.Outcome, error) {
	outcomes, err := s.Store.Add(ctx, vertices, dag.Source{Peer: s.Peer, Pulled: true})
	if err != nil {
		return nil, err
	}
	out := make([]sync.Outcome, len(outcomes))
	var accepted []dag.ID
	for i, o := range outcomes {
		switch o.Status {
		case dag.Accepted:
			out[i] = sync.Accepted
			accepted = append(accepted, o.ID)
		case dag.Known:
			out[i] = sync.Accepted
		case dag.Waiting:
			out[i] = sync.Waiting
		case dag.Deferred:
			out[i] = sync.Deferred
		case dag.Refused:
			out[i] = sync.Refused
		}
	}
	if s.Stored != nil && len(accepted) > 0 {
		s.Stored(accepted)
	}
	return out, nil
}
