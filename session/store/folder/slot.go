package folder

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
	slotMagic   = "PARSKEYS"
	slotVersion = 1
	slotSize    = 4096
	slotSum     = slotSize - 32
	slotAD      = 52
	slotNonce   = slotAD
	slotBox     = slotNonce + chacha20poly1305.NonceSizeX
	saltSize    = 16
)

// cost is the cost of trying one passphrase (RFC 9106).
type cost struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// check bounds what a slot file may ask for: a damaged or planted one must not
// take all memory or run for ever.
func (a cost) check() error {
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
	cost       cost
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
	h.cost = cost{Passes: binary.BigEndian.Uint32(b[16:]), MemoryKiB: binary.BigEndian.Uint32(b[20:]), Lanes: uint8(lanes)}
	copy(h.salt[:], b[28:])
	h.generation = binary.BigEndian.Uint64(b[44:])
	return h, h.cost.check()
}

// wrapKey derives the key that opens a slot. Without a passphrase the key comes
// from the salt alone, which is as open as it sounds.
func (h header) wrapKey(passphrase []byte) ([]byte, error) {
	if !h.protected {
		return hkdf.Key(sha512.New, h.salt[:], nil, "pars store slot without a passphrase v1", chacha20poly1305.KeySize)
	}
	return argon2.IDKey(passphrase, h.salt[:], h.cost.Passes, h.cost.MemoryKiB, h.cost.Lanes, chacha20poly1305.KeySize), nil
}

// readSlot reads the slot file.
func readSlot(f vfs.FS, path string, network uint32, passphrase []byte) (keyTree, error) {
	h, slot, err := newest(f, path)
	if err != nil {
		return keyTree{}, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case h.networkID != network:
		return keyTree{}, fmt.Errorf("%w: its network id is %d, want %d; give another --datadir or the right --network", ErrNetwork, h.networkID, network)
	case h.protected && len(passphrase) == 0:
		return keyTree{}, ErrPassphraseNeeded
	case !h.protected && len(passphrase) > 0:
		return keyTree{}, ErrUnprotected
	}
	wrap, err := h.wrapKey(passphrase)
	if err != nil {
		return keyTree{}, err
	}
	defer clear(wrap)
	aead, err := chacha20poly1305.NewX(wrap)
	if err != nil {
		return keyTree{}, err
	}
	plain, err := aead.Open(nil, slot[slotNonce:slotBox], slot[slotBox:slotBox+keyTreeSize+aead.Overhead()], slot[:slotAD])
	if err != nil {
		if h.protected {
			return keyTree{}, ErrPassphrase
		}
		return keyTree{}, fmt.Errorf("%w: %s can't be opened", ErrCorrupt, path)
	}
	defer clear(plain)
	return parseKeyTree(plain)
}

// newest returns the later good copy.
func newest(f vfs.FS, path string) (header, []byte, error) {
	file, err := f.Open(path)
	if err != nil {
		return header{}, nil, err
	}
	b := make([]byte, 2*slotSize+1)
	n, err := file.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return header{}, nil, err
	}
	if n != 2*slotSize {
		return header{}, nil, fmt.Errorf("%w: %d bytes, want %d", ErrCorrupt, n, 2*slotSize)
	}
	first, second := b[:slotSize], b[slotSize:2*slotSize]
	h1, err1 := parseHeader(first)
	h2, err2 := parseHeader(second)
	if errors.Is(err1, ErrSchema) {
		return header{}, nil, err1
	}
	if err1 != nil && err2 != nil {
		return header{}, nil, fmt.Errorf("%w: %w", ErrCorrupt, err1)
	}
	if good1, good2 := err1 == nil, err2 == nil; !good2 || (good1 && h1.generation >= h2.generation) {
		return h1, first, nil
	}
	return h2, second, nil
}
