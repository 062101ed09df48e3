package outside

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"

	"github.com/pars-network/pars/crypto/pedersen"
	"github.com/pars-network/pars/crypto/poseidon"
	"github.com/pars-network/pars/internal/vectors"
)

func TestVectorsPoseidonBN254Random(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "Poseidon BN254", "poseidon-lite, random")
	for round := range rounds() {
		inputs, args := make([]fr.Element, 1+r.IntN(16)), []any{}
		for i := range inputs {
			k := r.number(fr.Modulus())
			inputs[i].SetBigInt(k)
			args = append(args, k)
		}
		got, err := poseidon.BN254(inputs)
		want := n.text("poseidonBN254", args...)
		tally.Check(t, err == nil && got.BigInt(new(big.Int)).String() == want, "round %d: BN254(%v) = %s, %v, want %s", round, args, got.String(), err, want)
	}
}

func TestVectorsStarknetRandom(t *testing.T) {
	r, n := random(t), start(t)
	two := vectors.NewTally(t, "Poseidon Starknet, two", "@scure/starknet, random")
	many := vectors.NewTally(t, "Poseidon Starknet, many", "@scure/starknet, random")
	pairs := vectors.NewTally(t, "Pedersen Starknet", "@scure/starknet, random")
	for round := range rounds() {
		inputs, args := make([]fp.Element, 2+r.IntN(8)), []any{}
		for i := range inputs {
			k := r.number(fp.Modulus())
			inputs[i].SetBigInt(k)
			args = append(args, k)
		}
		got := poseidon.Stark(inputs[0], inputs[1])
		want := n.text("poseidonStark", args[0], args[1])
		two.Check(t, got.BigInt(new(big.Int)).String() == want, "round %d: Stark(%v) = %s, want %s", round, args[:2], got.String(), want)
		got = pedersen.Stark(inputs[0], inputs[1])
		want = n.text("pedersenStark", args[0], args[1])
		pairs.Check(t, got.BigInt(new(big.Int)).String() == want, "round %d: Pedersen(%v) = %s, want %s", round, args[:2], got.String(), want)
		got = poseidon.StarkMany(inputs)
		want = n.text("poseidonStarkMany", append([]any{}, args...)...)
		many.Check(t, got.BigInt(new(big.Int)).String() == want, "round %d: StarkMany(%v) = %s, want %s", round, args, got.String(), want)
	}
}

// The other side derives the blinding generator by itself, too.
func TestVectorsPedersenBN254Random(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "Pedersen BN254", "@noble/curves, random")
	for round := range rounds() {
		value, blinding := r.number(fr.Modulus()), r.number(fr.Modulus())
		if value.Sign() == 0 && blinding.Sign() == 0 {
			blinding = big.NewInt(1) // the point at infinity has no coordinates
		}
		var v, b fr.Element
		v.SetBigInt(value)
		b.SetBigInt(blinding)
		got := pedersen.Commit(v, b)
		var want [2]string
		n.ask(&want, "commitBN254", "pars pedersen commitment: blinding generator", "PARS-V01-CS01-with-BN254G1_XMD:SHA-256_SVDW_RO_", value, blinding)
		tally.Check(t, got.X.BigInt(new(big.Int)).String() == want[0] && got.Y.BigInt(new(big.Int)).String() == want[1], "round %d: Commit(%s, %s) = %s, want %v", round, value, blinding, got.String(), want)
	}
}
