package swarm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the tests take place: a day after the start of an epoch.
var start = nodes.Epoch{Number: 700}.Start().Add(24 * time.Hour)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// memory is a disk that keeps everything in memory.
type memory struct {
	mu   sync.Mutex
	all  map[string][]byte
	free uint64
	err  error
}

func newMemory() *memory { return &memory{all: map[string][]byte{}, free: 1 << 40} }

func (d *memory) Apply(changes []Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(d.all, string(c.Key))
		} else {
			d.all[string(c.Key)] = bytes.Clone(c.Value)
		}
	}
	return nil
}

func (d *memory) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.all[string(key)]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(v), nil
}

func (d *memory) Scan(prefix []byte, f func(k, v []byte) error) error {
	d.mu.Lock()
	keys := slices.Sorted(maps.Keys(d.all))
	d.mu.Unlock()
	for _, k := range keys {
		if !bytes.HasPrefix([]byte(k), prefix) {
			continue
		}
		v, err := d.Get([]byte(k))
		if err == nil {
			err = f([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *memory) Room() (uint64, error) { d.mu.Lock(); defer d.mu.Unlock(); return d.free, d.err }
func (d *memory) Close() error          { return nil }

func keyOf(t testing.TB, n byte) *transport.NodeKey {
	t.Helper()
	k, err := transport.NewNodeKey(bytes.Repeat([]byte{n}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var onion = sync.OnceValue(func() *kem.PublicKey {
	k, err := kem.NewPrivateKey(make([]byte, kem.SeedSize))
	if err != nil {
		panic(err)
	}
	return k.Public()
})

func recordOf(t testing.TB, key nodes.Signer, seq uint64, now time.Time, services nodes.Services) *nodes.Record {
	t.Helper()
	r, err := nodes.Sign(key, nodes.Claims{
		Network: params.Dev.ID, Onion: nodes.OnionKey{Key: onion(), Expires: now.Add(time.Hour)},
		Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/9000")}, Services: services,
		Epoch: nodes.Epoch{Number: nodes.EpochOf(now)}, Seq: seq, Expires: now.Add(nodes.MaxLifetime),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mailboxOf returns the key of mailbox number n.
func mailboxOf(t testing.TB, n byte) (*sign.PrivateKey, Key) {
	t.Helper()
	k, err := sign.NewPrivateKey(bytes.Repeat([]byte{n, 0xa5}, sign.SeedSize/2))
	if err != nil {
		t.Fatal(err)
	}
	return k, Key(identity.MailboxIDOf(k.Public()))
}

// envelopeFor makes an envelope with number n in it.
func envelopeFor(t testing.TB, mailbox Key, n uint64, now time.Time, ttl time.Duration) []byte {
	t.Helper()
	e, err := envelope.New(identity.MailboxID(mailbox), now, ttl, 100)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(e.Sealed, n)
	raw, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func numberOf(t testing.TB, raw []byte) uint64 {
	t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint64(e.Sealed)
}

// stamped returns an item with a stamp of at least so much work.
func stamped(t testing.TB, it Item, work int) Item {
	t.Helper()
	var err error
	if it.Stamp, err = Search(t.Context(), it.ID(), work, 0); err != nil {
		t.Fatal(err)
	}
	return it
}

func envelopeItem(t testing.TB, mailbox Key, n uint64, now time.Time, ttl time.Duration) Item {
	t.Helper()
	it, err := NewEnvelope(envelopeFor(t, mailbox, n, now, ttl))
	if err != nil {
		t.Fatal(err)
	}
	return stamped(t, it, MinWork)
}

// mate is a service node of a test.
type mate struct {
	key    *transport.NodeKey
	id     nodes.ID
	disk   *memory
	store  *Store
	server *Server
	repair *Repairer

	mu   sync.Mutex
	down bool
	// lies, if set, answers in the server's place; ok false lets the server answer.
	lies func(v verb, honest func() []byte) ([]byte, bool)
}

// swarmNet is service nodes that call each other's handlers, and one directory
// that all of them share.
type swarmNet struct {
	t         testing.TB
	clock     *clock
	directory *nodes.Directory
	maps      *Maps
	peers     map[nodes.ID]*mate
	next      byte
	seq       uint64
	limits    Limits
	// seen, if set, hears every request that a server gets.
	seen func(from string, raw []byte)
}

func newNetwork(t testing.TB, n int) *swarmNet {
	t.Helper()
	w := &swarmNet{t: t, clock: &clock{t: start}, peers: map[nodes.ID]*mate{}}
	var err error
	w.directory, err = nodes.NewDirectory(nodes.Config{Network: params.Dev.ID, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.maps = NewMaps(w.directory, w.clock.now)
	for range n {
		w.add()
	}
	return w
}

func (w *swarmNet) add() *mate {
	w.t.Helper()
	w.next++
	p := &mate{key: keyOf(w.t, w.next), disk: newMemory()}
	p.id = nodes.IDOf(p.key.Composite())
	w.start(p)
	w.peers[p.id] = p
	w.say(p, nodes.Store)
	return p
}

// start makes what a process has in memory.
func (w *swarmNet) start(p *mate) {
	w.t.Helper()
	var err error
	if p.store, err = OpenStore(p.disk, w.limits, w.clock.now); err != nil {
		w.t.Fatal(err)
	}
	if p.server, err = NewServer(ServerConfig{Node: p.id, Store: p.store, Maps: w.maps, Now: w.clock.now, Rate: Rate{PerSecond: 1e6, Burst: 1e6}}); err != nil {
		w.t.Fatal(err)
	}
	p.repair = NewRepairer(RepairConfig{Node: p.id, Store: p.store, Maps: w.maps, Now: w.clock.now, Dial: w.dialFrom(p.id)})
}

// say publishes a new record of a peer.
func (w *swarmNet) say(p *mate, services nodes.Services) {
	w.t.Helper()
	w.seq++
	if _, err := w.directory.Add(recordOf(w.t, p.key, w.seq, w.clock.now(), services)); err != nil {
		w.t.Fatal(err)
	}
}

var errDown = errors.New("connection refused")

// Call implements [Caller].
func (w *swarmNet) Call(ctx context.Context, to nodes.ID, raw []byte) ([]byte, error) {
	p := w.peers[to]
	p.mu.Lock()
	down, lies, server := p.down, p.lies, p.server
	p.mu.Unlock()
	if down {
		return nil, errDown
	}
	if len(raw) > MaxRequest {
		return nil, fmt.Errorf("a request of %d bytes", len(raw))
	}
	if w.seen != nil {
		w.seen("client", raw)
	}
	honest := func() []byte { return server.Serve(ctx, Source{Name: "client"}, raw) }
	if lies != nil {
		req, err := parseRequest(raw)
		if err != nil {
			return nil, err
		}
		if out, ok := lies(req.Verb, honest); ok {
			return out, nil
		}
	}
	out := honest()
	if len(out) > MaxRequest {
		return nil, fmt.Errorf("a response of %d bytes", len(out))
	}
	return out, ctx.Err()
}

func (w *swarmNet) dialFrom(from nodes.ID) Dialer {
	return func(ctx context.Context, to *nodes.Record, protocol string) (Stream, error) {
		p := w.peers[to.ID()]
		p.mu.Lock()
		down, repair := p.down, p.repair
		p.mu.Unlock()
		if down {
			return nil, errDown
		}
		x, y := pipe()
		go func() {
			if err := repair.Answer(ctx, from, protocol, y); err != nil {
				_ = y.Close()
				return
			}
			_ = y.Close()
		}()
		return x, nil
	}
}

func (w *swarmNet) client(cfg ClientConfig) *Client {
	cfg.Maps, cfg.Caller, cfg.Now = w.maps, w, w.clock.now
	if cfg.Backoff == 0 {
		cfg.Backoff = time.Millisecond
	}
	c := NewClient(cfg)
	w.t.Cleanup(c.Close)
	return c
}

func (w *swarmNet) holders(key Key) []*mate {
	var out []*mate
	for _, r := range w.maps.Now().Current(key) {
		out = append(out, w.peers[r.ID()])
	}
	return out
}

// round lets every node repair once.
func (w *swarmNet) round() {
	w.t.Helper()
	for _, id := range slices.SortedFunc(maps.Keys(w.peers), nodes.ID.Compare) {
		p := w.peers[id]
		if p.down {
			continue
		}
		if err := p.repair.Round(w.t.Context()); err != nil && !errors.Is(err, errDown) {
			w.t.Fatalf("repair of %s: %v", id.Short(), err)
		}
	}
}

// kill makes a node vanish, with its disk, and its record expire.
func (w *swarmNet) kill(p *mate) {
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
}

// bury takes the record of a killed node out, as its expiry does.
func (w *swarmNet) bury(p *mate) { w.say(p, 0) }

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// random1 is randomness that repeats.
type random1Reader struct{ r *rand.Rand }

func (r random1Reader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.r.Uint32())
	}
	return len(b), nil
}

func random1(seed byte) random1Reader { return random1Reader{random(uint64(seed))} }
