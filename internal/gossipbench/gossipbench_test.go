package gossipbench

import (
	"context"
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/internal/simnet/simhost"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/session/gossip"
	link "github.com/pars-network/pars/session/transport"
)

const (
	dials = 5    // by each host, so that a host has 10 neighbours on average
	size  = 1024 // bytes of a message
	every = 50 * time.Millisecond
)

// scale says how much a run is of. The short one is for every day: fewer hosts
// and messages, the same promises.
type scale struct {
	hosts              int
	first, warm, after int // messages: the first ever, before measuring, after hosts vanished
	steady             int // those that are measured
}

var (
	short = scale{hosts: 24, first: 40, warm: 60, steady: 80, after: 40}
	full  = scale{hosts: 50, first: 100, warm: 150, steady: 300, after: 200}
)

type hash = [32]byte

// swarm is one protocol on all hosts.
type swarm struct {
	net   *simnet.Net
	hosts []host.Host
	// publish sends a message from a host.
	publish func(from int, message []byte) error

	mu      sync.Mutex
	arrived []map[hash]time.Time // by host
}

func (s *swarm) deliver(to int, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := sha3.Sum256(message)
	if s.arrived[to][id].IsZero() {
		s.arrived[to][id] = time.Now()
	}
}

// newSwarm makes hosts that are linked to each other over links of 20 to
// 200 ms, with 5 % of jitter.
func newSwarm(t *testing.T, n *simnet.Net, hosts int) *swarm {
	s := &swarm{net: n}
	for i := range hosts {
		node := n.Add()
		key, err := link.Fresh(reader{n.Rand(fmt.Sprint("key ", i))})
		if err != nil {
			t.Fatal(err)
		}
		h, err := simhost.New(node, key)
		if err != nil {
			t.Fatal(err)
		}
		s.hosts = append(s.hosts, h)
		s.arrived = append(s.arrived, map[hash]time.Time{})
	}
	r := n.Rand("links")
	delays := map[[2]simnet.ID]time.Duration{}
	n.SetLinks(func(a, b simnet.ID) simnet.Link {
		pair := [2]simnet.ID{min(a, b), max(a, b)}
		if delays[pair] == 0 {
			delays[pair] = time.Duration(20_000+r.IntN(180_001)) * time.Microsecond
		}
		return simnet.Link{Delay: delays[pair], Jitter: delays[pair] / 20}
	})
	for i := range hosts {
		for _, step := range r.Perm(hosts - 1)[:dials] {
			to := s.hosts[(i+step+1)%hosts]
			n.Node(simnet.ID(i)).Go(func(ctx context.Context) {
				if err := s.hosts[i].Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
					t.Errorf("connecting: %v", err)
				}
			})
		}
	}
	n.Run(10 * time.Second)
	return s
}

type reader struct{ r interface{ Uint32() uint32 } }

// Read fills p.
func (r reader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.r.Uint32())
	}
	return len(p), nil
}

// gossipsub runs the peer to beat, with its default parameters.
func gossipsub(t *testing.T, s *swarm) {
	topics := make([]*pubsub.Topic, len(s.hosts))
	for i, h := range s.hosts {
		ctx := s.net.Node(simnet.ID(i)).Context()
		ps, err := pubsub.NewGossipSub(ctx, h,
			pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
			pubsub.WithMessageIdFn(func(m *pb.Message) string {
				id := sha3.Sum256(m.Data)
				return string(id[:])
			}))
		if err != nil {
			t.Fatal(err)
		}
		if topics[i], err = ps.Join("bench"); err != nil {
			t.Fatal(err)
		}
		sub, err := topics[i].Subscribe(pubsub.WithBufferSize(1024))
		if err != nil {
			t.Fatal(err)
		}
		s.net.Node(simnet.ID(i)).Go(func(ctx context.Context) {
			for {
				m, err := sub.Next(ctx)
				if err != nil {
					return
				}
				s.deliver(i, m.Data)
			}
		})
	}
	s.publish = func(from int, message []byte) error {
		return topics[from].Publish(s.net.Node(simnet.ID(from)).Context(), message)
	}
}

// ours runs session/gossip, with its default settings.
func ours(t *testing.T, s *swarm) {
	space := gossip.SpaceID{1}
	nodes := make([]*gossip.Host, len(s.hosts))
	for i, h := range s.hosts {
		nodes[i] = gossip.Attach(h, gossip.Config{})
		s.net.Node(simnet.ID(i)).OnStop(nodes[i].Close)
		if err := nodes[i].Join(space, &heap{s: s, host: i, messages: map[hash][]byte{}}); err != nil {
			t.Fatal(err)
		}
	}
	s.publish = func(from int, message []byte) error { return nodes[from].Publish(space, message) }
}

// heap is a gossip.Space of plain messages: gossipsub checks nothing either. A
// message begins with who wrote it.
type heap struct {
	s        *swarm
	host     int
	mu       sync.Mutex
	messages map[hash][]byte
}

func (*heap) Identify(m []byte) (gossip.ID, [32]byte, error) {
	return sha3.Sum256(m), [32]byte(m), nil
}

func (p *heap) Has(id gossip.ID) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.messages[id]
	return ok, nil
}

func (p *heap) Get(id gossip.ID) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages[id], nil
}

func (p *heap) Add(m []byte) (gossip.Added, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := sha3.Sum256(m)
	if _, ok := p.messages[id]; ok {
		return gossip.Added{}, nil
	}
	p.messages[id] = m
	p.s.deliver(p.host, m)
	return gossip.Added{Stored: []gossip.ID{id}}, nil
}

