package ring

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
)

// mapped is the map to the curve as its definition has it, in big numbers: the
// code takes one root for both branches and divides nowhere.
func mapped(t *testing.T, b []byte) []byte {
	t.Helper()
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(n *big.Int) *big.Int { return n.Mod(n, p) }
	mul := func(factors ...*big.Int) *big.Int {
		out := big.NewInt(1)
		for _, f := range factors {
			mod(out.Mul(out, f))
		}
		return out
	}
	reversed := make([]byte, len(b))
	for i := range b {
		reversed[len(b)-1-i] = b[i]
	}
	u, a := mod(new(big.Int).SetBytes(reversed)), big.NewInt(curveA)
	v := mul(big.NewInt(2), u, u)
	w := mod(new(big.Int).Add(v, big.NewInt(1)))
	x := mod(new(big.Int).Sub(mul(w, w), mul(a, a, v)))
	ratio := mul(w, new(big.Int).ModInverse(x, p))
	square, z, negative := mul(a, big.NewInt(curveA+2), ratio), new(big.Int).Neg(a), true
	if new(big.Int).ModSqrt(ratio, p) != nil {
		square, z, negative = mul(square, v), new(big.Int).Neg(mul(a, v)), false
	}
	root := new(big.Int).ModSqrt(square, p)
	if root == nil {
		t.Fatalf("no root for %x", b)
	}
	if root.Bit(0) == 1 {
		root.Sub(p, root)
	}
	if negative {
		mod(root.Neg(root))
	}
	y := mul(mod(new(big.Int).Sub(z, w)), new(big.Int).ModInverse(mod(new(big.Int).Add(z, w)), p))
	encoded := y.FillBytes(make([]byte, 32))
	for i := range 16 {
		encoded[i], encoded[31-i] = encoded[31-i], encoded[i]
	}
	encoded[31] |= byte(root.Bit(0)) << 7
	return encoded
}

func TestTheMapToTheCurveIsItsDefinition(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	inputs := [][]byte{make([]byte, 32)}
	for range 100 {
		b := make([]byte, 32)
		_, _ = random.Read(b)
		inputs = append(inputs, b)
	}
	for _, b := range inputs {
		want, err := new(edwards25519.Point).SetBytes(mapped(t, b))
		if err != nil {
			t.Fatal(err)
		}
		if got := fromField(b); got.Equal(want) != 1 {
			t.Errorf("fromField(%x) = %x, want %x", b, got.Bytes(), want.Bytes())
		}
	}
}
