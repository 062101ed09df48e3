package cryptfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

var testKey = [KeySize]byte{1, 2, 3}

// options makes pebble use all kinds of files, quickly.
func options(fs vfs.FS) *pebble.Options {
	return &pebble.Options{FS: fs, MemTableSize: 64 << 10, Logger: quiet{}}
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(string, ...any)        {}
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// contents returns all bytes of a file system's folder.
func contents(t *testing.T, fs vfs.FS, dir string) (all []byte) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// TestDatabaseSurvivesCrashes writes a database through the file system, cuts the
// power again and again, and finds every acknowledged record, and none of the
// text on the disk.
func TestDatabaseSurvivesCrashes(t *testing.T) {
	const canary = "meet me at Azadi square at noon"
	disk := vfs.NewCrashableMem()
	value := func(i int) []byte { return []byte(strings.Repeat(fmt.Sprintf("%s, %d. ", canary, i), 40)) }
	acknowledged := 0
	for round := range 5 {
		db, err := pebble.Open("db", options(New(disk, testKey, nil)))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for i := range acknowledged {
			got, closer, err := db.Get(fmt.Appendf(nil, "key %d", i))
			if err != nil || !bytes.Equal(got, value(i)) {
				t.Fatalf("round %d: record %d: %v", round, i, err)
			}
			_ = closer.Close()
		}
		for range 300 {
			if err := db.Set(fmt.Appendf(nil, "key %d", acknowledged), value(acknowledged), pebble.Sync); err != nil {
				t.Fatal(err)
			}
			acknowledged++
		}
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(1, uint64(round)))})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for what, fs := range map[string]*vfs.MemFS{"closed": disk, "crashed": crashed} {
			if all := contents(t, fs, "db"); len(all) == 0 || bytes.Contains(all, []byte(canary)) || bytes.Contains(all, []byte("key 7")) || bytes.Contains(all, []byte("pebble")) {
				t.Fatalf("round %d, %s: %d bytes on disk, want some and nothing of the text in them", round, what, len(all))
			}
		}
		disk = crashed
	}
}

// TestPlainDatabaseShows is the counter-check: the same search finds the text
// where nothing encrypts.
func TestPlainDatabaseShows(t *testing.T) {
	disk := vfs.NewMem()
	db, err := pebble.Open("db", options(disk))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("key 7"), []byte("canary"), pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	if all := contents(t, disk, "db"); !bytes.Contains(all, []byte("key 7")) || !bytes.Contains(all, []byte("canary")) {
		t.Fatal("the text is not on a plain disk either: the search is wrong")
	}
}

func TestWrongKeyAndForeignFiles(t *testing.T) {
	disk := vfs.NewMem()
	write(t, New(disk, testKey, nil), "file", []byte("text"))
	if _, err := New(disk, [KeySize]byte{9}, nil).Open("file"); !errors.Is(err, ErrKey) {
		t.Errorf("another key: error %v, want ErrKey", err)
	}
	write(t, disk, "plain", bytes.Repeat([]byte("x"), 100))
	if _, err := New(disk, testKey, nil).Open("plain"); !errors.Is(err, ErrFormat) {
		t.Errorf("plain file: error %v, want ErrFormat", err)
	}
	later := contents(t, disk, "")[:headerSize]
	later[8] = 2
	write(t, disk, "later", later)
	if _, err := New(disk, testKey, nil).Open("later"); !errors.Is(err, ErrFormat) {
		t.Errorf("later version: error %v, want ErrFormat", err)
	}
	// The power went while the header was written.
	write(t, disk, "torn", later[:20])
	f, err := New(disk, testKey, nil).Open("torn")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); err != nil || len(b) != 0 {
		t.Errorf("a torn header reads as %d bytes (%v), want none", len(b), err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("a torn header has size %d (%v), want 0", info.Size(), err)
	}
}

