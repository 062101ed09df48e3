package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestWrongAuthCondemnsTheBytesNotTheID(t *testing.T) {
	s := open(t, Config{}, signed)
	a := make1(t, signed, writer(t, 1), Data, "a")
	b := make1(t, signed, writer(t, 1), Data, "b", a)
	bad := func(v made) made {
		v.data = bytes.Clone(v.data)
		v.data[len(v.data)-1] ^= 1
		return v
	}
	out := add(t, s, "p", bad(a), a)
	if !errors.Is(out[0].Err, ErrAuth) || out[0].Status != Refused || out[1].Status != Accepted {
		t.Fatalf("wrong, then right auth in one batch = %+v", out)
	}
	// The author's key is known now, so wrong bytes of an orphan get no room.
	c := make1(t, signed, writer(t, 1), Data, "c", b)
	if out := add(t, s, "p", bad(c), c); out[0].Status != Refused || out[1].Status != Waiting {
		t.Fatalf("an orphan with wrong, then right auth = %+v", out)
	}
	if out := add(t, s, "q", b); out[0].Status != Accepted {
		t.Fatalf("its parent = %+v", out)
	}
	if has, err := s.Has(signed.Space(), c.id); err != nil || !has {
		t.Errorf("Has(what waited) = %v, %v", has, err)
	}
}

// Before an author's first vertex nobody can verify the others: one peer's wrong
// bytes must not take the place of another's right ones.
func TestUnverifiableBytesKeepNobodyOut(t *testing.T) {
	s := open(t, Config{}, signed)
	a := make1(t, signed, writer(t, 1), Data, "a")
	b := make1(t, signed, writer(t, 1), Data, "b", a)
	bad := b
	bad.data = bytes.Clone(b.data)
	bad.data[len(bad.data)-1] ^= 1
	for _, order := range [][]made{{bad, b}, {b, bad}} {
		for i, v := range order {
			if out := add(t, s, fmt.Sprint("peer", i), v); out[0].Status != Waiting {
				t.Fatalf("an unverifiable vertex = %+v", out)
			}
		}
	}
	add(t, s, "p", a)
	if has, err := s.Has(signed.Space(), b.id); err != nil || !has {
		t.Errorf("Has = %v, %v, want the right bytes to win", has, err)
	}
	if st, err := s.Stats(signed.Space()); err != nil || st.Orphans != 0 || st.OrphanBytes != 0 {
		t.Errorf("the buffer still has %+v, %v", st, err)
	}
}

func TestVouchedVerticesNeedAVerdict(t *testing.T) {
	s := open(t, Config{}, vouched, signed)
	w := NewVouchedWriter(Author{1})
	a := make1(t, vouched, w, Data, "a")
	b := make1(t, vouched, w, Data, "b", a)
	if out := add(t, s, "p", a); out[0].Status != Waiting || len(out[0].Missing) != 0 {
		t.Fatalf("without a verdict = %+v, want waiting for nothing else", out)
	}
	if err := s.Vouch(t.Context(), vouched.Space(), w.Author(), a.id, b.id); err != nil {
		t.Fatal(err)
	}
	if out := add(t, s, "p", a, b); out[0].Status != Known || out[1].Status != Accepted {
		t.Fatalf("with one = %+v", out)
	}
	// A verdict for another author is a lie, before and after.
	c := make1(t, vouched, w, Data, "c", b)
	if err := s.Vouch(t.Context(), vouched.Space(), Author{2}, c.id); err != nil {
		t.Fatal(err)
	}
	if out := add(t, s, "p", c); !errors.Is(out[0].Err, ErrInvalid) {
		t.Errorf("vouched for as another's = %+v, want ErrInvalid", out)
	}
	if err := s.Vouch(t.Context(), vouched.Space(), Author{2}, a.id); !errors.Is(err, ErrInvalid) {
		t.Errorf("a second verdict for another author = %v, want ErrInvalid", err)
	}
	if err := s.Vouch(t.Context(), signed.Space(), Author{2}, a.id); !errors.Is(err, ErrInvalid) {
		t.Errorf("a verdict in a signed space = %v, want ErrInvalid", err)
	}
	if _, _, err := s.Append(t.Context(), signed.Space(), w, Data, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("Append without a key in a signed space = %v, want ErrInvalid", err)
	}
}

