package crdt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// made is a vertex of a test's history: its delta and its ancestry.
type made struct {
	Vertex
	data []byte
	past map[ID]uint64 // ancestors with their lamport numbers
}

func (m *made) has(v Vertex) bool { return m.past[v.ID] == v.Lamport }

// replica is one copy and the vertices that it has.
type replica struct {
	doc  *Document
	have map[ID]uint64
}

func newReplica() *replica { return &replica{NewDocument(), map[ID]uint64{}} }

func (p *replica) clone(t testing.TB) *replica {
	c := newReplica()
	if err := c.doc.MergeState(encoded(t, p.doc)); err != nil {
		t.Fatal(err)
	}
	for id, l := range p.have {
		c.have[id] = l
	}
	return c
}

func encoded(t testing.TB, d *Document) []byte {
	t.Helper()
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// history makes vertices at random, reproducibly from its seed.
type history struct {
	t     testing.TB
	r     *rand.Rand
	kinds []Kind
	all   []*made // in an order that extends causality
	// crowded makes everybody write near the beginning of texts and lists, so
	// that insertions meet at one place, with different right origins too.
	crowded bool
}

func newHistory(t testing.TB, seed uint64, kinds ...Kind) *history {
	return &history{t: t, r: rand.New(rand.NewPCG(seed, 5)), kinds: kinds}
}

// edit makes one vertex on replica p; author only makes its id unlike others.
func (h *history) edit(author uint64, p *replica) *made {
	tx, err := p.doc.Begin()
	if err != nil {
		h.t.Fatal(err)
	}
	changes := 1 + h.r.IntN(4)
	if h.crowded {
		changes = 1
	}
	for range changes {
		if err := h.change(tx, h.kinds[h.r.IntN(len(h.kinds))]); err != nil {
			h.t.Fatal(err)
		}
	}
	data, err := tx.Delta()
	if err != nil {
		h.t.Fatal(err)
	}
	m := &made{data: data, past: map[ID]uint64{}}
	lamport := uint64(1)
	for id, l := range p.have {
		m.past[id] = l
		lamport = max(lamport, l+1)
	}
	salt := fmt.Appendf(nil, "%d/%d/", author, len(h.all)) // two forks may carry the same bytes
	m.Vertex = vertexOf(author, lamport, append(salt, data...))
	if err := tx.Commit(m.Vertex); err != nil {
		h.t.Fatal(err)
	}
	p.have[m.ID] = lamport
	h.all = append(h.all, m)
	return m
}

func (h *history) word() []byte { return []byte{'a' + byte(h.r.IntN(4))} }

func (h *history) change(tx *Tx, k Kind) error {
	switch k {
	case KindGCounter:
		e, err := tx.GCounter("f")
		if err != nil {
			return err
		}
		return e.Add(uint64(h.r.IntN(5)))
	case KindPNCounter:
		e, err := tx.PNCounter("f")
		if err != nil {
			return err
		}
		return e.Add(int64(h.r.IntN(9)) - 4)
	case KindGSet:
		e, err := tx.GSet("f")
		if err != nil {
			return err
		}
		return e.Add(append(h.word(), h.word()...))
	case KindORSet:
		e, err := tx.ORSet("f")
		if err != nil {
			return err
		}
		if h.r.IntN(5) < 2 {
			e.Remove(h.word())
			return nil
		}
		return e.Add(h.word())
	case KindLWW:
		e, err := tx.LWW("f")
		if err != nil {
			return err
		}
		return e.Set(h.word())
	case KindMV:
		e, err := tx.MV("f")
		if err != nil {
			return err
		}
		if h.r.IntN(6) == 0 {
			e.Clear()
			return nil
		}
		return e.Set(h.word())
	case KindText:
		e, err := tx.Text("f")
		if err != nil {
			return err
		}
		at, del := h.spot(e.Len())
		if h.crowded {
			return e.Splice(at, del, string(rune('a'+h.r.IntN(26))))
		}
		return e.Splice(at, del, []string{"", "x", "سلام", "typed", "😀é"}[h.r.IntN(5)])
	default:
		e, err := tx.List("f")
		if err != nil {
			return err
		}
		at, del := h.spot(e.Len())
		values := [][]byte{h.word(), h.word(), h.word()}
		return e.Splice(at, del, values[:h.r.IntN(4)]...)
	}
}

func (h *history) spot(n int) (at, del int) {
	if h.crowded {
		n = min(n, 3)
	}
	at = h.r.IntN(n + 1)
	if h.r.IntN(3) == 0 && !h.crowded {
		del = h.r.IntN(min(n-at, 4) + 1)
	}
	return at, del
}

// deliver applies to p, in an order drawn at random among the causal ones,
// every vertex of wanted that it lacks.
func (h *history) deliver(p *replica, wanted map[ID]uint64) {
	var waiting []*made
	for _, m := range h.all {
		if _, want := wanted[m.ID]; want && p.have[m.ID] == 0 {
			waiting = append(waiting, m)
		}
	}
	for len(waiting) > 0 {
		start := h.r.IntN(len(waiting))
		for k := range waiting {
			i := (start + k) % len(waiting)
			if m := waiting[i]; contains(p.have, m.past) {
				if m.data != nil {
					if _, err := p.doc.Apply(m.Vertex, m.data, m.has); err != nil {
						h.t.Fatal(err)
					}
				}
				p.have[m.ID] = m.Lamport
				waiting = slices.Delete(waiting, i, i+1)
				break
			}
		}
	}
}

func contains(have, past map[ID]uint64) bool {
	for id := range past {
		if have[id] == 0 {
			return false
		}
	}
	return true
}

// merge merges q's state into p.
func (h *history) merge(p, q *replica) {
	if err := p.doc.MergeState(encoded(h.t, q.doc)); err != nil {
		h.t.Fatal(err)
	}
	for id, l := range q.have {
		p.have[id] = l
	}
}

// wander lets replicas edit, merge, get vertices and fork for some steps.
func (h *history) wander(ps []*replica, steps int) {
	for range steps {
		i := h.r.IntN(len(ps))
		switch q := ps[h.r.IntN(len(ps))]; h.r.IntN(8) {
		case 0:
			h.merge(ps[i], q)
		case 1:
			h.deliver(ps[i], q.have)
		case 2: // a fork: two vertices of one author on one state
			other := ps[i].clone(h.t)
			h.edit(uint64(i), other)
			h.edit(uint64(i), ps[i])
			if h.r.IntN(2) == 0 {
				h.merge(q, other)
			} else {
				h.merge(ps[i], other)
			}
		default:
			h.edit(uint64(i), ps[i])
		}
	}
}

func merged(t testing.TB, a, b *Document) *Document {
	t.Helper()
	c, err := Decode(encoded(t, a))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func same(t testing.TB, seed uint64, what string, a, b *Document) {
	t.Helper()
	if x, y := encoded(t, a), encoded(t, b); !bytes.Equal(x, y) {
		t.Fatalf("seed %d: %s differ:\n%s\n%s", seed, what, show(a), show(b))
	}
}

// show is what a person would see of a document.
func show(d *Document) string {
	var b bytes.Buffer
	for _, n := range d.Fields() {
		switch f := d.fields[n].(type) {
		case *GCounter:
			fmt.Fprintf(&b, "gcounter %d ", f.Value())
		case *PNCounter:
			fmt.Fprintf(&b, "pncounter %d ", f.Value())
		case *GSet:
			fmt.Fprintf(&b, "gset %q ", f.Elements())
		case *ORSet:
			fmt.Fprintf(&b, "orset %q ", f.Elements())
		case *LWWRegister:
			v, _ := f.Value()
			fmt.Fprintf(&b, "lww %q ", v)
		case *MVRegister:
			fmt.Fprintf(&b, "mv %q ", f.Values())
		case *Text:
			fmt.Fprintf(&b, "text %q ", f.String())
		case *List:
			fmt.Fprintf(&b, "list %q ", f.Values())
		}
	}
	return b.String()
}
