package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// The slot file is two copies of one slot of slotSize bytes. A write puts one
// copy down and syncs it before it touches the other, so that a torn write
// leaves a good one. All numbers are big-endian.
//
//	0    8  magic "PARSKEYS"
//	8    2  version of this layout, 1
//	10   1  1 if a passphrase protects the slot, else 0
//	11   1  zero
//	12   4  network id
//	16  12  Argon2id: passes, memory in KiB, lanes (RFC 9106, section 3.1)
//	28  16  salt
//	44   8  generation: the higher copy is the later one
//	52  24  nonce
//	76 131  XChaCha20-Poly1305 of the key tree, with bytes 0 to 51 as data
//	...     random
//	4064 32 SHA3-256 of everything before
const (
	slotName    = "keys.pars"
	newSuffix   = ".new"
	slotMagic   = "PARSKEYS"
	slotVersion = 1
	slotSize    = 4096
	slotSum     = slotSize - 32
	slotAD      = 52
	slotNonce   = slotAD
	slotBox     = slotNonce + chacha20poly1305.NonceSizeX
	saltSize    = 16
)

// Argon2 is the cost of trying one passphrase (RFC 9106).
type Argon2 struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// DefaultArgon2 is the second recommended option of RFC 9106, section 4, which
// phones can afford too: 3 passes over 64 MiB in 4 lanes.
var DefaultArgon2 = Argon2{Passes: 3, MemoryKiB: 64 << 10, Lanes: 4}

// check bounds what a slot file may ask for: a damaged or planted one must not
// take all memory or run for ever.
func (a Argon2) check() error {
	switch {
	case a.Passes < 1 || a.Passes > 64:
		return fmt.Errorf("%d Argon2 passes, want 1 to 64", a.Passes)
	case a.Lanes < 1 || a.Lanes > 16:
		return fmt.Errorf("%d Argon2 lanes, want 1 to 16", a.Lanes)
	case a.MemoryKiB < 8*uint32(a.Lanes) || a.MemoryKiB > 1<<20:
		return fmt.Errorf("%d KiB of Argon2 memory, want 8 a lane to 1,048,576", a.MemoryKiB)
	}
	return nil
}

// header is the part of a slot that is read before any key is known.
type header struct {
	protected  bool
	networkID  uint32
	cost       Argon2
	salt       [saltSize]byte
	generation uint64
}

func (h header) bytes() []byte {
	b := make([]byte, 0, slotAD)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint16(b, slotVersion)
	if h.protected {
		b = append(b, 1, 0)
	} else {
		b = append(b, 0, 0)
	}
	b = binary.BigEndian.AppendUint32(b, h.networkID)
	b = binary.BigEndian.AppendUint32(b, h.cost.Passes)
	b = binary.BigEndian.AppendUint32(b, h.cost.MemoryKiB)
	b = binary.BigEndian.AppendUint32(b, uint32(h.cost.Lanes))
	b = append(b, h.salt[:]...)
	return binary.BigEndian.AppendUint64(b, h.generation)
}

// parseHeader reads one copy of a slot. It fails on any damage.
func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) != slotSize {
		return h, fmt.Errorf("slot is %d bytes, want %d", len(b), slotSize)
	}
	if !bytes.HasPrefix(b, []byte(slotMagic)) {
		return h, errors.New("not a Pars key file")
	}
	if sum := sha3.Sum256(b[:slotSum]); !bytes.Equal(sum[:], b[slotSum:]) {
		return h, errors.New("checksum does not match")
	}
	if v := binary.BigEndian.Uint16(b[8:]); v != slotVersion {
		return h, fmt.Errorf("%w: key file version %d, want %d", ErrSchema, v, slotVersion)
	}
	lanes := binary.BigEndian.Uint32(b[24:])
	if b[10] > 1 || b[11] != 0 || lanes > math.MaxUint8 {
		return h, errors.New("a field is out of range")
	}
	h.protected = b[10] == 1
	h.networkID = binary.BigEndian.Uint32(b[12:])
	h.cost = Argon2{Passes: binary.BigEndian.Uint32(b[16:]), MemoryKiB: binary.BigEndian.Uint32(b[20:]), Lanes: uint8(lanes)}
	copy(h.salt[:], b[28:])
	h.generation = binary.BigEndian.Uint64(b[44:])
	return h, h.cost.check()
}

