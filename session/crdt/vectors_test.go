package crdt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// hexText is bytes that are hex in JSON.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type vertexVector struct {
	ID      hexText `json:"id"`
	Lamport uint64  `json:"lamport"`
	Past    []int   `json:"past"` // all ancestors, as indexes into vertices
	Delta   hexText `json:"delta"`
}

// stateVector is a copy that has taken in some vertices.
type stateVector struct {
	Vertices []int   `json:"vertices"`
	State    hexText `json:"state"`
	Shows    []shown `json:"shows"`
}

// shown is what a person sees of a field: numbers in decimal, byte strings in
// hex, texts as they are.
type shown struct {
	Kind  Kind     `json:"kind"`
	Name  string   `json:"name"`
	Value []string `json:"value"`
}

type historyVector struct {
	Name     string         `json:"name"`
	Vertices []vertexVector `json:"vertices"`
	Copies   []stateVector  `json:"copies"`
	Merged   stateVector    `json:"merged"`
	// Line is stable after the merged state; Compacted is what it comes to.
	Line      uint64  `json:"line"`
	Compacted hexText `json:"compacted"`
	// After is a vertex above the line, and the compacted copy with it.
	After          vertexVector `json:"after"`
	AfterCompacted hexText      `json:"after_compacted"`
}

type refusedVector struct {
	What  string  `json:"what"`
	State hexText `json:"state,omitempty"`
	Delta hexText `json:"delta,omitempty"`
}

type vectorFile struct {
	Histories []historyVector `json:"histories"`
	Refused   []refusedVector `json:"refused"`
	Payload   hexText         `json:"payload"`
	Documents []hexText       `json:"documents"`
}

func shows(d *Document) []shown {
	out := []shown{}
	for _, n := range d.Fields() {
		x := shown{Kind: n.Kind, Name: n.Name}
		hexes := func(vs [][]byte) {
			for _, v := range vs {
				x.Value = append(x.Value, hex.EncodeToString(v))
			}
		}
		switch f := d.fields[n].(type) {
		case *GCounter:
			x.Value = []string{jsonNumber(f.Value())}
		case *PNCounter:
			x.Value = []string{jsonNumber(f.Value())}
		case *GSet:
			hexes(f.Elements())
		case *ORSet:
			hexes(f.Elements())
		case *LWWRegister:
			v, _ := f.Value()
			hexes([][]byte{v})
		case *MVRegister:
			hexes(f.Values())
		case *Text:
			x.Value = []string{f.String()}
		case *List:
			hexes(f.Values())
		}
		out = append(out, x)
	}
	return out
}

