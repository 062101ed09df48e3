package crdt

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// run is a run of elements as a delta and a state carry it: each but the first
// is the right child of the one before it and has its right origin.
type run struct {
	n      uint32
	parent dot
	right  dot // if given, else it is the parent's right origin
	left   bool
	given  bool
}

// elements is a range of elements of one vertex.
type elements struct{ v, off, n uint32 }

// seqDelta is what one vertex changes in a text or list: its own elements, of
// which some may be deleted again, and elements of others that it deletes.
type seqDelta struct {
	text    bool
	count   uint32 // of own elements
	runs    []run  // own elements are named by vertex own
	alive   []uint32
	c       content
	removes []elements
}

// own stands for the delta's own vertex.
const own = ^uint32(1)

func (d *seqDelta) removed(v, off, n uint32) {
	if k := len(d.removes) - 1; k >= 0 {
		switch r := &d.removes[k]; {
		case r.v == v && r.off+r.n == off:
			r.n += n
			return
		case r.v == v && off+n == r.off:
			r.off, r.n = off, r.n+n
			return
		}
	}
	d.removes = append(d.removes, elements{v, off, n})
}

// collect fills the delta with the elements of vertex self in a.
func (d *seqDelta) collect(a *array, self uint32) {
	d.runs, d.alive, d.c = nil, nil, content{}
	rename := func(e dot) dot {
		if e.v == self {
			e.v = own
		}
		return e
	}
	var marks stripes
	for i, h := range a.q.vertexSpans(self) {
		s := &a.q.spans[h]
		marks.add(!s.dead, s.n)
		if !s.dead {
			c := a.contentOf(s)
			d.c.chars = append(d.c.chars, c.chars...)
			d.c.vals = append(d.c.vals, c.vals...)
		}
		if i > 0 && s.follows(&a.q.spans[a.q.by[self][i-1]]) {
			d.runs[len(d.runs)-1].n += s.n
			continue
		}
		given := !s.left && s.right != a.q.rightOf(s.parent)
		d.runs = append(d.runs, run{n: s.n, parent: rename(s.parent), right: rename(s.right), left: s.left, given: given})
	}
	d.alive = marks.n
	slices.SortFunc(d.removes, func(a, b elements) int { return cmp.Or(cmp.Compare(a.v, b.v), cmp.Compare(a.off, b.off)) })
	sorted := d.removes
	d.removes = nil
	for _, r := range sorted {
		d.removed(r.v, r.off, r.n)
	}
}

// stripes are lengths of stretches that are alive and deleted by turns, the
// first alive.
type stripes struct {
	n    []uint32
	dead bool // what the last stretch is
}

func (s *stripes) add(alive bool, n uint32) {
	if len(s.n) == 0 {
		s.n = append(s.n, 0)
	}
	if alive == s.dead {
		s.n = append(s.n, 0)
		s.dead = !s.dead
	}
	s.n[len(s.n)-1] += n
}

func (s *stripes) encode(p *packer) {
	for _, n := range s.n {
		p.uint(uint64(n))
	}
}

// readStripes reads stretches that make up total elements, and how many of
// those are alive.
func readStripes(u *unpacker, total uint64) (out []uint32, alive uint64) {
	for sum := uint64(0); sum < total; {
		n := u.atMost(total-sum, "a stretch of elements")
		if n == 0 && len(out) > 0 {
			u.fail("an empty stretch of elements")
		}
		if u.err != nil {
			return nil, 0
		}
		if len(out)%2 == 0 {
			alive += n
		}
		out = append(out, uint32(n))
		sum += n
	}
	return out, alive
}

func packContent(p *packer, text bool, c content) {
	if text {
		p.bytes(c.chars)
		return
	}
	for _, v := range c.vals {
		p.bytes(v)
	}
}

// readContent reads the content of n elements. Of a text it shares memory with
// the input.
func readContent(u *unpacker, text bool, n uint64) (c content) {
	if text {
		c.chars = u.bytes(MaxState, "a text")
		if size, ok := runes(c.chars, int(min(n, uint64(len(c.chars))))); u.err == nil && (!ok || size != len(c.chars) || n > uint64(len(c.chars))) {
			u.fail("a text of %d bytes is not %d characters of UTF-8", len(c.chars), n)
		}
		return c
	}
	if n > uint64(len(u.b)) {
		u.fail("%d values in %d bytes", n, len(u.b))
		return c
	}
	for range n {
		c.vals = append(c.vals, bytes.Clone(u.bytes(MaxValue, "a value")))
		if u.err != nil {
			return content{}
		}
	}
	return c
}

