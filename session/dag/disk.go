package dag

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// schema is the version of the layout on disk, in the record of key [keySchema].
const schema = 1

// First bytes of the keys on disk. All but the first two are followed by the
// space's local number in 4 bytes; numbers are big-endian.
const (
	keySchema = 'M' // schema
	keySpace  = 'S' // space (32) -> number (4), rules
	keyState  = 'K' // -> state as of a position
	keyLine   = 'L' // -> prune line (8)
	keyID     = 'I' // id (32) -> position, lamport: vertices whose bytes are here
	keyStub   = 'J' // id (32) -> position, lamport: pruned ones
	keyNode   = 'N' // position (8) -> node
	keyBytes  = 'V' // position (8) -> encoded vertex
	keyChain  = 'C' // chain (4), place on it (4) -> position
	keyLoose  = 'X' // position (8) -> nothing: vertices on no chain
	keyName   = 'U' // author (32) -> number (4), public key
	keyNumber = 'Z' // author's number (4) -> author (32)
	keyAuthor = 'A' // author's number (4), seq (8), position (8) -> nothing
	keyFork   = 'F' // author's number (4), seq (8) -> nothing
	keyVouch  = 'W' // id (32) -> author (32)
)

// maxKey is the size of the longest key: a space's record of an id.
const maxKey = 1 + 4 + len(ID{})

// node is what checks and searches need of an accepted vertex.
type node struct {
	pos     uint64 // local position, from 1
	id      ID
	lamport uint64
	seq     uint64
	author  uint32
	kind    Kind
	// chain and place say where it lies; chain is 0 for a vertex on none, places
	// count from 1.
	chain, place uint32
	// cost bounds how many nodes must be read to put its clock together; 0 for
	// one whose clock is stored.
	cost    uint32
	parents []uint64 // positions
	// clock is the stored clock, if cost is 0: entry c-1 is the greatest place on
	// chain c in its past, itself included.
	clock []uint32
}

func (n *node) encode() []byte {
	b := make([]byte, 0, 64+5*len(n.parents)+3*len(n.clock))
	b = append(b, n.id[:]...)
	for _, x := range []uint64{n.lamport, n.seq, uint64(n.author), uint64(n.kind), uint64(n.chain), uint64(n.place), uint64(n.cost), uint64(len(n.parents))} {
		b = binary.AppendUvarint(b, x)
	}
	for _, p := range n.parents {
		b = binary.AppendUvarint(b, n.pos-p)
	}
	if n.cost == 0 {
		b = appendClock(b, n.clock)
	}
	return b
}

func decodeNode(pos uint64, b []byte) (*node, error) {
	n := &node{pos: pos}
	if len(b) < len(n.id) {
		return nil, fmt.Errorf("%w: node %d has %d bytes", ErrCorrupt, pos, len(b))
	}
	r := reader{rest: b[copy(n.id[:], b):]}
	n.lamport, n.seq = r.uvarint(), r.uvarint()
	n.author, n.kind = r.uint32(), Kind(r.uvarint())
	n.chain, n.place, n.cost = r.uint32(), r.uint32(), r.uint32()
	count := r.count(MaxWitnesses + MaxParents)
	n.parents = make([]uint64, count)
	for i := range n.parents {
		back := r.uvarint()
		if back == 0 || back >= pos {
			r.bad = true
		}
		n.parents[i] = pos - back
	}
	if n.cost == 0 {
		n.clock = r.clock()
	}
	if r.bad || len(r.rest) != 0 {
		return nil, fmt.Errorf("%w: node %d can't be read", ErrCorrupt, pos)
	}
	return n, nil
}

func appendClock(b []byte, clock []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(clock)))
	for _, place := range clock {
		b = binary.AppendUvarint(b, uint64(place))
	}
	return b
}

// reader reads local records; bad is set by anything that can't be.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

func (r *reader) uint32() uint32 {
	x := r.uvarint()
	if x>>32 != 0 {
		r.bad = true
	}
	return uint32(x)
}

// count reads a length, of which each element takes at least a byte.
func (r *reader) count(most int) int {
	n := r.uvarint()
	if n > uint64(most) || n > uint64(len(r.rest)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) clock() []uint32 {
	clock := make([]uint32, r.count(MaxChains))
	for i := range clock {
		clock[i] = r.uint32()
	}
	return clock
}

// key starts a key of a space; parts are appended as they are.
func (sp *space) key(kind byte, parts ...[]byte) []byte {
	k := append(make([]byte, 0, maxKey), kind)
	k = binary.BigEndian.AppendUint32(k, sp.num)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func (sp *space) posKey(kind byte, pos uint64) []byte {
	return binary.BigEndian.AppendUint64(sp.key(kind), pos)
}

func (sp *space) chainKey(chain, place uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(sp.key(keyChain), chain), place)
}

func (sp *space) authorKey(author uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(sp.key(keyAuthor), author), seq)
}

func (sp *space) forkKey(author uint32, seq uint64) []byte {
	k := sp.authorKey(author, seq)
	k[0] = keyFork
	return k
}

// after is the first key behind all that start with prefix.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func placeRecord(pos, lamport uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(make([]byte, 0, 2*binary.MaxVarintLen64), pos), lamport)
}

func readPlaceRecord(b []byte) (pos, lamport uint64, err error) {
	r := reader{rest: b}
	pos, lamport = r.uvarint(), r.uvarint()
	if r.bad || len(r.rest) != 0 || pos == 0 {
		return 0, 0, fmt.Errorf("%w: an index record of %d bytes", ErrCorrupt, len(b))
	}
	return pos, lamport, nil
}
