package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/vault"
)

// someStore holds records of all sorts and a graph.
func someStore(t *testing.T) *Store {
	t.Helper()
	cfg := config(vfs.NewMem(), "p")
	s := open(t, cfg)
	var b Batch
	for i := range uint64(300) {
		b.Put(plainKind, []byte("m"), i, bytes.Repeat([]byte{byte(i)}, 1000))
		b.Put(secretKind, []byte("k"), i, fmt.Appendf(nil, "key %d", i))
	}
	b.PutUntil(secretKind, []byte("soon"), 0, []byte("gone"), time.UnixMilli(1_800_000_000_000))
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	del(t, s, secretKind, "k", 7)
	fs, dir, err := s.Graph()
	if err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: pebbleLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := db.Set(fmt.Appendf(nil, "vertex %d", i), []byte("bytes"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBackup(t *testing.T) {
	s := someStore(t)
	for name, key := range map[string]BackupKey{
		"a passphrase": {Passphrase: []byte("of the backup"), Argon2: cheap},
		"words":        {Entropy: bytes.Repeat([]byte{9}, 32)},
	} {
		var file bytes.Buffer
		info, err := s.Export(&file, key)
		if err != nil || info.Entries != 300+299+1+1+50 {
			t.Fatalf("%s: %d entries, %v", name, info.Entries, err)
		}
		if bytes.Contains(file.Bytes(), []byte("key 12")) || bytes.Contains(file.Bytes(), []byte("vertex")) {
			t.Errorf("%s: the backup can be read", name)
		}
		to := config(vfs.NewMem(), "new")
		to.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
		if _, err := Import(to, bytes.NewReader(file.Bytes()), key); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := open(t, to)
		if !r.Restored().Equal(to.Now()) {
			t.Errorf("%s: restored at %v", name, r.Restored())
		}
		wantValue(t, r, secretKind, "k", 8, "key 8")
		wantValue(t, r, plainKind, "m", 299, string(bytes.Repeat([]byte{299 % 256}, 1000)))
		if _, err := r.Get(secretKind, []byte("k"), 7); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: what was erased is back: %v", name, err)
		}
		if n, err := r.Sweep(time.UnixMilli(1_800_000_000_001)); n != 1 || err != nil {
			t.Errorf("%s: ephemeral records: %d, %v, want 1", name, n, err)
		}
		fs, dir, err := r.Graph()
		if err != nil {
			t.Fatal(err)
		}
		db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: pebbleLogger{}})
		if err != nil {
			t.Fatal(err)
		}
		if v, closer, err := db.Get([]byte("vertex 49")); err != nil || string(v) != "bytes" {
			t.Errorf("%s: the graph: %q, %v", name, v, err)
		} else if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Close(), r.Close()); err != nil {
			t.Fatal(err)
		}
		// As another profile beside the first.
		to.Passphrase = []byte("second")
		if _, err := Import(to, bytes.NewReader(file.Bytes()), key, []byte("new")); err != nil {
			t.Fatalf("%s: beside another: %v", name, err)
		}
		wantValue(t, open(t, to), secretKind, "k", 8, "key 8")
	}
}

func TestBackupRefusals(t *testing.T) {
	s := someStore(t)
	key := BackupKey{Passphrase: []byte("b"), Argon2: cheap}
	var file bytes.Buffer
	if _, err := s.Export(&file, key); err != nil {
		t.Fatal(err)
	}
	good := file.Bytes()
	swapped := bytes.Clone(good)
	one, two := swapped[backupSalt:backupSalt+chunkSize+16], swapped[backupSalt+chunkSize+16:backupSalt+2*(chunkSize+16)]
	both := append(bytes.Clone(two), one...)
	copy(swapped[backupSalt:], both)
	for what, c := range map[string]struct {
		file []byte
		key  BackupKey
	}{
		"another passphrase":      {good, BackupKey{Passphrase: []byte("x"), Argon2: cheap}},
		"words":                   {good, BackupKey{Entropy: make([]byte, 32)}},
		"a changed byte":          {flip(good, len(good)/2), key},
		"a changed salt":          {flip(good, 3), key},
		"cut within a chunk":      {good[:len(good)-1], key},
		"cut between chunks":      {good[:backupSalt+2*(chunkSize+16)], key},
		"more behind it":          {append(bytes.Clone(good), 0), key},
		"chunks in another order": {swapped, key},
		"nothing":                 {nil, key},
	} {
		to := config(vfs.NewMem(), "new")
		if _, err := Import(to, bytes.NewReader(c.file), c.key); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v, want ErrBackup", what, err)
		}
		if ok, err := vault.Exists(to.vault()); ok || err != nil {
			t.Errorf("%s: a vault was made", what)
		}
	}
	to := config(vfs.NewMem(), "new")
	to.NetworkID = 6133
	if _, err := Import(to, bytes.NewReader(good), key); !errors.Is(err, ErrNetwork) {
		t.Errorf("another network: %v", err)
	}
	for _, key := range []BackupKey{{}, {Passphrase: []byte("x"), Entropy: make([]byte, 32)}, {Entropy: make([]byte, 31)}} {
		if _, err := s.Export(&file, key); err == nil {
			t.Errorf("exported under %d and %d bytes", len(key.Passphrase), len(key.Entropy))
		}
	}
}

func FuzzReadBackup(f *testing.F) {
	head := []byte{0, 1, 0, 0, 5, 0x39, 0, 0, 0, 0, 0, 0, 0, 1}
	f.Add(append(bytes.Clone(head), 0, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add(append(append(bytes.Clone(head), 1, 0x81, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 'n', 'v'),
		2, 0, 1, 'g', 3, 0, 0, 0, 1, 0, 0, 0, 0, 'k', 0, 0, 0, 0, 0, 0, 0, 0, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := uint64(0)
		info, err := readBackup(bytes.NewReader(b), sink{
			record: func(r Record, _ Kind, until int64) error {
				if n++; len(r.Name) > MaxName || len(r.Value) > MaxValue || until < 0 {
					t.Errorf("a record of %d and %d bytes", len(r.Name), len(r.Value))
				}
				return nil
			},
			database: func(string) error { n++; return nil },
			pair:     func(_, _ []byte) error { n++; return nil },
		})
		if err == nil && info.Entries != n {
			t.Errorf("%d entries, it says %d", n, info.Entries)
		}
	})
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}
