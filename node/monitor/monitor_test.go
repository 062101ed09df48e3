package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/pars-network/pars/evm/peerclock"
)

// good is a node that nothing is wrong with.
func good() Facts {
	return Facts{
		Stage: Running, Peers: 4,
		Chain: &Chain{Height: 7, Bootstrapped: true, Since: time.Second},
		Stake: &Stake{Heard: 70, Total: 100, Num: 42, Den: 60},
	}
}

// clockAt is a clock that is ahead, with 20 ms of doubt, and may be off by 100 ms.
func clockAt(ahead time.Duration) *Clock {
	return &Clock{peerclock.Report{
		Own: peerclock.Offset{Ahead: ahead, Doubt: 20 * time.Millisecond}, Peers: make([]peerclock.Offset, 4),
	}, 100 * time.Millisecond}
}

func TestHaltNamesWhoIsMissing(t *testing.T) {
	f := good()
	f.Chain.Stuck = errors.New("no block was accepted")
	f.Stake.Heard = 60
	for i := range 10 {
		f.Stake.Missing = append(f.Stake.Missing, Missing{ID: fmt.Sprintf("NodeID-%d", i), Silent: 12 * time.Second})
	}
	want := "no block was accepted; 60 % of the stake is heard, a decision takes 70 %; not heard: NodeID-0 (silent for 12s), "
	if got := Health(f)[1].Reason; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "NodeID-7 (silent for 12s), 2 more") {
		t.Errorf("reason = %q, want it to begin with %q, and to count those beyond eight", got, want)
	}
}

func TestWhatIsHealthyAndReady(t *testing.T) {
	for _, c := range []struct {
		name           string
		change         func(*Facts)
		healthy, ready bool
		// check is the one that fails, and says what it must mention.
		check, says string
	}{
		{"a good node", func(*Facts) {}, true, true, "", ""},
		{"one that starts", func(f *Facts) { *f = Facts{} }, true, false, "process", "starting"},
		{"one that stops", func(f *Facts) { f.Stage = Stopping }, true, false, "process", "stopping"},
		{"one that fails", func(f *Facts) { f.Failure = errors.New("engine ended") }, false, false, "process", "engine ended"},
		{"a chain that catches up", func(f *Facts) { f.Chain.Bootstrapped = false }, true, false, "bootstrapped", "height 7"},
		{"a stuck chain", func(f *Facts) { f.Chain.Stuck, f.Chain.Since = errors.New("no block"), time.Minute }, false, false, "recent", "1m0s"},
		{"a slow chain", func(f *Facts) { f.Chain.Since = readyAfter + 1 }, true, false, "recent", "at most 20s"},
		{"a chain just in time", func(f *Facts) { f.Chain.Since = readyAfter }, true, true, "", ""},
		{"too little stake", func(f *Facts) { f.Stake.Heard-- }, true, false, "validators", "69 % of the stake is heard, a decision takes 70 %; 4 peers"},
		{"no stake at all", func(f *Facts) { f.Stake = &Stake{Den: 1} }, true, false, "validators", "no stake"},
		{"stake near the limit of its type", func(f *Facts) { f.Stake.Heard, f.Stake.Total = 1<<63, 1<<63 }, true, true, "", ""},
		{"validators not known", func(f *Facts) { f.Stake = &Stake{Err: errors.New("P-Chain closed")} }, true, false, "validators", "P-Chain closed"},
		{"a validator missing", func(f *Facts) { f.Stake.Heard, f.Stake.Missing = 69, []Missing{{ID: "NodeID-A"}} }, true, false, "validators", "not heard: NodeID-A (not connected)"},
		{"a clock behind", func(f *Facts) { f.Clock = clockAt(-300 * time.Millisecond) }, true, false, "clock", "300ms behind"},
		{"a clock ahead", func(f *Facts) { f.Clock = clockAt(5 * time.Second) }, true, false, "clock", "5s ahead of the other validators' clocks, give or take 20ms; set it"},
		{"a clock that may be right", func(f *Facts) { f.Clock = clockAt(120 * time.Millisecond) }, true, true, "", ""},
		{"validators not asked", func(f *Facts) { f.Stake = nil }, true, false, "validators", "not known yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := good()
			c.change(&f)
			if got := reportOf(Health(f)); got.OK != c.healthy {
				t.Errorf("healthy = %+v, want %t", got, c.healthy)
			}
			ready := reportOf(Readiness(f))
			if ready.OK != c.ready {
				t.Errorf("ready = %+v, want %t", ready, c.ready)
			}
			if c.check == "" {
				return
			}
			for _, check := range ready.Checks {
				if check.Name == c.check && !check.OK && strings.Contains(check.Reason, c.says) {
					return
				}
			}
			t.Errorf("ready = %+v, want %s to fail and say %q", ready, c.check, c.says)
		})
	}
}

