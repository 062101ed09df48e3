package crdt

import (
	"fmt"
	"slices"
)

// Kind is the type of a field. It is part of the field's address: a text and a
// counter of one name are two fields, so that replicas which create both at
// once have nothing to resolve.
type Kind uint8

// The kinds of fields, as they are encoded.
const (
	KindGCounter Kind = 1 + iota
	KindPNCounter
	KindGSet
	KindORSet
	KindLWW
	KindMV
	KindText
	KindList
)

// FieldName addresses a field of a document.
type FieldName struct {
	Kind Kind
	Name string
}

func compareNames(a, b FieldName) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	switch {
	case a.Name < b.Name:
		return -1
	case a.Name > b.Name:
		return 1
	}
	return 0
}

// places gives a vertex's place in the dictionary that is being written.
type places func(v uint32) uint32

// field is the state of one field. Vertices are their numbers in the document's
// context.
type field interface {
	// encode writes the state.
	encode(p *packer, c *context, num places)
	// decode reads what encode wrote into an empty field; the vertices are
	// numbered as in the dictionary.
	decode(u *unpacker, c *context)
	// check reports what would keep merge(other) from succeeding.
	check(other field, m *merger) error
	// merge joins another field of the same kind in.
	merge(other field, m *merger)
	// fold forgets what a base up to line makes superfluous.
	fold(c *context, line uint64)
	// used marks the vertices that the state names.
	used(mark []bool)
	// empty reports whether a new field would have the same state.
	empty() bool
}

// delta is what one vertex changes in one field.
type delta interface {
	encode(p *packer, num places)
	decode(u *unpacker, refs int)
	// check reports what would keep apply from succeeding.
	check(f field, a *applier) error
	apply(f field, a *applier)
	// refs calls yield for every vertex that the delta names.
	refs(yield func(v uint32))
	empty() bool
}

// merger is one merge of a document into another.
type merger struct {
	to, from *context
	// num translates the other document's vertices.
	num []uint32
	// toHas and fromHas say of the other's and of our vertices whether we and
	// the other had them in context before the merge.
	toHas, fromHas []bool
	// takeBase tells whether the other's base is the base of the result too.
	takeBase bool
}

// applier is one application of a delta.
type applier struct {
	c    *context
	self uint32
	// num translates the delta's dictionary. absent stands for vertices that the
	// base stands for and of which nothing lives.
	num []uint32
}

const absent = ^uint32(0)

// named is the set of the vertices that a delta names, without the absent ones.
func (a *applier) named(refs []uint32) map[uint32]bool {
	out := make(map[uint32]bool, len(refs))
	for _, r := range refs {
		if n := a.num[r]; n != absent {
			out[n] = true
		}
	}
	return out
}

func newField(k Kind) field {
	switch k {
	case KindGCounter:
		return &GCounter{}
	case KindPNCounter:
		return &PNCounter{}
	case KindGSet:
		return &GSet{}
	case KindORSet:
		return &ORSet{}
	case KindLWW:
		return &LWWRegister{}
	case KindMV:
		return &MVRegister{}
	case KindText:
		return newText()
	case KindList:
		return newList()
	}
	return nil
}

func newDelta(k Kind) delta {
	switch k {
	case KindGCounter:
		return &counterDelta{grow: true}
	case KindPNCounter:
		return &counterDelta{}
	case KindGSet:
		return &gsetDelta{}
	case KindORSet:
		return &orsetDelta{}
	case KindLWW:
		return &lwwDelta{}
	case KindMV:
		return &mvDelta{}
	case KindText:
		return &seqDelta{text: true}
	case KindList:
		return &seqDelta{}
	}
	return nil
}

func checkName(n FieldName) error {
	if n.Kind < KindGCounter || n.Kind > KindList {
		return fmt.Errorf("%w: field of kind %d, want 1 to %d", ErrInvalid, n.Kind, KindList)
	}
	if len(n.Name) == 0 || len(n.Name) > MaxName {
		return fmt.Errorf("%w: a field's name has %d bytes, want 1 to %d", ErrInvalid, len(n.Name), MaxName)
	}
	return nil
}

// vertexSet writes places in the dictionary, ascending, as differences.
func vertexSet(p *packer, vs []uint32, num places) {
	places := make([]uint32, len(vs))
	for i, v := range vs {
		places[i] = num(v)
	}
	slices.Sort(places)
	p.uint(uint64(len(places)))
	last := -1
	for _, n := range places {
		p.uint(uint64(int(n) - last - 1))
		last = int(n)
	}
}

// readVertexSet reads what vertexSet wrote, of a dictionary with n entries.
func readVertexSet(u *unpacker, n int, least int) []uint32 {
	count := u.count(1, "number of vertices")
	if count < least {
		u.fail("%d vertices, want at least %d", count, least)
		return nil
	}
	if u.err != nil || count == 0 {
		return nil
	}
	out := make([]uint32, 0, count)
	last := -1
	for range count {
		last = readPlace(u, last, n)
		if u.err != nil {
			return nil
		}
		out = append(out, uint32(last))
	}
	return out
}

// readPlace reads a place in a dictionary of n entries that follows last.
func readPlace(u *unpacker, last, n int) int {
	gap := u.uint()
	if u.err == nil && gap >= uint64(n-last-1) {
		u.fail("place %d+%d in a dictionary of %d", last, gap, n)
		return 0
	}
	return last + 1 + int(gap)
}
