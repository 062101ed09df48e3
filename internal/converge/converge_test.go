package converge

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/internal/testutil"
)

var (
	count    = flag.Int("histories", 0, "how many; 0 means the usual number")
	nodes    = flag.Int("nodes", 0, "of a history, at most 50; 0 means the usual number")
	vertices = flag.Int("vertices", 0, "of a history; 0 means the usual number")
)

// history runs a random history and lets the network heal.
func (w *world) history(s shape) {
	r := w.net.Rand("history")
	hours := time.Duration(s.hours) * time.Hour
	// Everybody writes now and then, in bursts.
	for made := 0; made < s.vertices; {
		m := w.members[r.IntN(len(w.members))]
		at := time.Duration(r.Int64N(int64(hours)))
		burst := min(1+r.IntN(8), s.vertices-made)
		made += burst
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		for i := range burst {
			w.net.At(at+time.Duration(i)*time.Duration(1+r.IntN(20))*time.Second, func() { w.up(m).write(own) })
		}
	}
	// The network falls apart and together: groups, single nodes, all of it.
	for at := time.Duration(0); at < hours; at += time.Duration(10+r.IntN(110)) * time.Minute {
		groups := make([][]simnet.ID, 1+r.IntN(4))
		for i := range w.members {
			if g := r.IntN(len(groups)); g > 0 {
				groups[g] = append(groups[g], simnet.ID(i))
			}
		}
		w.net.At(at, func() { w.net.Partition(groups[1:]...) })
	}
	// A node loses power, and others are killed.
	for i := range 4 {
		at := time.Duration(r.Int64N(int64(hours)))
		end := w.members[i].node.Kill
		if i == 0 {
			end = w.members[i].node.Crash
		}
		w.net.At(at, end)
		w.net.At(at+time.Duration(1+r.IntN(90))*time.Minute, w.members[i].node.Restart)
	}
	w.net.Run(hours + 2*time.Hour)
	w.net.Heal()
	if !w.net.RunUntil(6*time.Hour, w.settled()) {
		w.t.Errorf("no agreement six hours after the network healed")
	}
	w.check()
}

// up returns a node, or the next one that has power.
func (w *world) up(m *member) *member {
	for !m.node.Up() {
		m = w.members[(m.i+1)%len(w.members)]
	}
	return m
}

// settled asks for agreement once a minute, not after every event.
func (w *world) settled() func() bool {
	next := w.net.Elapsed()
	return func() bool {
		if w.net.Elapsed() < next {
			return false
		}
		next = w.net.Elapsed() + time.Minute
		return w.agree()
	}
}

// TestConvergence is the promise of spec/gossip.md, dag.md, crdt.md and sync.md
// together.
func TestConvergence(t *testing.T) {
	histories, s := 3, shape{nodes: 12, vertices: 120, hours: 4}
	if testutil.Full() {
		histories, s = 200, shape{nodes: 50, vertices: 2000, hours: 8}
	}
	histories, s.nodes, s.vertices = cmp.Or(*count, histories), cmp.Or(*nodes, s.nodes), cmp.Or(*vertices, s.vertices)
	base := simnet.Seed(t, 1)
	if os.Getenv(simnet.SeedVariable) != "" {
		histories = 1
	}
	for i := range uint64(histories) {
		seed := base + i
		s := s
		if seed%2 == 0 {
			s.hostile = s.nodes / 3
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			simnet.Test(t, simnet.Config{Seed: seed}, func(t *testing.T, n *simnet.Net) {
				w := newWorld(t, n, s)
				w.history(s)
				var dropped, invalid, stored, repairs uint64
				for _, m := range w.ours() {
					st := m.spaces.Stats()
					dropped, invalid, stored, repairs = dropped+st.Dropped, invalid+st.Invalid, stored+st.Stored, repairs+st.Repairs
				}
				if n := w.unjust.Load(); n > 0 || s.hostile == 0 && dropped > 0 {
					t.Errorf("of %d dropped neighbours %d had done nothing wrong", dropped, n)
				}
				t.Logf("%d nodes, %d of them hostile, %d vertices, %d events: %d came by gossip, %d reconciliations, %d invalid, %d peers dropped, agreed after %v",
					s.nodes, s.hostile, len(w.made), n.Events(), stored, repairs, invalid, dropped, n.Elapsed().Round(time.Minute))
			})
			t.Logf("took %v", time.Since(start).Round(time.Millisecond))
		})
	}
}
