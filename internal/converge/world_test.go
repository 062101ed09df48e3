package converge

import (
	"context"
	"crypto/sha3"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/session/crdt"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/public"
	dagsync "github.com/pars-network/pars/session/sync"
)

// shape says how large a history is.
type shape struct {
	nodes, vertices int
	hours           int
	hostile         int // of the nodes
}

// rules of the one space.
var rules = dag.Rules{Auth: dag.Signed, Seed: [32]byte{'c'}}

// writers are made once: keys take time.
var writers = sync.OnceValue(func() []dag.Writer {
	var out []dag.Writer
	for i := range 50 {
		key, err := sign.NewPrivateKey(sha3.SumSHAKE256(fmt.Appendf(nil, "writer %d of internal/converge", i), sign.SeedSize))
		if err != nil {
			panic(err)
		}
		out = append(out, dag.NewWriter(key))
	}
	return out
})

// world is one history.
type world struct {
	t       *testing.T
	net     *simnet.Net
	space   dag.Space
	members []*member
	checked *dag.Checked
	made    map[dag.ID]bool // every valid vertex that was ever made; true if it may not get lost
	links   [][]int         // neighbours
	unjust  atomic.Int64    // how often a node dropped one that did nothing wrong
}

// member is a node.
type member struct {
	w      *world
	i      int
	node   *simnet.Node
	role   role
	writer dag.Writer
	store  *dag.Store
	spaces *public.Spaces // of those that run what everybody runs
	crook  *crook         // of the others

	docs   *crdt.Space
	feed   *dag.Feed
	read   int // vertices applied to docs
	refuse int // payloads that no document took
}

type role int

const (
	honest     role = iota
	forker          // two nodes write with one author's key
	flooder         // sends vertices with wrong signatures
	withholder      // announces what it never sends, and does not sync
	replayer        // sends everything again and again
	liar            // makes vertices with wrong lamport numbers, on a wrong clock
)

func (r role) String() string {
	return [...]string{"honest", "forker", "flooder", "withholder", "replayer", "liar"}[r]
}

// runsOurs reports whether a node runs the real thing.
func (r role) runsOurs() bool { return r == honest || r == forker }

func name(i int) string { return "node " + strconv.Itoa(i) }

// newWorld makes the nodes and links them.
func newWorld(t *testing.T, n *simnet.Net, s shape) *world {
	w := &world{t: t, net: n, space: rules.Space(), checked: dag.NewChecked(1 << 20), made: map[dag.ID]bool{}, links: make([][]int, s.nodes)}
	r := n.Rand("world")
	link := func(a, b int) {
		if a != b && !slices.Contains(w.links[a], b) {
			w.links[a], w.links[b] = append(w.links[a], b), append(w.links[b], a)
		}
	}
	good := s.nodes - s.hostile
	for i := range s.nodes {
		link(i, (i+1)%good) // whatever the hostile ones do, the others hang together
		for range 2 {
			link(i, r.IntN(s.nodes))
		}
	}
	for i := range s.nodes {
		m := &member{w: w, i: i, writer: writers()[i]}
		switch {
		case i >= good:
			m.role = []role{forker, flooder, withholder, replayer, liar}[(i-good)/2%5]
			if m.role == forker {
				m.writer = writers()[good+(i-good)/2*2] // two in a row share it
			}
			m.node = n.AddStable()
		case i == 0:
			m.node = n.Add() // may lose power
		default:
			m.node = n.AddStable()
		}
		if m.role == liar {
			m.node.SetClock(time.Duration(r.IntN(48)-24)*time.Hour, 1e-4)
		}
		w.members = append(w.members, m)
	}
	n.SetLinks(func(a, b simnet.ID) simnet.Link {
		return simnet.Link{Delay: time.Duration(20+r.IntN(181)) * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.01}
	})
	for _, m := range w.members {
		m.node.Boot(m.boot)
	}
	return w
}

