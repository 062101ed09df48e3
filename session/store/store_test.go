package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

const (
	plainKind  Kind = 0x01
	secretKind Kind = Erasable | 0x01
)

// cheap keeps Argon2 fast in tests.
var cheap = Argon2{Passes: 1, MemoryKiB: 64, Lanes: 1}

func config(fs vfs.FS, passphrase string) Config {
	return Config{Dir: "data", NetworkID: 1337, FS: fs, Passphrase: []byte(passphrase), Argon2: cheap, Region: 1 << 20}
}

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s *Store, kind Kind, name string, num uint64, value string) {
	t.Helper()
	var b Batch
	b.Put(kind, []byte(name), num, []byte(value))
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

func del(t *testing.T, s *Store, kind Kind, name string, num uint64) {
	t.Helper()
	var b Batch
	b.Delete(kind, []byte(name), num)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t *testing.T, s *Store, kind Kind, name string, num uint64, want string) {
	t.Helper()
	got, err := s.Get(kind, []byte(name), num)
	if err != nil || string(got) != want {
		t.Errorf("Get(%#x, %q, %d) = %q, %v, want %q", kind, name, num, got, err, want)
	}
}

func TestRecordsSurviveReopening(t *testing.T) {
	fs := vfs.NewMem()
	for _, passphrase := range []string{"", "از سر کوه"} {
		cfg := config(fs, passphrase)
		cfg.Dir = "data" + passphrase
		s := open(t, cfg)
		if got := s.Protected(); got != (passphrase != "") {
			t.Errorf("Protected() = %v with passphrase %q", got, passphrase)
		}
		put(t, s, plainKind, "a", 1, "one")
		put(t, s, secretKind, "k", 0, "key")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, cfg)
		wantValue(t, s, plainKind, "a", 1, "one")
		wantValue(t, s, secretKind, "k", 0, "key")
		if _, err := s.Get(plainKind, []byte("a"), 2); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get of what is not there = %v, want ErrNotFound", err)
		}
	}
}

