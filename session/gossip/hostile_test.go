package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/simnet"
	"github.com/pars-network/pars/session/wire"
)

// nobody is a stream on which nobody reads what is written.
type nobody struct{ io.Reader }

func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) Close() error                { return nil }

// idle is a service that can't dial.
func idle(self string, cfg Config) *Service {
	return New(self, func(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, cfg)
}

// attacker is a node without a service, which writes whatever it likes.
type attacker struct {
	node   *simnet.Node
	victim *neighbour
	conn   *simnet.Conn
	sent   int // bytes that the stream took
	err    error
}

// attack opens a stream to victim, joins, and runs f in a goroutine of its own.
func attack(victim *neighbour, f func(a *attacker)) *attacker {
	n := victim.node.Net()
	a := &attacker{node: n.Add(), victim: victim}
	a.node.Serve(Protocol, func(c *simnet.Conn) {
		defer c.Close()
		_, _ = io.Copy(io.Discard, c)
	})
	a.node.Go(func(ctx context.Context) {
		if a.conn, a.err = a.node.Dial(ctx, victim.node.ID(), Protocol); a.err != nil {
			return
		}
		defer a.conn.Close()
		a.send(joinFrame{Type: frameJoin, Alias: 1, Tag: tag(peerName(a.node.ID()), peerName(victim.node.ID()), space1)})
		f(a)
	})
	return a
}

// send sends frames until the victim ends the stream.
func (a *attacker) send(frames ...any) bool {
	for _, f := range frames {
		var out writer
		_ = wire.WriteFrame(&out, 1<<30, encode(f))
		if !a.raw(out) {
			return false
		}
	}
	return true
}

// pause waits, and reports whether the node is still there.
func (a *attacker) pause(d time.Duration) bool { return pause(a.node.Context(), d) }

func (a *attacker) raw(b []byte) bool {
	if a.err != nil {
		return false
	}
	k, err := a.conn.Write(b)
	a.sent += k
	a.err = err
	return err == nil
}

// Bounds of what a hostile neighbour costs before it is dropped: see "Budgets"
// in spec/gossip.md.
const (
	costBytes  = wasteBurst + 64<<10 + 2*wasteRate*60 // of useless frames that are read
	costStream = 256<<10 + 64<<10                     // and wait in the stream besides
)

// TestWhatAHostilePeerCosts runs each attack until the attacker is dropped, and
// holds what it could cost.
func TestWhatAHostilePeerCosts(t *testing.T) {
	old := note{Author: [32]byte{9}, Body: make([]byte, 1024), Valid: true}
	oldID := old.id()
	bad := note{Author: [32]byte{8}, Body: make([]byte, 1024)}
	number := uint(0)
	bogus := func() []byte {
		var ids []ID
		for range MaxIDs {
			number++
			ids = append(ids, note{Number: number}.id())
		}
		return joinIDs(ids)
	}
	repeat := func(f func() any) func(*attacker) {
		return func(a *attacker) {
			for a.send(f()) {
			}
		}
	}
	for name, c := range map[string]struct {
		attack func(*attacker)
		bytes  int // read at most
		checks int // verifications at most
		cfg    Config
	}{
		"a frame that is no CBOR":     {func(a *attacker) { a.raw([]byte{0, 0, 0, 1, 0xff}) }, 1 << 10, 0, Config{}},
		"a frame of 4 GiB":            {func(a *attacker) { a.raw([]byte{0xff, 0xff, 0xff, 0xff}) }, 1 << 10, 0, Config{}},
		"a frame type without a name": {repeat(func() any { return leaveFrame{Type: 6} }), costStream, 0, Config{}},
		"more spaces than allowed": {func(a *attacker) {
			for i := uint(2); a.send(joinFrame{Type: frameJoin, Alias: i}); i++ {
			}
		}, costStream, 0, Config{}},
		"one number for two spaces":  {repeat(func() any { return joinFrame{Type: frameJoin, Alias: 5} }), costStream, 0, Config{}},
		"invalid vertices":           {repeat(func() any { return vertexFrame{Type: frameVertex, Alias: 1, Vertex: bad.encode()} }), costStream, 1, Config{}},
		"vertices that are garbage":  {repeat(func() any { return vertexFrame{Type: frameVertex, Alias: 1, Vertex: make([]byte, 64)} }), costStream, 0, Config{}},
		"one vertex again and again": {repeat(func() any { return vertexFrame{Type: frameVertex, Alias: 1, Vertex: old.encode()} }), costBytes, 0, Config{}},
		"replays of forgotten vertices": {repeat(func() any {
			number = (number + 1) % 100
			return vertexFrame{Type: frameVertex, Alias: 1, Vertex: note{Author: [32]byte{7}, Number: number, Body: make([]byte, 512), Valid: true}.encode()}
		}), costBytes + 100*1024, 100, Config{Seen: 10}},
		"frames for a space that is not common": {repeat(func() any { return idsFrame{Type: frameIDs, Alias: 77, IDs: bogus()} }), costBytes, 0, Config{}},
		"ids of vertices that don't exist":      {repeat(func() any { return idsFrame{Type: frameIDs, Alias: 1, IDs: bogus()} }), 8 << 20, 0, Config{}},
		"asking for one vertex for ever":        {repeat(func() any { return graftFrame{Type: frameGraft, Alias: 1, Tree: treeNone, Want: true, IDs: oldID[:]} }), costBytes, 0, Config{}},
		"asking for vertices that don't exist":  {repeat(func() any { return graftFrame{Type: frameGraft, Alias: 1, Tree: treeAuthor, Want: true, IDs: bogus()} }), costBytes, 0, Config{}},
		"pruning what nobody knows":             {repeat(func() any { return pruneFrame{Type: framePrune, Alias: 1, ID: ID{1}} }), costBytes, 0, Config{}},
		"joining and leaving": {func(a *attacker) {
			for a.send(leaveFrame{Type: frameLeave, Alias: 1}, joinFrame{Type: frameJoin, Alias: 1}) {
			}
		}, 2 * costBytes, 0, Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
				victim := newPeer(n, c.cfg)
				if err := victim.s.Publish(space1, old.encode()); err != nil {
					t.Fatal(err)
				}
				checks := victim.board.checks
				a := attack(victim, c.attack)
				if !n.RunUntil(5*time.Minute, func() bool { return victim.s.Stats().Dropped > 0 }) {
					t.Fatalf("not dropped: %+v", victim.s.Stats())
				}
				after := n.Elapsed()
				n.Run(time.Minute)
				if victim.s.Stats().Dropped != 1 || a.err == nil && a.conn != nil && a.sent > 1<<10 {
					t.Errorf("dropped %d times, the attacker's stream ended with %v", victim.s.Stats().Dropped, a.err)
				}
				if checks = victim.board.checks - checks; a.sent > c.bytes+costStream || checks > c.checks {
					t.Errorf("cost %d bytes and %d verifications, want at most %d and %d", a.sent, checks, c.bytes+costStream, c.checks)
				}
				if err := victim.s.Serve(peerName(a.node.ID()), nobody{}); !errors.Is(err, ErrBanned) {
					t.Errorf("the dropped peer comes back: %v, want ErrBanned", err)
				}
				t.Logf("dropped after %v, %d bytes, %d verifications", after.Round(time.Millisecond), a.sent, checks)
			})
		})
	}
}

