package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"
)

// A volume behaves as pebble's own file system in memory does, over restarts.
func TestBehavesLikeAPlainFileSystem(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		under := vfs.NewMem()
		d := attach(t, under, mib, 4*mib)
		mustFormat(t, d)
		v := mustOpen(t, d)
		want := map[string][]byte{}
		open := map[string]vfs.File{}
		names := rapid.SampledFrom([]string{"a", "b", "d/a", "d/b", "d/e/c"})
		if err := v.MkdirAll("d/e", 0); err != nil {
			r.Fatal(err)
		}
		forget := func(name string) {
			if f := open[name]; f != nil {
				if err := f.Close(); err != nil {
					r.Fatal(err)
				}
				delete(open, name)
			}
		}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			name := names.Draw(r, "name")
			switch rapid.SampledFrom([]string{"create", "write", "write", "write", "sync", "close", "remove", "rename", "link", "read", "restart", "list"}).Draw(r, "what") {
			case "create":
				forget(name)
				f, err := v.Create(name, "")
				if err != nil {
					r.Fatal(err)
				}
				open[name], want[name] = f, []byte{}
			case "write":
				if f := open[name]; f != nil {
					piece := bytes.Repeat([]byte{byte(len(want[name]) + 1)}, rapid.SampledFrom([]int{0, 1, 100, payloadSize - 1, payloadSize, payloadSize + 1, 9000, 200000}).Draw(r, "bytes"))
					if len(want[name])+len(piece) > 600000 {
						continue
					}
					if n, err := f.Write(piece); err != nil || n != len(piece) {
						r.Fatalf("wrote %d of %d, %v", n, len(piece), err)
					}
					want[name] = append(bytes.Clone(want[name]), piece...)
				}
			case "sync":
				if f := open[name]; f != nil {
					if err := f.Sync(); err != nil {
						r.Fatal(err)
					}
				}
			case "close":
				forget(name)
			case "remove":
				err := v.Remove(name)
				if _, ok := want[name]; ok != (err == nil) || (!ok && !errors.Is(err, fs.ErrNotExist)) {
					r.Fatalf("removing %s, there: %v: %v", name, ok, err)
				}
				delete(want, name)
				forget(name)
			case "rename", "link":
				to := names.Draw(r, "to")
				if _, ok := want[name]; !ok || to == name || open[name] != nil || open[to] != nil {
					continue
				}
				if rapid.Bool().Draw(r, "link") {
					_, taken := want[to]
					if err := v.Link(name, to); (err == nil) == taken {
						r.Fatalf("linking to a name that is taken (%v): %v", taken, err)
					}
					if !taken {
						want[to] = want[name]
					}
				} else {
					if err := v.Rename(name, to); err != nil {
						r.Fatal(err)
					}
					want[to] = want[name]
					delete(want, name)
				}
			case "restart":
				for name := range open {
					forget(name)
				}
				if err := v.Close(); err != nil {
					r.Fatal(err)
				}
				v = mustOpen(t, d)
			case "list":
				got, err := v.List("d")
				var here []string
				for _, n := range []string{"a", "b"} {
					if _, ok := want["d/"+n]; ok {
						here = append(here, n)
					}
				}
				if here = append(here, "e"); err != nil || fmt.Sprint(got) != fmt.Sprint(here) {
					r.Fatalf("List = %v, %v, want %v", got, err, here)
				}
			case "read":
				content, ok := want[name]
				info, err := v.Stat(name)
				if ok != (err == nil) {
					r.Fatalf("Stat(%s) = %v, there: %v", name, err, ok)
				}
				if !ok {
					continue
				}
				f, err := v.Open(name)
				if err != nil {
					r.Fatal(err)
				}
				if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) || info.Size() != int64(len(content)) {
					r.Fatalf("%s has %d bytes, Stat %d, %v, want %d", name, len(got), info.Size(), err, len(content))
				}
				off := rapid.IntRange(0, len(content)+10).Draw(r, "offset")
				b := make([]byte, rapid.IntRange(1, 10000).Draw(r, "length"))
				n, err := f.ReadAt(b, int64(off))
				part := content[min(off, len(content)):min(off+len(b), len(content))]
				if !bytes.Equal(b[:n], part) || (n < len(b)) != (err != nil) {
					r.Fatalf("%d bytes at %d: %d, %v, want %d", len(b), off, n, err, len(part))
				}
				_ = f.Close()
			}
			check(t, v)
		}
	})
}

