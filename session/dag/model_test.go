package dag

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// model is a space by the text of spec/dag.md alone: everything is walked.
type model struct {
	rules Rules
	all   map[ID]made // valid ones
}

func (m *model) past(ids ...ID) map[ID]bool {
	past := map[ID]bool{}
	var visit func(ID)
	visit = func(id ID) {
		if v, ok := m.all[id]; ok && !past[id] {
			past[id] = true
			for _, p := range v.Parents {
				visit(p)
			}
		}
	}
	for _, id := range ids {
		visit(id)
	}
	return past
}

// valid judges a vertex whose parents are all valid.
func (m *model) valid(v made) bool {
	lamport, own := uint64(0), uint64(0)
	for _, p := range v.Parents {
		parent := m.all[p]
		lamport = max(lamport, parent.Lamport)
		if parent.Author == v.Author {
			own = max(own, parent.Seq)
		}
	}
	return v.Lamport == lamport+1 && v.Seq == own+1 && len(v.Parents) <= MaxParents
}

func (m *model) frontier() []ID {
	heads := maps.Clone(m.all)
	for _, v := range m.all {
		for _, p := range v.Parents {
			delete(heads, p)
		}
	}
	return slices.SortedFunc(maps.Keys(heads), ID.Compare)
}

func (m *model) forks() map[string][]ID {
	by := map[string][]ID{}
	for id, v := range m.all {
		k := fmt.Sprint(v.Author, v.Seq)
		by[k] = append(by[k], id)
	}
	maps.DeleteFunc(by, func(_ string, ids []ID) bool { return len(ids) < 2 })
	for _, ids := range by {
		slices.SortFunc(ids, ID.Compare)
	}
	return by
}

// drawWriter draws one of five, whose keys are made once.
func drawWriter(tb testing.TB, t *rapid.T, r Rules) Writer {
	n := rapid.IntRange(1, 5).Draw(t, "writer")
	if r.Auth == Vouched {
		return NewVouchedWriter(Author{byte(n)})
	}
	return writer(tb, n)
}

// drawHistory draws a history with partitions and forks, and vertices that break a
// rule, on each of which others may build.
func drawHistory(tb testing.TB, t *rapid.T, rules Rules, size int) (*model, []made) {
	m := &model{rules: rules, all: map[ID]made{}}
	var all, good []made
	for i := range size {
		w := drawWriter(tb, t, rules)
		base := good
		if rapid.IntRange(0, 9).Draw(t, "on what") == 0 {
			base = all // may be an invalid one
		}
		var parents []made
		if len(base) > 0 {
			window := min(len(base), rapid.SampledFrom([]int{1, 3, 8, 1000}).Draw(t, "how far back"))
			for range rapid.IntRange(0, 4).Draw(t, "parents") {
				p := base[len(base)-1-rapid.IntRange(0, window-1).Draw(t, "parent")]
				if !slices.ContainsFunc(parents, func(q made) bool { return q.id == p.id }) {
					parents = append(parents, p)
				}
			}
		}
		v := &Vertex{Space: rules.Space(), Author: w.Author(), Seq: 1, Lamport: 1, Kind: Data, Payload: fmt.Appendf(nil, "%d", i)}
		for _, p := range parents {
			v.Parents = append(v.Parents, p.id)
			v.Lamport = max(v.Lamport, p.Lamport+1)
			if p.Author == w.Author() {
				v.Seq = max(v.Seq, p.Seq+1)
			}
		}
		slices.SortFunc(v.Parents, ID.Compare)
		if rapid.IntRange(0, 19).Draw(t, "break") == 0 && len(parents) > 0 {
			v.Lamport += uint64(rapid.IntRange(0, 1).Draw(t, "lamport"))
			v.Seq = min(v.Seq+uint64(rapid.IntRange(0, 1).Draw(t, "seq")), v.Lamport)
		}
		x := finish(tb, w, v)
		all = append(all, x)
		known := !slices.ContainsFunc(x.Parents, func(p ID) bool { _, ok := m.all[p]; return !ok })
		if known && m.valid(x) {
			m.all[x.id] = x
			good = append(good, x)
		}
	}
	return m, all
}

