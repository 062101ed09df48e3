package crdt

import (
	"cmp"
	"slices"
	"sort"
)

// noElem stands for the list's beginning as a parent and for its end as a right
// origin.
var noElem = dot{^uint32(0), ^uint32(0)}

// span is a run of elements that one vertex inserted one after the other and
// that still stand side by side: each but the first is the right child of the
// one before it and has the same right origin. All are alive or all deleted.
type span struct {
	v, off, n    uint32
	start, units uint32 // content in the arena; nothing once deleted
	parent       dot    // of the first element
	right        dot    // right origin; of a left child, its parent
	leaf         int32
	left         bool // the first element is a left child
	dead         bool
}

func (s *span) first() dot { return dot{s.v, s.off} }
func (s *span) last() dot  { return dot{s.v, s.off + s.n - 1} }

func (s *span) visible() uint32 {
	if s.dead {
		return 0
	}
	return s.n
}

// follows reports whether s continues the run that p is a part of.
func (s *span) follows(p *span) bool {
	return s.v == p.v && s.off == p.off+p.n && !s.left && s.parent == p.last() && s.right == p.right
}

// side is one side of an element in the tree.
type side struct {
	of   dot
	left bool
}

// sequence is the replicated growable array without its content: a FugueMax
// tree kept as spans in list order. An element is a left or a right child of
// another or of the beginning; the list is the tree read in order. Left children of one
// element are ordered by their dots, right children by their right origins,
// the later first, and then by their dots.
//
// An element followed by others of its own run has the next one as a right
// child, which no table names. kids names all others, and that one too where
// an element has several right children; then the element is the last of its
// span.
type sequence struct {
	o      order
	spans  []span
	free   []int32
	by     [][]int32 // of each vertex its spans, ascending
	kids   map[side][]dot
	cut    func(s *span, n uint32) uint32 // units of the first n elements
	wasted int                            // units of deleted content in the arena
}

func newSequence(cut func(s *span, n uint32) uint32) sequence {
	return sequence{o: newOrder(), kids: map[side][]dot{}, cut: cut}
}

// reserve makes room in an empty sequence for so many runs, cut by so many
// stretches of deleted elements.
func (q *sequence) reserve(runs, stretches int) {
	q.spans = make([]span, 0, runs+stretches)
	q.kids = make(map[side][]dot, runs)
	q.o.leaves = append(make([]leaf, 0, 1+2*(runs+stretches)/fanout), q.o.leaves...)
}

// vertexSpans returns the spans of vertex v.
func (q *sequence) vertexSpans(v uint32) []int32 {
	if int(v) >= len(q.by) {
		return nil
	}
	return q.by[v]
}

// elements is how many elements vertex v has here.
func (q *sequence) elements(v uint32) uint32 {
	hs := q.vertexSpans(v)
	if len(hs) == 0 {
		return 0
	}
	s := &q.spans[hs[len(hs)-1]]
	return s.off + s.n
}

// find returns the span that holds e, or -1.
func (q *sequence) find(e dot) int32 {
	hs := q.vertexSpans(e.v)
	i := sort.Search(len(hs), func(i int) bool { return q.spans[hs[i]].off > e.i }) - 1
	if i < 0 {
		return -1
	}
	if s := &q.spans[hs[i]]; e.i-s.off >= s.n {
		return -1
	}
	return hs[i]
}

// rightOf returns the right origin of e.
func (q *sequence) rightOf(e dot) dot {
	if e == noElem {
		return noElem
	}
	return q.spans[q.find(e)].right
}

func (q *sequence) moved(h, leaf int32) { q.spans[h].leaf = leaf }

// put places a new span at a slot of a leaf.
func (q *sequence) put(leaf, slot int32, s span) int32 {
	h := int32(len(q.spans))
	if n := len(q.free); n > 0 {
		h, q.free = q.free[n-1], q.free[:n-1]
		q.spans[h] = s
	} else {
		q.spans = append(q.spans, s)
	}
	for int(s.v) >= len(q.by) {
		q.by = append(q.by, nil)
	}
	hs := q.by[s.v]
	i := len(hs)
	if i > 0 && q.spans[hs[i-1]].off > s.off {
		i = sort.Search(len(hs), func(i int) bool { return q.spans[hs[i]].off > s.off })
	}
	q.by[s.v] = slices.Insert(hs, i, h)
	q.o.insert(leaf, slot, h, s.visible(), q.moved)
	return h
}

