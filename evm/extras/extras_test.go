package extras_test

import (
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

func TestRegisterMakesNativeContractsActive(t *testing.T) {
	extras.Register()
	extras.Register()
	rules := evmtest.Config().Rules(common.Big1, true, 1)
	warm := vm.ActivePrecompiles(rules)
	for _, address := range precompile.Active(1) {
		if !slices.Contains(warm, address) {
			t.Errorf("%s is not among the active precompiles %v", address, warm)
		}
		if p, ok := rules.Hooks().PrecompileOverride(address); !ok || p == nil {
			t.Errorf("PrecompileOverride(%s) = %v, %t, want the contract", address, p, ok)
		}
	}
	ecrecover := common.Address{19: 1}
	if _, ok := rules.Hooks().PrecompileOverride(ecrecover); ok || !slices.Contains(warm, ecrecover) {
		t.Errorf("ecrecover is overridden: %t, active: %t; want it left to libevm", ok, slices.Contains(warm, ecrecover))
	}
	seen := make(map[common.Address]bool)
	for _, address := range warm {
		if seen[address] {
			t.Errorf("%s is listed twice among the active precompiles", address)
		}
		seen[address] = true
	}
}
