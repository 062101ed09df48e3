package pchain

import (
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"
	"github.com/ava-labs/avalanchego/vms/platformvm/state"
	"github.com/ava-labs/avalanchego/vms/platformvm/state/statetest"
	"github.com/ava-labs/avalanchego/vms/platformvm/txs"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
)

// openState runs AvalancheGo's own P-Chain state over our genesis.
func openState(t *testing.T, g *genesis.Genesis, manager validators.Manager) *state.State {
	t.Helper()
	data, _, _, err := New(g)
	if err != nil {
		t.Fatal(err)
	}
	config, err := Rewards(g)
	if err != nil {
		t.Fatal(err)
	}
	return statetest.New(t, statetest.Config{
		Genesis: data, Validators: manager, Rewards: reward.NewCalculator(config),
		Context: &snow.Context{NetworkID: g.Network.ID, NodeID: g.Validators[0].NodeID, Log: logging.NoLog{}},
	})
}

func TestPChainStateOwesNobodyAReward(t *testing.T) {
	g := build(t, 3)
	st := openState(t, g, validators.NewManager())
	want, err := g.StakingSupply()
	if err != nil {
		t.Fatal(err)
	}
	if supply, err := st.GetCurrentSupply(constants.PrimaryNetworkID); err != nil || supply != want {
		t.Errorf("supply after genesis = %d, %v, want %d: nothing is set aside for rewards", supply, err, want)
	}
	for _, v := range g.Validators {
		staker, err := st.GetCurrentValidator(constants.PrimaryNetworkID, v.NodeID)
		if err != nil {
			t.Errorf("%s: %v", v.NodeID, err)
			continue
		}
		if staker.PotentialReward != 0 || staker.Weight != v.Weight ||
			!staker.StartTime.Equal(time.Unix(genesisTime, 0)) || !staker.EndTime.Equal(time.Unix(int64(v.EndTime), 0)) {
			t.Errorf("%s is %+v, want reward 0, weight %d, from genesis to %d", v.NodeID, staker, v.Weight, v.EndTime)
		}
	}
}

// The set that the P-Chain hands to the EVM at height 0 is the set that the
// genesis itself computes: both decide who may propose block 1.
func TestPChainStateHasTheScheduleOfTheFile(t *testing.T) {
	g := build(t, 4)
	manager := validators.NewManager()
	openState(t, g, manager)
	got, err := engine.ValidatorSetOf(manager.GetMap(constants.PrimaryNetworkID))
	if err != nil {
		t.Fatal(err)
	}
	want, err := g.ValidatorSet()
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != want.Len() || got.TotalWeight() != want.TotalWeight() {
		t.Fatalf("the P-Chain has %d validators of weight %d, want %d of %d", got.Len(), got.TotalWeight(), want.Len(), want.TotalWeight())
	}
	for _, w := range want.All() {
		v, ok := got.Get(w.NodeID)
		if !ok || v.Weight != w.Weight || !v.PublicKey.Equals(w.PublicKey) {
			t.Errorf("%s on the P-Chain is %+v, want %+v", w.NodeID, v, w)
		}
	}
}

func TestPChainStateRunsOneChainOfTheThree(t *testing.T) {
	g := build(t, 1)
	st := openState(t, g, validators.NewManager())
	chains, err := st.GetChains(constants.PrimaryNetworkID)
	if err != nil || len(chains) != 1 {
		t.Fatalf("chains of the primary network = %v, %v, want one", chains, err)
	}
	if c, ok := chains[0].Unsigned.(*txs.CreateChainTx); !ok || c.ChainName != ChainName || c.VMID != genesis.VMID {
		t.Errorf("the primary network's chain is %+v, want the EVM", chains[0].Unsigned)
	}
	if others, err := st.GetChains(nobody); err != nil || len(others) != 2 {
		t.Errorf("chains of the empty subnet = %v, %v, want X and C", others, err)
	}
}
