package genesis

import (
	"fmt"
	"maps"
	"math/big"

	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/params"
)

// Options are the choices of [Build] that have a usual value.
type Options struct {
	// GasLimit of a block; 0 means params.GenesisGasLimit.
	GasLimit uint64
	// BaseFee of genesis in wei; nil means params.MinBaseFee.
	BaseFee *big.Int
	// MixHash starts the randomness chain.
	MixHash [32]byte
	// Holdings is staking asset that is not staked yet.
	Holdings []Holding
}

// Build returns a checked genesis of the network at time, in Unix seconds. To
// alloc, whose balances must sum to params.Supply, it adds the accounts of the
// native contracts; alloc itself is left alone.
func Build(network params.Network, validators []Validator, alloc types.GenesisAlloc, time uint64, o Options) (*Genesis, error) {
	g := &Genesis{
		Network: network, Time: time, GasLimit: o.GasLimit, BaseFee: o.BaseFee, MixHash: o.MixHash,
		Alloc: contracts(), Validators: validators, Holdings: o.Holdings,
	}
	if g.GasLimit == 0 {
		g.GasLimit = params.GenesisGasLimit
	}
	if g.BaseFee == nil {
		g.BaseFee = big.NewInt(params.MinBaseFee)
	}
	for at := range g.Alloc {
		if _, ok := alloc[at]; ok {
			return nil, fmt.Errorf("%w: %s belongs to a native contract; leave it out of the allocation", ErrCheck, at)
		}
	}
	maps.Copy(g.Alloc, alloc)
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}
