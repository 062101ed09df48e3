package onion

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pars-network/pars/session/onion/packet"
)

// seeded is randomness that repeats.
type seeded struct{ *rand.ChaCha8 }

func newSeeded(seed byte) seeded { return seeded{rand.NewChaCha8([32]byte{seed})} }

func TestCoverReachesNodesAndNoHandler(t *testing.T) {
	w := newWorld(t, 4, func(_ int, c *RelayConfig) {
		c.Handler = func(context.Context, []byte) ([]byte, error) {
			t.Error("cover traffic reached a handler")
			return nil, nil
		}
	})
	p := w.newPerson(nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Cover(ctx, maxCover) }()
	total := func() (n float64) {
		for _, m := range w.members {
			n += counter(t, m.relay, outcomeOpened)
		}
		return n
	}
	until(t, "two covers passed three nodes each", func() bool { return total() >= 6 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCoverRates(t *testing.T) {
	c := NewClient(noLinks{}, ClientConfig{Rand: newSeeded(1)})
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), maxCover + 1} {
		if err := c.Cover(t.Context(), rate); err == nil {
			t.Errorf("a rate of %v is taken", rate)
		}
	}
	// The times of a Poisson process: mean and variance of an exponential.
	const n, rate = 20000, 0.5
	var sum, squares float64
	for range n {
		d, err := c.exponential(rate)
		if err != nil || d <= 0 {
			t.Fatal(d, err)
		}
		sum += d.Seconds()
		squares += d.Seconds() * d.Seconds()
	}
	mean := sum / n
	if dev := math.Sqrt(squares/n - mean*mean); math.Abs(mean-1/rate) > 0.05 || math.Abs(dev-1/rate) > 0.1 {
		t.Errorf("mean %v s, deviation %v s, want %v for both", mean, dev, 1/rate)
	}
}

// A cover request is as long as a request with a short message, at every hop.
func TestCoverLooksLikeARequest(t *testing.T) {
	s := spy(t)
	*s.views[0], *s.views[1] = view{}, view{}
	if _, err := s.client.call(t.Context(), s.path[2].id, packet.Request{Kind: packet.Cover}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		m := s.path[i]
		until(t, "the request is over", func() bool { return m.relay.gate.waiting() == 0 })
		if in, out := len(s.views[i].up.in), len(s.views[i].up.out); in != 1+packet.Size || out != 1+packet.CellSize {
			t.Errorf("cover at node %d: %d in, %d out", i+1, in, out)
		}
	}
}
