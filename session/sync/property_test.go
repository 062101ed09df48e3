package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// history draws a graph and returns its vertices in causal order.
func history(t *rapid.T) (*memory, []ID) {
	all := newMemory()
	var ids []ID
	width := rapid.IntRange(1, 40).Draw(t, "width")
	for i := range rapid.IntRange(0, 300).Draw(t, "vertices") {
		var parents []ID
		for range rapid.IntRange(0, 3).Draw(t, "parents") {
			if len(ids) > 0 {
				p := ids[max(0, len(ids)-1-rapid.IntRange(0, width).Draw(t, "back"))]
				if !slices.Contains(parents, p) {
					parents = append(parents, p)
				}
			}
		}
		ids = append(ids, all.write(parents, fmt.Sprint(i)))
	}
	return all, ids
}

// part draws a subset with all its ancestors, pruned at some line.
func part(t *rapid.T, all *memory, ids []ID) *memory {
	some := newMemory()
	if len(ids) > 0 {
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(ids)-1), 0, 60).Draw(t, "heads") {
			for stack := []ID{ids[i]}; len(stack) > 0; {
				id := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if _, have := some.vertices[id]; !have {
					some.vertices[id] = all.vertices[id]
					stack = append(stack, all.vertices[id].parents...)
				}
			}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "pruned") == 0 {
		some.prune(rapid.Uint64Range(0, 40).Draw(t, "line"))
	}
	return some
}

// scissors closes a connection after some bytes.
type scissors struct {
	net.Conn
	left *atomic.Int64
}

func (s scissors) Write(b []byte) (int, error) {
	if n := s.left.Add(-int64(len(b))); n < 0 {
		k, _ := s.Conn.Write(b[:max(0, len(b)+int(n))])
		s.Close()
		return k, io.ErrClosedPipe
	}
	return s.Conn.Write(b)
}

func TestAnyTwoSetsEndEqual(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		all, ids := history(r)
		a, b := part(r, all, ids), part(r, all, ids)
		line := max(a.line, b.line)
		union := map[ID]node{}
		maps.Copy(union, a.vertices)
		maps.Copy(union, b.vertices)
		maps.DeleteFunc(union, func(_ ID, n node) bool { return n.lamport < line })

		for range rapid.IntRange(0, 3).Draw(r, "cuts") {
			left, right := net.Pipe()
			bytes := new(atomic.Int64)
			bytes.Store(rapid.Int64Range(0, 20_000).Draw(r, "bytes"))
			before := len(a.vertices) + len(b.vertices)
			x, y := between2(t, a, b, scissors{left, bytes}, scissors{right, bytes}, Config{})
			if errors.Is(x.err, ErrPeer) || errors.Is(y.err, ErrPeer) {
				r.Fatalf("a cut is blamed on the peer: %v, %v", x.err, y.err)
			}
			if after := len(a.vertices) + len(b.vertices); after != before+x.result.Received+y.result.Received {
				r.Fatalf("%d vertices came, but there are %d, and were %d", x.result.Received+y.result.Received, after, before)
			}
		}
		x, y := pair(t, a, b)
		if errors.Is(x.err, ErrIncomplete) && errors.Is(y.err, ErrIncomplete) && line > 0 {
			return // what one side has pruned, the other never had
		}
		if x.err != nil || y.err != nil || !x.result.Equal || !y.result.Equal || x.result.Passes != 1 {
			r.Fatalf("%+v, %v\n%+v, %v", x.result, x.err, y.result, y.err)
		}
		if x.result.Line != line || y.result.Line != line {
			r.Fatalf("lines %d and %d, want %d", x.result.Line, y.result.Line, line)
		}
		for _, s := range []*memory{a, b} {
			got := 0
			for id, n := range s.vertices {
				if n.lamport >= line {
					got++
					if _, ok := union[id]; !ok {
						r.Fatalf("%x came from nowhere", id)
					}
				}
			}
			if got != len(union) {
				r.Fatalf("%d vertices, want %d", got, len(union))
			}
		}
	})
}

// A set that is pruned and one that is not, where the branch point is gone.
func TestHistoryThatTheOtherSidePrunedIsNoFault(t *testing.T) {
	a := newMemory()
	old := a.chain(nil, 10, "old")
	a.chain([]ID{old}, 10, "new")
	a.prune(11)
	b := newMemory()
	b.scatter(1, "own")
	x, y := pair(t, a, b)
	if !errors.Is(x.err, ErrIncomplete) || !errors.Is(y.err, ErrIncomplete) || errors.Is(x.err, ErrPeer) || errors.Is(y.err, ErrPeer) {
		t.Errorf("%v, %v, want ErrIncomplete on both sides", x.err, y.err)
	}
}

