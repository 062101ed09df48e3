package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

// duel drives two machines against each other without a stream, one frame at a
// time, and returns the frames that each sent.
func duel(tb testing.TB, a, b *machine) (fromA, fromB [][]byte, errA, errB error) {
	tb.Helper()
	step := func(x, y *machine, sent *[][]byte) (bool, error, error) {
		f, err := x.next()
		if err != nil || f == nil {
			return false, err, nil
		}
		*sent = append(*sent, f)
		return true, nil, y.handle(f)
	}
	for moved := true; moved && errA == nil && errB == nil; {
		var m1, m2 bool
		if m1, errA, errB = step(a, b, &fromA); errA == nil && errB == nil {
			m2, errB, errA = step(b, a, &fromB)
		}
		moved = m1 || m2
	}
	a.close()
	b.close()
	return fromA, fromB, errA, errB
}

// machines returns both sides of a session with fixed nonces.
func machines(tb testing.TB, a, b *memory) (*machine, *machine) {
	tb.Helper()
	x, err := newInitiator(context.Background(), testSpace, a.snapshot(), a, [nonceSize]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	return x, newResponder(context.Background(), b.serve, [nonceSize]byte{2})
}

// scenes are pairs of small sets that take different ways through the protocol.
func scenes() map[string][2]func() *memory {
	base := newMemory()
	tip := base.chain(nil, 5, "base")
	scattered := func(n int, name string) func() *memory {
		return func() *memory { s := base.clone(); s.scatter(n, name); return s }
	}
	return map[string][2]func() *memory{
		"equal":     {base.clone, base.clone},
		"tail":      {func() *memory { s := base.clone(); s.chain([]ID{tip}, 3, "a"); return s }, base.clone},
		"ahead":     {newMemory, base.clone},
		"diverged":  {scattered(2, "a"), scattered(3, "b")},
		"behind":    {scattered(3, "a"), scattered(2, "b")},
		"scattered": {scattered(80, "a"), scattered(90, "b")},
		"pruned":    {func() *memory { s := base.clone(); s.prune(3); s.scatter(1, "a"); return s }, scattered(2, "b")},
	}
}

// pack puts frames into one input of FuzzMachine: the role, then each frame
// after its length.
func pack(initiator bool, frames [][]byte) []byte {
	out := []byte{0}
	if initiator {
		out[0] = 1
	}
	for _, f := range frames {
		out = binary.BigEndian.AppendUint16(out, uint16(len(f)))
		out = append(out, f...)
	}
	return out
}

// FuzzMachine gives one side any frames. It must not panic, hold much or verify
// much, and must end with an error of the peer or wait.
func FuzzMachine(f *testing.F) {
	for _, s := range scenes() {
		a, b := machines(f, s[0](), s[1]())
		fromA, fromB, _, _ := duel(f, a, b)
		f.Add(pack(false, fromA))
		f.Add(pack(true, fromB))
	}
	all := scenes()
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		role := in[0]
		in = in[1:]
		s := all["diverged"][1]()
		m := newResponder(context.Background(), s.serve, [nonceSize]byte{2})
		if role&1 == 1 {
			s = all["diverged"][0]()
			m, _ = machines(t, s, s)
		}
		defer m.close()
		for len(in) >= 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			frame := in[2 : 2+n]
			in = in[2+n:]
			if role&2 == 0 { // a side that sends before it reads on
				for {
					out, err := m.next()
					if err != nil {
						if !errors.Is(err, ErrPeer) {
							t.Fatalf("next: %v", err)
						}
						return
					}
					if out == nil {
						break
					}
					if len(out) > MaxFrame {
						t.Fatalf("a frame of %d bytes", len(out))
					}
				}
			}
			if m.done() {
				return
			}
			err := m.handle(frame)
			if err != nil {
				if !errors.Is(err, ErrPeer) && !errors.Is(err, ErrUnknownSpace) && !errors.Is(err, ErrBusy) {
					t.Fatalf("handle: %v", err)
				}
				return
			}
			size := 0
			for _, q := range m.queue {
				size += len(q)
			}
			if size > 2*maxTurn || len(m.queue) > 100 {
				t.Fatalf("%d frames of %d bytes wait", len(m.queue), size)
			}
		}
	})
}

