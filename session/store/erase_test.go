package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// sealedOf returns what stands in the database for a record.
func sealedOf(t *testing.T, s *Store, kind Kind, name string, num uint64) (key, sealed []byte) {
	t.Helper()
	key = s.keys.diskKey(kind, []byte(name), num)
	sealed, err := get(s.db, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, sealed
}

// A copy of every record and node made before an erasure, together with every key
// after it, must not open what was erased: only the old slot could.
func TestErasedRecordsCanNotBeDecrypted(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	for i := range uint64(40) {
		put(t, s, secretKind, "prekey", i, fmt.Sprint("private half ", i))
	}
	nodes := map[place][]byte{}
	for round, num := range []uint64{1, 39, 33, 0, 2} {
		key, sealed := sealedOf(t, s, secretKind, "prekey", num)
		if _, value, err := openRecord(s.keys, s.tree, key, sealed); err != nil || string(value) != fmt.Sprint("private half ", num) {
			t.Fatalf("before the erasure: %q, %v", value, err)
		}
		if round%2 == 0 {
			del(t, s, secretKind, "prekey", num)
		} else {
			put(t, s, secretKind, "prekey", num, "another")
			wantValue(t, s, secretKind, "prekey", num, "another")
		}
		if _, _, err := openRecord(s.keys, s.tree, key, sealed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the key in memory still opens what was erased: %v", err)
		}
		// With the old nodes in the place of the new ones the new root opens nothing.
		old := &tree{root: s.tree.root, get: func(p place) ([]byte, error) {
			if b, ok := nodes[p]; ok {
				return b, nil
			}
			return nil, ErrNotFound
		}}
		if _, _, err := openRecord(s.keys, old, key, sealed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the old nodes open what was erased: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.cfg)
		if _, _, err := openRecord(s.keys, s.tree, key, sealed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the key on disk still opens what was erased: %v", err)
		}
		wantValue(t, s, secretKind, "prekey", 20, "private half 20")
		for level := range treeDepth {
			p := place{byte(level), 0}
			if b, err := get(s.db, nodeKey(p)); err == nil {
				nodes[p] = slices.Clone(b)
			}
		}
	}
}

// What one batch sets and deletes again, or sets twice, never reaches the disk.
func TestOnlyTheLastOfABatchIsWritten(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	var b Batch
	b.Put(secretKind, []byte("a"), 0, []byte("first"))
	b.Put(secretKind, []byte("b"), 0, []byte("only"))
	b.Put(secretKind, []byte("a"), 0, []byte("second"))
	b.Delete(secretKind, []byte("b"), 0)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, secretKind, "a", 0, "second")
	if _, err := s.Get(secretKind, []byte("b"), 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("what was deleted again: %v", err)
	}
	if s.nextLeaf != 1 {
		t.Errorf("%d keys were used, want 1", s.nextLeaf)
	}
}

// The tree without some leaves gives the same keys for the others, and none for them,
// whatever the order in which they went.
func TestTreeKeepsTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seedOf := rapid.Uint64().Draw(t, "seed")
		random := rand.NewChaCha8([32]byte{byte(seedOf), byte(seedOf >> 8)})
		disk := map[place][]byte{}
		on := func(p place) ([]byte, error) {
			if b, ok := disk[p]; ok {
				return b, nil
			}
			return nil, ErrNotFound
		}
		tr := &tree{get: on}
		if _, err := random.Read(tr.root.key[:]); err != nil {
			t.Fatal(err)
		}
		// Some next to each other, so that whole nodes die, and some far away.
		leaf := rapid.OneOf(rapid.Uint64Range(0, 70), rapid.Uint64Range(0, maxLeaves-1))
		all := rapid.SliceOfN(leaf, 1, 60).Draw(t, "leaves")
		want := map[uint64][]byte{}
		for _, l := range all {
			k, err := tr.key(l)
			if err != nil {
				t.Fatal(err)
			}
			want[l] = bytes.Clone(k)
		}
		gone := map[uint64]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "erasures") {
			dead := rapid.SliceOfN(rapid.SampledFrom(all), 1, 40).Draw(t, "dead")
			root, changes, seeds, err := tr.puncture(random, dead)
			if err != nil {
				t.Fatal(err)
			}
			for p, n := range changes {
				if n == nil {
					delete(disk, p)
					continue
				}
				if disk[p], err = n.seal(random, seeds[p], p); err != nil {
					t.Fatal(err)
				}
			}
			if root.key == tr.root.key {
				t.Fatal("the root stayed")
			}
			tr = &tree{root: root, get: on}
			for _, l := range dead {
				gone[l] = true
			}
			for l, k := range want {
				got, err := tr.key(l)
				if gone[l] != errors.Is(err, errErased) || (!gone[l] && !bytes.Equal(got, k)) {
					t.Fatalf("leaf %d, erased %v: %x, %v", l, gone[l], got, err)
				}
			}
		}
	})
}

