package volume

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// runBlocks is how many blocks are read or written at once at most.
const runBlocks = 32

// buffers are for runs of blocks.
var buffers = sync.Pool{New: func() any { b := make([]byte, runBlocks*BlockSize); return &b }}

// writer is what is known of a file while it is written. The inode's mu guards it.
type writer struct {
	full  uint32 // full blocks on the device
	rest  []byte // what comes after them
	tail  int    // where the unfinished block lies of which tailed bytes are on the device
	tails int    // how often one was written
	done  int    // bytes of rest that are in the unfinished block on the device
}

// length is the size in bytes.
func (n *inode) length() int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.lengthLocked()
}

func (n *inode) lengthLocked() int64 {
	if n.finished {
		return n.size
	}
	return int64(n.w.full)*payloadSize + int64(len(n.w.rest))
}

// File is an open file. As with every vfs.File, one reads or writes in sequence at
// a time; ReadAt may be called by many.
type File struct {
	v      *Volume
	n      *inode
	name   string
	writes bool
	closed bool
	pos    int64 // where Read goes on
}

var _ vfs.File = (*File)(nil)

// Write appends. b is left as it is.
func (f *File) Write(b []byte) (int, error) {
	if !f.writes {
		return 0, ErrAppendOnly
	}
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	w := &f.n.w
	if w.rest == nil {
		w.rest = make([]byte, 0, 2*BlockSize)
	}
	w.rest = append(w.rest, b...)
	if len(w.rest) < runBlocks*payloadSize {
		return len(b), nil
	}
	if err := f.n.writeFull(f.v); err != nil {
		return 0, err
	}
	return len(b), nil
}

// writeFull writes the full blocks of what was appended. The caller holds mu.
func (n *inode) writeFull(v *Volume) error {
	w := &n.w
	if len(w.rest) < payloadSize {
		return nil
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	rest := w.rest
	for len(rest) >= payloadSize {
		want := min(uint32(len(rest)/payloadSize), runBlocks)
		at, run := place(n.extents, w.full)
		if run == 0 {
			if err := v.extend(n, want); err != nil {
				return err
			}
			continue
		}
		run = min(run, want)
		for i := range run {
			block := (*buf)[i*BlockSize : (i+1)*BlockSize]
			if err := v.sealer.seal(block, useData, n.id, uint64(w.full+i), rest[i*payloadSize:(i+1)*payloadSize]); err != nil {
				return err
			}
		}
		if _, err := v.dev.WriteAt((*buf)[:run*BlockSize], int64(at)*BlockSize); err != nil {
			return v.fail(fmt.Errorf("volume: writing: %w", err))
		}
		w.full += run
		rest = rest[run*payloadSize:]
		w.done = 0
	}
	w.rest = w.rest[:copy(w.rest, rest)]
	return nil
}

// writeTail writes the unfinished block. The caller holds mu and has written the
// full ones.
func (n *inode) writeTail(v *Volume) error {
	w := &n.w
	if len(w.rest) == w.done {
		return nil
	}
	if n.tails[0] == 0 {
		if err := v.giveTails(n); err != nil {
			return err
		}
	}
	// The other one may be what a crash leaves.
	next := w.tails % 2
	block := make([]byte, BlockSize)
	if err := v.sealer.seal(block, useTail, n.id, uint64(w.full), w.rest); err != nil {
		return err
	}
	if _, err := v.dev.WriteAt(block, int64(n.tails[next])*BlockSize); err != nil {
		return v.fail(fmt.Errorf("volume: writing: %w", err))
	}
	w.tails++
	w.tail, w.done = next, len(w.rest)
	return nil
}

// put writes all that was appended. It is not durable yet.
func (f *File) put() error {
	if !f.writes {
		return nil
	}
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	if err := f.n.writeFull(f.v); err != nil {
		return err
	}
	return f.n.writeTail(f.v)
}

// Sync makes what was appended durable, and every change of names before.
func (f *File) Sync() error {
	if err := f.put(); err != nil {
		return err
	}
	return f.v.barrier()
}

// SyncData is [File.Sync].
func (f *File) SyncData() error { return f.Sync() }

// SyncTo promises nothing and so does nothing: the next sync is for all files.
func (f *File) SyncTo(int64) (bool, error) { return false, nil }

// Close closes the file. What was appended is written, and durable with the next
// sync of any file.
func (f *File) Close() error {
	if f.closed {
		return ErrClosed
	}
	f.closed = true
	err := f.put()
	if f.writes && err == nil {
		f.n.mu.Lock()
		w, tail := &f.n.w, uint32(0)
		if len(w.rest) > 0 {
			tail = f.n.tails[w.tail]
		}
		f.v.finish(f.n, int64(w.full)*payloadSize+int64(len(w.rest)), tail)
		*w = writer{}
		f.n.mu.Unlock()
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	f.n.handles--
	f.v.drop(f.n)
	return err
}

// Read reads in sequence.
func (f *File) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.pos)
	f.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt reads at an offset.
func (f *File) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fmt.Errorf("volume: reading %s at offset %d", f.name, offset)
	}
	n := f.n
	n.mu.RLock()
	defer n.mu.RUnlock()
	size := n.lengthLocked()
	if offset >= size {
		if len(b) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	short := int64(len(b)) > size-offset
	if short {
		b = b[:size-offset]
	}
	done, err := n.read(f.v, b, offset)
	if err != nil {
		return done, fmt.Errorf("%w: reading %s at %d", err, f.name, offset)
	}
	if short {
		err = io.EOF
	}
	return done, err
}

