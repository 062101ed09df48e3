package monitor

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of /metrics: more scrapes at once, or slower ones, are answered with
// 503. Two Prometheus servers and a person fit.
const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

// Config is what the port serves.
type Config struct {
	// Facts returns the node as it is now. It may be called from several
	// goroutines at once. Required.
	Facts func() Facts
	// Metrics is what /metrics shows. Required.
	Metrics prometheus.Gatherer
	// VHosts lists the host names that are answered besides IP addresses;
	// "*" stands for all. With none, only IP addresses are.
	VHosts []string
	// Log receives failures to gather metrics; nil means none.
	Log *slog.Logger
}

// Report is the body of /healthz and /readyz.
type Report struct {
	// OK is true if all checks are.
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

func reportOf(checks []Check) Report {
	return Report{OK: !slices.ContainsFunc(checks, func(c Check) bool { return !c.OK }), Checks: checks}
}

// Handler serves /healthz, /readyz and /metrics to GET and HEAD. It sends no
// CORS header, so that pages of other origins can't read it, and answers only
// hosts it knows, so that DNS rebinding doesn't help them.
func Handler(c Config) http.Handler {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", checks(func() []Check { return Health(c.Facts()) }))
	mux.Handle("GET /readyz", checks(func() []Check { return Readiness(c.Facts()) }))
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{
		ErrorLog: promLog{log}, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hostAllowed(c.VHosts, r.Host) {
			http.Error(w, "this host name is not answered; allow it with --metrics.vhosts", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// checks serves a report with 200 or 503.
func checks(run func() []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		report := reportOf(run())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// An error means that the client has gone.
		_ = json.NewEncoder(w).Encode(report)
	})
}

// hostAllowed reports whether a Host header names an IP address or one of hosts.
func hostAllowed(hosts []string, header string) bool {
	name := header
	if host, _, err := net.SplitHostPort(header); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return slices.ContainsFunc(hosts, func(h string) bool { return h == "*" || strings.EqualFold(h, name) })
}

// promLog passes on what promhttp has to say.
type promLog struct{ to *slog.Logger }

// Println implements [promhttp.Logger].
func (l promLog) Println(v ...any) { l.to.Warn("gathering metrics", "error", v) }
