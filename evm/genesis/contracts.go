package genesis

import (
	"bytes"
	"fmt"

	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/precompile"
)

// contracts returns the accounts of the native contracts. With checkContracts it
// is the one place where genesis depends on the registry.
func contracts() types.GenesisAlloc { return precompile.Alloc() }

// checkContracts refuses an allocation in which a native contract that is active
// at the genesis time lacks its account, or in which any contract's address
// holds something else. A file from before a contract was invented lacks it and
// stays valid: such a contract becomes active later.
func checkContracts(alloc types.GenesisAlloc, time uint64) error {
	want := contracts()
	for _, p := range precompile.Predeploys() {
		if _, ok := alloc[p.Address]; !ok {
			return fmt.Errorf("%w: alloc lacks the code of %s at %s; build the file anew with parsd genesis", ErrCheck, p.Name, p.Address)
		}
	}
	for _, at := range sortedAddresses(want) {
		got, ok := alloc[at]
		if _, active := precompile.At(at, time); !ok && active {
			return fmt.Errorf("%w: alloc lacks the native contract %s; build the file anew with parsd genesis", ErrCheck, at)
		}
		if ok && !sameAccount(got, want[at]) {
			return fmt.Errorf("%w: the native contract %s must have nonce %d, code %#x, no balance and no storage",
				ErrCheck, at, want[at].Nonce, want[at].Code)
		}
	}
	return nil
}

func sameAccount(a, b types.Account) bool {
	noBalance := (a.Balance == nil || a.Balance.Sign() == 0) && (b.Balance == nil || b.Balance.Sign() == 0)
	return noBalance && a.Nonce == b.Nonce && bytes.Equal(a.Code, b.Code) && len(a.Storage) == 0 && len(b.Storage) == 0
}
