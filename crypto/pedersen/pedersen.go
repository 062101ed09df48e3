// Package pedersen has two things that go by Pedersen's name: Starknet's hash
// of two field elements, and a hiding, binding commitment on BN254.
package pedersen

import (
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"
	starkhash "github.com/consensys/gnark-crypto/ecc/stark-curve/pedersen-hash"
)

// Stark is Starknet's Pedersen hash of two elements of the STARK field.
func Stark(a, b fp.Element) fp.Element { return starkhash.Pedersen(&a, &b) }

// The blinding generator H is the RFC 9380 hash (BN254G1_XMD:SHA-256_SVDW_RO_)
// of blindingSeed under blindingTag, so that nobody knows its logarithm to the
// base of the value generator G = (1, 2).
const (
	blindingSeed = "pars pedersen commitment: blinding generator"
	blindingTag  = "PARS-V01-CS01-with-BN254G1_XMD:SHA-256_SVDW_RO_"
)

// Generators returns G and H.
var Generators = sync.OnceValues(func() (value, blinding bn254.G1Affine) {
	_, _, value, _ = bn254.Generators()
	blinding, err := bn254.HashToG1([]byte(blindingSeed), []byte(blindingTag))
	if err != nil {
		// The only error is a tag above 255 bytes, and the tag is a constant.
		panic("pedersen: " + err.Error())
	}
	return value, blinding
})

// Commit returns value x G + blinding x H on BN254. Commitments add up as their
// openings do.
func Commit(value, blinding fr.Element) bn254.G1Affine {
	g, h := Generators()
	var v, b big.Int
	var c bn254.G1Jac
	c.JointScalarMultiplication(&g, &h, value.BigInt(&v), blinding.BigInt(&b))
	var out bn254.G1Affine
	out.FromJacobian(&c)
	return out
}
