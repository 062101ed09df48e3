package chain

import (
	"context"

	"github.com/ava-labs/libevm/core/types"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/engine"
)

// notProposer is the rank shown for a node that has none.
const notProposer = -1

// scheduleMetrics show how the proposer windows are used, named pars_schedule_*.
type scheduleMetrics struct {
	own, proposers, proposed prometheus.Gauge
	missed, ownMissed        prometheus.Counter
	attendance               attendance
}

func newScheduleMetrics(to prometheus.Registerer) *scheduleMetrics {
	const subsystem = "schedule"
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: metricsNamespace, Subsystem: subsystem, Name: name, Help: help})
		to.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: subsystem, Name: name, Help: help})
		to.MustRegister(c)
		return c
	}
	m := &scheduleMetrics{
		own:       gauge("own_rank", "Rank of this node for the next block, from 0; -1 if it is not among the proposers."),
		proposers: gauge("proposers", "Validators in the schedule of the next block."),
		proposed:  gauge("block_rank", "Rank of the proposer of the last accepted block, from 0."),
		missed:    counter("windows_missed_total", "Windows of better ranks that accepted blocks passed over."),
		ownMissed: counter("own_windows_missed_total", "Those that were this node's own."),
	}
	m.attendance.silent = gauge("silent_proposers", "Proposers that let their last 8 or more windows in a row pass.")
	m.own.Set(notProposer)
	return m
}

// accepted counts a block by the proposer of rank, where this node had rank own.
func (m *scheduleMetrics) accepted(rank, own int) {
	m.proposed.Set(float64(rank))
	m.missed.Add(float64(rank))
	if own != notProposer && own < rank {
		m.ownMissed.Inc()
	}
}

// noteSchedule counts the windows that an accepted block passed over and shows
// this node's rank for the next one. While bootstrapping, the P-Chain can't be
// asked yet and old windows are nobody's concern.
func (vm *VM) noteSchedule(ctx context.Context, parent, h *types.Header) {
	if !vm.Bootstrapped() {
		return
	}
	if err := vm.countWindows(ctx, parent, h); err != nil {
		// The block is accepted all the same: this is bookkeeping.
		vm.sctx.Log.Debug("counting proposer windows", zap.Uint64("height", h.Number.Uint64()), zap.Error(err))
	}
}

func (vm *VM) countWindows(ctx context.Context, parent, h *types.Header) error {
	order, err := vm.sets.orderOn(ctx, vm.sctx.ChainID, parent)
	if err != nil {
		return err
	}
	extra, err := engine.ExtraOf(h)
	if err != nil {
		return err
	}
	own, ok := engine.Rank(order, vm.sctx.NodeID)
	if !ok {
		own = notProposer
	}
	if rank, ok := engine.Rank(order, extra.Proposer); ok {
		vm.metrics.schedule.accepted(rank, own)
		vm.noteAttendance(order, rank, h.Number.Uint64())
	}
	return vm.showNext(ctx, h)
}

// showNext shows this node's rank for the child of h.
func (vm *VM) showNext(ctx context.Context, h *types.Header) error {
	order, err := vm.sets.orderOn(ctx, vm.sctx.ChainID, h)
	if err != nil {
		return err
	}
	own, ok := engine.Rank(order, vm.sctx.NodeID)
	if !ok {
		own = notProposer
	}
	vm.metrics.schedule.own.Set(float64(own))
	vm.metrics.schedule.proposers.Set(float64(len(order)))
	return nil
}
