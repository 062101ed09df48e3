package onion

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a service node on loopback.
type member struct {
	t      testing.TB
	id     nodes.ID
	key    *transport.NodeKey
	host   host.Host
	keys   *Keyring
	relay  *Relay
	addrs  []ma.Multiaddr
	seq    uint64
	record *nodes.Record
}

// world is a network of service nodes with one directory for all.
type world struct {
	t         testing.TB
	directory *nodes.Directory
	members   []*member
}

// newWorld starts n service nodes. config may change what a relay is made with.
func newWorld(t testing.TB, n int, config func(i int, c *RelayConfig)) *world {
	t.Helper()
	d, err := nodes.NewDirectory(nodes.Config{Network: params.Dev.ID})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, directory: d}
	for i := range n {
		key, err := transport.Fresh(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		m := &member{t: t, id: nodes.IDOf(key.Composite()), key: key}
		w.members = append(w.members, m)
		m.host = newHost(t, key, true)
		m.addrs = m.host.Addrs()
		m.freshKeys()
		c := RelayConfig{Keys: m.keys, Directory: d, Handler: m.echo}
		if config != nil {
			config(i, &c)
		}
		if m.relay, err = Attach(m.host, c); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.relay.Close)
		w.publish(m)
	}
	return w
}

// echo answers with who it is and what it was asked.
func (m *member) echo(_ context.Context, request []byte) ([]byte, error) {
	return append(slices.Clone(m.id[:]), request...), nil
}

func (m *member) freshKeys() {
	m.t.Helper()
	var err error
	if m.keys, err = NewKeyring(KeyringConfig{Rand: rand.Reader}); err != nil {
		m.t.Fatal(err)
	}
}

// publish signs a new record of a member.
func (w *world) publish(m *member) {
	w.t.Helper()
	onion, err := m.keys.Onion()
	if err != nil {
		w.t.Fatal(err)
	}
	m.seq++
	m.record, err = nodes.Sign(m.key, nodes.Claims{
		Network: params.Dev.ID, Onion: onion, Addrs: m.addrs, Services: nodes.Store | nodes.Relay,
		Seq: m.seq, Expires: time.Now().Add(nodes.Lifetime),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.directory.Add(m.record); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) member(id nodes.ID) *member {
	for _, m := range w.members {
		if m.id == id {
			return m
		}
	}
	w.t.Fatalf("no member is called %s", id)
	return nil
}

func newHost(t testing.TB, key *transport.NodeKey, listen bool) host.Host {
	t.Helper()
	c := transport.Config{Key: key}
	if listen {
		c.Listen = []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/0")}
	}
	h, err := transport.NewHost(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// person is a client with a host of its own.
type person struct {
	*Client
	host   host.Host
	guards *Guards
}

func (w *world) newPerson(edit func(*ClientConfig)) *person {
	w.t.Helper()
	g, err := NewGuards(nil, rand.Reader, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := ClientConfig{Directory: w.directory, Guards: g, Rand: rand.Reader}
	if edit != nil {
		edit(&c)
	}
	p := &person{host: newHost(w.t, nil, false), guards: c.Guards}
	p.Client = NewClient(HostLinks(p.host, nil, w.directory), c)
	return p
}

// recorder is a stream that keeps what goes through it.
type recorder struct {
	Stream
	seen *seen
}

// seen is what a node saw of one stream, in both directions.
type seen struct {
	mu      sync.Mutex
	in, out []byte
}

// got is what was read so far.
func (s *seen) got() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.in)
}

// sent is what was written so far.
func (s *seen) sent() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.out)
}

// forget empties it.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in, s.out = nil, nil
}

func (r recorder) Read(b []byte) (int, error) {
	n, err := r.Stream.Read(b)
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	r.seen.in = append(r.seen.in, b[:n]...)
	return n, err
}

func (r recorder) Write(b []byte) (int, error) {
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	r.seen.out = append(r.seen.out, b...)
	return r.Stream.Write(b)
}

// raw opens a stream to a member without a client.
func (w *world) raw(from host.Host, m *member) network.Stream {
	w.t.Helper()
	s, err := HostLinks(from, nil, w.directory).Open(w.t.Context(), m.id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Reset() })
	return s.(network.Stream)
}

// handle replaces what a member does with streams.
func (m *member) handle(f func(s network.Stream)) {
	m.host.SetStreamHandler(protocol.ID(Protocol), f)
}

// until calls ok until it says yes.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited 20 s for: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func pathError(t testing.TB, err error) *PathError {
	t.Helper()
	var p *PathError
	if !errors.As(err, &p) {
		t.Fatalf("error = %v, want a PathError", err)
	}
	return p
}

func readAll(s io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s, b); err != nil {
		return nil, fmt.Errorf("reading %d bytes: %w", n, err)
	}
	return b, nil
}
