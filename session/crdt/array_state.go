package crdt

// A state carries elements by vertex, in the order of vertices (lamport number,
// id), and numbers them from 1 in that order: whatever an element hangs on has
// a lesser number than it.

// encode writes the vertices with their numbers of elements, the runs, what is
// alive, and the content of that.
func (a *array) encode(p *packer, c *context, num places) {
	order := make([]uint32, 0, len(a.q.by))
	for _, v := range c.sorted() {
		if len(a.q.vertexSpans(v)) > 0 {
			order = append(order, v)
		}
	}
	first := make([]uint64, len(c.verts)) // number of each vertex's first element
	p.uint(uint64(len(order)))
	last, total := -1, uint64(0)
	for _, v := range order {
		n := uint64(a.q.elements(v))
		first[v] = total + 1
		total += n
		p.uint(uint64(int(num(v)) - last - 1))
		p.uint(n - 1)
		last = int(num(v))
	}
	var marks stripes
	var text content
	for _, v := range order {
		hs := a.q.by[v]
		for i, j := 0, 0; i < len(hs); i = j {
			s := &a.q.spans[hs[i]]
			r := run{n: s.n, parent: s.parent, left: s.left}
			for j = i + 1; j < len(hs) && a.q.spans[hs[j]].follows(&a.q.spans[hs[j-1]]); j++ {
				r.n += a.q.spans[hs[j]].n
			}
			r.given = !s.left && s.right != a.q.rightOf(s.parent)
			p.uint(runHead(r))
			at := first[v] + uint64(s.off)
			back := func(e dot) {
				if e == noElem {
					p.uint(at)
				} else {
					p.uint(at - first[e.v] - uint64(e.i))
				}
			}
			back(s.parent)
			if r.given {
				back(s.right)
			}
		}
		for _, h := range hs {
			s := &a.q.spans[h]
			marks.add(!s.dead, s.n)
			if !s.dead {
				part := a.contentOf(s)
				text.chars = append(text.chars, part.chars...)
				text.vals = append(text.vals, part.vals...)
			}
		}
	}
	marks.encode(p)
	packContent(p, a.text, text)
}

// stateVertex is a vertex of an encoded state: its place, and the number of its
// first element.
type stateVertex struct {
	v     uint32
	first uint64
	n     uint32
}

func (a *array) decode(u *unpacker, c *context) {
	var vertices []stateVertex
	last, total := -1, uint64(0)
	for range u.count(2, "number of vertices") {
		last = readPlace(u, last, len(c.verts))
		n := u.atMost(MaxElements-1, "number of elements") + 1
		if u.err != nil {
			return
		}
		vertices = append(vertices, stateVertex{uint32(last), total + 1, uint32(n)})
		total += n
	}
	// The runs are read first, because what is alive and the content follow
	// them, and integrated then.
	runs := readStateRuns(u, vertices)
	var cutter stripeCutter
	var alive uint64
	cutter.text = a.text
	cutter.stripes, alive = readStripes(u, total)
	cutter.c = readContent(u, a.text, alive)
	if u.err != nil {
		return
	}
	a.q.reserve(len(runs), len(cutter.stripes))
	at := 0
	for _, x := range vertices {
		for off := uint32(0); off < x.n; at++ {
			r := runs[at]
			s := span{v: x.v, off: off, n: r.n, parent: r.parent, right: r.right, left: r.left}
			if !r.given && !r.left {
				s.right = a.q.rightOf(r.parent)
			}
			if redundant(&s, r, a) {
				u.fail("a run that is a part of the one before it, or a right origin that goes without saying")
				return
			}
			a.addRun(c, s, &cutter)
			off += r.n
		}
	}
}

// redundant reports whether a run could have been written shorter.
func redundant(s *span, r run, a *array) bool {
	if r.given {
		return r.right == a.q.rightOf(r.parent)
	}
	return !r.left && s.off > 0 && r.parent == dot{s.v, s.off - 1}
}

func readStateRuns(u *unpacker, vertices []stateVertex) []run {
	var runs []run
	find := func(at uint64) dot {
		back := u.atMost(at, "a distance")
		if u.err != nil || back == 0 {
			u.fail("an element hangs on itself")
			return noElem
		}
		if at == back {
			return noElem
		}
		// The vertex that holds element at-back.
		lo, hi := 0, len(vertices)
		for hi-lo > 1 {
			if mid := (lo + hi) / 2; vertices[mid].first <= at-back {
				lo = mid
			} else {
				hi = mid
			}
		}
		return dot{vertices[lo].v, uint32(at - back - vertices[lo].first)}
	}
	for _, x := range vertices {
		from := len(runs)
		for off := uint32(0); off < x.n; {
			r := readRunHead(u, uint64(x.n-off))
			at := x.first + uint64(off)
			r.parent = find(at)
			r.right = r.parent
			if r.given {
				r.right = find(at)
			}
			if r.left && r.parent == noElem {
				u.fail("a left child of the beginning")
			}
			if u.err != nil {
				return nil
			}
			runs = append(runs, r)
			off += r.n
		}
		if !oneOnEachSide(runs[from:], x.v) {
			u.fail("a vertex hangs two elements on one side of an element")
			return nil
		}
	}
	return runs
}
