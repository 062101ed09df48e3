package gossip

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pars-network/pars/internal/simnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wan is links of 20 to 200 ms, each with a delay of its own.
func wan(n *simnet.Net) {
	r := n.Rand("wan")
	delays := map[[2]simnet.ID]time.Duration{}
	n.SetLinks(func(a, b simnet.ID) simnet.Link {
		pair := [2]simnet.ID{min(a, b), max(a, b)}
		if delays[pair] == 0 {
			delays[pair] = time.Duration(20+r.IntN(181)) * time.Millisecond
		}
		return simnet.Link{Delay: delays[pair], Jitter: delays[pair] / 20}
	})
}

// talk publishes notes from the first live neighbours and says when each was.
func talk(t *testing.T, n *simnet.Net, peers []*neighbour, first uint, count, live int) map[ID]time.Time {
	t.Helper()
	r := n.Rand("talk")
	start := map[ID]time.Time{}
	for i := range count {
		who := r.IntN(live)
		v := note{Author: [32]byte{byte(who)}, Number: first + uint(i), Body: make([]byte, 1024), Valid: true}
		start[v.id()] = time.Now()
		if err := peers[who].s.Publish(space1, v.encode()); err != nil {
			t.Fatal(err)
		}
		n.Run(50 * time.Millisecond)
	}
	return start
}

// delays says how long notes took to neighbours, sorted, and how many are lost.
func delays(peers []*neighbour, start map[ID]time.Time) (all []time.Duration, lost int) {
	for _, p := range peers {
		for id, at := range start {
			if got, ok := p.board.when[id]; ok {
				all = append(all, got.Sub(at))
			} else {
				lost++
			}
		}
	}
	slices.Sort(all)
	return all, lost
}

// duplicates is how often a note came again, anywhere.
func duplicates(peers []*neighbour) (n uint64) {
	for _, p := range peers {
		n += p.s.Stats().Duplicates
	}
	return n
}

// TestSpread has a fixed seed because how long the very worst message takes after
// hosts vanish depends on how many links in a row its way lost: of the seeds 1 to
// 40, 35 keep it within two round trips and 39 keep the p99; the slowest of all
// took 3.4. So other seeds (PARS_SEED) may take four.
func TestSpread(t *testing.T) {
	trips := time.Duration(2)
	if simnet.Seed(t, 1) != 1 {
		trips = 4
	}
	simnet.Test(t, simnet.Config{Seed: 1}, func(t *testing.T, n *simnet.Net) {
		peers := overlay(n, 30, 8, Config{})
		wan(n)
		n.Run(5 * time.Second)
		first := talk(t, n, peers, 0, 100, len(peers))
		n.Run(5 * time.Second)
		before, again := n.Traffic().Bytes, duplicates(peers)
		steady := talk(t, n, peers, 1000, 100, len(peers))
		n.Run(5 * time.Second)
		amplification := float64(n.Traffic().Bytes-before) / float64(100*29*1024)
		if again = duplicates(peers) - again; again > 100*29/10 {
			t.Errorf("%d duplicates for 2,900 deliveries, want at most a tenth", again)
		}
		d, lost := delays(peers, steady)
		_, lostFirst := delays(peers, first)
		t.Logf("p50 %v, p99 %v, %.2f times the ideal bytes", d[len(d)/2], d[len(d)*99/100], amplification)
		if lost+lostFirst > 0 || amplification > 1.6 {
			t.Errorf("%d and %d lost, %.2f times the ideal bytes, want none and at most 1.6", lostFirst, lost, amplification)
		}
		// A fifth vanishes without a word. Three hops, each with the longest wait,
		// a question and an answer, are far below what a fixed tree would need.
		for _, p := range peers[24:] {
			p.node.Crash()
		}
		after := talk(t, n, peers, 2000, 40, 24)
		n.Run(10 * time.Second)
		e, lost := delays(peers[:24], after)
		t.Logf("after a fifth vanished: p99 %v, worst %v", e[len(e)*99/100], e[len(e)-1])
		if worst := e[len(e)-1]; lost > 0 || worst > d[len(d)-1]+trips*2*210*time.Millisecond {
			t.Errorf("%d lost, worst %v, want none and at most %d round trips above %v", lost, worst, trips, d[len(d)-1])
		}
	})
}

// Vertices that come before their parents are asked for and passed on when
// they can be.
func TestMissingParents(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b, c := newPeer(n, Config{}), newPeer(n, Config{}), newPeer(n, Config{})
		parent := note{Author: [32]byte{1}, Number: 1, Valid: true}
		child := note{Author: [32]byte{1}, Number: 2, Parents: []ID{parent.id()}, Valid: true}
		if err := a.s.Publish(space1, parent.encode()); err != nil { // while alone
			t.Fatal(err)
		}
		connect(a, b)
		connect(b, c)
		n.Run(time.Second)
		if err := a.s.Publish(space1, child.encode()); err != nil {
			t.Fatal(err)
		}
		n.Run(2 * time.Second)
		if b.board.len() != 2 || c.board.len() != 2 {
			t.Errorf("the neighbour has %d notes, the next one %d, want 2", b.board.len(), c.board.len())
		}
	})
}