// sent is a message that was published.
type sent struct {
	id   hash
	from int
	at   time.Time
}

// talk publishes count messages from random hosts, of the first live ones.
func (s *swarm) talk(t *testing.T, name string, count, live int) []sent {
	r := s.net.Rand(name)
	var out []sent
	for i := range count {
		from := r.IntN(live)
		m := make([]byte, size)
		binary.BigEndian.PutUint32(m, uint32(from))
		copy(m[32:], fmt.Sprint(name, " ", i))
		if err := s.publish(from, m); err != nil {
			t.Fatal(err)
		}
		out = append(out, sent{sha3.Sum256(m), from, time.Now()})
		s.net.Run(every)
	}
	return out
}

// delays returns how long messages took to the first live hosts, sorted, and how
// many never came.
func (s *swarm) delays(messages []sent, live int) (all []time.Duration, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		for to := range live {
			if to == m.from {
				continue
			}
			if at := s.arrived[to][m.id]; at.IsZero() {
				lost++
			} else {
				all = append(all, at.Sub(m.at))
			}
		}
	}
	slices.Sort(all)
	return all, lost
}

// result is what was measured of one protocol.
type result struct {
	name            string
	amplification   float64 // bytes sent, as a multiple of one copy to every other host
	idle            float64 // bytes a second and host while nobody talks
	p50, p99, worst time.Duration
	first           time.Duration // p99 of the first messages ever
	lost            int
	after           time.Duration // worst delay of messages sent after a fifth has vanished
	afterP99        time.Duration
	afterLost       int
}

func (r result) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f", d.Seconds()*1000) }
	return fmt.Sprintf("| %s | %.2f | %.0f | %s | %s | %s | %s | %d | %s | %s | %d |", r.name, r.amplification, r.idle,
		ms(r.p50), ms(r.p99), ms(r.worst), ms(r.first), r.lost, ms(r.afterP99), ms(r.after), r.afterLost)
}

const head = `| protocol | bytes, x ideal | idle B/s a host | p50 ms | p99 ms | worst ms | p99 ms of the first | lost | p99 ms after a fifth vanished | worst ms after | lost after |
|---|---|---|---|---|---|---|---|---|---|---|`

func measure(t *testing.T, seed uint64, of scale, name string, protocol func(*testing.T, *swarm)) (r result) {
	r.name = name
	simnet.Test(t, simnet.Config{Seed: seed}, func(t *testing.T, n *simnet.Net) {
		s := newSwarm(t, n, of.hosts)
		protocol(t, s)
		n.Run(10 * time.Second)

		before := n.Traffic()
		n.Run(10 * time.Second)
		r.idle = float64(n.Traffic().Bytes-before.Bytes) / float64(of.hosts) / 10

		first := s.talk(t, "first", of.first, of.hosts)
		s.talk(t, "warm", of.warm, of.hosts)
		n.Run(5 * time.Second)
		before = n.Traffic()
		steady := s.talk(t, "steady", of.steady, of.hosts)
		n.Run(5 * time.Second)
		r.amplification = float64(n.Traffic().Bytes-before.Bytes) / float64(of.steady*(of.hosts-1)*size)

		live := of.hosts * 4 / 5
		for i := live; i < of.hosts; i++ {
			n.Node(simnet.ID(i)).Crash() // silently: nobody is told
		}
		after := s.talk(t, "after", of.after, live)
		n.Run(10 * time.Second)

		d, _ := s.delays(first, of.hosts)
		r.first = d[len(d)*99/100]
		d, r.lost = s.delays(steady, of.hosts)
		r.p50, r.p99, r.worst = d[len(d)/2], d[len(d)*99/100], d[len(d)-1]
		d, r.afterLost = s.delays(after, live)
		r.afterP99, r.after = d[len(d)*99/100], d[len(d)-1]
	})
	return r
}

// TestAgainstGossipsub prints the table and holds the promises of spec/gossip.md.
func TestAgainstGossipsub(t *testing.T) {
	seed, of := simnet.Seed(t, 1), short
	if testutil.Full() {
		of = full
	}
	theirs := measure(t, seed, of, "gossipsub", gossipsub)
	mine := measure(t, seed, of, "pars gossip", ours)
	t.Logf("%d hosts with %d neighbours on average, %d-byte messages, %d a second, links of 20 to 200 ms, seed %d\n%s",
		of.hosts, 2*dials, size, time.Second/every, seed, strings.Join([]string{head, theirs.String(), mine.String()}, "\n"))
	if mine.amplification > theirs.amplification/2 {
		t.Errorf("%.2f times the ideal bytes, want at most half of gossipsub's %.2f", mine.amplification, theirs.amplification)
	}
	if mine.p99 > theirs.p99*3/2 {
		t.Errorf("p99 of %v, want at most 1.5 times gossipsub's %v", mine.p99, theirs.p99)
	}
	if mine.lost+mine.afterLost > 0 {
		t.Errorf("%d messages did not arrive, %d after hosts vanished", mine.lost, mine.afterLost)
	}
	const roundTrip = 2 * 210 * time.Millisecond // of the slowest link
	if mine.after > mine.worst+2*roundTrip {
		t.Errorf("after a fifth of the hosts vanished a message took %v, want at most two round trips (%v) more than the %v before", mine.after, 2*roundTrip, mine.worst)
	}
}
