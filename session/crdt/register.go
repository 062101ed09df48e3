package crdt

import (
	"bytes"
	"slices"
)

// assignment is a value and the vertex that wrote it.
type assignment struct {
	v     uint32
	value []byte
}

// LWWRegister holds one value, that of the write with the greatest lamport
// number and, among equals, the greatest vertex id. A write that has seen
// another always replaces it.
type LWWRegister struct {
	set bool
	a   assignment
}

// Value returns the value, and false if nothing was ever written.
func (r *LWWRegister) Value() ([]byte, bool) { return bytes.Clone(r.a.value), r.set }

func (r *LWWRegister) take(c *context, a assignment) {
	if r.set && cmpAssignments(c, r.a, a) >= 0 {
		return
	}
	r.set, r.a = true, a
}

// cmpAssignments orders by vertex. Two values of one vertex are no honest
// history; the greater one then wins, so that merge stays a join.
func cmpAssignments(c *context, a, b assignment) int {
	if a.v == b.v {
		return bytes.Compare(a.value, b.value)
	}
	return compareVertices(c.verts[a.v], c.verts[b.v])
}

func (r *LWWRegister) encode(p *packer, _ *context, num places) {
	p.uint(uint64(num(r.a.v)))
	p.bytes(r.a.value)
}

func (r *LWWRegister) decode(u *unpacker, c *context) {
	r.set = true
	r.a.v = uint32(readPlace(u, -1, len(c.verts)))
	r.a.value = bytes.Clone(u.bytes(MaxValue, "a value"))
}

func (r *LWWRegister) check(field, *merger) error { return nil }

func (r *LWWRegister) merge(other field, m *merger) {
	if o := other.(*LWWRegister); o.set {
		r.take(m.to, assignment{m.num[o.a.v], o.a.value})
	}
}

func (r *LWWRegister) fold(*context, uint64) {}

func (r *LWWRegister) used(mark []bool) {
	if r.set {
		mark[r.a.v] = true
	}
}

func (r *LWWRegister) empty() bool { return !r.set }

type lwwDelta struct {
	set   bool
	value []byte
}

func (d *lwwDelta) encode(p *packer, _ places) { p.bytes(d.value) }

func (d *lwwDelta) decode(u *unpacker, _ int) {
	d.set = true
	d.value = bytes.Clone(u.bytes(MaxValue, "a value"))
}

func (d *lwwDelta) check(field, *applier) error { return nil }
func (d *lwwDelta) apply(f field, a *applier) {
	f.(*LWWRegister).take(a.c, assignment{a.self, d.value})
}
func (d *lwwDelta) refs(func(uint32)) {}
func (d *lwwDelta) empty() bool       { return !d.set }

// LWWEdit changes a last-writer-wins register.
type LWWEdit struct {
	*LWWRegister
	d    *lwwDelta
	self uint32
}

// Set writes value. The error is [ErrLimit] when it is longer than [MaxValue].
func (e LWWEdit) Set(value []byte) error {
	if err := checkValue(value); err != nil {
		return err
	}
	e.d.set, e.d.value = true, bytes.Clone(value)
	e.set, e.a = true, assignment{e.self, e.d.value}
	return nil
}

// MVRegister holds the values of all writes that no other write has seen: one
// as a rule, several after writes at the same time, for a person to choose from.
type MVRegister struct{ vals []assignment }

// Values returns the values in the order of their vertices' lamport numbers and
// ids; the caller can't tell the order of writes from it.
func (r *MVRegister) Values() [][]byte {
	out := make([][]byte, len(r.vals))
	for i, a := range r.vals {
		out[i] = bytes.Clone(a.value)
	}
	return out
}

func (r *MVRegister) sort(c *context) {
	slices.SortFunc(r.vals, func(a, b assignment) int { return cmpAssignments(c, a, b) })
}

func (r *MVRegister) encode(p *packer, _ *context, num places) {
	p.uint(uint64(len(r.vals)))
	last := -1
	for _, a := range r.vals {
		p.uint(uint64(int(num(a.v)) - last - 1))
		last = int(num(a.v))
		p.bytes(a.value)
	}
}

func (r *MVRegister) decode(u *unpacker, c *context) {
	last := -1
	for range u.count(2, "number of values") {
		last = readPlace(u, last, len(c.verts))
		value := bytes.Clone(u.bytes(MaxValue, "a value"))
		if u.err != nil {
			return
		}
		r.vals = append(r.vals, assignment{uint32(last), value})
	}
}

func (r *MVRegister) check(field, *merger) error { return nil }

func (r *MVRegister) merge(other field, m *merger) {
	o := other.(*MVRegister)
	var out []assignment
	mine := make(map[uint32]assignment, len(r.vals))
	for _, a := range r.vals {
		mine[a.v] = a
		if !m.fromHas[a.v] {
			out = append(out, a)
		}
	}
	for _, b := range o.vals {
		theirs := assignment{m.num[b.v], b.value}
		switch ours, both := mine[theirs.v]; {
		case both && cmpAssignments(m.to, ours, theirs) > 0:
			out = append(out, ours)
		case both || !m.toHas[b.v]:
			out = append(out, theirs)
		}
	}
	r.vals = out
	r.sort(m.to)
}

func (r *MVRegister) fold(*context, uint64) {}

func (r *MVRegister) used(mark []bool) {
	for _, a := range r.vals {
		mark[a.v] = true
	}
}

func (r *MVRegister) empty() bool { return len(r.vals) == 0 }

// mvDelta removes the values of others and may write one.
type mvDelta struct {
	set     bool
	value   []byte
	removes []uint32
}

func (d *mvDelta) encode(p *packer, num places) {
	vertexSet(p, d.removes, num)
	if d.set {
		p.uint(1)
		p.bytes(d.value)
	} else {
		p.uint(0)
	}
}

func (d *mvDelta) decode(u *unpacker, refs int) {
	d.removes = readVertexSet(u, refs, 0)
	if d.set = u.atMost(1, "presence of a value") == 1; d.set {
		d.value = bytes.Clone(u.bytes(MaxValue, "a value"))
	}
}

func (d *mvDelta) check(field, *applier) error { return nil }

func (d *mvDelta) apply(f field, a *applier) {
	r := f.(*MVRegister)
	gone := a.named(d.removes)
	r.vals = slices.DeleteFunc(r.vals, func(x assignment) bool { return gone[x.v] })
	if d.set {
		r.vals = append(r.vals, assignment{a.self, d.value})
	}
	r.sort(a.c)
}

func (d *mvDelta) refs(yield func(uint32)) {
	for _, v := range d.removes {
		yield(v)
	}
}

func (d *mvDelta) empty() bool { return !d.set && len(d.removes) == 0 }

// MVEdit changes a multi-value register.
type MVEdit struct {
	*MVRegister
	d    *mvDelta
	self uint32
}

// Set writes value in place of all values that are seen here. The error is
// [ErrLimit] when it is longer than [MaxValue].
func (e MVEdit) Set(value []byte) error {
	if err := checkValue(value); err != nil {
		return err
	}
	e.Clear()
	e.d.set, e.d.value = true, bytes.Clone(value)
	e.vals = []assignment{{e.self, e.d.value}}
	return nil
}

// Clear removes all values that are seen here.
func (e MVEdit) Clear() {
	for _, a := range e.vals {
		if a.v != e.self {
			e.d.removes = append(e.d.removes, a.v)
		}
	}
	e.d.set, e.d.value, e.vals = false, nil, nil
}