// deliver gives a history to a store in a random order and in batches, some of it
// more than once and with wrong auth.
func deliver(t *rapid.T, s *Store, rules Rules, history []made) {
	order := rapid.Permutation(append(slices.Clone(history), history[:len(history)/4]...)).Draw(t, "order")
	for len(order) > 0 {
		n := rapid.IntRange(1, min(20, len(order))).Draw(t, "batch")
		var batch [][]byte
		var vouch []made
		for _, v := range order[:n] {
			if rapid.IntRange(0, 9).Draw(t, "spoil") == 0 && len(v.Auth) > 0 {
				bad := bytes.Clone(v.data)
				bad[len(bad)-1] ^= 1
				batch = append(batch, bad)
			}
			batch = append(batch, v.data)
			vouch = append(vouch, v)
		}
		before := rapid.Bool().Draw(t, "vouch before")
		for range 2 {
			if before && rules.Auth == Vouched {
				for _, v := range vouch {
					if err := s.Vouch(t.Context(), v.Space, v.Author, v.id); err != nil {
						t.Fatal(err)
					}
				}
			}
			if batch != nil {
				peer := rapid.SampledFrom([]string{"p", "q", ""}).Draw(t, "peer")
				if _, err := s.Add(t.Context(), batch, Source{Peer: peer}); err != nil {
					t.Fatal(err)
				}
				batch = nil
			}
			before = !before
		}
		order = order[n:]
	}
}

// judge is what rapid.T and testing.T have in common.
type judge interface{ Fatalf(string, ...any) }

// agree compares everything a store answers with the model; pick picks the
// frontier since which to ask.
func agree(t judge, s *Store, m *model, line uint64, pick func([]ID) []ID) {
	space := m.rules.Space()
	front, err := s.Frontier(space)
	if err != nil || !slices.Equal(front, m.frontier()) {
		t.Fatalf("Frontier = %v, %v, want %v", front, err, m.frontier())
	}
	ids := slices.SortedFunc(maps.Keys(m.all), ID.Compare)
	here := slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { return m.all[id].Lamport < line })
	snap, err := s.Snapshot(space)
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	defer snap.Close()
	var got []ID
	for ref, err := range snap.IDs(0, ID{}) {
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		got = append(got, ref.ID)
	}
	count, err := snap.Count(line)
	if err != nil || !slices.Equal(got, here) || int(count) != len(here) {
		t.Fatalf("the snapshot has %d ids and counts %d, %v, want %d", len(got), count, err, len(here))
	}
	for _, b := range ids {
		past := m.past(m.all[b].Parents...)
		for _, a := range ids {
			if anc, err := s.Ancestor(space, a, b); err != nil || anc != past[a] {
				t.Fatalf("Ancestor(%s, %s) = %v, %v, want %v", a, b, anc, err, past[a])
			}
		}
		data, err := s.Encoded(space, b)
		if want := m.all[b]; want.Lamport < line {
			if !errors.Is(err, ErrPruned) {
				t.Fatalf("Encoded of a pruned vertex = %v", err)
			}
		} else if err != nil || !bytes.Equal(data, want.data) {
			t.Fatalf("Encoded = %x, %v, want %x", data, err, want.data)
		}
	}
	f := pick(ids)
	old := m.past(f...)
	want := slices.DeleteFunc(slices.Clone(here), func(id ID) bool { return old[id] })
	got = nil
	at := map[ID]int{}
	for e, err := range s.Since(space, f) {
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		for _, p := range m.all[e.ID].Parents {
			if i, ok := at[p]; ok && i >= len(got) {
				t.Fatalf("Since yields %s before its parent", e.ID)
			}
		}
		if data, err := e.Encoded(); err != nil || !bytes.Equal(data, m.all[e.ID].data) {
			t.Fatalf("Entry.Encoded = %x, %v", data, err)
		}
		at[e.ID] = len(got)
		got = append(got, e.ID)
	}
	for i, id := range got {
		for _, p := range m.all[id].Parents {
			if j, ok := at[p]; ok && j > i {
				t.Fatalf("Since yields %s before its parent %s", id, p)
			}
		}
	}
	slices.SortFunc(got, ID.Compare)
	if !slices.Equal(got, want) {
		t.Fatalf("Since(%v) yields %d, want %d", f, len(got), len(want))
	}
	forks, err := s.Forks(space)
	if err != nil || len(forks) != len(m.forks()) {
		t.Fatalf("%d forks, %v, want %d", len(forks), err, len(m.forks()))
	}
	for _, fork := range forks {
		if want := m.forks()[fmt.Sprint(fork.Author, fork.Seq)]; !slices.Equal(fork.Vertices, want) {
			t.Fatalf("fork %v, want %v", fork, want)
		}
		if is, err := s.Forked(space, fork.Author); err != nil || !is {
			t.Fatalf("Forked = %v, %v of an author who has", is, err)
		}
	}
	authors := map[Author][]made{}
	for _, v := range m.all {
		authors[v.Author] = append(authors[v.Author], v)
	}
	for a, vs := range authors {
		slices.SortFunc(vs, func(a, b made) int { return cmp.Compare(a.Seq, b.Seq) })
		got, err := s.ByAuthor(space, a, 1, vs[len(vs)-1].Seq)
		if err != nil || len(got) != len(vs) {
			t.Fatalf("%d vertices of an author, %v, want %d", len(got), err, len(vs))
		}
		for i, h := range got {
			if h.Seq != vs[i].Seq || m.all[h.ID].Author != a {
				t.Fatalf("vertex %d of an author = %+v, want seq %d", i, h, vs[i].Seq)
			}
		}
		if last, err := s.LastSeq(space, a); err != nil || last != vs[len(vs)-1].Seq {
			t.Fatalf("LastSeq = %d, %v, want %d", last, err, vs[len(vs)-1].Seq)
		}
	}
}

