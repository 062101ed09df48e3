package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// ErrPassphrase reports a passphrase that opens nothing.
	ErrPassphrase = errors.New("vault: wrong passphrase")
	// ErrPassphraseNeeded reports that nothing opens without a passphrase.
	ErrPassphraseNeeded = errors.New("vault: a passphrase is needed")
	// ErrUnprotected reports a passphrase for a vault that opens without one, so that
	// nobody believes in a protection that is not there.
	ErrUnprotected = errors.New("vault: it has no passphrase")
	// ErrTaken reports a new passphrase that opens another profile of the vault.
	ErrTaken = errors.New("vault: the passphrase opens another profile already")
	// ErrNoRegion reports that every region belongs to a profile that must stay.
	ErrNoRegion = errors.New("vault: all four regions are in use")
	// ErrExists reports a file where a vault was to be made.
	ErrExists = errors.New("vault: there is a file already")
	// ErrNotFound reports that there is no file.
	ErrNotFound = errors.New("vault: no such file")
	// ErrLocked reports a vault that another process has open.
	ErrLocked = errors.New("vault: in use by another process")
	// ErrCorrupt reports bytes that were changed or damaged after they were written.
	ErrCorrupt = errors.New("vault: damaged")
	// ErrVersion reports a slot written by a later version.
	ErrVersion = errors.New("vault: written by a later version")
	// ErrSize reports a size that no region can have.
	ErrSize = errors.New("vault: wrong size")
	// ErrWiped reports that somebody destroyed the slot while it was in use.
	ErrWiped = errors.New("vault: the keys of this profile were destroyed")
	// ErrClosed reports use after Close.
	ErrClosed = errors.New("vault: closed")
)

// Touch says whether a write to one region is repeated, without a change, in the
// other three.
type Touch int

// The choices of [Config.Touch].
const (
	// TouchAll repeats every write; it is the zero value.
	TouchAll Touch = iota
	// TouchOne does not: on a file system that writes copies, or a disk whose
	// controller can be read, the region that is in use may then show.
	TouchOne
)

// Config says where a vault is and how it is used. All but Path may be zero.
type Config struct {
	// Path is the file. A file of the same name with ".lock" behind it keeps other
	// processes out.
	Path string
	// FS is the file system; nil means the operating system's.
	FS vfs.FS
	// Rand is the source of keys, nonces and noise, for many callers at once; nil
	// means crypto/rand.
	Rand io.Reader
	// Cost is the cost of a passphrase; zero means [Cost]. Tests make it cheap.
	Cost Argon2
	// GrowBy is how much each region grows, in bytes, when the one in use is full;
	// 0 means a quarter of its size, at least 8 MiB, and less than 0 never.
	GrowBy int64
	// Most is the most that a region may have, in bytes; 0 means [MaxRegion].
	Most int64
	// Touch says whether all regions are touched alike.
	Touch Touch
	// Now is the clock of deadlines; nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Cost == (Argon2{}) {
		c.Cost = Cost
	}
	if c.Most == 0 {
		c.Most = MaxRegion
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Path == "" {
		return c, errors.New("vault: no file given")
	}
	return c, c.Cost.check()
}

// Vault is an open file. Its methods may be called by many at once.
type Vault struct {
	cfg  Config
	lock io.Closer
	file vfs.File
	salt [saltSize]byte
	size atomic.Int64 // of a region

	mu     sync.Mutex // orders writes of slots, growth and close
	closed bool
}