// What an overrun and a mismatch fall back to, on any sets.
func TestRangesAlone(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		all := newMemory()
		all.scatter(rapid.IntRange(0, 3000).Draw(r, "common"), "common")
		a, b := all.clone(), all.clone()
		a.scatter(rapid.IntRange(0, 500).Draw(r, "a"), "a")
		b.scatter(rapid.IntRange(0, 500).Draw(r, "b"), "b")
		k := newKey(testSpace, [16]byte{1}, [16]byte{2}, 1)
		sides := [2]*ranger{}
		for i, s := range []*memory{a, b} {
			set, err := newSet(s.snapshot(), 0)
			if err != nil {
				r.Fatal(err)
			}
			sides[i] = &ranger{key: &k, set: set}
		}
		if err := sides[0].open(); err != nil {
			r.Fatal(err)
		}
		turn := 0
		for ; sides[turn%2].out.open; turn++ {
			frames, err := sides[turn%2].out.frames()
			if err != nil {
				r.Fatal(err)
			}
			for _, f := range frames {
				m, err := decode(typeRanges, f)
				if err != nil {
					r.Fatal(err)
				}
				if err := sides[1-turn%2].take(m.(*ranges), len(f)); err != nil {
					r.Fatal(err)
				}
			}
		}
		check := func(x, y *ranger, mine, theirs *memory) {
			for id := range mine.vertices {
				_, both := theirs.vertices[id]
				offered := slices.Contains(x.offers, id)
				wanted := slices.Contains(y.wants, k.tag(&id))
				if both == (offered || wanted) {
					r.Fatalf("%x: both %v, offered %v, wanted %v", id[:4], both, offered, wanted)
				}
			}
		}
		check(sides[0], sides[1], a, b)
		check(sides[1], sides[0], b, a)
		if turn > 8 {
			r.Fatalf("%d turns", turn)
		}
	})
}

func TestContextEndsASession(t *testing.T) {
	left, right := net.Pipe()
	defer right.Close()
	ctx, cancel := context.WithCancel(t.Context())
	a := newMemory()
	a.scatter(3, "a")
	go func() {
		var b [4]byte
		_, _ = io.ReadFull(right, b[:])
		cancel()
	}()
	if _, err := Initiate(ctx, left, testSpace, a.snapshot(), a, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Initiate = %v, want context.Canceled", err)
	}
}

func TestAnUnknownSpaceIsRefused(t *testing.T) {
	for _, busy := range []bool{false, true} {
		left, right := net.Pipe()
		served := make(chan error)
		go func() {
			_, err := Respond(context.Background(), right, func(ID) (Snapshot, Sink, error) {
				if busy {
					return nil, nil, ErrBusy
				}
				return nil, nil, errors.New("not for you")
			}, Config{})
			right.Close()
			served <- err
		}()
		a := newMemory()
		_, err := Initiate(t.Context(), left, testSpace, a.snapshot(), a, Config{})
		left.Close()
		want := ErrUnknownSpace
		if busy {
			want = ErrBusy
		}
		if err2 := <-served; !errors.Is(err, want) || err2 == nil {
			t.Errorf("Initiate = %v, want %v; Respond = %v", err, want, err2)
		}
	}
}

// Stores that have lost vertices under their frontier: the counts tell, or else
// the digest, and then the second pass brings them back.
func TestHolesAreFilled(t *testing.T) {
	for _, c := range []struct{ here, there, tail, passes int }{{0, 10, 0, 1}, {0, 10, 3, 1}, {10, 10, 0, 2}, {10, 10, 3, 1}, {300, 300, 0, 2}} {
		a := newMemory()
		tip := a.chain(nil, 800, "a")
		b := a.clone()
		lose := func(s *memory, n int, from uint64) {
			s.lost = map[ID]bool{}
			for id, v := range s.vertices {
				if v.lamport >= from && v.lamport < from+uint64(n) {
					s.lost[id] = true
				}
			}
		}
		lose(a, c.here, 10)
		lose(b, c.there, 400)
		a.chain([]ID{tip}, c.tail, "tail")
		x, y := pair(t, a, b)
		if x.err != nil || y.err != nil || !x.result.Equal || !y.result.Equal || x.result.Passes != c.passes ||
			x.result.Received != c.here || y.result.Received != c.there+c.tail || len(a.lost)+len(b.lost) > 0 {
			t.Errorf("%+v: %+v, %v\n%+v, %v", c, x.result, x.err, y.result, y.err)
		}
	}
}

// A branch that ended below the common line is no reason to compare everything.
func TestHeadsBelowTheLineDoNotCount(t *testing.T) {
	b := newMemory()
	root := b.chain(nil, 1, "root")
	b.chain([]ID{root}, 3, "dead branch")
	tip := b.chain([]ID{root}, 30, "main")
	a := b.clone()
	a.prune(11)
	b.chain([]ID{tip}, 2, "new")
	for range 2 {
		x, y := pair(t, a, b)
		if x.err != nil || y.err != nil || !x.result.Equal || x.result.Symbols+x.result.Turns > 0 {
			t.Errorf("%+v, %v, %v", x.result, x.err, y.err)
		}
		a.chain(frontier(a)[:1], 2, "newer")
	}
}

func TestMerge(t *testing.T) {
	var got []ID
	for id := range merge(each([]ID{{1}, {3}, {5}}), []ID{{0}, {3}, {4}, {9}}) {
		got = append(got, id)
	}
	if want := []ID{{0}, {1}, {3}, {4}, {5}, {9}}; !slices.Equal(got, want) {
		t.Errorf("merge = %x, want %x", got, want)
	}
}
