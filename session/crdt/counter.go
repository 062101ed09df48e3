package crdt

import (
	"fmt"
	"slices"
)

// amounts is what was added and taken away.
type amounts struct{ up, down uint64 }

// tally is the state of both counters: a sum for the vertices below the base,
// and what each other vertex did.
type tally struct {
	base amounts
	by   map[uint32]amounts
}

func add(a, b uint64) uint64 { return min(a+b, MaxSum) }

func (t *tally) total() amounts {
	sum := t.base
	for _, a := range t.by { // addition that stops at a limit is commutative
		sum.up, sum.down = add(sum.up, a.up), add(sum.down, a.down)
	}
	return sum
}

func (t *tally) set(v uint32, a amounts) {
	if t.by == nil {
		t.by = map[uint32]amounts{}
	}
	t.by[v] = a
}

func (t *tally) empty() bool { return len(t.by) == 0 && t.base == amounts{} }

func (t *tally) used(mark []bool) {
	for v := range t.by {
		mark[v] = true
	}
}

func (t *tally) fold(c *context, line uint64) {
	for v, a := range t.by {
		if c.verts[v].Lamport <= line {
			t.base.up, t.base.down = add(t.base.up, a.up), add(t.base.down, a.down)
			delete(t.by, v)
		}
	}
}

func (t *tally) merge(o *tally, m *merger) {
	if m.takeBase {
		t.base.up, t.base.down = max(t.base.up, o.base.up), max(t.base.down, o.base.down)
	}
	for v, a := range o.by {
		if m.from.verts[v].Lamport <= m.to.base.Lamport {
			continue // in our base already
		}
		have := t.by[m.num[v]]
		t.set(m.num[v], amounts{max(a.up, have.up), max(a.down, have.down)})
	}
}

func (t *tally) encode(p *packer, num places, grow bool) {
	write := func(a amounts) {
		p.uint(a.up)
		if !grow {
			p.uint(a.down)
		}
	}
	write(t.base)
	vs := make([]uint32, 0, len(t.by))
	for v := range t.by {
		vs = append(vs, v)
	}
	slices.SortFunc(vs, func(a, b uint32) int { return int(num(a)) - int(num(b)) })
	p.uint(uint64(len(vs)))
	last := -1
	for _, v := range vs {
		p.uint(uint64(int(num(v)) - last - 1))
		last = int(num(v))
		write(t.by[v])
	}
}

func (t *tally) decode(u *unpacker, c *context, grow bool) {
	read := func(limit uint64) (a amounts) {
		a.up = u.atMost(limit, "a counter's amount")
		if !grow {
			a.down = u.atMost(limit, "a counter's amount")
		}
		return a
	}
	t.base = read(MaxSum)
	if t.base != (amounts{}) && c.base.Lamport == 0 {
		u.fail("a counter has a base, the document none")
	}
	last := -1
	for range u.count(2, "number of counts") {
		last = readPlace(u, last, len(c.verts))
		a := read(MaxAmount)
		if u.err != nil {
			return
		}
		if (a == amounts{}) || c.folded[last] {
			u.fail("an empty count, or one below the base")
			return
		}
		t.set(uint32(last), a)
	}
}

// GCounter is a counter that only grows.
type GCounter struct{ t tally }

// Value is the sum of all increments; it stops at [MaxSum].
func (g *GCounter) Value() uint64 { return g.t.total().up }

func (g *GCounter) encode(p *packer, _ *context, num places) { g.t.encode(p, num, true) }
func (g *GCounter) decode(u *unpacker, c *context)           { g.t.decode(u, c, true) }
func (g *GCounter) check(field, *merger) error               { return nil }
func (g *GCounter) merge(other field, m *merger)             { g.t.merge(&other.(*GCounter).t, m) }
func (g *GCounter) fold(c *context, line uint64)             { g.t.fold(c, line) }
func (g *GCounter) used(mark []bool)                         { g.t.used(mark) }
func (g *GCounter) empty() bool                              { return g.t.empty() }

// PNCounter is a counter that goes up and down.
type PNCounter struct{ t tally }

// Value is the sum of all increments less the sum of all decrements, each of
// which stops at [MaxSum].
func (n *PNCounter) Value() int64 {
	a := n.t.total()
	return int64(a.up) - int64(a.down)
}

func (n *PNCounter) encode(p *packer, _ *context, num places) { n.t.encode(p, num, false) }
func (n *PNCounter) decode(u *unpacker, c *context)           { n.t.decode(u, c, false) }
func (n *PNCounter) check(field, *merger) error               { return nil }
func (n *PNCounter) merge(other field, m *merger)             { n.t.merge(&other.(*PNCounter).t, m) }
func (n *PNCounter) fold(c *context, line uint64)             { n.t.fold(c, line) }
func (n *PNCounter) used(mark []bool)                         { n.t.used(mark) }
func (n *PNCounter) empty() bool                              { return n.t.empty() }

type counterDelta struct {
	grow bool
	a    amounts
}

func (d *counterDelta) encode(p *packer, _ places) {
	p.uint(d.a.up)
	if !d.grow {
		p.uint(d.a.down)
	}
}

func (d *counterDelta) decode(u *unpacker, _ int) {
	d.a.up = u.atMost(MaxAmount, "a counter's amount")
	if !d.grow {
		d.a.down = u.atMost(MaxAmount, "a counter's amount")
	}
}

func (d *counterDelta) check(field, *applier) error { return nil }

func (d *counterDelta) apply(f field, a *applier) {
	switch f := f.(type) {
	case *GCounter:
		f.t.set(a.self, d.a)
	case *PNCounter:
		f.t.set(a.self, d.a)
	}
}

func (d *counterDelta) refs(func(uint32)) {}
func (d *counterDelta) empty() bool       { return d.a == amounts{} }

// GCounterEdit changes a grow-only counter.
type GCounterEdit struct {
	*GCounter
	d    *counterDelta
	self uint32
}

// Add adds n. The error is [ErrLimit] when this edit adds more than
// [MaxAmount] in all.
func (e GCounterEdit) Add(n uint64) error { return addTo(&e.t, e.d, e.self, n, 0) }

// PNCounterEdit changes a counter that goes both ways.
type PNCounterEdit struct {
	*PNCounter
	d    *counterDelta
	self uint32
}

// Add adds n, which may be negative. The error is [ErrLimit] when this edit
// adds or takes more than [MaxAmount] in all.
func (e PNCounterEdit) Add(n int64) error {
	if n < 0 {
		return addTo(&e.t, e.d, e.self, 0, uint64(-n))
	}
	return addTo(&e.t, e.d, e.self, uint64(n), 0)
}

func addTo(t *tally, d *counterDelta, self uint32, up, down uint64) error {
	if up > MaxAmount-d.a.up || down > MaxAmount-d.a.down {
		return fmt.Errorf("%w: one edit changes a counter by at most %d", ErrLimit, uint64(MaxAmount))
	}
	d.a.up, d.a.down = d.a.up+up, d.a.down+down
	if !d.empty() {
		t.set(self, d.a)
	}
	return nil
}
