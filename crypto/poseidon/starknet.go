package poseidon

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"
)

// Starknet's instance: a state of 3, 8 full and 83 partial rounds, x^3
// (Starknet documentation, "Poseidon hash").
const (
	starkState   = 3
	starkFull    = 8
	starkPartial = 83
)

// starkConstants are SHA-256("Hades" || i) in decimal i, modulo the field.
var starkConstants = sync.OnceValue(func() []fp.Element {
	out := make([]fp.Element, starkState*(starkFull+starkPartial))
	for i := range out {
		d := sha256.Sum256(fmt.Appendf(nil, "Hades%d", i))
		out[i].SetBigInt(new(big.Int).SetBytes(d[:]))
	}
	return out
})

// Permute applies the Hades permutation to the state in place.
func Permute(state *[3]fp.Element) {
	constants := starkConstants()
	const rounds = starkFull + starkPartial
	for r := range rounds {
		for i := range state {
			state[i].Add(&state[i], &constants[r*starkState+i])
		}
		if r < starkFull/2 || r >= rounds-starkFull/2 {
			cube(&state[0])
			cube(&state[1])
		}
		cube(&state[2])
		mixStark(state)
	}
}

func cube(x *fp.Element) {
	var square fp.Element
	square.Square(x)
	x.Mul(x, &square)
}

// mixStark multiplies by ((3,1,1), (1,-1,1), (1,1,-2)).
func mixStark(s *[3]fp.Element) {
	var sum, t fp.Element
	sum.Add(&s[0], &s[1])
	sum.Add(&sum, &s[2])
	t.Double(&s[0])
	s[0].Add(&sum, &t)
	t.Double(&s[1])
	s[1].Sub(&sum, &t)
	t.Double(&s[2])
	t.Add(&t, &s[2])
	s[2].Sub(&sum, &t)
}

// Stark hashes two elements: the first of the permutation of (x, y, 2).
func Stark(x, y fp.Element) fp.Element {
	state := [3]fp.Element{x, y}
	state[2].SetUint64(2)
	Permute(&state)
	return state[0]
}

// StarkMany hashes any number of elements: a sponge of rate 2 whose input is
// padded with a one and, to an even length, a zero.
func StarkMany(inputs []fp.Element) fp.Element {
	var state [3]fp.Element
	var one fp.Element
	one.SetOne()
	for len(inputs) >= 2 {
		state[0].Add(&state[0], &inputs[0])
		state[1].Add(&state[1], &inputs[1])
		Permute(&state)
		inputs = inputs[2:]
	}
	if len(inputs) == 1 {
		state[0].Add(&state[0], &inputs[0])
		state[1].Add(&state[1], &one)
	} else {
		state[0].Add(&state[0], &one)
	}
	Permute(&state)
	return state[0]
}