func TestUnknownSpaces(t *testing.T) {
	s := open(t, Config{})
	out := add(t, s, "p", make1(t, signed, writer(t, 1), Data, "a"))
	if out[0].Status != Refused || !errors.Is(out[0].Err, ErrSpace) {
		t.Errorf("Add to a space that was not joined = %+v, want ErrSpace", out)
	}
	if _, err := s.Frontier(signed.Space()); !errors.Is(err, ErrSpace) {
		t.Errorf("Frontier = %v, want ErrSpace", err)
	}
}

// One peer that floods the buffer throws out its own, not those of others.
func TestTheOrphanBufferIsBoundedAndFair(t *testing.T) {
	s := open(t, Config{Orphans: OrphanLimits{Bytes: 20_000, Count: 1000, PerAuthor: 12}}, vouched)
	absent := make1(t, vouched, NewVouchedWriter(Author{9}), Data, "never sent")
	honest := make1(t, vouched, NewVouchedWriter(Author{1}), Data, "honest", absent)
	if out := add(t, s, "honest", honest); out[0].Status != Waiting || !slices.Equal(out[0].Missing, []ID{absent.id}) {
		t.Fatalf("an orphan = %+v", out)
	}
	for i := range 200 {
		v := make1(t, vouched, NewVouchedWriter(Author{2, byte(i)}), Data, string(make([]byte, i)), absent)
		if out := add(t, s, "flood", v); out[0].Status != Waiting {
			t.Fatalf("orphan %d of the flood = %+v", i, out)
		}
		if st, err := s.Stats(vouched.Space()); err != nil || st.OrphanBytes > 20_000 {
			t.Fatalf("the buffer holds %d bytes, %v", st.OrphanBytes, err)
		}
	}
	s.mu.Lock()
	_, kept := s.orphans.entries[orphanKey{name{vouched.Space(), honest.id}, "honest"}]
	s.mu.Unlock()
	if !kept {
		t.Error("the flood threw out another peer's vertex")
	}
	// Of one author a peer may leave twelve.
	deferred := 0
	for i := range 20 {
		v := make1(t, vouched, NewVouchedWriter(Author{3}), Data, fmt.Sprint(i), absent)
		if out := add(t, s, "other", v); out[0].Status == Deferred && errors.Is(out[0].Err, ErrBuffer) {
			deferred++
		}
	}
	if deferred != 8 {
		t.Errorf("%d of 20 vertices of one author deferred, want 8", deferred)
	}
	if missing, err := s.Missing(vouched.Space(), 10); err != nil || !slices.Equal(missing, []ID{absent.id}) {
		t.Errorf("Missing = %v, %v, want the one that was never sent", missing, err)
	}
}

func TestRatesDeferAndRefill(t *testing.T) {
	now := clock()
	s := open(t, Config{Now: func() time.Time { return now }, PeerRate: Rate{PerSecond: 1, Burst: 3}}, signed)
	w := writer(t, 1)
	var chain []made
	for i := range 6 {
		var parents []made
		if i > 0 {
			parents = chain[i-1:]
		}
		chain = append(chain, make1(t, signed, w, Data, fmt.Sprint(i), parents...))
	}
	got := statuses(add(t, s, "p", chain[:4]...))
	if !slices.Equal(got, []Status{Accepted, Accepted, Accepted, Deferred}) {
		t.Errorf("four vertices with a burst of three = %v", got)
	}
	// Known ones cost nothing, nor what was pulled, nor our own.
	if out, err := s.Add(t.Context(), [][]byte{chain[3].data}, Source{Peer: "p", Pulled: true}); err != nil || out[0].Status != Accepted {
		t.Errorf("a pulled vertex = %+v, %v", out, err)
	}
	now = now.Add(time.Second)
	if got := statuses(add(t, s, "p", chain[0], chain[4], chain[5])); !slices.Equal(got, []Status{Known, Accepted, Deferred}) {
		t.Errorf("a second later = %v", got)
	}
	if got := statuses(add(t, s, "", chain[5])); !slices.Equal(got, []Status{Accepted}) {
		t.Errorf("our own = %v", got)
	}
}

