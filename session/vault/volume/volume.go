package volume

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

var (
	// ErrCorrupt reports bytes that were changed or damaged after they were written.
	ErrCorrupt = errors.New("volume: damaged")
	// ErrKey reports blocks that hold no volume of this key.
	ErrKey = errors.New("volume: no volume of this key")
	// ErrVersion reports a volume written by a later version.
	ErrVersion = errors.New("volume: written by a later version")
	// ErrFull reports that no block is free and the device does not grow.
	ErrFull = errors.New("volume: full")
	// ErrClosed reports use after [Volume.Close].
	ErrClosed = errors.New("volume: closed")
	// ErrAppendOnly reports a write anywhere but at the end of a new file.
	ErrAppendOnly = errors.New("volume: files can only be appended to, by who created them")
	// ErrFailed reports a volume whose device has refused a write or a sync. What was
	// durable is safe; nothing more is taken until it is opened anew.
	ErrFailed = errors.New("volume: the disk refused a write, open it anew")
)

// Device is the range of blocks that a volume lies in. Its methods are called by
// many at once.
type Device interface {
	io.ReaderAt
	io.WriterAt
	// Sync returns when everything written before is durable.
	Sync() error
	// Size is the length in bytes; only Grow changes it.
	Size() int64
	// Grow makes the device longer by one step, durably, or tells why it can't.
	Grow() error
}

// Config is what a volume needs besides its device.
type Config struct {
	// Key encrypts everything.
	Key [KeySize]byte
	// Rand is the source of nonces and ids; nil means crypto/rand.
	Rand io.Reader
}

// Volume is an open volume, and a file system for one or more databases.
type Volume struct {
	dev    Device
	sealer *sealer

	// mu guards what follows. A file's own lock may be held when it is taken.
	mu     sync.Mutex
	space  space
	names  map[string]*inode
	dirs   map[string]bool
	locks  map[string]bool
	super  superblock
	next   uint32   // index of the log's next block
	ops    []record // not yet in the log
	freed  []extent // to be free once ops are durable
	closed bool
	failed error

	sync syncer
}

// inode is a file. extents, tails, size and finished change under the volume's
// lock and mu, and may be read under either.
type inode struct {
	id       uint64
	links    int // names; under the volume's lock
	handles  int // open files; under the volume's lock
	extents  []extent
	blocks   uint32    // in extents
	tails    [2]uint32 // where the unfinished block goes in turn; 0 means none yet
	finished bool
	size     int64  // if finished
	tail     uint32 // if finished: where the bytes after the full blocks are, or 0

	mu sync.RWMutex
	w  writer
}

// Format makes an empty volume of what is on dev.
func Format(dev Device, cfg Config) error {
	v, err := prepare(dev, cfg)
	if err != nil {
		return err
	}
	v.dirs["/"] = true
	// Both copies of the superblock are written, so that no older one is left.
	for range 2 {
		if err := v.rotate(nil); err != nil {
			return err
		}
	}
	return nil
}

func prepare(dev Device, cfg Config) (*Volume, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	sealer, err := newSealer(cfg.Key, cfg.Rand)
	if err != nil {
		return nil, err
	}
	blocks := dev.Size() / BlockSize
	if blocks < minBlocks || blocks > maxBlocks {
		return nil, fmt.Errorf("volume: %d blocks, want %d to %d", blocks, minBlocks, maxBlocks)
	}
	v := &Volume{dev: dev, sealer: sealer, names: map[string]*inode{}, dirs: map[string]bool{}, locks: map[string]bool{}}
	v.space.grow(uint32(blocks))
	v.space.take(extent{0, 2})
	v.sync.init()
	return v, nil
}

// Bounds of a volume in blocks: 1 MiB to 4 TiB.
const (
	minBlocks = 256
	maxBlocks = 1 << 30
)

// Open opens the volume on dev, repairs what a crash left behind, and returns when
// all that it shows is durable.
func Open(dev Device, cfg Config) (*Volume, error) {
	v, err := prepare(dev, cfg)
	if err != nil {
		return nil, err
	}
	if err := v.readSuper(); err != nil {
		return nil, err
	}
	if err := v.readLog(); err != nil {
		return nil, err
	}
	if err := v.claim(); err != nil {
		return nil, err
	}
	for _, n := range v.inodes() {
		if err := v.findEnd(n); err != nil {
			return nil, err
		}
	}
	// A block of the old log that was written after a lost one must not be read as
	// its continuation later: a new log begins.
	v.freed, v.ops = append(v.freed, v.super.extents...), nil
	if err := v.rotate(v.freed); err != nil {
		return nil, err
	}
	v.freed = nil
	return v, nil
}

