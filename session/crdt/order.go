package crdt

// order keeps handles of spans in list order: a B+ tree whose nodes count what
// is visible below them, with the way up from every span, so that a position
// is found from an index, and which of two spans stands first, in logarithmic
// time. All links are numbers into slices, which the garbage collector need not
// follow. Leaves that run empty stay.
type order struct {
	leaves []leaf
	inner  []inner
	root   int32 // of inner, or of leaves while height is 0
	height int
}

const fanout = 32

type leaf struct {
	spans      [fanout]int32
	visible    [fanout]uint32
	n          int32
	parent     int32
	next, prev int32
}

type inner struct {
	kids    [fanout]int32
	visible [fanout]uint32
	n       int32
	parent  int32
	low     bool // kids are leaves
}

func newOrder() order {
	return order{leaves: []leaf{{parent: -1, next: -1, prev: -1}}}
}

// total is how many elements are visible.
func (o *order) total() int {
	if o.height == 0 {
		return int(sum(o.leaves[0].visible[:o.leaves[0].n]))
	}
	r := &o.inner[o.root]
	return int(sum(r.visible[:r.n]))
}

// seek returns the leaf and slot of the visible element at, counted from 0, and
// its place among the visible elements of its span. at must be below total.
func (o *order) seek(at uint32) (leafAt, slot int32, offset uint32) {
	node := o.root
	for range o.height {
		x := &o.inner[node]
		i := int32(0)
		for i < x.n-1 && at >= x.visible[i] {
			at -= x.visible[i]
			i++
		}
		node = x.kids[i]
	}
	l := &o.leaves[node]
	i := int32(0)
	for i < l.n-1 && at >= l.visible[i] {
		at -= l.visible[i]
		i++
	}
	return node, i, at
}

// slotOf returns where span h stands in leaf at.
func (o *order) slotOf(at, h int32) int32 {
	l := &o.leaves[at]
	for i := range l.n {
		if l.spans[i] == h {
			return i
		}
	}
	panic("crdt: a span is not in its leaf")
}

func (x *inner) indexOf(kid int32) int32 {
	for i := range x.n {
		if x.kids[i] == kid {
			return i
		}
	}
	panic("crdt: a node is not in its parent")
}

// grow changes the count of what is visible in a slot by diff.
func (o *order) grow(at, slot int32, diff uint32) {
	l := &o.leaves[at]
	l.visible[slot] += diff
	kid := at
	for p := l.parent; p >= 0; {
		x := &o.inner[p]
		x.visible[x.indexOf(kid)] += diff
		kid, p = p, x.parent
	}
}

// before reports whether span a, in leaf la, stands before span b, in leaf lb.
func (o *order) before(a, la, b, lb int32) bool {
	if la == lb {
		return o.slotOf(la, a) < o.slotOf(lb, b)
	}
	pa, pb := o.leaves[la].parent, o.leaves[lb].parent
	for pa != pb {
		la, lb = pa, pb
		pa, pb = o.inner[pa].parent, o.inner[pb].parent
	}
	x := &o.inner[pa]
	return x.indexOf(la) < x.indexOf(lb)
}

// insert puts span h, of which visible elements are seen, at a slot of a leaf.
// moved is called for every span that changes its leaf, h included.
func (o *order) insert(at, slot, h int32, visible uint32, moved func(h, leaf int32)) {
	if o.leaves[at].n == fanout {
		right := o.splitLeaf(at, moved)
		if slot > fanout/2 {
			at, slot = right, slot-fanout/2
		}
	}
	l := &o.leaves[at]
	copy(l.spans[slot+1:l.n+1], l.spans[slot:l.n])
	copy(l.visible[slot+1:l.n+1], l.visible[slot:l.n])
	l.spans[slot], l.visible[slot] = h, 0
	l.n++
	moved(h, at)
	if visible > 0 {
		o.grow(at, slot, visible)
	}
}

// remove takes a span with nothing visible out of its leaf.
func (o *order) remove(at, slot int32) {
	l := &o.leaves[at]
	copy(l.spans[slot:l.n-1], l.spans[slot+1:l.n])
	copy(l.visible[slot:l.n-1], l.visible[slot+1:l.n])
	l.n--
}

// splitLeaf moves the upper half of a full leaf to a new one and returns it.
func (o *order) splitLeaf(at int32, moved func(h, leaf int32)) int32 {
	n := int32(len(o.leaves))
	o.leaves = append(o.leaves, leaf{})
	l, r := &o.leaves[at], &o.leaves[n]
	r.n = int32(copy(r.spans[:], l.spans[fanout/2:]))
	copy(r.visible[:], l.visible[fanout/2:])
	l.n = fanout / 2
	r.next, r.prev, l.next = l.next, at, n
	if r.next >= 0 {
		o.leaves[r.next].prev = n
	}
	for _, h := range r.spans[:r.n] {
		moved(h, n)
	}
	right := sum(r.visible[:r.n])
	if l.parent < 0 {
		o.newRoot(at, true, right+sum(l.visible[:l.n]))
	}
	o.adopt(at, n, true, right)
	return n
}

func sum(counts []uint32) uint32 {
	var n uint32
	for _, c := range counts {
		n += c
	}
	return n
}

// newRoot puts a root above the present one, below which whole elements are
// visible; low tells whether the present one is a leaf.
func (o *order) newRoot(kid int32, low bool, whole uint32) {
	o.root = int32(len(o.inner))
	o.inner = append(o.inner, inner{n: 1, parent: -1, low: low})
	r := &o.inner[o.root]
	r.kids[0], r.visible[0] = kid, whole
	o.setParent(kid, low, o.root)
	o.height++
}

func (o *order) setParent(kid int32, low bool, parent int32) {
	if low {
		o.leaves[kid].parent = parent
	} else {
		o.inner[kid].parent = parent
	}
}

func (o *order) parent(kid int32, low bool) int32 {
	if low {
		return o.leaves[kid].parent
	}
	return o.inner[kid].parent
}

// adopt puts kid, which took count visible elements from left, its neighbour,
// beside left; low tells whether both are leaves.
func (o *order) adopt(left, kid int32, low bool, count uint32) {
	p := o.parent(left, low)
	if o.inner[p].n == fanout {
		o.splitInner(p)
		p = o.parent(left, low)
	}
	x := &o.inner[p]
	i := x.indexOf(left) + 1
	copy(x.kids[i+1:x.n+1], x.kids[i:x.n])
	copy(x.visible[i+1:x.n+1], x.visible[i:x.n])
	x.kids[i], x.visible[i] = kid, count
	x.visible[i-1] -= count
	x.n++
	o.setParent(kid, low, p)
}

func (o *order) splitInner(at int32) {
	n := int32(len(o.inner))
	o.inner = append(o.inner, inner{low: o.inner[at].low, parent: -1})
	l, r := &o.inner[at], &o.inner[n]
	r.n = int32(copy(r.kids[:], l.kids[fanout/2:]))
	copy(r.visible[:], l.visible[fanout/2:])
	l.n = fanout / 2
	for _, kid := range r.kids[:r.n] {
		o.setParent(kid, r.low, n)
	}
	right := sum(r.visible[:r.n])
	if l.parent < 0 {
		o.newRoot(at, false, right+sum(l.visible[:l.n]))
	}
	o.adopt(at, n, false, right)
}
