package crdt

import (
	"slices"
	"sort"
)

// runChild returns the right child of e that continues e's vertex, if the next
// element of that vertex is one.
func (q *sequence) runChild(e dot) (dot, bool) {
	if e == noElem {
		return dot{}, false
	}
	next := dot{e.v, e.i + 1}
	h := q.find(next)
	if h < 0 {
		return dot{}, false
	}
	s := &q.spans[h]
	return next, s.off != next.i || !s.left && s.parent == e
}

// hasRight reports whether e has right children.
func (q *sequence) hasRight(e dot) bool {
	if _, ok := q.runChild(e); ok {
		return true
	}
	return len(q.kids[side{of: e}]) > 0
}

// integrate puts a span that came from elsewhere where the tree has it. Its
// parent and right origin must be here.
func (q *sequence) integrate(c *context, s span) int32 {
	at := side{s.parent, s.left}
	kids := q.kids[at]
	if !s.left && len(kids) == 0 {
		if e, ok := q.runChild(s.parent); ok {
			kids = []dot{e}
		} else if s.off > 0 && s.parent == (dot{s.v, s.off - 1}) {
			// A run child by its place, though with a right origin of its own.
			return q.insertAfter(q.splitAfter(s.parent), s)
		}
	}
	e := s.first()
	i := sort.Search(len(kids), func(i int) bool {
		if !s.left {
			if other := q.rightOf(kids[i]); other != s.right {
				return q.before(other, s.right)
			}
		}
		return c.compare(kids[i], e) > 0
	})
	grown := slices.Insert(kids, i, e)
	q.kids[at] = grown
	if !s.left && i == 0 {
		if s.parent == noElem {
			return q.insertAfter(-1, s)
		}
		return q.insertAfter(q.splitAfter(s.parent), s)
	}
	if !s.left {
		if s.parent != noElem {
			q.splitAfter(s.parent)
		}
		if i == len(grown)-1 {
			return q.insertAfter(q.lastBelow(grown[i-1]), s)
		}
		return q.between(grown[i-1], grown[i+1], s)
	}
	if i == len(grown)-1 {
		return q.insertBefore(q.splitBefore(s.parent), s)
	}
	if i == 0 {
		return q.insertBefore(q.firstBelow(grown[1]), s)
	}
	return q.between(grown[i-1], grown[i+1], s)
}

// climb is a walk down one edge of a subtree.
type climb struct {
	q     *sequence
	e     dot
	span  int32
	right bool
}

// step goes one element down; at the edge it reports false, and span is the
// span that stands there.
func (w *climb) step() bool {
	if !w.right {
		w.span = w.q.find(w.e)
		kids := w.q.kids[side{w.e, true}]
		if len(kids) == 0 {
			return false
		}
		w.e = kids[0]
		return true
	}
	w.span = w.q.find(w.e)
	w.e = w.q.spans[w.span].last()
	if kids := w.q.kids[side{of: w.e}]; len(kids) > 0 {
		w.e = kids[len(kids)-1]
		return true
	}
	e, ok := w.q.runChild(w.e)
	w.e = e
	return ok
}

func (q *sequence) firstBelow(e dot) int32 {
	w := climb{q: q, e: e}
	for w.step() {
	}
	return w.span
}

func (q *sequence) lastBelow(e dot) int32 {
	w := climb{q: q, e: e, right: true}
	for w.step() {
	}
	return w.span
}

// between puts s between the subtrees of two neighbours. It looks for the end
// of the one and the beginning of the other by turns, so that it costs twice
// the lesser depth: whoever wants to make it expensive has to insert as many
// elements again for each time.
func (q *sequence) between(left, right dot, s span) int32 {
	l, r := climb{q: q, e: left, right: true}, climb{q: q, e: right}
	for {
		if !l.step() {
			return q.insertAfter(l.span, s)
		}
		if !r.step() {
			return q.insertBefore(r.span, s)
		}
	}
}