func TestScanFollowsNumbers(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	for _, n := range []uint64{300, 1, 2, 1 << 40} {
		put(t, s, plainKind, "a", n, fmt.Sprint(n))
	}
	put(t, s, plainKind, "b", 5, "other name")
	put(t, s, plainKind+1, "a", 5, "other kind")
	var got []uint64
	err := s.Scan(plainKind, []byte("a"), 2, func(r Record) bool {
		if string(r.Name) != "a" || string(r.Value) != fmt.Sprint(r.Num) {
			t.Errorf("Scan gave %q %d %q", r.Name, r.Num, r.Value)
		}
		got = append(got, r.Num)
		return true
	})
	if want := []uint64{2, 300, 1 << 40}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Scan from 2 = %v, %v, want %v", got, err, want)
	}
	count := 0
	if err := s.Scan(plainKind, nil, 0, func(Record) bool { count++; return true }); err != nil || count != 5 {
		t.Errorf("Scan of all names gave %d records, %v, want 5", count, err)
	}
	count = 0
	if err := s.Scan(plainKind, nil, 0, func(Record) bool { count++; return false }); err != nil || count != 1 {
		t.Errorf("Scan that is stopped gave %d records, %v, want 1", count, err)
	}
	if n, ok, err := s.Last(plainKind, []byte("a")); n != 1<<40 || !ok || err != nil {
		t.Errorf("Last = %d, %v, %v, want 2^40", n, ok, err)
	}
	if _, ok, err := s.Last(plainKind, []byte("nobody")); ok || err != nil {
		t.Errorf("Last of no records = %v, %v", ok, err)
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, config(fs, "right"))
	if _, err := Open(config(fs, "right")); !errors.Is(err, ErrLocked) {
		t.Errorf("opening twice: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(&Batch{}); !errors.Is(err, ErrClosed) {
		t.Errorf("use after Close: %v, want ErrClosed", err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   error
	}{
		{"a wrong passphrase", func(c *Config) { c.Passphrase = []byte("wrong") }, ErrPassphrase},
		{"no passphrase", func(c *Config) { c.Passphrase = nil }, ErrPassphraseNeeded},
		{"another network", func(c *Config) { c.NetworkID = 6133 }, ErrNetwork},
	} {
		cfg := config(fs, "right")
		c.change(&cfg)
		if _, err := Open(cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	open(t, config(fs, "right"))

	plain := config(vfs.NewMem(), "")
	if err := open(t, plain).Close(); err != nil {
		t.Fatal(err)
	}
	plain.Passphrase = []byte("believed in")
	if _, err := Open(plain); !errors.Is(err, ErrUnprotected) {
		t.Errorf("a passphrase for an unprotected folder: %v, want ErrUnprotected", err)
	}
}

func TestOpenRefusesForeignAndDamagedFolders(t *testing.T) {
	write := func(fs vfs.FS, path string, b []byte) {
		f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Clone(b)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	write(fs, "data/holiday.jpg", []byte("x"))
	if _, err := Open(config(fs, "")); !errors.Is(err, ErrForeign) {
		t.Errorf("a folder of something else: %v, want ErrForeign", err)
	}

	fs = vfs.NewMem()
	s := open(t, config(fs, ""))
	put(t, s, plainKind, "a", 0, "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := read(t, fs, "data/"+FileName)
	write(fs, "data/"+FileName, good[:1000])
	if _, err := Open(config(fs, "")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a vault that was cut short: %v, want ErrCorrupt", err)
	}
	write(fs, "data/"+FileName, bytes.Repeat([]byte{7}, len(good)))
	if _, err := Open(config(fs, "")); !errors.Is(err, ErrPassphraseNeeded) {
		t.Errorf("a vault of something else: %v, want ErrPassphraseNeeded", err)
	}
	write(fs, "data/"+FileName, good)
	wantValue(t, open(t, config(fs, "")), plainKind, "a", 0, "v")
}

func read(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChangePassphrase(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, config(fs, "old"))
	put(t, s, plainKind, "a", 0, "v")
	if err := s.ChangePassphrase([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(config(fs, "old")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the old passphrase: %v, want ErrPassphrase", err)
	}
	wantValue(t, open(t, config(fs, "new")), plainKind, "a", 0, "v")
}

func TestLimits(t *testing.T) {
	s := open(t, config(vfs.NewMem(), ""))
	var b Batch
	b.Put(plainKind, make([]byte, MaxName+1), 0, nil)
	if err := s.Commit(&b); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long name: %v, want ErrTooLarge", err)
	}
	b = Batch{}
	b.Put(plainKind, []byte("a"), 0, make([]byte, MaxValue+1))
	if err := s.Commit(&b); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long value: %v, want ErrTooLarge", err)
	}
}

// What a person wrote, and whom they know, must not be readable in any file.
func TestNothingIsReadableOnDisk(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, NetworkID: 1337, Passphrase: []byte("p"), Argon2: cheap}
	s := open(t, cfg)
	const name, text = "07c0ffee-session-id-of-a-friend", "meet me at the old bridge at nine"
	for i := range uint64(50) {
		put(t, s, plainKind, name, i, text)
		put(t, s, secretKind, name, i%3, text)
	}
	del(t, s, plainKind, name, 7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, secret := range []string{name, text} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s contains %q", path, secret)
			}
		}
		return err
	})
	if err != nil || files < 1 {
		t.Fatalf("looked at %d files, %v", files, err)
	}
}

// Every commit that returned is there after the power fails at any moment.
func TestAcknowledgedWritesSurviveCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, seed))
		want := map[string]string{}
		kinds := []Kind{plainKind, secretKind}
		for range 3 {
			s, err := Open(config(fs, ""))
			if err != nil {
				t.Fatalf("Open after a crash: %v", err)
			}
			check(t, s, kinds, want)
			for range rapid.IntRange(0, 12).Draw(t, "writes") {
				kind := rapid.SampledFrom(kinds).Draw(t, "kind")
				num := rapid.Uint64Range(0, 4).Draw(t, "num")
				id := fmt.Sprintf("%d/%d", kind, num)
				var b Batch
				if rapid.Bool().Draw(t, "delete") {
					b.Delete(kind, []byte("n"), num)
					delete(want, id)
				} else {
					v := rapid.StringN(0, 20, 40).Draw(t, "value")
					b.Put(kind, []byte("n"), num, []byte(v))
					want[id] = v
				}
				if err := s.Commit(&b); err != nil {
					t.Fatal(err)
				}
			}
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "unsynced"), RNG: rng})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			fs = crashed
		}
	})
}

func check(t *rapid.T, s *Store, kinds []Kind, want map[string]string) {
	got := map[string]string{}
	for _, kind := range kinds {
		if err := s.Scan(kind, nil, 0, func(r Record) bool {
			got[fmt.Sprintf("%d/%d", kind, r.Num)] = string(r.Value)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("after a crash the store holds %v, want %v", got, want)
	}
}
