package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is how one side ended.
type ended struct {
	result Result
	err    error
}

// pair runs one session between two stores over an unbuffered pipe.
func pair(t testing.TB, a, b *memory) (x, y ended) {
	t.Helper()
	left, right := net.Pipe()
	return between2(t, a, b, left, right, Config{})
}

func between2(t testing.TB, a, b *memory, left, right net.Conn, cfg Config) (x, y ended) {
	t.Helper()
	done := make(chan ended)
	go func() {
		var e ended
		e.result, e.err = Respond(context.Background(), right, b.serve, cfg)
		right.Close()
		done <- e
	}()
	x.result, x.err = Initiate(t.Context(), left, testSpace, a.snapshot(), a, cfg)
	left.Close()
	return x, <-done
}

func (s *memory) serve(space ID) (Snapshot, Sink, error) {
	if space != testSpace {
		return nil, nil, errors.New("no such space")
	}
	return s.snapshot(), s, nil
}

// chain writes n vertices one after the other.
func (s *memory) chain(from []ID, n int, name string) ID {
	var id ID
	for i := range n {
		id = s.write(from, fmt.Sprintf("%s %d", name, i))
		from = []ID{id}
	}
	return id
}

// scatter writes n vertices without parents.
func (s *memory) scatter(n int, name string) {
	for i := range n {
		s.write(nil, fmt.Sprintf("%s %d", name, i))
	}
}

func (s *memory) clone() *memory { return &memory{line: s.line, vertices: maps.Clone(s.vertices)} }

func sameVertices(t testing.TB, a, b *memory) {
	t.Helper()
	if len(a.vertices) != len(b.vertices) {
		t.Errorf("%d vertices on one side, %d on the other", len(a.vertices), len(b.vertices))
	}
	for id := range a.vertices {
		if _, ok := b.vertices[id]; !ok {
			t.Errorf("%x is missing on the other side", id)
			return
		}
	}
}

