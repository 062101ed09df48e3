package simnet

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Link says what one direction between two nodes is like. Its zero value is
// instant and faultless.
type Link struct {
	// Delay is the least time that anything takes.
	Delay time.Duration
	// Jitter is the most that is added to it, evenly spread. Messages overtake
	// one another by it, streams don't.
	Jitter time.Duration
	// Loss is the share of messages that get lost, 0 to 1. A lost segment of a
	// stream arrives late instead, by a round trip for each time.
	Loss float64
	// Duplicate is the share of messages that arrive twice.
	Duplicate float64
	// Reorder is the share of messages that are held back for up to ten times
	// the delay, or a second if that is more.
	Reorder float64
	// Bandwidth in bytes a second; 0 is without limit.
	Bandwidth int64
	// Down cuts this direction.
	Down bool
}

// wire is the state of one direction between two nodes.
type wire struct {
	link   Link
	random *rand.Rand
	busy   time.Time // when the bandwidth is free again
	seq    uint64
	sent   Traffic
}

// wire returns the direction from one node to another; n.mu is held.
func (n *Net) wire(from, to ID) *wire {
	w, ok := n.links[[2]ID{from, to}]
	if !ok {
		w = &wire{link: n.cfg.Link, random: n.source(fmt.Sprintf("link %d %d", from, to))}
		if from == to {
			w.link = Link{}
		}
		n.links[[2]ID{from, to}] = w
	}
	return w
}

// SetLink says what the direction from one node to another is like from now on.
func (n *Net) SetLink(from, to ID, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wire(from, to).link = l
	n.recut()
}

// SetLinks says what every direction between two nodes is like from now on.
func (n *Net) SetLinks(f func(from, to ID) Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.nodes {
		for j := range n.nodes {
			if i != j {
				n.wire(ID(i), ID(j)).link = f(ID(i), ID(j))
			}
		}
	}
	n.recut()
}

// LinkBetween returns what the direction from one node to another is like.
func (n *Net) LinkBetween(from, to ID) Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wire(from, to).link
}

// LinkTraffic returns what was sent in one direction.
func (n *Net) LinkTraffic(from, to ID) Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wire(from, to).sent
}

// Partition cuts everything between the groups, in place of any partition
// before. Nodes in no group are together in one more. Messages between groups
// are lost, also those under way; streams hold what is written until
// [Net.Heal], or break after Config.StreamTimeout.
func (n *Net) Partition(groups ...[]ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.group = map[ID]int{}
	for i, g := range groups {
		for _, id := range g {
			n.group[id] = i + 1
		}
	}
	n.recut()
}

// Heal ends a partition.
func (n *Net) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.group = nil
	n.recut()
}

// cut reports whether nothing passes from one node to another; n.mu is held.
func (n *Net) cut(from, to ID) bool {
	return n.group[from] != n.group[to] || n.wire(from, to).link.Down
}

// Reachable reports whether what one node sends now can reach another.
func (n *Net) Reachable(from, to ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cut(from, to) && n.nodes[from].up && n.nodes[to].up
}

// recut tells streams which of them are cut now; n.mu is held.
func (n *Net) recut() {
	for _, c := range n.inOrder() {
		cut := c.dead || n.cut(c.local.id, c.remote) || n.cut(c.remote, c.local.id)
		switch {
		case cut && c.cutAt.IsZero():
			c.cutAt = time.Now()
			n.expire(c)
		case !cut && !c.cutAt.IsZero():
			c.cutAt = time.Time{}
			c.release()
		}
	}
}

// delay draws how long size bytes take from now; n.mu is held.
func (w *wire) delay(size int) time.Duration {
	d := w.link.Delay
	if w.link.Jitter > 0 {
		d += time.Duration(w.random.Int64N(int64(w.link.Jitter) + 1))
	}
	if w.link.Bandwidth > 0 {
		now := time.Now()
		if w.busy.Before(now) {
			w.busy = now
		}
		w.busy = w.busy.Add(time.Duration(float64(size) / float64(w.link.Bandwidth) * float64(time.Second)))
		d += w.busy.Sub(now)
	}
	return d
}

// happens draws an event of probability p. Without a chance nothing is drawn.
func (w *wire) happens(p float64) bool { return p > 0 && w.random.Float64() < p }

// count counts what is sent; n.mu is held.
func (n *Net) count(w *wire, from, to *Node, size int) {
	for _, t := range []*Traffic{&w.sent, &from.sent, &n.total} {
		t.Messages++
		t.Bytes += uint64(size)
	}
	to.offered.Messages++
	to.offered.Bytes += uint64(size)
}