// boot starts a node's program.
func (m *member) boot(node *simnet.Node) {
	var err error
	m.store, err = dag.Open(dag.Config{
		Dir: "dag", FS: node.Disk(), Workers: 1, CacheBytes: 1 << 20, Checked: m.w.checked, Quiet: true,
		Fatal: func(msg string) { panic(msg) },
	})
	if err != nil {
		m.w.t.Fatal(err)
	}
	node.OnStop(func() { _ = m.store.Close() })
	dial := func(ctx context.Context, peer, protocol string) (public.Stream, error) {
		i, err := strconv.Atoi(peer[len("node "):])
		if err != nil {
			return nil, err
		}
		return node.Dial(ctx, simnet.ID(i), protocol)
	}
	cfg := gossip.Config{RepairEvery: time.Hour, LazyDelay: 200 * time.Millisecond, GraftDelay: 500 * time.Millisecond, AnswerDelay: time.Second, Now: node.Now}
	if m.role.runsOurs() {
		cfg.Log = slog.New(unjust{m.w})
		s := public.New(m.store, name(m.i), dial, public.Config{Gossip: cfg})
		m.spaces = s
		node.OnStop(s.Close)
		for _, p := range []string{gossip.Protocol, dagsync.Protocol} {
			node.Serve(p, func(c *simnet.Conn) { _ = s.Serve(name(int(c.Remote())), p, c) })
		}
		if _, err := s.Join(rules); err != nil {
			m.w.t.Fatal(err)
		}
		for _, o := range m.w.links[m.i] {
			s.Up(name(o))
		}
	} else {
		if _, err := m.store.Join(rules); err != nil {
			m.w.t.Fatal(err)
		}
		newCrook(m, node, dial, cfg)
	}
	m.docs, m.read, m.refuse = &crdt.Space{}, 0, 0
	if m.feed, err = m.store.Feed(m.w.space, 0); err != nil {
		m.w.t.Fatal(err)
	}
}

// catchUp applies what the store has accepted to the documents, in the order of
// its arrival at this node.
func (m *member) catchUp() {
	for {
		total := m.total()
		if m.read >= total {
			return
		}
		entries, err := m.feed.Next(context.Background(), 500)
		if err != nil {
			m.w.t.Fatal(err)
		}
		for _, e := range entries {
			m.read++
			data, err := e.Encoded()
			if err != nil {
				m.w.t.Fatal(err)
			}
			v, err := dag.Decode(data)
			if err != nil {
				m.w.t.Fatal(err)
			}
			if len(v.Payload) == 0 {
				continue // ties heads together
			}
			past := func(o crdt.Vertex) bool {
				in, err := m.store.Ancestor(m.w.space, dag.ID(o.ID), e.ID)
				if err != nil && !errors.Is(err, dag.ErrNotFound) {
					m.w.t.Fatal(err)
				}
				return in
			}
			if _, err := m.docs.Apply(crdt.Vertex{ID: crdt.ID(e.ID), Lamport: v.Lamport}, v.Payload, past); err != nil {
				m.refuse++
			}
		}
	}
}

// total is how many vertices the store has.
func (m *member) total() int {
	snap, err := m.store.Snapshot(m.w.space)
	if err != nil {
		m.w.t.Fatal(err)
	}
	defer snap.Close()
	n, err := snap.Count(0)
	if err != nil {
		m.w.t.Fatal(err)
	}
	return int(n)
}

// append makes a vertex.
func (m *member) append(payload []byte) (*dag.Vertex, dag.ID) {
	v, id, err := m.store.Append(context.Background(), m.w.space, m.writer, dag.Data, payload)
	if err != nil {
		m.w.t.Fatal(err)
	}
	data, err := v.Encode()
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.w.made[id] = m.role.runsOurs()
	if m.spaces != nil {
		err = m.spaces.Spread(m.w.space, data)
	} else {
		m.crook.own[gossip.ID(id)] = true
		err = m.crook.gossip.Spread(gossip.SpaceID(m.w.space), data)
	}
	if err != nil {
		m.w.t.Fatal(err)
	}
	return v, id
}

// write edits a document.
func (m *member) write(r *rand.Rand) {
	for { // an edit must have seen all that the documents contain
		heads, err := m.store.Frontier(m.w.space)
		if err != nil {
			m.w.t.Fatal(err)
		}
		if len(heads) < dag.MaxParents {
			break
		}
		m.append(nil)
	}
	m.catchUp()
	tx, err := m.docs.Begin()
	if err != nil {
		m.w.t.Fatal(err)
	}
	if err := edit(tx, r, m.docs); err != nil {
		m.w.t.Fatal(err)
	}
	payload, err := tx.Payload()
	if err != nil {
		m.w.t.Fatal(err)
	}
	v, id := m.append(payload)
	if err := tx.Commit(crdt.Vertex{ID: crdt.ID(id), Lamport: v.Lamport}); err != nil {
		m.w.t.Fatal(err)
	}
}

