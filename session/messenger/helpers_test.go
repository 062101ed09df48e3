package messenger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock is moved by the test alone.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []timer
	// armed hears of timers, as far as somebody listens.
	armed chan struct{}
}

type timer struct {
	at time.Time
	c  chan time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := timer{c.now.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	wake(c.armed)
	return t.c
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.timers = slices.DeleteFunc(c.timers, func(t timer) bool {
		if t.at.After(c.now) {
			return false
		}
		t.c <- c.now
		return true
	})
}

// wires connects nodes of a test and records what goes over the links.
type wires struct {
	mu      sync.Mutex
	up      map[string]*node
	traffic bytes.Buffer
	// envelopes are all that were offered to anybody.
	envelopes [][]byte
}

// node is one person's messenger with what it stands on.
type node struct {
	t     *testing.T
	name  string
	wires *wires
	clock *fakeClock
	fs    *vfs.MemFS
	store *store.Store
	*Messenger
	receiver *delivery.Receiver
	stop     func()
	// serving is held for reading while another node hands something in: what a
	// node acknowledges after it "died" would be a fault of the test.
	serving sync.RWMutex
}

type world struct {
	t     *testing.T
	wires *wires
	clock *fakeClock
}

func newWorld(t *testing.T) *world {
	return &world{t: t, wires: &wires{up: map[string]*node{}}, clock: &fakeClock{armed: make(chan struct{}, 1), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
}

// person makes a node with an identity; it is not running.
func (w *world) person(name string) *node {
	w.t.Helper()
	n := &node{t: w.t, name: name, wires: w.wires, clock: w.clock, fs: vfs.NewCrashableMem()}
	n.boot()
	if _, _, err := n.CreateIdentity(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(n.close)
	return n
}

func (n *node) boot() {
	n.t.Helper()
	var err error
	if n.store, err = store.Open(store.Config{Dir: "data", NetworkID: 1337, FS: n.fs}); err != nil {
		n.t.Fatal(err)
	}
	n.Messenger, err = Open(Config{Store: n.store, Clock: n.clock, Rand: rand.Reader, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		n.t.Fatal(err)
	}
	n.receiver = delivery.NewReceiver(n.Messenger, delivery.Limits{Now: n.clock.Now})
}

// start connects the node to all that run.
func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	m := n.Messenger
	go func() {
		m.Run(ctx, carrier{n})
		close(done)
	}()
	n.wires.mu.Lock()
	n.wires.up[n.name] = n
	others := n.wires.others(n.name)
	n.wires.mu.Unlock()
	for _, o := range others {
		o.PeerConnected(n.name)
		n.PeerConnected(o.name)
	}
	n.stop = func() {
		n.wires.mu.Lock()
		delete(n.wires.up, n.name)
		n.wires.mu.Unlock()
		cancel()
		<-done
		n.serving.Lock() // nobody hands in any more
		n.stop = nil
		n.serving.Unlock()
	}
}

func (n *node) close() {
	if n.stop != nil {
		n.stop()
	}
	if err := n.store.Close(); err != nil {
		n.t.Error(err)
	}
}

// crash loses everything that is not synced and opens what is left. The node is
// not running afterwards.
func (n *node) crash() {
	n.t.Helper()
	left := n.fs.CrashClone(vfs.CrashCloneCfg{})
	n.close()
	n.fs = left
	n.boot()
}

func (w *wires) others(name string) []*node {
	var out []*node
	for other, n := range w.up {
		if other != name {
			out = append(out, n)
		}
	}
	return out
}

// carrier is how a node reaches the others.
type carrier struct{ n *node }

func (c carrier) Peers() []string {
	c.n.wires.mu.Lock()
	defer c.n.wires.mu.Unlock()
	var out []string
	for _, o := range c.n.wires.others(c.n.name) {
		out = append(out, o.name)
	}
	return out
}

func (c carrier) Deliver(ctx context.Context, peer string, mailbox delivery.Mailbox, envelope []byte) error {
	c.n.wires.mu.Lock()
	to := c.n.wires.up[peer]
	c.n.wires.envelopes = append(c.n.wires.envelopes, envelope)
	if to != nil {
		to.serving.RLock()
	}
	c.n.wires.mu.Unlock()
	if to == nil {
		return errors.New("no link")
	}
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() {
		_ = to.receiver.Serve(c.n.name, b)
		_ = b.Close()
		to.serving.RUnlock()
		close(done)
	}()
	stop := context.AfterFunc(ctx, func() { _ = a.Close() })
	defer stop()
	err := delivery.Send(tap{a, c.n.wires}, mailbox, envelope)
	_ = a.Close()
	<-done
	return err
}

// tap records both directions of a link.
type tap struct {
	net.Conn
	w *wires
}

func (t tap) Write(b []byte) (int, error) {
	t.w.record(b)
	return t.Conn.Write(b)
}

func (t tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.w.record(b[:n])
	return n, err
}

func (w *wires) record(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traffic.Write(b)
}

func (n *node) id() identity.ID {
	n.t.Helper()
	i, err := n.Identity()
	if err != nil {
		n.t.Fatal(err)
	}
	return i.ID
}

// knows adds another's card.
func (n *node) knows(o *node) {
	n.t.Helper()
	card, err := o.Card()
	if err != nil {
		n.t.Fatal(err)
	}
	if _, _, err := n.AddContact(card.Card(), o.name); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) send(to, text string) Message {
	n.t.Helper()
	m, err := n.Send(to, text)
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

func (n *node) list() []Message {
	n.t.Helper()
	list, _, err := n.List("", 0, 1000)
	if err != nil {
		n.t.Fatal(err)
	}
	return list
}

// until waits until the log satisfies ok. It follows events, so it ends at the
// first that does, and fails with the test's own deadline.
func (n *node) until(what string, ok func([]Message) bool) {
	n.t.Helper()
	w := n.Watch()
	defer n.Unwatch(w)
	for !ok(n.list()) {
		select {
		case _, open := <-w.C:
			if !open {
				n.t.Fatalf("%s stopped before %s", n.name, what)
			}
		case <-time.After(30 * time.Second):
			n.t.Fatalf("%s still has %+v, want %s", n.name, n.list(), what)
		}
	}
}

func inState(seq uint64, s State) func([]Message) bool {
	return func(list []Message) bool {
		return slices.ContainsFunc(list, func(m Message) bool { return m.Seq == seq && m.State == s })
	}
}

func texts(list []Message) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.Text)
	}
	return out
}

func newFS() *vfs.MemFS { return vfs.NewCrashableMem() }

// files returns every file of a node's disk.
func files(t *testing.T, n *node) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	var walk func(dir string)
	walk = func(dir string) {
		names, err := n.fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := n.fs.PathJoin(dir, name)
			info, err := n.fs.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				walk(path)
				continue
			}
			f, err := n.fs.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = b
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	walk("data")
	return out
}
