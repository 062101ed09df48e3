package swarm

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a store acknowledged is there after the power was lost, and nothing that it
// deleted.
func TestCrashesLoseNothingThatWasAcknowledged(t *testing.T) {
	fs := vfs.NewCrashableMem()
	c := &clock{t: start}
	var kept []uint64
	deleted := map[uint64]bool{}
	next := uint64(0)
	for round := range 4 {
		db, err := OpenDatabase("swarm", fs, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, db, Limits{}, c)
		if got := numbers(t, s, Key{1}); !slices.Equal(got, kept) {
			t.Errorf("after crash %d there are %v, want %v", round, got, kept)
		}
		for n := range deleted {
			if err := s.Put(envelopeItem(t, Key{1}, n, start, 0), MinWork); !errors.Is(err, ErrDeleted) {
				t.Errorf("after crash %d a deleted envelope is put again: %v", round, err)
			}
		}
		for range 6 {
			if err := s.Put(envelopeItem(t, Key{1}, next, start, 0), MinWork); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, next)
			next++
		}
		gone := kept[1]
		it := envelopeItem(t, Key{1}, gone, start, 0)
		if err := s.Delete(Key{1}, []ID{it.ID()}); err != nil {
			t.Fatal(err)
		}
		kept, deleted[gone] = slices.Delete(kept, 1, 2), true
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		fs = crashed
	}
}

func TestDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := OpenDatabase(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDatabase(dir, nil, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("a second process opens the folder: %v, want ErrLocked", err)
	}
	if err := db.Apply([]Change{{[]byte("ab"), []byte("1")}, {[]byte("ac"), []byte("2")}, {[]byte("b"), []byte("3")}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Apply([]Change{{Key: []byte("ac")}, {[]byte("ad"), []byte("4")}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := db.Scan([]byte("a"), func(k, v []byte) error { got = append(got, string(k)+string(v)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"ab1", "ad4"}) {
		t.Errorf("Scan gave %v", got)
	}
	if _, err := db.Get([]byte("ac")); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of what was deleted = %v, want ErrNotFound", err)
	}
	if room, err := db.Room(); err != nil || room == 0 {
		t.Errorf("Room = %d, %v", room, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Records that this package did not write are an error, not a guess.
func TestDamagedRecords(t *testing.T) {
	for _, c := range []Change{
		{[]byte{diskIndex, 1, 2}, make([]byte, 49)},
		{diskKey(diskIndex, ID{1}), make([]byte, 48)},
		{diskKey(diskIndex, ID{1}), append([]byte{9}, make([]byte, 48)...)},
		{diskKey(diskTomb, ID{1}), []byte{1}},
	} {
		d := newMemory()
		if err := d.Apply([]Change{c}); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenStore(d, Limits{}, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a record %x of %d bytes: OpenStore = %v, want ErrCorrupt", c.Key[:2], len(c.Value), err)
		}
	}
}
