package monitor

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"

	"github.com/pars-network/pars/evm/peerclock"
)

// watched is a Watcher with what it wrote.
type watched struct {
	*Watcher
	text bytes.Buffer
	now  time.Time
}

func newWatched() *watched {
	w := &watched{now: time.Unix(1, 0)}
	w.Watcher = NewWatcher(slog.New(slog.NewTextHandler(&w.text, nil)))
	return w
}

// see notes f every second for so long, and returns the lines that were written.
func (w *watched) see(f Facts, seconds int) []string {
	for range seconds {
		w.now = w.now.Add(time.Second)
		w.Note(f, w.now)
	}
	text := strings.TrimSpace(w.text.String())
	w.text.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestWatcherTellsATieFromAHalt(t *testing.T) {
	w := newWatched()
	f := good()
	f.Chain.Since, f.Stake.Heard, f.Stake.Missing = readyAfter+time.Second, 60, []Missing{{ID: "NodeID-A"}, {ID: "NodeID-B"}}
	if got := strings.Join(w.see(f, 5), "\n"); !strings.Contains(got, "the chain has halted: no block") {
		t.Errorf("without enough validators: %q, want a halt", got)
	}
	f.Stake.Heard, f.Stake.Missing = 80, f.Stake.Missing[:1]
	if got := strings.Join(w.see(f, 15), "\n"); strings.Contains(got, "though enough") || strings.Contains(got, "goes on\"") {
		t.Errorf("soon after one is back: %q, want neither a tie nor an end", got)
	}
	got := strings.Join(w.see(f, 10), "\n")
	if !strings.Contains(got, "halted though enough validators are heard") || strings.Contains(got, "goes on\"") {
		t.Errorf("when one is back and no block comes: %q, want a tie and no end", got)
	}
	if got := w.see(good(), 5); !strings.Contains(strings.Join(got, "\n"), "the chain goes on") {
		t.Errorf("with blocks again: %q, want that the chain goes on", got)
	}
}

func TestWatcherNamesASlowChain(t *testing.T) {
	w := newWatched()
	f := good()
	f.Chain.Pending = 5
	// go on for some seconds with a block every so many of them.
	run := func(seconds, each int) (lines []string) {
		for i := range seconds {
			if i%each == 0 {
				f.Chain.Height++
			}
			lines = append(lines, w.see(f, 1)...)
		}
		return lines
	}
	if got := run(60, 1); len(got) != 0 {
		t.Errorf("a block a second: %q, want nothing", got)
	}
	got := run(60, 7)
	if len(got) != 1 || !strings.Contains(got[0], "level=WARN msg=\"blocks come slowly though transactions wait") || !strings.Contains(got[0], "in=30s pending=5") {
		t.Errorf("a block every 7s: %q, want one line", got)
	}
	if got := run(60, 1); len(got) != 1 || !strings.Contains(got[0], "at their pace again") {
		t.Errorf("a block a second again: %q, want one line", got)
	}
	run(20, 7)
	f.Chain.Pending = 0
	run(1, 1)
	f.Chain.Pending = 5
	if got := run(25, 7); len(got) != 0 {
		t.Errorf("slow for less than %s since there was no work: %q, want nothing", slowTime, got)
	}
	if len(w.busy) > 40 {
		t.Errorf("%d looks are remembered, want at most 40", len(w.busy))
	}
}

func TestWatcherNamesTroublesOnceWhenTheyBeginAndEnd(t *testing.T) {
	far := ids.NodeID{7}
	offset := func(d time.Duration) peerclock.Offset {
		return peerclock.Offset{ID: far, Ahead: d, Doubt: 10 * time.Millisecond}
	}
	const limit = 100 * time.Millisecond
	for _, c := range []struct {
		name   string
		change func(*Facts)
		begins []string // a line each, with this text
		ends   []string
	}{
		{"nothing", func(*Facts) {}, nil, nil},
		{
			"a validator that is not connected",
			func(f *Facts) { f.Stake.Missing = []Missing{{ID: "NodeID-A"}} },
			[]string{`level=WARN msg="a validator is not connected" node=NodeID-A`},
			[]string{`level=INFO msg="the validator is heard again" after=10s node=NodeID-A`},
		},
		{
			"a frozen one",
			func(f *Facts) { f.Stake.Missing = []Missing{{ID: "NodeID-A", Silent: 12 * time.Second}} },
			[]string{`connected and silent: it hangs, or the network between is cut" node=NodeID-A`},
			[]string{"heard again"},
		},
		{
			"a partition without a quorum",
			func(f *Facts) {
				f.Stake.Heard = 69
				f.Stake.Missing = []Missing{{ID: "NodeID-A"}, {ID: "NodeID-B", Silent: time.Minute}}
			},
			[]string{"node=NodeID-A", "node=NodeID-B", `level=ERROR msg="too few validators are heard to decide: no block is accepted until more are back" stake="69 % of the stake is heard, a decision takes 70 %; not heard: NodeID-A (not connected), NodeID-B (silent for 1m0s)"`},
			[]string{"node=NodeID-A", "node=NodeID-B", "enough validators are heard"},
		},
		{
			"a halt",
			func(f *Facts) { f.Chain.Since = readyAfter + time.Second },
			[]string{`level=ERROR msg="the chain has halted: no block is accepted though a heartbeat is due" height=7 since=21s`},
			[]string{`msg="the chain goes on" after=10s height=7`},
		},
		{
			"this node's clock",
			func(f *Facts) { f.Clock = &Clock{peerclock.Report{Own: offset(-300 * time.Millisecond)}, limit} },
			[]string{"level=ERROR msg=\"this node's clock is wrong: it is 300ms behind the other validators' clocks, give or take 10ms; set it, and keep it right with NTP\" ahead=-300ms"},
			[]string{"this node's clock is right again"},
		},
		{
			"another's clock",
			func(f *Facts) {
				f.Clock = &Clock{peerclock.Report{Peers: []peerclock.Offset{offset(5 * time.Second)}}, limit}
			},
			[]string{`level=WARN msg="the clock of a validator is wrong: it is 5s ahead of the other validators' clocks, give or take 10ms" node=` + far.String()},
			[]string{"clock is right again, or no longer known\" after=10s node=" + far.String()},
		},
		{
			"clocks within the limit",
			func(f *Facts) {
				f.Clock = &Clock{peerclock.Report{Own: offset(110 * time.Millisecond), Peers: []peerclock.Offset{offset(-80 * time.Millisecond)}}, limit}
			},
			nil, nil,
		},
		{"a node that starts", func(f *Facts) { f.Stage, f.Stake.Heard = Starting, 0 }, nil, nil},
		{"one that catches up", func(f *Facts) { f.Chain.Bootstrapped, f.Stake.Heard = false, 0 }, nil, nil},
		{"validators that are not known", func(f *Facts) { f.Stake = &Stake{Err: errors.New("closed")} }, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(when string, lines, want []string) {
				t.Helper()
				if len(lines) != len(want) {
					t.Fatalf("%s: %q, want %d lines", when, lines, len(want))
				}
				for i := range want {
					if !strings.Contains(lines[i], want[i]) {
						t.Errorf("%s: %q, want %q in it", when, lines[i], want[i])
					}
				}
			}
			w := newWatched()
			bad := good()
			c.change(&bad)
			check("before", w.see(good(), 3), nil)
			check("for a moment", w.see(bad, int(tellAfter/time.Second)), nil)
			check("after it", w.see(good(), 5), nil)
			check("lasting", w.see(bad, 10), c.begins)
			check("at its end", w.see(good(), 5), c.ends)
			if len(w.since)+len(w.told) != 0 {
				t.Errorf("%d and %d troubles are remembered, want none", len(w.since), len(w.told))
			}
		})
	}
}
