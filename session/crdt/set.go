package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// GSet is a set of byte strings that only grows.
type GSet struct{ elems map[string]struct{} }

// Has reports whether e is in the set.
func (s *GSet) Has(e []byte) bool {
	_, ok := s.elems[string(e)]
	return ok
}

// Len is how many elements the set has.
func (s *GSet) Len() int { return len(s.elems) }

// Elements returns the elements in the order of their bytes.
func (s *GSet) Elements() [][]byte { return sortedKeys(s.elems) }

func sortedKeys[V any](m map[string]V) [][]byte {
	out := make([][]byte, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, []byte(k))
	}
	return out
}

func (s *GSet) add(e []byte) {
	if s.elems == nil {
		s.elems = map[string]struct{}{}
	}
	s.elems[string(e)] = struct{}{}
}

func (s *GSet) encode(p *packer, _ *context, _ places) { packElements(p, s.Elements()) }

func (s *GSet) decode(u *unpacker, _ *context) {
	for _, e := range readElements(u) {
		s.add(e)
	}
}

func (s *GSet) check(field, *merger) error { return nil }

func (s *GSet) merge(other field, _ *merger) {
	for e := range other.(*GSet).elems {
		s.add([]byte(e))
	}
}

func (s *GSet) fold(*context, uint64) {}
func (s *GSet) used([]bool)           {}
func (s *GSet) empty() bool           { return len(s.elems) == 0 }

// packElements writes elements, which ascend.
func packElements(p *packer, elems [][]byte) {
	p.uint(uint64(len(elems)))
	for _, e := range elems {
		p.bytes(e)
	}
}

func readElements(u *unpacker) [][]byte {
	n := u.count(1, "number of elements")
	var out [][]byte
	for i := range n {
		e := u.bytes(MaxValue, "an element")
		if u.err != nil {
			return nil
		}
		if i > 0 && bytes.Compare(out[i-1], e) >= 0 {
			u.fail("elements are double or out of order")
			return nil
		}
		out = append(out, e)
	}
	return out
}

type gsetDelta struct{ s GSet }

func (d *gsetDelta) encode(p *packer, _ places)  { d.s.encode(p, nil, nil) }
func (d *gsetDelta) decode(u *unpacker, _ int)   { d.s.decode(u, nil) }
func (d *gsetDelta) check(field, *applier) error { return nil }
func (d *gsetDelta) apply(f field, _ *applier)   { f.(*GSet).merge(&d.s, nil) }
func (d *gsetDelta) refs(func(uint32))           {}
func (d *gsetDelta) empty() bool                 { return d.s.empty() }

// GSetEdit changes a grow-only set.
type GSetEdit struct {
	*GSet
	d *gsetDelta
}

// Add puts e into the set. The error is [ErrLimit] when e is longer than
// [MaxValue].
func (e GSetEdit) Add(elem []byte) error {
	if err := checkValue(elem); err != nil {
		return err
	}
	if !e.Has(elem) {
		e.add(elem)
		e.d.s.add(elem)
	}
	return nil
}

func checkValue(v []byte) error {
	if len(v) > MaxValue {
		return fmt.Errorf("%w: a value of %d bytes, want at most %d", ErrLimit, len(v), MaxValue)
	}
	return nil
}

// ORSet is a set of byte strings from which elements can be removed. Whoever
// removes an element removes the additions that they have seen; one made
// elsewhere at the same time stays.
type ORSet struct {
	// adds holds the vertices that added an element and whose addition lives.
	adds map[string][]uint32
}

// Has reports whether e is in the set.
func (s *ORSet) Has(e []byte) bool {
	_, ok := s.adds[string(e)]
	return ok
}

// Len is how many elements the set has.
func (s *ORSet) Len() int { return len(s.adds) }

// Elements returns the elements in the order of their bytes.
func (s *ORSet) Elements() [][]byte { return sortedKeys(s.adds) }

func (s *ORSet) put(e string, vs []uint32) {
	if len(vs) == 0 {
		delete(s.adds, e)
		return
	}
	if s.adds == nil {
		s.adds = map[string][]uint32{}
	}
	s.adds[e] = vs
}

func (s *ORSet) encode(p *packer, _ *context, num places) {
	elems := s.Elements()
	p.uint(uint64(len(elems)))
	for _, e := range elems {
		p.bytes(e)
		vertexSet(p, s.adds[string(e)], num)
	}
}