// slotFile is the open key file.
type slotFile struct {
	file   vfs.File
	header header
	// wrap encrypts the key tree; it comes from the passphrase.
	wrap []byte
}

// wrapKey derives the key that opens a slot. Without a passphrase the key comes
// from the salt alone, which is as open as it sounds.
func (h header) wrapKey(passphrase []byte) ([]byte, error) {
	if !h.protected {
		return hkdf.Key(sha512.New, h.salt[:], nil, "pars store slot without a passphrase v1", chacha20poly1305.KeySize)
	}
	return argon2.IDKey(passphrase, h.salt[:], h.cost.Passes, h.cost.MemoryKiB, h.cost.Lanes, chacha20poly1305.KeySize), nil
}

// createSlot makes the keys of a new store and puts its slot file in place.
func createSlot(cfg Config) (*slotFile, keyTree, error) {
	keys, err := newKeyTree(cfg.Rand)
	if err != nil {
		return nil, keyTree{}, err
	}
	s := &slotFile{header: header{networkID: cfg.NetworkID}}
	if err := s.lockUnder(cfg, cfg.Passphrase); err != nil {
		return nil, keyTree{}, err
	}
	path := cfg.FS.PathJoin(cfg.Dir, slotName)
	if err := s.writeNew(cfg, path+newSuffix, keys); err != nil {
		return nil, keyTree{}, fmt.Errorf("store: writing %s: %w", path, err)
	}
	if err := cfg.FS.Rename(path+newSuffix, path); err != nil {
		return nil, keyTree{}, fmt.Errorf("store: placing %s: %w", path, err)
	}
	for _, dir := range []string{cfg.Dir, cfg.FS.PathDir(cfg.Dir)} {
		if err := syncDir(cfg.FS, dir); err != nil {
			return nil, keyTree{}, fmt.Errorf("store: syncing %s: %w", dir, err)
		}
	}
	if s.file, err = cfg.FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified); err != nil {
		return nil, keyTree{}, fmt.Errorf("store: opening %s: %w", path, err)
	}
	return s, keys, nil
}

// writeNew writes both copies to a file that nothing reads yet.
func (s *slotFile) writeNew(cfg Config, path string, keys keyTree) (err error) {
	f, err := cfg.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := s.seal(cfg.Rand, keys)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(bytes.Clone(b), b...)); err != nil {
		return err
	}
	return f.Sync()
}

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

// openSlot reads the slot file with the passphrase of cfg.
func openSlot(cfg Config) (*slotFile, keyTree, error) {
	path := cfg.FS.PathJoin(cfg.Dir, slotName)
	f, err := cfg.FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, keyTree{}, fmt.Errorf("store: opening %s: %w", path, err)
	}
	s := &slotFile{file: f}
	keys, err := s.read(cfg)
	if err != nil {
		return nil, keyTree{}, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return s, keys, nil
}

