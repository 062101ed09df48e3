package store

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A database in the graph's folder is there after a restart, beside the records.
func TestGraphOpensAgain(t *testing.T) {
	disk := vfs.NewMem()
	visit := func(f func(db *pebble.DB) error) {
		t.Helper()
		s := open(t, config(disk, ""))
		fs, dir, err := s.Graph()
		if err != nil {
			t.Fatal(err)
		}
		db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: pebbleLogger{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f(db), db.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	visit(func(db *pebble.DB) error { return db.Set([]byte("k"), []byte("v"), pebble.Sync) })
	visit(func(db *pebble.DB) error {
		v, closer, err := db.Get([]byte("k"))
		if err != nil || string(v) != "v" {
			t.Errorf("after a restart: %q (%v)", v, err)
			return err
		}
		return closer.Close()
	})
}

func TestGraphOfAClosedStore(t *testing.T) {
	s, err := Open(Config{Dir: "a", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Graph(); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}
