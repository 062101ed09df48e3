package avalanche

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ava-labs/avalanchego/utils/logging"
	"go.uber.org/zap"
)

// quiet is a log factory that writes nowhere.
type quiet struct {
	logging.Factory
	made chan string
}

func (q quiet) Make(name string) (logging.Logger, error) { return logging.NoLog{}, nil }

func (q quiet) MakeChain(name string) (logging.Logger, error) {
	q.made <- name
	return logging.NoLog{}, nil
}

func TestOurChainWaitsAtTheGateAndOthersDont(t *testing.T) {
	inner := quiet{made: make(chan string, 2)}
	g := newGate(inner, "pars", nil)
	if _, err := g.MakeChain("P"); err != nil {
		t.Fatal(err)
	}
	if got := <-inner.made; got != "P" {
		t.Fatalf("first chain = %s, want P", got)
	}
	var opened atomic.Bool
	done := make(chan error, 1)
	go func() {
		_, err := g.MakeChain("pars")
		if !opened.Load() {
			err = errors.Join(err, errors.New("our chain was made before the gate opened"))
		}
		done <- err
	}()
	opened.Store(true)
	g.open()
	g.open()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheFirstFatalLineIsKept(t *testing.T) {
	g := newGate(quiet{}, "pars", nil)
	l, err := g.Make("main")
	if err != nil {
		t.Fatal(err)
	}
	l.With(zap.Int("x", 1)).Fatal("shutting down chain", zap.String("reason", "r"), zap.Error(errors.New("disk\nfull")))
	l.Fatal("later")
	if got, want := g.said(), "shutting down chain: disk full"; got != want {
		t.Errorf("said() = %q, want %q", got, want)
	}
}

func TestOnlyPanicsOfOurChainEndTheProcess(t *testing.T) {
	var value any
	var stack []byte
	g := newGate(quiet{made: make(chan string, 2)}, "pars", func(v any, s []byte) { value, stack = v, s })
	g.open()
	other, err := g.MakeChain("P")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := g.MakeChain("pars")
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }() // NoLog lets it through
		other.RecoverAndExit(func() { panic("theirs") }, func() {})
	}()
	if value != nil {
		t.Errorf("a panic of another chain was taken for ours: %v", value)
	}
	exits := 0
	ours.RecoverAndExit(func() { panic("ours") }, func() { exits++ })
	if value != "ours" || exits != 1 || !strings.Contains(string(stack), "gate_test.go") {
		t.Errorf("panic of ours = %v, %d exits, stack %q, want it with where it happened", value, exits, stack)
	}
	ours.RecoverAndExit(func() {}, func() { t.Error("exit without a panic") })
}
