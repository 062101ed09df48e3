package chain

import (
	"context"
	"fmt"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/peerclock"
	"github.com/pars-network/pars/params"
)

// clocksTime bounds the look at the validators for a comparison of clocks.
const clocksTime = time.Second

// openClocks begins to answer who asks for this node's time.
func (vm *VM) openClocks(network *p2p.Network) (*peerclock.Asker, error) {
	if err := network.AddHandler(peerclock.HandlerID, peerclock.Handler{Now: vm.Clock.Now}); err != nil {
		return nil, fmt.Errorf("starting the comparison of clocks: %w", err)
	}
	vm.clocks = peerclock.NewComparer()
	vm.metrics.registry.MustRegister(clockCollector{vm})
	// Whom to ask is not the client's choice, so it needs no sampler.
	return peerclock.NewAsker(network.NewClient(peerclock.HandlerID, nil), vm.Clock.Now, vm.clocks), nil
}

// compareClocks asks the validators for their time until ctx ends.
func (vm *VM) compareClocks(ctx context.Context, asker *peerclock.Asker) {
	tick := time.NewTicker(peerclock.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !vm.Bootstrapped() {
			continue
		}
		set, err := vm.stakes(ctx)
		if err == nil {
			var others []ids.NodeID
			for _, v := range set {
				if v.ID != vm.sctx.NodeID {
					others = append(others, v.ID)
				}
			}
			err = asker.Ask(ctx, others)
		}
		if err != nil && ctx.Err() == nil {
			vm.sctx.Log.Debug("asking validators for their time", zap.Error(err))
		}
	}
}

// stakes returns who validates after the last accepted block.
func (vm *VM) stakes(ctx context.Context) ([]peerclock.Stake, error) {
	vm.mu.Lock()
	accepted := vm.accepted
	vm.mu.Unlock()
	set, err := vm.sets.childrenOf(ctx, accepted)
	if err != nil {
		return nil, err
	}
	var out []peerclock.Stake
	for _, v := range set.All() {
		out = append(out, peerclock.Stake{ID: v.NodeID, Weight: v.Weight})
	}
	return out, nil
}

// ClockLimit is how far a clock may be off before it is called wrong: as far as a
// block may be ahead of a node's clock.
const ClockLimit = params.ClockToleranceMs * time.Millisecond

// Clocks compares this node's clock with the validators', as far as they have
// answered within the last minute. In a node that is catching up nobody has.
func (vm *VM) Clocks(ctx context.Context) (peerclock.Report, error) {
	if !vm.Bootstrapped() {
		return peerclock.Report{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, clocksTime)
	defer cancel()
	set, err := vm.stakes(ctx)
	if err != nil {
		return peerclock.Report{}, err
	}
	return vm.clocks.Report(vm.sctx.NodeID, set, vm.Clock.Now()), nil
}

var (
	clockAheadDesc = prometheus.NewDesc("pars_clock_ahead_seconds", "How far this node's clock is ahead of the median of the validators' clocks by stake; negative if it is behind.", nil, nil)
	clockDoubtDesc = prometheus.NewDesc("pars_clock_doubt_seconds", "By how much pars_clock_ahead_seconds may be wrong: half of the time that messages travel.", nil, nil)
	clockWrongDesc = prometheus.NewDesc("pars_clock_validators_wrong", "Other validators whose clocks are certainly wrong by more than a block may be ahead.", nil, nil)
	clockPeerDesc  = prometheus.NewDesc("pars_clock_validator_ahead_seconds", "How far the clock of each of those is ahead of the median; no series for the others.", []string{"node"}, nil)
)

// clockCollector shows the comparison of clocks.
type clockCollector struct{ vm *VM }

// Describe implements [prometheus.Collector].
func (clockCollector) Describe(to chan<- *prometheus.Desc) {
	to <- clockAheadDesc
	to <- clockDoubtDesc
	to <- clockWrongDesc
	to <- clockPeerDesc
}

// Collect implements [prometheus.Collector].
func (c clockCollector) Collect(to chan<- prometheus.Metric) {
	r, err := c.vm.Clocks(context.Background())
	if err != nil {
		return // no validators, no comparison; other series say why
	}
	to <- prometheus.MustNewConstMetric(clockAheadDesc, prometheus.GaugeValue, r.Own.Ahead.Seconds())
	to <- prometheus.MustNewConstMetric(clockDoubtDesc, prometheus.GaugeValue, r.Own.Doubt.Seconds())
	wrong := r.Wrong(ClockLimit)
	to <- prometheus.MustNewConstMetric(clockWrongDesc, prometheus.GaugeValue, float64(len(wrong)))
	for _, p := range wrong {
		to <- prometheus.MustNewConstMetric(clockPeerDesc, prometheus.GaugeValue, p.Ahead.Seconds(), p.ID.String())
	}
}
