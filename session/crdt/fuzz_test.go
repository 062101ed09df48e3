package crdt

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
)

// sample is a document that has everything in it, and the vertices it came from.
func sample(t testing.TB, seed uint64) (*replica, *history) {
	h := newHistory(t, seed, allKinds...)
	ps := []*replica{newReplica(), newReplica()}
	h.wander(ps, 30)
	h.merge(ps[0], ps[1])
	return ps[0], h
}

func FuzzState(f *testing.F) {
	for seed := range uint64(4) {
		p, h := sample(f, seed)
		f.Add(encoded(f, p.doc))
		line := h.stabilise([]*replica{p})
		if err := p.doc.Compact(line); err != nil {
			f.Fatal(err)
		}
		f.Add(encoded(f, p.doc))
	}
	p, _ := sample(f, 1)
	ours := encoded(f, p.doc)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("Decode = %v, want ErrInvalid", err)
			}
			return
		}
		if again := encoded(t, d); !bytes.Equal(again, data) {
			t.Fatalf("decoded and encoded again is\n%x, was\n%x", again, data)
		}
		same(t, 0, "a state with itself", merged(t, d, d), d)
		_ = show(d)
		// A stranger's state may be refused, but must not break ours.
		p, err := Decode(ours)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Merge(d)
		after := encoded(t, p)
		if err != nil && !bytes.Equal(after, ours) {
			t.Fatalf("a merge that failed (%v) left a trace", err)
		}
		if _, err := Decode(after); err != nil {
			t.Fatalf("the state after merging a stranger's: %v", err)
		}
	})
}

func FuzzDelta(f *testing.F) {
	for seed := range uint64(4) {
		_, h := sample(f, seed)
		for _, m := range h.all {
			if m.data != nil {
				f.Add(m.data)
			}
		}
	}
	// What the deltas are applied to, reached by two ways.
	p, _ := sample(f, 1)
	state := encoded(f, p.doc)
	f.Fuzz(func(t *testing.T, data []byte) {
		v := vertexOf(9, 1000, data)
		applied := func(d *Document) error {
			_, err := d.Apply(v, data, func(Vertex) bool { return true })
			return err
		}
		a, err := Decode(state)
		if err != nil {
			t.Fatal(err)
		}
		if err := applied(a); err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrMissing) {
				t.Fatalf("Apply = %v", err)
			}
			if !bytes.Equal(encoded(t, a), state) {
				t.Fatalf("a delta that was refused (%v) left a trace", err)
			}
			return
		}
		b, err := Decode(encoded(t, a))
		if err != nil {
			t.Fatalf("the state after a delta: %v", err)
		}
		same(t, 0, "the state and its decoding", a, b)
		c, err := Decode(state)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Merge(b); err != nil {
			t.Fatal(err)
		}
		same(t, 0, "applied and merged", a, c)
	})
}

func FuzzPayload(f *testing.F) {
	for _, n := range []int{1, 3} {
		payload, _ := payloadOf(f, n)
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Space
		if _, err := s.Apply(vertexOf(1, 1, data), data, func(Vertex) bool { return true }); err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrMissing) {
				t.Fatalf("Apply = %v", err)
			}
			if len(s.IDs()) != 0 {
				t.Fatal("a payload that was refused made documents")
			}
		}
	})
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestDecodersStayWithinTheirMemory gives each type the input that makes the
// most of it out of the fewest bytes.
func TestDecodersStayWithinTheirMemory(t *testing.T) {
	const n = 20_000
	ids := make([]byte, 0, 32*n)
	bodies := map[string]stateWire{}
	one := func(kind Kind, verts int, body []byte) stateWire {
		var lamports packer
		w := stateWire{Version: version, IDs: ids[:0:0], Lamports: nil}
		for i := range verts {
			id := vertexOf(3, uint64(i), nil).ID
			w.IDs = append(w.IDs, id[:]...)
			lamports.uint(1)
		}
		w.Lamports = lamports.b
		w.Fields = []fieldWire{{Kind: uint64(kind), Name: []byte("f"), Body: body}}
		return w
	}
	var elems, adds packer
	elems.uint(n)
	adds.uint(n)
	for i := range n {
		e := []byte{byte(i >> 16), byte(i >> 8), byte(i)}
		elems.bytes(e)
		adds.bytes(e)
		adds.uint(1)
		adds.uint(0)
	}
	bodies["a set of tiny elements"] = one(KindGSet, 0, elems.b)
	bodies["additions of tiny elements"] = one(KindORSet, 1, adds.b)
	// Every element a right child two back, so that none continues a run.
	bodies["a text of single characters"] = one(KindText, 1, zigzag(n, true))
	bodies["a text of single deleted characters"] = one(KindText, 1, zigzag(n, false))
	var counts packer
	counts.uint(0)
	counts.uint(n)
	for range n {
		counts.uint(0)
		counts.uint(1)
	}
	bodies["counts of many vertices"] = one(KindGCounter, n, counts.b)
	for what, w := range bodies {
		data := mustMarshal(t, w)
		var err error
		used := allocated(func() { _, err = Decode(data) })
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		t.Logf("%s: %.0f times its %d bytes", what, float64(used)/float64(len(data)), len(data))
		if most := uint64(Overhead*len(data) + 64<<10); used > most {
			t.Errorf("%s: decoding %d bytes allocates %d, want at most %d", what, len(data), used, most)
		}
	}
}

// zigzag is a text of n elements of one vertex, none of which continues the one
// before it: each is the left child of the one before.
func zigzag(n int, alive bool) []byte {
	var p packer
	p.uint(1)
	p.uint(0)
	p.uint(uint64(n - 1))
	p.uint(0)
	p.uint(1)
	for range n - 1 {
		p.uint(1)
		p.uint(1)
	}
	if alive {
		p.uint(uint64(n))
		p.bytes(bytes.Repeat([]byte{'x'}, n))
	} else {
		p.uint(0)
		p.uint(uint64(n))
		p.bytes(nil)
	}
	return p.b
}

// TestPromisedCountsCostNothing claims as much as the encoding can say.
func TestPromisedCountsCostNothing(t *testing.T) {
	for k := KindGCounter; k <= KindList; k++ {
		body := bytes.Repeat([]byte{0xff}, 8)
		body = append(body, 0x7f)
		data := mustMarshal(t, stateWire{Version: version, Fields: []fieldWire{{Kind: uint64(k), Name: []byte("f"), Body: body}}})
		used := allocated(func() {
			if _, err := Decode(data); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s with a count of 2^63 = %v, want ErrInvalid", kindNames[k], err)
			}
		})
		if used > 64<<10 {
			t.Errorf("%s with a count of 2^63 allocates %d bytes", kindNames[k], used)
		}
	}
}
