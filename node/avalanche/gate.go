package avalanche

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/ava-labs/avalanchego/utils/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// gate is a log factory that keeps our chain waiting until its VM is
// registered, and listens to what AvalancheGo says before it dies.
type gate struct {
	logging.Factory
	alias   string
	onPanic func(any, []byte)

	once   sync.Once
	opened chan struct{}

	mu    sync.Mutex
	fatal string // the first fatal line that was logged
}

func newGate(inner logging.Factory, alias string, onPanic func(any, []byte)) *gate {
	return &gate{Factory: inner, alias: alias, onPanic: onPanic, opened: make(chan struct{})}
}

// open lets our chain be created. It may be called more than once.
func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

// Make returns the log called name.
func (g *gate) Make(name string) (logging.Logger, error) {
	l, err := g.Factory.Make(name)
	if err != nil {
		return nil, err
	}
	return &listener{Logger: l, gate: g}, nil
}

// MakeChain returns the log of a chain. For ours, it waits.
func (g *gate) MakeChain(name string) (logging.Logger, error) {
	if name == g.alias {
		<-g.opened
	}
	l, err := g.Factory.MakeChain(name)
	if err != nil {
		return nil, err
	}
	return &listener{Logger: l, gate: g, ours: name == g.alias}, nil
}

// said returns the first fatal line, or nothing.
func (g *gate) said() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fatal
}

// listener is a logger that keeps the first fatal line for the user, who
// doesn't read log files first, and turns a panic of our chain into the end of
// the process: AvalancheGo by itself would go on without the chain.
type listener struct {
	logging.Logger
	gate *gate
	ours bool
}

// Fatal logs msg and keeps it.
func (l *listener) Fatal(msg string, fields ...zap.Field) {
	l.gate.mu.Lock()
	if l.gate.fatal == "" {
		l.gate.fatal = oneLine(msg, fields)
	}
	l.gate.mu.Unlock()
	l.Logger.Fatal(msg, fields...)
}

// With returns a child logger that listens too.
func (l *listener) With(fields ...zap.Field) logging.Logger {
	return &listener{Logger: l.Logger.With(fields...), gate: l.gate, ours: l.ours}
}

// WithOptions returns a child logger that listens too.
func (l *listener) WithOptions(opts ...zap.Option) logging.Logger {
	return &listener{Logger: l.Logger.WithOptions(opts...), gate: l.gate, ours: l.ours}
}

// RecoverAndExit runs f. AvalancheGo calls it for the goroutines of chains it
// can do without; ours is not one of them.
func (l *listener) RecoverAndExit(f, exit func()) {
	if !l.ours {
		l.Logger.RecoverAndExit(f, exit)
		return
	}
	defer func() {
		if r := recover(); r != nil {
			stack := debug.Stack()
			l.Fatal("panicking", zap.Any("reason", r), zap.ByteString("from", stack))
			l.gate.onPanic(r, stack)
			exit()
		}
	}()
	f()
}

// oneLine renders a log entry as "message: error" for people.
func oneLine(msg string, fields []zap.Field) string {
	for _, f := range fields {
		if f.Type == zapcore.ErrorType {
			msg = fmt.Sprintf("%s: %v", msg, f.Interface)
		}
	}
	return strings.ReplaceAll(msg, "\n", " ")
}
