package converge

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/public"
)

// crook is the program of a hostile node: gossip over a space that lies. It
// never syncs.
type crook struct {
	m      *member
	node   *simnet.Node
	cfg    gossip.Config
	dial   public.Dialer
	gossip *gossip.Service
	forged map[gossip.ID][]byte
	own    map[gossip.ID]bool
}

// newCrook starts one on its node.
func newCrook(m *member, node *simnet.Node, dial public.Dialer, cfg gossip.Config) {
	c := &crook{m: m, node: node, cfg: cfg, dial: dial, forged: map[gossip.ID][]byte{}, own: map[gossip.ID]bool{}}
	m.crook = c
	c.start()
	node.OnStop(func() { c.gossip.Close() })
	node.Serve(gossip.Protocol, func(s *simnet.Conn) { _ = c.gossip.Serve(name(int(s.Remote())), s) })
	r := m.w.net.Rand(name(m.i))
	switch m.role {
	case flooder:
		node.Every(2*time.Minute, func() { c.flood(r, forgeSignature) })
	case liar:
		node.Every(2*time.Minute, func() { c.flood(r, c.lie) })
	case replayer:
		node.Every(7*time.Minute, func() { c.replay(r) })
	}
}

func (c *crook) start() {
	c.gossip = gossip.New(name(c.m.i), func(ctx context.Context, peer string) (io.ReadWriteCloser, error) {
		return c.dial(ctx, peer, gossip.Protocol)
	}, c.cfg)
	if err := c.gossip.Join(gossip.SpaceID(c.m.w.space), c); err != nil {
		c.m.w.t.Fatal(err)
	}
	for _, o := range c.m.w.links[c.m.i] {
		c.gossip.Up(name(o))
	}
}

// some returns one of the vertices that the node has.
func (c *crook) some(r *rand.Rand) *dag.Vertex {
	ids := c.m.ids()
	if len(ids) == 0 {
		return nil
	}
	v, err := c.m.store.Get(c.m.w.space, ids[r.IntN(len(ids))])
	if err != nil {
		c.m.w.t.Fatal(err)
	}
	return v
}

// flood sends vertices that break a rule.
func (c *crook) flood(r *rand.Rand, forge func(*rand.Rand, *dag.Vertex) error) {
	for range 5 {
		v := c.some(r)
		if v == nil {
			return
		}
		if err := forge(r, v); err != nil {
			c.m.w.t.Fatal(err)
		}
		data, err := v.Encode()
		if err != nil {
			continue // not even a vertex
		}
		c.forged[gossip.ID(v.ID())] = data
		_ = c.gossip.Spread(gossip.SpaceID(c.m.w.space), data)
	}
}

// forgeSignature changes what somebody else has signed.
func forgeSignature(r *rand.Rand, v *dag.Vertex) error {
	v.Payload = append([]byte{byte(r.Uint32())}, v.Payload...)
	return nil
}

// lie makes a vertex of its own that claims to be later or earlier than it is.
func (c *crook) lie(r *rand.Rand, v *dag.Vertex) error {
	id := v.ID()
	*v = dag.Vertex{Space: c.m.w.space, Seq: 1, Kind: dag.Data, Parents: []dag.ID{id}, Lamport: v.Lamport + 2 + uint64(r.IntN(1000)), Payload: []byte{1}}
	return writers()[c.m.i].Seal(v)
}

// replay forgets whom it has sent what and sends old vertices again.
func (c *crook) replay(r *rand.Rand) {
	c.gossip.Close()
	c.start()
	c.node.After(time.Minute, func() {
		for range 20 {
			if v := c.some(r); v != nil {
				if data, err := v.Encode(); err == nil {
					_ = c.gossip.Spread(gossip.SpaceID(c.m.w.space), data)
				}
			}
		}
	})
}

// Identify tells what a vertex is.
func (c *crook) Identify(vertex []byte) (gossip.ID, [32]byte, error) {
	v, err := dag.Decode(vertex)
	if err != nil {
		return gossip.ID{}, [32]byte{}, gossip.ErrInvalid
	}
	return gossip.ID(v.ID()), v.Author, nil
}

// Has looks a vertex up.
func (c *crook) Has(id gossip.ID) (bool, error) { return c.m.store.Has(c.m.w.space, dag.ID(id)) }

// Get reads a vertex, or refuses to.
func (c *crook) Get(id gossip.ID) ([]byte, error) {
	if data, ok := c.forged[id]; ok {
		return data, nil
	}
	if c.m.role == withholder && !c.own[id] {
		return nil, errors.New("kept back")
	}
	return c.m.store.Encoded(c.m.w.space, dag.ID(id))
}

// Add stores a vertex.
func (c *crook) Add(vertex []byte) (gossip.Added, error) {
	out, err := c.m.store.Add(context.Background(), [][]byte{vertex}, dag.Source{})
	if err != nil || out[0].Status != dag.Accepted {
		return gossip.Added{}, err
	}
	return gossip.Added{Stored: []gossip.ID{gossip.ID(out[0].ID)}}, nil
}
