package crdt

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/pars-network/pars/session/digest"
)

// ID is the id of a vertex of the space's DAG.
type ID [32]byte

// Vertex says which vertex a delta came in.
type Vertex struct {
	ID ID
	// Lamport is the vertex's own: 1 + the greatest of its parents', at least 1.
	Lamport uint64
}

// Past reports whether v, with that lamport number, is an ancestor of the
// vertex whose delta is being applied. The DAG answers it; above the space's
// prune line the answer must be exact.
type Past func(v Vertex) bool

// Base is the part of the causal context that no longer names its vertices:
// all those with a lamport number of at most Lamport. The zero Base is empty.
type Base struct {
	Lamport uint64
	// Count is how many vertices that changed the document it stands for.
	Count uint64
	// Digest commits to their ids; equal digests mean equal sets.
	Digest [32]byte
}

// dot names the i-th thing that a vertex made, by the number that the vertex
// has in its document's memory.
type dot struct{ v, i uint32 }

// context is a causal context and the table that numbers its vertices.
type context struct {
	base  Base
	verts []Vertex
	index map[ID]uint32
	// folded says of each vertex whether the base stands for it; it then stays
	// in the table only for as long as a dot of it lives.
	folded []bool
	top    uint64 // greatest lamport number of all, the base included
}

func newContext() context { return context{index: map[ID]uint32{}} }

// has reports whether the context contains v.
func (c *context) has(v Vertex) bool {
	if v.Lamport <= c.base.Lamport {
		return true
	}
	_, ok := c.index[v.ID]
	return ok
}

func (c *context) add(v Vertex) uint32 {
	n := uint32(len(c.verts))
	c.verts = append(c.verts, v)
	c.folded = append(c.folded, v.Lamport <= c.base.Lamport)
	c.index[v.ID] = n
	c.top = max(c.top, v.Lamport)
	return n
}

// forget takes back all additions since the table had n vertices.
func (c *context) forget(n int, top uint64) {
	for _, v := range c.verts[n:] {
		delete(c.index, v.ID)
	}
	c.verts, c.folded, c.top = c.verts[:n], c.folded[:n], top
}

func compareVertices(a, b Vertex) int {
	return cmp.Or(cmp.Compare(a.Lamport, b.Lamport), bytes.Compare(a.ID[:], b.ID[:]))
}

// compare orders dots by lamport number, vertex id and index: an order that
// extends causality and is the same everywhere.
func (c *context) compare(a, b dot) int {
	if a.v == b.v {
		return cmp.Compare(a.i, b.i)
	}
	return compareVertices(c.verts[a.v], c.verts[b.v])
}

// sorted returns the numbers of all vertices in that order.
func (c *context) sorted() []uint32 {
	order := make([]uint32, len(c.verts))
	for i := range order {
		order[i] = uint32(i)
	}
	sort.Slice(order, func(i, j int) bool { return compareVertices(c.verts[order[i]], c.verts[order[j]]) < 0 })
	return order
}

// advance is the base at line, if it is above the present one.
func (c *context) advance(line uint64) Base {
	if line <= c.base.Lamport {
		return c.base
	}
	var ids []byte
	count := uint64(0)
	for _, n := range c.sorted() {
		if v := c.verts[n]; !c.folded[n] && v.Lamport <= line {
			ids = append(ids, v.ID[:]...)
			count++
		}
	}
	next := Base{Lamport: line, Count: c.base.Count + count, Digest: c.base.Digest}
	if count > 0 {
		next.Digest = fold(c.base.Digest, ids)
	}
	return next
}

// fold commits to a base and the ids that join it. It is chained by vertex, so
// that it does not depend on where earlier lines were drawn.
func fold(d [32]byte, ids []byte) [32]byte {
	for id := range slices.Chunk(ids, len(ID{})) {
		d = digest.Sum("pars crdt base v1", d, id)
	}
	return d
}
