package onion

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of packets.
const (
	outcomeOpened   = "opened"
	outcomeBusy     = "busy"
	outcomeKey      = "unknown_key"
	outcomeRefused  = "refused"
	outcomeReplayed = "replayed"
)

// relayMetrics count what a relay does, never for whom.
type relayMetrics struct {
	packets *prometheus.CounterVec
	pending prometheus.GaugeFunc
}

func newRelayMetrics(g *gate) relayMetrics {
	m := relayMetrics{
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "pars", Subsystem: "onion", Name: "packets_total",
			Help: "Onion packets that came, by what became of them.",
		}, []string{"outcome"}),
		pending: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "pars", Subsystem: "onion", Name: "pending_requests",
			Help: "Onion requests that wait for their answers.",
		}, func() float64 { return float64(g.waiting()) }),
	}
	for _, o := range []string{outcomeOpened, outcomeBusy, outcomeKey, outcomeRefused, outcomeReplayed} {
		m.packets.WithLabelValues(o)
	}
	return m
}

func (m relayMetrics) count(outcome string) { m.packets.WithLabelValues(outcome).Inc() }

func (m relayMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.packets, m.pending}
}

func (m relayMetrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range m.collectors() {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m relayMetrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range m.collectors() {
		r.Unregister(c)
	}
}
