package packet

import (
	"bytes"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/pars-network/pars/crypto/kem"
	"pgregory.net/rapid"
)

// stream is randomness that repeats: SHAKE256 of a name.
func stream(name string) io.Reader {
	h := sha3.NewSHAKE256()
	_, _ = h.Write([]byte(name))
	return h
}

// node is a hop with its private key.
type node struct {
	id  [IDSize]byte
	key *PrivateKey
}

func newNode(t testing.TB, name string) node {
	t.Helper()
	k, err := kem.Generate(stream("key of " + name))
	if err != nil {
		t.Fatal(err)
	}
	return node{id: sha3.Sum256([]byte(name)), key: NewPrivateKey(k)}
}

func newPath(t testing.TB) ([Hops]node, Path) {
	t.Helper()
	var nodes [Hops]node
	var path Path
	for i := range nodes {
		nodes[i] = newNode(t, fmt.Sprint("node ", i))
		path[i] = Hop{ID: nodes[i].id, Key: nodes[i].key.Public()}
	}
	return nodes, path
}

// walk takes a packet through its path; seen gets it before every hop.
func walk(t testing.TB, nodes [Hops]node, p *Packet, seen func(i int, p *Packet)) [Hops]*Opened {
	t.Helper()
	var out [Hops]*Opened
	for i, n := range nodes {
		if seen != nil {
			seen(i, p)
		}
		o, err := Open(n.key, p)
		if err != nil {
			t.Fatalf("hop %d: Open = %v", i+1, err)
		}
		if (o.Packet != nil) != (i < Hops-1) || i < Hops-1 && o.Node != nodes[i+1].id {
			t.Fatalf("hop %d: kind %d, next %x", i+1, o.Kind, o.Node)
		}
		out[i], p = o, o.Packet
	}
	return out
}

func TestSizes(t *testing.T) {
	if Size != 13696 || CellSize != 8728 || MaxMessage != 68<<10 {
		t.Errorf("packet, cell, message = %d, %d, %d bytes, want 13696, 8728, %d", Size, CellSize, MaxMessage, 68<<10)
	}
	for n, want := range map[int]int{0: 1, 1: 1, PartSize: 1, PartSize + 1: 2, MaxMessage: MaxParts, MaxMessage + 1: 0, -1: 0} {
		if got := Parts(n); got != want {
			t.Errorf("Parts(%d) = %d, want %d", n, got, want)
		}
	}
}

// Whatever is asked arrives at the third hop and nowhere else, and what that one
// answers comes back.
func TestRequestAndAnswer(t *testing.T) {
	nodes, path := newPath(t)
	rapid.Check(t, func(r *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(r, "pattern")
		size := rapid.SampledFrom([]int{0, 1, 100, PartSize - 1, PartSize, PartSize + 1, 3*PartSize + 7, MaxMessage}).Draw(r, "size")
		request := Request{Kind: rapid.SampledFrom([]Kind{Deliver, Cover, Forward}).Draw(r, "kind"), Body: fill(body, size)}
		if request.Kind == Forward {
			request.Node = [IDSize]byte{9}
		}
		packets, keys, err := Build(stream(fmt.Sprint(rapid.Uint64().Draw(r, "random"))), path, request)
		if err != nil || len(packets) != Parts(size) {
			r.Fatalf("Build = %d packets, %v, want %d", len(packets), err, Parts(size))
		}
		var parts []Part
		var first [Hops]*Opened
		for i := range packets {
			o := walk(t, nodes, &packets[i], nil)
			if o[Hops-1].Kind != request.Kind || o[Hops-1].Node != request.Node {
				r.Fatalf("last hop got kind %d for %x", o[Hops-1].Kind, o[Hops-1].Node)
			}
			parts = append(parts, o[Hops-1].Part)
			if i == 0 {
				first = o
			}
		}
		got, err := Join(parts)
		if err != nil || !bytes.Equal(got, request.Body) {
			r.Fatalf("Join = %d bytes, %v", len(got), err)
		}
		answer := fill(body, rapid.SampledFrom([]int{0, 5, PartSize, MaxMessage}).Draw(r, "answer"))
		cells, err := first[Hops-1].Keys.Answer(answer)
		if err != nil {
			r.Fatal(err)
		}
		parts = nil
		for i := range cells {
			for hop := Hops - 2; hop >= 0; hop-- {
				first[hop].Keys.Pass(i, &cells[i])
			}
			reply, err := keys.OpenCell(i, &cells[i])
			if err != nil || reply.From != Hops-1 || reply.Failure != 0 {
				r.Fatalf("OpenCell(%d) = %+v, %v", i, reply, err)
			}
			parts = append(parts, reply.Part)
		}
		if got, err := Join(parts); err != nil || !bytes.Equal(got, answer) {
			r.Fatalf("answer = %d bytes, %v, want %d", len(got), err, len(answer))
		}
	})
}

