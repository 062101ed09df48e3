// Package store keeps everything a person's session node remembers: keys,
// contacts, messages, the outbox. It is a pebble database in which every value
// is encrypted and every name is hashed under a key, in a profile of a vault.
//
// # What is on disk
//
// One file, vault.pars: a vault (package vault), of which this store is one
// profile. In its region lie two databases, /db for the records and /graph for the
// vertices of spaces; in its slot, the keys of both. What is in the region, and
// how much, shows to nobody without the passphrase.
//
// A record belongs to a [Kind] and has a name (a Session ID, say) and a number
// that orders records of one name. In the database stand only the kind, HMAC of
// the name and the number, and the encrypted name and value.
//
// # Erasing
//
// A log-structured database keeps old values until it compacts, so deleting a
// record there erases nothing. Records of an erasable kind are therefore
// encrypted each under a key of its own, a leaf of a tree whose root exists only in
// the slot. Replacing or deleting one writes the tree anew without that leaf and
// the slot with the new root: what was deleted can no longer be decrypted, even by
// who has the passphrase and every block. [Batch.PutUntil] and [Store.Sweep] do so
// by the clock.
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
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/store/folder"
	"github.com/pars-network/pars/session/vault"
)

// Limits of one record, in bytes.
const (
	// MaxName bounds a record's name.
	MaxName = 256
	// MaxValue bounds a record's value.
	MaxValue = 1 << 20
)

// Schema is the version of the records' layout. A store of a later schema is refused.
const Schema = 2

var (
	// ErrNotFound reports a record that does not exist.
	ErrNotFound = errors.New("store: no such record")
	// ErrCorrupt reports bytes that were changed or damaged after they were
	// written, or that belong to another store.
	ErrCorrupt = errors.New("store: damaged")
	// ErrPassphrase reports a wrong passphrase.
	ErrPassphrase = vault.ErrPassphrase
	// ErrPassphraseNeeded reports a protected store that was opened without one.
	ErrPassphraseNeeded = vault.ErrPassphraseNeeded
	// ErrUnprotected reports a passphrase for a store that has none, so that
	// nobody believes in a protection that is not there.
	ErrUnprotected = vault.ErrUnprotected
	// ErrForeign reports a folder that holds something else.
	ErrForeign = errors.New("store: not a Pars session folder")
	// ErrNetwork reports a store of another network.
	ErrNetwork = errors.New("store: data folder of another network")
	// ErrSchema reports a store written by a later version.
	ErrSchema = errors.New("store: written by a later version")
	// ErrLocked reports a folder that another process has open.
	ErrLocked = vault.ErrLocked
	// ErrClosed reports use after [Store.Close].
	ErrClosed = errors.New("store: closed")
	// ErrTooLarge reports a name or value above its limit.
	ErrTooLarge = errors.New("store: record too large")
	// ErrKind reports a kind that is the store's own, or a time to be erased at for
	// one that is not erasable.
	ErrKind = errors.New("store: no such kind for this")
)

// Argon2 is the cost of trying one passphrase.
type Argon2 = vault.Argon2

// DefaultRegion is how large each of the four regions of a new vault is, in bytes,
// where nothing else is said: little, since it grows.
const DefaultRegion = 1 << 20

// Config says where a store is and who opens it.
type Config struct {
	// Dir is the data folder; it is made if it does not exist.
	Dir string
	// NetworkID binds the store to one network.
	NetworkID uint32
	// Passphrase opens a protected store, or protects a new one. Empty means
	// none: whoever can read the folder can then read everything in it.
	Passphrase []byte
	// Argon2 is the cost of a passphrase; zero means [vault.Cost]. It is written
	// nowhere: what was made with another cost does not open.
	Argon2 Argon2
	// Region is the size of each region of a new vault in bytes, a multiple of
	// [vault.Step]; 0 means [DefaultRegion].
	Region int64
	// GrowBy, Most and Touch are those of [vault.Config].
	GrowBy, Most int64
	Touch        vault.Touch
	// FS is the file system; nil means the operating system's.
	FS vfs.FS
	// Rand is the source of keys and nonces, for many callers at once; nil means
	// crypto/rand.
	Rand io.Reader
	// Now is the clock of deadlines; nil means time.Now.
	Now func() time.Time
	// Logger gets what pebble reports of background errors, and that an old folder
	// was moved; nil means nowhere.
	Logger *slog.Logger
}