// What one neighbour announces fills at most a quarter of what a space waits for.
func TestAnnouncementsAreBounded(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		victim := newPeer(n, Config{Wants: 400})
		for range 2 {
			attack(victim, func(a *attacker) {
				for i := range 10 {
					var ids []ID
					for j := range MaxIDs {
						ids = append(ids, note{Author: [32]byte{byte(a.node.ID())}, Number: uint(i*MaxIDs + j)}.id())
					}
					a.send(idsFrame{Type: frameIDs, Alias: 1, IDs: joinIDs(ids)})
				}
			})
		}
		most := 0
		n.RunUntil(time.Second, func() bool {
			victim.s.mu.Lock()
			defer victim.s.mu.Unlock()
			most = max(most, len(victim.s.order[0].wants))
			return false
		})
		if most != 200 {
			t.Errorf("two neighbours filled %d places, want 100 each", most)
		}
	})
}

// When a partition heals, everybody sends everybody what the others lack. What
// crosses is nobody's fault, the same again is.
func TestCopiesThatCross(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		victim := newPeer(n, Config{})
		var copies []any
		for i := range uint(1000) {
			v := note{Author: [32]byte{1}, Number: i, Body: make([]byte, 5000), Valid: true}.encode()
			if err := victim.s.Publish(space1, v); err != nil {
				t.Fatal(err)
			}
			copies = append(copies, vertexFrame{Type: frameVertex, Alias: 1, Vertex: v})
		}
		var once bool
		attack(victim, func(a *attacker) {
			once = a.send(copies...)
			if a.pause(time.Minute) {
				a.send(copies...)
			}
		})
		n.Run(50 * time.Second)
		if got := victim.s.Stats(); !once || got.Dropped != 0 || got.Duplicates != 1000 {
			t.Errorf("after 1,000 first copies: all taken %v, %+v", once, got)
		}
		n.Run(time.Minute)
		if victim.s.Stats().Dropped != 1 {
			t.Error("nor was it dropped when it sent them again")
		}
	})
}

