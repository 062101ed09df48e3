// Package folder reads the store of versions before the vault: a folder with
// keys.pars, two copies of a slot, db/, a database of encrypted records, and
// graph/, a database whose files are encrypted one by one. It only reads, so that
// package store can move what is there, and destroys it once that is done.
package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/store/folder/cryptfs"
)

var (
	// ErrCorrupt reports bytes that were changed or damaged after they were
	// written, or that belong to another store.
	ErrCorrupt = errors.New("folder: damaged")
	// ErrPassphrase reports a wrong passphrase.
	ErrPassphrase = errors.New("folder: wrong passphrase")
	// ErrPassphraseNeeded reports a protected folder that was opened without one.
	ErrPassphraseNeeded = errors.New("folder: a passphrase is needed")
	// ErrUnprotected reports a passphrase for a folder that has none.
	ErrUnprotected = errors.New("folder: it has no passphrase")
	// ErrNetwork reports a folder of another network.
	ErrNetwork = errors.New("folder: of another network")
	// ErrSchema reports a folder written by a later version.
	ErrSchema = errors.New("folder: written by a later version")
	// ErrLocked reports a folder that another process has open.
	ErrLocked = errors.New("folder: in use by another process")
)

// Names in the folder.
const (
	slotName  = "keys.pars"
	recordDir = "db"
	graphDir  = "graph"
)

// Exists reports whether dir holds such a store.
func Exists(f vfs.FS, dir string) (bool, error) {
	_, err := f.Stat(f.PathJoin(dir, slotName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Record is one stored value.
type Record struct {
	Kind  byte
	Name  []byte
	Num   uint64
	Value []byte
}

// Folder is an open folder.
type Folder struct {
	fs   vfs.FS
	dir  string
	lock *pebble.Lock
	db   *pebble.DB
	keys keyTree
}

// Open opens the store in dir with its passphrase. It changes nothing in it.
func Open(f vfs.FS, dir string, network uint32, passphrase []byte) (*Folder, error) {
	o := &Folder{fs: f, dir: dir}
	var err error
	if o.keys, err = readSlot(f, f.PathJoin(dir, slotName), network, passphrase); err != nil {
		return nil, err
	}
	db := f.PathJoin(dir, recordDir)
	if o.lock, err = pebble.LockDirectory(db, f); err != nil {
		return nil, fmt.Errorf("%w: %s (%w)", ErrLocked, dir, err)
	}
	o.db, err = pebble.Open(db, &pebble.Options{FS: f, Lock: o.lock, Logger: quiet{}, ReadOnly: true, CacheSize: 1 << 20})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: opening its records: %w", ErrCorrupt, err), o.lock.Close())
	}
	return o, nil
}

// Close releases the folder.
func (o *Folder) Close() error {
	o.keys.wipe()
	return errors.Join(o.db.Close(), o.lock.Close())
}

// Each calls f for every record until it fails. What f gets is its own.
func (o *Folder) Each(f func(Record) error) (err error) {
	iter, err := o.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("folder: reading: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		sealed, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("folder: reading: %w", err)
		}
		r, err := o.keys.open(iter.Key(), sealed)
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return iter.Error()
}

// Graph calls f for every key and value of the graph's database, if there is one.
func (o *Folder) Graph(f func(key, value []byte) error) (err error) {
	dir := o.fs.PathJoin(o.dir, graphDir)
	if _, err := o.fs.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	key, err := o.keys.graphKey()
	if err != nil {
		return err
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: cryptfs.New(o.fs, key, rand.Reader), Logger: quiet{}, ReadOnly: true, CacheSize: 1 << 20})
	if err != nil {
		return fmt.Errorf("%w: opening its graph: %w", ErrCorrupt, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	iter, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("folder: reading: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("folder: reading: %w", err)
		}
		if err := f(iter.Key(), value); err != nil {
			return err
		}
	}
	return iter.Error()
}

// Destroy writes random bytes over the keys and removes everything. It needs no
// passphrase, and can be repeated.
func Destroy(f vfs.FS, dir string) error {
	path := f.PathJoin(dir, slotName)
	if ok, err := Exists(f, dir); err != nil {
		return err
	} else if ok {
		if err := overwrite(f, path); err != nil {
			return fmt.Errorf("folder: destroying %s: %w", path, err)
		}
	}
	err := errors.Join(f.RemoveAll(f.PathJoin(dir, recordDir)), f.RemoveAll(f.PathJoin(dir, graphDir)))
	if ok, e := Exists(f, dir); ok && err == nil {
		err = f.Remove(path)
	} else {
		err = errors.Join(err, e)
	}
	return err
}

func overwrite(f vfs.FS, path string) error {
	file, err := f.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	noise := make([]byte, 2*slotSize)
	_, err = io.ReadFull(rand.Reader, noise)
	if err == nil {
		_, err = file.WriteAt(noise, 0)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic("folder: database stopped: " + fmt.Sprintf(format, args...))
}