// get asks a handler as a client of the given host would.
func get(h http.Handler, method, path, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerAnswersWithNamesAndReasons(t *testing.T) {
	facts := good()
	r := prometheus.NewRegistry()
	promauto.With(r).NewGauge(prometheus.GaugeOpts{Name: "pars_probe"}).Set(3)
	h := Handler(Config{Facts: func() Facts { return facts }, Metrics: r, VHosts: []string{"localhost"}})
	for _, path := range []string{"/healthz", "/readyz"} {
		facts = good()
		if w := get(h, "GET", path, "127.0.0.1:6060"); w.Code != http.StatusOK {
			t.Errorf("%s of a good node = %d %s, want 200", path, w.Code, w.Body)
		}
		facts.Failure = errors.New("engine ended")
		w := get(h, "GET", path, "127.0.0.1:6060")
		var got Report
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusServiceUnavailable || got.OK || got.Checks[0].Reason != "engine ended" {
			t.Errorf("%s of a failing node = %d %s, %v, want 503 and the reason", path, w.Code, w.Body, err)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s lets pages of %q read it, want none", path, got)
		}
	}
	if w := get(h, "GET", "/metrics", "localhost"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "pars_probe 3") {
		t.Errorf("/metrics = %d %s, want the probe", w.Code, w.Body)
	}
	if w := get(h, "POST", "/metrics", "localhost"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST = %d, want 405", w.Code)
	}
	if w := get(h, "GET", "/debug/pprof/", "localhost"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path = %d, want 404", w.Code)
	}
}

func TestOnlyKnownHostsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		host  string
		want  bool
	}{
		{nil, "127.0.0.1:6060", true},
		{nil, "[::1]:6060", true},
		{nil, "[::1]", true},
		{nil, "10.0.0.7", true},
		{nil, "localhost:6060", false},
		{[]string{"localhost"}, "LOCALHOST:6060", true},
		{[]string{"localhost"}, "evil.example", false},
		{[]string{"parsd"}, "parsd:6060", true},
		{[]string{"parsd"}, "parsd.evil.example:6060", false},
		{[]string{"*"}, "anything", true},
		{nil, "", false},
	} {
		if got := hostAllowed(c.hosts, c.host); got != c.want {
			t.Errorf("hostAllowed(%v, %q) = %t, want %t", c.hosts, c.host, got, c.want)
		}
		h := Handler(Config{Facts: good, Metrics: prometheus.NewRegistry(), VHosts: c.hosts})
		if w := get(h, "GET", "/healthz", c.host); (w.Code == http.StatusForbidden) == c.want {
			t.Errorf("/healthz for host %q of %v = %d", c.host, c.hosts, w.Code)
		}
	}
}

// The engine names every chain of the process; only ours is kept, and nothing
// whose number of series could grow with the network.
func TestEngineSelection(t *testing.T) {
	r := prometheus.NewRegistry()
	polls := promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{Name: "avalanche_snowman_polls"}, []string{"chain"})
	polls.WithLabelValues("pars").Set(1)
	polls.WithLabelValues("P").Set(2)
	promauto.With(r).NewGauge(prometheus.GaugeOpts{Name: "avalanche_network_peers"}).Set(4)
	promauto.With(r).NewGauge(prometheus.GaugeOpts{Name: "avalanche_db_something"}).Set(5)
	promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{Name: "avalanche_snowman_polls_failed"}, []string{"chain"}).WithLabelValues("P").Set(6)
	got, err := Engine(r, "pars").Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got {
		names = append(names, f.GetName())
		if n := len(f.GetMetric()); n != 1 {
			t.Errorf("%s has %d series, want 1", f.GetName(), n)
		}
	}
	if strings.Join(names, " ") != "avalanche_network_peers avalanche_snowman_polls" {
		t.Errorf("families = %v, want peers and polls", names)
	}
	all, err := r.Gather()
	if err != nil || len(all) != 4 || len(all[2].GetMetric()) != 2 {
		t.Errorf("the engine's own registry now has %v, %v, want it as it was", all, err)
	}
}
