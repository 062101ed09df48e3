package sync

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pars-network/pars/session/wire"
)

// attacker is the other end of a victim's session. It ends when the victim
// hangs up.
type attacker struct {
	conn  net.Conn
	in    chan []byte
	rand  *rand.Rand
	hello hello       // the victim's
	deaf  atomic.Bool // reads nothing any more
}

var errHungUp = errors.New("the victim hung up")

func attack(conn net.Conn) *attacker {
	a := &attacker{conn: conn, in: make(chan []byte, 1024), rand: rand.New(rand.NewPCG(1, 2))}
	go func() {
		defer close(a.in)
		for !a.deaf.Load() {
			f, err := wire.ReadFrame(conn, MaxFrame)
			if err != nil {
				return
			}
			select {
			case a.in <- f:
			default: // an attacker that doesn't read its mail
			}
		}
	}()
	return a
}

func (a *attacker) send(m any) {
	b, err := wire.Marshal(m)
	if err != nil {
		panic(err)
	}
	if wire.WriteFrame(a.conn, MaxFrame, b) != nil {
		panic(errHungUp)
	}
}

// next waits for a message of type t and drops others.
func (a *attacker) next(t uint64) any {
	for f := range a.in {
		if uint64(f[1]) == t {
			m, err := decode(t, f)
			if err != nil {
				panic(err)
			}
			return m
		}
	}
	panic(errHungUp)
}

// open exchanges hellos such that the victim waits for the attacker's plan.
func (a *attacker) open(edit func(*hello)) {
	h := hello{Type: typeHello, Version: version, Space: testSpace, Count: 1 << 40, Heads: []head{{ID: ID{1}, Lamport: 7}}, Frontier: make([]byte, 32)}
	if edit != nil {
		edit(&h)
	}
	a.send(h)
	a.hello = *a.next(typeHello).(*hello)
}

func (a *attacker) key(pass int) *key {
	k := newKey(testSpace, [16]byte{}, a.hello.Nonce, pass)
	return &k
}

func (a *attacker) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.rand.Uint32())
	}
	return b
}

// endOf sends nothing more and says that all is there.
func (a *attacker) finish(digest []byte) { a.send(final{Type: typeFinal, Digest: digest}) }

// prints sends turns of one range each that never match, for ever.
func (a *attacker) prints() {
	for {
		for !a.next(typeRanges).(*ranges).Last {
		}
		a.send(ranges{Type: typeRanges, Last: true, Ranges: []span{{Mode: modePrint, Data: a.noise(printSize)}}})
	}
}

// assault is one way to hurt a victim that responds, and what it may cost.
type assault struct {
	name   string
	run    func(a *attacker)
	want   error
	bytes  int64 // that the victim reads
	batch  int   // vertices that it verifies
	memory int   // bytes that both ends allocate in all, beyond 400 for each id of the set
}

const kib, mib = 1 << 10, 1 << 20

