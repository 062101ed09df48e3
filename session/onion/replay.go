package onion

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/pars-network/pars/session/onion/packet"
)

// replays is the set of the packets that a key has opened: eight bytes of each
// tag in an open table, which grows up to a bound and is at most half full. Tags are
// hashes, so of n honest packets one in 2^64/n is refused by mistake.
type replays struct {
	max   int
	n     int
	slots []uint64 // 0 is free; a power of two of them
	seed  maphash.Seed
}

func newReplays(max int) *replays {
	return &replays{max: max, slots: make([]uint64, 1<<10), seed: maphash.MakeSeed()}
}

// worn reports whether most of the room is used.
func (r *replays) worn() bool { return r.n >= r.max-r.max/4 }

// add takes a tag in. Errors are errReplayed and errWorn.
func (r *replays) add(tag packet.Tag) error {
	v := max(1, binary.BigEndian.Uint64(tag[:]))
	at, found := r.find(v)
	switch {
	case found:
		return errReplayed
	case r.n >= r.max:
		return errWorn
	}
	r.slots[at] = v
	if r.n++; 2*r.n > len(r.slots) {
		r.grow()
	}
	return nil
}

// find returns where v is or belongs.
func (r *replays) find(v uint64) (at int, found bool) {
	mask := len(r.slots) - 1
	at = int(maphash.Comparable(r.seed, v)) & mask
	for r.slots[at] != 0 {
		if r.slots[at] == v {
			return at, true
		}
		at = (at + 1) & mask
	}
	return at, false
}

func (r *replays) grow() {
	old := r.slots
	r.slots = make([]uint64, 2*len(old))
	for _, v := range old {
		if v != 0 {
			at, _ := r.find(v)
			r.slots[at] = v
		}
	}
}
