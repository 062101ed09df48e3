package node

import (
	"io"
	"log/slog"
)

// newLogger returns the logger of a node. level and format were checked.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	if w == nil {
		return slog.New(slog.DiscardHandler)
	}
	least, err := parseLevel(level)
	if err != nil {
		least = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