func TestRefusals(t *testing.T) {
	d := attach(t, vfs.NewMem(), mib, mib)
	mustFormat(t, d)
	v := mustOpen(t, d)
	if _, err := Open(d, Config{Key: [KeySize]byte{9}}); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v, want ErrKey", err)
	}
	if _, err := v.Create("no/folder", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in no folder: %v", err)
	}
	if _, err := v.Create(strings.Repeat("x", maxPath), ""); err == nil {
		t.Error("a long path was taken")
	}
	f, err := v.Create("f", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, ErrAppendOnly) {
		t.Errorf("writing at an offset: %v", err)
	}
	r, err := v.OpenReadWrite("f", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write([]byte("x")); !errors.Is(err, ErrAppendOnly) {
		t.Errorf("writing to what another made: %v", err)
	}
	l, err := v.Lock("L")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lock("L"); err == nil {
		t.Error("two hold one lock")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = v.Lock("L"); err != nil {
		t.Error(err)
	}
	// A full volume says so, and can be used again once something is removed.
	big := make([]byte, mib)
	if _, err := f.Write(big); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("more than there is room for: %v, want ErrFull", err)
	}
	_ = f.Close()
	if err := v.Remove("f"); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	g, err := v.Create("g", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(big[:mib/3]); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	if err := errors.Join(g.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open("g"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	v = mustOpen(t, d)
	if names, err := v.List("/"); err != nil || fmt.Sprint(names) != "[g]" {
		t.Errorf("List = %v, %v", names, err)
	}
}

// Changed bytes are noticed, wherever they are.
func TestDamageIsNoticed(t *testing.T) {
	d := attach(t, vfs.NewMem(), mib, mib)
	mustFormat(t, d)
	v := mustOpen(t, d)
	f, err := v.Create("f", "")
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("text "), 2000)
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
	n := v.names["/f"]
	flip := func(block uint32) func() {
		at := int64(block)*BlockSize + 1000
		b := []byte{0}
		if _, err := d.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		change := func() {
			b[0] ^= 4
			if _, err := d.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
		}
		change()
		return change
	}
	first, _ := place(n.extents, 0)
	second, _ := place(n.extents, 1)
	for what, block := range map[string]uint32{"the first block": first, "the second block": second, "the tail": n.tail} {
		undo := flip(block)
		v := mustOpen(t, d)
		r, err := v.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s changed: %v, want ErrCorrupt", what, err)
		}
		_ = r.Close()
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		undo()
	}
	v = mustOpen(t, d)
	log := v.super.extents[0].start
	newer := uint32(v.super.generation % 2)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	undo := flip(log)
	if _, err := Open(d, Config{Key: testKey}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the log changed: %v, want ErrCorrupt", err)
	}
	undo()
	undo = flip(newer)
	// The older superblock names a log that may be written over: a rollback of one
	// block is as much as it can be, and is noticed where the log is gone.
	if _, err := Open(d, Config{Key: testKey}); err != nil && !errors.Is(err, ErrCorrupt) {
		t.Errorf("the newer superblock changed: %v", err)
	}
	undo()
	flip(0)
	flip(1)
	if _, err := Open(d, Config{Key: testKey}); !errors.Is(err, ErrKey) {
		t.Errorf("both superblocks changed: %v, want ErrKey", err)
	}
}

// Two blocks that were exchanged don't open.
func TestBlocksHaveTheirPlace(t *testing.T) {
	s, err := newSealer(testKey, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, BlockSize)
	for _, c := range []struct {
		u         use
		id, index uint64
		ok        bool
	}{{useData, 1, 2, true}, {useData, 1, 3, false}, {useData, 2, 2, false}, {useTail, 1, 2, false}} {
		if err := s.seal(block, useData, 1, 2, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.open(block, c.u, c.id, c.index); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := s.seal(block, useData, 1, 2, make([]byte, payloadSize+1)); err == nil {
		t.Error("too much for a block was taken")
	}
}

// options makes pebble use all kinds of files, quickly.
func options(fs vfs.FS) *pebble.Options {
	return &pebble.Options{FS: fs, MemTableSize: 32 << 10, Logger: quiet{}}
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(string, ...any)        {}
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

func value(i int) []byte { return []byte(strings.Repeat(fmt.Sprintf("value %d. ", i), 40)) }

// The power goes before every single write and sync that a database makes, with
// nothing of what was not synced, and with a random half of it: every record that
// was acknowledged is there.
func TestPowerIsLostAnywhere(t *testing.T) {
	const seed, records = 7, 400
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	under := vfs.NewCrashableMem()
	type moment struct {
		fs    *vfs.MemFS
		acked int
	}
	var mu sync.Mutex
	var moments []moment
	acked, count := 0, 0
	recording := false
	copyNow := func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		switch op.Kind {
		case errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData:
		default:
			return nil
		}
		if count++; recording && count%7 == 0 {
			for _, percent := range []int{0, 50} {
				moments = append(moments, moment{under.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}), acked})
			}
		}
		return nil
	}
	d := attach(t, errorfs.Wrap(under, errorfs.InjectorFunc(copyNow)), mib, 4*mib)
	mustFormat(t, d)
	recording = true
	v := mustOpen(t, d)
	db, err := pebble.Open("db", options(v))
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := db.Set(fmt.Appendf(nil, "key %d", i), value(i), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		acked = i + 1
		mu.Unlock()
	}
	if err := errors.Join(db.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
	check(t, v)
	t.Logf("%d moments", len(moments))
	if len(moments) < 100 {
		t.Fatal("too few moments")
	}
	for i, m := range moments {
		v := mustOpen(t, attach(t, m.fs, mib, 4*mib))
		check(t, v)
		db, err := pebble.Open("db", options(v))
		if err != nil {
			t.Fatalf("moment %d: %v", i, err)
		}
		for k := range m.acked {
			got, closer, err := db.Get(fmt.Appendf(nil, "key %d", k))
			if err != nil || !bytes.Equal(got, value(k)) {
				t.Fatalf("moment %d: record %d of %d: %v", i, k, m.acked, err)
			}
			_ = closer.Close()
		}
		if err := errors.Join(db.Set([]byte("after"), nil, pebble.Sync), db.Close(), v.Close()); err != nil {
			t.Fatalf("moment %d: going on: %v", i, err)
		}
		check(t, v)
	}
}

// After a write or a sync that the disk refused nothing more is taken, and what was
// synced before is there.
func TestTheDiskRefuses(t *testing.T) {
	for k := 1; ; k++ {
		under := vfs.NewCrashableMem()
		mustFormat(t, attach(t, under, mib, mib))
		count := 0
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			switch op.Kind {
			case errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData:
				if count++; count >= k {
					return os.ErrDeadlineExceeded
				}
			}
			return nil
		})
		d := attach(t, errorfs.Wrap(under, inject), mib, mib)
		v, err := Open(d, Config{Key: testKey})
		synced := 0
		if err == nil {
			var f vfs.File
			if f, err = v.Create("f", ""); err != nil {
				t.Fatal(err)
			}
			for range 8 {
				if _, err = f.Write(make([]byte, 3000)); err != nil {
					break
				}
				if err = f.Sync(); err != nil {
					break
				}
				synced += 3000
			}
			if err != nil {
				if _, again := v.Create("g", ""); !errors.Is(again, ErrFailed) {
					t.Fatalf("operation %d refused (%v), then Create = %v, want ErrFailed", k, err, again)
				}
			}
		}
		if err == nil {
			if k < 20 {
				t.Fatalf("only %d operations", k)
			}
			return
		}
		after := mustOpen(t, attach(t, under.CrashClone(vfs.CrashCloneCfg{}), mib, mib))
		if synced > 0 {
			if info, err := after.Stat("f"); err != nil || info.Size() < int64(synced) {
				t.Fatalf("operation %d: %v, %v, want %d bytes", k, info, err, synced)
			}
		}
		check(t, after)
	}
}

