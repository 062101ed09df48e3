package onion

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

// packets builds a request by hand.
func (w *world) packets(body []byte, path ...*member) []byte {
	w.t.Helper()
	var p packet.Path
	for i, m := range path {
		p[i] = packet.Hop{ID: m.id, Key: packet.NewPublicKey(m.record.Onion().Key)}
	}
	out, _, err := packet.Build(rand.Reader, p, packet.Request{Kind: packet.Deliver, Body: body})
	if err != nil {
		w.t.Fatal(err)
	}
	b := []byte{byte(len(out))}
	for i := range out {
		b = append(b, out[i][:]...)
	}
	return b
}

// send sends raw bytes to a member and returns the refusal, 0 for an answer.
func (w *world) send(s network.Stream, b []byte) (packet.Reason, error) {
	w.t.Helper()
	defer func() { _ = s.Reset() }()
	if err := s.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		return 0, err
	}
	n, err := readCount(s)
	var refused refusedError
	if errors.As(err, &refused) {
		_, err = readAll(s, packet.CellSize)
		return refused.reason, err
	}
	if err != nil {
		return 0, err
	}
	_, err = readAll(s, n*packet.CellSize)
	return 0, err
}

// A packet is taken once: by the node that got it from a client, and by every
// other node on its way.
func TestReplay(t *testing.T) {
	w := newWorld(t, 3, nil)
	a, b, c := w.members[0], w.members[1], w.members[2]
	from := newHost(t, nil, false)
	request := w.packets([]byte("once"), a, b, c)
	if r, err := w.send(w.raw(from, a), request); r != 0 || err != nil {
		t.Fatalf("first = %v, %v", r, err)
	}
	if r, err := w.send(w.raw(from, a), request); r != packet.ReasonRefused || err != nil {
		t.Errorf("again = %v, %v, want it refused", r, err)
	}
	// What the first node passed on, replayed to the second by a node that kept it.
	request = w.packets([]byte("kept"), a, b, c)
	o, err := packet.Open(a.keys.keys[0].private, (*packet.Packet)(request[1:]))
	if err != nil {
		t.Fatal(err)
	}
	inner := append([]byte{1}, o.Packet[:]...)
	for i, want := range []packet.Reason{0, packet.ReasonRefused} {
		if r, err := w.send(w.raw(from, b), inner); r != want || err != nil {
			t.Errorf("inner packet, time %d = %v, %v, want %v", i+1, r, err, want)
		}
	}
	for i, m := range []*member{a, b} {
		if got := counter(t, m.relay, outcomeReplayed); got != 1 {
			t.Errorf("relay %d counted %v replays, want 1", i, got)
		}
	}
	// A node that starts again has forgotten the packet, and its key.
	fresh, err := NewKeyring(a.keys.cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.relay.cfg.Keys = fresh
	if r, err := w.send(w.raw(from, a), request); r != packet.ReasonKey || err != nil {
		t.Errorf("after a restart = %v, %v, want the key to be unknown", r, err)
	}
}

// Streams that don't follow the protocol cost nothing but themselves.
func TestHostileStreams(t *testing.T) {
	w := newWorld(t, 3, func(_ int, c *RelayConfig) { c.Limits.ReadTime = 200 * time.Millisecond })
	a, b, c := w.members[0], w.members[1], w.members[2]
	from := newHost(t, nil, false)
	good := w.packets(bytes.Repeat([]byte{1}, 2*packet.PartSize), a, b, c)
	other := w.packets(bytes.Repeat([]byte{1}, 2*packet.PartSize), a, c, b)
	mixed := append(bytes.Clone(good[:1+packet.Size]), other[1+packet.Size:]...)
	last := w.packets(bytes.Repeat([]byte{1}, 2*packet.PartSize), a, b, c)
	swapped := append(append([]byte{2}, last[1+packet.Size:]...), last[1:1+packet.Size]...)
	changed := w.packets(nil, a, b, c)
	changed[len(changed)-1] ^= 1
	for _, v := range []struct {
		name  string
		bytes []byte
		want  packet.Reason // 0: the stream is reset
	}{
		{"no packets", []byte{0}, 0},
		{"nine packets", []byte{9}, 0},
		{"a refusal", []byte{refusal | 2}, 0},
		{"half a packet", good[:5000], 0},
		{"one packet of two", good[:1+packet.Size], 0},
		{"junk", append([]byte{1}, bytes.Repeat([]byte{7}, packet.Size)...), packet.ReasonKey},
		{"a changed packet", changed, packet.ReasonRefused},
		{"packets of two paths", mixed, packet.ReasonRefused},
	} {
		r, err := w.send(w.raw(from, a), v.bytes)
		if v.want == 0 && err == nil || v.want != 0 && (r != v.want || err != nil) {
			t.Errorf("%s: %v, %v, want %v", v.name, r, err, v.want)
		}
	}
	// What only the last node can see is told to the client by the one before.
	if r, err := w.send(w.raw(from, a), swapped); r != 0 || err != nil {
		t.Errorf("parts in the wrong order: %v, %v, want a cell that says so", r, err)
	}
	for _, m := range w.members {
		until(t, "nothing is left", func() bool { return m.relay.gate.waiting() == 0 })
	}
	if got, err := w.newPerson(nil).Call(t.Context(), c.id, []byte("still here")); err != nil || !bytes.HasSuffix(got, []byte("still here")) {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// A flood of junk on one link costs as many KEM operations as its budget says,
// 400 at once and 100 a second, whatever it sends; others are served.
func TestFloodIsBounded(t *testing.T) {
	now := time.Now()
	w := newWorld(t, 3, func(_ int, c *RelayConfig) { c.Now = func() time.Time { return now } })
	a := w.members[0]
	flood := newHost(t, nil, false)
	junk := make([]byte, 1+packet.MaxParts*packet.Size)
	junk[0] = 1
	id := a.keys.keys[0].private.Public().ID()
	copy(junk[1:], id[:]) // junk that names the right key and costs the most
	const sent = 1000
	got := map[packet.Reason]int{}
	for range sent {
		r, err := w.send(w.raw(flood, a), junk[:1+packet.Size])
		if err != nil {
			t.Fatal(err)
		}
		got[r]++
	}
	if got[packet.ReasonRefused] != 400 || got[packet.ReasonBusy] != sent-400 {
		t.Errorf("of %d junk packets %d cost a KEM operation and %d nothing, want 400 and 600", sent, got[packet.ReasonRefused], got[packet.ReasonBusy])
	}
	if _, err := w.newPerson(nil).Call(t.Context(), a.id, nil); err != nil {
		t.Errorf("another client during the flood: %v", err)
	}
	now = now.Add(time.Second)
	for range 200 {
		if _, err := w.send(w.raw(flood, a), junk[:1+packet.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if n := counter(t, a.relay, outcomeRefused); n != 500 {
		t.Errorf("a second later %v packets were opened in all, want 500", n)
	}
}

// Requests that wait are bounded for a link and in all, and each costs little
// memory.
func TestPendingIsBounded(t *testing.T) {
	hold := make(chan struct{})
	const each, total = 60, 100
	w := newWorld(t, 3, func(i int, c *RelayConfig) {
		c.Limits.ClientPending, c.Limits.Pending = each, 1000
		if i == 0 {
			c.Limits.Pending = total
		}
		c.Handler = func(ctx context.Context, _ []byte) ([]byte, error) {
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return nil, nil
		}
	})
	a, b, c := w.members[0], w.members[1], w.members[2]
	results := make(chan packet.Reason, 1000)
	before := heap()
	ask := func(from network.Stream) {
		request := w.packets(nil, a, b, c)
		go func() {
			r, err := w.send(from, request)
			if err != nil {
				r = packet.ReasonBroken
			}
			results <- r
		}()
	}
	clients := []*person{w.newPerson(nil), w.newPerson(nil)}
	for _, p := range clients {
		for range each + 10 {
			ask(w.raw(p.host, a))
		}
	}
	for range 2*(each+10) - total { // refused at once
		if r := <-results; r != packet.ReasonBusy {
			t.Errorf("above the limits: %v, want busy", r)
		}
	}
	until(t, "the rest waits at the node that was asked", func() bool { return c.relay.gate.waiting() == total })
	if n := a.relay.gate.waiting(); n != total {
		t.Errorf("%d requests wait at the first node, want %d", n, total)
	}
	t.Logf("a waiting request holds %d KiB in all three nodes and its client together", (heap()-before)/total>>10)
	close(hold)
	for range total {
		if r := <-results; r != 0 {
			t.Errorf("a request that had waited: %v, want an answer", r)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// The addresses that a relay dials come out of signed records, never out of a
// packet: a packet for an unknown node goes nowhere.
func TestNoOpenProxy(t *testing.T) {
	w := newWorld(t, 3, nil)
	a, b, c := w.members[0], w.members[1], w.members[2]
	ghost := *b
	ghost.id = nodes.ID{66}
	s := w.raw(newHost(t, nil, false), a)
	var path packet.Path
	for i, m := range []*member{a, &ghost, c} {
		path[i] = packet.Hop{ID: m.id, Key: packet.NewPublicKey(m.record.Onion().Key)}
	}
	p, keys, err := packet.Build(rand.Reader, path, packet.Request{Kind: packet.Deliver})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(append([]byte{1}, p[0][:]...)); err != nil {
		t.Fatal(err)
	}
	if n, err := readCount(s); n != 1 || err != nil {
		t.Fatalf("%d cells, %v, want 1", n, err)
	}
	cell := new(packet.Cell)
	if _, err := io.ReadFull(s, cell[:]); err != nil {
		t.Fatal(err)
	}
	if r, err := keys.OpenCell(0, cell); err != nil || r.From != 0 || r.Failure != packet.ReasonUnknown {
		t.Errorf("the first node says %+v, %v, want that the next is unknown", r, err)
	}
}

// FuzzServe gives a relay whatever bytes a peer may send.
func FuzzServe(f *testing.F) {
	d, err := nodes.NewDirectory(nodes.Config{Network: 1})
	if err != nil {
		f.Fatal(err)
	}
	keys, err := NewKeyring(KeyringConfig{Rand: rand.Reader})
	if err != nil {
		f.Fatal(err)
	}
	big := 1 << 40
	r, err := NewRelay(noLinks{}, RelayConfig{Keys: keys, Directory: d, Limits: Limits{ClientRate: big, ClientBurst: big, Rate: big, Burst: big}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(r.Close)
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{9})
	id := keys.keys[0].private.Public().ID()
	f.Add(append(append([]byte{1}, id[:]...), make([]byte, packet.Size)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &memory{in: bytes.NewReader(b)}
		_ = r.Serve("peer", s)
		if !s.ended || r.gate.waiting() != 0 {
			t.Fatalf("stream ended %v, %d waiting", s.ended, r.gate.waiting())
		}
		if n := s.out.Len(); n != 0 && n != 1+packet.CellSize {
			t.Fatalf("%d bytes of answer to junk, want none or %d", n, 1+packet.CellSize)
		}
	})
}

// FuzzRead gives a client whatever a guard may answer.
func FuzzRead(f *testing.F) {
	k, err := NewKeyring(KeyringConfig{Rand: rand.Reader})
	if err != nil {
		f.Fatal(err)
	}
	hop := packet.Hop{Key: k.keys[0].private.Public()}
	_, keys, err := packet.Build(rand.Reader, packet.Path{hop, hop, hop}, packet.Request{Kind: packet.Deliver})
	if err != nil {
		f.Fatal(err)
	}
	c := NewClient(noLinks{}, ClientConfig{})
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add([]byte{refusal | 3})
	f.Add(append([]byte{1}, make([]byte, packet.CellSize)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, failed := c.read(&memory{in: bytes.NewReader(b)}, keys, [3]*nodes.Record{{}, {}, {}})
		if failed == nil || answer != nil || failed.Error() == "" || failed.Hop != 1 {
			t.Fatalf("read = %d bytes, %v, want a failure of the guard", len(answer), failed)
		}
	})
}

type noLinks struct{}

func (noLinks) Open(context.Context, nodes.ID) (Stream, error) { return nil, errUnknown }

// memory is a stream whose other side has said everything already.
type memory struct {
	in    *bytes.Reader
	out   bytes.Buffer
	ended bool
}

func (m *memory) Read(b []byte) (int, error)      { return m.in.Read(b) }
func (m *memory) Write(b []byte) (int, error)     { return m.out.Write(b) }
func (m *memory) Close() error                    { m.ended = true; return nil }
func (m *memory) Reset() error                    { m.ended = true; return nil }
func (m *memory) SetDeadline(time.Time) error     { return nil }
func (m *memory) SetReadDeadline(time.Time) error { return nil }

// A key that has opened all the packets that it may is busy, not wrong: the next
// record brings another.
func TestWornKeyIsBusy(t *testing.T) {
	w := newWorld(t, 3, nil)
	a, b, c := w.members[0], w.members[1], w.members[2]
	worn, err := NewKeyring(KeyringConfig{Rand: rand.Reader, Tags: 2})
	if err != nil {
		t.Fatal(err)
	}
	a.keys, a.relay.cfg.Keys = worn, worn
	w.publish(a)
	from := newHost(t, nil, false)
	for i, want := range []packet.Reason{0, 0, packet.ReasonBusy} {
		if r, err := w.send(w.raw(from, a), w.packets(nil, a, b, c)); r != want || err != nil {
			t.Errorf("packet %d: %v, %v, want %v", i+1, r, err, want)
		}
	}
	w.publish(a) // with a new key, since the old one is worn
	if r, err := w.send(w.raw(from, a), w.packets(nil, a, b, c)); r != 0 || err != nil {
		t.Errorf("under the next key: %v, %v, want an answer", r, err)
	}
}
