package swarm

import (
	"bytes"
	"context"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// stampLabel precedes what a stamp's hash is over: the item's ID and the stamp,
// 8 bytes big-endian. Lengths are fixed, and it all fits one block of SHA3-256.
const stampLabel = "pars swarm stamp v1"

// Stamp is the proof of work of an item: a number that was searched for.
type Stamp uint64

// ErrWork reports a stamp that would take more work than anyone may ask for.
var ErrWork = errors.New("swarm: too much work is asked for")

// Strength is the hash over a stamp. The smaller, the stronger: it orders the
// rivals of a slot.
type Strength [32]byte

// StrengthOf returns the strength of a stamp under an item.
func StrengthOf(id ID, stamp Stamp) Strength {
	var b [len(stampLabel) + len(id) + 8]byte
	copy(b[:], stampLabel)
	copy(b[len(stampLabel):], id[:])
	binary.BigEndian.PutUint64(b[len(b)-8:], uint64(stamp))
	return sha3.Sum256(b[:])
}

// Work returns the bits of work: how many zero bits the strength begins with.
func (s Strength) Work() int {
	n := 0
	for _, b := range s {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}

// Stronger reports whether s took more luck than o.
func (s Strength) Stronger(o Strength) bool { return bytes.Compare(s[:], o[:]) < 0 }

// Search finds a stamp with so many bits of work, from start on: 2^work hashes on average,
// half a microsecond each. Above [MaxWork] it refuses with [ErrWork], so nobody can
// keep a client busy for ever.
func Search(ctx context.Context, id ID, work int, start Stamp) (Stamp, error) {
	if work > MaxWork {
		return 0, fmt.Errorf("%w: %d bits, want at most %d", ErrWork, work, MaxWork)
	}
	return search(ctx, id, start, func(s Strength) bool { return s.Work() >= work })
}

// maxBeat is how much work a stamp may cost that has to be stronger than a given
// one: 2^26 hashes, half a minute.
const maxBeat = 26

// SearchStronger finds a stamp that is stronger than a given one.
func SearchStronger(ctx context.Context, id ID, than Strength, start Stamp) (Stamp, error) {
	if than.Work() > maxBeat {
		return 0, fmt.Errorf("%w: more than %d bits", ErrWork, maxBeat)
	}
	return search(ctx, id, start, func(s Strength) bool { return s.Stronger(than) })
}

func search(ctx context.Context, id ID, from Stamp, enough func(Strength) bool) (Stamp, error) {
	for s := from; ; s++ {
		if enough(StrengthOf(id, s)) {
			return s, nil
		}
		if s%4096 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}
