package simnet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	mrand "math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// SeedVariable is the environment variable that repeats a run.
const SeedVariable = "PARS_SEED"

// Config of a network. Its zero value is a random seed and links of 50 ms.
type Config struct {
	// Seed of everything random; 0 takes a fresh one. The variable PARS_SEED
	// goes before both.
	Seed uint64
	// Link is what every link is like unless [Net.SetLink] says otherwise. The
	// zero value means [DefaultLink].
	Link Link
	// StreamTimeout is how long a stream survives a cut, and how long a dial
	// waits for an answer; 0 means 30 s.
	StreamTimeout time.Duration
	// Log receives a line for every event; nil means nobody reads them.
	Log io.Writer
}

// DefaultLink is a link without faults.
var DefaultLink = Link{Delay: 50 * time.Millisecond}

// Net is a simulated network. Its methods are called by the goroutine of the
// test and by handlers, never by two goroutines at a time; what nodes call
// ([Node], [Conn]) is safe for concurrent use.
type Net struct {
	cfg   Config
	start time.Time
	ctx   context.Context // ends with the network

	mu       sync.Mutex
	queue    queue
	scripts  uint64
	deadline time.Time // the earliest event that run sleeps for; zero while it works
	wake     chan struct{}
	nodes    []*Node
	links    map[[2]ID]*wire
	group    map[ID]int // partition; nil when there is none
	conns    map[*Conn]struct{}

	log    hash.Hash
	events uint64
	total  Traffic
}

// Traffic counts what was sent, whether it arrived or not.
type Traffic struct {
	Messages uint64 // single messages and segments of streams
	Bytes    uint64 // their payload
}

// Test runs f with a network in a bubble of [synctest]. The network ends with
// f: nodes are stopped, and f must not leave goroutines that are not of a node.
// A failure prints the seed that repeats it.
func Test(t *testing.T, cfg Config, f func(*testing.T, *Net)) {
	t.Helper()
	cfg.Seed = Seed(t, cfg.Seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("simnet: seed %d; repeat with %s=%d go test -run '^%s$'", cfg.Seed, SeedVariable, cfg.Seed, t.Name())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := New(cfg)
		defer n.Close()
		f(t, n)
	})
}

// Seed returns the seed that the variable PARS_SEED asks for, else seed, else a
// fresh one.
func Seed(tb testing.TB, seed uint64) uint64 {
	tb.Helper()
	if s := os.Getenv(SeedVariable); s != "" {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			tb.Fatalf("%s=%q is no seed; set a number from 0 to 2^64-1", SeedVariable, s)
		}
		return v
	}
	for seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		seed = binary.LittleEndian.Uint64(b[:])
	}
	return seed
}

// New makes a network with the given seed, which may be 0. It must be called in
// a bubble of [synctest]; [Test] does so. The caller closes it.
func New(cfg Config) *Net {
	if cfg.Link == (Link{}) {
		cfg.Link = DefaultLink
	}
	if cfg.StreamTimeout == 0 {
		cfg.StreamTimeout = 30 * time.Second
	}
	return &Net{
		cfg: cfg, start: time.Now(), ctx: context.Background(), wake: make(chan struct{}, 1),
		links: map[[2]ID]*wire{}, conns: map[*Conn]struct{}{}, log: sha256.New(),
	}
}

// Seed returns the seed of this network.
func (n *Net) Seed() uint64 { return n.cfg.Seed }

// Rand returns a source of randomness for the test itself, the same one for the
// same seed and name.
func (n *Net) Rand(name string) *mrand.Rand { return n.source("test " + name) }

// source derives an independent source from the seed.
func (n *Net) source(name string) *mrand.Rand {
	h := sha256.Sum256(fmt.Appendf(nil, "simnet %d %s", n.cfg.Seed, name))
	return mrand.New(mrand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
}

// Now is the network's clock, without any node's error.
func (n *Net) Now() time.Time { return time.Now() }

// Elapsed is how long the network has existed.
func (n *Net) Elapsed() time.Duration { return time.Since(n.start) }

// Add makes a node, which is up at once. Its id is the number of nodes before
// it.
func (n *Net) Add() *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	node := newNode(n, ID(len(n.nodes)))
	n.nodes = append(n.nodes, node)
	return node
}

// AddStable makes a node whose disk keeps everything, whatever happens. Disks that
// can forget copy a file whenever it is synced, which long runs can't afford on
// every node.
func (n *Net) AddStable() *Node {
	node := n.Add()
	node.stable, node.disk = true, vfs.NewMem()
	return node
}

// Node returns the node with an id that [Net.Add] gave.
func (n *Net) Node(id ID) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[id]
}

// Nodes returns all nodes in the order of their ids.
func (n *Net) Nodes() []*Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Node(nil), n.nodes...)
}

// Traffic returns what all nodes together have sent.
func (n *Net) Traffic() Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.total
}

// Digest is a hash over all events so far: their times, ends, kinds and
// contents. Two runs with one digest were the same run.
func (n *Net) Digest() [sha256.Size]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return [sha256.Size]byte(n.log.Sum(nil))
}

// Events returns how many events there have been.
func (n *Net) Events() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.events
}

// Close stops all nodes and waits for their goroutines.
func (n *Net) Close() {
	for _, node := range n.Nodes() {
		node.Stop()
	}
	synctest.Wait()
}