func fill(pattern []byte, size int) []byte {
	return bytes.Repeat(pattern, size/len(pattern)+1)[:size]
}

// Every hop can say why there is no answer, and the client knows which one it was.
func TestFailures(t *testing.T) {
	nodes, path := newPath(t)
	packets, keys, err := Build(stream("failures"), path, Request{Kind: Deliver})
	if err != nil {
		t.Fatal(err)
	}
	opened := walk(t, nodes, &packets[0], nil)
	for at := range nodes {
		for r := ReasonUnreachable; r <= ReasonUnknown; r++ {
			c := opened[at].Keys.Failure(r)
			for hop := at - 1; hop >= 0; hop-- {
				opened[hop].Keys.Pass(0, c)
			}
			reply, err := keys.OpenCell(0, c)
			if err != nil || reply.From != at || reply.Failure != r {
				t.Errorf("hop %d, %v: OpenCell = %+v, %v", at+1, r, reply, err)
			}
			if _, err := keys.OpenCell(1, c); !errors.Is(err, ErrCell) {
				t.Errorf("hop %d, %v: as the second cell = %v, want ErrCell", at+1, r, err)
			}
		}
		if at < Hops-1 { // only the last one may answer
			cells, err := opened[at].Keys.Answer([]byte("forged"))
			if err != nil {
				t.Fatal(err)
			}
			for hop := at - 1; hop >= 0; hop-- {
				opened[hop].Keys.Pass(0, &cells[0])
			}
			if _, err := keys.OpenCell(0, &cells[0]); !errors.Is(err, ErrCell) {
				t.Errorf("an answer made by hop %d = %v, want ErrCell", at+1, err)
			}
		}
	}
}

// A packet in which any bit is another is refused by the next hop, at every hop.
func TestChangedPacketsAreRefused(t *testing.T) {
	nodes, path := newPath(t)
	packets, _, err := Build(stream("changed"), path, Request{Kind: Deliver, Body: []byte("salaam")})
	if err != nil {
		t.Fatal(err)
	}
	var at [Hops]Packet
	walk(t, nodes, &packets[0], func(i int, p *Packet) { at[i] = *p })
	refused := func(t interface{ Errorf(string, ...any) }, hop, bit int) {
		p := at[hop]
		p[bit/8] ^= 1 << (bit % 8)
		if o, err := Open(nodes[hop].key, &p); !errors.Is(err, ErrPacket) && !errors.Is(err, ErrKey) || o != nil {
			t.Errorf("hop %d, bit %d changed: Open = %v, %v, want it refused", hop+1, bit, o, err)
		}
	}
	for hop := range at { // everything that steers, then a sample of the rest
		for bit := 0; bit < (keyIDSize+kem.XSize)*8; bit++ {
			refused(t, hop, bit)
		}
		for bit := (headSize - tagSize) * 8; bit < (headSize+commandSize)*8; bit += 3 {
			refused(t, hop, bit)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		refused(r, rapid.IntRange(0, Hops-1).Draw(r, "hop"), rapid.IntRange(0, Size*8-1).Draw(r, "bit"))
	})
}

