package chain

import (
	"errors"
	"fmt"
	"time"

	avametrics "github.com/ava-labs/avalanchego/api/metrics"
	"github.com/ava-labs/libevm/core/types"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/engine"
)

// metrics are the chain's Prometheus series, all named pars_chain_*.
type metrics struct {
	registry *prometheus.Registry

	built, rejected, equivocations, reissued prometheus.Counter
	recalled                                 prometheus.Counter
	buildFailed, verifyFailed                *prometheus.CounterVec
	gossipRefused                            *prometheus.CounterVec
	height, replayed, timestamp              prometheus.Gauge
	baseFee, blockGas, gasLimit              prometheus.Gauge
	blocks, txs, gas                         prometheus.Counter
	gapSeconds                               prometheus.Histogram
	buildSeconds, verifySeconds              prometheus.Histogram
	acceptSeconds, commitSeconds             prometheus.Histogram
	schedule                                 *scheduleMetrics
}

// gapBuckets are dense where blocks should be, at params.BlockSpacingMs and one
// window after another, and reach past the heartbeat.
var gapBuckets = []float64{0.4, 0.41, 0.42, 0.45, 0.5, 0.6, 0.66, 0.7, 0.92, 1.2, 1.5, 2, 3, 5, 10, 10.5, 12, 15, 20, 30}

const (
	metricsNamespace = "pars"
	metricsSubsystem = "chain"
)

func newMetrics(to avametrics.MultiGatherer) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	counters := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help}, []string{"reason"})
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	seconds := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)})
		m.registry.MustRegister(h)
		return h
	}
	m.built = counter("blocks_built_total", "Blocks this node built and sealed.")
	m.reissued = counter("blocks_reissued_total", "Sealed blocks this node sent again from its guard.")
	m.recalled = counter("blocks_recalled_total", "Undecided blocks, preferred before a restart, that this node proposed again.")
	m.rejected = counter("blocks_rejected_total", "Verified blocks that consensus rejected.")
	m.equivocations = counter("equivocations_total", "Proofs of a proposer that sealed two blocks on one parent.")
	m.txs = counter("transactions_total", "Transactions in accepted blocks.")
	m.gas = counter("gas_total", "Gas of accepted blocks.")
	m.buildFailed = counters("builds_failed_total", "Builds that gave no block, by reason.")
	m.verifyFailed = counters("verifies_failed_total", "Blocks not read or not verified, by reason.")
	m.gossipRefused = counters("gossip_refused_total", "Transactions from peers that the pool refused, by reason.")
	m.height = gauge("height", "Height of the last accepted block.")
	m.replayed = gauge("replayed_blocks", "Blocks executed again at start-up.")
	m.timestamp = gauge("block_timestamp_seconds", "Time in the header of the last accepted block, since 1970.")
	m.baseFee = gauge("base_fee_wei", "Base fee of the last accepted block.")
	m.blockGas = gauge("block_gas", "Gas of the last accepted block.")
	m.gasLimit = gauge("block_gas_limit", "Gas limit of the last accepted block.")
	m.blocks = counter("blocks_accepted_total", "Blocks accepted since the process began.")
	m.buildSeconds = seconds("build_seconds", "Time to build and seal a block.")
	m.verifySeconds = seconds("verify_seconds", "Time to verify a block.")
	m.acceptSeconds = seconds("accept_seconds", "Time to accept a block.")
	m.commitSeconds = seconds("commit_seconds", "Time to write the state to disk.")
	m.gapSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "block_gap_seconds",
		Help: "Time between an accepted block and its parent, by their headers.", Buckets: gapBuckets,
	})
	m.registry.MustRegister(m.gapSeconds)
	m.schedule = newScheduleMetrics(m.registry)
	// A series that exists from the start can be alerted on before its first event.
	for _, r := range reasons {
		m.buildFailed.WithLabelValues(r.label)
		m.verifyFailed.WithLabelValues(r.label)
	}
	for _, reason := range gossipReasons() {
		m.gossipRefused.WithLabelValues(reason)
	}
	if err := to.Register("pars_chain", m.registry); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) verified(err error, took time.Duration) {
	if err != nil {
		m.verifyFailed.WithLabelValues(reasonOf(err)).Inc()
		return
	}
	m.verifySeconds.Observe(took.Seconds())
}

// watchPool registers the gauges of a pool with the given sizes, which is asked
// at every scrape.
func (m *metrics) watchPool(stats func() (pending, queued int)) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: name, Help: help}, value))
	}
	gauge("pool_pending", "Executable transactions in the pool.", func() float64 { pending, _ := stats(); return float64(pending) })
	gauge("pool_queued", "Transactions in the pool that wait for an earlier nonce.", func() float64 { _, queued := stats(); return float64(queued) })
}

func (m *metrics) accepted(parent, h *types.Header, txs int, took time.Duration) {
	m.head(h)
	m.blocks.Inc()
	if parent.Number.Sign() > 0 { // genesis may be years older than block 1
		m.gapSeconds.Observe(float64(engine.TimeMs(h)-engine.TimeMs(parent)) / 1000)
	}
	m.txs.Add(float64(txs))
	m.gas.Add(float64(h.GasUsed))
	m.acceptSeconds.Observe(took.Seconds())
}

// head shows the last accepted block.
func (m *metrics) head(h *types.Header) {
	m.height.Set(float64(h.Number.Uint64()))
	m.timestamp.Set(float64(engine.TimeMs(h)) / 1000)
	fee, _ := h.BaseFee.Float64()
	m.baseFee.Set(fee)
	m.blockGas.Set(float64(h.GasUsed))
	m.gasLimit.Set(float64(h.GasLimit))
}

func (m *metrics) builtBlock(err error, took time.Duration) {
	if err != nil {
		m.buildFailed.WithLabelValues(reasonOf(err)).Inc()
		return
	}
	m.built.Inc()
	m.buildSeconds.Observe(took.Seconds())
}

// reasons are the labels of errors.
var reasons = []struct {
	err   error
	label string
}{
	{engine.ErrTooEarly, "too_early"},
	{engine.ErrPChainAhead, "pchain_ahead"},
	{ErrMalformed, "malformed"}, // before the engine's: extra data that doesn't parse is both
	{engine.ErrNumber, "number"},
	{engine.ErrParent, "parent"},
	{engine.ErrExtra, "extra"},
	{engine.ErrTime, "time"},
	{engine.ErrEmptyBlock, "empty"},
	{engine.ErrPChainHeight, "pchain_height"},
	{engine.ErrGasLimit, "gas"},
	{engine.ErrBaseFee, "base_fee"},
	{engine.ErrMix, "mix"},
	{engine.ErrUnused, "unused"},
	{engine.ErrProposer, "proposer"},
	{engine.ErrOutOfTurn, "out_of_turn"},
	{engine.ErrSignature, "signature"},
	{ErrExecution, "execution"},
	{ErrTooFarAhead, "too_far_ahead"},
	{ErrOrphan, "orphan"},
	{ErrNotExecuted, "not_executed"},
	{ErrNoWork, "no_work"},
	{ErrNotDue, "not_due"},
	{ErrGuardWait, "guard_wait"},
	{ErrGuardFloor, "guard_floor"},
	{errNotProposer, "not_proposer"},
}

// reasonOf sorts an error into one of a few labels.
func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.label
		}
	}
	return "other"
}