func (d *seqDelta) encode(p *packer, num places) {
	p.uint(uint64(len(d.runs)))
	at := uint32(0)
	ref := func(e dot) {
		switch {
		case e == noElem:
			p.uint(0)
		case e.v == own:
			p.uint(uint64(at-e.i)*2 - 1)
		default:
			p.uint(uint64(num(e.v)+1) * 2)
			p.uint(uint64(e.i))
		}
	}
	for _, r := range d.runs {
		p.uint(runHead(r))
		ref(r.parent)
		if r.given {
			ref(r.right)
		}
		at += r.n
	}
	(&stripes{n: d.alive}).encode(p)
	packContent(p, d.text, d.c)
	d.encodeRemoves(p, num)
}

func runHead(r run) uint64 {
	h := uint64(r.n-1) << 2
	if r.given {
		h |= 2
	}
	if r.left {
		h |= 1
	}
	return h
}

func readRunHead(u *unpacker, most uint64) (r run) {
	h := u.uint()
	if h>>2 >= most {
		u.fail("a run of %d elements, want at most %d", h>>2+1, most)
		return r
	}
	r = run{n: uint32(h>>2) + 1, given: h&2 != 0, left: h&1 != 0}
	if r.left && r.given {
		u.fail("a left child has a right origin of its own")
	}
	return r
}

func (d *seqDelta) encodeRemoves(p *packer, num places) {
	removes := slices.Clone(d.removes)
	slices.SortFunc(removes, func(a, b elements) int {
		return cmp.Or(cmp.Compare(num(a.v), num(b.v)), cmp.Compare(a.off, b.off))
	})
	p.uint(uint64(len(removes)))
	last := elements{}
	for i, r := range removes {
		// The distance from the last place, then from the end of the last range.
		v := num(r.v)
		switch {
		case i == 0:
			p.uint(uint64(v) + 1)
			p.uint(uint64(r.off))
		case v == last.v:
			p.uint(0)
			p.uint(uint64(r.off - last.off - last.n - 1))
		default:
			p.uint(uint64(v - last.v))
			p.uint(uint64(r.off))
		}
		p.uint(uint64(r.n - 1))
		last = elements{v, r.off, r.n}
	}
}

func (d *seqDelta) decodeRemoves(u *unpacker, refs int) {
	last := elements{}
	for i := range u.count(3, "number of deleted ranges") {
		step := u.atMost(uint64(refs), "a step in the dictionary")
		off := u.atMost(MaxElements, "an element's index")
		n := u.atMost(MaxElements, "a range") + 1
		if u.err != nil {
			return
		}
		v := last.v + uint32(step)
		switch {
		case i == 0 && step == 0:
			u.fail("the first range names no vertex")
			return
		case i == 0:
			v--
		case step == 0:
			off += uint64(last.off) + uint64(last.n) + 1
		}
		if v >= uint32(refs) {
			u.fail("a deleted range's place in the dictionary is %d of %d", v, refs)
			return
		}
		if off+n > MaxElements {
			u.fail("a deleted range ends at %d, want at most %d", off+n, MaxElements)
			return
		}
		last = elements{v, uint32(off), uint32(n)}
		d.removes = append(d.removes, last)
	}
}

func (d *seqDelta) decode(u *unpacker, refs int) {
	ref := func() dot {
		switch r := u.uint(); {
		case r == 0:
			return noElem
		case r%2 == 1:
			if r/2 >= uint64(d.count) {
				u.fail("an element hangs on one %d before the first", r/2+1-uint64(d.count))
				return noElem
			}
			return dot{own, d.count - uint32(r/2) - 1}
		case r/2 > uint64(refs):
			u.fail("place %d in a dictionary of %d", r/2-1, refs)
			return noElem
		default:
			return dot{uint32(r/2) - 1, uint32(u.atMost(MaxElements-1, "an element's index"))}
		}
	}
	for range u.count(2, "number of runs") {
		r := readRunHead(u, uint64(MaxElements-d.count))
		r.parent = ref()
		if r.given {
			r.right = ref()
		}
		if r.left && r.parent == noElem {
			u.fail("a left child of the beginning")
		}
		if u.err != nil {
			return
		}
		d.runs = append(d.runs, r)
		d.count += r.n
	}
	if !oneOnEachSide(d.runs, own) {
		u.fail("two elements hang on one side of an element")
	}
	var alive uint64
	d.alive, alive = readStripes(u, uint64(d.count))
	d.c = readContent(u, d.text, alive)
	d.c.chars = bytes.Clone(d.c.chars)
	d.decodeRemoves(u, refs)
}

