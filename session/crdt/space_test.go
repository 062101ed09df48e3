package crdt

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := wire.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// payloadOf edits n documents in one space, which it returns with the payload.
func payloadOf(t testing.TB, n int) ([]byte, *Space) {
	t.Helper()
	var s Space
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		d, err := tx.Document(Named(string(rune('a' + i))))
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Text("body")
		if err != nil {
			t.Fatal(err)
		}
		if err := text.Splice(0, 0, "salaam"); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := tx.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(vertexOf(1, 1, payload)); err != nil {
		t.Fatal(err)
	}
	return payload, &s
}

func TestOneVertexChangesSeveralDocuments(t *testing.T) {
	payload, ours := payloadOf(t, 3)
	var theirs Space
	ids, err := theirs.Apply(vertexOf(1, 1, payload), payload, nil)
	if err != nil || !slices.Equal(ids, ours.IDs()) {
		t.Fatalf("Apply = %x, %v, want %x", ids, err, ours.IDs())
	}
	for _, id := range ids {
		if !theirs.Document(id).Equal(ours.Document(id)) {
			t.Errorf("document %x differs", id[:4])
		}
	}
	if ids, err := theirs.Apply(vertexOf(1, 1, payload), payload, nil); err != nil || len(ids) != 0 {
		t.Errorf("the same vertex again changes %d documents, %v, want none", len(ids), err)
	}
	var third Space
	for _, id := range ids {
		if err := third.Put(id, encoded(t, ours.Document(id))); err != nil {
			t.Error(err)
		}
	}
}

func TestInspectNamesWhatAPayloadChanges(t *testing.T) {
	payload, ours := payloadOf(t, 3)
	changes, err := Inspect(payload)
	if err != nil || len(changes) != 3 {
		t.Fatalf("Inspect = %v, %v, want 3 documents", changes, err)
	}
	for i, id := range ours.IDs() {
		if changes[i].ID != id || !slices.Equal(changes[i].Fields, []FieldName{{KindText, "body"}}) {
			t.Errorf("change %d is %v, want the text body of %x", i, changes[i], id[:4])
		}
	}
	for n := range payload {
		if _, err := Inspect(payload[:n]); !errors.Is(err, ErrInvalid) {
			t.Errorf("Inspect of %d bytes of %d = %v, want ErrInvalid", n, len(payload), err)
		}
	}
}

func TestPayloadsTakeEffectWholeOrNotAtAll(t *testing.T) {
	payload, _ := payloadOf(t, 2)
	changes, err := decodeChanges(payload)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(changes)
	bad[1].Delta = bad[1].Delta[:len(bad[1].Delta)-1]
	double := []changeWire{changes[0], changes[0]}
	turned := []changeWire{changes[1], changes[0]}
	for what, c := range map[string][]changeWire{"one bad delta": bad, "a double document": double, "the wrong order": turned, "nothing": {}} {
		var s Space
		data := mustMarshal(t, c)
		if _, err := s.Apply(vertexOf(1, 1, data), data, nil); !errors.Is(err, ErrInvalid) || len(s.IDs()) != 0 {
			t.Errorf("%s: Apply = %v with %d documents, want ErrInvalid with none", what, err, len(s.IDs()))
		}
	}
}

func TestRefusals(t *testing.T) {
	h := newHistory(t, 1, KindText)
	p := newReplica()
	typeInto(t, h, p, 1, 0, "abc")
	first := p.doc.Context()[0]
	tx, err := p.doc.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.doc.Begin(); !errors.Is(err, ErrOpen) {
		t.Errorf("a second edit = %v, want ErrOpen", err)
	}
	if err := p.doc.Merge(NewDocument()); !errors.Is(err, ErrOpen) {
		t.Errorf("Merge during an edit = %v, want ErrOpen", err)
	}
	e, err := tx.Text("f")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{-1, 4} {
		if err := e.Splice(at, 0, "x"); !errors.Is(err, ErrLimit) {
			t.Errorf("Splice at %d of 3 = %v, want ErrLimit", at, err)
		}
	}
	if err := e.Splice(0, 0, "\xff"); !errors.Is(err, ErrInvalid) {
		t.Errorf("Splice of broken UTF-8 = %v, want ErrInvalid", err)
	}
	if err := e.Splice(1, 1, "x"); err != nil {
		t.Fatal(err)
	}
	data, err := tx.Delta()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(vertexOf(1, 1, data)); !errors.Is(err, ErrInvalid) {
		t.Errorf("Commit at a lamport number that is taken = %v, want ErrInvalid", err)
	}
	v := vertexOf(1, 2, data)
	if err := tx.Commit(v); err != nil {
		t.Fatal(err)
	}

	q := NewDocument()
	if _, err := q.Apply(v, data, func(Vertex) bool { return true }); !errors.Is(err, ErrMissing) {
		t.Errorf("Apply before what it names = %v, want ErrMissing", err)
	}
	if _, err := q.Apply(v, data, func(Vertex) bool { return false }); !errors.Is(err, ErrInvalid) {
		t.Errorf("Apply of what names a stranger = %v, want ErrInvalid", err)
	}
	if !bytes.Equal(encoded(t, q), encoded(t, NewDocument())) {
		t.Error("a refused delta left a trace")
	}
	if first.Lamport != 1 {
		t.Errorf("the first vertex has lamport number %d, want 1", first.Lamport)
	}
}

// TestAForkBelowAStableLineIsFound: who compacted before it came and who applied
// it before can't merge silently.
func TestAForkBelowAStableLineIsFound(t *testing.T) {
	h := newHistory(t, 1, KindText)
	a := newReplica()
	typeInto(t, h, a, 1, 0, "base")
	late := a.clone(t)
	typeInto(t, h, late, 1, 4, " late")
	b := a.clone(t)
	h.merge(b, late)
	typeInto(t, h, a, 2, 4, " on")
	if err := a.doc.Compact(2); err != nil {
		t.Fatal(err)
	}
	before := encoded(t, b.doc)
	if err := b.doc.Merge(a.doc); !errors.Is(err, ErrDiverged) || !bytes.Equal(encoded(t, b.doc), before) {
		t.Errorf("Merge with a copy compacted without a vertex that is here = %v, want ErrDiverged and no change", err)
	}
	// One who is merely behind catches up, and one who is ahead ignores them.
	d := encoded(t, a.doc)
	for _, m := range []*Document{NewDocument(), a.doc} {
		if err := m.MergeState(d); err != nil || !bytes.Equal(encoded(t, m), d) {
			t.Errorf("merging a compacted state into one that is behind = %v", err)
		}
	}
	if err := a.doc.Merge(NewDocument()); err != nil || !bytes.Equal(encoded(t, a.doc), d) {
		t.Errorf("merging an empty state into a compacted one = %v", err)
	}
}