// place says where in the tree an element inserted behind e goes, e being the
// beginning or the element that stands left of the cursor: h is its span.
func (q *sequence) place(e dot, h int32) (parent, right dot, left bool) {
	if e != noElem {
		if s := &q.spans[h]; e != s.last() {
			next := dot{e.v, e.i + 1}
			return next, next, true
		}
	}
	behind := noElem
	if n := q.next(h); n >= 0 {
		behind = q.spans[n].first()
	}
	if behind != noElem && q.hasRight(e) {
		return behind, behind, true
	}
	return e, behind, false
}

// insert puts n elements of vertex self, the first of them off, at visible
// index at. The content stands in the arena from start, units long.
func (q *sequence) insert(at int, self, off, n, start, units uint32) {
	e, h := noElem, int32(-1)
	var leaf, slot int32
	if at > 0 {
		var o uint32
		leaf, slot, o = q.o.seek(uint32(at - 1))
		h = q.o.leaves[leaf].spans[slot]
		e = dot{q.spans[h].v, q.spans[h].off + o}
	}
	parent, right, left := q.place(e, h)
	if h >= 0 {
		s := &q.spans[h]
		if !left && s.v == self && s.off+s.n == off && s.right == right && s.start+s.units == start {
			s.n += n
			s.units += units
			q.o.grow(leaf, slot, n)
			return
		}
	}
	s := span{v: self, off: off, n: n, start: start, units: units, parent: parent, right: right, left: left}
	if left || parent == noElem || parent != (dot{self, off - 1}) {
		at := side{parent, left}
		q.kids[at] = append(q.kids[at], s.first()) // the only one on that side
	}
	if e != noElem && e != q.spans[h].last() {
		q.split(h, e.i-q.spans[h].off+1)
	}
	q.insertAfter(h, s)
}

// kill deletes elements o to o+n of span h, which are alive.
func (q *sequence) kill(h int32, o, n uint32) {
	if o > 0 {
		if o+n == q.spans[h].n && q.growTomb(h, n) {
			return
		}
		h = q.split(h, o)
	}
	if q.spans[h].n > n {
		q.split(h, n)
	}
	s := &q.spans[h]
	q.o.grow(s.leaf, q.o.slotOf(s.leaf, h), -s.n)
	q.wasted += int(s.units)
	s.dead, s.start, s.units = true, 0, 0
	if p := q.prev(h); p >= 0 && q.spans[p].dead && q.join(p, h) {
		h = p
	}
	if x := q.next(h); x >= 0 && q.spans[x].dead {
		q.join(h, x)
	}
}

// growTomb deletes the last n elements of span h by giving them to the deleted
// span behind it, if that continues its run: what the backspace key does.
func (q *sequence) growTomb(h int32, n uint32) bool {
	x := q.next(h)
	if x < 0 {
		return false
	}
	s, t := &q.spans[h], &q.spans[x]
	if !t.dead || !t.follows(s) || len(q.kids[side{of: s.last()}]) > 0 {
		return false
	}
	keep := s.n - n
	units := q.cut(s, keep)
	q.wasted += int(s.units - units)
	s.units = units
	s.n = keep
	t.off, t.n = t.off-n, t.n+n
	t.parent = s.last()
	q.o.grow(s.leaf, q.o.slotOf(s.leaf, h), -n)
	return true
}

// join makes one span of two deleted neighbours if b continues a.
func (q *sequence) join(a, b int32) bool {
	s, t := &q.spans[a], &q.spans[b]
	if !t.follows(s) || len(q.kids[side{of: s.last()}]) > 0 {
		return false
	}
	n := t.n
	q.drop(b)
	q.spans[a].n += n
	return true
}

// killRange deletes elements off to off+n of vertex v; those that are deleted
// or not there stay so.
func (q *sequence) killRange(v, off, n uint32) {
	for end := off + n; off < end; {
		h := q.find(dot{v, off})
		if h < 0 {
			return
		}
		s := &q.spans[h]
		o := off - s.off
		k := min(s.n-o, end-off)
		off += k
		if !s.dead {
			q.kill(h, o, k)
		}
	}
}
