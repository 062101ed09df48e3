package crdt

import (
	"fmt"
	"slices"
)

// Tx is an edit: changes to a document that one vertex will carry. They show in
// the document at once. While it is open, nothing can be merged or applied;
// an edit ends by [Tx.Commit] only. When its vertex can't be made or stored, the
// document is to be loaded anew.
type Tx struct {
	doc    *Document
	self   uint32
	deltas map[FieldName]delta
	ended  bool
}

// Begin opens an edit. The error is [ErrOpen] when there is one.
func (d *Document) Begin() (*Tx, error) {
	if d.tx != nil {
		return nil, ErrOpen
	}
	d.tx = &Tx{doc: d, self: uint32(len(d.ctx.verts)), deltas: map[FieldName]delta{}}
	d.ctx.verts = append(d.ctx.verts, Vertex{})
	d.ctx.folded = append(d.ctx.folded, false)
	return d.tx, nil
}

// open returns the field of that name and what the edit changes in it.
func open[F field, D delta](t *Tx, k Kind, name string) (f F, d D, err error) {
	n := FieldName{k, name}
	if err := checkName(n); err != nil {
		return f, d, err
	}
	if t.ended {
		return f, d, fmt.Errorf("%w: the edit has been committed", ErrInvalid)
	}
	have, ok := t.deltas[n]
	if !ok {
		if _, ok := t.doc.fields[n]; !ok && len(t.doc.fields) >= MaxFields {
			return f, d, fmt.Errorf("%w: more than %d fields", ErrLimit, MaxFields)
		}
		have = newDelta(k)
		t.deltas[n] = have
	}
	return t.doc.field(n).(F), have.(D), nil
}

// GCounter returns a grow-only counter to change. The error, here and with all
// other fields, is [ErrInvalid] for a name that is empty or longer than
// [MaxName] and [ErrLimit] above [MaxFields].
func (t *Tx) GCounter(name string) (GCounterEdit, error) {
	f, d, err := open[*GCounter, *counterDelta](t, KindGCounter, name)
	return GCounterEdit{f, d, t.self}, err
}

// PNCounter returns a counter to change.
func (t *Tx) PNCounter(name string) (PNCounterEdit, error) {
	f, d, err := open[*PNCounter, *counterDelta](t, KindPNCounter, name)
	return PNCounterEdit{f, d, t.self}, err
}

// GSet returns a grow-only set to change.
func (t *Tx) GSet(name string) (GSetEdit, error) {
	f, d, err := open[*GSet, *gsetDelta](t, KindGSet, name)
	return GSetEdit{f, d}, err
}

// ORSet returns an observed-remove set to change.
func (t *Tx) ORSet(name string) (ORSetEdit, error) {
	f, d, err := open[*ORSet, *orsetDelta](t, KindORSet, name)
	return ORSetEdit{f, d, t.self}, err
}

// LWW returns a last-writer-wins register to change.
func (t *Tx) LWW(name string) (LWWEdit, error) {
	f, d, err := open[*LWWRegister, *lwwDelta](t, KindLWW, name)
	return LWWEdit{f, d, t.self}, err
}

// MV returns a multi-value register to change.
func (t *Tx) MV(name string) (MVEdit, error) {
	f, d, err := open[*MVRegister, *mvDelta](t, KindMV, name)
	return MVEdit{f, d, t.self}, err
}

// Text returns a text to change.
func (t *Tx) Text(name string) (TextEdit, error) {
	f, d, err := open[*Text, *seqDelta](t, KindText, name)
	return TextEdit{f, d, t.self}, err
}

// List returns a list to change.
func (t *Tx) List(name string) (ListEdit, error) {
	f, d, err := open[*List, *seqDelta](t, KindList, name)
	return ListEdit{f, d, t.self}, err
}

// Delta returns what the vertex of this edit must carry; nil if the edit
// changes nothing. The error is [ErrLimit] above [MaxDelta] bytes: commit more
// often.
func (t *Tx) Delta() ([]byte, error) {
	x := decodedDelta{}
	var names []FieldName
	for n, d := range t.deltas {
		if s, ok := d.(*seqDelta); ok {
			s.collect(t.doc.fields[n].(interface{ base() *array }).base(), t.self)
		}
		if !d.empty() {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.SortFunc(names, compareNames)
	for _, n := range names {
		x.fields = append(x.fields, fieldDelta{n, t.deltas[n]})
	}
	return x.encode(&t.doc.ctx)
}

// Commit ends the edit with the vertex that carries it. v must descend from
// every vertex of the document, so its lamport number is above theirs. When the
// edit changes nothing ([Tx.Delta] is nil), v does not enter the document and
// may be the zero Vertex.
func (t *Tx) Commit(v Vertex) error {
	if err := t.mayCommit(v); err != nil {
		return err
	}
	t.commit(v)
	return nil
}

func (t *Tx) mayCommit(v Vertex) error {
	if t.ended {
		return fmt.Errorf("%w: the edit has been committed", ErrInvalid)
	}
	c := &t.doc.ctx
	_, known := c.index[v.ID]
	if least := max(c.top, c.base.Lamport); !t.nothing() && (known || v.Lamport <= least || v.Lamport > MaxLamport) {
		return fmt.Errorf("%w: vertex %x at lamport number %d, want a new one above %d", ErrInvalid, v.ID[:8], v.Lamport, least)
	}
	return nil
}

func (t *Tx) commit(v Vertex) {
	c := &t.doc.ctx
	if t.nothing() {
		c.verts, c.folded = c.verts[:t.self], c.folded[:t.self]
	} else {
		c.verts[t.self], c.index[v.ID], c.top = v, t.self, v.Lamport
	}
	t.ended, t.doc.tx = true, nil
}

// nothing reports whether the edit changes nothing.
func (t *Tx) nothing() bool {
	for _, d := range t.deltas {
		if !d.empty() {
			return false
		}
	}
	return true
}
