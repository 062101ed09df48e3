package converge

import (
	"context"
	"log/slog"
	"slices"
)

// unjust reads a node's log for neighbours that it dropped although they run
// what everybody runs.
type unjust struct{ w *world }

// Enabled says yes.
func (unjust) Enabled(context.Context, slog.Level) bool { return true }

// Handle looks at one line.
func (u unjust) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "gossip: peer dropped" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		honest := func(m *member) bool { return name(m.i) == a.Value.String() && m.role.runsOurs() }
		if a.Key == "peer" && slices.ContainsFunc(u.w.members, honest) {
			u.w.unjust.Add(1)
		}
		return true
	})
	return nil
}

// WithAttrs and WithGroup are not used by what is looked for.
func (u unjust) WithAttrs([]slog.Attr) slog.Handler { return u }

// WithGroup see WithAttrs.
func (u unjust) WithGroup(string) slog.Handler { return u }
