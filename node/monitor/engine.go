package monitor

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// engineFamilies are the series of AvalancheGo that say something an operator
// acts on, about 30 of its 1,500. All of them are at the engine's own API.
var engineFamilies = []string{
	"avalanche_health_checks_failing",
	"avalanche_network_msgs_failed_to_parse",
	"avalanche_network_peers",
	"avalanche_network_send_fail_rate",
	"avalanche_network_times_connected",
	"avalanche_network_times_disconnected",
	"avalanche_network_tls_conn_rejected",
	"avalanche_resource_tracker_disk_available_space",
	"avalanche_snowman_blks_polls_accepted_count",
	"avalanche_snowman_blks_polls_accepted_sum",
	"avalanche_snowman_blks_processing",
	"avalanche_snowman_consensus_latencies",
	"avalanche_snowman_poll_count",
	"avalanche_snowman_polls",
	"avalanche_snowman_polls_failed",
	"avalanche_snowman_polls_successful",
	"avalanche_stake_percent_connected",
}

// chainLabel is how AvalancheGo marks the series of one chain.
const chainLabel = "chain"

// engineSelection gathers a few of the engine's series.
type engineSelection struct {
	from  prometheus.Gatherer
	chain string
}

// Engine returns the series of an AvalancheGo that matter to operators: those of
// the chain with the given alias, and those of the whole process.
func Engine(from prometheus.Gatherer, chain string) prometheus.Gatherer {
	return engineSelection{from: from, chain: chain}
}

// Gather implements [prometheus.Gatherer].
func (e engineSelection) Gather() ([]*dto.MetricFamily, error) {
	all, err := e.from.Gather()
	var out []*dto.MetricFamily
	for _, f := range all {
		if !slices.Contains(engineFamilies, f.GetName()) {
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(f.GetMetric()), func(m *dto.Metric) bool { return !e.ours(m) })
		if len(kept) > 0 {
			out = append(out, &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Unit: f.Unit, Metric: kept})
		}
	}
	return out, err
}

// ours reports whether m is of our chain or of no chain.
func (e engineSelection) ours(m *dto.Metric) bool {
	for _, l := range m.GetLabel() {
		if l.GetName() == chainLabel {
			return l.GetValue() == e.chain
		}
	}
	return true
}