func (s *slotFile) read(cfg Config) (keyTree, error) {
	slot, clean, err := s.newest()
	if err != nil {
		return keyTree{}, err
	}
	switch {
	case s.header.networkID != cfg.NetworkID:
		return keyTree{}, fmt.Errorf("%w: its network id is %d, want %d; give another --datadir or the right --network", ErrNetwork, s.header.networkID, cfg.NetworkID)
	case s.header.protected && len(cfg.Passphrase) == 0:
		return keyTree{}, ErrPassphraseNeeded
	case !s.header.protected && len(cfg.Passphrase) > 0:
		return keyTree{}, ErrUnprotected
	}
	if s.wrap, err = s.header.wrapKey(cfg.Passphrase); err != nil {
		return keyTree{}, err
	}
	aead, err := chacha20poly1305.NewX(s.wrap)
	if err != nil {
		return keyTree{}, err
	}
	plain, err := aead.Open(nil, slot[slotNonce:slotBox], slot[slotBox:slotBox+keyTreeSize+aead.Overhead()], slot[:slotAD])
	if err != nil {
		if s.header.protected {
			return keyTree{}, ErrPassphrase
		}
		return keyTree{}, fmt.Errorf("%w: the key file can't be opened", ErrCorrupt)
	}
	keys, err := parseKeyTree(plain)
	clear(plain)
	if err != nil {
		return keyTree{}, err
	}
	if !clean {
		// The last write was cut short: repeat it, so that what it was to
		// overwrite is gone.
		if err := s.write(cfg.Rand, keys); err != nil {
			return keyTree{}, fmt.Errorf("store: repairing the key file: %w", err)
		}
	}
	return keys, nil
}

// newest returns the later good copy, and whether both are good and the same.
func (s *slotFile) newest() (slot []byte, clean bool, err error) {
	b := make([]byte, 2*slotSize+1)
	n, err := s.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if n != 2*slotSize {
		return nil, false, fmt.Errorf("%w: the key file is %d bytes, want %d", ErrCorrupt, n, 2*slotSize)
	}
	first, second := b[:slotSize], b[slotSize:2*slotSize]
	h1, err1 := parseHeader(first)
	h2, err2 := parseHeader(second)
	switch {
	case err1 != nil && err2 != nil:
		if errors.Is(err1, ErrSchema) {
			return nil, false, err1
		}
		return nil, false, fmt.Errorf("%w: %w", ErrCorrupt, err1)
	case err2 != nil || (err1 == nil && h1.generation >= h2.generation):
		s.header = h1
		return first, err2 == nil && bytes.Equal(first, second), nil
	default:
		s.header = h2
		return second, false, nil
	}
}

// lockUnder chooses salt, cost and wrapping key for a passphrase.
func (s *slotFile) lockUnder(cfg Config, passphrase []byte) error {
	h := s.header
	h.protected, h.cost = len(passphrase) > 0, cfg.Argon2
	if err := h.cost.check(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if _, err := io.ReadFull(cfg.Rand, h.salt[:]); err != nil {
		return fmt.Errorf("store: reading randomness: %w", err)
	}
	wrap, err := h.wrapKey(passphrase)
	if err != nil {
		return err
	}
	s.header, s.wrap = h, wrap
	return nil
}

// seal encodes one copy.
func (s *slotFile) seal(rand io.Reader, keys keyTree) ([]byte, error) {
	b := make([]byte, slotSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("store: reading randomness: %w", err)
	}
	copy(b, s.header.bytes())
	aead, err := chacha20poly1305.NewX(s.wrap)
	if err != nil {
		return nil, err
	}
	plain := keys.bytes()
	aead.Seal(b[slotBox:slotBox], b[slotNonce:slotBox], plain, b[:slotAD])
	clear(plain)
	sum := sha3.Sum256(b[:slotSum])
	copy(b[slotSum:], sum[:])
	return b, nil
}

// write overwrites both copies in place, one after the other.
func (s *slotFile) write(rand io.Reader, keys keyTree) error {
	s.header.generation++
	b, err := s.seal(rand, keys)
	if err != nil {
		return err
	}
	// A file system may change the slice that it is given to write.
	for _, offset := range []int64{0, slotSize} {
		if _, err := s.file.WriteAt(bytes.Clone(b), offset); err != nil {
			return err
		}
		if err := s.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func (s *slotFile) close() error {
	clear(s.wrap)
	return s.file.Close()
}
