package sync

import (
	"encoding/binary"

	"github.com/dchest/siphash"
	"github.com/pars-network/pars/session/digest"
)

// nonceSize is the length in bytes of the random number that each side gives.
const nonceSize = 16

// key is what both sides derive from both nonces. Nobody who chose the ids of a
// space knew it when they did.
type key struct {
	tag0, tag1     uint64
	check0, check1 uint64
	ranges         [digest.Size]byte
}

// newKey derives the key of a session's first (pass 1) or second pass.
func newKey(space ID, initiator, responder [nonceSize]byte, pass int) key {
	k := digest.Sum("pars sync tags v1", space, initiator, responder, uint64(pass))
	le := binary.LittleEndian
	return key{
		tag0: le.Uint64(k[0:]), tag1: le.Uint64(k[8:]),
		check0: le.Uint64(k[16:]), check1: le.Uint64(k[24:]),
		ranges: digest.Sum("pars sync ranges v1", space, initiator, responder, uint64(pass)),
	}
}

// tag is the short name of id in this pass: SipHash-2-4 of its bytes.
func (k *key) tag(id *ID) uint64 { return siphash.Hash(k.tag0, k.tag1, id[:]) }

// check is what tells one tag from a sum of several: SipHash-2-4 of the tag's 8
// bytes, little-endian.
func (k *key) check(tag uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], tag)
	return siphash.Hash(k.check0, k.check1, b[:])
}
