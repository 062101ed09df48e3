package store

import (
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// The keys of erasable records are the leaves of a tree in which everything comes
// from the seed of the root, until something is erased: then the nodes on the way
// to that leaf get new random seeds and are written down, each encrypted under its
// new seed and holding the seeds of the children that still live. Who has the new
// root reaches every leaf but the erased one; who has all the old nodes and not
// the old root reaches nothing more. So an erasure costs treeDepth small writes and
// one rewrite of the root, however many records there are.
const (
	treeFan   = 32
	treeBits  = 5
	treeDepth = 6

	// maxLeaves is how many erasable records can ever be written.
	maxLeaves = 1 << (treeBits * treeDepth)
)

// errErased reports a leaf that no key leads to any more.
var errErased = errors.New("store: the key was destroyed")

// seed is where the keys below a node come from.
type seed struct {
	key [keySize]byte
	// stored says that the node is on disk, sealed under this seed; else its children
	// are derived from it.
	stored bool
}

// node is a node whose children don't all come from one seed.
type node struct {
	alive    uint32 // a bit for each child that was not erased
	stored   uint32 // a bit for each child that is on disk
	children [treeFan]seed
}

// place names a node: its level, 0 for the root, and its number there.
type place struct {
	level byte
	index uint64
}

func derive(key []byte, info string) ([]byte, error) {
	return hkdf.Key(sha512.New, key, nil, info, keySize)
}

// child derives a child of a seed that is not stored.
func (s seed) child(i uint64) (c seed, err error) {
	b, err := derive(s.key[:], "pars store erasure child v1 "+string(rune('A'+i)))
	copy(c.key[:], b)
	return c, err
}

// derived is the node that a seed stands for.
func (s seed) derived() (*node, error) {
	n := &node{alive: 1<<treeFan - 1}
	for i := range n.children {
		var err error
		if n.children[i], err = s.child(uint64(i)); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (s seed) box() ([]byte, error) { return derive(s.key[:], "pars store erasure node v1") }

func nodeData(p place) []byte {
	return binary.BigEndian.AppendUint64([]byte{'t', p.level}, p.index)
}

// seal encrypts a node under its seed: nonce and box of the two bit sets and the
// seeds of the children that live.
func (n *node) seal(rand io.Reader, s seed, p place) ([]byte, error) {
	plain := binary.BigEndian.AppendUint32(nil, n.alive)
	plain = binary.BigEndian.AppendUint32(plain, n.stored)
	for i := range n.children {
		if n.alive>>i&1 == 1 {
			plain = append(plain, n.children[i].key[:]...)
		}
	}
	defer clear(plain)
	return sealNode(rand, s, nodeData(p), plain)
}

func sealNode(rand io.Reader, s seed, data, plain []byte) ([]byte, error) {
	key, err := s.box()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("store: reading randomness: %w", err)
	}
	return aead.Seal(nonce, nonce, plain, data), nil
}

func openNodeBytes(s seed, data, sealed []byte) ([]byte, error) {
	key, err := s.box()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, ErrCorrupt
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], data)
	if err != nil {
		return nil, fmt.Errorf("%w: a node of the erasure keys can't be opened", ErrCorrupt)
	}
	return plain, nil
}

func openNode(s seed, p place, sealed []byte) (*node, error) {
	plain, err := openNodeBytes(s, nodeData(p), sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return parseNode(plain)
}

func parseNode(b []byte) (*node, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("%w: a node of %d bytes", ErrCorrupt, len(b))
	}
	n := &node{alive: binary.BigEndian.Uint32(b), stored: binary.BigEndian.Uint32(b[4:])}
	b = b[8:]
	if n.stored&^n.alive != 0 || n.alive == 0 || len(b) != keySize*bits.OnesCount32(n.alive) {
		return nil, fmt.Errorf("%w: a node with %d bytes of keys", ErrCorrupt, len(b))
	}
	for i := range n.children {
		if n.alive>>i&1 == 1 {
			copy(n.children[i].key[:], b)
			n.children[i].stored = n.stored>>i&1 == 1
			b = b[keySize:]
		}
	}
	return n, nil
}

