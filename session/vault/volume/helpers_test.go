package volume

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var testKey = [KeySize]byte{1, 2, 3}

const mib = 1 << 20

// disk is a device in a file.
type disk struct {
	file vfs.File
	size atomic.Int64
	most int64
}

var errSmall = errors.New("the disk does not grow")

func (d *disk) ReadAt(b []byte, off int64) (int, error) { return d.file.ReadAt(b, off) }

// WriteAt keeps b as it is: the file may change it.
func (d *disk) WriteAt(b []byte, off int64) (int, error) {
	return d.file.WriteAt(append([]byte{}, b...), off)
}
func (d *disk) Sync() error { return d.file.SyncData() }
func (d *disk) Size() int64 { return d.size.Load() }

func (d *disk) Grow() error {
	if d.Size()+mib > d.most {
		return errSmall
	}
	if _, err := d.file.WriteAt(make([]byte, mib), d.Size()); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.size.Add(mib)
	return nil
}

// attach opens the device in file "disk" of fs, made with size bytes if it is not
// there.
func attach(t testing.TB, fs vfs.FS, size, most int64) *disk {
	t.Helper()
	f, err := fs.OpenReadWrite("disk", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{file: f, most: most}
	if info.Size() == 0 {
		if _, err := f.WriteAt(make([]byte, size), 0); err != nil {
			t.Fatal(err)
		}
		dir, err := fs.OpenDir("")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), dir.Sync(), dir.Close()); err != nil {
			t.Fatal(err)
		}
	} else {
		size = info.Size() / mib * mib
	}
	d.size.Store(size)
	t.Cleanup(func() { _ = f.Close() })
	return d
}

func mustFormat(t testing.TB, d Device) {
	t.Helper()
	if err := Format(d, Config{Key: testKey}); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, d Device) *Volume {
	t.Helper()
	v, err := Open(d, Config{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// check looks for blocks that two own, or nobody although they are used.
func check(t testing.TB, v *Volume) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	owner := map[uint32]string{0: "super", 1: "super"}
	claim := func(who string, extents []extent) {
		for _, e := range extents {
			for b := e.start; b < e.start+e.count; b++ {
				if owner[b] != "" {
					t.Fatalf("block %d belongs to %s and %s", b, owner[b], who)
				}
				owner[b] = who
				if !v.space.has(b) {
					t.Fatalf("block %d belongs to %s and is free", b, who)
				}
			}
		}
	}
	claim("log", v.super.extents)
	claim("freed", v.freed)
	for _, n := range v.inodes() {
		claim("file", n.all())
	}
	if used := v.space.size - v.space.free; int(used) != len(owner) {
		t.Fatalf("%d blocks are used, %d belong to somebody", used, len(owner))
	}
}
