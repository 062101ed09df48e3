package onion

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// counter returns how many packets had an outcome at a relay.
func counter(t testing.TB, r *Relay, outcome string) float64 {
	t.Helper()
	return testutil.ToFloat64(r.metrics.packets.WithLabelValues(outcome))
}

func TestMetricsComeAndGo(t *testing.T) {
	reg := prometheus.NewRegistry()
	w := newWorld(t, 1, func(_ int, c *RelayConfig) { c.Registerer = reg })
	if got, err := reg.Gather(); err != nil || len(got) != 2 {
		t.Errorf("%d metrics, %v, want 2", len(got), err)
	}
	w.members[0].relay.Close()
	if got, err := reg.Gather(); err != nil || len(got) != 0 {
		t.Errorf("%d metrics after Close, %v, want none", len(got), err)
	}
}
