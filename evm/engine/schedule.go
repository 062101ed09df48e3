package engine

import (
	"encoding/binary"
	"slices"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
)

// scheduleTag separates the schedule's seed from every other hash.
const scheduleTag = "pars/schedule/v1"

// Seed returns the seed of the proposer order at a height: keccak of the tag,
// the blockchain id, the height (8 bytes, big-endian) and the parent's
// MixDigest. It is known as soon as the parent is.
func Seed(chainID ids.ID, height uint64, parentMix common.Hash) common.Hash {
	b := make([]byte, 0, len(scheduleTag)+len(chainID)+8+len(parentMix))
	b = append(b, scheduleTag...)
	b = append(b, chainID[:]...)
	b = binary.BigEndian.AppendUint64(b, height)
	b = append(b, parentMix[:]...)
	return crypto.Keccak256Hash(b)
}

// Order returns all proposers of the set, rank 0 first: a weighted draw without
// replacement (spec/chain.md, section 5). In every draw a validator's chance is
// its weight over the weight that remains. The result depends on nothing but the
// arguments, so callers may cache it under the seed and the P-Chain height.
func Order(seed common.Hash, set *ValidatorSet) []ids.NodeID {
	order := make([]ids.NodeID, 0, set.Len())
	left := newWeightTree(set.sorted)
	draws := stream{seed: seed}
	for remaining := set.total; remaining > 0; {
		i, weight := left.take(draws.below(remaining))
		order = append(order, set.sorted[i].NodeID)
		remaining -= weight
	}
	return order
}

// Rank returns the place of id in the order, 0 for the first.
func Rank(order []ids.NodeID, id ids.NodeID) (int, bool) {
	i := slices.Index(order, id)
	return i, i >= 0
}

// stream is an endless sequence of 64-bit numbers: block i is keccak(seed || i)
// with i in 8 bytes, read as four big-endian numbers.
type stream struct {
	seed common.Hash
	next uint64
	buf  []byte
}

func (s *stream) uint64() uint64 {
	if len(s.buf) == 0 {
		s.buf = crypto.Keccak256(s.seed[:], binary.BigEndian.AppendUint64(nil, s.next))
		s.next++
	}
	x := binary.BigEndian.Uint64(s.buf)
	s.buf = s.buf[8:]
	return x
}

// below returns an unbiased number in [0, n), n > 0. Of the 2^64 values it drops
// the lowest 2^64 mod n, so that every residue is left equally often.
func (s *stream) below(n uint64) uint64 {
	drop := -n % n
	for {
		if x := s.uint64(); x >= drop {
			return x % n
		}
	}
}

// weightTree is a Fenwick tree over the validators' weights: it finds and
// removes the validator at a point of the cumulative weight in O(log n).
type weightTree struct {
	sums    []uint64 // 1-based
	weights []uint64
	top     int // largest power of two that is at most len(weights)
}

func newWeightTree(vs []Validator) *weightTree {
	t := &weightTree{sums: make([]uint64, len(vs)+1), weights: make([]uint64, len(vs)), top: 1}
	for t.top*2 <= len(vs) {
		t.top *= 2
	}
	for i, v := range vs {
		t.weights[i] = v.Weight
		t.sums[i+1] += v.Weight
		if up := i + 1 + ((i + 1) & -(i + 1)); up <= len(vs) {
			t.sums[up] += t.sums[i+1]
		}
	}
	return t
}

// take removes the validator whose span of the remaining cumulative weight holds
// the point, and returns its index and its weight.
func (t *weightTree) take(point uint64) (int, uint64) {
	at := 0
	for step := t.top; step > 0; step /= 2 {
		if next := at + step; next < len(t.sums) && t.sums[next] <= point {
			at = next
			point -= t.sums[next]
		}
	}
	weight := t.weights[at]
	for i := at + 1; i < len(t.sums); i += i & -i {
		t.sums[i] -= weight
	}
	return at, weight
}
