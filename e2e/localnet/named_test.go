package localnet

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pars-network/pars/node/monitor"
)

// The functions here check that nodes which are well name what is wrong with the
// network: in their logs, in /readyz and in /metrics.

// log is what the node has written to standard error, of all its runs.
func (p *peer) log() string {
	text, err := os.ReadFile(p.info.Log)
	if err != nil {
		return err.Error()
	}
	if p.alone != nil {
		return string(text) + p.alone.Stderr()
	}
	return string(text)
}

// mark is how much p has logged so far; awaitLog looks at what comes after it.
func (p *peer) mark() int { return len(p.log()) }

// awaitLog waits until each of peers has logged a line with all of words, after
// the mark that was taken of it.
func (n *network) awaitLog(peers []*peer, marks map[*peer]int, words ...string) {
	n.t.Helper()
	for _, p := range peers {
		n.until(p.name+" to log "+strings.Join(words, " ... "), func() bool {
			text := p.log()
			return hasLine(text[min(marks[p], len(text)):], words)
		})
	}
}

func hasLine(text string, words []string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

// marks takes the marks of all nodes.
func (n *network) marks() map[*peer]int {
	out := map[*peer]int{}
	for _, p := range n.nodes {
		out[p] = p.mark()
	}
	return out
}

// fetch returns the body of a path on the node's monitoring port.
func (p *peer) fetch(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.info.Metrics+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// awaitReadyz waits until the named check of each of peers is as wanted, with all
// words in its reason.
func (n *network) awaitReadyz(peers []*peer, name string, ok bool, words ...string) {
	n.t.Helper()
	for _, p := range peers {
		var last string
		n.until(p.name+"'s check "+name+" to say "+strings.Join(words, " ... "), func() bool {
			var report monitor.Report
			text, err := p.fetch(n.t.Context(), "/readyz")
			if err != nil || json.Unmarshal([]byte(text), &report) != nil {
				return false
			}
			for _, c := range report.Checks {
				if c.Name == name {
					last = c.Reason
					return c.OK == ok && hasLine(c.Reason, words)
				}
			}
			return false
		})
		n.t.Logf("/readyz of %s: %s: %s", p.name, name, last)
	}
}

// metric returns a series of a node whose labels have all the values, and whether
// it has it.
func (n *network) metric(p *peer, name string, values ...string) (float64, bool) {
	n.t.Helper()
	text, err := p.fetch(n.t.Context(), "/metrics")
	if err != nil {
		return 0, false
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		if labelled(m, values) {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

func labelled(m *dto.Metric, values []string) bool {
	found := map[string]bool{}
	for _, l := range m.GetLabel() {
		found[l.GetValue()] = true
	}
	for _, v := range values {
		if !found[v] {
			return false
		}
	}
	return true
}

// awaitMetric waits until a series of each of peers has a value as wanted.
func (n *network) awaitMetric(peers []*peer, want func(float64) bool, name string, values ...string) {
	n.t.Helper()
	for _, p := range peers {
		var last float64
		var there bool
		n.until(p.name+"'s "+name+" "+strings.Join(values, " "), func() bool {
			last, there = n.metric(p, name, values...)
			return there && want(last)
		})
		n.t.Logf("%s %v of %s = %v", name, values, p.name, last)
	}
}

// is wants exactly v.
func is(v float64) func(float64) bool { return func(got float64) bool { return got == v } }