// A neighbour that answers as fast as its line allows keeps its promises.
func TestSlowAnswers(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		victim := newPeer(n, Config{})
		var ids []ID
		var answers []any
		for i := range uint(MaxIDs) {
			v := note{Author: [32]byte{1}, Number: i, Valid: true}
			ids = append(ids, v.id())
			answers = append(answers, vertexFrame{Type: frameVertex, Alias: 1, Vertex: v.encode()})
		}
		attack(victim, func(a *attacker) {
			a.send(idsFrame{Type: frameIDs, Alias: 1, IDs: joinIDs(ids)})
			for _, f := range answers {
				if !a.pause(20*time.Millisecond) || !a.send(f) {
					return
				}
			}
			a.pause(time.Hour)
		})
		n.Run(time.Minute)
		if got := victim.s.Stats(); got.Dropped != 0 || victim.board.len() != MaxIDs {
			t.Errorf("%d of %d vertices came, %+v", victim.board.len(), MaxIDs, got)
		}
	})
}

// A neighbour that announces first and never sends costs time, not the vertex.
func TestWithholder(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		victim, honest := newPeer(n, Config{}), newPeer(n, Config{})
		v := note{Author: [32]byte{1}, Valid: true}
		id := v.id()
		connect(victim, honest)
		n.Run(10 * time.Second)
		victim.s.mu.Lock() // the honest neighbour announces, as on a link outside the tree
		honest.s.mu.Lock()
		honest.s.order[0].members[0].eager = false
		honest.s.order[0].floods = 0
		victim.s.mu.Unlock()
		honest.s.mu.Unlock()
		attack(victim, func(a *attacker) { a.send(idsFrame{Type: frameIDs, Alias: 1, IDs: id[:]}); <-a.node.Context().Done() })
		n.Run(120 * time.Millisecond) // the lie is there, but nobody has been asked
		start := n.Elapsed()
		if err := honest.s.Publish(space1, v.encode()); err != nil {
			t.Fatal(err)
		}
		if !n.RunUntil(2*time.Second, func() bool { return victim.board.len() == 1 }) {
			t.Fatal("the vertex never came")
		}
		if took := n.Elapsed() - start; took > 800*time.Millisecond {
			t.Errorf("the vertex took %v, want the answer delay and a round trip", took)
		}
	})
}

// Wrong bytes for a good id condemn the bytes and who sent them, not the id.
func TestAWrongCopyDoesNotHideTheRightOne(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		victim, honest := newPeer(n, Config{}), newPeer(n, Config{})
		connect(victim, honest)
		n.Run(time.Second)
		good := note{Author: [32]byte{1}, Valid: true}
		wrong := good
		wrong.Valid = false
		a := attack(victim, func(a *attacker) {
			a.send(vertexFrame{Type: frameVertex, Alias: 1, Vertex: wrong.encode()})
		})
		n.Run(time.Second)
		if victim.s.Stats().Invalid != 1 || victim.board.len() != 0 {
			t.Fatalf("the wrong copy: %+v", victim.s.Stats())
		}
		if err := honest.s.Publish(space1, good.encode()); err != nil {
			t.Fatal(err)
		}
		n.Run(time.Second)
		if victim.board.len() != 1 || honest.s.Stats().Dropped != 0 {
			t.Errorf("the right copy did not come; honest dropped %d (attacker %v)", honest.s.Stats().Dropped, a.err)
		}
	})
}