// oneOnEachSide reports whether vertex v, whose runs these are, hangs at most
// one element on each side of any. Nobody who sees their own first one would
// hang a second beside it; without the rule a vertex could make thousands of
// siblings, and whoever inserts among them would pay for all.
func oneOnEachSide(runs []run, v uint32) bool {
	sides := make([]side, len(runs))
	ends := make([]uint32, len(runs)) // behind the last element of each run
	off := uint32(0)
	for i, r := range runs {
		off += r.n
		sides[i], ends[i] = side{r.parent, r.left}, off
	}
	for _, s := range sides {
		if s.of.v != v || s.left {
			continue
		}
		// The next element of the run is a right child already.
		if _, last := slices.BinarySearch(ends, s.of.i+1); !last {
			return false
		}
	}
	slices.SortFunc(sides, func(a, b side) int {
		if c := cmp.Or(cmp.Compare(a.of.v, b.of.v), cmp.Compare(a.of.i, b.of.i)); c != 0 || a.left == b.left {
			return c
		}
		if a.left {
			return -1
		}
		return 1
	})
	return len(slices.Compact(sides)) == len(runs)
}

// translate names e as in the document; ok is false when it is not there.
func (a *applier) translate(q *sequence, e dot, count uint32) (dot, bool) {
	switch {
	case e == noElem:
		return e, true
	case e.v == own:
		return dot{a.self, e.i}, e.i < count
	case a.num[e.v] == absent:
		return e, false
	}
	e.v = a.num[e.v]
	return e, q.find(e) >= 0
}

func (d *seqDelta) check(f field, a *applier) error {
	q := &f.(interface{ base() *array }).base().q
	for _, r := range d.runs {
		_, ok := a.translate(q, r.parent, d.count)
		if ok && r.given {
			_, ok = a.translate(q, r.right, d.count)
		}
		if !ok {
			return fmt.Errorf("%w: an element hangs on one that its vertex does not have", ErrInvalid)
		}
	}
	for _, r := range d.removes {
		if n := a.num[r.v]; n == absent || q.elements(n) < r.off+r.n {
			return fmt.Errorf("%w: elements to delete that their vertex does not have", ErrInvalid)
		}
	}
	return nil
}

func (d *seqDelta) apply(f field, a *applier) {
	arr := f.(interface{ base() *array }).base()
	cutter := stripeCutter{stripes: d.alive, c: d.c, text: d.text}
	off := uint32(0)
	for _, r := range d.runs {
		parent, _ := a.translate(&arr.q, r.parent, d.count)
		right := parent
		switch {
		case r.given:
			right, _ = a.translate(&arr.q, r.right, d.count)
		case !r.left:
			right = arr.q.rightOf(parent)
		}
		arr.addRun(a.c, span{v: a.self, off: off, n: r.n, parent: parent, right: right, left: r.left}, &cutter)
		off += r.n
	}
	for _, r := range d.removes {
		arr.q.killRange(a.num[r.v], r.off, r.n)
	}
	arr.tidy()
}

// addRun integrates a run of a new vertex, cut where it changes between alive
// and deleted.
func (a *array) addRun(c *context, s span, cutter *stripeCutter) {
	last := int32(-1)
	for s.n > 0 {
		piece := s
		var part content
		piece.n, piece.dead, part = cutter.next(s.n)
		if !piece.dead {
			a.store(&piece, part)
		}
		last = a.q.extend(c, last, piece)
		s.off, s.n, s.left, s.parent = s.off+piece.n, s.n-piece.n, false, piece.last()
	}
}

// stripeCutter deals out stretches and their content.
type stripeCutter struct {
	stripes []uint32
	i       int    // the present stretch
	taken   uint32 // of it
	c       content
	text    bool
}

// next returns how many of the next most elements are alike, whether they are
// deleted, and their content.
func (k *stripeCutter) next(most uint32) (n uint32, dead bool, c content) {
	for k.taken == k.stripes[k.i] {
		k.i, k.taken = k.i+1, 0
	}
	n, dead = min(most, k.stripes[k.i]-k.taken), k.i%2 == 1
	k.taken += n
	switch {
	case dead:
	case k.text:
		size, _ := runes(k.c.chars, int(n))
		c.chars, k.c.chars = k.c.chars[:size], k.c.chars[size:]
	default:
		c.vals, k.c.vals = k.c.vals[:n], k.c.vals[n:]
	}
	return n, dead, c
}

func (d *seqDelta) refs(yield func(uint32)) {
	for _, r := range d.runs {
		if r.parent.v < own {
			yield(r.parent.v)
		}
		if r.given && r.right.v < own {
			yield(r.right.v)
		}
	}
	for _, r := range d.removes {
		yield(r.v)
	}
}

func (d *seqDelta) empty() bool { return d.count == 0 && len(d.removes) == 0 }
