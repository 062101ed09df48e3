package genesis

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	ethparams "github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// Bounds of a genesis.
const (
	// MaxValidators is how many validators a genesis may name.
	MaxValidators = 1024
	// MaxHoldings is how many holdings of staking asset it may name.
	MaxHoldings = 1024
	// MaxGasLimit is the largest gas limit of a block. Load tests use it; at the
	// price the native contracts are measured against it is 13 s of one core.
	MaxGasLimit = 1_000_000_000
	// MinGasLimit is libevm's own least gas limit.
	MinGasLimit = ethparams.MinGasLimit
)

// ErrCheck reports a genesis that reads well and breaks a rule.
var ErrCheck = errors.New("genesis refused")

// Check applies every rule that the file's form doesn't (spec/chain.md,
// section 7). The first broken rule is reported.
func (g *Genesis) Check() error {
	if known, err := params.NetworkByID(g.Network.ID); err != nil || known != g.Network {
		return fmt.Errorf("%w: network %q with id %d is none of Pars", ErrCheck, g.Network.Name, g.Network.ID)
	}
	switch {
	case g.Time == 0 || g.Time > engine.MaxTimeMs/1000:
		return fmt.Errorf("%w: got timestamp %d, want Unix seconds from 1 to %d", ErrCheck, g.Time, uint64(engine.MaxTimeMs/1000))
	case g.GasLimit < MinGasLimit || g.GasLimit > MaxGasLimit:
		return fmt.Errorf("%w: got gas limit %d, want %d to %d", ErrCheck, g.GasLimit, MinGasLimit, MaxGasLimit)
	case g.BaseFee == nil || g.BaseFee.Cmp(big.NewInt(params.MinBaseFee)) < 0 || g.BaseFee.Cmp(params.Supply()) > 0:
		return fmt.Errorf("%w: got base fee %v, want at least %d wei and at most the supply", ErrCheck, g.BaseFee, params.MinBaseFee)
	}
	if err := g.checkAlloc(); err != nil {
		return err
	}
	if err := g.checkValidators(); err != nil {
		return err
	}
	_, err := g.StakingSupply()
	return err
}

func (g *Genesis) checkAlloc() error {
	sum := new(big.Int)
	// In a fixed order, so that the same file always gives the same error.
	for _, at := range sortedAddresses(g.Alloc) {
		a := g.Alloc[at]
		switch {
		case a.Balance != nil && (a.Balance.Sign() < 0 || a.Balance.Cmp(params.Supply()) > 0):
			return fmt.Errorf("%w: %s has balance %s, want 0 to %s wei", ErrCheck, at, a.Balance, params.Supply())
		case len(a.Code) > ethparams.MaxCodeSize:
			return fmt.Errorf("%w: %s has %d bytes of code, want at most %d", ErrCheck, at, len(a.Code), ethparams.MaxCodeSize)
		case len(a.PrivateKey) > 0:
			return fmt.Errorf("%w: %s carries a private key; take it out", ErrCheck, at)
		case (a.Balance == nil || a.Balance.Sign() == 0) && a.Nonce == 0 && len(a.Code) == 0:
			return fmt.Errorf("%w: %s is empty; leave it out", ErrCheck, at)
		}
		if a.Balance != nil {
			sum.Add(sum, a.Balance)
		}
	}
	if want := params.Supply(); sum.Cmp(want) != 0 {
		return fmt.Errorf("%w: the balances sum to %s wei, want exactly %s; nothing is minted later", ErrCheck, sum, want)
	}
	return checkContracts(g.Alloc, g.Time)
}

func (g *Genesis) checkValidators() error {
	if n, least := len(g.Validators), g.Network.MinValidators; n < least || n > MaxValidators {
		return fmt.Errorf("%w: got %d validators, %s wants %d to %d", ErrCheck, n, g.Network.Name, least, MaxValidators)
	}
	if n := len(g.Holdings); n > MaxHoldings {
		return fmt.Errorf("%w: got %d holdings, want at most %d", ErrCheck, n, MaxHoldings)
	}
	nodes := make(map[ids.NodeID]bool, len(g.Validators))
	keys := make(map[[bls.PublicKeyLen]byte]bool, len(g.Validators))
	for i, v := range g.Validators {
		switch {
		case v.NodeID == ids.EmptyNodeID:
			return fmt.Errorf("%w: validator %d has no node id", ErrCheck, i)
		case nodes[v.NodeID]:
			return fmt.Errorf("%w: node id %s appears twice", ErrCheck, v.NodeID)
		case keys[v.PublicKey]:
			return fmt.Errorf("%w: validator %s repeats another one's BLS key", ErrCheck, v.NodeID)
		case v.Weight == 0:
			return fmt.Errorf("%w: validator %s has weight 0", ErrCheck, v.NodeID)
		case v.EndTime <= g.Time || v.EndTime > engine.MaxTimeMs/1000:
			return fmt.Errorf("%w: validator %s ends at %d, want a time after genesis at %d", ErrCheck, v.NodeID, v.EndTime, g.Time)
		case v.Owner == ids.ShortEmpty:
			return fmt.Errorf("%w: validator %s has no owner to return the stake to", ErrCheck, v.NodeID)
		}
		nodes[v.NodeID], keys[v.PublicKey] = true, true
		if err := v.Proof().Verify(); err != nil {
			return fmt.Errorf("%w: validator %s: BLS key and proof of possession: %w", ErrCheck, v.NodeID, err)
		}
	}
	for i, h := range g.Holdings {
		if h.Amount == 0 || h.Owner == ids.ShortEmpty {
			return fmt.Errorf("%w: holding %d needs an owner and an amount above 0", ErrCheck, i)
		}
	}
	return nil
}

// StakingSupply returns the whole of the staking asset in units of 10^-9: all
// weights and holdings. It never grows, since rewards are zero.
func (g *Genesis) StakingSupply() (uint64, error) {
	var sum uint64
	add := func(x uint64) bool {
		if x > math.MaxInt64-sum {
			return false
		}
		sum += x
		return true
	}
	for _, v := range g.Validators {
		if !add(v.Weight) {
			return 0, fmt.Errorf("%w: staking supply leaves 63 bits at validator %s", ErrCheck, v.NodeID)
		}
	}
	for i, h := range g.Holdings {
		if !add(h.Amount) {
			return 0, fmt.Errorf("%w: staking supply leaves 63 bits at holding %d", ErrCheck, i)
		}
	}
	return sum, nil
}

func sortedAddresses(alloc types.GenesisAlloc) []common.Address {
	out := make([]common.Address, 0, len(alloc))
	for at := range alloc {
		out = append(out, at)
	}
	slices.SortFunc(out, func(a, b common.Address) int { return bytes.Compare(a[:], b[:]) })
	return out
}
