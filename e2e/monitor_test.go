package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node/monitor"
)

// fetch returns status and body of a URL. A port that is closed gives 0.
func fetch(ctx context.Context, t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// scrape parses /metrics.
func scrape(ctx context.Context, t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	status, text := fetch(ctx, t, url+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics = %d %s, want 200", status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestMonitoringOfARunningNode(t *testing.T) {
	p := startDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*startTime)
	defer cancel()
	for _, path := range []string{"/healthz", "/readyz"} {
		status, text := fetch(ctx, t, p.banner.Metrics+path)
		var report monitor.Report
		if err := json.Unmarshal([]byte(text), &report); err != nil || status != http.StatusOK || !report.OK || len(report.Checks) < 2 {
			t.Errorf("%s = %d %s, %v, want 200 and its checks", path, status, text, err)
		}
	}
	before := scrape(ctx, t, p.banner.Metrics)
	for _, name := range []string{
		"pars_chain_height", "pars_chain_block_gap_seconds", "pars_chain_gas_total", "pars_chain_base_fee_wei",
		"pars_chain_pool_pending", "pars_chain_pool_queued", "pars_chain_blocks_built_total", "pars_chain_blocks_accepted_total",
		"pars_chain_blocks_rejected_total", "pars_chain_verifies_failed_total", "pars_chain_equivocations_total",
		"pars_schedule_own_rank", "pars_schedule_windows_missed_total", "pars_rpc_http_requests_total",
		"pars_node_info", "pars_node_check", "avalanche_snowman_polls_successful", "process_resident_memory_bytes",
	} {
		if before[name] == nil {
			t.Errorf("/metrics has no %s", name)
		}
	}
	series := 0
	for _, f := range before {
		series += len(f.GetMetric())
	}
	if series > 300 {
		t.Errorf("/metrics has %d series, want at most 300", series)
	}

	tx := p.account(t, 0).transfer(t, 1337, common.HexToAddress("0xbeef"))
	if err := p.client.SendTransaction(ctx, tx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.receipt(ctx, tx.Hash()); err != nil {
		t.Fatal(err)
	}
	// The counters follow a block right after it is accepted, a receipt may be there before.
	after := scrape(ctx, t, p.banner.Metrics)
	for after["pars_chain_transactions_total"].GetMetric()[0].GetCounter().GetValue() == 0 && ctx.Err() == nil {
		after = scrape(ctx, t, p.banner.Metrics)
	}
	if got, was := after["pars_chain_height"].GetMetric()[0].GetGauge().GetValue(), before["pars_chain_height"].GetMetric()[0].GetGauge().GetValue(); got <= was {
		t.Errorf("height = %v after a transaction, want more than %v", got, was)
	}
	if got := after["pars_chain_transactions_total"].GetMetric()[0].GetCounter().GetValue(); got != 1 {
		t.Errorf("transactions = %v, want 1", got)
	}
	if got := after["pars_rpc_http_requests_total"].GetMetric()[0].GetCounter().GetValue(); got < 2 {
		t.Errorf("RPC requests = %v, want those of this test", got)
	}
	for _, a := range p.banner.Accounts {
		if _, text := fetch(ctx, t, p.banner.Metrics+"/metrics"); strings.Contains(text, strings.TrimPrefix(a.PrivateKey, "0x")) {
			t.Errorf("/metrics has the key of %s", a.Address)
		}
	}
	if code, _ := p.Terminate(); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
}

// A node that follows a network of which nobody is there is alive and not ready.
// It is also one that systemd would wait for, and whose log a machine reads.
func TestNodeWithoutItsNetworkIsAliveAndNotReady(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	if err := systemd.SetDeadline(time.Now().Add(2 * startTime)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	makeNetwork(t, dir, 4)
	port := fmt.Sprint(testutil.FreePorts(t, 1)[0])
	p := testutil.Start(t, testutil.Build(t, "parsd"), "run", "--network", filepath.Join(dir, "genesis.json"), "--datadir", filepath.Join(dir, "0"),
		"--staking.addr", "127.0.0.1", "--staking.port", "0", "--http.port", "0", "--api.port", "0", "--session.enable=false",
		"--metrics.port", port, "--log.format", "json")
	says := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			n, err := systemd.Read(buf)
			if err != nil {
				t.Fatalf("systemd never got %q: %v\n%s", want, err, p.Stderr())
			}
			if strings.HasPrefix(string(buf[:n]), want) {
				return
			}
		}
	}
	says("READY=1")
	says("WATCHDOG=1")
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	url := "http://127.0.0.1:" + port
	if status, text := fetch(ctx, t, url+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d %s, want 200", status, text)
	}
	status, text := fetch(ctx, t, url+"/readyz")
	var report monitor.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil || status != http.StatusServiceUnavailable || report.OK {
		t.Errorf("/readyz = %d %s, %v, want 503", status, text, err)
	}
	if code, _ := p.Terminate(); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
	says("STOPPING=1")
	for line := range strings.Lines(p.Stderr()) {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
			t.Errorf("log line %q, %v, want JSON with time, level and msg", line, err)
		}
	}
}

func TestLastWordsAreJSONToo(t *testing.T) {
	p := testutil.Start(t, testutil.Build(t, "parsd"), "run", "--network", "none.json", "--public-ip", "203.0.113.7", "--log.format", "json")
	if code := p.Wait(startTime); code == 0 {
		t.Error("exit code = 0, want an error")
	}
	var entry struct{ Level, Msg string }
	if err := json.Unmarshal([]byte(p.Stderr()), &entry); err != nil || entry.Level != "ERROR" || !strings.Contains(entry.Msg, "none.json") {
		t.Errorf("stderr = %q, %v, want one JSON line that names the file", p.Stderr(), err)
	}
}