func jsonNumber(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestVectors(t *testing.T) {
	path := filepath.Join("..", "..", "spec", "vectors", "crdt.json")
	if *rewrite {
		data, err := json.MarshalIndent(makeVectors(t), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v vectorFile
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Histories) < 9 || len(v.Refused) < 10 {
		t.Fatalf("%d histories and %d refused, want at least 9 and 10", len(v.Histories), len(v.Refused))
	}
	for _, h := range v.Histories {
		checkHistory(t, h)
	}
	for _, r := range v.Refused {
		var err error
		if r.State != nil {
			_, err = Decode(r.State)
		} else {
			_, err = NewDocument().Apply(Vertex{Lamport: 9}, r.Delta, func(Vertex) bool { return true })
		}
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", r.What, err)
		}
	}
	var s Space
	ids, err := s.Apply(vertexOf(1, 1, v.Payload), v.Payload, nil)
	if err != nil || len(ids) != len(v.Documents) {
		t.Fatalf("the payload changes %d documents, %v, want %d", len(ids), err, len(v.Documents))
	}
	for i, id := range ids {
		if !bytes.Equal(id[:], v.Documents[i]) {
			t.Errorf("document %d is %x, want %x", i, id, v.Documents[i])
		}
	}
}

func checkHistory(t *testing.T, h historyVector) {
	t.Helper()
	apply := func(d *Document, x vertexVector) {
		past := func(v Vertex) bool {
			return slices.ContainsFunc(x.Past, func(i int) bool { return ID(h.Vertices[i].ID) == v.ID && h.Vertices[i].Lamport == v.Lamport })
		}
		if _, err := d.Apply(Vertex{ID(x.ID), x.Lamport}, x.Delta, past); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
	is := func(what string, d *Document, want hexText) {
		if got := encoded(t, d); !bytes.Equal(got, want) {
			t.Errorf("%s: %s is\n%x, want\n%x", h.Name, what, got, want)
		}
	}
	all := NewDocument()
	for _, c := range append(h.Copies, h.Merged) {
		d := NewDocument()
		for _, i := range c.Vertices {
			apply(d, h.Vertices[i])
		}
		is("a copy", d, c.State)
		if got, want := jsonNumber(shows(d)), jsonNumber(c.Shows); got != want {
			t.Errorf("%s: shows %s, want %s", h.Name, got, want)
		}
		if err := all.MergeState(c.State); err != nil {
			t.Fatal(err)
		}
	}
	is("all copies merged", all, h.Merged.State)
	if err := all.Compact(h.Line); err != nil {
		t.Fatal(err)
	}
	is("the merged copy compacted", all, h.Compacted)
	apply(all, h.After)
	is("the compacted copy after one more vertex", all, h.AfterCompacted)
}

func makeVectors(t *testing.T) (v vectorFile) {
	kinds := make([][]Kind, 0, 9)
	for _, k := range allKinds {
		kinds = append(kinds, []Kind{k})
	}
	for i, k := range append(kinds, allKinds) {
		name := "all types"
		if len(k) == 1 {
			name = kindNames[k[0]]
		}
		v.Histories = append(v.Histories, makeHistory(t, name, newHistory(t, uint64(i)+40, k...), 3, 14))
	}
	crowded := newHistory(t, 30, KindText) // has siblings with different right origins
	crowded.crowded = true
	v.Histories = append(v.Histories, makeHistory(t, "Text, many hands at one place", crowded, 6, 30))
	v.Refused = refused(t)
	payload, s := payloadOf(t, 2)
	v.Payload = payload
	for _, id := range s.IDs() {
		v.Documents = append(v.Documents, id[:])
	}
	return v
}

func makeHistory(t *testing.T, name string, h *history, replicas, steps int) historyVector {
	ps := make([]*replica, replicas)
	for i := range ps {
		ps[i] = newReplica()
	}
	h.wander(ps, steps)
	at := map[ID]int{}
	v := historyVector{Name: name}
	vector := func(m *made) vertexVector {
		x := vertexVector{ID: m.ID[:], Lamport: m.Lamport, Past: []int{}, Delta: m.data}
		for id := range m.past {
			if i, ok := at[id]; ok {
				x.Past = append(x.Past, i)
			}
		}
		slices.Sort(x.Past)
		return x
	}
	add := func(m *made) {
		if _, ok := at[m.ID]; ok || m.data == nil {
			return
		}
		x := vector(m)
		at[m.ID] = len(v.Vertices)
		v.Vertices = append(v.Vertices, x)
	}
	for _, m := range h.all {
		add(m)
	}
	state := func(p *replica) stateVector {
		s := stateVector{State: encoded(t, p.doc), Shows: shows(p.doc), Vertices: []int{}}
		for id := range p.have {
			if i, ok := at[id]; ok {
				s.Vertices = append(s.Vertices, i)
			}
		}
		slices.Sort(s.Vertices)
		return s
	}
	all := newReplica()
	for _, p := range ps {
		v.Copies = append(v.Copies, state(p))
		h.merge(all, p)
	}
	v.Merged = state(all)
	for _, l := range all.have {
		v.Line = max(v.Line, l)
	}
	v.Line-- // what is above stays listed
	if err := all.doc.Compact(v.Line); err != nil {
		t.Fatal(err)
	}
	v.Compacted = encoded(t, all.doc)
	for v.After.Delta == nil {
		v.After = vector(h.edit(5, all))
	}
	v.AfterCompacted = encoded(t, all.doc)
	return v
}

// refused is inputs that break one rule each.
func refused(t *testing.T) (out []refusedVector) {
	id := func(i byte) []byte { x := vertexOf(uint64(i), 1, nil); return x.ID[:] }
	low, high := id(1), id(2)
	if bytes.Compare(low, high) > 0 {
		low, high = high, low
	}
	state := func(what string, w stateWire) {
		w.Version = max(w.Version, version)
		out = append(out, refusedVector{What: what, State: mustMarshal(t, w)})
	}
	field := func(k Kind, body ...byte) []fieldWire {
		return []fieldWire{{Kind: uint64(k), Name: []byte("f"), Body: body}}
	}
	one := func(k Kind, body ...byte) stateWire {
		return stateWire{IDs: low, Lamports: []byte{1}, Fields: field(k, body...)}
	}
	state("a version that is not 1", stateWire{Version: 2})
	state("a dictionary out of order", stateWire{IDs: append(bytes.Clone(high), low...), Lamports: []byte{1, 0}})
	state("lamport number 0", stateWire{IDs: low, Lamports: []byte{0}})
	state("a vertex below the base of which nothing lives", stateWire{Base: 3, Count: 1, Digest: make([]byte, 32), IDs: low, Lamports: []byte{1}})
	state("a base with a count and no digest", stateWire{Base: 3, Count: 1})
	state("a number with a last byte of zero", one(KindGCounter, 0, 1, 0, 0x81, 0))
	state("an amount of nothing", one(KindGCounter, 0, 1, 0, 0))
	state("a base sum without a base", one(KindGCounter, 7, 0))
	state("an empty field", one(KindGSet, 0))
	state("elements out of order", one(KindGSet, 2, 1, 'b', 1, 'a'))
	state("an element that nobody added", one(KindORSet, 1, 1, 'a', 0))
	state("bytes after a field", one(KindGSet, 1, 1, 'a', 0))
	// count, place, elements-1, runs (head, parent), stretches, content
	state("a run in two parts", one(KindText, 1, 0, 1, 0, 1, 0, 1, 2, 2, 'a', 'b'))
	state("a right origin that goes without saying", one(KindText, 1, 0, 0, 2, 1, 1, 1, 1, 'a'))
	state("a left child of the beginning", one(KindText, 1, 0, 0, 1, 1, 1, 1, 'a'))
	state("two elements on one side of an element", one(KindText, 1, 0, 2, 0, 1, 1, 1, 1, 2, 3, 3, 'a', 'b', 'c'))
	state("a text with too little content", one(KindText, 1, 0, 1, 4, 1, 2, 1, 'a'))
	state("a text that is not UTF-8", one(KindText, 1, 0, 0, 0, 1, 1, 1, 0xff))
	state("an empty stretch", one(KindText, 1, 0, 1, 4, 1, 1, 0, 1, 2, 'a', 'b'))
	delta := func(what string, w deltaWire) {
		w.Version = version
		out = append(out, refusedVector{What: what, Delta: mustMarshal(t, w)})
	}
	delta("no field", deltaWire{})
	delta("nothing changes in a field", deltaWire{Fields: field(KindGCounter, 0)})
	delta("a vertex that is not used", deltaWire{Refs: low, Lamports: []byte{1}, Fields: field(KindGCounter, 1)})
	delta("an amount above 2^40", deltaWire{Fields: field(KindGCounter, 0x81, 0x80, 0x80, 0x80, 0x80, 0x20)})
	delta("fields out of order", deltaWire{Fields: append(field(KindGSet, 1, 0), field(KindGCounter, 1)...)})
	// runs (head, parent), stretches, content, ranges
	delta("two elements on one side of the beginning", deltaWire{Fields: field(KindText, 2, 0, 0, 0, 0, 2, 2, 'a', 'b', 0)})
	delta("an element that hangs on a later one", deltaWire{Fields: field(KindText, 1, 0, 1, 1, 1, 'a', 0)})
	return out
}