// read fills b, which lies within the file. The caller holds mu.
func (n *inode) read(v *Volume, b []byte, offset int64) (done int, err error) {
	full := n.w.full
	if n.finished {
		full = uint32(n.size / payloadSize)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for len(b) > 0 {
		index, skip := uint32(offset/payloadSize), int(offset%payloadSize)
		var got int
		switch {
		case index >= full && !n.finished:
			got = copy(b, n.w.rest[offset-int64(full)*payloadSize:])
		case index >= full:
			got, err = n.readRun(v, (*buf)[:BlockSize], n.tail, useTail, index, b, skip)
		default:
			at, run := place(n.extents, index)
			run = min(run, full-index, uint32((skip+len(b)+payloadSize-1)/payloadSize), runBlocks)
			got, err = n.readRun(v, (*buf)[:run*BlockSize], at, useData, index, b, skip)
		}
		if err != nil {
			return done, err
		}
		b, offset, done = b[got:], offset+int64(got), done+got
	}
	return done, nil
}

// readRun reads blocks that lie one behind the other from block at on, and copies
// what they hold from byte skip on.
func (n *inode) readRun(v *Volume, buf []byte, at uint32, u use, index uint32, b []byte, skip int) (done int, err error) {
	if _, err := v.dev.ReadAt(buf, int64(at)*BlockSize); err != nil {
		return 0, fmt.Errorf("volume: reading: %w", err)
	}
	for i := 0; len(buf) > 0; i, buf = i+1, buf[BlockSize:] {
		payload, err := v.sealer.open(buf[:BlockSize], u, n.id, uint64(index)+uint64(i))
		if err != nil || len(payload) <= skip {
			return done, ErrCorrupt
		}
		done += copy(b[done:], payload[skip:])
		skip = 0
	}
	return done, nil
}

// WriteAt is refused.
func (f *File) WriteAt([]byte, int64) (int, error) { return 0, ErrAppendOnly }

// Preallocate does nothing: the whole region has its place on the disk.
func (f *File) Preallocate(int64, int64) error { return nil }

// Prefetch does nothing.
func (f *File) Prefetch(int64, int64) error { return nil }

// Fd hides the file below, where offsets are others.
func (f *File) Fd() uintptr { return vfs.InvalidFd }

// Stat describes the file.
func (f *File) Stat() (vfs.FileInfo, error) { return info{name: f.name, size: f.n.length()}, nil }

// folder is an open folder.
type folder struct {
	v    *Volume
	name string
}

var errFolder = errors.New("volume: it is a folder")

func (d *folder) Close() error                          { return nil }
func (d *folder) Read([]byte) (int, error)              { return 0, errFolder }
func (d *folder) ReadAt([]byte, int64) (int, error)     { return 0, errFolder }
func (d *folder) Write([]byte) (int, error)             { return 0, errFolder }
func (d *folder) WriteAt([]byte, int64) (int, error)    { return 0, errFolder }
func (d *folder) Preallocate(int64, int64) error        { return nil }
func (d *folder) Prefetch(int64, int64) error           { return nil }
func (d *folder) Stat() (vfs.FileInfo, error)           { return info{name: d.name, dir: true}, nil }
func (d *folder) Sync() error                           { return d.v.barrier() }
func (d *folder) SyncData() error                       { return d.v.barrier() }
func (d *folder) SyncTo(int64) (fullSync bool, _ error) { return false, nil }
func (d *folder) Fd() uintptr                           { return vfs.InvalidFd }
