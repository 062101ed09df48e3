package peer

import (
	"bytes"
	"context"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"iter"
	"net"
	"slices"
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy/storage/vector"

	"github.com/pars-network/pars/session/sync"
)

// set is vertices without parents: the hardest case, since the frontier says
// nothing. A vertex is 16 bytes and its id their SHA3-256.
type set struct {
	ids      []sync.ID
	vertices map[sync.ID][]byte
	added    func() // called before each batch is taken
}

func newSet(numbers ...[2]uint64) *set {
	s := &set{vertices: map[sync.ID][]byte{}}
	for _, r := range numbers {
		for n := r[0]; n < r[1]; n++ {
			v := binary.BigEndian.AppendUint64(make([]byte, 8, 16), n)
			id := sync.ID(sha3.Sum256(v))
			s.ids = append(s.ids, id)
			s.vertices[id] = v
		}
	}
	slices.SortFunc(s.ids, compare)
	return s
}

func compare(a, b sync.ID) int { return bytes.Compare(a[:], b[:]) }

func (s *set) Line() uint64                                   { return 0 }
func (s *set) Count() uint64                                  { return uint64(len(s.ids)) }
func (s *set) Heads() []sync.Head                             { return nil }
func (s *set) Has(id sync.ID) (bool, error)                   { _, ok := s.vertices[id]; return ok, nil }
func (s *set) Lamport(sync.ID) (uint64, error)                { return 0, nil }
func (s *set) Vertex(id sync.ID) ([]byte, error)              { return s.vertices[id], nil }
func (s *set) ID(v []byte) (sync.ID, error)                   { return sha3.Sum256(v), nil }
func (s *set) open(sync.ID) (sync.Snapshot, sync.Sink, error) { return s, s, nil }

func (s *set) IDs(_ uint64, from sync.ID) iter.Seq2[sync.ID, error] {
	i, _ := slices.BinarySearchFunc(s.ids, from, compare)
	return func(yield func(sync.ID, error) bool) {
		for _, id := range s.ids[i:] {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (s *set) Since([]sync.ID, uint64) iter.Seq2[sync.ID, error] {
	return func(yield func(sync.ID, error) bool) { yield(sync.ID{}, errors.New("no frontier here")) }
}

// Add only counts, so that each round starts from the same sets.
func (s *set) Add(_ context.Context, batch [][]byte) ([]sync.Outcome, error) {
	if s.added != nil {
		s.added()
	}
	out := make([]sync.Outcome, len(batch))
	for i := range out {
		out[i] = sync.Accepted
	}
	return out, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// differences are the rows of docs: both sets have 100,000 ids in common less
// what is said, half of the differences on each side.
var differences = []struct {
	name string
	each uint64
}{{"1 difference", 1}, {"100 differences", 50}, {"1000 differences", 500}, {"10000 differences", 5000}, {"40000 differences", 20000}}

const common = 100_000

func BenchmarkReconcile(b *testing.B) {
	for _, d := range differences {
		mine := newSet([2]uint64{0, common - d.each}, [2]uint64{1 << 32, 1<<32 + d.each})
		theirs := newSet([2]uint64{0, common - d.each}, [2]uint64{1 << 33, 1<<33 + d.each})
		if d.each == 1 {
			mine = newSet([2]uint64{0, common})
			theirs = newSet([2]uint64{0, common - 1})
		}
		// One after the other, so that both see the same machine.
		b.Run(d.name+"/pars", func(b *testing.B) { pars(b, mine, theirs) })
		b.Run(d.name+"/negentropy", func(b *testing.B) { nostrs(b, mine, theirs) })
	}
}

// pars measures whole sessions, the final digests and the transfer of the
// 16-byte vertices included; bytes are all but the vertices.
func pars(b *testing.B, mine, theirs *set) {
	var wire int64
	var moved int
	// Both sides' first batch marks the end of reconciliation: all differences
	// are known.
	var found, start time.Duration
	mark := gosync.OnceFunc(func() {})
	mine.added = func() { mark() }
	theirs.added = mine.added
	before := cpuTime()
	for b.Loop() {
		start = cpuTime()
		mark = gosync.OnceFunc(func() { found += cpuTime() - start })
		left, right := net.Pipe()
		done := make(chan error)
		go func() {
			_, err := sync.Respond(context.Background(), right, theirs.open, sync.Config{})
			done <- err
		}()
		r, err := sync.Initiate(b.Context(), left, sync.ID{}, mine, mine, sync.Config{})
		if err := errors.Join(err, <-done); err != nil || !r.Equal || r.Passes != 1 {
			b.Fatalf("%+v, %v", r, err)
		}
		wire = r.BytesIn + r.BytesOut - r.Payload
		moved = r.Sent + r.Received
		_, _ = left.Close(), right.Close()
	}
	b.ReportMetric(float64(found.Microseconds())/1000/float64(b.N), "until-payload-cpu-ms/op")
	report(b, before, wire, moved)
}

// nostrs measures reconciliation alone, on sealed storages, in the binary form
// that its messages have on the wire (the library writes hex).
func nostrs(b *testing.B, mine, theirs *set) {
	var wire int64
	var found int
	before := cpuTime()
	var sealing time.Duration
	for b.Loop() {
		start := cpuTime()
		client, server := negentropy.New(storage(mine), 0), negentropy.New(storage(theirs), 0)
		sealing += cpuTime() - start
		wire, found = 0, 0
		var all gosync.WaitGroup
		var mu gosync.Mutex
		for _, c := range []chan string{client.Haves, client.HaveNots} {
			all.Go(func() {
				n := 0
				for range c {
					n++
				}
				mu.Lock()
				found += n
				mu.Unlock()
			})
		}
		rounds := 0
		for msg := client.Start(); msg != ""; rounds++ {
			wire += int64(len(msg) / 2)
			answer, err := server.Reconcile(msg)
			if err != nil {
				b.Fatal(err)
			}
			wire += int64(len(answer) / 2)
			if msg, err = client.Reconcile(answer); err != nil {
				b.Fatal(err)
			}
		}
		all.Wait()
		b.ReportMetric(float64(rounds), "rounds")
	}
	b.ReportMetric(float64((cpuTime()-before-sealing).Microseconds())/1000/float64(b.N), "until-payload-cpu-ms/op")
	report(b, before, wire, found)
}

func storage(s *set) *vector.Vector {
	v := vector.New()
	for _, id := range s.ids {
		v.Insert(nostr.Timestamp(binary.BigEndian.Uint32(id[:])), hex.EncodeToString(id[:]))
	}
	v.Seal()
	return v
}

func report(b *testing.B, before time.Duration, wire int64, moved int) {
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(wire), "wire-bytes")
	b.ReportMetric(float64(moved), "found")
}