func drawFrontier(t *rapid.T) func([]ID) []ID {
	return func(ids []ID) []ID {
		if len(ids) == 0 {
			return nil
		}
		return rapid.SliceOfN(rapid.SampledFrom(ids), 0, 4).Draw(t, "frontier")
	}
}

// tight makes chains scarce, so that a small history takes them over and runs out.
var tight = chainLimits{free: 2, most: 4, idle: 3, search: 1 << 20}

func testAnyOrder(t *testing.T, rules Rules, size int) {
	rapid.Check(t, func(rt *rapid.T) {
		m, history := drawHistory(t, rt, rules, rapid.IntRange(1, size).Draw(rt, "size"))
		fs := vfs.NewMem()
		cfg := Config{FS: fs, Dir: "dag", Workers: 2, Now: clock}
		s, err := Open(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if rapid.Bool().Draw(rt, "tight") {
			s.chains = tight
		}
		if _, err := s.Join(rules); err != nil {
			rt.Fatal(err)
		}
		deliver(rt, s, rules, history)
		agree(rt, s, m, 0, drawFrontier(rt))
		line := uint64(rapid.IntRange(0, 12).Draw(rt, "line"))
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
		if s, err = Open(cfg); err != nil {
			rt.Fatal(err)
		}
		agree(rt, s, m, 0, drawFrontier(rt))
		if _, err := s.Prune(rt.Context(), rules.Space(), line); err != nil {
			rt.Fatal(err)
		}
		agree(rt, s, m, line, drawFrontier(rt))
		deliver(rt, s, rules, history)
		agree(rt, s, m, line, drawFrontier(rt))
	})
}

func TestAnyOrderGivesTheSameStoreVouched(t *testing.T) { testAnyOrder(t, vouched, 60) }

func TestAnyOrderGivesTheSameStoreSigned(t *testing.T) { testAnyOrder(t, signed, 12) }

// Pruning first or adding first makes no difference to what is accepted.
func TestPruningDoesNotChangeWhatIsValid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, history := drawHistory(t, rt, vouched, rapid.IntRange(1, 40).Draw(rt, "size"))
		s, err := Open(Config{FS: vfs.NewMem(), Dir: "dag", Workers: 1, Now: clock})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if _, err := s.Join(vouched); err != nil {
			rt.Fatal(err)
		}
		cut := rapid.IntRange(1, len(history)).Draw(rt, "late")
		line := uint64(rapid.IntRange(0, 12).Draw(rt, "line"))
		deliver(rt, s, vouched, history[:cut])
		if _, err := s.Prune(rt.Context(), vouched.Space(), line); err != nil {
			rt.Fatal(err)
		}
		deliver(rt, s, vouched, history)
		for id := range m.all {
			if has, err := s.Has(vouched.Space(), id); err != nil || !has {
				rt.Fatalf("Has(%s) = %v, %v after pruning early", id, has, err)
			}
		}
		if _, err := s.Prune(rt.Context(), vouched.Space(), line); err != nil {
			rt.Fatal(err)
		}
		agree(rt, s, m, line, drawFrontier(rt))
	})
}