// Everything on the device changes with the key and the nonces, and nothing on it
// can be read.
func TestNothingIsReadable(t *testing.T) {
	under := vfs.NewMem()
	d := attach(t, under, mib, 4*mib)
	mustFormat(t, d)
	v := mustOpen(t, d)
	db, err := pebble.Open("db", options(v))
	if err != nil {
		t.Fatal(err)
	}
	const canary = "meet me at Azadi square at noon"
	for i := range 50 {
		if err := db.Set(fmt.Appendf(nil, "key %d", i), []byte(canary), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(db.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
	all := make([]byte, d.Size())
	if _, err := d.ReadAt(all, 0); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{canary, "key 7", "MANIFEST", "pebble"} {
		if bytes.Contains(all, []byte(s)) {
			t.Errorf("the device shows %q", s)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(s, "sealer") {
		t.Errorf("printed as %s", s)
	}
}

// What a removed file was in is not written over before the removal is durable: after a
// crash the file is gone, or whole.
func TestRemovedFilesAreWholeOrGone(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 0))
	under := vfs.NewCrashableMem()
	d := attach(t, under, mib, mib)
	mustFormat(t, d)
	v := mustOpen(t, d)
	content := func(b byte) []byte { return bytes.Repeat([]byte{b}, 500_000) }
	old, err := v.Create("old", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Write(content(1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(old.Sync(), old.Close()); err != nil {
		t.Fatal(err)
	}
	if err := v.barrier(); err != nil {
		t.Fatal(err)
	}
	if err := v.Remove("old"); err != nil {
		t.Fatal(err)
	}
	g, err := v.Create("new", "")
	if err != nil {
		t.Fatal(err)
	}
	whole, gone := 0, 0
	for at := 0; at < 500_000; at += 50_000 {
		if _, err := g.Write(content(2)[at : at+50_000]); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			after := mustOpen(t, attach(t, under.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}), mib, 2*mib))
			check(t, after)
			f, err := after.Open("old")
			if errors.Is(err, fs.ErrNotExist) {
				gone++
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, content(1)) {
				t.Fatalf("after %d bytes of another file: %d bytes of the removed one, %v", at, len(b), err)
			}
			whole++
		}
	}
	if whole == 0 || gone == 0 {
		t.Errorf("%d times whole, %d times gone: the test saw only one", whole, gone)
	}
	if err := errors.Join(g.Close(), v.Close()); err != nil {
		t.Fatal(err)
	}
}