func TestSessions(t *testing.T) {
	base := newMemory()
	tip := base.chain(nil, 300, "base")
	wide := newMemory()
	wide.scatter(3000, "wide")
	for name, c := range map[string]struct {
		a, b  func() *memory
		check func(t *testing.T, x, y Result)
	}{
		"two empty sets": {newMemory, newMemory, func(t *testing.T, x, y Result) {
			if x.BytesIn+x.BytesOut > 400 {
				t.Errorf("%d bytes", x.BytesIn+x.BytesOut)
			}
		}},
		"equal sets": {base.clone, base.clone, func(t *testing.T, x, y Result) {
			if x.BytesIn+x.BytesOut > 1000 || x.Received+y.Received > 0 {
				t.Errorf("%d bytes, %d vertices", x.BytesIn+x.BytesOut, x.Received+y.Received)
			}
		}},
		"equal sets with too many heads to list": {wide.clone, wide.clone, func(t *testing.T, x, y Result) {
			if x.BytesIn+x.BytesOut > 1000 {
				t.Errorf("%d bytes", x.BytesIn+x.BytesOut)
			}
		}},
		"from full to empty": {base.clone, newMemory, nil},
		"from empty to full": {newMemory, base.clone, nil},
		"a tail here": {func() *memory { a := base.clone(); a.chain([]ID{tip}, 50, "a"); return a }, base.clone, func(t *testing.T, x, y Result) {
			if x.Symbols+y.Symbols > 0 || y.Received != 50 {
				t.Errorf("%d symbols, %d vertices, want 0, 50", x.Symbols, y.Received)
			}
		}},
		"a tail there": {base.clone, func() *memory { a := base.clone(); a.chain([]ID{tip}, 50, "a"); return a }, func(t *testing.T, x, y Result) {
			if x.Symbols+y.Symbols > 0 || x.Received != 50 {
				t.Errorf("%d symbols, %d vertices, want 0, 50", x.Symbols, x.Received)
			}
		}},
		"two tails": {
			func() *memory { a := base.clone(); a.chain([]ID{tip}, 50, "a"); return a },
			func() *memory { a := base.clone(); a.chain([]ID{tip}, 70, "b"); return a }, nil,
		},
		"two tails, the longer one here": {
			func() *memory { a := base.clone(); a.chain([]ID{tip}, 90, "a"); return a },
			func() *memory { a := base.clone(); a.chain([]ID{tip}, 70, "b"); return a }, nil,
		},
		"one vertex each": {
			func() *memory { a := newMemory(); a.scatter(1, "a"); return a },
			func() *memory { a := newMemory(); a.scatter(1, "b"); return a }, nil,
		},
		"scattered differences": {
			func() *memory { a := wide.clone(); a.scatter(40, "a"); return a },
			func() *memory { a := wide.clone(); a.scatter(60, "b"); return a },
			func(t *testing.T, x, y Result) {
				if x.Symbols != 256 || x.Turns+y.Turns != 0 {
					t.Errorf("%d symbols, %d turns", x.Symbols, x.Turns)
				}
			},
		},
		"more differences than the first symbols find": {
			func() *memory { a := wide.clone(); a.scatter(400, "a"); return a },
			func() *memory { a := wide.clone(); a.scatter(600, "b"); return a }, nil,
		},
		"all different": {
			func() *memory { a := newMemory(); a.scatter(9000, "a"); return a },
			func() *memory { a := newMemory(); a.scatter(9001, "b"); return a },
			func(t *testing.T, x, y Result) {
				if x.Turns == 0 {
					t.Error("no ranges")
				}
			},
		},
		"one much larger": {
			func() *memory { a := newMemory(); a.scatter(20, "a"); return a },
			func() *memory { a := newMemory(); a.scatter(12000, "b"); return a },
			func(t *testing.T, x, y Result) {
				if x.Turns == 0 {
					t.Error("no ranges")
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := c.a(), c.b()
			union := a.clone()
			maps.Copy(union.vertices, b.vertices)
			x, y := pair(t, a, b)
			if x.err != nil || y.err != nil || !x.result.Equal || !y.result.Equal {
				t.Fatalf("%+v, %v\n%+v, %v", x.result, x.err, y.result, y.err)
			}
			sameVertices(t, a, b)
			sameVertices(t, a, union)
			if x.result.Passes != 1 || x.result.BytesIn != y.result.BytesOut || x.result.Sent != y.result.Received {
				t.Errorf("%+v\n%+v", x.result, y.result)
			}
			if c.check != nil {
				c.check(t, x.result, y.result)
			}
			t.Logf("%d vertices, %d bytes of payload, %d in, %d out, %d symbols, %d turns", x.result.Received+y.result.Received,
				x.result.Payload, x.result.BytesIn, x.result.BytesOut, x.result.Symbols, x.result.Turns)
		})
	}
}

// Two sides with the same 100,000 vertices and 16 heads, the most that a hello
// lists, both digests included.
func BenchmarkEqual100k(b *testing.B) {
	s := newMemory()
	tip := s.chain(nil, 100_000-maxHeads, "chain")
	for i := range maxHeads {
		s.write([]ID{tip}, fmt.Sprint(i))
	}
	snap := s.snapshot()
	before := cpuTime()
	var r Result
	for b.Loop() {
		left, right := net.Pipe()
		done := make(chan error)
		go func() {
			_, err := Respond(context.Background(), right, func(ID) (Snapshot, Sink, error) { return snap, s, nil }, Config{})
			done <- err
		}()
		var err error
		if r, err = Initiate(b.Context(), left, testSpace, snap, s, Config{}); err != nil || <-done != nil || !r.Equal {
			b.Fatalf("%+v, %v", r, err)
		}
		left.Close()
		right.Close()
	}
	b.ReportMetric(float64(r.BytesIn+r.BytesOut), "wire-bytes")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
