package store

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/store/cryptfs"
)

// TestGraphOpensAgainAndNotWithAnotherStore keeps a database in the graph's
// folder over a restart, and refuses it to another store's key.
func TestGraphOpensAgainAndNotWithAnotherStore(t *testing.T) {
	disk := vfs.NewMem()
	visit := func(dir string) (*pebble.DB, error) {
		s, err := Open(Config{Dir: dir, FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		fs, _, err := s.Graph()
		if err != nil {
			t.Fatal(err)
		}
		// The folder of the first store, with the key of this one.
		db, err := pebble.Open("a/graph", &pebble.Options{FS: fs, Logger: pebbleLogger{}})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return db, err
	}
	db, err := visit("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("k"), []byte("v"), pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	if db, err = visit("a"); err != nil {
		t.Fatal(err)
	}
	if v, closer, err := db.Get([]byte("k")); err != nil || string(v) != "v" {
		t.Errorf("after a restart: %q (%v)", v, err)
	} else {
		_ = closer.Close()
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := visit("b"); !errors.Is(err, cryptfs.ErrKey) {
		t.Errorf("with another store's key: error %v, want ErrKey", err)
	}
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
