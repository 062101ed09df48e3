// Package replica lets package sync work on the spaces of a store of package
// dag: one type that shows a space, and one that takes vertices in.
package replica

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/sync"
)

// A vertex of any space fits into a frame.
const _ = uint(sync.MaxVertex - dag.MaxEncoded)

// Snapshot is a state of one space, a [sync.Snapshot]. It must be closed.
type Snapshot struct {
	store *dag.Store
	space dag.Space
	at    *dag.Snapshot
	heads []sync.Head
	count uint64
}

// Take takes a snapshot of a space.
func Take(store *dag.Store, space dag.Space) (*Snapshot, error) {
	at, err := store.Snapshot(space)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{store: store, space: space, at: at}
	if s.count, err = at.Count(at.Line()); err == nil {
		err = s.readHeads()
	}
	if err != nil {
		return nil, errors.Join(err, at.Close())
	}
	return s, nil
}

// readHeads looks up the lamport numbers of the frontier. Heads below the line
// say nothing about what lies above it.
func (s *Snapshot) readHeads() error {
	for _, id := range s.at.Frontier() {
		l, err := s.Lamport(sync.ID(id))
		if err != nil {
			return err
		}
		if l >= s.at.Line() {
			s.heads = append(s.heads, sync.Head{ID: sync.ID(id), Lamport: l})
		}
	}
	return nil
}

// Close releases the snapshot.
func (s *Snapshot) Close() error { return s.at.Close() }

// Line implements [sync.Snapshot].
func (s *Snapshot) Line() uint64 { return s.at.Line() }

// Count implements [sync.Snapshot].
func (s *Snapshot) Count() uint64 { return s.count }

// Heads implements [sync.Snapshot].
func (s *Snapshot) Heads() []sync.Head { return s.heads }

// Has implements [sync.Snapshot].
func (s *Snapshot) Has(id sync.ID) (bool, error) {
	for ref, err := range s.at.IDs(s.at.Line(), dag.ID(id)) {
		return err == nil && ref.ID == dag.ID(id), err
	}
	return false, nil
}

// IDs implements [sync.Snapshot].
func (s *Snapshot) IDs(line uint64, from sync.ID) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		for ref, err := range s.at.IDs(line, dag.ID(from)) {
			if !yield(sync.ID(ref.ID), err) || err != nil {
				return
			}
		}
	}
}

// Since implements [sync.Snapshot]. It may yield what came after the snapshot.
func (s *Snapshot) Since(known []sync.ID, line uint64) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		ids := make([]dag.ID, len(known))
		for i, id := range known {
			ids[i] = dag.ID(id)
		}
		for e, err := range s.store.Since(s.space, ids) {
			if err != nil {
				yield(sync.ID{}, err)
				return
			}
			if e.Lamport >= line && !yield(sync.ID(e.ID), nil) {
				return
			}
		}
	}
}

// Lamport implements [sync.Snapshot].
func (s *Snapshot) Lamport(id sync.ID) (uint64, error) {
	h, found, err := s.store.Header(s.space, dag.ID(id))
	if err == nil && !found {
		err = fmt.Errorf("%w: %x", dag.ErrNotFound, id)
	}
	return h.Lamport, err
}

// Vertex implements [sync.Snapshot].
func (s *Snapshot) Vertex(id sync.ID) ([]byte, error) { return s.at.Encoded(dag.ID(id)) }

// Sink stores what a peer sends of one space, a [sync.Sink].
type Sink struct {
	store *dag.Store
	space dag.Space
	peer  string
}

// NewSink returns a sink. peer names the peer to the store's buffer of vertices
// that wait.
func NewSink(store *dag.Store, space dag.Space, peer string) *Sink {
	return &Sink{store: store, space: space, peer: peer}
}

// ID implements [sync.Sink].
func (s *Sink) ID(vertex []byte) (sync.ID, error) {
	v, err := dag.Decode(vertex)
	if err != nil {
		return sync.ID{}, err
	}
	if v.Space != s.space {
		return sync.ID{}, fmt.Errorf("replica: a vertex of space %s, want %s", v.Space, s.space)
	}
	return sync.ID(v.ID()), nil
}

// Add implements [sync.Sink].
func (s *Sink) Add(ctx context.Context, vertices [][]byte) ([]sync.Outcome, error) {
	outcomes, err := s.store.Add(ctx, vertices, dag.Source{Peer: s.peer, Pulled: true})
	if err != nil {
		return nil, err
	}
	out := make([]sync.Outcome, len(outcomes))
	for i, o := range outcomes {
		out[i] = outcome(o)
	}
	return out, nil
}

func outcome(o dag.Outcome) sync.Outcome {
	switch {
	case o.Status == dag.Accepted || o.Status == dag.Known:
		return sync.Accepted
	case o.Status == dag.Waiting && len(o.Missing) > 0:
		return sync.Waiting
	case o.SendersFault():
		return sync.Refused
	default: // no room, or a vouched space's verdict is still to come
		return sync.Deferred
	}
}

// Initiate syncs one space with the peer on stream; see [sync.Initiate].
func Initiate(ctx context.Context, stream sync.Stream, store *dag.Store, space dag.Space, peer string, cfg sync.Config) (_ sync.Result, err error) {
	snap, err := Take(store, space)
	if err != nil {
		return sync.Result{}, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	return sync.Initiate(ctx, stream, sync.ID(space), snap, NewSink(store, space, peer), cfg)
}

// Respond answers one session; see [sync.Respond]. allow says why a space is not
// given to the peer, and nil if it is: an error that matches [sync.ErrBusy] is
// answered so, any other as if the space did not exist.
func Respond(ctx context.Context, stream sync.Stream, store *dag.Store, peer string, allow func(dag.Space) error, cfg sync.Config) (sync.Result, error) {
	return sync.Respond(ctx, stream, func(id sync.ID) (sync.Snapshot, sync.Sink, error) {
		space := dag.Space(id)
		if err := allow(space); err != nil {
			return nil, nil, fmt.Errorf("replica: peer %s and space %s: %w", peer, space, err)
		}
		snap, err := Take(store, space)
		if err != nil {
			return nil, nil, err
		}
		return snap, NewSink(store, space, peer), nil
	}, cfg)
}