// tree reads the keys below one root. It is for one goroutine.
type tree struct {
	root seed
	// get returns a node as it is on disk, or ErrNotFound.
	get func(place) ([]byte, error)
	// fresh holds nodes that are on their way to the disk.
	fresh change
	// seen holds nodes that were read, at most maxSeen.
	seen map[place]*node
}

const maxSeen = 256

// at returns the node at a place, whose seed is s.
func (t *tree) at(p place, s seed) (*node, error) {
	if n := t.fresh[p]; n != nil {
		return n, nil
	}
	if n := t.seen[p]; n != nil {
		return n, nil
	}
	sealed, err := t.get(p)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: a node of the erasure keys is missing", ErrCorrupt)
	} else if err != nil {
		return nil, err
	}
	n, err := openNode(s, p, sealed)
	if err != nil {
		return nil, err
	}
	if t.seen == nil || len(t.seen) >= maxSeen {
		t.seen = map[place]*node{}
	}
	t.seen[p] = n
	return n, nil
}

// digit is which child of a node at level leads to leaf.
func digit(leaf uint64, level int) uint64 {
	return leaf >> (treeBits * (treeDepth - 1 - level)) % treeFan
}

// key returns the key of a leaf, or errErased.
func (t *tree) key(leaf uint64) ([]byte, error) {
	s := t.root
	for level := range treeDepth {
		d := digit(leaf, level)
		if !s.stored {
			var err error
			if s, err = s.child(d); err != nil {
				return nil, err
			}
			continue
		}
		n, err := t.at(place{byte(level), leaf >> (treeBits * (treeDepth - level))}, s)
		if err != nil {
			return nil, err
		}
		if n.alive>>d&1 == 0 {
			return nil, errErased
		}
		s = n.children[d]
	}
	return s.key[:], nil
}

// change is what an erasure does to the nodes on disk: a nil node is removed.
type change map[place]*node

// puncture returns the root of a tree without the given leaves, and the nodes that
// change. Leaves that are gone already don't matter.
func (t *tree) puncture(rand io.Reader, leaves []uint64) (seed, change, map[place]seed, error) {
	leaves = slices.Clone(leaves)
	slices.Sort(leaves)
	changes, seeds := change{}, map[place]seed{}
	root, alive, err := t.cut(rand, place{}, t.root, leaves, changes, seeds)
	if err == nil && !alive {
		err = fmt.Errorf("%w: no key of an erasable record is left", ErrCorrupt)
	}
	return root, changes, seeds, err
}

// cut takes leaves, which are sorted, out of the node at p and returns its new seed,
// or that nothing is left of it.
func (t *tree) cut(rand io.Reader, p place, s seed, leaves []uint64, changes change, seeds map[place]seed) (seed, bool, error) {
	var n *node
	var err error
	if s.stored {
		if n, err = t.at(p, s); err == nil {
			c := *n
			n = &c
		}
	} else {
		n, err = s.derived()
	}
	if err != nil {
		return seed{}, false, err
	}
	for len(leaves) > 0 {
		d := digit(leaves[0], int(p.level))
		end := 1
		for end < len(leaves) && digit(leaves[end], int(p.level)) == d {
			end++
		}
		group := leaves[:end]
		leaves = leaves[end:]
		if n.alive>>d&1 == 0 {
			continue
		}
		alive := false
		if p.level < treeDepth-1 {
			below := place{p.level + 1, p.index<<treeBits | d}
			n.children[d], alive, err = t.cut(rand, below, n.children[d], group, changes, seeds)
			if err != nil {
				return seed{}, false, err
			}
		}
		if alive {
			n.stored |= 1 << d
		} else {
			n.alive &^= 1 << d
			n.stored &^= 1 << d
			n.children[d] = seed{}
		}
	}
	if n.alive == 0 {
		changes[p] = nil
		return seed{}, false, nil
	}
	fresh := seed{stored: true}
	if _, err := io.ReadFull(rand, fresh.key[:]); err != nil {
		return seed{}, false, fmt.Errorf("store: reading randomness: %w", err)
	}
	changes[p], seeds[p] = n, fresh
	return fresh, true, nil
}