// A cell in which any bit is another is refused by the client.
func TestChangedCellsAreRefused(t *testing.T) {
	nodes, path := newPath(t)
	packets, keys, err := Build(stream("cells"), path, Request{Kind: Deliver})
	if err != nil {
		t.Fatal(err)
	}
	o := walk(t, nodes, &packets[0], nil)
	cells, err := o[2].Keys.Answer([]byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		c, bit, after := cells[0], rapid.IntRange(0, CellSize*8-1).Draw(r, "bit"), rapid.IntRange(0, 2).Draw(r, "after")
		for hop := 2; hop >= 0; hop-- {
			if hop < 2 {
				o[hop].Keys.Pass(0, &c)
			}
			if hop == after {
				c[bit/8] ^= 1 << (bit % 8)
			}
		}
		if _, err := keys.OpenCell(0, &c); !errors.Is(err, ErrCell) {
			r.Errorf("bit %d changed after hop %d: OpenCell = %v, want ErrCell", bit, after+1, err)
		}
	})
}

// What goes into a node and what comes out of it have no eight bytes in common,
// nor have two packets of one request, nor two requests on one path (but for the
// name of the key that both are for).
func TestNothingIsSharedAcrossAHop(t *testing.T) {
	nodes, path := newPath(t)
	var all []struct {
		where string
		hop   int
		data  []byte
	}
	add := func(where string, hop int, data []byte) {
		all = append(all, struct {
			where string
			hop   int
			data  []byte
		}{where, hop, slices.Clone(data)})
	}
	body := bytes.Repeat([]byte("the same words, "), 2*PartSize/16)
	for _, name := range []string{"one", "two"} {
		packets, _, err := Build(stream(name), path, Request{Kind: Deliver, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		for n := range packets {
			o := walk(t, nodes, &packets[n], func(i int, p *Packet) { add(fmt.Sprintf("%s, packet %d at hop %d", name, n, i+1), i, p[:]) })
			if n > 0 {
				continue
			}
			cells, err := o[2].Keys.Answer(body)
			if err != nil {
				t.Fatal(err)
			}
			for i := range cells {
				add(fmt.Sprintf("%s, cell %d from hop 3", name, i), -1, cells[i][:])
				for hop := 1; hop >= 0; hop-- {
					o[hop].Keys.Pass(i, &cells[i])
					add(fmt.Sprintf("%s, cell %d from hop %d", name, i, hop+1), -1, cells[i][:])
				}
			}
		}
	}
	first := map[uint64]int{}
	for i, a := range all {
		for at := 0; at+8 <= len(a.data); at++ {
			window := binary.BigEndian.Uint64(a.data[at:])
			other, seen := first[window]
			if !seen {
				first[window] = i
				continue
			}
			if other != i && at == 0 && a.hop == all[other].hop && a.hop >= 0 {
				continue // both name the key of the same node
			}
			t.Errorf("%s and %s share the eight bytes %016x, the first at %d", a.where, all[other].where, window, at)
		}
	}
	if len(all) < 24 {
		t.Fatalf("compared %d packets and cells, want at least 24", len(all))
	}
}

// A packet is remembered by its tag: the same bytes have the same, others another.
func TestTags(t *testing.T) {
	nodes, path := newPath(t)
	seen := map[Tag]bool{}
	for _, name := range []string{"a", "b"} {
		packets, _, err := Build(stream(name), path, Request{Kind: Deliver, Body: make([]byte, 2*PartSize)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range packets {
			for _, o := range walk(t, nodes, &packets[i], nil) {
				if seen[o.Keys.Tag()] {
					t.Error("two packets have one tag")
				}
				seen[o.Keys.Tag()] = true
			}
			again := walk(t, nodes, &packets[i], nil)
			if !seen[again[0].Keys.Tag()] {
				t.Error("the same packet has another tag")
			}
		}
	}
}

func TestAnotherKeyIsSaidSo(t *testing.T) {
	_, path := newPath(t)
	packets, _, err := Build(stream("x"), path, Request{Kind: Deliver})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(newNode(t, "another").key, &packets[0]); !errors.Is(err, ErrKey) {
		t.Errorf("Open = %v, want ErrKey", err)
	}
}

func TestLimits(t *testing.T) {
	nodes, path := newPath(t)
	if _, _, err := Build(stream("x"), path, Request{Kind: Deliver, Body: make([]byte, MaxMessage+1)}); !errors.Is(err, ErrSize) {
		t.Errorf("Build of too much = %v, want ErrSize", err)
	}
	if _, _, err := Build(bytes.NewReader(make([]byte, 50)), path, Request{Kind: Deliver}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Build with too little randomness = %v, want ErrUnexpectedEOF", err)
	}
	packets, _, err := Build(stream("x"), path, Request{Kind: Deliver})
	if err != nil {
		t.Fatal(err)
	}
	o := walk(t, nodes, &packets[0], nil)
	if _, err := o[2].Keys.Answer(make([]byte, MaxMessage+1)); !errors.Is(err, ErrSize) {
		t.Errorf("Answer of too much = %v, want ErrSize", err)
	}
}

func TestJoinRefuses(t *testing.T) {
	good := func() []Part { return split(bytes.Repeat([]byte{7}, PartSize+10)) }
	if _, err := Join(good()); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func([]Part) []Part{
		"none":              func([]Part) []Part { return nil },
		"one missing":       func(p []Part) []Part { return p[:1] },
		"one twice":         func(p []Part) []Part { return []Part{p[0], p[0]} },
		"the other order":   func(p []Part) []Part { return []Part{p[1], p[0]} },
		"another total":     func(p []Part) []Part { p[1].Total++; return p },
		"another count":     func(p []Part) []Part { p[1].Of++; return p },
		"a short part":      func(p []Part) []Part { p[1].Data = p[1].Data[:10]; return p },
		"other padding":     func(p []Part) []Part { p[1].Data[10] = 1; return p },
		"padding's last":    func(p []Part) []Part { p[1].Data[PartSize-1] = 1; return p },
		"a huge total":      func(p []Part) []Part { p[0].Total = MaxMessage + 1; return p },
		"a negative total":  func(p []Part) []Part { p[0].Total = -1; return p },
		"more parts than 8": func(p []Part) []Part { return append(p, p...) },
	} {
		if got, err := Join(edit(good())); !errors.Is(err, ErrParts) {
			t.Errorf("%s: Join = %d bytes, %v, want ErrParts", name, len(got), err)
		}
	}
}

func TestSecretsPrintAsNothing(t *testing.T) {
	nodes, path := newPath(t)
	packets, keys, err := Build(stream("x"), path, Request{Kind: Deliver})
	if err != nil {
		t.Fatal(err)
	}
	o := walk(t, nodes, &packets[0], nil)
	for _, v := range []any{keys, o[0].Keys, nodes[0].key} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
			if got := fmt.Sprintf(verb, v); !bytes.HasSuffix([]byte(got), []byte("(hidden)")) {
				t.Errorf("%s of %T = %q", verb, v, got)
			}
		}
	}
}

func TestReasonsSayWhatHappened(t *testing.T) {
	for r := ReasonUnreachable; r <= ReasonUnknown; r++ {
		if r.String() == "" || r.NotDelivered() == slices.Contains([]Reason{ReasonTimeout, ReasonBroken, ReasonFailed}, r) {
			t.Errorf("reason %d: %q, NotDelivered %v", byte(r), r, r.NotDelivered())
		}
	}
	if Reason(0).String() == "" || Reason(200).String() != "failed (reason 200)" {
		t.Error("numbers that mean nothing have no text")
	}
}
