package crdt

import (
	"strings"
	"testing"
)

// typed is a trace of one hand that our generator makes: words at one place, with
// some going back, and now and then a jump.
func typed(b *testing.B) trace {
	b.Helper()
	return generateTrace(1, 1, 20_000)
}

func BenchmarkTyping(b *testing.B) {
	tr := typed(b)
	b.ReportAllocs()
	for b.Loop() {
		replay(b, tr, 256)
	}
}

func BenchmarkDecode(b *testing.B) {
	data := encoded(b, replay(b, typed(b), 256).doc)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	d := replay(b, typed(b), 256).doc
	for b.Loop() {
		encoded(b, d)
	}
}

// insertion is the delta that inserts one character at the beginning.
func insertion(b *testing.B) []byte {
	b.Helper()
	p := packer{}
	for _, n := range []uint64{1, 0, 0, 1, 1, 'x', 0} {
		p.uint(n)
	}
	return mustMarshal(b, deltaWire{Version: version, Fields: []fieldWire{{Kind: uint64(KindText), Name: []byte("f"), Body: p.b}}})
}

// BenchmarkSiblings is a member who hangs one element beside all others with
// every vertex: 10,000 vertices that have not seen each other. It reports the
// cost of one.
func BenchmarkSiblings(b *testing.B) {
	const n = 10_000
	data := insertion(b)
	for b.Loop() {
		d := NewDocument()
		for i := range uint64(n) {
			if _, err := d.Apply(vertexOf(i, 1, data), data, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/vertex")
}

// BenchmarkWorstDelta applies a delta of nearly 48 KiB in which every character
// is a run of its own, to a text of 100,000 characters.
func BenchmarkWorstDelta(b *testing.B) {
	y := &typist{doc: NewDocument(), batch: 1}
	if err := y.apply(patch{0, 0, strings.Repeat("text ", 20_000)}); err != nil {
		b.Fatal(err)
	}
	state := encoded(b, y.doc)
	const n = 15_000
	p := packer{}
	p.uint(n)
	p.uint(0)
	p.uint(0)
	for range n - 1 { // each the left child of the one before
		p.uint(1)
		p.uint(1)
	}
	p.uint(n)
	p.bytes([]byte(strings.Repeat("x", n)))
	p.uint(0)
	data := mustMarshal(b, deltaWire{Version: version, Fields: []fieldWire{{Kind: uint64(KindText), Name: []byte("text"), Body: p.b}}})
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		b.StopTimer()
		d, err := Decode(state)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := d.Apply(vertexOf(9, 100_000, data), data, nil); err != nil {
			b.Fatal(err)
		}
	}
}