// Who names another as author uses up nothing of theirs.
func TestTheAuthorsRateIsChargedAfterTheSignature(t *testing.T) {
	s := open(t, Config{Now: clock, AuthorRate: Rate{PerSecond: 1, Burst: 1}}, signed)
	a := make1(t, signed, writer(t, 1), Data, "a")
	for i := range 5 {
		bad := a
		bad.data = bytes.Clone(a.data)
		bad.data[len(bad.data)-1-i] ^= 1
		if out := add(t, s, "p", bad); !errors.Is(out[0].Err, ErrAuth) {
			t.Fatalf("a forgery = %+v", out)
		}
	}
	b := make1(t, signed, writer(t, 1), Data, "b", a)
	if out := add(t, s, "p", a, b); out[0].Status != Accepted || !errors.Is(out[1].Err, ErrRate) {
		t.Errorf("two with a burst of one = %+v", out)
	}
}

func TestAdmitPutsOff(t *testing.T) {
	no := errors.New("not a member")
	s := open(t, Config{Admit: func(v *Vertex, _ Source) error {
		if string(v.Payload) == "b" {
			return no
		}
		return nil
	}}, signed)
	a := make1(t, signed, writer(t, 1), Data, "a")
	b := make1(t, signed, writer(t, 2), Data, "b", a)
	if out := add(t, s, "p", a, b); out[0].Status != Accepted || out[1].Status != Deferred || !errors.Is(out[1].Err, no) {
		t.Errorf("outcomes = %+v", out)
	}
}