// vault is the configuration of the vault in the folder.
func (c Config) vault() vault.Config {
	return vault.Config{
		Path: c.FS.PathJoin(c.Dir, FileName), FS: c.FS, Rand: c.Rand, Cost: c.Argon2,
		GrowBy: c.GrowBy, Most: c.Most, Touch: c.Touch, Now: c.Now,
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Region == 0 {
		c.Region = DefaultRegion
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dir == "" {
		return c, errors.New("store: no data folder given")
	}
	return c, nil
}

// Store is an open profile. It is safe for concurrent use.
type Store struct {
	cfg    Config
	vault  *vault.Vault
	region *vault.Region
	db     *pebble.DB

	// mu orders commits: an erasure reads records and moves the tree of keys.
	mu       sync.Mutex
	keys     keys
	tree     *tree
	nextLeaf uint64
	closed   bool
	// failed is set when the keys in memory and on disk may differ, or when it is not
	// known what the disk took: nothing more may be written.
	failed error
}

// FileName is the name of the vault in the data folder.
const FileName = "vault.pars"

// Open opens the store in cfg.Dir, or makes one in an empty folder. The store of an
// earlier version that it finds there is moved into a new vault first.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: making the data folder %s: %w", cfg.Dir, err)
	}
	v, r, err := enter(cfg)
	if err != nil {
		return nil, err
	}
	s, err := openRegion(cfg, v, r)
	if err != nil {
		return nil, errors.Join(err, r.Close(), v.Close())
	}
	return s, nil
}

// enter opens the profile of the passphrase, in a vault that it makes if need be.
func enter(cfg Config) (*vault.Vault, *vault.Region, error) {
	there, err := vault.Exists(cfg.vault())
	if err != nil {
		return nil, nil, fmt.Errorf("store: looking at %s: %w", cfg.Dir, err)
	}
	old, err := folder.Exists(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("store: looking at %s: %w", cfg.Dir, err)
	}
	if !there && !old {
		if err := inspect(cfg.FS, cfg.Dir); err != nil {
			return nil, nil, err
		}
		v, err := vault.Create(cfg.vault(), cfg.Region)
		if err != nil {
			return nil, nil, err
		}
		return add(cfg, v)
	}
	if !there {
		if err := migrate(cfg); err != nil {
			return nil, nil, err
		}
	}
	v, err := vault.Open(cfg.vault())
	if err != nil {
		return nil, nil, explain(err)
	}
	r, err := v.Unlock(cfg.Passphrase)
	if err != nil {
		return nil, nil, errors.Join(explain(err), v.Close())
	}
	if n := r.NetworkID(); n != cfg.NetworkID {
		return nil, nil, errors.Join(fmt.Errorf("%w: its network id is %d, want %d; give another --datadir or the right --network", ErrNetwork, n, cfg.NetworkID), r.Close(), v.Close())
	}
	// What a move was cut short before it destroyed. Who opened the vault has shown
	// that it holds what the folder held.
	if old {
		if err := folder.Destroy(cfg.FS, cfg.Dir); err != nil {
			return nil, nil, errors.Join(err, r.Close(), v.Close())
		}
	}
	return v, r, nil
}

// add makes the first profile of a vault.
func add(cfg Config, v *vault.Vault) (*vault.Vault, *vault.Region, error) {
	r, err := v.AddProfile(vault.Profile{Passphrase: cfg.Passphrase, NetworkID: cfg.NetworkID})
	if err != nil {
		return nil, nil, errors.Join(err, v.Close())
	}
	return v, r, nil
}

