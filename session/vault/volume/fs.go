package volume

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Volume is a file system for pebble.
var _ vfs.FS = (*Volume)(nil)

// String hides the key.
func (v *Volume) String() string { return "volume" }

// GoString hides the key.
func (v *Volume) GoString() string { return "volume" }

// clean returns the one spelling of a path.
func clean(name string) (string, error) {
	p := path.Clean("/" + name)
	if len(p) > maxPath {
		return "", &os.PathError{Op: "name", Path: "a path", Err: fmt.Errorf("it has %d bytes, at most %d", len(p), maxPath)}
	}
	return p, nil
}

func missing(op, name string) error { return &os.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// change locks the volume and calls f with a clean path.
func (v *Volume) change(name string, f func(p string) error) error {
	p, err := clean(name)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.usable(); err != nil {
		return err
	}
	return f(p)
}

// parent refuses a path whose folder is not there. The caller holds mu.
func (v *Volume) parent(op, p string) error {
	if dir := path.Dir(p); !v.dirs[dir] {
		return missing(op, dir)
	}
	if v.dirs[p] {
		return &os.PathError{Op: op, Path: p, Err: fmt.Errorf("it is a folder: %w", fs.ErrInvalid)}
	}
	return nil
}

// unlink takes a name away. The caller holds mu.
func (v *Volume) unlink(p string) {
	n := v.names[p]
	delete(v.names, p)
	n.links--
	v.drop(n)
}

// Create makes an empty file, in the place of what had that name.
func (v *Volume) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	id, err := v.newID()
	if err != nil {
		return nil, err
	}
	var f *File
	err = v.change(name, func(p string) error {
		if err := v.parent("create", p); err != nil {
			return err
		}
		if v.names[p] != nil {
			v.unlink(p)
			v.ops = append(v.ops, record{op: opUnlink, path: p})
		}
		n := &inode{id: id, links: 1, handles: 1}
		v.names[p] = n
		v.ops = append(v.ops, record{op: opCreate, id: id, path: p})
		f = &File{v: v, n: n, name: path.Base(p), writes: true}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Link gives a file another name.
func (v *Volume) Link(oldname, newname string) error {
	to, err := clean(newname)
	if err != nil {
		return err
	}
	return v.change(oldname, func(p string) error {
		n := v.names[p]
		if n == nil {
			return missing("link", p)
		}
		if err := v.parent("link", to); err != nil {
			return err
		}
		if v.names[to] != nil {
			return &os.LinkError{Op: "link", Old: p, New: to, Err: fs.ErrExist}
		}
		n.links++
		v.names[to] = n
		v.ops = append(v.ops, record{op: opLink, id: n.id, path: to})
		return nil
	})
}

// Open opens a file for reading, or a folder for syncing.
func (v *Volume) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	var f vfs.File
	err := v.change(name, func(p string) error {
		if v.dirs[p] {
			f = &folder{v: v, name: path.Base(p)}
			return nil
		}
		n := v.names[p]
		if n == nil {
			return missing("open", p)
		}
		n.handles++
		f = &File{v: v, n: n, name: path.Base(p)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		o.Apply(f)
	}
	return f, nil
}

// OpenReadWrite opens a file for reading; one that is not there is made, and can
// be appended to.
func (v *Volume) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := v.Open(name, opts...)
	if os.IsNotExist(err) {
		return v.Create(name, category)
	}
	return f, err
}

// OpenDir opens a folder for syncing.
func (v *Volume) OpenDir(name string) (vfs.File, error) {
	var f vfs.File
	err := v.change(name, func(p string) error {
		if !v.dirs[p] {
			return missing("open", p)
		}
		f = &folder{v: v, name: path.Base(p)}
		return nil
	})
	return f, err
}

// Remove removes a file, or a folder that is empty.
func (v *Volume) Remove(name string) error {
	return v.change(name, func(p string) error {
		if v.names[p] != nil {
			v.unlink(p)
			v.ops = append(v.ops, record{op: opUnlink, path: p})
			return nil
		}
		if !v.dirs[p] {
			return missing("remove", p)
		}
		if len(v.below(p)) > 0 || p == "/" {
			return &os.PathError{Op: "remove", Path: p, Err: fmt.Errorf("the folder is not empty: %w", fs.ErrInvalid)}
		}
		delete(v.dirs, p)
		v.ops = append(v.ops, record{op: opRmdir, path: p})
		return nil
	})
}

// below returns every path inside a folder. The caller holds mu.
func (v *Volume) below(dir string) (out []string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for p := range v.names {
		if strings.HasPrefix(p, prefix) {
			out = append(out, p)
		}
	}
	for p := range v.dirs {
		if p != "/" && strings.HasPrefix(p, prefix) {
			out = append(out, p)
		}
	}
	sort.Strings(out)
	return out
}

// RemoveAll removes a file, or a folder with all that is in it.
func (v *Volume) RemoveAll(name string) error {
	return v.change(name, func(p string) error {
		for _, p := range append(v.below(p), p) {
			switch {
			case v.names[p] != nil:
				v.unlink(p)
				v.ops = append(v.ops, record{op: opUnlink, path: p})
			case v.dirs[p] && p != "/":
				delete(v.dirs, p)
				v.ops = append(v.ops, record{op: opRmdir, path: p})
			}
		}
		return nil
	})
}

// Rename gives a file another name, in the place of what had it. Folders keep theirs.
func (v *Volume) Rename(oldname, newname string) error {
	to, err := clean(newname)
	if err != nil {
		return err
	}
	return v.change(oldname, func(p string) error {
		n := v.names[p]
		if n == nil {
			return missing("rename", p)
		}
		if err := v.parent("rename", to); err != nil {
			return err
		}
		if p == to {
			return nil
		}
		if v.names[to] != nil {
			v.unlink(to)
		}
		delete(v.names, p)
		v.names[to] = n
		v.ops = append(v.ops, record{op: opRename, path: p, to: to})
		return nil
	})
}

// ReuseForWrite removes a file and makes an empty one of another name: content
// is only ever appended.
func (v *Volume) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := v.Remove(oldname); err != nil {
		return nil, err
	}
	return v.Create(newname, category)
}

// MkdirAll makes a folder and those above it.
func (v *Volume) MkdirAll(dir string, _ os.FileMode) error {
	return v.change(dir, func(p string) error {
		var fresh []string
		for ; !v.dirs[p]; p = path.Dir(p) {
			if v.names[p] != nil {
				return &os.PathError{Op: "mkdir", Path: p, Err: fs.ErrExist}
			}
			fresh = append(fresh, p)
		}
		for i := len(fresh) - 1; i >= 0; i-- {
			v.dirs[fresh[i]] = true
			v.ops = append(v.ops, record{op: opMkdir, path: fresh[i]})
		}
		return nil
	})
}

// lock is a name that somebody in this process holds.
type lock struct {
	v *Volume
	p string
}

func (l *lock) Close() error {
	l.v.mu.Lock()
	defer l.v.mu.Unlock()
	delete(l.v.locks, l.p)
	return nil
}

// Lock holds a name against others in this process; other processes are kept out
// of the whole volume.
func (v *Volume) Lock(name string) (io.Closer, error) {
	var l io.Closer
	err := v.change(name, func(p string) error {
		if v.locks[p] {
			return &os.PathError{Op: "lock", Path: p, Err: fmt.Errorf("it is held already: %w", fs.ErrExist)}
		}
		v.locks[p] = true
		l = &lock{v, p}
		return nil
	})
	return l, err
}

// List returns the names in a folder, sorted.
func (v *Volume) List(dir string) (names []string, err error) {
	err = v.change(dir, func(p string) error {
		if !v.dirs[p] {
			return missing("list", p)
		}
		for _, below := range v.below(p) {
			if path.Dir(below) == p {
				names = append(names, path.Base(below))
			}
		}
		return nil
	})
	return names, err
}

// Stat describes a file or a folder.
func (v *Volume) Stat(name string) (vfs.FileInfo, error) {
	var n *inode
	var out info
	err := v.change(name, func(p string) error {
		out.name = path.Base(p)
		if v.dirs[p] {
			out.dir = true
			return nil
		}
		if n = v.names[p]; n == nil {
			return missing("stat", p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n != nil {
		out.size = n.length()
	}
	return out, nil
}

// PathBase returns the last element of a path.
func (*Volume) PathBase(p string) string { return path.Base(p) }

// PathJoin joins elements of a path.
func (*Volume) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir returns all but the last element of a path.
func (*Volume) PathDir(p string) string { return path.Dir(p) }

// GetDiskUsage tells how much of the volume is in use.
func (v *Volume) GetDiskUsage(string) (vfs.DiskUsage, error) {
	u := v.Usage()
	return vfs.DiskUsage{AvailBytes: uint64(u.Total - u.Used), TotalBytes: uint64(u.Total), UsedBytes: uint64(u.Used)}, nil
}

// Unwrap returns nil: there is no file system below.
func (*Volume) Unwrap() vfs.FS { return nil }

// info describes a file. Times are not kept.
type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string           { return i.name }
func (i info) Size() int64            { return i.size }
func (i info) ModTime() time.Time     { return time.Time{} }
func (i info) IsDir() bool            { return i.dir }
func (i info) Sys() any               { return nil }
func (i info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

func (i info) Mode() os.FileMode {
	if i.dir {
		return os.ModeDir | 0o700
	}
	return 0o600
}