// drop removes span h, which has been joined to another.
func (q *sequence) drop(h int32) {
	s := &q.spans[h]
	q.o.remove(s.leaf, q.o.slotOf(s.leaf, h))
	hs := q.by[s.v]
	i, _ := slices.BinarySearchFunc(hs, s.off, func(h int32, off uint32) int { return cmp.Compare(q.spans[h].off, off) })
	for hs[i] != h {
		i++
	}
	q.by[s.v] = slices.Delete(hs, i, i+1)
	q.free = append(q.free, h)
}

// split cuts span h before its n-th element and returns the second part.
func (q *sequence) split(h int32, n uint32) int32 {
	s := &q.spans[h]
	tail := *s
	tail.off, tail.n = s.off+n, s.n-n
	tail.parent, tail.left = dot{s.v, s.off + n - 1}, false
	if s.units > 0 {
		units := q.cut(s, n)
		tail.start, tail.units = s.start+units, s.units-units
		s.units = units
	}
	s.n = n
	leaf, slot := s.leaf, q.o.slotOf(s.leaf, h)
	if !s.dead {
		q.o.grow(leaf, slot, -tail.n)
	}
	return q.put(leaf, slot+1, tail)
}

// splitBefore makes e the first element of a span, which it returns.
func (q *sequence) splitBefore(e dot) int32 {
	h := q.find(e)
	if n := e.i - q.spans[h].off; n > 0 {
		return q.split(h, n)
	}
	return h
}

// splitAfter makes e the last element of a span, which it returns.
func (q *sequence) splitAfter(e dot) int32 {
	h := q.find(e)
	if s := &q.spans[h]; e != s.last() {
		q.split(h, e.i-s.off+1)
	}
	return h
}

// insertAfter puts s behind span h, or at the beginning if h is -1.
func (q *sequence) insertAfter(h int32, s span) int32 {
	if h < 0 {
		return q.put(0, 0, s)
	}
	leaf := q.spans[h].leaf
	return q.put(leaf, q.o.slotOf(leaf, h)+1, s)
}

// insertBefore puts s in front of span h.
func (q *sequence) insertBefore(h int32, s span) int32 {
	leaf := q.spans[h].leaf
	return q.put(leaf, q.o.slotOf(leaf, h), s)
}

// next returns the span behind h, or the first if h is -1; -1 at the end.
func (q *sequence) next(h int32) int32 {
	leaf, slot := int32(0), int32(0)
	if h >= 0 {
		leaf = q.spans[h].leaf
		slot = q.o.slotOf(leaf, h) + 1
	}
	for leaf >= 0 {
		l := &q.o.leaves[leaf]
		if slot < l.n {
			return l.spans[slot]
		}
		leaf, slot = l.next, 0
	}
	return -1
}

// prev returns the span in front of h, or -1.
func (q *sequence) prev(h int32) int32 {
	leaf := q.spans[h].leaf
	slot := q.o.slotOf(leaf, h) - 1
	for {
		if slot >= 0 {
			return q.o.leaves[leaf].spans[slot]
		}
		if leaf = q.o.leaves[leaf].prev; leaf < 0 {
			return -1
		}
		slot = q.o.leaves[leaf].n - 1
	}
}

// before reports whether a stands before b in the list, deleted or not. The end
// stands behind everything.
func (q *sequence) before(a, b dot) bool {
	switch {
	case a == b || a == noElem:
		return false
	case b == noElem:
		return true
	}
	ha, hb := q.find(a), q.find(b)
	if ha == hb {
		return a.i < b.i
	}
	return q.o.before(ha, q.spans[ha].leaf, hb, q.spans[hb].leaf)
}
