package privacy

import (
	_ "embed"
	"errors"

	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IECIES.json
var eciesABI []byte

// ECIES is the contract at 0x0701. contracts/src/interfaces/IECIES.sol describes
// it.
var ECIES = contract.MustNew(contract.Config{
	Name: "ECIES",
	ABI:  eciesABI,
	Functions: map[string]contract.Function{
		"publicKey(bytes32)":              eciesPublicKey,
		"seal(bytes,bytes32,bytes,bytes)": eciesSeal,
		"open(bytes32,bytes,bytes)":       eciesOpen,
	},
})

// Prices; docs/precompiles/gas.md derives them.
const (
	eciesPublicKeyGas = 3_200
	eciesSealGas      = 15_000
	eciesOpenGas      = 12_000
	// eciesWordGas is the price of encrypting and hashing 32 bytes.
	eciesWordGas = 24
)

// refuseECIES turns an error of package ecies into a revert.
func refuseECIES(err error, length int) error {
	switch {
	case errors.Is(err, ecies.ErrKey):
		return contract.Revert("InvalidKey")
	case errors.Is(err, ecies.ErrShort):
		return contract.Revert("MessageLength", length)
	case errors.Is(err, ecies.ErrOpen):
		return contract.Revert("OpenFailed")
	}
	return err
}

func eciesPublicKey(c *contract.Call) ([]any, error) {
	if err := c.Charge(eciesPublicKeyGas); err != nil {
		return nil, err
	}
	key, err := ecies.PublicKey(c.Args.Bytes(0))
	if err != nil {
		return nil, refuseECIES(err, 0)
	}
	return []any{key}, nil
}

func eciesSeal(c *contract.Call) ([]any, error) {
	info, plaintext := c.Args.Bytes(2), c.Args.Bytes(3)
	if err := c.Charge(eciesSealGas + eciesWordGas*(contract.Words(len(info))+contract.Words(len(plaintext)))); err != nil {
		return nil, err
	}
	sealed, err := ecies.Seal(c.Args.Bytes(0), c.Args.Bytes(1), info, plaintext)
	if err != nil {
		return nil, refuseECIES(err, 0)
	}
	return []any{sealed}, nil
}

func eciesOpen(c *contract.Call) ([]any, error) {
	info, sealed := c.Args.Bytes(1), c.Args.Bytes(2)
	if err := c.Charge(eciesOpenGas + eciesWordGas*(contract.Words(len(info))+contract.Words(len(sealed)))); err != nil {
		return nil, err
	}
	plaintext, err := ecies.Open(c.Args.Bytes(0), info, sealed)
	if err != nil {
		return nil, refuseECIES(err, len(sealed))
	}
	return []any{plaintext}, nil
}