// A node whose 32 children are all gone is gone itself, and an erasure writes no
// more than one node a level however much there is.
func TestAnErasureIsSmall(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	var b Batch
	for i := range uint64(3000) {
		b.Put(secretKind, []byte("m"), i, []byte("x"))
	}
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	_, changes, _, err := s.tree.puncture(s.cfg.Rand, []uint64{1234})
	if err != nil || len(changes) != treeDepth {
		t.Errorf("an erasure changes %d nodes, %v, want %d", len(changes), err, treeDepth)
	}
	b = Batch{}
	for i := range uint64(2048) {
		b.Delete(secretKind, []byte("m"), i)
	}
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	nodes := 0
	iter, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for ok := iter.SeekGE([]byte{byte(kindOwn), 't'}); ok && iter.Key()[1] == 't'; ok = iter.Next() {
		nodes++
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	if nodes > treeDepth {
		t.Errorf("%d nodes are left of 2048 erasures side by side, want at most %d", nodes, treeDepth)
	}
	wantValue(t, s, secretKind, "m", 2048, "x")
}

func TestSweepErasesWhatIsDue(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	start := time.UnixMilli(1_800_000_000_000)
	var b Batch
	for i := range uint64(10) {
		b.PutUntil(secretKind, []byte("m"), i, fmt.Appendf(nil, "for %d minutes", i), start.Add(time.Duration(i)*time.Minute))
	}
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	key, sealed := sealedOf(t, s, secretKind, "m", 3)
	put(t, s, secretKind, "m", 2, "for ever") // takes the time away
	if at, ok, err := s.NextSweep(); !at.Equal(start) || !ok || err != nil {
		t.Errorf("NextSweep = %v, %v, %v, want %v", at, ok, err, start)
	}
	if n, err := s.Sweep(start.Add(5 * time.Minute)); n != 5 || err != nil {
		t.Errorf("Sweep = %d, %v, want 5", n, err)
	}
	for i := range uint64(10) {
		_, err := s.Get(secretKind, []byte("m"), i)
		if gone := i <= 5 && i != 2; gone != errors.Is(err, ErrNotFound) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if _, _, err := openRecord(s.keys, s.tree, key, sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("what was swept can be decrypted: %v", err)
	}
	if n, err := s.Sweep(start.Add(5 * time.Minute)); n != 0 || err != nil {
		t.Errorf("Sweep again = %d, %v", n, err)
	}
	if at, ok, err := s.NextSweep(); !at.Equal(start.Add(6*time.Minute)) || !ok || err != nil {
		t.Errorf("NextSweep = %v, %v, %v", at, ok, err)
	}
	b = Batch{}
	b.PutUntil(plainKind, []byte("m"), 0, nil, start)
	if err := s.Commit(&b); !errors.Is(err, ErrKind) {
		t.Errorf("a time for a kind that is not erasable: %v, want ErrKind", err)
	}
	b = Batch{}
	b.Put(kindOwn, nil, 0, nil)
	if err := s.Commit(&b); !errors.Is(err, ErrKind) {
		t.Errorf("the store's own kind: %v, want ErrKind", err)
	}
}

// A scan sees the store as it was, even what is erased while it runs.
func TestScanDuringAnErasure(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	for i := range uint64(5) {
		put(t, s, secretKind, "m", i, fmt.Sprint(i))
	}
	del(t, s, secretKind, "m", 0)
	var got []string
	err := s.Scan(secretKind, []byte("m"), 0, func(r Record) bool {
		if len(got) == 0 {
			del(t, s, secretKind, "m", 3)
		}
		got = append(got, string(r.Value))
		return true
	})
	if err != nil || fmt.Sprint(got) != "[1 2 3 4]" {
		t.Errorf("the scan gave %v, %v", got, err)
	}
}

func FuzzParseNode(f *testing.F) {
	n := &node{alive: 5, stored: 4}
	f.Add(append([]byte{0, 0, 0, 5, 0, 0, 0, 4}, make([]byte, 2*keySize)...))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	_ = n
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseNode(b)
		if err != nil {
			return
		}
		for i, c := range n.children {
			if c.stored && n.alive>>i&1 == 0 {
				t.Errorf("%x: child %d is stored and not alive", b, i)
			}
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	k := keys{generation: 9, tree: seed{stored: true}}
	f.Add(k.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeys(b)
		if err == nil && !bytes.Equal(k.bytes(), b) {
			t.Errorf("%x encodes as %x", b, k.bytes())
		}
	})
}
