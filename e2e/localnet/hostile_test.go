package localnet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/ethclient"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node/localnet"
)

// liars is a local network in which some nodes run e2e/localnet/hostile. Users
// and comparisons leave those out.
type liars struct {
	*network
	bad []*peer
}

// startWithLiars starts size nodes, of which the last count are hostile.
func startWithLiars(t *testing.T, size, count int) *liars {
	t.Helper()
	programs := map[int]string{}
	for i := range count {
		programs[size-i] = testutil.BuildTestProgram(t, "e2e/localnet/hostile")
	}
	dir := t.TempDir()
	began := time.Now()
	running, err := localnet.Start(t.Context(), localnet.Config{
		Program: testutil.Build(t, "parsd"), Programs: programs, Dir: dir, Validators: size, Environ: testutil.Environ(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	l := &liars{network: newNetwork(t)}
	if l.banner, err = running.Banner(os.Getpid(), time.Since(began)); err != nil {
		t.Fatal(err)
	}
	// The last account is the hostile nodes' own.
	l.banner.Accounts = l.banner.Accounts[:genesis.DevAccountCount-1]
	for i, info := range l.banner.Nodes {
		client, err := ethclient.DialContext(t.Context(), info.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		p := &peer{name: info.Name, info: info, client: client}
		l.nodes = append(l.nodes, p)
		if i >= size-count {
			p.setDown(true)
			l.bad = append(l.bad, p)
		}
	}
	return l
}

// tell makes a hostile node do something and decodes its report.
func (l *liars) tell(bad *peer, what string, how url.Values, into any) {
	l.t.Helper()
	if err := l.ask(bad, what, how, into); err != nil {
		l.t.Fatal(err)
	}
}

func (l *liars) ask(bad *peer, what string, how url.Values, into any) error {
	addr, err := os.ReadFile(filepath.Join(bad.info.DataDir, "hostile.addr"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	text, code, err := get(ctx, "http://"+string(addr)+"/"+what+"?"+how.Encode())
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("%s at %s: status %d, %s, %w", what, bad.name, code, text, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func get(ctx context.Context, at string) ([]byte, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return text, answer.StatusCode, err
}

// metrics returns a node's series, written as Prometheus writes them.
func (l *liars) metrics(p *peer) map[string]float64 {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	text, code, err := get(ctx, p.info.Metrics+"/metrics")
	if err != nil || code != http.StatusOK {
		l.t.Fatalf("metrics of %s: status %d, %v", p.name, code, err)
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if out[line[:at]], err = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err != nil {
			l.t.Fatalf("metrics of %s: %q: %v", p.name, line, err)
		}
	}
	return out
}

// metric returns the value of a series.
func (l *liars) metric(p *peer, series string) float64 {
	l.t.Helper()
	v, ok := l.metrics(p)[series]
	if !ok {
		l.t.Fatalf("%s has no series %s", p.name, series)
	}
	return v
}

// refusals returns how many blocks a node refused for a reason.
func (l *liars) refusals(p *peer, reason string) float64 {
	l.t.Helper()
	return l.metric(p, `pars_chain_verifies_failed_total{reason="`+reason+`"}`)
}

// logged reports whether a line of the node's chain log has all parts.
func (l *liars) logged(p *peer, parts ...string) bool {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.info.DataDir, "logs", "pars*.log"))
	if err != nil || len(files) == 0 {
		l.t.Fatalf("chain logs of %s: %v, %v", p.name, files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			l.t.Fatal(err)
		}
	lines:
		for line := range strings.Lines(string(text)) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return true
		}
	}
	return false
}

// awaitLogged waits until every honest node has logged a line with all parts.
func (l *liars) awaitLogged(parts ...string) {
	l.t.Helper()
	for _, p := range l.up() {
		l.until(fmt.Sprintf("%s to log %q", p.name, parts), func() bool { return l.logged(p, parts...) })
	}
}

// footprint measures a node.
func (l *liars) footprint(p *peer) use {
	l.t.Helper()
	u, err := p.use()
	if err != nil {
		l.t.Fatal(err)
	}
	if u.peak == 0 {
		l.t.Skip("memory is measured through /proc")
	}
	return u
}

// bounds are what an honest node may take whatever others send: five times and
// twice what it takes by itself after a minute of traffic. The memory is the
// process's peak, the disk what its folder grew by.
const (
	maxPeak     = 768 << 20
	maxDiskGrow = 96 << 20
)

// checkBounds compares the honest nodes with the bounds.
func (l *liars) checkBounds(before map[*peer]use) {
	l.t.Helper()
	for _, p := range l.up() {
		now := l.footprint(p)
		l.t.Logf("%s: %v of memory and disk, at most %d MiB of memory, before it was %v", p.name, now, now.peak>>20, before[p])
		if now.peak > maxPeak {
			l.t.Errorf("%s took %d MiB of memory, want at most %d", p.name, now.peak>>20, maxPeak>>20)
		}
		if grown := now.disk - before[p].disk; grown > maxDiskGrow {
			l.t.Errorf("the folder of %s grew by %d MiB, want at most %d", p.name, grown>>20, maxDiskGrow>>20)
		}
	}
}

func (l *liars) footprints() map[*peer]use {
	l.t.Helper()
	out := map[*peer]use{}
	for _, p := range l.up() {
		out[p] = l.footprint(p)
	}
	return out
}
