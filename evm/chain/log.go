package chain

import (
	"context"
	"fmt"

	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/libevm/log"
	"go.uber.org/zap"
	"golang.org/x/exp/slog"
)

// parseLevel reads Config.LogLevel.
func parseLevel(s string) (slog.Level, error) {
	if s == "" {
		return slog.LevelWarn, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("reading the chain configuration: got log level %q, want debug, info, warn or error", s)
	}
	return level, nil
}

// routeLogs sends libevm's messages of at least the given level to the chain's
// log. libevm has one log per process, so the chain opened last gets them.
func routeLogs(to logging.Logger, level string) error {
	least, err := parseLevel(level)
	if err != nil {
		return err
	}
	log.SetDefault(log.NewLogger(&logHandler{to: to, least: least}))
	return nil
}

// logHandler turns libevm's records into AvalancheGo's.
type logHandler struct {
	to    logging.Logger
	least slog.Level
	attrs []zap.Field
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.least }

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	fields := append([]zap.Field(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, zap.String(a.Key, a.Value.String()))
		return true
	})
	write := h.to.Debug
	switch {
	case r.Level >= log.LevelCrit:
		write = h.to.Fatal
	case r.Level >= slog.LevelError:
		write = h.to.Error
	case r.Level >= slog.LevelWarn:
		write = h.to.Warn
	case r.Level >= slog.LevelInfo:
		write = h.to.Info
	}
	write("libevm: "+r.Message, fields...)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := append([]zap.Field(nil), h.attrs...)
	for _, a := range attrs {
		fields = append(fields, zap.String(a.Key, a.Value.String()))
	}
	return &logHandler{to: h.to, least: h.least, attrs: fields}
}

// WithGroup implements slog.Handler; groups are flattened.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