func assaults(victim *memory) []assault {
	var own [][]byte
	for _, id := range slices.SortedFunc(func(yield func(ID) bool) {
		for id := range victim.vertices {
			if !yield(id) {
				return
			}
		}
	}, compareIDs)[:min(len(victim.vertices), 100)] {
		own = append(own, victim.vertices[id].encoded)
	}
	foreign := func(n int, payload string) (out [][]byte) {
		for i := range n {
			out = append(out, encodeVertex(1, nil, fmt.Appendf(nil, "%s %d", payload, i)))
		}
		return out
	}
	// sketchOf is what an honest peer would send that lacks nothing and has extra.
	sketchOf := func(a *attacker, extra []ID) *sketch {
		ids := slices.Clone(extra)
		for id := range victim.vertices {
			ids = append(ids, id)
		}
		s, _ := newSketch(a.key(1), len(ids), each(ids))
		return s
	}
	offer := func(a *attacker, extra []ID) {
		s := sketchOf(a, extra)
		n := minSymbols
		for n < 2*len(extra)+64 { // 32 symbols fail to name ten once in some hundred runs
			n *= 2
		}
		n = min(n, maxSymbols)
		s.extend(n)
		a.send(symbols{Type: typeSymbols, Symbols: s.appendSymbols(nil, 0)})
	}
	noIDs := func(n int) []ID { return randomIDs(rand.New(rand.NewPCG(9, 9)), n) }
	return []assault{
		{name: "coded symbols without end", want: ErrProtocol, bytes: 600 * kib, memory: 12 * mib, run: func(a *attacker) {
			a.open(nil)
			n := minSymbols
			a.send(symbols{Type: typeSymbols, Symbols: a.noise(n * symbolSize)})
			for {
				if n < maxSymbols {
					a.next(typeMore)
				}
				m := min(n, maxSymbols)
				a.send(symbols{Type: typeSymbols, Symbols: a.noise(m * symbolSize)})
				n += m
			}
		}},
		{name: "one coded symbol at a time", want: ErrProtocol, bytes: 2 * kib, memory: 2 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(symbols{Type: typeSymbols, Symbols: a.noise(minSymbols * symbolSize)})
			for {
				a.next(typeMore)
				a.send(symbols{Type: typeSymbols, Symbols: a.noise(symbolSize)})
			}
		}},
		{name: "wrong symbols, then fingerprints that never match", want: ErrProtocol, bytes: 300 * kib, memory: 40 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(symbols{Type: typeSymbols, Symbols: a.noise(maxSymbols * symbolSize)})
			a.prints()
		}},
		{name: "symbols that name the most ids, none of which comes", want: ErrWithheld, bytes: 300 * kib, memory: 20 * mib, run: func(a *attacker) {
			a.open(nil)
			offer(a, noIDs(11_000))
			a.next(typeWant)
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: [][]byte{}})
		}},
		{name: "ids in ranges, none of which comes", want: ErrWithheld, bytes: 12 * mib, memory: 160 * mib, run: func(a *attacker) {
			a.open(nil)
			turn := func() {
				// Lists of tags, split as finely as frames allow.
				for part := range 16 {
					var spans []span
					for i := range maxFrameRanges {
						v := part*maxFrameRanges + i
						spans = append(spans, span{Bound: []byte{byte(v >> 8), byte(v), 1}, Mode: modeList, Data: a.noise(8 * 32)})
					}
					a.send(ranges{Type: typeRanges, Ranges: spans})
				}
				a.send(ranges{Type: typeRanges, Last: true, Ranges: []span{{Mode: modeSkip}}})
			}
			turn()
			a.next(typeWant)
			a.send(want{Type: typeWant, Last: true})
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: [][]byte{}})
		}},
		{name: "vertices that the victim has", want: ErrUnasked, bytes: 600 * kib, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: own})
			a.next(typeFinal)
		}},
		{name: "vertices that the symbols did not name", want: ErrUnasked, bytes: 300 * kib, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			offer(a, noIDs(10))
			a.next(typeWant)
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: foreign(100, "spam")})
		}},
		{name: "the same vertex twice", want: ErrPeer, bytes: 300 * kib, batch: MaxBatch, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			v := foreign(1, "echo")[0]
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: [][]byte{v, v}})
			a.next(typeFinal)
		}},
		{name: "wrong signatures", want: ErrRefused, bytes: 300 * kib, batch: MaxBatch, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			for {
				a.send(vertices{Type: typeVertices, Vertices: foreign(MaxBatch, "bad")})
				a.next(typeAck)
			}
		}},
		{name: "vertices of another space", want: ErrRefused, bytes: 300 * kib, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(vertices{Type: typeVertices, Vertices: [][]byte{a.noise(1000)}})
			a.next(typeAck)
		}},
		{name: "vertices without parents", want: ErrRefused, bytes: 300 * kib, batch: MaxBatch, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(vertices{Type: typeVertices, Vertices: [][]byte{encodeVertex(5, []ID{{1}}, nil)}})
			a.next(typeAck)
		}},
		{name: "the largest ranges, turn after turn", want: ErrProtocol, bytes: 6 * mib, memory: 220 * mib, run: func(a *attacker) {
			a.open(nil)
			for {
				for part := range 32 {
					var spans []span
					for i := range maxFrameRanges {
						v := part*maxFrameRanges + i
						spans = append(spans, span{Bound: []byte{byte(v >> 7), byte(v<<1) | 1}, Mode: modePrint, Data: a.noise(printSize)})
					}
					a.send(ranges{Type: typeRanges, Ranges: spans})
				}
				a.send(ranges{Type: typeRanges, Last: true, Ranges: []span{{Mode: modePrint, Data: a.noise(printSize)}}})
				for !a.next(typeRanges).(*ranges).Last {
				}
			}
		}},
		{name: "ranges that go back", want: ErrProtocol, bytes: 10 * kib, memory: 2 * mib, run: func(a *attacker) {
			a.open(nil)
			a.send(ranges{Type: typeRanges, Ranges: []span{{Bound: []byte{9}}, {Bound: []byte{3}, Mode: modePrint, Data: a.noise(printSize)}}})
			a.next(typeRanges)
		}},
		{name: "turns without waiting", want: ErrProtocol, bytes: 64 * kib, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			for {
				a.send(ranges{Type: typeRanges, Last: true, Ranges: []span{{Mode: modePrint, Data: a.noise(printSize)}}})
			}
		}},
		{name: "batches without waiting", want: ErrProtocol, bytes: 8 * mib, batch: 8, memory: 4 * mib, run: func(a *attacker) {
			a.open(nil)
			a.deaf.Store(true)
			for i := 0; ; i++ {
				a.send(vertices{Type: typeVertices, Vertices: foreign(1, fmt.Sprint(i))})
			}
		}},
		{name: "a set of 2^63 vertices and a frontier of strangers", want: io.ErrUnexpectedEOF, bytes: 2 * kib, memory: 2 * mib, run: func(a *attacker) {
			a.open(func(h *hello) {
				h.Count, h.Heads = 1<<63, nil
				for range maxHeads {
					h.Heads = append(h.Heads, head{ID: ID(a.noise(32)), Lamport: 1 << 62})
				}
			})
		}},
		{name: "a prune line above everything", want: io.ErrUnexpectedEOF, bytes: 2 * kib, memory: 2 * mib, run: func(a *attacker) {
			a.open(func(h *hello) { h.Line = 1<<64 - 1 })
		}},
		{name: "a wrong digest, twice", want: ErrMismatch, bytes: 4 * kib, memory: 16 * mib, run: func(a *attacker) {
			a.open(func(h *hello) { h.Heads, h.Count = nil, 0 }) // empty: the victim sends all
			for n := uint64(1); ; n++ {
				v := a.next(typeVertices).(*vertices)
				a.send(ack{Type: typeAck, Batches: n})
				if v.End == endAll {
					break
				}
			}
			a.next(typeFinal)
			a.finish(make([]byte, 32))
			// The attacker opened the session, so the second pass is its turn.
			a.send(ranges{Type: typeRanges, Last: true, Ranges: []span{{Mode: modeSkip}}})
			a.next(typeWant)
			a.send(want{Type: typeWant, Last: true})
			a.next(typeVertices)
			a.send(ack{Type: typeAck, Batches: 1})
			a.send(vertices{Type: typeVertices, End: endAll, Vertices: [][]byte{}})
			a.next(typeFinal)
			a.finish(make([]byte, 32))
		}},
		{name: "a frame of 4 GiB", want: ErrProtocol, bytes: kib, memory: 2 * mib, run: func(a *attacker) {
			a.open(nil)
			_, _ = a.conn.Write(binary.BigEndian.AppendUint32(nil, 1<<32-1))
		}},
		{name: "a list in a hello that is longer than its frame", want: ErrProtocol, bytes: kib, memory: 2 * mib, run: func(a *attacker) {
			_ = wire.WriteFrame(a.conn, MaxFrame, append([]byte{0x89, 0}, a.noise(200)...))
		}},
		{name: "a want of everything, then of more", want: ErrProtocol, bytes: 4 * mib, memory: 48 * mib, run: func(a *attacker) {
			a.open(func(h *hello) { h.Heads, h.Count = []head{{ID: ID{9}}}, 1 }) // the victim sends symbols
			for {
				a.send(want{Type: typeWant, Tags: a.noise(8 * maxTags)})
			}
		}},
	}
}

