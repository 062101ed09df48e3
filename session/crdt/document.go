package crdt

import (
	"errors"
	"fmt"
	"slices"
)

// Document is one replica of a document.
type Document struct {
	ctx    context
	fields map[FieldName]field
	tx     *Tx
}

// NewDocument returns an empty document.
func NewDocument() *Document {
	return &Document{ctx: newContext(), fields: map[FieldName]field{}}
}

// Base is what the document was compacted to; see [Document.Compact].
func (d *Document) Base() Base { return d.ctx.base }

// Has reports whether the document's causal context contains v.
func (d *Document) Has(v Vertex) bool { return d.ctx.has(v) }

// Context returns the vertices that changed the document and that the base does
// not stand for, by lamport number and id.
func (d *Document) Context() []Vertex {
	var out []Vertex
	for _, n := range d.ctx.sorted() {
		if !d.ctx.folded[n] {
			out = append(out, d.ctx.verts[n])
		}
	}
	return out
}

// Fields returns the names of the fields that hold anything, in order.
func (d *Document) Fields() []FieldName {
	var out []FieldName
	for n, f := range d.fields {
		if !f.empty() {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, compareNames)
	return out
}

func read[F field](d *Document, k Kind, name string) F {
	if f, ok := d.fields[FieldName{k, name}]; ok {
		return f.(F)
	}
	return newField(k).(F)
}

// GCounter returns the grow-only counter of that name, for reading. It follows
// the document until the next [Document.Merge] or [Document.Compact]; so do all
// others. A field that was never written is empty.
func (d *Document) GCounter(name string) *GCounter { return read[*GCounter](d, KindGCounter, name) }

// PNCounter returns the counter of that name, for reading.
func (d *Document) PNCounter(name string) *PNCounter {
	return read[*PNCounter](d, KindPNCounter, name)
}

// GSet returns the grow-only set of that name, for reading.
func (d *Document) GSet(name string) *GSet { return read[*GSet](d, KindGSet, name) }

// ORSet returns the observed-remove set of that name, for reading.
func (d *Document) ORSet(name string) *ORSet { return read[*ORSet](d, KindORSet, name) }

// LWW returns the last-writer-wins register of that name, for reading.
func (d *Document) LWW(name string) *LWWRegister { return read[*LWWRegister](d, KindLWW, name) }

// MV returns the multi-value register of that name, for reading.
func (d *Document) MV(name string) *MVRegister { return read[*MVRegister](d, KindMV, name) }

// Text returns the text of that name, for reading.
func (d *Document) Text(name string) *Text { return read[*Text](d, KindText, name) }

// List returns the list of that name, for reading.
func (d *Document) List(name string) *List { return read[*List](d, KindList, name) }

func (d *Document) field(n FieldName) field {
	f, ok := d.fields[n]
	if !ok {
		f = newField(n.Kind)
		d.fields[n] = f
	}
	return f
}

// Merge joins all that other knows into d; other stays as it is. The order of
// merges, and merging twice, make no difference. Where one was compacted
// further than the other, the result is compacted as far.
//
// Errors: [ErrDiverged], [ErrInvalid] when other was no honest state, [ErrOpen]
// during an edit of either.
func (d *Document) Merge(other *Document) error {
	if d.tx != nil || other.tx != nil {
		return ErrOpen
	}
	line := max(d.ctx.base.Lamport, other.ctx.base.Lamport)
	if ours, theirs := d.ctx.advance(line), other.ctx.advance(line); ours != theirs {
		// A stable line is below whatever one side has and the other lacks, so one
		// of them is merely behind: it has less below the line, and nothing above
		// it that the other lacks.
		switch {
		case theirs.Count < ours.Count && other.within(d):
			return nil
		case ours.Count < theirs.Count && d.within(other):
			return d.become(other)
		}
		return fmt.Errorf("%w: %d and %d vertices up to lamport number %d", ErrDiverged, ours.Count, theirs.Count, line)
	}
	size, top := len(d.ctx.verts), d.ctx.top
	m := d.merger(other)
	if err := d.checkMerge(other, m); err != nil {
		d.ctx.forget(size, top)
		return err
	}
	d.foldTo(line)
	for n, f := range other.fields {
		d.field(n).merge(f, m)
	}
	for n, f := range d.fields {
		if _, ok := other.fields[n]; !ok {
			f.merge(newField(n.Kind), m) // what the other has removed altogether
		}
	}
	return nil
}

func (d *Document) checkMerge(other *Document, m *merger) error {
	for n, v := range other.ctx.verts {
		if d.ctx.verts[m.num[n]] != v {
			return fmt.Errorf("%w: vertex %x has lamport number %d there and %d here", ErrInvalid, v.ID[:8], v.Lamport, d.ctx.verts[m.num[n]].Lamport)
		}
	}
	n := len(d.fields)
	for name, f := range other.fields {
		if _, ok := d.fields[name]; !ok {
			n++
		}
		if err := d.peek(name).check(f, m); err != nil {
			return err
		}
	}
	if n > MaxFields {
		return fmt.Errorf("%w: %d fields, want at most %d", ErrLimit, n, MaxFields)
	}
	return nil
}

// within reports whether o's context contains d's.
func (d *Document) within(o *Document) bool {
	for n, v := range d.ctx.verts {
		if !d.ctx.folded[n] && !o.ctx.has(v) {
			return false
		}
	}
	return true
}

// become makes d a copy of other.
func (d *Document) become(other *Document) error {
	data, err := other.Encode()
	if err != nil {
		return err
	}
	c, err := Decode(data)
	if err != nil {
		return err
	}
	*d = *c
	return nil
}

// merger numbers other's vertices as d's, of which those that were unknown are
// new.
func (d *Document) merger(other *Document) *merger {
	m := &merger{
		to: &d.ctx, from: &other.ctx,
		num:      make([]uint32, len(other.ctx.verts)),
		toHas:    make([]bool, len(other.ctx.verts)),
		fromHas:  make([]bool, len(d.ctx.verts)),
		takeBase: other.ctx.base.Lamport >= d.ctx.base.Lamport,
	}
	for n, v := range d.ctx.verts {
		m.fromHas[n] = other.ctx.has(v)
	}
	for n, v := range other.ctx.verts {
		m.toHas[n] = d.ctx.has(v)
		if have, ok := d.ctx.index[v.ID]; ok {
			m.num[n] = have
		} else {
			m.num[n] = d.ctx.add(v)
		}
	}
	return m
}

// foldTo moves the base up to line.
func (d *Document) foldTo(line uint64) {
	if line <= d.ctx.base.Lamport {
		return
	}
	d.ctx.base = d.ctx.advance(line)
	for _, f := range d.fields {
		f.fold(&d.ctx, line)
	}
	for n, v := range d.ctx.verts {
		d.ctx.folded[n] = v.Lamport <= line
	}
}

// Compact makes the base stand for all vertices with a lamport number up to
// line: their ids are forgotten unless something of them lives, and counters add
// them up. What the document shows stays the same.
//
// line must be stable: whatever vertex will yet be applied anywhere has a
// greater lamport number or is here already. That holds once every device that
// may write has authored a vertex that descends from all vertices up to line,
// or once a committee has made them final and the space refuses others. Replicas
// need not compact at the same time or at the same lines. A vertex that comes
// below a line in spite of that, from an author who forked below what they had
// acknowledged, changes nothing where the line was drawn; who had applied it
// before finds [ErrDiverged] on merging.
func (d *Document) Compact(line uint64) error {
	if d.tx != nil {
		return ErrOpen
	}
	d.foldTo(line)
	return d.become(d) // without the table's forgotten vertices
}

// Apply applies the delta that vertex v carries, and reports whether v was new.
// A vertex that the context contains changes nothing. past says which vertices
// v descends from; a delta that names any other is invalid.
//
// Errors: [ErrInvalid], [ErrMissing], [ErrOpen], [ErrLimit]; then nothing has
// changed.
func (d *Document) Apply(v Vertex, data []byte, past Past) (bool, error) {
	p, err := d.prepare(v, data, past)
	if err != nil || p == nil {
		return false, err
	}
	p.apply()
	return true, nil
}

// prepared is a delta that has been checked against the document it is for.
type prepared struct {
	doc    *Document
	vertex Vertex
	fields []fieldDelta
	a      *applier
}

// prepare checks a delta; nil means that there is nothing to do.
func (d *Document) prepare(v Vertex, data []byte, past Past) (*prepared, error) {
	if d.tx != nil {
		return nil, ErrOpen
	}
	if v.Lamport == 0 || v.Lamport > MaxLamport {
		return nil, fmt.Errorf("%w: lamport number %d, want 1 to 2^53-1", ErrInvalid, v.Lamport)
	}
	if d.ctx.has(v) {
		return nil, nil
	}
	x, err := decodeDelta(data)
	if err != nil {
		return nil, err
	}
	a := &applier{c: &d.ctx, self: uint32(len(d.ctx.verts)), num: make([]uint32, len(x.refs))}
	for i, ref := range x.refs {
		n, known := d.ctx.index[ref.ID]
		switch {
		case known && d.ctx.verts[n] != ref || ref.Lamport >= v.Lamport || !past(ref):
			return nil, fmt.Errorf("%w: the delta names vertex %x, which is no ancestor of its own", ErrInvalid, ref.ID[:8])
		case known:
			a.num[i] = n
		case ref.Lamport <= d.ctx.base.Lamport:
			a.num[i] = absent
		default:
			return nil, fmt.Errorf("%w: %x at lamport number %d", ErrMissing, ref.ID[:8], ref.Lamport)
		}
	}
	fields := len(d.fields)
	for _, f := range x.fields {
		if err := f.delta.check(d.peek(f.name), a); err != nil {
			return nil, err
		}
		if _, ok := d.fields[f.name]; !ok {
			fields++
		}
	}
	if fields > MaxFields {
		return nil, fmt.Errorf("%w: %d fields, want at most %d", ErrLimit, fields, MaxFields)
	}
	return &prepared{d, v, x.fields, a}, nil
}

func (p *prepared) apply() {
	p.doc.ctx.add(p.vertex)
	for _, f := range p.fields {
		f.delta.apply(p.doc.field(f.name), p.a)
	}
}

// peek returns a field without making it.
func (d *Document) peek(n FieldName) field {
	if f, ok := d.fields[n]; ok {
		return f
	}
	return newField(n.Kind)
}

// MergeState decodes a state and merges it.
func (d *Document) MergeState(data []byte) error {
	other, err := Decode(data)
	if err != nil {
		return err
	}
	if len(d.ctx.verts) == 0 && d.ctx.base.Lamport == 0 && d.tx == nil {
		*d = *other
		return nil
	}
	return d.Merge(other)
}

// Equal reports whether two documents have the same state.
func (d *Document) Equal(other *Document) bool {
	a, errA := d.Encode()
	b, errB := other.Encode()
	return errors.Join(errA, errB) == nil && slices.Equal(a, b)
}
