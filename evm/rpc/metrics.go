package rpc

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the server's collectors.
type metrics struct {
	registry prometheus.Registerer // nil: not registered
	requests *prometheus.CounterVec
	sockets  prometheus.Gauge
	slow     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pars_rpc_http_requests_total",
			Help: "JSON-RPC requests over HTTP, by status code.",
		}, []string{"code"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pars_rpc_websockets",
			Help: "Open WebSocket connections.",
		}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pars_rpc_slow_subscribers_total",
			Help: "WebSocket connections closed because the client did not read.",
		}),
	}
	m.requests.WithLabelValues(strconv.Itoa(http.StatusOK)) // there from the start, for alerts
	if r == nil {
		return m, nil
	}
	m.registry = r
	for _, c := range m.all() {
		if err := r.Register(c); err != nil {
			m.close()
			return nil, fmt.Errorf("registering RPC metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.sockets, m.slow}
}

// close takes the collectors out of the registry.
func (m *metrics) close() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all() {
		m.registry.Unregister(c)
	}
}

func (m *metrics) connections(n int) { m.sockets.Set(float64(n)) }
func (m *metrics) dropped()          { m.slow.Inc() }

// count serves a request and counts its status.
func (m *metrics) count(next http.Handler, w http.ResponseWriter, r *http.Request) {
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(seen, r)
	m.requests.WithLabelValues(strconv.Itoa(seen.status)).Inc()
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Flush passes on; libevm's server flushes errors that it writes late.
func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