// TestRepair says when and with whom reconciliation is called, and that what it
// brings is announced.
func TestRepair(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		var mu sync.Mutex
		called := map[string]int{}
		calls := func(i simnet.ID) int {
			mu.Lock()
			defer mu.Unlock()
			return called[peerName(i)]
		}
		cfg := Config{RepairEvery: time.Minute, Repair: func(_ context.Context, p string, s SpaceID) error {
			if s != space1 {
				t.Errorf("repair of %s", s)
			}
			mu.Lock()
			defer mu.Unlock()
			called[p]++
			return errors.New("as if the line broke")
		}}
		a, b, c := newPeer(n, cfg), newPeer(n, Config{}), newPeer(n, Config{})
		connect(a, b)
		connect(a, c)
		n.Run(10 * time.Second)
		if calls(1) != 1 || calls(2) != 1 {
			t.Errorf("links that came up: %d and %d calls, want one each", calls(1), calls(2))
		}
		n.Run(2 * time.Minute)
		if calls(1) != 2 || calls(2) != 2 {
			t.Errorf("two minutes later %d and %d, want each once more", calls(1), calls(2))
		}
		v := note{Author: [32]byte{1}, Valid: true}
		if _, err := a.board.Add(v.encode()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := a.s.Announce(space1, []ID{v.id()}); err != nil {
				t.Fatal(err)
			}
		}
		n.Run(time.Second)
		if b.board.len() != 1 || c.board.len() != 1 {
			t.Errorf("what was announced reached %d and %d", b.board.len(), c.board.len())
		}
	})
}

// A broken stream, a link that goes and comes, a node that restarts and a space
// that is left and joined again all end with gossip as before.
func TestComingAndGoing(t *testing.T) {
	v := func(i uint) note { return note{Author: [32]byte{1}, Number: i, Valid: true} }
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b := newPeer(n, Config{}), newPeer(n, Config{})
		connect(a, b)
		n.Run(2 * time.Second)
		arrives := func(what string, i uint) {
			t.Helper()
			if err := a.s.Publish(space1, v(i).encode()); err != nil {
				t.Fatal(err)
			}
			n.Run(2 * time.Second)
			if has, _ := b.board.Has(v(i).id()); !has {
				t.Errorf("%s: the vertex did not arrive", what)
			}
		}
		arrives("at first", 1)
		n.Partition([]simnet.ID{0}) // breaks the streams
		n.Run(time.Minute)
		n.Heal()
		n.Run(2 * time.Minute)
		arrives("after a cut", 2)
		a.s.Down(peerName(1))
		b.s.Down(peerName(0))
		n.Run(time.Second)
		if len(a.s.Peers(space1)) != 0 {
			t.Error("a link that is down has a neighbour")
		}
		connect(a, b)
		n.Run(2 * time.Second)
		arrives("after down and up", 3)
		b.node.Kill()
		b.node.Restart()
		b.s.Up(peerName(0))
		n.Run(2 * time.Minute)
		arrives("after a restart", 4)
		b.s.Leave(space1)
		n.Run(time.Second)
		if got := a.s.Peers(space1); len(got) != 0 {
			t.Errorf("neighbours in a space that was left: %q", got)
		}
		if err := b.s.Join(space1, b.board); err != nil {
			t.Fatal(err)
		}
		n.Run(time.Second)
		arrives("after joining again", 5)
		if got := a.s.Peers(space1); !slices.Equal(got, []string{peerName(1)}) {
			t.Errorf("neighbours %q", got)
		}
	})
}

// A board that fails is no fault of who sent the vertex.
func TestOwnTroubles(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		a, b := newPeer(n, Config{}), newPeer(n, Config{})
		connect(a, b)
		n.Run(time.Second)
		v := note{Author: [32]byte{1}, Valid: true}
		for _, err := range []error{errors.New("disk full"), ErrLater} {
			b.board.fail = err
			if err := a.s.Publish(space1, v.encode()); err != nil {
				t.Fatal(err)
			}
			n.Run(time.Second)
			if got := b.s.Stats(); got.Dropped+got.Invalid > 0 {
				t.Errorf("with %v: %+v", err, got)
			}
			v.Number++
		}
		b.board.fail = nil
		b.node.Go(func(context.Context) { _ = a.s.Spread(space1, v.encode()) })
	})
}

func TestLRU(t *testing.T) {
	l := newLRU[int, string](2)
	l.put(1, "a")
	l.put(2, "b")
	l.get(1)
	l.put(3, "c")
	_, two := l.get(2)
	one, _ := l.get(1)
	if two || one != "a" || l.len() != 2 {
		t.Errorf("2 is there %v, 1 is %q, %d items", two, one, l.len())
	}
	l.put(1, "z")
	if v, _ := l.get(1); v != "z" || l.len() != 2 {
		t.Errorf("replaced by %q, %d items", v, l.len())
	}
}
