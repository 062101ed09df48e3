package vault

import (
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/pars-network/pars/session/vault/volume"
)

const (
	slotVersion = 1
	nonceSize   = chacha20poly1305.NonceSizeX
	slotPlain   = blockSize - nonceSize - chacha20poly1305.Overhead
	slotFixed   = 74

	// MaxSecret bounds what the user of a region keeps in its slot, in bytes.
	MaxSecret = 2048
)

// errSlot reports a slot that a key does not open: another passphrase's, or none.
var errSlot = errors.New("vault: a slot does not open")

// Argon2 is the cost of trying one passphrase (RFC 9106).
type Argon2 struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// Cost is the cost of this version of the format, the second recommended option of
// RFC 9106, section 4, which phones can afford too: 3 passes over 64 MiB in 4
// lanes. It is written nowhere; a vault of another cost opens to nothing.
var Cost = Argon2{Passes: 3, MemoryKiB: 64 << 10, Lanes: 4}

// check bounds the cost, so that a mistake does not take all memory.
func (a Argon2) check() error {
	if a.Passes < 1 || a.Passes > 64 || a.Lanes < 1 || a.Lanes > 16 || a.MemoryKiB < 8*uint32(a.Lanes) || a.MemoryKiB > 1<<20 {
		return fmt.Errorf("vault: Argon2id with %d passes, %d KiB, %d lanes; want 1 to 64, 8 a lane to 1,048,576, 1 to 16", a.Passes, a.MemoryKiB, a.Lanes)
	}
	return nil
}

// masterKey is what a passphrase comes to. An empty passphrase is for vaults that
// protect from nobody and costs nothing.
func masterKey(passphrase []byte, salt [saltSize]byte, cost Argon2) ([]byte, error) {
	if len(passphrase) == 0 {
		return hkdf.Key(sha512.New, salt[:], nil, "pars vault without a passphrase v1", chacha20poly1305.KeySize)
	}
	return argon2.IDKey(passphrase, salt[:], cost.Passes, cost.MemoryKiB, cost.Lanes, chacha20poly1305.KeySize), nil
}

// slotKey is the key of one slot.
func slotKey(master []byte, slot int) ([]byte, error) {
	return hkdf.Key(sha512.New, master, nil, fmt.Sprintf("pars vault slot v1 %d", slot), chacha20poly1305.KeySize)
}

// Scope is what a duress passphrase or a deadline destroys.
type Scope byte

// The scopes. Their values are part of the format.
const (
	ScopeNone   Scope = 0
	ScopeThis   Scope = 1 // this profile
	ScopeOthers Scope = 2 // every slot but this one
	ScopeAll    Scope = 3 // every slot
)

// content is what a slot holds. All numbers are big-endian.
//
//	0   8  generation: the higher copy is the later one
//	8   2  version, 1
//	10  1  what opening destroys: 0, or 2 for the other slots
//	11  1  what a missed deadline destroys: 0, 1 this profile, 3 all
//	12  4  network id
//	16 32  key of the region
//	48  8  when it was restored from a backup, Unix seconds, or 0
//	56  8  last sign of life, Unix seconds
//	64  8  seconds from there to the deadline, or 0
//	72  2  length of the secret
//	74     the secret, then zeros
type content struct {
	generation uint64
	onOpen     Scope
	onMiss     Scope
	network    uint32
	region     [volume.KeySize]byte
	restored   int64
	alive      int64
	within     int64
	secret     []byte
}

func (c content) bytes() ([]byte, error) {
	if len(c.secret) > MaxSecret {
		return nil, fmt.Errorf("vault: a secret of %d bytes, at most %d", len(c.secret), MaxSecret)
	}
	b := make([]byte, slotPlain)
	binary.BigEndian.PutUint64(b, c.generation)
	binary.BigEndian.PutUint16(b[8:], slotVersion)
	b[10], b[11] = byte(c.onOpen), byte(c.onMiss)
	binary.BigEndian.PutUint32(b[12:], c.network)
	copy(b[16:], c.region[:])
	binary.BigEndian.PutUint64(b[48:], uint64(c.restored))
	binary.BigEndian.PutUint64(b[56:], uint64(c.alive))
	binary.BigEndian.PutUint64(b[64:], uint64(c.within))
	binary.BigEndian.PutUint16(b[72:], uint16(len(c.secret)))
	copy(b[slotFixed:], c.secret)
	return b, nil
}

func parseContent(b []byte) (content, error) {
	var c content
	if len(b) != slotPlain {
		return c, fmt.Errorf("%w: a slot of %d bytes, want %d", ErrCorrupt, len(b), slotPlain)
	}
	if v := binary.BigEndian.Uint16(b[8:]); v != slotVersion {
		return c, fmt.Errorf("%w: slot version %d, this program knows %d", ErrVersion, v, slotVersion)
	}
	c.generation = binary.BigEndian.Uint64(b)
	c.onOpen, c.onMiss = Scope(b[10]), Scope(b[11])
	c.network = binary.BigEndian.Uint32(b[12:])
	copy(c.region[:], b[16:])
	c.restored = int64(binary.BigEndian.Uint64(b[48:]))
	c.alive = int64(binary.BigEndian.Uint64(b[56:]))
	c.within = int64(binary.BigEndian.Uint64(b[64:]))
	n := int(binary.BigEndian.Uint16(b[72:]))
	if n > MaxSecret || (c.onOpen != ScopeNone && c.onOpen != ScopeOthers) || (c.onMiss != ScopeNone && c.onMiss != ScopeThis && c.onMiss != ScopeAll) ||
		c.restored < 0 || c.alive < 0 || c.within < 0 {
		return c, fmt.Errorf("%w: a field of a slot is out of range", ErrCorrupt)
	}
	for _, x := range b[slotFixed+n:] {
		if x != 0 {
			return c, fmt.Errorf("%w: a slot has bytes behind its secret", ErrCorrupt)
		}
	}
	c.secret = append([]byte{}, b[slotFixed:slotFixed+n]...)
	return c, nil
}

// missed reports whether the deadline has passed.
func (c content) missed(now time.Time) bool {
	return c.within > 0 && c.onMiss != ScopeNone && now.Unix()-c.alive > c.within
}

func (c *content) wipe() {
	clear(c.region[:])
	clear(c.secret)
}

func slotData(slot int) []byte { return append([]byte("pars vault slot v1 "), byte('0'+slot)) }

// sealSlot encrypts a slot's content. The result has one block.
func sealSlot(rand io.Reader, key []byte, slot int, c content) ([]byte, error) {
	plain, err := c.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	block := make([]byte, nonceSize, blockSize)
	if _, err := io.ReadFull(rand, block); err != nil {
		return nil, fmt.Errorf("vault: reading randomness: %w", err)
	}
	return aead.Seal(block, block, plain, slotData(slot)), nil
}

// openSlot decrypts one copy of a slot.
func openSlot(key []byte, slot int, block []byte) (content, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return content{}, err
	}
	plain, err := aead.Open(nil, block[:nonceSize], block[nonceSize:], slotData(slot))
	if err != nil {
		return content{}, errSlot
	}
	defer clear(plain)
	return parseContent(plain)
}
