package swarm

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a service node does. No label names a mailbox, a slot, an
// item, a peer or anything else of a user. A nil *Metrics counts nothing.
type Metrics struct {
	requests  *prometheus.CounterVec
	took      *prometheus.HistogramVec
	repairs   *prometheus.CounterVec
	items     *prometheus.CounterVec
	stats     func() Stats
	described []*prometheus.Desc
}

// NewMetrics makes the metrics of a store and registers them.
func NewMetrics(r prometheus.Registerer, stats func() Stats) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pars_swarm_requests_total", Help: "Requests by what they want and how they were answered.",
		}, []string{"verb", "answer"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pars_swarm_request_seconds", Help: "How long requests took, polls with their wait.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"verb"}),
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pars_swarm_repairs_total", Help: "Reconciliations with other service nodes by their end.",
		}, []string{"end"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pars_swarm_moved_items_total", Help: "Items that went to or came from other service nodes.",
		}, []string{"direction"}),
		stats: stats,
	}
	for _, d := range [][2]string{
		{"pars_swarm_items", "Items that are stored."},
		{"pars_swarm_bytes", "Bytes of their contents."},
		{"pars_swarm_bytes_limit", "How many bytes may be stored."},
		{"pars_swarm_keys", "Mailboxes and slots with something in them."},
		{"pars_swarm_waiting", "Polls that wait."},
		{"pars_swarm_work_bits", "Bits of work that a write needs at least."},
	} {
		m.described = append(m.described, prometheus.NewDesc(d[0], d[1], nil, nil))
	}
	return m, r.Register(m)
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
	for _, d := range m.described {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
	s := m.stats()
	for i, v := range []float64{float64(s.Items), float64(s.Bytes), float64(s.MaxBytes), float64(s.Keys), float64(s.Waiting), float64(s.Work)} {
		ch <- prometheus.MustNewConstMetric(m.described[i], prometheus.GaugeValue, v)
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.took, m.repairs, m.items}
}

func (m *Metrics) served(v verb, a answer, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(v.String(), a.String()).Inc()
	m.took.WithLabelValues(v.String()).Observe(took.Seconds())
}

func (m *Metrics) repaired(sent, received int, err error) {
	if m == nil {
		return
	}
	end := "equal"
	if err != nil {
		end = "failed"
	}
	m.repairs.WithLabelValues(end).Inc()
	m.items.WithLabelValues("out").Add(float64(sent))
	m.items.WithLabelValues("in").Add(float64(received))
}
