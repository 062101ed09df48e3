package onion

import (
	"runtime"
	"sync"
	"time"
)

// Limits bound what a relay does for others. The zero value means the defaults.
//
// The costly part of a packet is one X25519 and one ML-KEM operation, together
// about 0.14 ms (benchmark Open of package packet), which a packet costs whether
// it is honest or junk. So a client's link costs at most 14 ms of CPU time a
// second, and all together 340 ms.
type Limits struct {
	// ClientRate is how many packets a second are opened for a link of somebody
	// who is not a service node, ClientBurst how many at once; 0 means 100 and
	// 400.
	ClientRate, ClientBurst int
	// NodeRate and NodeBurst are the same for links of service nodes, which
	// carry packets of many; 0 means 1,000 and 2,000.
	NodeRate, NodeBurst int
	// Rate and Burst are the same for all links together; 0 means 2,500 and
	// 5,000.
	Rate, Burst int
	// Workers is how many packets are opened at the same time; 0 means as many
	// as Go uses processors.
	Workers int
	// Pending is how many requests wait for their answers at once; 0 means
	// 4,096. ClientPending and NodePending bound those of one link; 0 means 64
	// and 1,024. Each holds about 30 KiB.
	Pending, ClientPending, NodePending int
	// ReadTime is how long a peer may take to send a whole request; 0 means 15 s.
	ReadTime time.Duration
	// DialTime is how long a link to the next node may take to come up; 0 means
	// 8 s.
	DialTime time.Duration
	// AnswerTime is how long an answer is waited for; 0 means 45 s, enough for a
	// poll of 30 s.
	AnswerTime time.Duration
}

func (l Limits) orDefault() Limits {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	or(&l.ClientRate, 100)
	or(&l.ClientBurst, 400)
	or(&l.NodeRate, 1000)
	or(&l.NodeBurst, 2000)
	or(&l.Rate, 2500)
	or(&l.Burst, 5000)
	or(&l.Workers, runtime.GOMAXPROCS(0))
	or(&l.Pending, 4096)
	or(&l.ClientPending, 64)
	or(&l.NodePending, 1024)
	orTime(&l.ReadTime, 15*time.Second)
	orTime(&l.DialTime, 8*time.Second)
	orTime(&l.AnswerTime, 45*time.Second)
	return l
}

// maxPeers is how many peers are remembered with what they used.
const maxPeers = 4096

// gate counts what peers use. It is safe for concurrent use.
type gate struct {
	limits Limits
	now    func() time.Time
	isNode func(peer string) bool

	mu      sync.Mutex
	all     bucket
	pending int
	peers   map[string]*usage
}

// usage is what one peer uses.
type usage struct {
	bucket
	node    bool
	pending int
}

func newGate(limits Limits, now func() time.Time, isNode func(string) bool) *gate {
	return &gate{
		limits: limits, now: now, isNode: isNode, peers: map[string]*usage{},
		all: bucket{rate: float64(limits.Rate), burst: float64(limits.Burst)},
	}
}

// enter lets a request of peer wait for its answer, if there is room. If it
// returns true, the caller calls leave.
func (g *gate) enter(peer string) bool {
	node := g.isNode(peer)
	g.mu.Lock()
	defer g.mu.Unlock()
	u, known := g.peers[peer]
	if !known {
		if len(g.peers) >= maxPeers && !g.forget() {
			return false
		}
		u = &usage{}
		g.peers[peer] = u
	}
	most := g.limits.ClientPending
	u.rate, u.burst = float64(g.limits.ClientRate), float64(g.limits.ClientBurst)
	if u.node = node; node {
		most = g.limits.NodePending
		u.rate, u.burst = float64(g.limits.NodeRate), float64(g.limits.NodeBurst)
	}
	if g.pending >= g.limits.Pending || u.pending >= most {
		return false
	}
	g.pending++
	u.pending++
	return true
}

func (g *gate) leave(peer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending--
	g.peers[peer].pending--
}

// allow takes one packet from the budgets of peer, which has entered, and of
// everybody.
func (g *gate) allow(peer string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, u := g.now(), g.peers[peer]
	if !u.has(now) || !g.all.has(now) {
		return false
	}
	u.level++
	g.all.level++
	return true
}

// forget drops peers that use nothing, under the lock.
func (g *gate) forget() bool {
	now, found := g.now(), false
	for peer, u := range g.peers {
		if u.drain(now); u.pending == 0 && u.level == 0 {
			delete(g.peers, peer)
			found = true
		}
	}
	return found
}

// waiting returns how many requests wait for their answers.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pending
}

// bucket is a budget: rate a second, burst at once.
type bucket struct {
	rate, burst float64
	level       float64 // of what was taken; falls by rate
	at          time.Time
}

func (b *bucket) drain(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = max(0, b.level-passed.Seconds()*b.rate)
		b.at = now
	}
}

// has reports whether there is room for one.
func (b *bucket) has(now time.Time) bool {
	b.drain(now)
	return b.level+1 <= b.burst
}
