package space

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is a node with everything but links.
type person struct {
	*Service
	t     *testing.T
	disk  vfs.FS
	store *store.Store
	graph *dag.Store
	now   time.Time
}

// newPerson starts a node on a disk.
func newPerson(t *testing.T, disk vfs.FS) *person {
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
		_, err := b.Answer(t.Context(), "a", y)
		answered <- err
	}()
	r, err := a.Reconcile(t.Context(), "b", sp.ID, x)
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

// linked runs gossip and its repair between people, on pipes.
func linked(t *testing.T, people ...*person) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	services := make([]*gossip.Service, len(people))
	var work sync.WaitGroup
	for i := range people {
		services[i] = gossip.New(fmt.Sprint(i), func(_ context.Context, to string) (io.ReadWriteCloser, error) {
			x, y := net.Pipe()
			var j int
			if _, err := fmt.Sscan(to, &j); err != nil {
				return nil, err
			}
			work.Go(func() { _ = services[j].Serve(fmt.Sprint(i), y) })
			return x, nil
		}, gossip.Config{Repair: func(ctx context.Context, peer string, space gossip.SpaceID) error {
			var j int
			if _, err := fmt.Sscan(peer, &j); err != nil {
				return err
			}
			x, y := net.Pipe()
			defer func() { _ = x.Close() }()
			work.Go(func() {
				defer func() { _ = y.Close() }()
				_, _ = people[j].Answer(ctx, fmt.Sprint(i), y) // the other side reports
			})
			_, err := people[i].Reconcile(ctx, peer, dag.Space(space), x)
			return err
		}})
	}
	for i, p := range people {
		work.Go(func() {
			if err := p.Run(ctx, services[i]); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range people {
		for j := range people {
			if i != j {
				services[i].Up(fmt.Sprint(j))
			}
		}
	}
	t.Cleanup(func() {
		cancel()
		for _, s := range services {
			s.Close()
		}
		work.Wait()
	})
}