// readSuper finds the later of the two superblocks.
func (v *Volume) readSuper() error {
	found := false
	for copy := range int64(2) {
		block := make([]byte, BlockSize)
		if _, err := v.dev.ReadAt(block, copy*BlockSize); err != nil {
			return fmt.Errorf("volume: reading a superblock: %w", err)
		}
		payload, err := v.sealer.open(block, useSuper, 0, 0)
		if err != nil {
			continue
		}
		s, err := parseSuperblock(payload)
		if err != nil {
			return err
		}
		if !found || s.generation > v.super.generation {
			v.super, found = s, true
		}
	}
	if !found {
		return ErrKey
	}
	return nil
}

// readLog does what the log says.
func (v *Volume) readLog() error {
	state := replay{names: v.names, dirs: v.dirs, byID: map[uint64]*inode{}}
	index := uint64(0)
	for _, e := range v.super.extents {
		if uint64(e.start)+uint64(e.count) > uint64(v.space.size) {
			return fmt.Errorf("%w: its log lies outside; the file it is in was cut short", ErrCorrupt)
		}
		for b := e.start; b < e.start+e.count; b++ {
			block := make([]byte, BlockSize)
			if _, err := v.dev.ReadAt(block, int64(b)*BlockSize); err != nil {
				return fmt.Errorf("volume: reading the log: %w", err)
			}
			payload, err := v.sealer.open(block, useLog, v.super.log, index)
			if err != nil {
				if index == 0 {
					return fmt.Errorf("%w: its log can't be read", ErrCorrupt)
				}
				return nil
			}
			records, err := parseRecords(payload)
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := state.apply(r); err != nil {
					return err
				}
			}
			index++
		}
	}
	return nil
}

// inodes returns every file once.
func (v *Volume) inodes() []*inode {
	seen := map[*inode]bool{}
	var out []*inode
	for _, n := range v.names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// claim marks the blocks of the log and of all files as used.
func (v *Volume) claim() error {
	claims := append([]extent{}, v.super.extents...)
	for _, n := range v.inodes() {
		claims = append(claims, n.all()...)
	}
	for _, e := range claims {
		if !v.space.take(e) {
			return fmt.Errorf("%w: %d blocks from %d on are claimed twice or lie outside; the file it is in was cut short or put together from two", ErrCorrupt, e.count, e.start)
		}
	}
	return nil
}

// all returns every extent of a file.
func (n *inode) all() []extent {
	out := append([]extent{}, n.extents...)
	if n.finished {
		if n.tail != 0 {
			out = append(out, extent{n.tail, 1})
		}
		return out
	}
	for _, b := range n.tails {
		if b != 0 {
			out = append(out, extent{b, 1})
		}
	}
	return out
}

// newID returns an id that nothing had before.
func (v *Volume) newID() (uint64, error) {
	var b [8]byte
	v.sealer.mu.Lock()
	defer v.sealer.mu.Unlock()
	if _, err := io.ReadFull(v.sealer.rand, b[:]); err != nil {
		return 0, fmt.Errorf("volume: reading randomness: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]) >> 1, nil
}

// usable tells why the volume can't be used. The caller holds mu.
func (v *Volume) usable() error {
	if v.closed {
		return ErrClosed
	}
	return v.failed
}

// fail remembers that the device refused something: what is on it is not known any
// more.
func (v *Volume) fail(err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed == nil {
		v.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return v.failed
}

// Close makes everything durable. Files must be closed before.
func (v *Volume) Close() error {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil
	}
	failed := v.failed
	v.mu.Unlock()
	var err error
	if failed == nil {
		err = v.barrier()
	}
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	return err
}

// Usage is how much of a volume is in use, in bytes of blocks.
type Usage struct{ Total, Used int64 }

// Usage returns how much is in use.
func (v *Volume) Usage() Usage {
	v.mu.Lock()
	defer v.mu.Unlock()
	total := int64(v.space.size) * BlockSize
	return Usage{Total: total, Used: total - int64(v.space.free)*BlockSize}
}
