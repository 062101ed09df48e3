package onion

import (
	"context"
	"testing"

	"github.com/pars-network/pars/session/onion/packet"
)

// BenchmarkCall is one request with a short envelope through three nodes over
// real links, all on this machine: CPU time of client and nodes together, and
// latency where there are cores to spare.
func BenchmarkCall(b *testing.B) {
	w := newWorld(b, 3, func(_ int, c *RelayConfig) {
		c.Handler = func(context.Context, []byte) ([]byte, error) { return []byte("stored"), nil }
		c.Limits.ClientRate, c.Limits.ClientBurst = 1e9, 1e9
		c.Limits.NodeRate, c.Limits.NodeBurst, c.Limits.Rate, c.Limits.Burst = 1e9, 1e9, 1e9, 1e9
	})
	p, request := w.newPerson(nil), make([]byte, 8<<10+200)
	if _, err := p.Call(b.Context(), w.members[0].id, request); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Call(b.Context(), w.members[0].id, request); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(packet.Size+packet.CellSize, "B/link")
}

// What a request with a short envelope takes on the client's wire, links and all,
// once the link stands: a packet, a cell, and under 600 bytes around them.
func TestBytesOnTheWire(t *testing.T) {
	s := spy(t)
	count := func() (up, down int) {
		s.wire.mu.Lock()
		defer s.wire.mu.Unlock()
		return s.wire.up.Len(), s.wire.down.Len()
	}
	up, down := count()
	const n = 20
	for range n {
		if _, err := s.client.Call(t.Context(), s.path[2].id, make([]byte, 8<<10+200)); err != nil {
			t.Fatal(err)
		}
	}
	up2, down2 := count()
	up, down = (up2-up)/n, (down2-down)/n
	t.Logf("%d bytes up, %d down a request on the client's wire", up, down)
	if over := up + down - packet.Size - packet.CellSize; over < 0 || over > 600 {
		t.Errorf("%d bytes beside packet and cell, want at most 600", over)
	}
}
