package crdt

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// DocumentID addresses a document inside a space.
type DocumentID [32]byte

// Named is the id of the document that all members know by a name, such as
// "log", "profile" or "members". Documents that people create have random ids.
func Named(name string) DocumentID { return digest.Sum("pars document v1", name) }

// Space is the documents of a space. The zero Space is empty.
type Space struct {
	docs map[DocumentID]*Document
	tx   *SpaceTx
}

// Document returns the document with that id, or nil if nothing has created it.
func (s *Space) Document(id DocumentID) *Document { return s.docs[id] }

// IDs returns the ids of all documents, ascending.
func (s *Space) IDs() []DocumentID {
	return slices.SortedFunc(maps.Keys(s.docs), func(a, b DocumentID) int { return bytes.Compare(a[:], b[:]) })
}

// Put merges a document's state into the space: what a linked device or a
// snapshot hands over. Errors are those of [Document.MergeState].
func (s *Space) Put(id DocumentID, state []byte) error {
	if s.tx != nil {
		return ErrOpen
	}
	d := s.docs[id]
	if d == nil {
		d = NewDocument()
	}
	if err := d.MergeState(state); err != nil {
		return err
	}
	s.set(id, d)
	return nil
}

func (s *Space) set(id DocumentID, d *Document) {
	if s.docs == nil {
		s.docs = map[DocumentID]*Document{}
	}
	s.docs[id] = d
}

// changeWire is what a vertex's payload says of one document.
type changeWire struct {
	_     struct{} `cbor:",toarray"`
	ID    DocumentID
	Delta []byte
}

// Apply applies the payload of vertex v and returns the documents that it
// changed. Either all of the payload takes effect or nothing. Errors and past
// are as with [Document.Apply].
func (s *Space) Apply(v Vertex, payload []byte, past Past) ([]DocumentID, error) {
	if s.tx != nil {
		return nil, ErrOpen
	}
	changes, err := decodeChanges(payload)
	if err != nil {
		return nil, err
	}
	var ready []*prepared
	var ids []DocumentID
	for _, c := range changes {
		d := s.docs[c.ID]
		if d == nil {
			d = NewDocument()
		}
		p, err := d.prepare(v, c.Delta, past)
		if err != nil {
			return nil, fmt.Errorf("document %x: %w", c.ID[:8], err)
		}
		if p != nil {
			ready = append(ready, p)
			ids = append(ids, c.ID)
		}
	}
	for i, p := range ready {
		p.apply()
		s.set(ids[i], p.doc)
	}
	return ids, nil
}

func decodeChanges(payload []byte) ([]changeWire, error) {
	var changes []changeWire
	if err := wire.Unmarshal(payload, MaxDelta, &changes); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrInvalid, err)
	}
	if len(changes) == 0 || len(changes) > MaxDocuments {
		return nil, fmt.Errorf("%w: a payload for %d documents, want 1 to %d", ErrInvalid, len(changes), MaxDocuments)
	}
	if !slices.IsSortedFunc(changes, func(a, b changeWire) int {
		return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), -1) // a double is out of order
	}) {
		return nil, fmt.Errorf("%w: a payload's documents are double or out of order", ErrInvalid)
	}
	return changes, nil
}

// Change is what a payload says of one document.
type Change struct {
	ID DocumentID
	// Fields are those that the delta changes, by kind and then name.
	Fields []FieldName
}

// Inspect returns what a payload would change, so that a program can refuse the
// fields that it does not use. It checks everything of the payload that needs no document; the
// error matches [ErrInvalid], and [Space.Apply] would return it too.
func Inspect(payload []byte) ([]Change, error) {
	changes, err := decodeChanges(payload)
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(changes))
	for i, c := range changes {
		x, err := decodeDelta(c.Delta)
		if err != nil {
			return nil, fmt.Errorf("document %x: %w", c.ID[:8], err)
		}
		out[i].ID = c.ID
		for _, f := range x.fields {
			out[i].Fields = append(out[i].Fields, f.name)
		}
	}
	return out, nil
}

// SpaceTx is an edit of several documents that one vertex will carry.
type SpaceTx struct {
	space *Space
	txs   map[DocumentID]*Tx
}

// Begin opens an edit. The error is [ErrOpen] when there is one, here or in a
// document.
func (s *Space) Begin() (*SpaceTx, error) {
	if s.tx != nil {
		return nil, ErrOpen
	}
	s.tx = &SpaceTx{space: s, txs: map[DocumentID]*Tx{}}
	return s.tx, nil
}

// Document returns the edit of one document, which is created if it is not
// there. The edit ends with [SpaceTx.Commit], not by itself.
func (t *SpaceTx) Document(id DocumentID) (*Tx, error) {
	if tx, ok := t.txs[id]; ok {
		return tx, nil
	}
	if len(t.txs) >= MaxDocuments {
		return nil, fmt.Errorf("%w: one vertex changes at most %d documents", ErrLimit, MaxDocuments)
	}
	d := t.space.docs[id]
	if d == nil {
		d = NewDocument()
		t.space.set(id, d)
	}
	tx, err := d.Begin()
	if err != nil {
		return nil, err
	}
	t.txs[id] = tx
	return tx, nil
}

// Payload is what the vertex of this edit must carry; nil if nothing changes.
// The error is [ErrLimit] above [MaxDelta] bytes.
func (t *SpaceTx) Payload() ([]byte, error) {
	var changes []changeWire
	for id, tx := range t.txs {
		data, err := tx.Delta()
		if err != nil {
			return nil, err
		}
		if data != nil {
			changes = append(changes, changeWire{ID: id, Delta: data})
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	slices.SortFunc(changes, func(a, b changeWire) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	payload, err := wire.Marshal(changes)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxDelta {
		return nil, fmt.Errorf("%w: a payload of %d bytes, want at most %d", ErrLimit, len(payload), MaxDelta)
	}
	return payload, nil
}

// Commit ends the edit with the vertex that carries it; see [Tx.Commit]. v must
// descend from every vertex that the edited documents contain.
func (t *SpaceTx) Commit(v Vertex) error {
	for _, tx := range t.txs {
		if err := tx.mayCommit(v); err != nil {
			return err
		}
	}
	for _, tx := range t.txs {
		tx.commit(v)
	}
	t.space.tx = nil
	return nil
}
