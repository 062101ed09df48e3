package peerclock

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/ids"
)

// Bounds of what is kept of one peer.
const (
	maxSamples = 8
	maxAge     = time.Minute
)

// sample is one comparison: the peer's clock was ahead of ours by a duration that
// is wrong by at most doubt.
type sample struct {
	at           time.Time
	ahead, doubt time.Duration
}

// agrees reports whether both can be true.
func (s sample) agrees(o sample) bool {
	d := s.ahead - o.ahead
	return max(d, -d) <= s.doubt+o.doubt
}

// Comparer keeps the last comparisons with each peer. It is safe for concurrent
// use. Use [NewComparer].
type Comparer struct {
	mu    sync.Mutex
	peers map[ids.NodeID][]sample // oldest first
}

// NewComparer returns a Comparer without samples.
func NewComparer() *Comparer { return &Comparer{peers: map[ids.NodeID][]sample{}} }

// stepLimit is by how much our own clock may have been set between question and
// answer for the sample to be used.
const stepLimit = time.Millisecond

// Note takes a peer's answer: asked and answered are our times, which must have
// monotonic readings; came and left are the peer's, in nanoseconds since 1970, as
// decodeAnswer checks them. It reports whether the sample could be used.
func (c *Comparer) Note(peer ids.NodeID, asked, answered time.Time, came, left int64) bool {
	elapsed := answered.Sub(asked)
	stepped := time.Duration(answered.UnixNano()-asked.UnixNano()) - elapsed
	held := time.Duration(left - came)
	if asked.UnixNano() < 0 || elapsed < held || max(stepped, -stepped) > stepLimit {
		return false
	}
	s := sample{at: answered, doubt: (elapsed - held) / 2}
	// Halves first: the sum of two times near the ends of their type would wrap.
	s.ahead = time.Duration(came-asked.UnixNano())/2 + time.Duration(left-answered.UnixNano())/2
	c.mu.Lock()
	defer c.mu.Unlock()
	// One of the clocks was set since a sample that can't be true any more.
	kept := slices.DeleteFunc(c.peers[peer], func(o sample) bool { return !o.agrees(s) || answered.Sub(o.at) > maxAge })
	if kept = append(kept, s); len(kept) > maxSamples {
		kept = slices.Delete(kept, 0, len(kept)-maxSamples)
	}
	c.peers[peer] = kept
	return true
}

// best returns the sample of a peer with the least doubt, if there is one.
func (c *Comparer) best(peer ids.NodeID, now time.Time) (sample, bool) {
	var out sample
	found := false
	for _, s := range c.peers[peer] {
		if now.Sub(s.at) <= maxAge && (!found || s.doubt < out.doubt) {
			out, found = s, true
		}
	}
	return out, found
}

// Stake is a validator and its weight.
type Stake struct {
	ID     ids.NodeID
	Weight uint64
}

// Offset is how far a clock is ahead of the median of the validators' clocks;
// negative if it is behind. It is wrong by at most Doubt, if the network is not
// much slower one way than the other.
type Offset struct {
	ID           ids.NodeID
	Ahead, Doubt time.Duration
}

// Beyond reports whether the clock is further off than limit, however much doubt
// there is.
func (o Offset) Beyond(limit time.Duration) bool { return max(o.Ahead, -o.Ahead)-o.Doubt > limit }

// Report is a comparison of all clocks.
type Report struct {
	// Own is this node's. It is 0 if no peer has answered.
	Own Offset
	// Peers are the validators that have answered within a minute, in the order
	// of the set.
	Peers []Offset
}

// Wrong returns those of the peers whose clocks are further off than limit.
func (r Report) Wrong(limit time.Duration) []Offset {
	return slices.DeleteFunc(slices.Clone(r.Peers), func(o Offset) bool { return !o.Beyond(limit) })
}

// Report compares the clock of this node, self, with those of the validators in
// set. What is known of peers outside the set is forgotten.
func (c *Comparer) Report(self ids.NodeID, set []Stake, now time.Time) Report {
	type clock struct {
		Offset
		weight uint64
	}
	c.mu.Lock()
	var clocks []clock
	member := make(map[ids.NodeID]bool, len(set))
	var total uint64
	for _, v := range set {
		member[v.ID] = true
		switch s, ok := c.best(v.ID, now); {
		case v.ID == self:
			clocks = append(clocks, clock{Offset{ID: self}, v.Weight})
		case ok:
			clocks = append(clocks, clock{Offset{v.ID, s.ahead, s.doubt}, v.Weight})
		default:
			continue
		}
		total += v.Weight
	}
	for id := range c.peers {
		if !member[id] {
			delete(c.peers, id)
		}
	}
	c.mu.Unlock()
	r := Report{Own: Offset{ID: self}}
	sorted := slices.SortedFunc(slices.Values(clocks), func(a, b clock) int { return cmp.Compare(a.Ahead, b.Ahead) })
	var median Offset
	var below uint64
	for _, k := range sorted {
		// The lower median of two halves.
		if below += k.weight; below >= total-below {
			median = k.Offset
			break
		}
	}
	r.Own.Ahead, r.Own.Doubt = -median.Ahead, median.Doubt
	for _, k := range clocks {
		if k.ID != self {
			r.Peers = append(r.Peers, Offset{k.ID, k.Ahead - median.Ahead, k.Doubt + median.Doubt})
		}
	}
	return r
}
