package public

import (
	"context"
	"fmt"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
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
		if o.SendersFault() {
			return added, fmt.Errorf("%w: %w", gossip.ErrInvalid, o.Err)
		}
		return added, o.Err
	}
	return added, nil
}