// Exists reports whether there is a file at cfg.Path.
func Exists(cfg Config) (bool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return false, err
	}
	_, err = cfg.FS.Stat(cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create makes a vault with regions of size bytes, all noise and no profile. It
// appears under its name once it is complete.
func Create(cfg Config, size int64) (*Vault, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkRegion(size); err != nil {
		return nil, err
	}
	if size > cfg.Most {
		return nil, fmt.Errorf("%w: a region of %d bytes, at most %d are allowed", ErrSize, size, cfg.Most)
	}
	lock, err := lockFile(cfg)
	if err != nil {
		return nil, err
	}
	if err := create(cfg, size); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return open(cfg, lock)
}

func create(cfg Config, size int64) error {
	if ok, err := Exists(cfg); err != nil || ok {
		return errors.Join(fmt.Errorf("%w: %s", ErrExists, cfg.Path), err)
	}
	fresh := cfg.Path + ".new"
	f, err := cfg.FS.Create(fresh, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("vault: making %s: %w", fresh, err)
	}
	err = errors.Join(noise(appender{f}, cfg.Rand, 0, fileSize(size)), f.Sync(), f.Close())
	if err == nil {
		err = cfg.FS.Rename(fresh, cfg.Path)
	}
	// The folder may be as new as the file.
	for _, dir := range []string{cfg.FS.PathDir(cfg.Path), cfg.FS.PathDir(cfg.FS.PathDir(cfg.Path))} {
		if err == nil {
			err = syncDir(cfg.FS, dir)
		}
	}
	if err != nil {
		return fmt.Errorf("vault: making %s: %w", cfg.Path, err)
	}
	return nil
}

// appender writes one piece behind the other: a file that was just made takes no
// others.
type appender struct{ io.Writer }

func (a appender) WriteAt(b []byte, _ int64) (int, error) { return a.Write(b) }

func syncDir(f vfs.FS, path string) error {
	dir, err := f.OpenDir(path)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil // a parent that we may not read is not ours to sync
		}
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func lockFile(cfg Config) (io.Closer, error) {
	lock, err := cfg.FS.Lock(cfg.Path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("%w: %s (%w)", ErrLocked, cfg.Path, err)
	}
	return lock, nil
}

// Open opens the file and keeps others out. It takes no passphrase: see
// [Vault.Unlock].
func Open(cfg Config) (*Vault, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if ok, err := Exists(cfg); err != nil {
		return nil, fmt.Errorf("vault: looking at %s: %w", cfg.Path, err)
	} else if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, cfg.Path)
	}
	lock, err := lockFile(cfg)
	if err != nil {
		return nil, err
	}
	return open(cfg, lock)
}

func open(cfg Config, lock io.Closer) (*Vault, error) {
	f, err := cfg.FS.OpenReadWrite(cfg.Path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vault: opening %s: %w", cfg.Path, err), lock.Close())
	}
	v := &Vault{cfg: cfg, lock: lock, file: f}
	info, err := f.Stat()
	if err == nil {
		v.size.Store(regionSize(info.Size()))
		if v.size.Load() < MinRegion {
			err = fmt.Errorf("%w: %s has %d bytes, the smallest vault has %d; it was cut short or is none", ErrCorrupt, cfg.Path, info.Size(), fileSize(MinRegion))
		}
	}
	if err == nil {
		_, err = f.ReadAt(v.salt[:], 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), lock.Close())
	}
	return v, nil
}

// Close releases the file. Regions must be closed before.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	return errors.Join(v.file.Close(), v.lock.Close())
}

// RegionSize is the size of each region in bytes.
func (v *Vault) RegionSize() int64 { return v.size.Load() }

// Grow makes each of the four regions by bytes longer, a multiple of [Step].
func (v *Vault) Grow(by int64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	return v.grow(by)
}

func (v *Vault) grow(by int64) error {
	size := v.size.Load()
	if by <= 0 || by%Step != 0 {
		return fmt.Errorf("%w: growing by %d bytes, want a multiple of %d", ErrSize, by, Step)
	}
	if size+by > v.cfg.Most || size+by > MaxRegion {
		return fmt.Errorf("%w: a region would have %d bytes, at most %d are allowed", ErrSize, size+by, min(v.cfg.Most, MaxRegion))
	}
	if err := noise(v.file, v.cfg.Rand, fileSize(size), Regions*by); err != nil {
		return err
	}
	if err := v.file.Sync(); err != nil {
		return fmt.Errorf("vault: growing: %w", err)
	}
	v.size.Store(size + by)
	return nil
}

// growSome is for a region that is full.
func (v *Vault) growSome() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	size, by := v.size.Load(), v.cfg.GrowBy
	if by < 0 {
		return fmt.Errorf("%w: a region of %d bytes is full and does not grow by itself; parsctl vault grow makes room", ErrSize, size)
	}
	if by == 0 {
		by = max(size/4/Step*Step, 8*Step)
	}
	by = (by + Step - 1) / Step * Step
	return v.grow(max(Step, min(by, (min(v.cfg.Most, MaxRegion)-size)/Step*Step)))
}

// pick returns one of the regions that are not taken, at random.
func pick(rand io.Reader, taken map[int]bool) (int, error) {
	var free []int
	for i := range Regions {
		if !taken[i] {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return 0, ErrNoRegion
	}
	n, err := randInt(rand, len(free))
	return free[n], err
}

func randInt(r io.Reader, n int) (int, error) {
	x, err := rand.Int(r, big.NewInt(int64(n)))
	if err != nil {
		return 0, fmt.Errorf("vault: reading randomness: %w", err)
	}
	return int(x.Int64()), nil
}