// Many writers at once: no seq is used twice, and a feed tells of each vertex once,
// in causal order.
func TestManyWritersAndAFeed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 6, 30
	if _, err := s.Join(vouched); err != nil {
		t.Fatal(err)
	}
	space := vouched.Space()
	feed, err := s.Feed(space, 0)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			w := NewVouchedWriter(Author{byte(g % 3)}) // two goroutines for each
			for range each {
				if _, _, err := s.Append(t.Context(), space, w, Data, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() { // and somebody else's
		var last []made
		for i := range each {
			v, err := build(vouched, NewVouchedWriter(Author{77}), Data, fmt.Sprint(i), last...)
			if err == nil {
				err = s.Vouch(t.Context(), space, Author{77}, v.id)
			}
			if err != nil {
				t.Error(err)
				return
			}
			for range 2 {
				if out, err := s.Add(t.Context(), [][]byte{v.data}, Source{Peer: "p"}); err != nil || out[0].Err != nil {
					t.Error(out, err)
				}
			}
			last = []made{v}
		}
	})
	seen := map[ID]bool{}
	for len(seen) < (writers+1)*each {
		entries, err := feed.Next(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			v, err := s.Get(space, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range v.Parents {
				if !seen[p] {
					t.Fatalf("the feed tells of %s before its parent", e.ID)
				}
			}
			if seen[e.ID] {
				t.Fatalf("the feed tells of %s twice", e.ID)
			}
			seen[e.ID] = true
		}
	}
	wg.Wait()
	if forks, err := s.Forks(space); err != nil || len(forks) > 0 {
		t.Errorf("%d forks, %v", len(forks), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := feed.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Next without anything new = %v, want Canceled", err)
	}
	waits := make(chan error)
	go func() { _, err := feed.Next(context.Background(), 1); waits <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("Next of a closed store = %v, want ErrClosed", err)
	}
	if _, err := s.Add(t.Context(), nil, Source{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Add to a closed store = %v, want ErrClosed", err)
	}
}

// A batch whose vertices have more old parents than the caches hold still finds
// its own.
func TestABatchLargerThanTheCaches(t *testing.T) {
	rules := Rules{Auth: Vouched, Witnesses: MaxWitnesses}
	s := open(t, Config{}, rules)
	var roots []made
	var ids []ID
	give := func(vs []made) {
		t.Helper()
		items := make([]*item, len(vs))
		for i, v := range vs {
			items[i] = &item{data: v.data, verified: true, out: new(Outcome)}
		}
		if err := s.process(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		for i, it := range items {
			if it.out.Status != Accepted {
				t.Fatalf("vertex %d = %+v", i, it.out)
			}
		}
	}
	for i := range 9000 {
		v := make1(t, rules, NewVouchedWriter(Author{1, byte(i >> 8), byte(i)}), Data, "")
		roots, ids = append(roots, v), append(ids, v.id)
	}
	give(roots)
	// Each witness names a thousand roots; the last one the first too, which the
	// caches have long lost and the database does not have yet.
	var batch []made
	w := NewVouchedWriter(Author{2})
	for i := range 18 {
		parents := slices.Clone(roots[i*450 : i*450+1000])
		if i > 0 {
			parents = append(parents, batch[i-1])
		}
		if i == 17 {
			parents = append(parents, batch[0])
		}
		batch = append(batch, make1(t, rules, w, Witness, fmt.Sprint(i), parents...))
	}
	give(batch)
	st, err := s.Stats(rules.Space())
	if err != nil || st.Chains != MaxChains || st.Loose < 9000-MaxChains || st.Loose > 9001-MaxChains {
		t.Errorf("Stats = %+v, %v: 9,000 roots side by side fill the chains", st, err)
	}
	// Questions about what lies on no chain are answered, or refused in time.
	last := batch[len(batch)-1]
	for _, q := range []struct {
		a    ID
		want bool
	}{{roots[4000].id, true}, {roots[8900].id, false}, {roots[3].id, true}} {
		if got, err := s.Ancestor(rules.Space(), q.a, last.id); err != nil || got != q.want {
			t.Errorf("Ancestor = %v, %v, want %v", got, err, q.want)
		}
	}
	s.chains.search = 100
	if _, err := s.Ancestor(rules.Space(), roots[8900].id, last.id); !errors.Is(err, ErrSearch) {
		t.Errorf("Ancestor beyond the search's limit = %v, want ErrSearch", err)
	}
	got := since(t, s, rules.Space(), last.id)
	slices.SortFunc(got, ID.Compare)
	for _, id := range ids[8650:] {
		if _, ok := slices.BinarySearchFunc(got, id, ID.Compare); !ok {
			t.Fatal("Since left out a vertex that the frontier does not have")
		}
	}
	if _, err := func() (int, error) {
		for _, err := range s.Since(rules.Space(), make([]ID, MaxFrontier+1)) {
			return 0, err
		}
		return 0, nil
	}(); err == nil {
		t.Error("Since takes a frontier above its limit")
	}
}

// However a graph is built, a clock is put together from a bounded number of nodes.
func TestClocksAreCheap(t *testing.T) {
	s := open(t, Config{}, vouched)
	sp := s.spaces[vouched.Space()]
	// A ladder: each vertex on the last of both authors, which doubles the paths.
	var last [2]made
	var items []*item
	for i := range 600 {
		var parents []made
		for _, p := range last {
			if p.Vertex != nil {
				parents = append(parents, p)
			}
		}
		v := make1(t, vouched, NewVouchedWriter(Author{byte(i % 2)}), Data, "", parents...)
		last[i%2] = v
		items = append(items, &item{data: v.data, verified: true, out: new(Outcome)})
	}
	if err := s.process(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for pos := uint64(1); pos < sp.next; pos++ {
		sp.clocks = newCache[uint64, []uint32](1)
		reads := 0
		n, err := sp.node(pos)
		if err != nil {
			t.Fatal(err)
		}
		if n.cost == 0 {
			stored++
			continue
		}
		seen := map[uint64]bool{}
		var count func(*node)
		count = func(m *node) {
			if seen[m.pos] {
				return
			}
			seen[m.pos] = true
			reads++
			if m.cost == 0 {
				return
			}
			for _, p := range m.parents {
				q, err := sp.node(p)
				if err != nil {
					t.Fatal(err)
				}
				count(q)
			}
		}
		count(n)
		if reads > maxCost {
			t.Fatalf("the clock of vertex %d needs %d nodes, want at most %d", pos, reads, maxCost)
		}
	}
	if stored == 0 || stored > 200 {
		t.Errorf("%d of 600 clocks are stored", stored)
	}
}
