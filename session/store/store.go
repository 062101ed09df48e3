// Package store keeps everything a person's session node remembers: keys,
// contacts, messages, the outbox. It is a pebble database in which every value
// is encrypted and every name is hashed under a key, beside a small file of key
// slots that is rewritten in place.
//
// # What is on disk
//
//	keys.pars   two copies of one slot: who may open the store, and its keys
//	db/         pebble: hashed name -> XChaCha20-Poly1305(name, value)
//
// A record belongs to a [Kind] and has a name (a Session ID, say) and a number
// that orders records of one name. On disk stand only the kind, HMAC of the name
// and the number. How many records there are, of which kind, how long they are
// and roughly when they were written is not hidden; what they say is.
//
// # Erasing
//
// A log-structured database keeps old values until it compacts, so deleting a
// record there erases nothing. Records of an erasable kind are therefore
// encrypted under a key of their own, the erasure key, that exists only in the
// slot file. Replacing or deleting one of them moves the others to a new key and
// overwrites the old one: what was deleted can no longer be decrypted, even by
// who has the passphrase and every file.
//
// # Durability
//
// [Store.Commit] returns after the batch is in a synced write-ahead log. What it
// acknowledged survives kill -9 and the loss of power, as far as the disk keeps
// what it says it has synced.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Limits of one record, in bytes.
const (
	// MaxName bounds a record's name.
	MaxName = 256
	// MaxValue bounds a record's value.
	MaxValue = 1 << 20
)

// Schema is the version of the records' layout. A store of a later schema is refused.
const Schema = 1

var (
	// ErrNotFound reports a record that does not exist.
	ErrNotFound = errors.New("store: no such record")
	// ErrCorrupt reports bytes that were changed or damaged after they were
	// written, or that belong to another store.
	ErrCorrupt = errors.New("store: damaged")
	// ErrPassphrase reports a wrong passphrase.
	ErrPassphrase = errors.New("store: wrong passphrase")
	// ErrPassphraseNeeded reports a protected store that was opened without one.
	ErrPassphraseNeeded = errors.New("store: a passphrase is needed")
	// ErrUnprotected reports a passphrase for a store that has none, so that
	// nobody believes in a protection that is not there.
	ErrUnprotected = errors.New("store: the data folder has no passphrase")
	// ErrForeign reports a folder that holds something else.
	ErrForeign = errors.New("store: not a Pars session folder")
	// ErrNetwork reports a store of another network.
	ErrNetwork = errors.New("store: data folder of another network")
	// ErrSchema reports a store written by a later version.
	ErrSchema = errors.New("store: written by a later version")
	// ErrLocked reports a folder that another process has open.
	ErrLocked = errors.New("store: in use by another process")
	// ErrClosed reports use after [Store.Close].
	ErrClosed = errors.New("store: closed")
	// ErrTooLarge reports a name or value above its limit.
	ErrTooLarge = errors.New("store: record too large")
)

// Config says where a store is and who opens it.
type Config struct {
	// Dir is the data folder; it is made if it does not exist.
	Dir string
	// NetworkID binds the folder to one network.
	NetworkID uint32
	// Passphrase opens a protected store, or protects a new one. Empty means
	// none: whoever can read the folder can then read everything in it.
	Passphrase []byte
	// Argon2 is the cost of a passphrase for a new slot; zero means [DefaultArgon2].
	Argon2 Argon2
	// FS is the file system; nil means the operating system's.
	FS vfs.FS
	// Rand is the source of keys and nonces; nil means crypto/rand.
	Rand io.Reader
	// Logger gets what pebble reports of background errors; nil means nowhere.
	Logger *slog.Logger
}

// Store is an open data folder. It is safe for concurrent use.
type Store struct {
	cfg  Config
	lock *pebble.Lock
	db   *pebble.DB

	// mu orders commits: an erasure reads records, then replaces them all.
	mu     sync.Mutex
	slot   *slotFile
	keys   keyTree
	closed bool
	// failed is set when the slot file could not be written: the keys in
	// memory and on disk may then differ, and nothing more may be written.
	failed error
}

// Open opens the store in cfg.Dir, or makes one in an empty folder.
func Open(cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Argon2 == (Argon2{}) {
		cfg.Argon2 = DefaultArgon2
	}
	if cfg.Dir == "" {
		return nil, errors.New("store: no data folder given")
	}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: making the data folder %s: %w", cfg.Dir, err)
	}
	exists, err := inspect(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, err
	}
	dbDir := cfg.FS.PathJoin(cfg.Dir, "db")
	if err := cfg.FS.MkdirAll(dbDir, 0o700); err != nil {
		return nil, fmt.Errorf("store: making %s: %w", dbDir, err)
	}
	lock, err := pebble.LockDirectory(dbDir, cfg.FS)
	if err != nil {
		return nil, fmt.Errorf("%w: %s (%w)", ErrLocked, cfg.Dir, err)
	}
	s := &Store{cfg: cfg, lock: lock}
	if err := s.open(dbDir, exists); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// inspect reports whether dir has a slot file, and refuses a folder with