func (s *ORSet) decode(u *unpacker, c *context) { s.adds = readAdditions(u, len(c.verts)) }

func readAdditions(u *unpacker, refs int) map[string][]uint32 {
	n := u.count(3, "number of elements")
	out := map[string][]uint32{}
	var last []byte
	for i := range n {
		e := u.bytes(MaxValue, "an element")
		vs := readVertexSet(u, refs, 1)
		if u.err != nil {
			return nil
		}
		if i > 0 && bytes.Compare(last, e) >= 0 {
			u.fail("elements are double or out of order")
			return nil
		}
		last = e
		out[string(e)] = vs
	}
	return out
}

func (s *ORSet) check(field, *merger) error { return nil }

func (s *ORSet) merge(other field, m *merger) {
	o := other.(*ORSet)
	for e, ours := range s.adds {
		s.put(e, joinDots(ours, o.adds[e], m))
	}
	for e, theirs := range o.adds {
		if _, ok := s.adds[e]; !ok {
			s.put(e, joinDots(nil, theirs, m))
		}
	}
}

// joinDots is the rule of all dot sets: a dot lives if both have it, or one has
// it and the other's context does not contain it. The result is ours alone.
func joinDots(ours, theirs []uint32, m *merger) []uint32 {
	var out []uint32
	mine := make(map[uint32]bool, len(ours))
	for _, v := range ours {
		if mine[v] = true; !m.fromHas[v] {
			out = append(out, v)
		}
	}
	for _, v := range theirs {
		n := m.num[v]
		if !m.toHas[v] || mine[n] {
			out = append(out, n)
		}
	}
	return out
}

func (s *ORSet) fold(*context, uint64) {}

func (s *ORSet) used(mark []bool) {
	for _, vs := range s.adds {
		for _, v := range vs {
			mark[v] = true
		}
	}
}

func (s *ORSet) empty() bool { return len(s.adds) == 0 }

// orsetDelta adds elements and removes additions of others.
type orsetDelta struct {
	adds    GSet
	removes map[string][]uint32
}

func (d *orsetDelta) encode(p *packer, num places) {
	d.adds.encode(p, nil, nil)
	(&ORSet{adds: d.removes}).encode(p, nil, num)
}

func (d *orsetDelta) decode(u *unpacker, refs int) {
	d.adds.decode(u, nil)
	d.removes = readAdditions(u, refs)
}

func (d *orsetDelta) check(field, *applier) error { return nil }

func (d *orsetDelta) apply(f field, a *applier) {
	s := f.(*ORSet)
	for e, vs := range d.removes {
		gone := a.named(vs)
		s.put(e, slices.DeleteFunc(s.adds[e], func(v uint32) bool { return gone[v] }))
	}
	for e := range d.adds.elems {
		s.put(e, append(s.adds[e], a.self))
	}
}

func (d *orsetDelta) refs(yield func(uint32)) {
	for _, vs := range d.removes {
		for _, v := range vs {
			yield(v)
		}
	}
}

func (d *orsetDelta) empty() bool { return d.adds.empty() && len(d.removes) == 0 }

// ORSetEdit changes an observed-remove set.
type ORSetEdit struct {
	*ORSet
	d    *orsetDelta
	self uint32
}

// Add puts elem into the set, also against a removal made elsewhere at the same
// time. The error is [ErrLimit] when elem is longer than [MaxValue].
func (e ORSetEdit) Add(elem []byte) error {
	if err := checkValue(elem); err != nil {
		return err
	}
	e.forget(elem)
	e.d.adds.add(elem)
	e.put(string(elem), []uint32{e.self})
	return nil
}

// Remove takes elem out of the set, if it is there.
func (e ORSetEdit) Remove(elem []byte) {
	e.forget(elem)
	e.put(string(elem), nil)
}

// forget notes that the additions of elem that are seen here are to go.
func (e ORSetEdit) forget(elem []byte) {
	delete(e.d.adds.elems, string(elem))
	for _, v := range e.adds[string(elem)] {
		if v == e.self {
			continue
		}
		if e.d.removes == nil {
			e.d.removes = map[string][]uint32{}
		}
		e.d.removes[string(elem)] = append(e.d.removes[string(elem)], v)
	}
}
