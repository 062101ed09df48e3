// Package extras hooks Pars' native contracts into libevm. libevm keeps its
// hooks in one place per process, so a program that runs the Pars EVM calls
// [Register] once, before it reads a chain configuration or builds an EVM.
package extras

import (
	"math/big"
	"sync"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/libevm"
	"github.com/ava-labs/libevm/params"

	"github.com/pars-network/pars/precompile"
)

var once sync.Once

// Register makes every EVM of this process see the native contracts of
// [precompile]. Calls after the first do nothing. It panics when something else
// in the process has registered hooks with libevm before.
func Register() {
	once.Do(func() {
		params.RegisterExtras(params.Extras[chainConfig, rules]{NewRules: newRules})
	})
}

// chainConfig carries nothing: what libevm's configuration says is enough.
type chainConfig struct{ params.NOOPHooks }

// rules are the hooks of one block.
type rules struct {
	params.NOOPHooks
	// time is the block's, in Unix seconds.
	time uint64
}

func newRules(_ *params.ChainConfig, _ *params.Rules, _ chainConfig, _ *big.Int, _ bool, timestamp uint64) rules {
	return rules{time: timestamp}
}

// PrecompileOverride implements libevm's hook.
func (r rules) PrecompileOverride(address common.Address) (libevm.PrecompiledContract, bool) {
	p, ok := precompile.At(address, r.time)
	if !ok {
		return nil, false
	}
	return p, true
}

// ActivePrecompiles implements libevm's hook: active are Ethereum's own.
func (r rules) ActivePrecompiles(active []common.Address) []common.Address {
	return append(active, precompile.Active(r.time)...)
}