// edit changes one document at random.
func edit(tx *crdt.SpaceTx, r *rand.Rand, docs *crdt.Space) error {
	id := crdt.Named(fmt.Sprint("document ", r.IntN(3)))
	d, err := tx.Document(id)
	if err != nil {
		return err
	}
	word := fmt.Appendf(nil, "word %d", r.IntN(100))
	switch r.IntN(8) {
	case 0:
		e, err := d.GCounter("g")
		if err != nil {
			return err
		}
		return e.Add(uint64(1 + r.IntN(9)))
	case 1:
		e, err := d.PNCounter("pn")
		if err != nil {
			return err
		}
		return e.Add(int64(1 + r.IntN(9)))
	case 2:
		e, err := d.GSet("gs")
		if err != nil {
			return err
		}
		return e.Add(fmt.Appendf(word, " %d", r.Uint64()))
	case 3:
		e, err := d.ORSet("or")
		if err != nil {
			return err
		}
		if r.IntN(3) == 0 {
			e.Remove(word)
		}
		return e.Add(fmt.Appendf(nil, "word %d", r.IntN(100)))
	case 4:
		e, err := d.LWW("lww")
		if err != nil {
			return err
		}
		return e.Set(word)
	case 5:
		e, err := d.MV("mv")
		if err != nil {
			return err
		}
		return e.Set(word)
	default:
		e, err := d.Text("text")
		if err != nil {
			return err
		}
		n := docs.Document(id).Text("text").Len()
		at := r.IntN(n + 1)
		return e.Splice(at, min(r.IntN(3), n-at), "salaam "[:1+r.IntN(7)])
	}
}

// ids returns all vertices of a node, in order.
func (m *member) ids() []dag.ID {
	snap, err := m.store.Snapshot(m.w.space)
	if err != nil {
		m.w.t.Fatal(err)
	}
	defer snap.Close()
	var out []dag.ID
	for ref, err := range snap.IDs(0, dag.ID{}) {
		if err != nil {
			m.w.t.Fatal(err)
		}
		out = append(out, ref.ID)
	}
	return out
}

// ours are the nodes that must agree.
func (w *world) ours() []*member {
	var out []*member
	for _, m := range w.members {
		if m.role.runsOurs() {
			out = append(out, m)
		}
	}
	return out
}

// agree reports whether all nodes have one frontier.
func (w *world) agree() bool {
	var first []dag.ID
	for i, m := range w.ours() {
		if !m.node.Up() {
			return false
		}
		f, err := m.store.Frontier(w.space)
		if err != nil {
			w.t.Fatal(err)
		}
		if i == 0 {
			first = f
		} else if !slices.Equal(f, first) {
			return false
		}
	}
	return true
}

// check compares everything that must be the same or must be there.
func (w *world) check() {
	t := w.t
	var ids []dag.ID
	var docs map[crdt.DocumentID][]byte
	for i, m := range w.ours() {
		m.catchUp()
		mine := map[crdt.DocumentID][]byte{}
		for _, id := range m.docs.IDs() {
			data, err := m.docs.Document(id).Encode()
			if err != nil {
				t.Fatal(err)
			}
			mine[id] = data
		}
		if i == 0 {
			ids, docs = m.ids(), mine
			continue
		}
		if got := m.ids(); !slices.Equal(got, ids) {
			t.Errorf("node %d (%v) has %d vertices, the first one %d", m.i, m.role, len(got), len(ids))
		}
		if !maps.EqualFunc(mine, docs, func(a, b []byte) bool { return string(a) == string(b) }) {
			t.Errorf("node %d (%v) has other documents than the first one", m.i, m.role)
		}
	}
	have := map[dag.ID]bool{}
	for _, id := range ids {
		have[id] = true
		if _, ok := w.made[id]; !ok {
			t.Errorf("vertex %s was accepted, and nobody made it", id)
		}
	}
	lost := 0
	for id, must := range w.made {
		if must && !have[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d vertices are lost", lost)
	}
	if len(docs) == 0 {
		t.Error("there are no documents")
	}
}
