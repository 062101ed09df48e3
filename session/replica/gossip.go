package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
)

// Gossiped is a public space as package gossip sees it.
type Gossiped struct {
	// Store holds the space; it has joined it.
	Store *dag.Store
	Space dag.Space
}

// Identify implements [gossip.Space].
func (g Gossiped) Identify(vertex []byte) (gossip.ID, [32]byte, error) {
	v, err := decode(g.Space, vertex)
	if err != nil {
		return gossip.ID{}, [32]byte{}, fmt.Errorf("%w: %w", gossip.ErrInvalid, err)
	}
	return gossip.ID(v.ID()), v.Author, nil
}

// decode reads a vertex that must be one of a space.
func decode(space dag.Space, vertex []byte) (*dag.Vertex, error) {
	v, err := dag.Decode(vertex)
	if err != nil {
		return nil, err
	}
	if v.Space != space {
		return nil, fmt.Errorf("%w: of space %s, want %s", dag.ErrInvalid, v.Space, space)
	}
	return v, nil
}

// Has implements [gossip.Space].
func (g Gossiped) Has(id gossip.ID) (bool, error) { return g.Store.Has(g.Space, dag.ID(id)) }

// Get implements [gossip.Space].
func (g Gossiped) Get(id gossip.ID) ([]byte, error) { return g.Store.Encoded(g.Space, dag.ID(id)) }

// Add implements [gossip.Space]. Those that waited for the vertex are told by
// nobody here: whoever follows the store announces them (see [gossip.Service.Announce]).
func (g Gossiped) Add(vertex []byte) (gossip.Added, error) {
	outcomes, err := g.Store.Add(context.Background(), [][]byte{vertex}, dag.Source{Peer: "gossip"})
	if err != nil {
		return gossip.Added{}, err
	}
	o := outcomes[0]
	switch o.Status {
	case dag.Accepted:
		return gossip.Added{Stored: []gossip.ID{gossip.ID(o.ID)}}, nil
	case dag.Known:
		return gossip.Added{}, nil
	case dag.Waiting:
		missing := make([]gossip.ID, len(o.Missing))
		for i, id := range o.Missing {
			missing[i] = gossip.ID(id)
		}
		return gossip.Added{Missing: missing}, nil
	case dag.Refused:
		if !errors.Is(o.Err, dag.ErrSpace) {
			return gossip.Added{}, fmt.Errorf("%w: %w", gossip.ErrInvalid, o.Err)
		}
	case dag.Deferred:
	}
	return gossip.Added{}, o.Err
}
