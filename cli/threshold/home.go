package threshold

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

var (
	// ErrSetup reports members, a threshold or a set of signers that can't work.
	ErrSetup = errors.New("threshold: unusable set-up")
	// ErrNoHome reports a folder without keys.
	ErrNoHome = errors.New("threshold: no keys here yet")
	// ErrExists reports a folder that has keys already.
	ErrExists = errors.New("threshold: there are keys already")
	// ErrPassphrase reports a wrong passphrase or a damaged key file, never which.
	ErrPassphrase = errors.New("threshold: wrong passphrase, or the key file is damaged")
	// ErrLocked reports a folder that another process has open.
	ErrLocked = errors.New("threshold: another process has this folder open")
	// ErrDamaged reports a file of the folder that does not open with its keys.
	ErrDamaged = errors.New("threshold: damaged file")
)

// Cost is the cost of trying one passphrase: Argon2id, RFC 9106.
type Cost struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// DefaultCost is the second recommended option of RFC 9106, section 4.
var DefaultCost = Cost{Passes: 3, MemoryKiB: 64 << 10, Lanes: 4}

// check bounds what a planted key file may ask for.
func (c Cost) check() error {
	if c.Passes < 1 || c.Passes > 64 || c.Lanes < 1 || c.Lanes > 16 || c.MemoryKiB < 8*uint32(c.Lanes) || c.MemoryKiB > 1<<20 {
		return fmt.Errorf("threshold: Argon2 with %d passes, %d lanes, %d KiB; want 1 to 64, 1 to 16, 8 a lane to 1,048,576", c.Passes, c.Lanes, c.MemoryKiB)
	}
	return nil
}

// Config is what a [Home] needs of the world.
type Config struct {
	// Dir is the folder. It is made if it is not there.
	Dir string
	// Passphrase protects every secret in the folder; it must not be empty.
	Passphrase []byte
	// Rand is crypto/rand.Reader but in tests.
	Rand io.Reader
	// Cost is for a new folder; zero means [DefaultCost].
	Cost Cost
	// Disk replaces the folder in tests of crashes; nil means Dir itself.
	Disk Disk
}

// Home is one person's folder: the keys, the ceremonies that run and the groups
// that this person belongs to. One process at a time has it open.
type Home struct {
	rand   io.Reader
	disk   Disk
	master []byte
	key    *sign.PrivateKey
	name   string
	lock   *os.File
}

// The key file: magic, Argon2id passes, memory in KiB and lanes (4 bytes each,
// big-endian), salt, nonce, XChaCha20-Poly1305 of the rest with all before the
// nonce as data.
const (
	keyName   = "keys.pars"
	keyMagic  = "PARSTHK1"
	saltSize  = 16
	keyAD     = len(keyMagic) + 12 + saltSize
	keyMax    = 4 << 10
	fileMagic = "PARSTHS1"
	stateMax  = 8 << 20
)

type keysWire struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Master []byte
	Seed   []byte
}

func wrapKey(passphrase []byte, head []byte) ([]byte, error) {
	at := head[len(keyMagic):]
	lanes := binary.BigEndian.Uint32(at[8:])
	c := Cost{binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:]), uint8(min(lanes, 255))}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return argon2.IDKey(passphrase, at[12:12+saltSize], c.Passes, c.MemoryKiB, c.Lanes, chacha20poly1305.KeySize), nil
}

// Create makes the keys of a person called name. Errors match [ErrExists],
// [ErrName] and [ErrPassphrase].
func Create(cfg Config, name string) (*Home, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(cfg.Passphrase) == 0 {
		return nil, fmt.Errorf("%w: it is empty, and a share of a group's key needs one", ErrPassphrase)
	}
	if cfg.Cost == (Cost{}) {
		cfg.Cost = DefaultCost
	}
	if err := cfg.Cost.check(); err != nil {
		return nil, err
	}
	h, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if err := h.create(cfg, name); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Home) create(cfg Config, name string) error {
	if _, err := h.disk.Read(keyName, keyMax); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrExists, err)
	}
	seed := make([]byte, sign.SeedSize)
	h.master = make([]byte, 32)
	head := make([]byte, keyAD, keyMax)
	copy(head, keyMagic)
	at := head[len(keyMagic):]
	binary.BigEndian.PutUint32(at, cfg.Cost.Passes)
	binary.BigEndian.PutUint32(at[4:], cfg.Cost.MemoryKiB)
	binary.BigEndian.PutUint32(at[8:], uint32(cfg.Cost.Lanes))
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	for _, b := range [][]byte{seed, h.master, at[12:], nonce} {
		if _, err := io.ReadFull(h.rand, b); err != nil {
			return fmt.Errorf("threshold: reading randomness: %w", err)
		}
	}
	var err error
	if h.key, err = sign.NewPrivateKey(seed); err != nil {
		return err
	}
	h.name = name
	wrap, err := wrapKey(cfg.Passphrase, head)
	if err != nil {
		return err
	}
	aead, err := chacha20poly1305.NewX(wrap)
	if err != nil {
		return err
	}
	plain, err := wire.Marshal(keysWire{Name: name, Master: h.master, Seed: seed})
	if err != nil {
		return err
	}
	defer clear(plain)
	defer clear(seed)
	return h.disk.Write(keyName, aead.Seal(append(bytes.Clone(head), nonce...), nonce, plain, head))
}

