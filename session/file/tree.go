package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"crypto/sha3"

	"github.com/pars-network/pars/session/digest"
)

var (
	// ErrBlob reports what can't be an encrypted file, or a damaged one.
	ErrBlob = errors.New("file: not an intact encrypted file")
	// ErrChunk reports a chunk that is not the one that the root commits to.
	ErrChunk = errors.New("file: wrong chunk")
)

// Hash is a node of the tree.
type Hash [32]byte

// leaf is the hash of an encrypted chunk. Leaves and nodes begin with labels of their own, so
// none can stand for the other.
func leaf(index uint64, chunk []byte) Hash {
	h := sha3.New256()
	_, _ = h.Write([]byte("pars file leaf v1"))
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, index))
	_, _ = h.Write(chunk)
	return Hash(h.Sum(nil))
}

func node(left, right Hash) Hash {
	h := sha3.New256()
	_, _ = h.Write([]byte("pars file node v1"))
	_, _ = h.Write(left[:])
	_, _ = h.Write(right[:])
	return Hash(h.Sum(nil))
}

// rootOf commits to the top of the tree and to the length, and so to the tree's shape.
func rootOf(padded uint64, top Hash) Hash { return digest.Sum("pars file root v1", padded, top) }

// left is how many leaves the left half of a tree of n > 1 has: the greatest power of two
// below n.
func left(n uint64) uint64 { return uint64(1) << (bits.Len64(n-1) - 1) }

// top is the hash over leaves.
func top(leaves []Hash) Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := left(uint64(len(leaves)))
	return node(top(leaves[:k]), top(leaves[k:]))
}

// tree is all nodes, level by level from the leaves up. A node without a neighbour is its
// own parent, which gives the shape that left describes.
type tree [][]Hash

func grow(leaves []Hash) tree {
	t := tree{leaves}
	for level := leaves; len(level) > 1; {
		up := make([]Hash, (len(level)+1)/2)
		for i := range up {
			if up[i] = level[2*i]; 2*i+1 < len(level) {
				up[i] = node(level[2*i], level[2*i+1])
			}
		}
		t = append(t, up)
		level = up
	}
	return t
}

// proof returns the hashes beside the way from a leaf to the top, lowest first.
func (t tree) proof(index uint64) []Hash {
	var out []Hash
	for _, level := range t[:len(t)-1] {
		if beside := index ^ 1; beside < uint64(len(level)) {
			out = append(out, level[beside])
		}
		index /= 2
	}
	return out
}

// maxProof is the longest proof: that of the greatest file.
const maxProof = 20

// climb works out the top from a leaf and its proof.
func climb(n, index uint64, h Hash, proof []Hash) (Hash, error) {
	if n == 1 {
		if len(proof) != 0 {
			return Hash{}, fmt.Errorf("%w: %d hashes too many", ErrChunk, len(proof))
		}
		return h, nil
	}
	if len(proof) == 0 {
		return Hash{}, fmt.Errorf("%w: a hash is missing", ErrChunk)
	}
	k, last := left(n), len(proof)-1
	if index < k {
		below, err := climb(k, index, h, proof[:last])
		return node(below, proof[last]), err
	}
	below, err := climb(n-k, index-k, h, proof[:last])
	return node(proof[last], below), err
}

// Name names an encrypted file.
type Name struct {
	// Root commits to every chunk and to Padded.
	Root Hash
	// Padded is the length before encryption, in bytes.
	Padded uint64
}

// Chunks is how many chunks the file has.
func (n Name) Chunks() uint64 { return chunks(n.Padded) }

// Check reports whether a chunk is the one with that index. Errors match [ErrChunk].
func (n Name) Check(index uint64, chunk []byte, proof []Hash) error {
	if index >= n.Chunks() {
		return fmt.Errorf("%w: chunk %d of %d", ErrChunk, index, n.Chunks())
	}
	if want := chunkLen(n.Padded, index); len(chunk) != want {
		return fmt.Errorf("%w: chunk %d has %d bytes, want %d", ErrChunk, index, len(chunk), want)
	}
	if len(proof) > maxProof {
		return fmt.Errorf("%w: %d hashes, want at most %d", ErrChunk, len(proof), maxProof)
	}
	t, err := climb(n.Chunks(), index, leaf(index, chunk), proof)
	if err != nil {
		return err
	}
	if rootOf(n.Padded, t) != n.Root {
		return fmt.Errorf("%w: chunk %d is not of this file", ErrChunk, index)
	}
	return nil
}
