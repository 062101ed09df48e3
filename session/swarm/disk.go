package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Change is one change of a [Disk]: Value nil deletes Key.
type Change struct {
	Key, Value []byte
}

// Disk is where a store keeps what it must not lose.
type Disk interface {
	// Apply makes all changes durable, or none.
	Apply(changes []Change) error
	// Get returns a value, or [ErrNotFound].
	Get(key []byte) ([]byte, error)
	// Scan calls f with all pairs whose key has the prefix, in the order of keys.
	// The slices are f's only during the call.
	Scan(prefix []byte, f func(key, value []byte) error) error
	// Room returns how many bytes are free on the device.
	Room() (uint64, error)
	Close() error
}

var (
	// ErrNotFound reports something that is not stored.
	ErrNotFound = errors.New("swarm: not found")
	// ErrLocked reports a folder that another process has open.
	ErrLocked = errors.New("swarm: the folder is in use by another process")
)

// Database is a [Disk] in a folder: a pebble database. Envelopes and bundles
// are ciphertext before they come here, so it encrypts nothing.
type Database struct {
	db   *pebble.DB
	lock *pebble.Lock
	fs   vfs.FS
	dir  string
}

// OpenDatabase opens the database in dir, or makes one. fs nil means the
// operating system's. log hears of trouble in the background; nil means nobody.
// A disk that refuses the log itself ends the process: what was acknowledged is
// safe, and nothing more can be.
func OpenDatabase(dir string, fs vfs.FS, log *slog.Logger) (*Database, error) {
	if fs == nil {
		fs = vfs.Default
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("swarm: making the folder %s: %w", dir, err)
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, fmt.Errorf("%w: %s (%w)", ErrLocked, dir, err)
	}
	options := &pebble.Options{
		FS: fs, Lock: lock, Logger: logger{log}, FormatMajorVersion: pebble.FormatNewest,
		CacheSize: 8 << 20, MemTableSize: 8 << 20,
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("swarm: opening the database in %s: %w", dir, err), lock.Close())
	}
	return &Database{db: db, lock: lock, fs: fs, dir: dir}, nil
}

// Apply implements [Disk]. Calls at one time share a sync of the disk.
func (d *Database) Apply(changes []Change) error {
	b := d.db.NewBatch()
	for _, c := range changes {
		var err error
		if c.Value == nil {
			err = b.Delete(c.Key, nil)
		} else {
			err = b.Set(c.Key, c.Value, nil)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("swarm: preparing a write: %w", err), b.Close())
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("swarm: writing: %w", err)
	}
	return b.Close()
}

// Get implements [Disk].
func (d *Database) Get(key []byte) ([]byte, error) {
	value, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("swarm: reading: %w", err)
	}
	return bytes.Clone(value), closer.Close()
}

// Scan implements [Disk].
func (d *Database) Scan(prefix []byte, f func(key, value []byte) error) (err error) {
	end := bytes.Clone(prefix)
	end[len(end)-1]++ // prefixes are single letters
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return fmt.Errorf("swarm: reading: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// Room implements [Disk]. A file system that can't tell has room.
func (d *Database) Room() (uint64, error) {
	u, err := d.fs.GetDiskUsage(d.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return 1 << 62, nil
	}
	if err != nil {
		return 0, fmt.Errorf("swarm: asking how much room the disk has: %w", err)
	}
	return u.AvailBytes, nil
}

// Used returns how many bytes the database takes, what is not compacted yet
// included.
func (d *Database) Used() uint64 { return d.db.Metrics().DiskSpaceUsage() }

// Close ends the use of the folder.
func (d *Database) Close() error { return errors.Join(d.db.Close(), d.lock.Close()) }

// logger takes what pebble says.
type logger struct{ log *slog.Logger }

// Infof drops what only pebble's developers understand.
func (logger) Infof(string, ...any) {}

// Errorf logs what pebble could not do in the background.
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("swarm database", "error", fmt.Sprintf(format, args...))
}

// Fatalf ends the process.
func (l logger) Fatalf(format string, args ...any) {
	l.log.Error("swarm database stopped", "error", fmt.Sprintf(format, args...))
	fmt.Fprintln(os.Stderr, "session swarm: fatal database error:", fmt.Sprintf(format, args...))
	os.Exit(1)
}
