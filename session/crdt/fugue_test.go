package crdt

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// modelNode is an element of the model: spec/crdt.md's tree, one node for each
// character, with none of the structures that make the real one fast.
type modelNode struct {
	v             Vertex
	i             uint32
	parent, right *modelNode // nil: the beginning, the end
	left          bool
	lefts, rights []*modelNode
	dead          bool
	char          rune
}

type model struct {
	root  modelNode
	nodes map[ID][]*modelNode
}

func (n *modelNode) walk(f func(*modelNode)) {
	for _, k := range n.lefts {
		k.walk(f)
	}
	f(n)
	for _, k := range n.rights {
		k.walk(f)
	}
}

func (m *model) list() (out []*modelNode) {
	m.root.walk(func(n *modelNode) { out = append(out, n) })
	return out[1:] // without the beginning
}

func (m *model) text() string {
	var b strings.Builder
	for _, n := range m.list() {
		if !n.dead {
			b.WriteRune(n.char)
		}
	}
	return b.String()
}

func (m *model) hang(n *modelNode) {
	list := m.list()
	at := func(n *modelNode) int {
		if n == nil {
			return len(list)
		}
		return slices.Index(list, n)
	}
	parent := n.parent
	if parent == nil {
		parent = &m.root
	}
	kids := &parent.rights
	if n.left {
		kids = &parent.lefts
	}
	*kids = append(*kids, n)
	slices.SortFunc(*kids, func(a, b *modelNode) int {
		if !n.left && a.right != b.right {
			return at(b.right) - at(a.right)
		}
		if a.v != b.v {
			return compareVertices(a.v, b.v)
		}
		return int(a.i) - int(b.i)
	})
}

// apply applies a vertex's delta to the model.
func (m *model) apply(t *testing.T, x *made) {
	d, err := decodeDelta(x.data)
	if err != nil {
		t.Fatal(err)
	}
	s := d.fields[0].delta.(*seqDelta)
	node := func(e dot) *modelNode {
		switch e.v {
		case noElem.v:
			return nil
		case own:
			return m.nodes[x.ID][e.i]
		}
		return m.nodes[d.refs[e.v].ID][e.i]
	}
	alive := []rune(string(s.c.chars))
	stretch, left := -1, uint32(0)
	for _, r := range s.runs {
		parent := node(r.parent)
		var right *modelNode
		switch {
		case r.given:
			right = node(r.right)
		case r.left:
			right = parent
		case parent != nil:
			right = parent.right
		}
		for k := range r.n {
			n := &modelNode{v: x.Vertex, i: uint32(len(m.nodes[x.ID])), parent: parent, right: right, left: r.left && k == 0}
			for left == 0 {
				stretch++
				left = s.alive[stretch]
			}
			left--
			if n.dead = stretch%2 == 1; !n.dead {
				n.char, alive = alive[0], alive[1:]
			}
			m.nodes[x.ID] = append(m.nodes[x.ID], n)
			m.hang(n)
			parent = n
		}
	}
	for _, r := range s.removes {
		for k := range r.n {
			m.nodes[d.refs[r.v].ID][r.off+k].dead = true
		}
	}
}

// TestTextIsTheTreeOfTheSpec compares whole random histories with the model.
func TestTextIsTheTreeOfTheSpec(t *testing.T) {
	for seed := range cases(200) {
		h := newHistory(t, seed, KindText)
		h.crowded = seed%2 == 0
		ps := make([]*replica, 6)
		for i := range ps {
			ps[i] = newReplica()
		}
		h.wander(ps, 30)
		m := &model{nodes: map[ID][]*modelNode{}}
		all := newReplica()
		wanted := map[ID]uint64{}
		for _, x := range h.all {
			if x.data != nil {
				m.apply(t, x)
			}
			wanted[x.ID] = x.Lamport
		}
		h.deliver(all, wanted)
		if got, want := all.doc.Text("f").String(), m.text(); got != want {
			t.Fatalf("seed %d: text is\n%q, the tree says\n%q", seed, got, want)
		}
	}
}

