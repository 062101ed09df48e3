package stark

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"

	"lukechampine.com/blake3"
)

// Hash names the hash function of a proof. There is no domain separation:
// leaves, nodes and the public coin all use it over concatenated bytes.
type Hash uint8

// The hash functions a proof may use.
const (
	Blake3 Hash = 0 // BLAKE3, hash mode, 32 bytes
	SHA3   Hash = 1 // SHA3-256 (FIPS 202)
)

// String returns the name Winterfell gives the function.
func (h Hash) String() string {
	switch h {
	case Blake3:
		return "blake3_256"
	case SHA3:
		return "sha3_256"
	}
	return fmt.Sprintf("hash(%d)", uint8(h))
}

type digest [32]byte

func (h Hash) sum(b []byte) digest {
	if h == SHA3 {
		return sha3.Sum256(b)
	}
	return blake3.Sum256(b)
}

func (h Hash) merge(a, b digest) digest {
	var buf [64]byte
	copy(buf[:], a[:])
	copy(buf[32:], b[:])
	return h.sum(buf[:])
}

func (h Hash) mergeInt(a digest, v uint64) digest {
	var buf [40]byte
	copy(buf[:], a[:])
	binary.LittleEndian.PutUint64(buf[32:], v)
	return h.sum(buf[:])
}

// coin is the Fiat-Shamir transcript: a seed and a counter.
type coin struct {
	hash    Hash
	field   field
	seed    digest
	counter uint64
}

func (c *coin) reseed(d digest) {
	c.seed, c.counter = c.hash.merge(c.seed, d), 0
}

func (c *coin) next() digest {
	c.counter++
	return c.hash.mergeInt(c.seed, c.counter)
}

// maxDraws bounds rejection sampling. A draw fails with probability below
// 3 x 2^-32, so the bound is never met by a proof that can be made.
const maxDraws = 1000

// draw returns a uniform element of the extension field.
func (c *coin) draw() (element, error) {
	for range maxDraws {
		d := c.next()
		if a, ok := c.field.decode(d[:]); ok {
			return a, nil
		}
	}
	return element{}, ErrInvalid
}
