package dag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// workload writes to a store in every way there is, and tells what was
// acknowledged.
type workload struct {
	mu    sync.Mutex
	acked []ID
	tell  func(ID)
}

func (w *workload) ack(ids ...ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked = append(w.acked, ids...)
	for _, id := range ids {
		if w.tell != nil {
			w.tell(id)
		}
	}
}

// seen returns what was acknowledged up to now.
func (w *workload) seen() []ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acked)
}

// run does its work until a call fails.
func (w *workload) run(ctx context.Context, s *Store) error {
	space := vouched.Space()
	if _, err := s.Join(vouched); err != nil {
		return err
	}
	me, they := NewVouchedWriter(Author{1}), NewVouchedWriter(Author{2})
	var last made
	for round := range 6 {
		v, id, err := s.Append(ctx, space, me, Data, fmt.Appendf(make([]byte, 3000), "%d", round))
		if err != nil {
			return err
		}
		w.ack(id)
		var batch [][]byte
		var ids []ID
		top := made{Vertex: v, id: id}
		for i := range 8 {
			parents := []made{top}
			if last.Vertex != nil {
				parents = append(parents, last)
			}
			if i == 5 { // a fork
				parents = parents[:1]
			}
			var err error
			if last, err = build(vouched, they, Data, fmt.Sprint(round, i), parents...); err != nil {
				return err
			}
			batch, ids = append(batch, last.data), append(ids, last.id)
		}
		slices.Reverse(batch)
		if round%2 == 0 {
			if err := s.Vouch(ctx, space, they.Author(), ids...); err != nil {
				return err
			}
		}
		out, err := s.Add(ctx, batch, Source{Peer: "p"})
		if err != nil {
			return err
		}
		if round%2 == 0 {
			for _, o := range out {
				if o.Status != Accepted {
					return fmt.Errorf("outcome %v, %w", o.Status, o.Err)
				}
			}
			w.ack(ids...)
		} else {
			if err := s.Vouch(ctx, space, they.Author(), ids...); err != nil {
				return err
			}
			w.ack(ids...)
		}
		if round == 3 {
			if _, err := s.Prune(ctx, space, 9); err != nil {
				return err
			}
		}
	}
	return nil
}

// audit opens a store anew and compares it with a model of the vertices in it,
// with what was acknowledged, and goes on writing.
func audit(t *testing.T, fs vfs.FS, acked []ID, dir string) {
	t.Helper()
	s, err := Open(Config{FS: fs, Dir: dir, Now: clock})
	if err != nil {
		t.Fatalf("opening after the fault: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	space := vouched.Space()
	if _, joined := s.Spaces()[space]; !joined {
		if len(acked) > 0 {
			t.Fatal("the space is gone")
		}
		return
	}
	for _, id := range acked {
		if has, err := s.Has(space, id); err != nil || !has {
			t.Fatalf("%s was acknowledged; Has = %v, %v", id, has, err)
		}
	}
	st, err := s.Stats(space)
	if err != nil {
		t.Fatal(err)
	}
	if st.Pruned == 0 && st.Line == 0 {
		m := &model{rules: vouched, all: map[ID]made{}}
		for e, err := range s.Since(space, nil) {
			if err != nil {
				t.Fatal(err)
			}
			data, err := e.Encoded()
			if err != nil {
				t.Fatal(err)
			}
			v, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			x := made{v, v.ID(), data}
			if x.id != e.ID || !m.valid(x) {
				t.Fatalf("%s is there and breaks a rule", e.ID)
			}
			m.all[x.id] = x
		}
		agree(t, s, m, 0, func(ids []ID) []ID { return ids[:min(2, len(ids))] })
	} else if _, err := s.Prune(t.Context(), space, st.Line); err != nil {
		t.Fatal(err)
	} else {
		auditPruned(t, s, st.Line)
	}
	if _, _, err := s.Append(t.Context(), space, NewVouchedWriter(Author{1}), Data, nil); err != nil {
		t.Fatalf("writing after the fault: %v", err)
	}
}

// auditPruned checks that a pruned store holds what lies above the line, and
// counts it right.
func auditPruned(t *testing.T, s *Store, line uint64) {
	t.Helper()
	snap, err := s.Snapshot(vouched.Space())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	here := map[ID]bool{}
	for ref, err := range snap.IDs(0, ID{}) {
		if err != nil || ref.Lamport < line {
			t.Fatalf("%+v is there below the line %d, %v", ref, line, err)
		}
		if _, err := snap.Encoded(ref.ID); err != nil {
			t.Fatal(err)
		}
		here[ref.ID] = true
	}
	n, err := snap.Count(line)
	if st, _ := s.Stats(vouched.Space()); err != nil || int(n) != len(here) || int(st.Vertices) != len(here) {
		t.Fatalf("Count = %d, %v, and Stats = %+v, want %d", n, err, st, len(here))
	}
	for _, id := range since(t, s, vouched.Space()) {
		delete(here, id)
	}
	if len(here) > 0 {
		t.Fatalf("Since leaves out %d", len(here))
	}
}

// changes reports whether an operation changes what is on disk.
func changes(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpReuseForWrite,
		errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	default:
		return false
	}
}

// The machine loses power before every single write and sync that a workload
// makes: with nothing of what was not synced, and with a random half of it.
func TestPowerIsLostAnywhere(t *testing.T) {
	type moment struct {
		fs    *vfs.MemFS
		acked []ID
	}
	const seed = 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	var moments []moment
	w := &workload{}
	fs := vfs.NewCrashableMem()
	// What is acknowledged is read before the copy is made: it must be in there.
	copyNow := func(op errorfs.Op) error {
		if !changes(op) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range []int{0, 50} {
			acked := w.seen()
			moments = append(moments, moment{fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}), acked})
		}
		return nil
	}
	s, err := Open(Config{FS: errorfs.Wrap(fs, errorfs.InjectorFunc(copyNow)), Dir: "dag", Now: clock, memTable: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if want := 54; len(w.acked) != want {
		t.Fatalf("%d acknowledged, want %d", len(w.acked), want)
	}
	t.Logf("%d moments", len(moments))
	for i, m := range moments {
		audit(t, m.fs, m.acked, "dag")
		if t.Failed() {
			t.Fatalf("at moment %d", i)
		}
	}
}

// A damaged record is found and said, not believed.
func TestDamagedRecords(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Config{FS: fs}, vouched)
	var ids []ID
	for range 3 {
		_, id, err := s.Append(t.Context(), vouched.Space(), NewVouchedWriter(Author{1}), Data, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	sp := s.spaces[vouched.Space()]
	cold := func() { *sp.nodes, *sp.byID = *newCache[uint64, *node](8), *newCache[ID, *node](8) }
	for name, c := range map[string]struct{ key, value []byte }{
		"a node": {sp.posKey(keyNode, 2), []byte{1}},
		"an id":  {sp.key(keyID, ids[1][:]), []byte{0xff}},
	} {
		good, _, err := s.read(c.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.db.Set(c.key, c.value, nil); err != nil {
			t.Fatal(err)
		}
		cold()
		if _, err := s.Get(vouched.Space(), ids[1]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Get with %s damaged = %v, want ErrCorrupt", name, err)
		}
		if err := s.db.Set(c.key, good, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := slices.Collect(maps.Keys(s.Spaces())); len(got) != 1 {
		t.Errorf("Spaces = %v", got)
	}
}