// something else in it. A folder that only ever got as far as db/ is empty.
func inspect(f vfs.FS, dir string) (bool, error) {
	_, err := f.Stat(f.PathJoin(dir, slotName))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("store: looking at %s: %w", dir, err)
	}
	names, err := f.List(dir)
	if err != nil {
		return false, fmt.Errorf("store: listing %s: %w", dir, err)
	}
	for _, name := range names {
		switch name {
		case "db", graphName, slotName + newSuffix, "api.sock", "api.token", "node.key":
		default:
			return false, fmt.Errorf("%w: %s has %q in it and no %s; give an empty folder or the right one", ErrForeign, dir, name, slotName)
		}
	}
	return false, nil
}

func (s *Store) open(dbDir string, exists bool) error {
	var err error
	if exists {
		s.slot, s.keys, err = openSlot(s.cfg)
	} else {
		for _, dir := range []string{dbDir, s.cfg.FS.PathJoin(s.cfg.Dir, graphName)} {
			if err := emptyDatabase(s.cfg.FS, dir); err != nil {
				return err
			}
		}
		s.slot, s.keys, err = createSlot(s.cfg)
	}
	if err != nil {
		return err
	}
	s.db, err = pebble.Open(dbDir, &pebble.Options{
		FS: s.cfg.FS, Lock: s.lock, Logger: pebbleLogger{s.cfg.Logger},
		FormatMajorVersion: pebble.FormatNewest,
		Cache:              nil, CacheSize: 4 << 20, MemTableSize: 4 << 20,
		ErrorIfNotExists: false,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("%w: opening the database: %w", ErrCorrupt, err), s.slot.close())
	}
	if err := s.finishErasure(); err != nil {
		return errors.Join(err, s.db.Close(), s.slot.close())
	}
	return nil
}

// emptyDatabase refuses a database without its slot file: its keys are gone and
// a new slot would hide that.
func emptyDatabase(f vfs.FS, dbDir string) error {
	names, err := f.List(dbDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: listing %s: %w", dbDir, err)
	}
	for _, name := range names {
		if name != "LOCK" {
			return fmt.Errorf("%w: %s has records, but the key file %s beside it is missing; put it back from a copy, or move the folder away to start anew", ErrCorrupt, dbDir, slotName)
		}
	}
	return nil
}

// Protected reports whether a passphrase protects the store.
func (s *Store) Protected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slot.header.protected
}

// ChangePassphrase locks the store under another passphrase; empty means none.
// It does not change the keys underneath: who copied the folder and knew the old
// passphrase can still open that copy.
func (s *Store) ChangePassphrase(passphrase []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.slot.lockUnder(s.cfg, passphrase); err != nil {
		return err
	}
	return s.writeSlot()
}

// Close flushes and releases the folder.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := errors.Join(s.db.Close(), s.slot.close(), s.lock.Close())
	s.keys.wipe()
	return err
}

// usable tells why the store can't be used. The caller holds mu.
func (s *Store) usable() error {
	if s.closed {
		return ErrClosed
	}
	return s.failed
}

// writeSlot writes the key tree and remembers a failure. The caller holds mu.
func (s *Store) writeSlot() error {
	if err := s.slot.write(s.cfg.Rand, s.keys); err != nil {
		s.failed = fmt.Errorf("store: the key file could not be written, nothing more is accepted until a restart: %w", err)
		return s.failed
	}
	return nil
}

// pebbleLogger passes pebble's errors on and drops its chatter.
type pebbleLogger struct{ log *slog.Logger }

func (pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("database", "error", fmt.Sprintf(format, args...))
	}
}

// Fatalf is called when pebble can't go on without risking what is on disk.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if l.log != nil {
		l.log.Log(context.Background(), slog.LevelError, "database stopped", "error", msg)
	}
	fmt.Fprintln(os.Stderr, "pars session store: fatal database error:", msg)
	os.Exit(1)
}

// Exists reports whether dir, on the system's disk, holds a store.
func Exists(dir string) bool {
	_, err := os.Stat(vfs.Default.PathJoin(dir, slotName))
	return err == nil
}
