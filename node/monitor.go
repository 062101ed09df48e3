package node

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/peerclock"
	"github.com/pars-network/pars/node/avalanche"
	"github.com/pars-network/pars/node/monitor"
	"github.com/pars-network/pars/params"
)

// validatorsTime bounds a question to the chain or the P-Chain for a health check.
const validatorsTime = 2 * time.Second

// newRegistry returns the registry of what the node itself measures: the
// process, the pars_node_* series, and later those of JSON-RPC.
func (n *Node) newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pars_node_info", Help: "Always 1; the labels say which node this is.",
		ConstLabels: prometheus.Labels{"version": params.Version, "commit": params.Commit},
	})
	info.Set(1)
	r.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info,
		checkCollector{n}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pars_node_peers", Help: "Nodes this one is connected to.",
		}, func() float64 { return float64(n.peers()) }),
	)
	return r
}

// monitor returns the handler of the monitoring port.
func (n *Node) monitor() http.Handler {
	return monitor.Handler(monitor.Config{
		Facts: n.monitorFacts, VHosts: n.settings.MetricsVHosts, Log: n.log.With("part", "monitor"),
		Metrics: prometheus.GathererFunc(n.gather),
	})
}

// gather collects from every part that is there by now.
func (n *Node) gather() ([]*dto.MetricFamily, error) {
	parts := prometheus.Gatherers{n.registry}
	if vm := n.vm.Load(); vm != nil {
		parts = append(parts, (*vm).series())
	}
	if e := n.engine.Load(); e != nil {
		parts = append(parts, monitor.Engine(e.Metrics(), chainAlias))
	}
	return parts.Gather()
}

// monitorFacts looks at the node as it is now.
func (n *Node) monitorFacts() monitor.Facts {
	f := monitor.Facts{Stage: monitor.Starting, Peers: n.peers()}
	select {
	case <-n.ready:
		f.Stage = monitor.Running
	default:
	}
	if n.stopping.Load() {
		f.Stage = monitor.Stopping
	}
	if err := n.failure.Load(); err != nil {
		f.Failure = *err
	}
	vm := n.vm.Load()
	if vm == nil {
		return f
	}
	f.Chain, f.Clock = chainFacts(*vm)
	if e := n.engine.Load(); e != nil {
		f.Stake = stakeFacts(*vm, len(n.genesis.Validators), e.LastHeard(), time.Now())
	}
	return f
}

// watchEvery is how often the node looks for trouble to log.
const watchEvery = time.Second

// watchOver logs trouble until ctx ends.
func (n *Node) watchOver(ctx context.Context) {
	w := monitor.NewWatcher(n.log.With("part", "watch"))
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.Note(n.monitorFacts(), now)
		}
	}
}

// chainFacts asks the chain how it is, and how its clock compares; nil for what it
// doesn't say.
func chainFacts(c running) (*monitor.Chain, *monitor.Clock) {
	ctx, cancel := context.WithTimeout(context.Background(), validatorsTime)
	defer cancel()
	h, stuck := c.health(ctx)
	var clock *monitor.Clock
	if h.Clocks != nil {
		clock = &monitor.Clock{Report: *h.Clocks, Limit: chain.ClockLimit}
	}
	return &monitor.Chain{Height: h.Height, Bootstrapped: h.Normal, Since: time.Duration(h.SinceMs) * time.Millisecond, Stuck: stuck, Pending: h.Pending}, clock
}

// silentAfter is how long a connected validator may say nothing before it counts
// as missing. All nodes ask each other for the time every 5 s.
const silentAfter = 2*peerclock.Every + time.Second

// stakeFacts adds up the stake of the validators that were heard lately, and of
// this node.
func stakeFacts(c running, genesisValidators int, heard map[ids.NodeID]time.Time, now time.Time) *monitor.Stake {
	s := &monitor.Stake{}
	s.Num, s.Den = avalanche.Quorum(genesisValidators)
	ctx, cancel := context.WithTimeout(context.Background(), validatorsTime)
	defer cancel()
	set, err := c.validators(ctx)
	if err != nil {
		s.Err = err
		return s
	}
	heard[c.id()] = now
	for _, v := range set.All() {
		s.Total += v.Weight
		last, connected := heard[v.NodeID]
		switch silent := now.Sub(last); {
		case !connected:
			s.Missing = append(s.Missing, monitor.Missing{ID: v.NodeID.String()})
		case silent > silentAfter:
			s.Missing = append(s.Missing, monitor.Missing{ID: v.NodeID.String(), Silent: silent})
		default:
			s.Heard += v.Weight
		}
	}
	return s
}

var (
	checkDesc   = prometheus.NewDesc("pars_node_check", "1 if the check of /healthz or /readyz passes.", []string{"endpoint", "check"}, nil)
	stakeDesc   = prometheus.NewDesc("pars_node_stake_connected_ratio", "Share of the validators' stake that is connected and not silent, this node's own included.", nil, nil)
	missingDesc = prometheus.NewDesc("pars_node_validators_missing", "Validators that this node does not hear.", nil, nil)
	silentDesc  = prometheus.NewDesc("pars_node_validator_silent_seconds", "How long each of those has said nothing though it is connected, 0 if it is not connected; no series for the others.", []string{"node"}, nil)
)

// checkCollector shows the health checks as metrics.
type checkCollector struct{ n *Node }

// Describe implements [prometheus.Collector].
func (checkCollector) Describe(to chan<- *prometheus.Desc) {
	to <- checkDesc
	to <- stakeDesc
	to <- missingDesc
	to <- silentDesc
}

// Collect implements [prometheus.Collector].
func (c checkCollector) Collect(to chan<- prometheus.Metric) {
	f := c.n.monitorFacts()
	for endpoint, checks := range map[string][]monitor.Check{"healthz": monitor.Health(f), "readyz": monitor.Readiness(f)} {
		for _, check := range checks {
			value := 0.0
			if check.OK {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(checkDesc, prometheus.GaugeValue, value, endpoint, check.Name)
		}
	}
	if f.Stake != nil && f.Stake.Total > 0 {
		to <- prometheus.MustNewConstMetric(stakeDesc, prometheus.GaugeValue, float64(f.Stake.Heard)/float64(f.Stake.Total))
		to <- prometheus.MustNewConstMetric(missingDesc, prometheus.GaugeValue, float64(len(f.Stake.Missing)))
		for _, m := range f.Stake.Missing {
			to <- prometheus.MustNewConstMetric(silentDesc, prometheus.GaugeValue, m.Silent.Seconds(), m.ID)
		}
	}
}

// Alive returns when the node's chain has answered, which it does not if it
// hangs. It is for a watchdog.
func (n *Node) Alive() { _ = n.monitorFacts() }

// Status describes the node in a line.
func (n *Node) Status() string {
	f := n.monitorFacts()
	if f.Chain == nil {
		return f.Stage.String()
	}
	return f.Stage.String() + " at height " + strconv.FormatUint(f.Chain.Height, 10)
}
