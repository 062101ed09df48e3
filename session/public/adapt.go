package public

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/sync"
)

// graph is a space of a store as gossip sees it.
type graph struct {
	store *dag.Store
	id    dag.Space
}

// Identify decodes a vertex.
func (g graph) Identify(vertex []byte) (gossip.ID, [32]byte, error) {
	v, err := dag.Decode(vertex)
	if err != nil {
		return gossip.ID{}, [32]byte{}, fmt.Errorf("%w: %w", gossip.ErrInvalid, err)
	}
	if v.Space != g.id {
		return gossip.ID{}, [32]byte{}, fmt.Errorf("%w: of space %s", gossip.ErrInvalid, v.Space)
	}
	return gossip.ID(v.ID()), v.Author, nil
}

// Has looks a vertex up.
func (g graph) Has(id gossip.ID) (bool, error) { return g.store.Has(g.id, dag.ID(id)) }

// Get reads a vertex.
func (g graph) Get(id gossip.ID) ([]byte, error) { return g.store.Encoded(g.id, dag.ID(id)) }

// Add adds a vertex. What had waited for it comes by the store's feed.
func (g graph) Add(vertex []byte) (gossip.Added, error) {
	out, err := g.store.Add(context.Background(), [][]byte{vertex}, dag.Source{})
	if err != nil {
		return gossip.Added{}, err
	}
	var added gossip.Added
	switch o := out[0]; o.Status {
	case dag.Accepted:
		added.Stored = []gossip.ID{gossip.ID(o.ID)}
	case dag.Known:
	case dag.Waiting:
		for _, id := range o.Missing {
			added.Missing = append(added.Missing, gossip.ID(id))
		}
	case dag.Deferred:
		return added, fmt.Errorf("%w: %w", gossip.ErrLater, o.Err)
	case dag.Refused:
		if atFault(o.Err) {
			return added, fmt.Errorf("%w: %w", gossip.ErrInvalid, o.Err)
		}
		return added, o.Err
	}
	return added, nil
}

// atFault reports whether who sent the bytes is to blame for a refusal.
func atFault(err error) bool {
	return errors.Is(err, dag.ErrEncoding) || errors.Is(err, dag.ErrInvalid) || errors.Is(err, dag.ErrAuth)
}

// sink takes in what a session of sync brings.
type sink struct {
	store *dag.Store
	id    dag.Space
	peer  string
}

// ID returns the id of a vertex.
func (s sink) ID(vertex []byte) (sync.ID, error) {
	id, _, err := graph{s.store, s.id}.Identify(vertex)
	return sync.ID(id), err
}

// Add stores vertices.
func (s sink) Add(ctx context.Context, vertices [][]byte) ([]sync.Outcome, error) {
	var out []sync.Outcome
	for len(vertices) > 0 {
		n := min(len(vertices), dag.MaxBatch)
		part, err := s.store.Add(ctx, vertices[:n], dag.Source{Peer: s.peer, Pulled: true})
		if err != nil {
			return nil, err
		}
		for _, o := range part {
			switch {
			case o.Status == dag.Accepted || o.Status == dag.Known:
				out = append(out, sync.Accepted)
			case o.Status == dag.Waiting:
				out = append(out, sync.Waiting)
			case o.Status == dag.Refused && atFault(o.Err):
				out = append(out, sync.Refused)
			default:
				out = append(out, sync.Deferred)
			}
		}
		vertices = vertices[n:]
	}
	return out, nil
}

// snapshot is one state of a space as sync sees it.
type snapshot struct {
	*dag.Snapshot
	store *dag.Store
	id    dag.Space
	count uint64
	heads []sync.Head
	done  func()
}

func (p *Spaces) snapshot(id dag.Space) (*snapshot, error) {
	p.mu.Lock()
	_, joined := p.joined[id]
	p.mu.Unlock()
	if !joined {
		return nil, sync.ErrUnknownSpace
	}
	x, err := p.store.Snapshot(id)
	if err != nil {
		return nil, err
	}
	s := &snapshot{Snapshot: x, store: p.store, id: id}
	if s.count, err = x.Count(x.Line()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, h := range x.Frontier() {
		lamport, err := s.Lamport(sync.ID(h))
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.heads = append(s.heads, sync.Head{ID: sync.ID(h), Lamport: lamport})
	}
	return s, nil
}

// Close releases the snapshot.
func (s *snapshot) Close() error {
	if s.done != nil {
		s.done()
		s.done = nil
	}
	return s.Snapshot.Close()
}

// Count is how many vertices lie on the prune line or above.
func (s *snapshot) Count() uint64 { return s.count }

// Heads is the frontier.
func (s *snapshot) Heads() []sync.Head { return s.heads }

// Has reports whether a vertex is in the snapshot.
func (s *snapshot) Has(id sync.ID) (bool, error) {
	_, err := s.Encoded(dag.ID(id))
	if errors.Is(err, dag.ErrNotFound) {
		return false, nil
	}
	return err == nil || errors.Is(err, dag.ErrPruned), ignorePruned(err)
}

func ignorePruned(err error) error {
	if errors.Is(err, dag.ErrPruned) {
		return nil
	}
	return err
}

// IDs yields ids in order.
func (s *snapshot) IDs(line uint64, from sync.ID) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) {
		for ref, err := range s.Snapshot.IDs(line, dag.ID(from)) {
			if !yield(sync.ID(ref.ID), err) {
				return
			}
		}
	}
}

// Since yields what is not in the past of some vertices, parents first.
func (s *snapshot) Since(known []sync.ID, line uint64) iter.Seq2[sync.ID, error] {
	frontier := make([]dag.ID, len(known))
	for i, id := range known {
		frontier[i] = dag.ID(id)
	}
	return func(yield func(sync.ID, error) bool) {
		for e, err := range s.store.Since(s.id, frontier) {
			if err == nil && e.Lamport < line {
				continue
			}
			if !yield(sync.ID(e.ID), err) {
				return
			}
		}
	}
}

// Lamport returns a vertex's lamport number.
func (s *snapshot) Lamport(id sync.ID) (uint64, error) {
	h, found, err := s.store.Header(s.id, dag.ID(id))
	if err == nil && !found {
		err = fmt.Errorf("%w: %x", dag.ErrNotFound, id)
	}
	return h.Lamport, err
}

// Vertex returns a vertex's bytes.
func (s *snapshot) Vertex(id sync.ID) ([]byte, error) { return s.Encoded(dag.ID(id)) }
