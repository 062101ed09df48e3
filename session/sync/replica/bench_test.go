package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	gosync "sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/sync"
)

// history makes n signed vertices of some authors who see one another's, in
// causal order, and encodes them.
func history(tb testing.TB, n, authors int) [][]byte {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	writers := make([]dag.Writer, authors)
	for i := range writers {
		writers[i] = writer(tb, i)
	}
	type tip struct {
		id           dag.ID
		seq, lamport uint64
	}
	tips := make([]tip, authors)
	vertices := make([]*dag.Vertex, n)
	by := make([]dag.Writer, n)
	for i := range vertices {
		a := i % authors
		v := &dag.Vertex{Space: rules.Space(), Author: writers[a].Author(), Seq: tips[a].seq + 1, Kind: dag.Data, Lamport: 1, Payload: fmt.Appendf(nil, "message %d, of the length that messages have in chats", i)}
		for _, t := range []tip{tips[a], tips[r.IntN(authors)]} {
			if t.seq > 0 && !slices.Contains(v.Parents, t.id) {
				v.Parents = append(v.Parents, t.id)
				v.Lamport = max(v.Lamport, t.lamport+1)
			}
		}
		slices.SortFunc(v.Parents, dag.ID.Compare)
		vertices[i], by[i] = v, writers[a]
		tips[a] = tip{v.ID(), v.Seq, v.Lamport} // the id does not cover the signature
	}
	out := make([][]byte, n)
	var all gosync.WaitGroup
	for part := range 2 {
		all.Go(func() {
			for i := part; i < n; i += 2 {
				if err := by[i].Seal(vertices[i]); err != nil {
					tb.Error(err)
					return
				}
				var err error
				if out[i], err = vertices[i].Encode(); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	all.Wait()
	return out
}

func fill(tb testing.TB, s *dag.Store, vertices [][]byte) {
	tb.Helper()
	for batch := range slices.Chunk(vertices, 1024) {
		out, err := s.Add(tb.Context(), batch, dag.Source{})
		if err != nil {
			tb.Fatal(err)
		}
		for _, o := range out {
			if o.Status != dag.Accepted {
				tb.Fatalf("%+v", o)
			}
		}
	}
}

// BenchmarkEmptyDisk fills an empty store on disk from a full one, with every
// signature verified and every batch synced.
func BenchmarkEmptyDisk(b *testing.B) {
	const n = 10_000
	src := store(b, vfs.Default, dag.Config{Dir: b.TempDir()})
	defer closed(b, src)
	fill(b, src, history(b, n, 50))
	cpu := cpuTime()
	for b.Loop() {
		dst := store(b, vfs.Default, dag.Config{Dir: b.TempDir()})
		r, err := session(b, dst, src)
		if err != nil || r.Received != n || !r.Equal {
			b.Fatalf("%+v, %v", r, err)
		}
		closed(b, dst)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "vertices/s")
	b.ReportMetric(2*float64(n*b.N)/(cpuTime()-cpu).Seconds(), "vertices/s-of-2-cores")
}

// BenchmarkTail brings 1,000 vertices to a store that has the 9,000 before them.
func BenchmarkTail(b *testing.B) {
	vertices := history(b, 10_000, 50)
	src := store(b, vfs.NewMem(), dag.Config{})
	defer closed(b, src)
	fill(b, src, vertices)
	var r sync.Result
	for b.Loop() {
		b.StopTimer()
		dst := store(b, vfs.NewMem(), dag.Config{})
		fill(b, dst, vertices[:9000])
		b.StartTimer()
		var err error
		if r, err = session(b, dst, src); err != nil || r.Received != 1000 || !r.Equal {
			b.Fatalf("%+v, %v", r, err)
		}
		b.StopTimer()
		closed(b, dst)
		b.StartTimer()
	}
	b.ReportMetric(float64(r.BytesIn+r.BytesOut)/float64(r.Payload), "bytes/payload")
}

// BenchmarkEqual compares two stores that have the same 10,000 vertices.
func BenchmarkEqual(b *testing.B) {
	vertices := history(b, 10_000, 50)
	var stores [2]*dag.Store
	for i := range stores {
		stores[i] = store(b, vfs.NewMem(), dag.Config{})
		defer closed(b, stores[i])
		fill(b, stores[i], vertices)
	}
	var r sync.Result
	cpu := cpuTime()
	for b.Loop() {
		var err error
		if r, err = session(b, stores[0], stores[1]); err != nil || !r.Equal {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric(float64(r.BytesIn+r.BytesOut), "wire-bytes")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// A store that is written to during a session: what comes in between is no
// fault, and waits for the next session.
func TestWritingDuringASession(t *testing.T) {
	a, b := store(t, vfs.NewMem(), dag.Config{}), store(t, vfs.NewMem(), dag.Config{})
	defer closed(t, a)
	defer closed(t, b)
	fill(t, a, history(t, 600, 5))
	snap, err := Take(a, rules.Space())
	if err != nil {
		t.Fatal(err)
	}
	write(t, a, writer(t, 100), 3, "late")
	left, right := net.Pipe()
	done := make(chan error)
	go func() {
		_, err := Respond(context.Background(), right, b, "a", func(dag.Space) error { return nil }, sync.Config{})
		right.Close()
		done <- err
	}()
	r, err := sync.Initiate(t.Context(), left, sync.ID(rules.Space()), snap, NewSink(a, rules.Space(), "b"), sync.Config{Total: time.Hour})
	left.Close()
	if err := errors.Join(err, <-done, snap.Close()); err != nil || !r.Equal || r.Sent != 600 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := session(t, a, b); err != nil || r.Sent != 3 || !r.Equal {
		t.Errorf("%+v, %v", r, err)
	}
}
