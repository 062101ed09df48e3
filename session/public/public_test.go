package public

import (
	"context"
	"crypto/sha3"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/sync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rules = dag.Rules{Auth: dag.Signed, Seed: [32]byte{'p'}}

// person is a node with a writer.
type person struct {
	t      *testing.T
	node   *simnet.Node
	store  *dag.Store
	spaces *Spaces
	writer dag.Writer
	space  dag.Space
}

func name(i simnet.ID) string { return "node " + strconv.Itoa(int(i)) }

func newPerson(t *testing.T, n *simnet.Net) *person {
	t.Helper()
	p := &person{t: t, node: n.AddStable()}
	key, err := sign.NewPrivateKey(sha3.SumSHAKE256(fmt.Appendf(nil, "person %d of session/public", p.node.ID()), sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	p.writer = dag.NewWriter(key)
	p.node.Boot(func(node *simnet.Node) {
		if p.store, err = dag.Open(dag.Config{Dir: "dag", FS: node.Disk(), Workers: 1, Quiet: true}); err != nil {
			t.Fatal(err)
		}
		node.OnStop(func() { _ = p.store.Close() })
		p.spaces = New(p.store, name(node.ID()), func(ctx context.Context, peer, protocol string) (Stream, error) {
			i, err := strconv.Atoi(strings.TrimPrefix(peer, "node "))
			if err != nil {
				return nil, err
			}
			return node.Dial(ctx, simnet.ID(i), protocol)
		}, Config{})
		s := p.spaces
		node.OnStop(s.Close)
		for _, protocol := range []string{gossip.Protocol, sync.Protocol, "/other/1"} {
			node.Serve(protocol, func(c *simnet.Conn) { _ = s.Serve(name(c.Remote()), protocol, c) })
		}
		if p.space, err = s.Join(rules); err != nil {
			t.Fatal(err)
		}
	})
	return p
}

func connect(a, b *person) {
	a.spaces.Up(name(b.node.ID()))
	b.spaces.Up(name(a.node.ID()))
}

func (p *person) say(count int) {
	p.t.Helper()
	for range count {
		if _, _, err := p.spaces.Append(context.Background(), p.space, p.writer, dag.Data, []byte("salaam")); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *person) count() int {
	p.t.Helper()
	n := 0
	for _, err := range p.store.Since(p.space, nil) {
		if err != nil {
			p.t.Fatal(err)
		}
		n++
	}
	return n
}

func TestVerticesSpread(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b, c := newPerson(t, n), newPerson(t, n), newPerson(t, n)
		connect(a, b)
		connect(b, c)
		n.Run(5 * time.Second)
		a.say(3)
		c.say(2)
		n.Run(5 * time.Second)
		if a.count() != 5 || b.count() != 5 || c.count() != 5 {
			t.Errorf("%d, %d and %d vertices, want 5 everywhere", a.count(), b.count(), c.count())
		}
		if got := b.spaces.Stats(); got.Stored != 5 {
			t.Errorf("the one in the middle got %d by gossip, want 5", got.Stored)
		}
	})
}

// What was written while nodes were apart comes by sync, and goes on from there,
// be it little or much.
func TestWhatGossipMissed(t *testing.T) {
	for _, count := range []int{5, announceEach + 50} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
				a, b, c := newPerson(t, n), newPerson(t, n), newPerson(t, n)
				connect(b, c)
				n.Run(5 * time.Second)
				a.say(count)
				b.say(1)
				n.Run(5 * time.Second)
				connect(a, b)
				n.Run(20 * time.Second)
				if a.count() != count+1 || b.count() != count+1 || c.count() != count+1 {
					t.Errorf("%d, %d and %d vertices, want %d everywhere", a.count(), b.count(), c.count(), count+1)
				}
			})
		})
	}
}

// After a restart nothing is announced again, and the space goes on.
func TestRestart(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b := newPerson(t, n), newPerson(t, n)
		connect(a, b)
		n.Run(5 * time.Second)
		a.say(3)
		n.Run(5 * time.Second)
		a.node.Kill()
		a.node.Restart()
		a.spaces.Up(name(1))
		n.Run(2 * time.Minute)
		if got := a.spaces.Stats(); got.Announced != 0 {
			t.Errorf("announced %d vertices from before", got.Announced)
		}
		a.say(1)
		b.say(1)
		n.Run(5 * time.Second)
		if a.count() != 5 || b.count() != 5 {
			t.Errorf("%d and %d vertices, want 5", a.count(), b.count())
		}
	})
}

func TestRefusals(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b := newPerson(t, n), newPerson(t, n)
		if _, err := a.spaces.Join(dag.Rules{Auth: dag.Vouched}); err == nil {
			t.Error("a space of two is not public")
		}
		var errs []error
		a.node.Go(func(ctx context.Context) { // a protocol that is not ours
			c, err := a.node.Dial(ctx, b.node.ID(), "/other/1")
			if err == nil {
				_, err = c.Read(make([]byte, 1))
				_ = c.Close()
			}
			errs = append(errs, err)
		})
		n.Run(5 * time.Second)
		if len(errs) != 1 || errs[0] == nil {
			t.Errorf("another protocol: %v, want an end", errs)
		}
		b.spaces.Leave(b.space)
		a.node.Go(func(ctx context.Context) { errs = append(errs, a.spaces.repair(ctx, name(1), gossip.SpaceID(a.space))) })
		n.Run(5 * time.Second)
		if len(errs) != 2 || errs[1] == nil {
			t.Errorf("sync of a space that the other one left: %v, want an error", errs)
		}
	})
}

// A node answers a bounded number of sessions at a time, and many after another.
func TestSessionsAreBounded(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b := newPerson(t, n), newPerson(t, n)
		a.say(1)
		var errs []error
		for range 2 * maxSyncs {
			a.node.Go(func(ctx context.Context) {
				err := a.spaces.repair(ctx, name(1), gossip.SpaceID(a.space))
				b.spaces.mu.Lock()
				defer b.spaces.mu.Unlock()
				errs = append(errs, err)
			})
		}
		n.Run(time.Minute)
		busy := len(slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil }))
		if len(errs) != 2*maxSyncs || busy != maxSyncs || b.count() != 1 || len(b.spaces.syncs) != 0 {
			t.Errorf("%d sessions, %d refused, %d vertices, %d places taken, want %d, %d, 1, 0", len(errs), busy, b.count(), len(b.spaces.syncs), 2*maxSyncs, maxSyncs)
		}
		a.node.Go(func(ctx context.Context) { errs = append(errs, a.spaces.repair(ctx, name(1), gossip.SpaceID(a.space))) })
		n.Run(time.Minute)
		if err := errs[len(errs)-1]; err != nil || len(errs) != 2*maxSyncs+1 {
			t.Errorf("a session after the others: %v", err)
		}
	})
}
