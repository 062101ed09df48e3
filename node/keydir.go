package node

import (
	"errors"
	"path/filepath"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/node/keys"
)

// guardFolder is where, beside the keys, the chain remembers what they sealed:
// who moves the keys must move it too.
const guardFolder = "guard"

// CreateKeys makes new staking keys in dir, with the empty guard that proves
// they never sealed anything.
func CreateKeys(dir string) (*keys.Keys, error) {
	k, err := keys.Create(dir)
	if err != nil {
		return nil, err
	}
	return k, chain.CreateGuard(filepath.Join(dir, guardFolder))
}

// LoadKeys reads the staking keys in dir; if create is set and there are none,
// it makes them.
func LoadKeys(dir string, create bool) (*keys.Keys, error) {
	k, err := keys.Load(dir)
	if create && errors.Is(err, keys.ErrNotExist) {
		return CreateKeys(dir)
	}
	return k, err
}