// TestKeyStreamIsNeverUsedTwice holds the rules that counter mode depends on.
func TestKeyStreamIsNeverUsedTwice(t *testing.T) {
	disk := vfs.NewMem()
	fs := New(disk, testKey, nil)
	zeros := make([]byte, 1000)
	write(t, fs, "a", zeros)
	write(t, fs, "b", zeros)
	a, b := raw(t, disk, "a"), raw(t, disk, "b")
	if bytes.Equal(a[headerSize:], b[headerSize:]) {
		t.Error("two files have one key stream")
	}
	f, err := fs.ReuseForWrite("a", "c", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(zeros); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(raw(t, disk, "c")[headerSize:], a[headerSize:]) {
		t.Error("a reused file keeps its key stream")
	}
	if _, err := fs.Stat("a"); err == nil {
		t.Error("a reused file is still there under its old name")
	}
	again, err := fs.OpenReadWrite("b", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Write([]byte("x")); !errors.Is(err, ErrAppendOnly) {
		t.Errorf("writing to a finished file: error %v, want ErrAppendOnly", err)
	}
	if _, err := again.WriteAt([]byte("x"), 3); !errors.Is(err, ErrAppendOnly) {
		t.Errorf("writing at an offset: error %v, want ErrAppendOnly", err)
	}
}

// TestReadsLikeAPlainFile compares random writes and reads with plain files.
func TestReadsLikeAPlainFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := New(vfs.NewMem(), testKey, nil)
		f, err := fs.Create("f", "")
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for _, piece := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 100), 0, 20).Draw(t, "pieces") {
			piece = bytes.Repeat(piece, rapid.SampledFrom([]int{1, 7, 400}).Draw(t, "times"))
			kept := bytes.Clone(piece)
			if n, err := f.Write(piece); err != nil || n != len(piece) || !bytes.Equal(piece, kept) {
				t.Fatalf("wrote %d of %d (%v)", n, len(piece), err)
			}
			want = append(want, piece...)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := fs.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes (%v), want the %d that were written", len(got), err, len(want))
		}
		for range 10 {
			offset := rapid.IntRange(0, len(want)+5).Draw(t, "offset")
			length := rapid.IntRange(1, 70).Draw(t, "length")
			got := make([]byte, length)
			n, err := r.ReadAt(got, int64(offset))
			part := want[min(offset, len(want)):min(offset+length, len(want))]
			if !bytes.Equal(got[:n], part) || (n < length) != (err != nil) {
				t.Fatalf("%d bytes at %d: got %d (%v), want %d", length, offset, n, err, len(part))
			}
		}
		for _, stat := range []func() (vfs.FileInfo, error){r.Stat, func() (vfs.FileInfo, error) { return fs.Stat("f") }} {
			if info, err := stat(); err != nil || info.Size() != int64(len(want)) {
				t.Fatalf("size %d (%v), want %d", info.Size(), err, len(want))
			}
		}
	})
}

// TestFormat pins the bytes on disk: key 01..20, salt a0..bf. The wanted bytes were
// computed with Python's hmac and OpenSSL's aes-256-ctr.
func TestFormat(t *testing.T) {
	var key [KeySize]byte
	salt := make([]byte, saltSize)
	for i := range key {
		key[i], salt[i] = byte(i+1), byte(0xa0+i)
	}
	disk := vfs.NewMem()
	write(t, New(disk, key, bytes.NewReader(salt)), "f", []byte("Pars Network"))
	const want = "5041525346494c450100000000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfbe315b4ae1d8dc95c861c6b87ca6d997" +
		"fe9d63db2a1005185e0889ed"
	if got := fmt.Sprintf("%x", raw(t, disk, "f")); got != want {
		t.Errorf("on disk is\n%s, want\n%s", got, want)
	}
}

func TestSaysNoKey(t *testing.T) {
	fs := New(vfs.NewMem(), [KeySize]byte{0xab, 0xcd}, nil)
	if s := fmt.Sprintf("%v %+v %#v %s", fs, fs, fs, fs); strings.Contains(s, "171") || strings.Contains(s, "ab") {
		t.Errorf("printed as %s", s)
	}
}

func write(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// BenchmarkIngest writes 1 KiB records, synced by 100, plainly and encrypted.
func BenchmarkIngest(b *testing.B) {
	for _, c := range []struct {
		name string
		fs   vfs.FS
	}{{"plain", vfs.Default}, {"encrypted", New(vfs.Default, testKey, nil)}} {
		b.Run(c.name, func(b *testing.B) {
			db, err := pebble.Open(b.TempDir(), &pebble.Options{FS: c.fs, Logger: quiet{}})
			if err != nil {
				b.Fatal(err)
			}
			value := make([]byte, 1024)
			source := rand.NewChaCha8([32]byte{})
			b.SetBytes(1024)
			for i := range b.N {
				_, _ = source.Read(value)
				o := pebble.NoSync
				if i%100 == 99 {
					o = pebble.Sync
				}
				if err := db.Set(fmt.Appendf(nil, "%032d", i), value, o); err != nil {
					b.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
