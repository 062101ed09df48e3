package zk

import (
	_ "embed"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/pars-network/pars/crypto/pedersen"
	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IPedersen.json
var pedersenABI []byte

// Pedersen is the contract at 0x0901.
// contracts/src/interfaces/IPedersen.sol describes it.
var Pedersen = contract.MustNew(contract.Config{
	Name: "Pedersen",
	ABI:  pedersenABI,
	Functions: map[string]contract.Function{
		"starknet(uint256,uint256)":              pedersenStarknet,
		"commit(uint256,uint256)":                pedersenCommit,
		"opens(uint256,uint256,uint256,uint256)": pedersenOpens,
		"generators()":                           pedersenGenerators,
	},
})

// Prices; docs/precompiles/gas.md derives them.
const (
	pedersenHashGas   = 4_000
	pedersenCommitGas = 9_500
	generatorsGas     = 100
)

func pedersenStarknet(c *contract.Call) ([]any, error) {
	if err := c.Charge(pedersenHashGas); err != nil {
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
	h := pedersen.Stark(a, b)
	return []any{h.BigInt(new(big.Int))}, nil
}

// commitment charges for and returns the commitment to arguments i and i+1.
func commitment(c *contract.Call, i int) (out bn254.G1Affine, err error) {
	if err := c.Charge(pedersenCommitGas); err != nil {
		return out, err
	}
	value, err := bn254Element(c.Args, i)
	if err != nil {
		return out, err
	}
	var blinding fr.Element
	if blinding, err = bn254Element(c.Args, i+1); err != nil {
		return out, err
	}
	return pedersen.Commit(value, blinding), nil
}

// coordinates is a point as EIP-196 has it: infinity is (0, 0).
func coordinates(p bn254.G1Affine) []any {
	return []any{p.X.BigInt(new(big.Int)), p.Y.BigInt(new(big.Int))}
}

func pedersenCommit(c *contract.Call) ([]any, error) {
	p, err := commitment(c, 0)
	if err != nil {
		return nil, err
	}
	return coordinates(p), nil
}

func pedersenOpens(c *contract.Call) ([]any, error) {
	p, err := commitment(c, 2)
	if err != nil {
		return nil, err
	}
	x, y := c.Args.Uint256(0).ToBig(), c.Args.Uint256(1).ToBig()
	// Coordinates at or above the modulus are no point, and equal none.
	var want bn254.G1Affine
	want.X.SetBigInt(x)
	want.Y.SetBigInt(y)
	canonical := x.Cmp(fp.Modulus()) < 0 && y.Cmp(fp.Modulus()) < 0
	return []any{canonical && want.Equal(&p)}, nil
}

func pedersenGenerators(c *contract.Call) ([]any, error) {
	if err := c.Charge(generatorsGas); err != nil {
		return nil, err
	}
	g, h := pedersen.Generators()
	return append(coordinates(g), coordinates(h)...), nil
}
