package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pars-network/pars/session/store/folder"
)

// oldPassphrase is that of folder/testdata/v1, which version 0 wrote; see
// folder/testdata/README.md.
const oldPassphrase = "an old passphrase"

// oldFolder puts the folder of an earlier version into "data" of a file system.
func oldFolder(t *testing.T, fs vfs.FS) {
	t.Helper()
	root := filepath.Join("folder", "testdata", "v1")
	for _, dir := range []string{"", "db", "graph"} {
		if err := fs.MkdirAll(fs.PathJoin("data", dir), 0o700); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.IsDir() {
				continue
			}
			b, err := os.ReadFile(filepath.Join(root, dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			to, err := fs.Create(fs.PathJoin("data", dir, f.Name()), "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := to.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(to.Sync(), to.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, dir := range []string{"data/db", "data/graph", "data", ""} {
		if err := syncDir(fs, dir); err != nil {
			t.Fatal(err)
		}
	}
}

// wantOld looks for everything that the old folder held.
func wantOld(t *testing.T, s *Store) {
	t.Helper()
	for i := range uint64(20) {
		wantValue(t, s, 0x02, "friend", i, fmt.Sprint("message ", i))
	}
	wantValue(t, s, 0x81, "identity", 0, "phrase 19")
	for i, last := range []int{18, 19, 17} {
		wantValue(t, s, 0x90, "space", uint64(i), fmt.Sprint("space ", last))
	}
	fs, dir, err := s.Graph()
	if err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: pebbleLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		v, closer, err := db.Get(fmt.Appendf(nil, "vertex %d", i))
		if err != nil || string(v) != fmt.Sprint("bytes ", i) {
			t.Fatalf("vertex %d: %q, %v", i, v, err)
		}
		_ = closer.Close()
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOldFolderIsMoved(t *testing.T) {
	fs := vfs.NewMem()
	oldFolder(t, fs)
	for _, c := range []struct {
		passphrase string
		network    uint32
		want       error
	}{{"", 1337, ErrPassphraseNeeded}, {"wrong", 1337, ErrPassphrase}, {oldPassphrase, 6133, ErrNetwork}} {
		cfg := config(fs, c.passphrase)
		cfg.NetworkID = c.network
		if _, err := Open(cfg); !errors.Is(err, c.want) {
			t.Errorf("%q on network %d: %v, want %v", c.passphrase, c.network, err, c.want)
		}
	}
	s := open(t, config(fs, oldPassphrase))
	wantOld(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, FileName) {
			t.Errorf("%s is left of the old folder", name)
		}
	}
	wantOld(t, open(t, config(fs, oldPassphrase)))
}

// The power goes at every seventh change of a move, with nothing of what was not synced
// or half of it: the next start has everything, and destroys the old folder.
func TestPowerIsLostWhileAFolderIsMoved(t *testing.T) {
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 0))
	under := vfs.NewCrashableMem()
	oldFolder(t, under)
	var mu sync.Mutex
	var moments []*vfs.MemFS
	count := 0
	fs := errorfs.Wrap(under, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpRemove, errorfs.OpRename, errorfs.OpCreate:
			if count++; count%7 == 0 || op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpRename {
				moments = append(moments, under.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * (count % 2), RNG: rng}))
			}
		}
		return nil
	}))
	cfg := config(fs, oldPassphrase)
	cfg.Region = 1 << 20
	s := open(t, cfg)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d moments", len(moments))
	for i, m := range moments {
		cfg.FS = m
		s := open(t, cfg)
		wantOld(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if ok, err := folder.Exists(m, "data"); ok || err != nil {
			t.Errorf("moment %d: the old folder is still there: %v", i, err)
		}
		if t.Failed() {
			t.Fatalf("at moment %d", i)
		}
	}
}
