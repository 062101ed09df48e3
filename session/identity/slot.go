package identity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// Slot is where a bundle lies in the network in one week. It tells who stores
// it nothing about the account.
type Slot [32]byte

const (
	slotVersion = 1
	// sealed is version (1) | nonce (24) | box, and the box holds the length of
	// the bundle (4, big-endian), the bundle and zeros.
	slotHeader = 1 + chacha20poly1305.NonceSizeX
	slotLength = 4
)

// slotBuckets are the lengths of sealed bundles, so that the number of
// devices shows only in three steps.
var slotBuckets = [...]int{16 << 10, 32 << 10, 64 << 10}

// ErrSlot reports a value that is no bundle of the wanted account and week. In
// the network anyone may put anything into a slot: skip it and try the next.
var ErrSlot = errors.New("not a sealed bundle of this account and week")

// WeekOf returns the number of the week of t: whole weeks since 1970-01-01
// 00:00 UTC, a Thursday.
func WeekOf(t time.Time) uint64 { return uint64(max(0, t.Unix())) / uint64(Week/time.Second) }

// SlotOf returns the slot of an account in a week.
func SlotOf(id ID, week uint64) Slot { return digest.Sum("pars bundle slot v1", id[:], week) }

// PublishWeeks returns the weeks in whose slots a bundle issued at now is put:
// this and the next three.
func PublishWeeks(now time.Time) []uint64 {
	w := WeekOf(now)
	return []uint64{w, w + 1, w + 2, w + 3}
}

// ReadWeeks returns the weeks in whose slots a reader looks, whose clock may be
// wrong: current, previous and next.
func ReadWeeks(now time.Time) []uint64 {
	w := WeekOf(now)
	if w == 0 {
		return []uint64{0, 1}
	}
	return []uint64{w, w - 1, w + 1}
}

// SealBundle encrypts a bundle for the slot of a week, under a key that only
// those know who know the Session ID. The result is 16, 32 or 64 KiB, and two
// weeks' results have nothing in common. It takes 24 bytes of rand.
func SealBundle(rand io.Reader, b *Bundle, week uint64) ([]byte, error) {
	need := slotHeader + slotLength + len(b.raw) + chacha20poly1305.Overhead
	size := 0
	for _, size = range slotBuckets {
		if need <= size {
			break
		}
	}
	out := make([]byte, slotHeader, size)
	out[0] = slotVersion
	if _, err := io.ReadFull(rand, out[1:]); err != nil {
		return nil, fmt.Errorf("identity: reading randomness: %w", err)
	}
	plain := make([]byte, size-slotHeader-chacha20poly1305.Overhead)
	binary.BigEndian.PutUint32(plain, uint32(len(b.raw)))
	copy(plain[slotLength:], b.raw)
	aead, slot, err := slotCipher(b.id, week)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, out[1:], plain, slot[:]), nil
}

// OpenSealed decrypts a value found in the slot of a week and verifies that it
// is a bundle of the wanted account. Errors match [ErrSlot]. The caller takes,
// of several, the one that is [Bundle.NewerThan] the others and passes
// [Bundle.Check].
func OpenSealed(id ID, week uint64, sealed []byte) (*Bundle, error) {
	ok := false
	for _, size := range slotBuckets {
		ok = ok || len(sealed) == size
	}
	if !ok || sealed[0] != slotVersion {
		return nil, fmt.Errorf("%w: %d bytes", ErrSlot, len(sealed))
	}
	aead, slot, err := slotCipher(id, week)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, sealed[1:slotHeader], sealed[slotHeader:], slot[:])
	if err != nil {
		return nil, ErrSlot
	}
	n := uint64(binary.BigEndian.Uint32(plain))
	if n > uint64(len(plain)-slotLength) || len(bytes.TrimLeft(plain[slotLength+n:], "\x00")) > 0 {
		return nil, ErrSlot
	}
	b, err := ParseBundle(plain[slotLength : slotLength+n])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSlot, err)
	}
	if b.id != id {
		return nil, fmt.Errorf("%w: it is of %s", ErrSlot, b.id)
	}
	return b, nil
}
