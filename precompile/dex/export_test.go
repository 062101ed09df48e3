package dex

import (
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/precompile/contract"
)

// Measured is the pool manager. It adds what it charges for computation to sum.
func Measured(sum *uint64) vm.PrecompiledContract {
	return vm.NewStatefulPrecompile(func(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
		if out, bounced, err := contract.Bounced(env, input); bounced {
			return out, err
		}
		s := contract.NewState(env)
		out, err := dispatch(s, env, input)
		*sum += s.Computed()
		return asEVM(out, err)
	})
}