// strike runs one assault and returns how the victim ended.
func strike(c assault, open Opener) (e ended) {
	left, right := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer left.Close()
		defer func() {
			if r := recover(); r != nil && r != any(errHungUp) {
				panic(r)
			}
		}()
		c.run(attack(left))
	}()
	e.result, e.err = Respond(context.Background(), right, open, Config{})
	right.Close()
	<-done
	return e
}

// Every assault ends with the victim hanging up, for the right reason, within
// the bytes, signatures and memory of spec/sync.md.
func TestWhatAHostilePeerCosts(t *testing.T) {
	base := newMemory()
	base.scatter(5000, "base")
	base.chain(nil, 200, "chain")
	for _, c := range assaults(base) {
		t.Run(c.name, func(t *testing.T) {
			s := base.clone()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			e := strike(c, s.serve)
			runtime.ReadMemStats(&after)
			if !errors.Is(e.err, c.want) {
				t.Errorf("ended with %v, want %v", e.err, c.want)
			}
			if e.result.BytesIn > c.bytes {
				t.Errorf("it read %d bytes, want at most %d", e.result.BytesIn, c.bytes)
			}
			if s.verified > c.batch {
				t.Errorf("it verified %d vertices, want at most %d", s.verified, c.batch)
			}
			// The attacker's own memory is in it too.
			if got := int(after.TotalAlloc-before.TotalAlloc) - 400*len(base.vertices); got > c.memory && !raced {
				t.Errorf("it allocated %d KiB, want at most %d", got/kib, c.memory/kib)
			}
			t.Logf("%v; read %d, wrote %d, verified %d, allocated %d KiB", e.err, e.result.BytesIn, e.result.BytesOut, s.verified, (after.TotalAlloc-before.TotalAlloc)/kib)
		})
	}
}