// explain gives the errors of a vault the names that callers know.
func explain(err error) error {
	switch {
	case errors.Is(err, vault.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, vault.ErrVersion):
		return fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return err
}

// inspect refuses a folder with something else in it.
func inspect(f vfs.FS, dir string) error {
	names, err := f.List(dir)
	if err != nil {
		return fmt.Errorf("store: listing %s: %w", dir, err)
	}
	for _, name := range names {
		switch name {
		case FileName + ".lock", FileName + ".new", FileName + movingSuffix, FileName + movingSuffix + ".lock", FileName + movingSuffix + ".new",
			"keys.pars.new", "api.sock", "api.token", "node.key":
		case "db", "graph":
			// Older versions made these folders first.
			inside, err := f.List(f.PathJoin(dir, name))
			if err != nil {
				return fmt.Errorf("store: listing %s: %w", dir, err)
			}
			for _, file := range inside {
				if file != "LOCK" {
					return fmt.Errorf("%w: %s has records of an earlier version in %s, but the key file keys.pars beside it is missing; put it back from a copy, or move the folder away to start anew", ErrCorrupt, dir, name)
				}
			}
		default:
			return fmt.Errorf("%w: %s has %q in it and no %s; give an empty folder or the right one", ErrForeign, dir, name, FileName)
		}
	}
	return nil
}

// openRegion opens the records of a profile, or begins them.
func openRegion(cfg Config, v *vault.Vault, r *vault.Region) (*Store, error) {
	s := &Store{cfg: cfg, vault: v, region: r}
	secret := r.Secret()
	defer clear(secret)
	var err error
	if len(secret) == 0 {
		// A profile that was just made: its keys come first, so that nothing is
		// written that no key opens.
		if s.keys, err = newKeys(cfg.Rand); err == nil {
			err = r.SetSecret(s.keys.bytes())
		}
	} else {
		s.keys, err = parseKeys(secret)
	}
	if err != nil {
		return nil, err
	}
	s.db, err = openDatabase(cfg, r.FS(), recordsDir)
	if err != nil {
		return nil, fmt.Errorf("%w: opening the database: %w", ErrCorrupt, err)
	}
	s.tree = &tree{root: s.keys.tree, get: nodesOf(s.db)}
	if err := s.ready(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func openDatabase(cfg Config, f vfs.FS, dir string) (*pebble.DB, error) {
	return pebble.Open(dir, &pebble.Options{
		FS: f, Logger: pebbleLogger{cfg.Logger},
		FormatMajorVersion: pebble.FormatNewest,
		CacheSize:          4 << 20, MemTableSize: 4 << 20,
	})
}

// ready finishes what a crash interrupted.
func (s *Store) ready() error {
	if err := s.finishErasure(); err != nil {
		return err
	}
	b, err := get(s.db, keyNextLeaf)
	if errors.Is(err, ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if len(b) != 8 || binary.BigEndian.Uint64(b) > maxLeaves {
		return fmt.Errorf("%w: the number of the next key is %x", ErrCorrupt, b)
	}
	s.nextLeaf = binary.BigEndian.Uint64(b)
	return nil
}

// Region is the profile that the store lies in, for its passphrase, deadline and
// size. Its secret is the store's.
func (s *Store) Region() *vault.Region { return s.region }

// Vault is the file that the store lies in.
func (s *Store) Vault() *vault.Vault { return s.vault }

// File is the path of the vault.
func (s *Store) File() string { return s.cfg.vault().Path }

// Wipe destroys the keys of every profile of the vault, while it is open. The store
// takes nothing more; it should be closed.
func (s *Store) Wipe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	err := s.vault.Wipe()
	s.failed = vault.ErrWiped
	for _, name := range looseFiles {
		if e := s.cfg.FS.Remove(s.cfg.FS.PathJoin(s.cfg.Dir, name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// looseFiles lie beside the vault and say something about whose it is.
var looseFiles = []string{"node.key", "api.token"}

// Restored is when the store was restored from a backup; zero means never. What is
// counted upwards with others, such as ratchets and authors of vertices, must be
// begun anew then.
func (s *Store) Restored() time.Time { return s.region.Restored() }

// Protected reports whether a passphrase protects the store.
func (s *Store) Protected() bool { return s.region.Protected() }

// ChangePassphrase locks the store under another passphrase; empty means none.
// It does not change the keys underneath: who copied the file and knew the old
// passphrase can still open that copy.
func (s *Store) ChangePassphrase(passphrase []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return s.region.ChangePassphrase(passphrase)
}

// Close flushes and releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := errors.Join(s.db.Close(), s.region.Close(), s.vault.Close())
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

// Exists reports whether dir, on the system's disk, holds a store, of this version or
// an earlier one.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil {
		ok, e := folder.Exists(vfs.Default, dir)
		return ok && e == nil
	}
	return true
}

// Wipe destroys the keys of every profile in dir, on the system's disk, and of an
// earlier version, so that no passphrase opens anything any more. It asks for none and
// waits for nobody. The node's link key and the token of the API go too.
func Wipe(dir string) error {
	cfg, err := Config{Dir: dir}.withDefaults()
	if err != nil {
		return err
	}
	var errs []error
	if there, err := vault.Exists(cfg.vault()); err != nil || there {
		errs = append(errs, err)
		if there {
			errs = append(errs, vault.Wipe(cfg.vault()))
		}
	}
	if old, err := folder.Exists(cfg.FS, dir); err != nil || old {
		errs = append(errs, err)
		if old {
			errs = append(errs, folder.Destroy(cfg.FS, dir))
		}
	}
	for _, name := range looseFiles {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