// FuzzDecode checks that every message that is accepted is encoded again the
// same, and keeps its limits.
func FuzzDecode(f *testing.F) {
	for _, s := range scenes() {
		a, b := machines(f, s[0](), s[1]())
		fromA, fromB, _, _ := duel(f, a, b)
		for _, frame := range append(fromA, fromB...) {
			f.Add(frame)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		kind, err := typeOf(frame)
		if err != nil {
			return
		}
		m, err := decode(kind, frame)
		if err != nil {
			return
		}
		again, err := wire.Marshal(reflect.ValueOf(m).Elem().Interface())
		if err != nil || !bytes.Equal(again, frame) {
			t.Fatalf("%x is encoded again as %x, %v", frame, again, err)
		}
		if first := reflect.ValueOf(m).Elem().Field(1).Uint(); first != kind {
			t.Fatalf("a %T of type %d", m, first)
		}
	})
}

// FuzzSketch decodes any symbols against a small set.
func FuzzSketch(f *testing.F) {
	f.Add([]byte{}, uint8(3))
	k := newKey(testSpace, [nonceSize]byte{}, [nonceSize]byte{}, 1)
	ids := make([]ID, 40)
	for i := range ids {
		ids[i] = ID{byte(i)}
	}
	s, err := newSketch(&k, 0, each(ids[10:]))
	if err != nil {
		f.Fatal(err)
	}
	s.extend(64)
	f.Add(s.appendSymbols(nil, 0), uint8(30))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		own, _ := newSketch(&k, 0, each(ids[:min(int(n), len(ids))]))
		d := newDecoder(&k, own)
		b = b[:len(b)/symbolSize*symbolSize]
		if len(b) > maxSymbols*symbolSize {
			return
		}
		for step := minSymbols * symbolSize; len(b) > 0; step *= 2 {
			step = min(step, len(b))
			if whole, err := d.add(b[:step]); err != nil || whole {
				break
			}
			b = b[step:]
		}
		if len(d.recovered) > len(d.rest) {
			t.Fatalf("%d items from %d symbols", len(d.recovered), len(d.rest))
		}
	})
}

// FuzzImport reads any file.
func FuzzImport(f *testing.F) {
	src := newMemory()
	tip := src.chain(nil, 3, "a")
	var whole, rest bytes.Buffer
	if _, err := Export(&whole, testSpace, src.snapshot(), nil); err != nil {
		f.Fatal(err)
	}
	src.chain([]ID{tip}, 2, "b")
	if _, err := Export(&rest, testSpace, src.snapshot(), []ID{tip}); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(rest.Bytes())
	f.Add(whole.Bytes()[:whole.Len()/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		dst := newMemory()
		got, err := Import(t.Context(), bytes.NewReader(b), testSpace, dst.snapshot(), dst)
		if len(dst.vertices) != got.Stored && err == nil {
			t.Fatalf("%d vertices, said %d", len(dst.vertices), got.Stored)
		}
		if err == nil && uint64(got.Stored+got.Waiting+got.Deferred) != got.Header.Count {
			t.Fatalf("%+v without an error", got)
		}
		if err != nil && !errors.Is(err, ErrExport) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrEarlier) {
			t.Fatalf("untyped error %v", err)
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, ErrExport) {
			t.Fatalf("%v is not ErrExport", err)
		}
	})
}

func TestDuels(t *testing.T) {
	for name, s := range scenes() {
		a, b := s[0](), s[1]()
		x, y := machines(t, a, b)
		_, _, errA, errB := duel(t, x, y)
		if errA != nil || errB != nil || !x.done() || !y.done() || x.failure != nil || !x.result.Equal || !y.result.Equal {
			t.Errorf("%s: %v, %v, %v, %+v", name, errA, errB, x.failure, x.result)
		}
	}
}
