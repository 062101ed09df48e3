package vault

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// cheap keeps Argon2 fast in tests.
var cheap = Argon2{Passes: 1, MemoryKiB: 64, Lanes: 1}

func config(fs vfs.FS) Config { return Config{Path: "v.pars", FS: fs, Cost: cheap} }

func mustCreate(t testing.TB, cfg Config, size int64) *Vault {
	t.Helper()
	v, err := Create(cfg, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func mustAdd(t testing.TB, v *Vault, p Profile, keep ...string) *Region {
	t.Helper()
	var k [][]byte
	for _, s := range keep {
		k = append(k, []byte(s))
	}
	r, err := v.AddProfile(p, k...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustUnlock(t testing.TB, v *Vault, passphrase string) *Region {
	t.Helper()
	r, err := v.Unlock([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustClose(t testing.TB, c ...io.Closer) {
	t.Helper()
	for _, c := range c {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes n records of text into a database of a region.
func fill(t testing.TB, r *Region, n int, text string) {
	t.Helper()
	db, err := pebble.Open("/db", &pebble.Options{FS: r.FS(), Logger: quiet{}, MemTableSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := db.Set([]byte{byte(i >> 8), byte(i)}, []byte(text), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, db)
}

type quiet struct{}

func (quiet) Infof(string, ...any)      {}
func (quiet) Errorf(string, ...any)     {}
func (quiet) Fatalf(f string, _ ...any) { panic(f) }

// image returns every byte of the vault.
func image(t testing.TB, fs vfs.FS) []byte {
	t.Helper()
	f, err := fs.Open("v.pars")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// plant makes a vault of the given bytes in a new file system.
func plant(t testing.TB, b []byte) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	f, err := fs.Create("v.pars", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append([]byte{}, b...)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, f)
	return fs
}

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
