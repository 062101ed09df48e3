package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/engine"
)

// running is a chain that can be asked how it is, in this process or in one of
// its own.
type running interface {
	// health returns what the chain says of itself, and why it is stuck.
	health(ctx context.Context) (chain.Health, error)
	// validators returns who may propose next.
	validators(ctx context.Context) (*engine.ValidatorSet, error)
	// series returns what the chain measures, as pars_*.
	series() prometheus.Gatherer
	id() ids.NodeID
}

// inProcess is a chain in this process.
type inProcess struct{ vm *chain.VM }

func (c inProcess) health(ctx context.Context) (chain.Health, error) {
	got, stuck := c.vm.HealthCheck(ctx)
	h, ok := got.(chain.Health)
	if !ok {
		return h, fmt.Errorf("the chain's health is a %T, want a chain.Health", got)
	}
	return h, stuck
}

func (c inProcess) validators(ctx context.Context) (*engine.ValidatorSet, error) {
	return c.vm.ValidatorsOn(ctx, c.vm.Preferred())
}

func (c inProcess) series() prometheus.Gatherer { return c.vm.Metrics() }

func (c inProcess) id() ids.NodeID { return c.vm.NodeID() }

// health asks the process. What it says beside an error doesn't get through.
func (v *hostedVM) health(ctx context.Context) (chain.Health, error) {
	got, err := v.HealthCheck(ctx)
	if err != nil {
		return chain.Health{Normal: true}, err
	}
	text, ok := got.(json.RawMessage)
	if !ok {
		return chain.Health{}, fmt.Errorf("the chain's health is a %T, want JSON", got)
	}
	// The engine's plugin protocol puts its database beside it.
	var both struct {
		Health chain.Health `json:"health"`
	}
	if err := json.Unmarshal(text, &both); err != nil {
		return chain.Health{}, fmt.Errorf("reading the chain's health: %w", err)
	}
	return both.Health, nil
}

// validators asks the P-Chain, in this process, at the height that a block made
// now would carry.
func (v *hostedVM) validators(ctx context.Context) (*engine.ValidatorSet, error) {
	height, err := v.sctx.ValidatorState.GetMinimumHeight(ctx)
	if err != nil {
		return nil, err
	}
	set, err := v.sctx.ValidatorState.GetValidatorSet(ctx, height, v.sctx.SubnetID)
	if err != nil {
		return nil, err
	}
	return engine.ValidatorSetOf(set)
}

// series gathers from the process.
func (v *hostedVM) series() prometheus.Gatherer { return prometheus.GathererFunc(v.ours) }

func (v *hostedVM) id() ids.NodeID { return v.sctx.NodeID }

// rpcMetrics is the part of JSON-RPC in the names of a chain process's series.
const rpcMetrics = "rpc"

// ours returns the pars_* series of the process, under the names they have in
// this one: the engine's plugin protocol puts words in front.
func (v *hostedVM) ours() ([]*dto.MetricFamily, error) {
	all, err := v.Gather()
	return unprefixed(all), err
}

// unprefixed keeps the families that are ours and takes away what stands in
// front: "vm_pars_chain_pars_chain_height" is pars_chain_height.
func unprefixed(all []*dto.MetricFamily) []*dto.MetricFamily {
	var out []*dto.MetricFamily
	for _, f := range all {
		at := strings.LastIndex(f.GetName(), "_pars_")
		if at < 0 {
			continue
		}
		name := f.GetName()[at+1:]
		if strings.HasPrefix(name, "pars_gossip_") {
			continue // of AvalancheGo's gossip: at the engine's API in both modes
		}
		out = append(out, &dto.MetricFamily{Name: &name, Help: f.Help, Type: f.Type, Unit: f.Unit, Metric: f.Metric})
	}
	return out
}
