package pchain

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	pgenesis "github.com/ava-labs/avalanchego/vms/platformvm/genesis"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/avalanchego/vms/platformvm/txs"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

const genesisTime = 1_790_000_000

func build(t *testing.T, n int) *genesis.Genesis {
	t.Helper()
	vs := make([]genesis.Validator, n)
	for i := range vs {
		secret := sha256.Sum256(fmt.Appendf(nil, "pchain test validator %d", i))
		secret[0] &= 0x3f // below the group's order
		key, err := localsigner.FromBytes(secret[:])
		if err != nil {
			t.Fatal(err)
		}
		proof, err := signer.NewProofOfPossession(key)
		if err != nil {
			t.Fatal(err)
		}
		vs[i] = genesis.Validator{
			NodeID: ids.NodeID{byte(i + 1)}, PublicKey: proof.PublicKey, ProofOfPossession: proof.ProofOfPossession,
			Weight: uint64(i+1) * 1_000_000_000, EndTime: genesisTime + 1_000_000, Owner: ids.ShortID{byte(i + 1)},
		}
	}
	alloc, err := genesis.DevAlloc()
	if err != nil {
		t.Fatal(err)
	}
	g, err := genesis.Build(params.Dev, vs, alloc, genesisTime, genesis.Options{Holdings: []genesis.Holding{{Owner: ids.ShortID{9}, Amount: 77}}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAvalancheGoReadsWhatWeBuild(t *testing.T) {
	g := build(t, 3)
	data, chainID, assetID, err := New(g)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pgenesis.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	const supply = 1_000_000_000 + 2_000_000_000 + 3_000_000_000 + 77
	if p.InitialSupply != supply || p.Timestamp != genesisTime {
		t.Errorf("supply %d at %d, want %d at %d", p.InitialSupply, p.Timestamp, supply, genesisTime)
	}
	if len(p.UTXOs) != 1 || p.UTXOs[0].AssetID() != assetID {
		t.Errorf("UTXOs = %+v, want one holding of asset %s", p.UTXOs, assetID)
	}
	weights := make(map[ids.NodeID]uint64)
	for _, tx := range p.Validators {
		v, ok := tx.Unsigned.(*txs.AddPermissionlessValidatorTx)
		if !ok {
			t.Fatalf("validator transaction is %T, want one with a BLS key", tx.Unsigned)
		}
		weights[v.NodeID()] = v.Weight()
		key, has, err := v.PublicKey()
		if err != nil || !has || key == nil {
			t.Errorf("%s: PublicKey() = %v, %v, %v, want its BLS key", v.NodeID(), key, has, err)
		}
	}
	for _, v := range g.Validators {
		if weights[v.NodeID] != v.Weight {
			t.Errorf("%s has weight %d, want %d", v.NodeID, weights[v.NodeID], v.Weight)
		}
	}
	checkChains(t, g, p.Chains, chainID)
}

func checkChains(t *testing.T, g *genesis.Genesis, chains []*txs.Tx, chainID ids.ID) {
	t.Helper()
	file, err := g.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	onPrimary := 0
	for _, tx := range chains {
		c, ok := tx.Unsigned.(*txs.CreateChainTx)
		if !ok {
			t.Fatalf("chain transaction is %T", tx.Unsigned)
		}
		if c.SubnetID != constants.PrimaryNetworkID {
			continue
		}
		onPrimary++
		if c.VMID != genesis.VMID || c.ChainName != ChainName || tx.ID() != chainID || !bytes.Equal(c.GenesisData, file) {
			t.Errorf("chain %s (%s) on the primary network, want only %s with the whole file as genesis data", c.ChainName, tx.ID(), chainID)
		}
	}
	if onPrimary != 1 || len(chains) != 3 {
		t.Errorf("%d of %d chains are on the primary network, want 1 of 3", onPrimary, len(chains))
	}
}

func TestSameGenesisSameBytes(t *testing.T) {
	a, chainA, assetA, errA := New(build(t, 2))
	b, chainB, assetB, errB := New(build(t, 2))
	if errA != nil || errB != nil || !bytes.Equal(a, b) || chainA != chainB || assetA != assetB {
		t.Errorf("New differs between two runs: %v %v, chains %s %s, assets %s %s", errA, errB, chainA, chainB, assetA, assetB)
	}
	other := build(t, 2)
	other.Validators[0].Weight++
	if _, chain, _, err := New(other); err != nil || chain == chainA {
		t.Errorf("another weight gives chain %s, %v, want another chain than %s", chain, err, chainA)
	}
}

func TestRefusesAnUncheckedGenesis(t *testing.T) {
	g := build(t, 1)
	g.Validators[0].ProofOfPossession[0] ^= 1
	if _, _, _, err := New(g); err == nil {
		t.Error("New accepted a bad proof of possession, want an error")
	}
}

// Rewards must be zero for every stake and duration, by both halves of the
// settings: a mistake in one of them alone mints nothing.
func TestStakingMintsNothing(t *testing.T) {
	g := build(t, 3)
	config, err := Rewards(g)
	if err != nil {
		t.Fatal(err)
	}
	supply, err := g.StakingSupply()
	if err != nil {
		t.Fatal(err)
	}
	onlyCap := config
	onlyCap.MaxConsumptionRate, onlyCap.MinConsumptionRate = reward.PercentDenominator, reward.PercentDenominator
	onlyRates := config
	onlyRates.SupplyCap = math.MaxUint64
	for name, c := range map[string]reward.Config{"ours": config, "only the cap": onlyCap, "only the rates": onlyRates} {
		calculator := reward.NewCalculator(c)
		for _, stake := range []uint64{1, 1_000_000_000, supply} {
			for _, term := range []time.Duration{time.Second, 24 * time.Hour, 100 * 365 * 24 * time.Hour, math.MaxInt64} {
				if got := calculator.Calculate(term, stake, supply); got != 0 {
					t.Errorf("%s: reward for %d over %s = %d, want 0", name, stake, term, got)
				}
			}
		}
	}
	// The calculator does pay when neither half holds, so the test can fail.
	neither := onlyCap
	neither.SupplyCap = 2 * supply
	if got := reward.NewCalculator(neither).Calculate(math.MaxInt64, supply, supply); got == 0 {
		t.Error("reward with rates and room = 0, want more: the test shows nothing")
	}
}
