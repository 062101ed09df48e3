package monitor

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// tellAfter is how long something must be wrong before it is logged: a
// connection that is made anew is nobody's concern.
const tellAfter = 3 * time.Second

// tellTieAfter is that for a tie: a chain that had halted takes some seconds to go
// on once enough validators are back.
const tellTieAfter = 20 * time.Second

// Watcher logs what goes wrong around a node, once when it begins and once when it
// ends. It is not safe for concurrent use. Use [NewWatcher].
type Watcher struct {
	log   *slog.Logger
	since map[trouble]time.Time // when it began, of what is wrong now
	told  map[trouble]bool
	busy  []glance // since when transactions have waited all the time, oldest first
}

// glance is how far the chain was.
type glance struct {
	at     time.Time
	height uint64
}

// A chain is slow if, over slowTime in which transactions waited all the time,
// blocks came slowGap apart on average. The best gap is 0.4 s.
const (
	slowTime = 30 * time.Second
	slowGap  = 2 * time.Second
)

// trouble is something that can be wrong, of whom.
type trouble struct {
	kind kind
	id   string // of another validator, else empty
}

type kind int

const (
	missing kind = iota
	noQuorum
	halted
	tied // halted with enough validators
	slow
	ownClock
	otherClock
)

// NewWatcher returns a Watcher that logs to log.
func NewWatcher(log *slog.Logger) *Watcher {
	return &Watcher{log: log, since: map[trouble]time.Time{}, told: map[trouble]bool{}}
}

// Note looks at the node at the time now. It is to be called every second or so.
func (w *Watcher) Note(f Facts, now time.Time) {
	if f.Stage != Running || f.Chain == nil || !f.Chain.Bootstrapped {
		return
	}
	found := map[trouble]func(){} // what is wrong, and how to say it
	begin := func(t trouble, level slog.Level, text string, args ...any) {
		found[t] = func() { w.log.Log(context.Background(), level, text, args...) }
	}
	if s := f.Stake; s != nil && s.Err == nil {
		for _, m := range s.Missing {
			text := "a validator is not connected"
			if m.Silent > 0 {
				text = "a validator is connected and silent: it hangs, or the network between is cut"
			}
			begin(trouble{missing, m.ID}, slog.LevelWarn, text, "node", m.ID)
		}
		if !s.enough() {
			begin(trouble{kind: noQuorum}, slog.LevelError, "too few validators are heard to decide: no block is accepted until more are back",
				"stake", s.reason())
		}
	}
	if c := f.Chain; c.Since > readyAfter {
		what, text := halted, "the chain has halted: no block is accepted though a heartbeat is due"
		if s := f.Stake; s != nil && s.Err == nil && s.enough() && len(s.Missing) > 0 {
			// Neither half can sway the other: docs/results/localnet.md.
			what, text = tied, "the chain has halted though enough validators are heard: they may be split evenly between two blocks, which ends within seconds; if it doesn't, look at the network between them"
		}
		begin(trouble{kind: what}, slog.LevelError, text, "height", c.Height, "since", c.Since.Round(time.Second))
	} else if blocks, over := w.pace(*c, now); over >= slowTime && time.Duration(blocks)*slowGap < over {
		begin(trouble{kind: slow}, slog.LevelWarn, "blocks come slowly though transactions wait: the network loses or delays messages, validators are gone, or processors are busy",
			"blocks", blocks, "in", over.Round(time.Second), "pending", c.Pending)
	}
	if c := f.Clock; c != nil {
		if c.wrong() {
			begin(trouble{kind: ownClock}, slog.LevelError, "this node's clock is wrong: it is "+ahead(c.Own)+"; set it, and keep it right with NTP", "ahead", c.Own.Ahead, "doubt", c.Own.Doubt)
		}
		for _, o := range c.Wrong(c.Limit) {
			id := o.ID.String()
			begin(trouble{otherClock, id}, slog.LevelWarn, "the clock of a validator is wrong: it is "+ahead(o), "node", id, "ahead", o.Ahead, "doubt", o.Doubt)
		}
	}
	w.compare(f, found, now)
}

// pace returns how many blocks were accepted over how long, at most a little more
// than slowTime, in which transactions waited all the time.
func (w *Watcher) pace(c Chain, now time.Time) (blocks uint64, over time.Duration) {
	if c.Pending == 0 {
		w.busy = w.busy[:0]
		return 0, 0
	}
	w.busy = append(w.busy, glance{now, c.Height})
	// The oldest stays until the one after it is old enough.
	for len(w.busy) > 1 && now.Sub(w.busy[1].at) >= slowTime {
		w.busy = slices.Delete(w.busy, 0, 1)
	}
	return c.Height - w.busy[0].height, now.Sub(w.busy[0].at)
}

// compare logs what is new in found, and what is there no more.
func (w *Watcher) compare(f Facts, found map[trouble]func(), now time.Time) {
	order := func(a, b trouble) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) }
	for _, t := range slices.SortedFunc(maps.Keys(found), order) {
		if _, known := w.since[t]; !known {
			w.since[t] = now
		}
		patience := tellAfter
		if t.kind == tied {
			patience = tellTieAfter
		}
		if !w.told[t] && now.Sub(w.since[t]) >= patience {
			found[t]()
			w.told[t] = true
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(w.since), order) {
		if found[t] != nil {
			continue
		}
		if w.told[t] {
			w.over(t, f, now.Sub(w.since[t]))
		}
		delete(w.since, t)
		delete(w.told, t)
	}
}

// over logs the end of a trouble.
func (w *Watcher) over(t trouble, f Facts, lasted time.Duration) {
	args := []any{"after", lasted.Round(time.Second)}
	if t.id != "" {
		args = append(args, "node", t.id)
	}
	switch t.kind {
	case missing:
		w.log.Info("the validator is heard again", args...)
	case noQuorum:
		w.log.Info("enough validators are heard to decide", args...)
	case halted, tied:
		if f.Chain.Since <= readyAfter { // else one has become the other
			w.log.Info("the chain goes on", append(args, "height", f.Chain.Height)...)
		}
	case slow:
		w.log.Info("blocks come at their pace again", args...)
	case ownClock:
		w.log.Info("this node's clock is right again", args...)
	case otherClock:
		w.log.Info("the validator's clock is right again, or no longer known", args...)
	}
}
