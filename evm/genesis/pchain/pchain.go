// Package pchain turns a checked genesis into the genesis of AvalancheGo's
// P-Chain, which holds the first validators and the list of chains.
package pchain

import (
	"errors"
	"fmt"
	"math"
	"time"

	agenesis "github.com/ava-labs/avalanchego/genesis"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/formatting/address"
	"github.com/ava-labs/avalanchego/vms/avm"
	pgenesis "github.com/ava-labs/avalanchego/vms/platformvm/genesis"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"
	"github.com/ava-labs/avalanchego/vms/secp256k1fx"

	"github.com/pars-network/pars/evm/genesis"
)

const (
	// ChainName is the name of the EVM's chain on the P-Chain.
	ChainName = "pars"
	// assetName, assetSymbol and assetDigits describe the staking asset.
	assetName, assetSymbol, assetDigits = "Pars Stake", "STAKE", 9
	// delegationFee is the share of rewards, in millionths, that a validator
	// keeps of its delegators'. Rewards are zero, so it takes all of nothing.
	delegationFee = reward.PercentDenominator
)

// ErrNoChain reports a P-Chain genesis that does not hold the EVM's chain.
var ErrNoChain = errors.New("the P-Chain genesis does not hold the EVM's chain")

// nobody is a subnet without validators. AvalancheGo's node wants an X-Chain and
// a C-Chain to exist; on this subnet neither ever runs.
var nobody = ids.ID{'n', 'o', 'b', 'o', 'd', 'y'}

// New returns the bytes of the P-Chain genesis, the id of the EVM's chain and
// the id of the staking asset. The EVM's genesis data is the whole canonical
// genesis.json. The same genesis gives the same bytes on every machine.
func New(g *genesis.Genesis) (data []byte, chainID, assetID ids.ID, err error) {
	fail := func(doing string, err error) ([]byte, ids.ID, ids.ID, error) {
		return nil, ids.Empty, ids.Empty, fmt.Errorf("P-Chain genesis: %s: %w", doing, err)
	}
	if err := g.Check(); err != nil {
		return fail("checking", err)
	}
	file, err := g.Bytes()
	if err != nil {
		return fail("encoding", err)
	}
	xchain, assetID, err := asset(g)
	if err != nil {
		return fail("defining the staking asset", err)
	}
	validators, holdings, err := stakers(g)
	if err != nil {
		return fail("listing validators", err)
	}
	supply, err := g.StakingSupply()
	if err != nil {
		return fail("adding up stake", err)
	}
	p, err := pgenesis.New(assetID, g.Network.ID, holdings, validators, []pgenesis.Chain{
		{Name: "X", VMID: constants.AVMID, SubnetID: nobody, GenesisData: xchain, FxIDs: []ids.ID{secp256k1fx.ID}},
		{Name: "C", VMID: constants.EVMID, SubnetID: nobody, GenesisData: []byte("{}")},
		{Name: ChainName, VMID: genesis.VMID, SubnetID: constants.PrimaryNetworkID, GenesisData: file},
	}, g.Time, supply, g.Network.Name)
	if err != nil {
		return fail("assembling", err)
	}
	if data, err = p.Bytes(); err != nil {
		return fail("encoding", err)
	}
	tx, err := agenesis.VMGenesis(data, genesis.VMID)
	if err != nil {
		return fail("reading back", fmt.Errorf("%w: %w", ErrNoChain, err))
	}
	return data, tx.ID(), assetID, nil
}

// Rewards returns the reward settings of a network that mints no stake. Either
// half of it alone makes AvalancheGo's formula, remaining supply times
// consumption rate and more, zero: both rates are 0, and the supply cap is the
// genesis supply, so that nothing remains. The node sets it as RewardConfig; the
// settings are consensus of the P-Chain and the same on every node.
func Rewards(g *genesis.Genesis) (reward.Config, error) {
	supply, err := g.StakingSupply()
	if err != nil {
		return reward.Config{}, err
	}
	// AvalancheGo divides by the minting period and wants it to be at least the
	// longest stake, so it is the longest duration there is.
	return reward.Config{MintingPeriod: time.Duration(math.MaxInt64), SupplyCap: supply}, nil
}

// asset defines the staking asset in an X-Chain genesis, whose bytes fix its id.
func asset(g *genesis.Genesis) ([]byte, ids.ID, error) {
	supply, err := g.StakingSupply()
	if err != nil {
		return nil, ids.Empty, err
	}
	holder, err := bech32(g, g.Validators[0].Owner)
	if err != nil {
		return nil, ids.Empty, err
	}
	x, err := avm.NewGenesis(g.Network.ID, map[string]avm.AssetDefinition{assetSymbol: {
		Name: assetName, Symbol: assetSymbol, Denomination: assetDigits,
		InitialState: avm.AssetInitialState{FixedCap: []avm.Holder{{Amount: supply, Address: holder}}},
	}})
	if err != nil {
		return nil, ids.Empty, err
	}
	b, err := x.Bytes()
	if err != nil {
		return nil, ids.Empty, err
	}
	id, err := agenesis.AVAXAssetID(b)
	return b, id, err
}

func stakers(g *genesis.Genesis) ([]pgenesis.PermissionlessValidator, []pgenesis.Allocation, error) {
	validators := make([]pgenesis.PermissionlessValidator, 0, len(g.Validators))
	for _, v := range g.Validators {
		owner, err := bech32(g, v.Owner)
		if err != nil {
			return nil, nil, err
		}
		validators = append(validators, pgenesis.PermissionlessValidator{
			Validator:          pgenesis.Validator{StartTime: g.Time, EndTime: v.EndTime, NodeID: v.NodeID},
			RewardOwner:        &pgenesis.Owner{Threshold: 1, Addresses: []string{owner}},
			Staked:             []pgenesis.Allocation{{Amount: v.Weight, Address: owner}},
			ExactDelegationFee: delegationFee,
			Signer:             v.Proof(),
		})
	}
	holdings := make([]pgenesis.Allocation, 0, len(g.Holdings))
	for _, h := range g.Holdings {
		owner, err := bech32(g, h.Owner)
		if err != nil {
			return nil, nil, err
		}
		holdings = append(holdings, pgenesis.Allocation{Amount: h.Amount, Address: owner})
	}
	return validators, holdings, nil
}

func bech32(g *genesis.Genesis, owner ids.ShortID) (string, error) {
	return address.FormatBech32(constants.GetHRP(g.Network.ID), owner[:])
}
