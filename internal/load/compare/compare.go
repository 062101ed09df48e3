package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pars-network/pars/internal/load"
)

// Config says what to measure. Fields that are 0 take their default.
type Config struct {
	// Targets are kinds of nodes, see Kinds. Default: one.
	Targets []string
	// Programs are the paths of the programs that the targets need.
	Programs Programs
	// Rate is that of the open loop, in transactions a second. Default 100.
	Rate float64
	// Accounts is how many send in the closed loop, each one transaction at a
	// time. Default 500.
	Accounts int
	// Duration is how long each run hands in transactions. Default 30 s.
	Duration time.Duration
	// Rounds is how often each target is measured; they take turns, so that a
	// machine that gets slower is unfair to nobody. Default 1.
	Rounds int
	// Progress is told what happens, for people. Nil: nobody.
	Progress func(format string, args ...any)
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Targets) == 0 {
		c.Targets = []string{"one"}
	}
	for _, kind := range c.Targets {
		if _, known := Kinds[kind]; !known {
			return c, fmt.Errorf("no target is called %q; there are one, five, geth and anvil", kind)
		}
	}
	if c.Rate == 0 {
		c.Rate = 100
	}
	if c.Accounts == 0 {
		c.Accounts = 500
	}
	if c.Duration == 0 {
		c.Duration = 30 * time.Second
	}
	if c.Rounds == 0 {
		c.Rounds = 1
	}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	if c.Rate < 0 || c.Accounts < 0 || c.Duration < 0 || c.Rounds < 0 {
		return c, fmt.Errorf("rate is %g, accounts %d, duration %s, rounds %d; want none below 0", c.Rate, c.Accounts, c.Duration, c.Rounds)
	}
	return c, nil
}

// Report is what was measured.
type Report struct {
	Time       time.Time `json:"time"`
	Processors int       `json:"processors"`
	System     string    `json:"system"`
	Runs       []Run     `json:"runs"`
}

// Run is one load on one fresh node.
type Run struct {
	// Target is one of Kinds.
	Target string `json:"target"`
	Round  int    `json:"round"`
	// CPU is the processor time that all processes of the target took from
	// start to end, in seconds.
	CPU float64 `json:"cpuSeconds"`
	*load.Result
}

// Measure puts an open and a closed loop on a fresh node of each target, round
// by round. With an error it returns what was measured before.
func Measure(ctx context.Context, c Config) (*Report, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Report{Time: time.Now().UTC(), Processors: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	open := load.Config{Rate: c.Rate}
	closed := load.Config{Accounts: c.Accounts}
	for round := 1; round <= c.Rounds; round++ {
		for _, kind := range c.Targets {
			for _, l := range []load.Config{open, closed} {
				l.Duration = c.Duration
				run, err := measure(ctx, kind, c, l)
				if err != nil {
					return r, err
				}
				run.Round = round
				r.Runs = append(r.Runs, *run)
			}
		}
	}
	return r, nil
}

// measure does one run.
func measure(ctx context.Context, kind string, c Config, l load.Config) (_ *Run, err error) {
	c.Progress("%s: starting %s", kind, Kinds[kind])
	t, err := start(ctx, kind, c.Programs)
	if err != nil {
		return nil, err
	}
	l.HTTP, l.WS = t.http, t.ws
	l.Progress = func(format string, args ...any) { c.Progress(kind+": "+format, args...) }
	result, err := load.Run(ctx, l)
	if err = errors.Join(err, t.stop()); err != nil {
		return nil, fmt.Errorf("measuring %s: %w", kind, err)
	}
	return &Run{Target: kind, CPU: t.cpu().Seconds(), Result: result}, nil
}

// WriteTable writes the report for people, a line for each run.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	// A write that fails shows at Flush.
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	ms := func(f float64) string { return fmt.Sprintf("%.0f", f) }
	line("target", "round", "loop", "tx/s", "receipt p50", "p95", "p99 ms", "gap p50", "p95 ms", "done", "lost", "refused", "CPU s/1,000 tx")
	for _, run := range r.Runs {
		loop := fmt.Sprintf("closed, %d senders", run.Accounts)
		if run.Rate > 0 {
			loop = fmt.Sprintf("open, %g/s", run.Rate)
		}
		cost := "-"
		if run.Done > 0 {
			cost = fmt.Sprintf("%.2f", run.CPU/float64(run.Done)*1000)
		}
		line(run.Target, fmt.Sprint(run.Round), loop, fmt.Sprintf("%.0f", run.TPS), ms(run.Latency.P50), ms(run.Latency.P95), ms(run.Latency.P99),
			ms(run.Gap.P50), ms(run.Gap.P95), fmt.Sprint(run.Done), fmt.Sprint(run.Lost), fmt.Sprint(run.Refused), cost)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
