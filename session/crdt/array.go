package crdt

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// array is a sequence with its content, the state of [Text] and [List]. An
// arena holds the content in the order of arrival: the characters of a text as
// UTF-8, or the values of a list.
type array struct {
	q     sequence
	text  bool
	chars []byte
	vals  [][]byte
}

func newArray(text bool) *array {
	a := &array{text: text}
	a.q = newSequence(func(s *span, n uint32) uint32 {
		if s.units == s.n {
			return n
		}
		size, _ := runes(a.chars[s.start:s.start+s.units], int(n))
		return uint32(size)
	})
	return a
}

func (a *array) arena() uint32 {
	if a.text {
		return uint32(len(a.chars))
	}
	return uint32(len(a.vals))
}

// store appends the content of n elements to the arena and sets it as that of s.
func (a *array) store(s *span, c content) {
	s.start = a.arena()
	if a.text {
		a.chars = append(a.chars, c.chars...)
	} else {
		a.vals = append(a.vals, c.vals...)
	}
	s.units = a.arena() - s.start
}

// content is the content of some elements, one after the other.
type content struct {
	chars []byte
	vals  [][]byte
}

func (a *array) contentOf(s *span) content {
	if a.text {
		return content{chars: a.chars[s.start : s.start+s.units]}
	}
	return content{vals: a.vals[s.start : s.start+s.units]}
}

// tidy writes the arena anew when more than half of it is deleted content.
func (a *array) tidy() {
	if n := a.q.wasted; n < 1<<12 || n < int(a.arena())/2 {
		return
	}
	old := *a
	a.chars, a.vals, a.q.wasted = nil, nil, 0
	a.q.each(func(s *span) {
		if !s.dead {
			a.store(s, old.contentOf(s))
		}
	})
}

// each visits the spans in list order.
func (q *sequence) each(f func(s *span)) {
	for leaf := int32(0); leaf >= 0; leaf = q.o.leaves[leaf].next {
		l := &q.o.leaves[leaf]
		for _, h := range l.spans[:l.n] {
			f(&q.spans[h])
		}
	}
}

func (a *array) check(other field, m *merger) error {
	o := other.(interface{ base() *array }).base()
	there := func(e dot) bool {
		return e == noElem || !m.toHas[e.v] || a.q.find(dot{m.num[e.v], e.i}) >= 0
	}
	for v := range o.q.by {
		if m.toHas[v] {
			continue
		}
		for _, h := range o.q.by[v] {
			if s := &o.q.spans[h]; !there(s.parent) || !there(s.right) {
				return fmt.Errorf("%w: an element hangs on one that is not here", ErrInvalid)
			}
		}
	}
	return nil
}

func (a *array) base() *array { return a }

func (a *array) merge(other field, m *merger) {
	o := other.(interface{ base() *array }).base()
	there := func(e dot) dot {
		if e == noElem {
			return e
		}
		return dot{m.num[e.v], e.i}
	}
	for _, v := range m.from.sorted() {
		hs := o.q.vertexSpans(v)
		last := int32(-1)
		for _, h := range hs {
			from := &o.q.spans[h]
			if m.toHas[v] {
				if from.dead {
					a.q.killRange(m.num[v], from.off, from.n)
				}
				continue
			}
			s := *from
			s.v, s.parent, s.right = m.num[v], there(from.parent), there(from.right)
			if !s.dead {
				a.store(&s, o.contentOf(from))
			}
			last = a.q.extend(m.to, last, s)
		}
	}
	a.tidy()
}

// extend integrates a span of a vertex that was unknown until now, behind last,
// the span before it of that vertex, or -1.
func (q *sequence) extend(c *context, last int32, s span) int32 {
	if last >= 0 && s.follows(&q.spans[last]) {
		return q.insertAfter(last, s)
	}
	return q.integrate(c, s)
}

func (a *array) fold(*context, uint64) {}

func (a *array) used(mark []bool) {
	for v, hs := range a.q.by {
		if len(hs) > 0 {
			mark[v] = true
		}
	}
}

func (a *array) empty() bool { return len(a.q.spans) == 0 }

// Len is the number of elements: characters (Unicode code points) of a text,
// values of a list.
func (a *array) Len() int { return a.q.o.total() }

// Text is a text that is edited by several hands at once. Its elements are
// Unicode code points.
type Text struct{ *array }

func newText() *Text { return &Text{newArray(true)} }

// String is the whole text.
func (t *Text) String() string {
	var b bytes.Buffer
	t.q.each(func(s *span) {
		if !s.dead {
			b.Write(t.contentOf(s).chars)
		}
	})
	return b.String()
}

// List is a list of byte strings that is edited by several hands at once.
type List struct{ *array }

func newList() *List { return &List{newArray(false)} }

// Values returns all values in order. They must not be changed.
func (l *List) Values() [][]byte {
	out := make([][]byte, 0, l.Len())
	l.q.each(func(s *span) {
		if !s.dead {
			out = append(out, l.contentOf(s).vals...)
		}
	})
	return out
}

// At returns the value at index i, which must be in [0, Len). It must not be
// changed.
func (l *List) At(i int) []byte {
	leaf, slot, o := l.q.o.seek(uint32(i))
	s := &l.q.spans[l.q.o.leaves[leaf].spans[slot]]
	return l.vals[s.start+o]
}

// edit inserts content of n elements at index at after deleting del elements
// there.
func (a *array) edit(d *seqDelta, self uint32, at, del, n int, c content) error {
	if at < 0 || del < 0 || at > a.Len() || del > a.Len()-at {
		return fmt.Errorf("%w: editing %d elements at %d of %d", ErrLimit, del, at, a.Len())
	}
	if n > MaxElements-int(d.count) {
		return fmt.Errorf("%w: one edit inserts at most %d elements", ErrLimit, MaxElements)
	}
	for del > 0 {
		leaf, slot, o := a.q.o.seek(uint32(at))
		h := a.q.o.leaves[leaf].spans[slot]
		s := &a.q.spans[h]
		k := min(uint32(del), s.n-o)
		if s.v != self {
			d.removed(s.v, s.off+o, k)
		}
		a.q.kill(h, o, k)
		del -= int(k)
	}
	if n > 0 {
		var s span
		a.store(&s, c)
		a.q.insert(at, self, d.count, uint32(n), s.start, s.units)
		d.count += uint32(n)
	}
	a.tidy()
	return nil
}

// TextEdit changes a text.
type TextEdit struct {
	*Text
	d    *seqDelta
	self uint32
}

// Splice deletes del characters at index at and inserts s there. The error is
// [ErrLimit] when the index or the number of characters is out of range, and
// [ErrInvalid] when s is not UTF-8.
func (e TextEdit) Splice(at, del int, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: text to insert is not UTF-8", ErrInvalid)
	}
	n := len(s)
	if n > 1 {
		n = utf8.RuneCountInString(s)
	}
	return e.edit(e.d, e.self, at, del, n, content{chars: []byte(s)})
}

// ListEdit changes a list.
type ListEdit struct {
	*List
	d    *seqDelta
	self uint32
}

// Splice deletes del values at index at and inserts values there. The error is
// [ErrLimit] when the index, a value's length or the number of values is out of
// range.
func (e ListEdit) Splice(at, del int, values ...[]byte) error {
	own := make([][]byte, len(values))
	for i, v := range values {
		if err := checkValue(v); err != nil {
			return err
		}
		own[i] = bytes.Clone(v)
	}
	return e.edit(e.d, e.self, at, del, len(own), content{vals: own})
}
