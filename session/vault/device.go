package vault

import (
	"errors"
	"io"
	"slices"
	"sync"
)

// device is one region as a range of bytes.
type device struct {
	v      *Vault
	region int

	mu    sync.Mutex
	dirty []run // written since the last sync
	syncs sync.Mutex
}

// run is a range of bytes of a region.
type run struct{ off, end int64 }

// ReadAt reads bytes of the region.
func (d *device) ReadAt(b []byte, off int64) (done int, err error) {
	for len(b) > 0 {
		at, most := physical(d.region, off)
		n, err := d.v.file.ReadAt(b[:min(int64(len(b)), most)], at)
		done += n
		if err != nil && (!errors.Is(err, io.EOF) || n < int(min(int64(len(b)), most))) {
			return done, err
		}
		b, off = b[n:], off+int64(n)
	}
	return done, nil
}

// WriteAt writes bytes of the region.
func (d *device) WriteAt(b []byte, off int64) (done int, err error) {
	if d.v.cfg.Touch == TouchAll {
		d.mu.Lock()
		if last := len(d.dirty) - 1; last >= 0 && d.dirty[last].end == off {
			d.dirty[last].end += int64(len(b))
		} else {
			d.dirty = append(d.dirty, run{off, off + int64(len(b))})
		}
		d.mu.Unlock()
	}
	for len(b) > 0 {
		at, most := physical(d.region, off)
		n, err := d.v.file.WriteAt(b[:min(int64(len(b)), most)], at)
		done += n
		if err != nil {
			return done, err
		}
		b, off = b[n:], off+int64(n)
	}
	return done, nil
}

// Sync makes what was written durable, after the same places of the other regions
// were written as they are.
func (d *device) Sync() error {
	d.touch()
	return d.v.file.SyncData()
}

// touch repeats the writes since the last sync in the other regions. What can't be
// read or written there is left alone: it is nothing of this profile's.
func (d *device) touch() {
	d.mu.Lock()
	dirty := d.dirty
	d.dirty = nil
	d.mu.Unlock()
	if len(dirty) == 0 {
		return
	}
	d.syncs.Lock()
	defer d.syncs.Unlock()
	slices.SortFunc(dirty, func(a, b run) int { return int(min(max(a.off-b.off, -1), 1)) })
	merged := dirty[:1]
	for _, r := range dirty[1:] {
		if last := &merged[len(merged)-1]; r.off <= last.end {
			last.end = max(last.end, r.end)
		} else {
			merged = append(merged, r)
		}
	}
	buf := make([]byte, 64<<10)
	for _, r := range merged {
		for other := range Regions {
			if other == d.region {
				continue
			}
			for off := r.off; off < r.end; {
				at, most := physical(other, off)
				part := buf[:min(most, r.end-off, int64(len(buf)))]
				if n, err := d.v.file.ReadAt(part, at); n == len(part) || err == nil {
					_, _ = d.v.file.WriteAt(part, at)
				}
				off += int64(len(part))
			}
		}
	}
}

// Size is the length of the region.
func (d *device) Size() int64 { return d.v.size.Load() }

// Grow makes all regions longer.
func (d *device) Grow() error { return d.v.growSome() }
