package zk

import (
	_ "embed"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/crypto/poseidon"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IPoseidon.json
var poseidonABI []byte

// Poseidon is the contract at 0x0900.
// contracts/src/interfaces/IPoseidon.sol describes it.
var Poseidon = contract.MustNew(contract.Config{
	Name: "Poseidon",
	ABI:  poseidonABI,
	Functions: map[string]contract.Function{
		"bn254(uint256[])":          poseidonBN254,
		"starknet(uint256,uint256)": poseidonStarknet,
		"starknetMany(uint256[])":   poseidonStarknetMany,
	},
})

// Prices; docs/precompiles/gas.md derives them.
const (
	// bn254ProductGas is the price of one product in BN254's scalar field, and
	// bn254BaseGas what a hash costs besides.
	bn254ProductGas = 3
	bn254BaseGas    = 300
	// permutationGas is the price of Starknet's permutation.
	permutationGas = 1_000
	// maxSponge bounds the elements of one sponge.
	maxSponge = 1024
)

var (
	fieldBN254 = uint256.MustFromBig(fr.Modulus())
	fieldSTARK = uint256.MustFromBig(fp.Modulus())
)

// inField reads argument i of args as a number below modulus.
func inField(args contract.Args, i int, modulus *uint256.Int) (*big.Int, error) {
	n := args.Uint256(i)
	if n.Cmp(modulus) >= 0 {
		return nil, contract.Revert("NotInField", i)
	}
	return n.ToBig(), nil
}

func starkElement(args contract.Args, i int) (e fp.Element, err error) {
	n, err := inField(args, i, fieldSTARK)
	if err == nil {
		e.SetBigInt(n)
	}
	return e, err
}

func bn254Element(args contract.Args, i int) (e fr.Element, err error) {
	n, err := inField(args, i, fieldBN254)
	if err == nil {
		e.SetBigInt(n)
	}
	return e, err
}

func poseidonBN254(c *contract.Call) ([]any, error) {
	inputs := c.Args.List(0)
	if len(inputs) == 0 || len(inputs) > poseidon.MaxInputs {
		return nil, contract.Revert("InputCount", len(inputs))
	}
	if err := c.Charge(bn254BaseGas + bn254ProductGas*uint64(poseidon.Products(len(inputs)))); err != nil {
		return nil, err
	}
	elements := make([]fr.Element, len(inputs))
	for i := range inputs {
		var err error
		if elements[i], err = bn254Element(inputs, i); err != nil {
			return nil, err
		}
	}
	h, err := poseidon.BN254(elements)
	if err != nil {
		return nil, err
	}
	return []any{h.BigInt(new(big.Int))}, nil
}

func poseidonStarknet(c *contract.Call) ([]any, error) {
	if err := c.Charge(permutationGas); err != nil {
		return nil, err
	}
	a, err := starkElement(c.Args, 0)
	if err != nil {
		return nil, err
	}
	b, err := starkElement(c.Args, 1)
	if err != nil {
		return nil, err
	}
	h := poseidon.Stark(a, b)
	return []any{h.BigInt(new(big.Int))}, nil
}

func poseidonStarknetMany(c *contract.Call) ([]any, error) {
	inputs := c.Args.List(0)
	if len(inputs) > maxSponge {
		return nil, contract.Revert("InputCount", len(inputs))
	}
	if err := c.Charge(permutationGas * uint64(len(inputs)/2+1)); err != nil {
		return nil, err
	}
	elements := make([]fp.Element, len(inputs))
	for i := range inputs {
		var err error
		if elements[i], err = starkElement(inputs, i); err != nil {
			return nil, err
		}
	}
	h := poseidon.StarkMany(elements)
	return []any{h.BigInt(new(big.Int))}, nil
}
