package chain

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/core/types"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
)

// An operator must see which rule a block breaks: no rule hides behind "other".
func TestEveryRuleHasALabel(t *testing.T) {
	seen := map[string]error{}
	for _, err := range []error{
		engine.ErrExtra, engine.ErrNumber, engine.ErrParent, engine.ErrTime, engine.ErrEmptyBlock, engine.ErrGasLimit, engine.ErrBaseFee,
		engine.ErrMix, engine.ErrPChainHeight, engine.ErrUnused, engine.ErrProposer, engine.ErrOutOfTurn, engine.ErrSignature,
		engine.ErrTooEarly, engine.ErrPChainAhead, ErrMalformed, ErrExecution,
	} {
		label := reasonOf(err)
		if before, taken := seen[label]; taken || label == "other" {
			t.Errorf("%v is counted as %q, like %v", err, label, before)
		}
		seen[label] = err
	}
	if got := reasonOf(errors.Join(ErrMalformed, engine.ErrExtra)); got != "malformed" {
		t.Errorf("extra data that doesn't parse is counted as %q, want malformed", got)
	}
}

func TestMalformedBlocksAreCounted(t *testing.T) {
	n := newTestNet(t, 1, genesis.Options{}).node(0).start()
	for _, raw := range [][]byte{nil, {0xc0}, make([]byte, MaxBlockBytes+1)} {
		if _, err := n.ParseBlock(context.Background(), raw); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseBlock of %d bytes = %v, want ErrMalformed", len(raw), err)
		}
	}
	if got := gaugeValue(t, n.metrics.verifyFailed.WithLabelValues("malformed")); got != 3 {
		t.Errorf("%v blocks are counted as malformed, want 3", got)
	}
}

func TestSealedByTellsWhoseBlockItIs(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	give(t, net.transfer(0), nodes...)
	by := leader(nodes)
	good := by.build()
	judge := nodes[1-by.index]
	f := &forge{t, net, by, judge.Preferred(), good.EthBlock()}
	bad := f.bend(func(h *types.Header, _ *engine.Extra) { h.GasLimit++ })
	if !judge.sealedBy(context.Background(), bad.Header(), net.ids[by.index]) {
		t.Error("an invalid block is not its proposer's, though it sealed it")
	}
	skips := f.bend(func(h *types.Header, _ *engine.Extra) { h.Number.Add(h.Number, big.NewInt(7)) })
	if !judge.sealedBy(context.Background(), skips.Header(), net.ids[by.index]) {
		t.Error("a block with a wrong number is not its proposer's, though it sealed it")
	}
	stolen := f.unsealed(func(h *types.Header, _ *engine.Extra) { h.GasLimit++ })
	if judge.sealedBy(context.Background(), stolen.Header(), net.ids[by.index]) {
		t.Error("a block is blamed on a validator that never sealed it")
	}
	if judge.sealedBy(context.Background(), bad.Header(), ids.NodeID{99}) {
		t.Error("a block is blamed on who is no validator")
	}
}

func TestPacerLetsOneLineThrough(t *testing.T) {
	var p pacer
	now := time.Unix(1000, 0)
	if held, ok := p.due("a", now, time.Second); !ok || held != 0 {
		t.Errorf("first = %d, %t, want 0, true", held, ok)
	}
	for range 3 {
		if _, ok := p.due("a", now.Add(time.Second-1), time.Second); ok {
			t.Error("a second line came before its time")
		}
	}
	if _, ok := p.due("b", now, time.Second); !ok {
		t.Error("another reason was held back")
	}
	if held, ok := p.due("a", now.Add(time.Second), time.Second); !ok || held != 3 {
		t.Errorf("later = %d, %t, want 3, true", held, ok)
	}
	if _, ok := p.due("a", now.Add(-time.Hour), time.Second); !ok {
		t.Error("a clock that went back keeps the log silent")
	}
}

func TestSilentProposersAreNamedOnce(t *testing.T) {
	a := attendance{silent: prometheus.NewGauge(prometheus.GaugeOpts{Name: "silent"})}
	x, y, z := ids.NodeID{1}, ids.NodeID{2}, ids.NodeID{3}
	gauge := func() float64 { return gaugeValue(t, a.silent) }
	for i := 1; i <= silentAfter+2; i++ {
		silent, back := a.note([]ids.NodeID{x, y, z}, 1) // y proposes instead of x
		if want := i == silentAfter; slices.Contains(silent, x) != want || len(silent) > 1 || back {
			t.Errorf("window %d: silent = %v, back = %t, want x: %t", i, silent, back, want)
		}
	}
	if gauge() != 1 {
		t.Errorf("gauge = %v, want 1", gauge())
	}
	if _, back := a.note([]ids.NodeID{x, y, z}, 0); !back || gauge() != 0 {
		t.Errorf("after a block of x: back = %t, gauge %v, want true, 0", back, gauge())
	}
	for range silentAfter {
		a.note([]ids.NodeID{x, y, z}, 2)
	}
	if gauge() != 2 {
		t.Errorf("gauge = %v, want 2", gauge())
	}
	if a.note([]ids.NodeID{z}, 0); gauge() != 0 {
		t.Errorf("gauge = %v after x and y left, want 0", gauge())
	}
}
