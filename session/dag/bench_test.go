package dag

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchSize is how many vertices a benchmark writes, unless the variable
// PARS_BENCH_DAG says otherwise.
func benchSize(b *testing.B, usual int) int {
	text := os.Getenv("PARS_BENCH_DAG")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// benchWriters is how many goroutines write at once, and authors there are.
const benchWriters = 16

// author16 makes vertices of one author, each on its last one and on what some
// others last published.
type author16 struct {
	w    Writer
	rng  *rand.Rand
	last made
}

func newAuthor16(g int) *author16 {
	return &author16{w: NewVouchedWriter(Author(binary.BigEndian.AppendUint32(make([]byte, 28), uint32(g)))), rng: rand.New(rand.NewPCG(7, uint64(g)))}
}

// next makes a vertex of 300 to 900 bytes.
func (a *author16) next(heads []atomic.Pointer[made]) (made, error) {
	parents := make([]made, 0, 3)
	if a.last.Vertex != nil {
		parents = append(parents, a.last)
	}
	for range 2 {
		if p := heads[a.rng.IntN(len(heads))].Load(); p != nil && p.Author != a.w.Author() {
			if len(parents) == 0 || parents[len(parents)-1].id != p.id {
				parents = append(parents, *p)
			}
		}
	}
	payload := make([]byte, 100+a.rng.IntN(600))
	for i := range payload {
		payload[i] = byte(a.rng.Uint32())
	}
	v, err := build(vouched, a.w, Data, string(payload), parents...)
	a.last = v
	return v, err
}

// BenchmarkIngest is durable ingest of vertices that are decoded and verified, by 16
// writers with one vertex a call, beside raw pebble that writes the same bytes
// under their ids, one in a synced batch, in turns.
func BenchmarkIngest(b *testing.B) {
	const turns = 4
	n := benchSize(b, 20_000) / turns
	dir := b.TempDir()
	var ours, raw, oursCPU, rawCPU time.Duration
	for i := range turns {
		start := cpuTime(b)
		ours += ingest(b, fmt.Sprintf("%s/dag%d", dir, i), n)
		middle := cpuTime(b)
		raw += rawIngest(b, fmt.Sprintf("%s/raw%d", dir, i), n)
		oursCPU, rawCPU = oursCPU+middle-start, rawCPU+cpuTime(b)-middle
	}
	b.ReportMetric(float64(oursCPU.Microseconds())/float64(turns*n), "cpu-us/vertex")
	b.ReportMetric(float64(rawCPU.Microseconds())/float64(turns*n), "raw-cpu-us/vertex")
	b.ReportMetric(float64(turns*n)/ours.Seconds(), "vertices/s")
	b.ReportMetric(float64(turns*n)/raw.Seconds(), "raw-vertices/s")
	b.ReportMetric(raw.Seconds()/ours.Seconds(), "of-raw")
	b.ReportMetric(0, "ns/op")
}

// fill writes n vertices of 16 authors in large batches.
func fill(b *testing.B, dir string, n int) {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Join(vouched); err != nil {
		b.Fatal(err)
	}
	heads := make([]atomic.Pointer[made], benchWriters)
	authors := make([]*author16, benchWriters)
	for g := range authors {
		authors[g] = newAuthor16(g)
	}
	start := time.Now()
	for done := 0; done < n; {
		var items []*item
		for len(items) < 480 && done < n {
			g := done % benchWriters
			v, err := authors[g].next(heads)
			if err != nil {
				b.Fatal(err)
			}
			heads[g].Store(&v)
			items = append(items, &item{data: v.data, v: v.Vertex, id: v.id, verified: true, out: new(Outcome)})
			done++
		}
		if _, err := s.commit(items); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "bulk-vertices/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStore is what a filled store takes to open and to answer.
func BenchmarkStore(b *testing.B) {
	n := benchSize(b, 100_000)
	dir := b.TempDir()
	fill(b, dir+"/dag", n)
	runtime.GC()
	start := time.Now()
	s, err := Open(Config{Dir: dir + "/dag"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(ms(start), "open-ms")
	space := vouched.Space()
	start = time.Now()
	front, err := s.Frontier(space)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(ms(start), "frontier-ms")

	// New since: what a peer lacks that has all but the last 100, then from 21 other
	// points. Right after it was filled, the database is still compacting.
	var took []float64
	for i := range 22 {
		feed, err := s.Feed(space, uint64(n-101-i))
		if err != nil {
			b.Fatal(err)
		}
		entries, err := feed.Next(context.Background(), 1)
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		got := 0
		for _, err := range s.Since(space, []ID{entries[0].ID}) {
			if err != nil {
				b.Fatal(err)
			}
			if got++; got == 100 {
				break
			}
		}
		took = append(took, ms(start))
	}
	b.ReportMetric(took[0], "since-cold-ms")
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "since-median-ms")
	b.ReportMetric(took[len(took)-1], "since-worst-ms")
	start = time.Now()
	for _, err := range s.Since(space, front) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ms(start), "since-nothing-ms")
	rng := rand.New(rand.NewPCG(1, 2))
	pick := make([]ID, 0, 1000)
	feed, err := s.Feed(space, 0)
	if err != nil {
		b.Fatal(err)
	}
	for range cap(pick) {
		feed.next = 1 + rng.Uint64N(uint64(n))
		e, err := feed.Next(context.Background(), 1)
		if err != nil {
			b.Fatal(err)
		}
		pick = append(pick, e[0].ID)
	}
	start = time.Now()
	for i := range pick {
		if _, err := s.Ancestor(space, pick[i], pick[(i+1)%len(pick)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ms(start)/float64(len(pick)), "ancestor-ms")
	snap, err := s.Snapshot(space)
	if err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	ids := 0
	for _, err := range snap.IDs(0, ID{}) {
		if err != nil {
			b.Fatal(err)
		}
		ids++
	}
	b.ReportMetric(ms(start), "all-ids-ms")
	if err := snap.Close(); err != nil || ids != n {
		b.Fatalf("%d ids, %v, want %d", ids, err, n)
	}
	st, err := s.Stats(space)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(st.Chains), "chains")
	b.ReportMetric(rss(b), "rss-MB")
	b.ReportMetric(0, "ns/op")
}

func ms(start time.Time) float64 { return float64(time.Since(start).Microseconds()) / 1000 }

// rss is the process's resident memory in megabytes.
func rss(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Log(err)
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kb); err == nil {
			return kb / 1000
		}
	}
	return 0
}

// ingest writes n vertices that are verified already and returns how long it took.
func ingest(b *testing.B, dir string, n int) time.Duration {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Join(vouched); err != nil {
		b.Fatal(err)
	}
	heads := make([]atomic.Pointer[made], benchWriters)
	took := race(b, n, func(g int, a *author16) error {
		v, err := a.next(heads)
		if err != nil {
			return err
		}
		it := &item{data: v.data, v: v.Vertex, id: v.id, source: Source{Peer: "p"}, verified: true, out: new(Outcome)}
		if _, err := s.commit([]*item{it}); err != nil {
			return err
		}
		if it.out.Status != Accepted {
			return fmt.Errorf("outcome %v: %w", it.out.Status, it.out.Err)
		}
		heads[g].Store(&v)
		return nil
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// rawIngest writes the bytes of as many vertices under their ids.
func rawIngest(b *testing.B, dir string, n int) time.Duration {
	options := &pebble.Options{FormatMajorVersion: pebble.FormatNewest, CacheSize: 16 << 20, MemTableSize: 8 << 20, FS: vfs.Default, Logger: databaseLogger{}}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		b.Fatal(err)
	}
	heads := make([]atomic.Pointer[made], benchWriters)
	took := race(b, n, func(g int, a *author16) error {
		v, err := a.next(heads)
		if err != nil {
			return err
		}
		heads[g].Store(&v)
		return db.Set(v.id[:], v.data, pebble.Sync)
	})
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// race lets all writers work until n vertices are written. Making them costs both
// sides the same.
func race(b *testing.B, n int, write func(int, *author16) error) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	start := time.Now()
	for g := range benchWriters {
		wg.Go(func() {
			a := newAuthor16(g)
			for left.Add(-1) >= 0 {
				if err := write(g, a); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// BenchmarkAddSigned is what reconciliation does with what it was sent: batches of
// signed vertices, checked from their bytes to the disk.
func BenchmarkAddSigned(b *testing.B) {
	const size = 2000
	var batches [][][]byte
	var last made
	for i := range size {
		var parents []made
		if last.Vertex != nil {
			parents = append(parents, last)
		}
		last = make1(b, signed, writer(b, 1), Data, fmt.Sprint(i), parents...)
		if i%256 == 0 {
			batches = append(batches, nil)
		}
		batches[len(batches)-1] = append(batches[len(batches)-1], last.data)
	}
	b.ResetTimer()
	cpu := cpuTime(b)
	for range b.N {
		s, err := Open(Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Join(signed); err != nil {
			b.Fatal(err)
		}
		for _, batch := range batches {
			if _, err := s.Add(b.Context(), batch, Source{Peer: "p"}); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "vertices/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(size*b.N), "cpu-us/vertex")
}

// cpuTime is what the process has used of all processors: it tells what a vertex
// costs on a machine that is busy with other things.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