// TestSplicesDoWhatTheySay compares a document of one hand with a plain string,
// with commits anywhere between.
func TestSplicesDoWhatTheySay(t *testing.T) {
	for seed := range cases(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		y := &typist{doc: NewDocument(), batch: 1 + r.IntN(9)}
		var want []rune
		for range 80 {
			at := r.IntN(len(want) + 1)
			if r.IntN(3) > 0 { // mostly near the end, as people type
				at = len(want) - r.IntN(min(len(want), 3)+1)
			}
			p := patch{at: at, text: []string{"", "a", "bc", "ژ", "😀"}[r.IntN(5)]}
			if r.IntN(2) == 0 {
				p.del = r.IntN(min(len(want)-at, 5) + 1)
			}
			if err := y.apply(p); err != nil {
				t.Fatal(err)
			}
			want = slices.Concat(want[:at], []rune(p.text), want[at+p.del:])
			if got := y.doc.Text("text"); got.String() != string(want) || got.Len() != len(want) {
				t.Fatalf("seed %d: %q with length %d, want %q", seed, got, got.Len(), string(want))
			}
		}
	}
}

// TestConcurrentTypingDoesNotInterleave lets two people type a word at the same
// place without seeing each other, letter by letter, forwards and backwards.
func TestConcurrentTypingDoesNotInterleave(t *testing.T) {
	for _, backwards := range []bool{false, true} {
		for seed := range uint64(50) {
			h := newHistory(t, seed, KindText)
			start := newReplica()
			typeInto(t, h, start, 0, 0, "[]")
			a, b := start.clone(t), start.clone(t)
			for k := range 6 {
				at := 1 + k
				if backwards {
					at = 1
				}
				typeInto(t, h, a, 1, at, "a")
				typeInto(t, h, b, 2, at, "b")
			}
			h.merge(a, b)
			if got := a.doc.Text("f").String(); got != "[aaaaaabbbbbb]" && got != "[bbbbbbaaaaaa]" {
				t.Fatalf("seed %d, backwards %v: %q", seed, backwards, got)
			}
		}
	}
}

func typeInto(t *testing.T, h *history, p *replica, author uint64, at int, s string) {
	t.Helper()
	tx, err := p.doc.Begin()
	if err != nil {
		t.Fatal(err)
	}
	e, err := tx.Text("f")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Splice(at, 0, s); err != nil {
		t.Fatal(err)
	}
	data, err := tx.Delta()
	if err != nil {
		t.Fatal(err)
	}
	v := vertexOf(author, uint64(len(p.have))+1, append([]byte{byte(h.r.Uint32())}, data...))
	if err := tx.Commit(v); err != nil {
		t.Fatal(err)
	}
	p.have[v.ID] = v.Lamport
}

// TestDeletedTextLeavesTheState looks for deleted words in what is stored.
func TestDeletedTextLeavesTheState(t *testing.T) {
	y := &typist{doc: NewDocument(), batch: 1}
	for _, p := range []patch{{0, 0, "keep secret this"}, {5, 7, ""}} {
		if err := y.apply(p); err != nil {
			t.Fatal(err)
		}
	}
	if data := encoded(t, y.doc); bytes.Contains(data, []byte("secret")) || !bytes.Contains(data, []byte("keep this")) {
		t.Errorf("the state holds %q", data)
	}
}

// TestSiblingsAreOrderedByTheirRightOrigins: two people write behind one letter,
// and only one of them sees what stands behind it.
func TestSiblingsAreOrderedByTheirRightOrigins(t *testing.T) {
	for seed := range uint64(40) {
		h := newHistory(t, seed, KindText)
		base := newReplica()
		typeInto(t, h, base, 0, 0, "[]")
		x, z := base.clone(t), base.clone(t)
		typeInto(t, h, x, 1, 1, "x")
		typeInto(t, h, z, 2, 1, "z")
		both := x.clone(t)
		h.merge(both, z)
		if both.doc.Text("f").String() != "[xz]" {
			continue // the ids fell the other way
		}
		typeInto(t, h, x, 3, 2, "3")
		typeInto(t, h, both, 4, 2, "4")
		for _, order := range [][2]*replica{{x, both}, {both, x}} {
			p := order[0].clone(t)
			h.merge(p, order[1])
			if got := p.doc.Text("f").String(); got != "[x34z]" {
				t.Fatalf("seed %d: %q, want [x34z]: the one whose right origin stands later goes first", seed, got)
			}
		}
	}
}