func TestSlowPeers(t *testing.T) {
	drip := func(p []byte, every time.Duration, conn net.Conn) {
		for _, b := range p {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(every)
		}
	}
	h, err := wire.Marshal(hello{Type: typeHello, Version: version, Space: testSpace, Count: 1 << 40, Heads: []head{{ID: ID{1}, Lamport: 7}}, Frontier: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		attack func(conn net.Conn)
		within time.Duration
	}{
		{"nothing at all", func(net.Conn) {}, time.Minute},
		{"one byte a second", func(conn net.Conn) { drip(append([]byte{0, 0, 1, 0}, make([]byte, 250)...), time.Second, conn) }, time.Minute},
		{"never reads", func(conn net.Conn) { _ = wire.WriteFrame(conn, MaxFrame, h) }, time.Minute},
		{"a good vertex every 50 s", func(conn net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			_ = wire.WriteFrame(conn, MaxFrame, h)
			for i := 0; ; i++ {
				v := vertices{Type: typeVertices, Vertices: [][]byte{encodeVertex(1, nil, fmt.Append(nil, i))}}
				if wire.WriteMessage(conn, MaxFrame, v) != nil {
					return
				}
				time.Sleep(50 * time.Second)
			}
		}, 15 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := net.Pipe()
				s := newMemory()
				s.scatter(100, "s")
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.attack(left)
				}()
				start := time.Now()
				_, err := Respond(t.Context(), right, s.serve, Config{})
				took := time.Since(start)
				right.Close()
				left.Close()
				<-done
				if !errors.Is(err, ErrTimeout) || took > c.within || took < c.within/2 {
					t.Errorf("Respond = %v after %v, want ErrTimeout after %v", err, took, c.within)
				}
			})
		})
	}
}

// Someone who chooses ids can make sums of them that vanish. Keyed tags don't.
func TestGroundIDsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	common := randomIDs(r, 1000)
	var ground []ID
	for range 50 {
		four := randomIDs(r, 4)
		for i := range four[3] {
			four[3][i] = four[0][i] ^ four[1][i] ^ four[2][i] // the sum is zero
		}
		ground = append(ground, four...)
	}
	for i := range 50 { // and ids that differ in their last byte only
		ground = append(ground, ID{1, 2, 3, 31: byte(i)})
	}
	for session := range 20 {
		k := newKey(testSpace, [16]byte{byte(session)}, [16]byte{7}, 1)
		a, _ := newSketch(&k, 0, each(slices.Concat(common, ground)))
		b, _ := newSketch(&k, 0, each(common))
		d := newDecoder(&k, b)
		a.extend(1024)
		if whole, err := d.add(a.appendSymbols(nil, 0)); !whole || err != nil || len(d.recovered) != len(ground) {
			t.Fatalf("session %d: recovered %d of %d, %v, %v", session, len(d.recovered), len(ground), whole, err)
		}
	}
}

// What each assault costs in processor time, both ends together, with 100,000
// vertices on the victim's side.
func BenchmarkAssault(b *testing.B) {
	base := newMemory()
	base.scatter(100_000, "base")
	snap := base.snapshot()
	for _, c := range assaults(base) {
		b.Run(c.name, func(b *testing.B) {
			var bytes int64
			before := cpuTime()
			for b.Loop() {
				e := strike(c, func(ID) (Snapshot, Sink, error) { return snap, base, nil })
				bytes = e.result.BytesIn
			}
			b.ReportMetric(float64((cpuTime()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(bytes), "bytes-in")
		})
	}
}