// Nothing is passed on before it is verified.
func TestNothingInvalidIsPassedOn(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		peers := overlay(n, 10, 4, Config{})
		n.Run(time.Second)
		attack(peers[0], func(a *attacker) {
			a.send(vertexFrame{Type: frameVertex, Alias: 1, Shared: true, Vertex: note{Body: []byte("bad")}.encode()})
		})
		n.Run(time.Second)
		for i, p := range peers {
			if want := uint64(0); i > 0 && p.s.Stats().Invalid != want || p.board.len() > 0 {
				t.Errorf("neighbour %d saw %d invalid vertices and stored %d", i, p.s.Stats().Invalid, p.board.len())
			}
		}
	})
}

// Above its rate a space drops vertices unverified, and reconciliation is called.
func TestSpaceRate(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		repairs := 0
		victim := newPeer(n, Config{SpaceRate: 10, SpaceBurst: 20, Repair: func(context.Context, string, SpaceID) error { repairs++; return nil }, RepairEvery: -1})
		attack(victim, func(a *attacker) {
			for i := range 100 {
				a.send(vertexFrame{Type: frameVertex, Alias: 1, Vertex: note{Number: uint(i), Valid: true}.encode()})
			}
			<-a.node.Context().Done()
		})
		n.Run(2 * time.Second)
		if got := victim.s.Stats(); victim.board.checks != 20 || got.Shed != 80 || got.Dropped != 0 || repairs == 0 {
			t.Errorf("%d verified, %+v, %d repairs, want 20, 80 shed, and a repair", victim.board.checks, got, repairs)
		}
	})
}

// A neighbour that does not read costs a bounded queue.
func TestSlowReader(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		p := newPeer(n, Config{QueueBytes: 64 << 10})
		slow := n.Add()
		slow.Serve(Protocol, func(c *simnet.Conn) { <-slow.Context().Done(); c.Close() }) // accepts, reads nothing
		slow.Go(func(ctx context.Context) {
			c, err := slow.Dial(ctx, p.node.ID(), Protocol)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = wire.WriteFrame(c, MaxFrame, encode(joinFrame{Type: frameJoin, Alias: 1, Tag: tag(peerName(slow.ID()), peerName(p.node.ID()), space1)}))
			<-ctx.Done()
		})
		n.Run(2 * time.Second)
		for i := range 3000 {
			if err := p.s.Publish(space1, note{Number: uint(i), Body: make([]byte, 1000), Valid: true}.encode()); err != nil {
				t.Fatal(err)
			}
			n.Run(time.Millisecond)
		}
		p.s.mu.Lock()
		queued := p.s.links[peerName(slow.ID())].queued
		p.s.mu.Unlock()
		if queued == 0 || queued > 128<<10 {
			t.Errorf("%d bytes wait for a neighbour that does not read, want at most twice 64 KiB", queued)
		}
	})
}

// TestWrongUse says what the service refuses its caller.
func TestWrongUse(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		p := newPeer(n, Config{})
		if err := p.s.Join(space1, p.board); !errors.Is(err, ErrSpace) {
			t.Errorf("joining twice: %v, want ErrSpace", err)
		}
		if err := p.s.Publish(SpaceID{2}, note{Valid: true}.encode()); !errors.Is(err, ErrSpace) {
			t.Errorf("publishing elsewhere: %v, want ErrSpace", err)
		}
		if err := p.s.Publish(space1, []byte("no note")); !errors.Is(err, ErrInvalid) {
			t.Errorf("publishing garbage: %v, want ErrInvalid", err)
		}
		for i := range MaxSpaces - 1 {
			if err := p.s.Join(SpaceID{3, byte(i)}, p.board); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.s.Join(SpaceID{4}, p.board); !errors.Is(err, ErrSpace) {
			t.Errorf("joining %d spaces: %v, want ErrSpace", MaxSpaces+1, err)
		}
		p.s.Close()
		if err := p.s.Join(SpaceID{5}, p.board); !errors.Is(err, ErrClosed) {
			t.Errorf("joining after the end: %v, want ErrClosed", err)
		}
		if err := p.s.Serve("x", nobody{}); !errors.Is(err, ErrClosed) {
			t.Errorf("serving after the end: %v, want ErrClosed", err)
		}
		_ = fmt.Sprint(SpaceID{1}, ID{2})
	})
}
