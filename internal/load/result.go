package load

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// Result is what a run has measured.
type Result struct {
	// Client is what the node calls itself.
	Client  string `json:"client"`
	ChainID uint64 `json:"chainId"`
	// Mode is "open" or "closed".
	Mode string `json:"mode"`
	// Rate is the transactions a second that were asked for; 0 in a closed loop.
	Rate     float64 `json:"rate"`
	Accounts int     `json:"accounts"`
	// Seconds is from the first transaction until the last receipt.
	Seconds float64 `json:"seconds"`
	Sent    int     `json:"sent"`
	// Done have a receipt of success, Failed one of failure, Refused never got
	// into the pool, and Lost had no receipt at the end.
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Refused int `json:"refused"`
	Lost    int `json:"lost"`
	// TPS is Done over Seconds.
	TPS float64 `json:"tps"`
	// Latency is from the time a transaction was due until its receipt, in ms.
	Latency Quantiles `json:"latencyMs"`
	Blocks  int       `json:"blocks"`
	// Gap is between blocks that have a transaction each, in ms.
	Gap Quantiles `json:"blockGapMs"`
	// GapFrom says what Gap was read from: "header" for times in headers, or
	// "arrival" for when the blocks were seen.
	GapFrom string `json:"blockGapFrom"`
	// Refusals counts the nodes' reasons.
	Refusals map[string]int `json:"refusals,omitempty"`
}

// Quantiles of a set of measurements; all 0 if there are none.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// newQuantiles uses the nearest rank: the smallest value that at least the given
// part of all values does not exceed.
func newQuantiles(values []float64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(percent int) float64 { return sorted[(len(sorted)*percent+99)/100-1] }
	return Quantiles{P50: at(50), P95: at(95), P99: at(99), Max: at(100)}
}

// summarize makes the result once nothing changes any more.
func summarize(c Config, n *node, col *collector, start time.Time) *Result {
	col.mu.Lock()
	defer col.mu.Unlock()
	r := &Result{
		Client: n.client, ChainID: n.chainID, Mode: "closed", Rate: c.Rate, Accounts: c.Accounts,
		Sent: col.sent, Lost: col.open, Refusals: col.errors,
	}
	if c.Rate > 0 {
		r.Mode = "open"
	}
	for _, count := range col.errors {
		r.Refused += count
	}
	last := start
	var latencies []float64
	for _, s := range col.samples {
		if s.failed {
			r.Failed++
			continue
		}
		r.Done++
		latencies = append(latencies, float64(s.done.Sub(s.due).Microseconds())/1000)
		if s.done.After(last) {
			last = s.done
		}
	}
	r.Latency = newQuantiles(latencies)
	r.Seconds = last.Sub(start).Seconds()
	if r.Seconds > 0 {
		r.TPS = float64(r.Done) / r.Seconds
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r.Blocks = len(n.blocks)
	gaps, from := gapsOf(n.blocks)
	r.Gap, r.GapFrom = newQuantiles(gaps), from
	return r
}

// gapsOf returns the gaps between neighbours that both have transactions: an
// empty block is a heartbeat of an idle chain, not a sign of its pace.
func gapsOf(blocks []block) (gaps []float64, from string) {
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.number, b.number) })
	from = "header"
	if slices.ContainsFunc(blocks, func(b block) bool { return b.ms == 0 }) {
		from = "arrival"
	}
	for i := 1; i < len(blocks); i++ {
		a, b := blocks[i-1], blocks[i]
		switch {
		case a.txs == 0 || b.txs == 0:
		case from == "header":
			gaps = append(gaps, float64(b.ms)-float64(a.ms))
		default:
			gaps = append(gaps, float64(b.seen.Sub(a.seen).Microseconds())/1000)
		}
	}
	return gaps, from
}

// WriteTable writes the result for people.
func (r *Result) WriteTable(w io.Writer) error {
	mode := "closed loop"
	if r.Rate > 0 {
		mode = fmt.Sprintf("open loop, %g tx/s", r.Rate)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// A write that fails shows at Flush.
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	line("node\t%s, chain %d", r.Client, r.ChainID)
	line("load\t%s, %d accounts, %.1f s", mode, r.Accounts, r.Seconds)
	line("transactions\t%d sent, %d done, %d failed, %d refused, %d lost", r.Sent, r.Done, r.Failed, r.Refused, r.Lost)
	line("throughput\t%.1f tx/s", r.TPS)
	line("submit to receipt\tp50 %.0f ms\tp95 %.0f ms\tp99 %.0f ms\tmax %.0f ms", r.Latency.P50, r.Latency.P95, r.Latency.P99, r.Latency.Max)
	line("block gap (%s)\tp50 %.0f ms\tp95 %.0f ms\tp99 %.0f ms\tmax %.0f ms\t%d blocks", r.GapFrom, r.Gap.P50, r.Gap.P95, r.Gap.P99, r.Gap.Max, r.Blocks)
	for _, reason := range slices.Sorted(maps.Keys(r.Refusals)) {
		line("\t%d x %s", r.Refusals[reason], reason)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// WriteJSON writes the result for programs.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
