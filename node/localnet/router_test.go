package localnet

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// pipe is a wire whose host is the test: what the test puts into out was sent,
// and what arrives is in.
type pipe struct {
	out  chan []byte
	in   chan []byte
	once sync.Once
	end  chan struct{}
}

func newPipe() *pipe {
	return &pipe{out: make(chan []byte), in: make(chan []byte, 64), end: make(chan struct{})}
}

func (p *pipe) Read(b []byte) (int, error) {
	select {
	case x := <-p.out:
		return copy(b, x), nil
	case <-p.end:
		return 0, os.ErrClosed
	}
}

func (p *pipe) Write(b []byte) (int, error) { p.in <- b; return len(b), nil }

func (p *pipe) Close() error { p.once.Do(func() { close(p.end) }); return nil }

var _ io.ReadWriteCloser = (*pipe)(nil)

func testAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, byte(i + 1)}) }

// packetTo is an IPv4 packet without anything but its destination and a number.
func packetTo(to netip.Addr, number uint32) []byte {
	p := make([]byte, 24)
	p[0] = 0x45
	dst := to.As4()
	copy(p[16:], dst[:])
	binary.BigEndian.PutUint32(p[20:], number)
	return p
}

func TestRouterDelaysLosesAndKeepsOrder(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		a, b, host := newPipe(), newPipe(), newPipe()
		l := Links{RoundTrip: 100 * time.Millisecond}
		var sent atomic.Int64 // two wires ask at once
		// Every third packet between nodes is lost.
		lost := func(i, j int) bool { return sent.Add(1)%3 == 0 }
		r := newRouter([]wire{{a, testAddr(0)}, {b, testAddr(1)}, {host, testAddr(2)}}, l.fromHost(2), lost)
		began := time.Now()
		for i := range uint32(9) {
			a.out <- packetTo(testAddr(1), i)
		}
		for _, want := range []uint32{0, 1, 3, 4, 6, 7} {
			got := <-b.in
			if n := binary.BigEndian.Uint32(got[20:]); n != want {
				t.Errorf("packet %d arrived, want %d", n, want)
			}
		}
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("packets travelled %s, want half of the round trip, 50ms", took)
		}
		sent.Store(0)
		host.out <- packetTo(testAddr(1), 77)
		<-b.in
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("a packet of the host arrived at %s, want at once", took)
		}
		// Nowhere, to oneself, and no IPv4 at all: dropped.
		for _, p := range [][]byte{packetTo(testAddr(9), 1), packetTo(testAddr(0), 1), bytes.Repeat([]byte{0x60}, 40), {0x45}} {
			a.out <- p
		}
		synctest.Wait()
		time.Sleep(time.Second) // of the bubble's clock
		if len(a.in)+len(b.in)+len(host.in) != 0 {
			t.Error("a packet without a receiver arrived somewhere")
		}
		if err := r.close(); err != nil {
			t.Errorf("close() = %v, want nil", err)
		}
	})
}

func FuzzDestination(f *testing.F) {
	f.Add(packetTo(testAddr(1), 7))
	f.Add([]byte{})
	f.Add([]byte{0x60, 0, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		addr, ok := destination(p)
		if ok && (!addr.Is4() || !bytes.Equal(p[16:20], addr.AsSlice())) {
			t.Errorf("destination(%x) = %s, want bytes 16 to 20", p, addr)
		}
	})
}

func TestRegionTripsAreThoseOfTheMission(t *testing.T) {
	l := Links{Regions: true}
	for i := range 8 {
		for j := range 8 {
			there, back := l.oneWay(i, j), l.oneWay(j, i)
			if there != back {
				t.Errorf("from node %d to %d it takes %s, and back %s", i, j, there, back)
			}
			trip := there + back
			if i%4 != j%4 && (trip < 80*time.Millisecond || trip > 250*time.Millisecond) {
				t.Errorf("round trip from %s to %s = %s, want 80ms to 250ms", l.region(i), l.region(j), trip)
			}
			if i%4 == j%4 && trip != localTrip {
				t.Errorf("round trip within %s = %s, want %s", l.region(i), trip, localTrip)
			}
		}
	}
}
