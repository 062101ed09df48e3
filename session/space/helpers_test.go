package space

import (
	"context"
	"fmt"
	"net"
	gosync "sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/public"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/sync"
	"github.com/pars-network/pars/session/sync/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is a node with everything but links.
type person struct {
	*Service
	t     testing.TB
	disk  vfs.FS
	store *store.Store
	graph *dag.Store
	now   time.Time
}

// newPerson starts a node on a disk.
func newPerson(t testing.TB, disk vfs.FS) *person {
	t.Helper()
	p := &person{t: t, disk: disk, now: time.UnixMilli(1_750_000_000_000)}
	var err error
	if p.store, err = store.Open(store.Config{Dir: "data", FS: disk}); err != nil {
		t.Fatal(err)
	}
	fs, dir, err := p.store.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if p.graph, err = dag.Open(dag.Config{FS: fs, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if p.Service, err = Open(Config{Store: p.store, Graph: p.graph, Now: func() time.Time { return p.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// stop ends the node; a second call does nothing.
func (p *person) stop() {
	if p.graph == nil {
		return
	}
	if err := p.graph.Close(); err != nil {
		p.t.Error(err)
	}
	if err := p.store.Close(); err != nil {
		p.t.Error(err)
	}
	p.graph = nil
}

// again ends the node and starts it on the same disk.
func (p *person) again() *person {
	p.t.Helper()
	p.stop()
	return newPerson(p.t, p.disk)
}

func (p *person) post(sp Space, text string) Entry {
	p.t.Helper()
	e, err := p.Post(p.t.Context(), sp, text)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// texts returns all that a person sees in a space.
func (p *person) texts(sp Space) []string {
	p.t.Helper()
	entries, _, err := p.Entries(sp, 0, 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Text)
	}
	return out
}

// meet reconciles a space of two people.
func meet(t *testing.T, a, b *person, sp Space) {
	t.Helper()
	x, y := net.Pipe()
	answered := make(chan error, 1)
	go func() {
		_, err := replica.Respond(t.Context(), y, b.graph, "a", func(dag.Space) error { return nil }, sync.Config{})
		answered <- err
	}()
	r, err := replica.Initiate(t.Context(), x, a.graph, sp.ID, "b", sync.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if !r.Equal {
		t.Fatalf("not equal after reconciliation: %+v", r)
	}
	_ = x.Close()
	_ = y.Close()
}

// linked runs people's public spaces, on pipes.
func linked(t *testing.T, people ...*person) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	nodes := make([]*public.Spaces, len(people))
	var work gosync.WaitGroup
	for i, p := range people {
		nodes[i] = public.New(p.graph, fmt.Sprint(i), func(_ context.Context, to, protocol string) (public.Stream, error) {
			var j int
			if _, err := fmt.Sscan(to, &j); err != nil {
				return nil, err
			}
			x, y := net.Pipe()
			work.Go(func() { _ = nodes[j].Serve(fmt.Sprint(i), protocol, y) })
			return x, nil
		}, public.Config{})
	}
	for i, p := range people {
		work.Go(func() {
			if err := p.Run(ctx, nodes[i]); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range people {
		for j := range people {
			if i != j {
				nodes[i].Up(fmt.Sprint(j))
			}
		}
	}
	t.Cleanup(func() {
		cancel()
		for _, n := range nodes {
			n.Close()
		}
		work.Wait()
	})
}