// Open opens a person's folder. Errors match [ErrNoHome], [ErrPassphrase],
// [ErrLocked] and [ErrDamaged].
func Open(cfg Config) (*Home, error) {
	if cfg.Disk == nil {
		if _, err := os.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", ErrNoHome, cfg.Dir)
		}
	}
	h, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if err := h.unlock(cfg); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func open(cfg Config) (*Home, error) {
	h := &Home{rand: cfg.Rand, disk: cfg.Disk}
	if h.disk != nil {
		return h, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("threshold: making the folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("threshold: opening the folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, cfg.Dir), f.Close())
	}
	h.lock, h.disk = f, osDisk{cfg.Dir}
	return h, nil
}

func (h *Home) unlock(cfg Config) error {
	raw, err := h.disk.Read(keyName, keyMax)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNoHome, cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("threshold: reading the keys: %w", err)
	}
	if len(raw) < keyAD+chacha20poly1305.NonceSizeX || !bytes.HasPrefix(raw, []byte(keyMagic)) {
		return fmt.Errorf("%w: %s is no key file", ErrDamaged, keyName)
	}
	head, nonce, box := raw[:keyAD], raw[keyAD:keyAD+chacha20poly1305.NonceSizeX], raw[keyAD+chacha20poly1305.NonceSizeX:]
	wrap, err := wrapKey(cfg.Passphrase, head)
	if err != nil {
		return err
	}
	aead, err := chacha20poly1305.NewX(wrap)
	if err != nil {
		return err
	}
	plain, err := aead.Open(nil, nonce, box, head)
	if err != nil {
		return ErrPassphrase
	}
	defer clear(plain)
	var w keysWire
	if err := wire.Unmarshal(plain, keyMax, &w); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	h.name, h.master = w.Name, w.Master
	h.key, err = sign.NewPrivateKey(w.Seed)
	clear(w.Seed)
	return err
}

// Close lets other processes open the folder.
func (h *Home) Close() error {
	clear(h.master)
	if h.lock == nil {
		return nil
	}
	return h.lock.Close()
}

// Self is this person as the others see them.
func (h *Home) Self() Member { return Member{h.name, h.key.Public()} }

// Card is the member card for the others, which [ParseMember] reads. It is
// public.
func (h *Home) Card() ([]byte, error) {
	sig, err := h.key.Sign(cardContext, []byte(h.name))
	if err != nil {
		return nil, err
	}
	return wire.Marshal(cardWire{Version: cardVersion, Name: h.name, Key: h.key.Public().Bytes(), Signature: sig})
}

// String hides the keys.
func (*Home) String() string { return "threshold.Home(hidden)" }

// GoString hides the keys from %#v.
func (h *Home) GoString() string { return h.String() }

// Format hides the keys from every verb of package fmt.
func (h *Home) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(h.String())) }

// save encrypts v under a key of its own file name and puts it on the disk.
func (h *Home) save(name string, v any) error {
	plain, err := wire.Marshal(v)
	if err != nil {
		return err
	}
	defer clear(plain)
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	if _, err := io.ReadFull(h.rand, nonce); err != nil {
		return fmt.Errorf("threshold: reading randomness: %w", err)
	}
	aead, err := chacha20poly1305.NewX(digest.Derive(h.master, nil, "pars threshold file v1", chacha20poly1305.KeySize))
	if err != nil {
		return err
	}
	if err := h.disk.Write(name, aead.Seal(append([]byte(fileMagic), nonce...), nonce, plain, []byte(name))); err != nil {
		return fmt.Errorf("threshold: writing %s: %w", name, err)
	}
	return nil
}

// load reads what save wrote; found is false when there is nothing.
func (h *Home) load(name string, v any) (found bool, err error) {
	raw, err := h.disk.Read(name, stateMax)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("threshold: reading %s: %w", name, err)
	}
	const head = len(fileMagic) + chacha20poly1305.NonceSizeX
	if len(raw) < head || !bytes.HasPrefix(raw, []byte(fileMagic)) {
		return false, fmt.Errorf("%w: %s", ErrDamaged, name)
	}
	aead, err := chacha20poly1305.NewX(digest.Derive(h.master, nil, "pars threshold file v1", chacha20poly1305.KeySize))
	if err != nil {
		return false, err
	}
	plain, err := aead.Open(nil, raw[len(fileMagic):head], raw[head:], []byte(name))
	if err != nil {
		return false, fmt.Errorf("%w: %s", ErrDamaged, name)
	}
	defer clear(plain)
	if err := wire.Unmarshal(plain, stateMax, v); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return true, nil
}
