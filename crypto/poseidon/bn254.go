// Package poseidon is the Poseidon hash (Grassi et al., USENIX Security 2021,
// ePrint 2019/458) in the two instances that other systems use: circom's over
// the scalar field of BN254, for 1 to 16 inputs, and Starknet's over the STARK
// field.
package poseidon

import (
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// MaxInputs is the most field elements that circom's instance takes.
const MaxInputs = 16

// ErrInputs reports a number of inputs outside 1 to [MaxInputs].
var ErrInputs = errors.New("poseidon: want 1 to 16 inputs")

const fullRounds = 8

// partialRounds[t-2] is the number of partial rounds for a state of t elements
// (circomlib's table; ePrint 2019/458, table 2 at 128 bits for x^5).
var partialRounds = [MaxInputs]int{56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68}

// instance holds the constants of one state size.
type instance struct {
	constants []fr.Element // rounds x t
	mds       [][]fr.Element
}

var instances [MaxInputs]struct {
	once sync.Once
	instance
}

// of returns the constants for a state of t elements, made on first use.
func of(t int) *instance {
	slot := &instances[t-2]
	slot.once.Do(func() { slot.instance = generate(t, fullRounds, partialRounds[t-2]) })
	return &slot.instance
}

// BN254 hashes 1 to 16 elements as circom's Poseidon(n) does: the capacity
// element starts at zero and is the output.
func BN254(inputs []fr.Element) (fr.Element, error) {
	if len(inputs) == 0 || len(inputs) > MaxInputs {
		return fr.Element{}, fmt.Errorf("%w, got %d", ErrInputs, len(inputs))
	}
	t := len(inputs) + 1
	c := of(t)
	state, next := make([]fr.Element, t), make([]fr.Element, t)
	copy(state[1:], inputs)
	rounds := fullRounds + partialRounds[t-2]
	var product fr.Element
	for r := range rounds {
		for i := range state {
			state[i].Add(&state[i], &c.constants[r*t+i])
		}
		power5(&state[0])
		if r < fullRounds/2 || r >= rounds-fullRounds/2 {
			for i := 1; i < t; i++ {
				power5(&state[i])
			}
		}
		for i := range next {
			next[i].SetZero()
			for j := range state {
				next[i].Add(&next[i], product.Mul(&c.mds[i][j], &state[j]))
			}
		}
		state, next = next, state
	}
	return state[0], nil
}

func power5(x *fr.Element) {
	var square fr.Element
	square.Square(x)
	square.Square(&square)
	x.Mul(x, &square)
}

// grain is the Grain LFSR in self-shrinking mode that the authors' reference
// script draws the constants from (ePrint 2019/458, appendix E).
type grain struct {
	state [80]bool
	at    int
}

func newGrain(t, full, partial int) *grain {
	g := new(grain)
	i := 0
	put := func(v, width int) {
		for b := width - 1; b >= 0; b-- {
			g.state[i] = v>>b&1 == 1
			i++
		}
	}
	put(1, 2) // prime field
	put(0, 4) // S-box x^alpha
	put(fr.Bits, 12)
	put(t, 12)
	put(full, 10)
	put(partial, 10)
	put(1<<30-1, 30)
	for range 160 {
		g.step()
	}
	return g
}

func (g *grain) step() bool {
	tap := func(i int) bool { return g.state[(g.at+i)%len(g.state)] }
	bit := tap(62) != tap(51) != tap(38) != tap(23) != tap(13) != tap(0)
	g.state[g.at] = bit
	g.at = (g.at + 1) % len(g.state)
	return bit
}

// bit takes pairs until the first of a pair is one, and returns the second.
func (g *grain) bit() bool {
	for !g.step() {
		g.step()
	}
	return g.step()
}

// number returns fr.Bits bits, most significant first.
func (g *grain) number() *big.Int {
	n := new(big.Int)
	for range fr.Bits {
		n.Lsh(n, 1)
		if g.bit() {
			n.SetBit(n, 0, 1)
		}
	}
	return n
}

func generate(t, full, partial int) instance {
	g, p := newGrain(t, full, partial), fr.Modulus()
	c := instance{constants: make([]fr.Element, (full+partial)*t), mds: make([][]fr.Element, t)}
	for i := range c.constants {
		n := g.number()
		for n.Cmp(p) >= 0 {
			n = g.number()
		}
		c.constants[i].SetBigInt(n)
	}
	// A Cauchy matrix of 2t distinct elements, which are reduced rather than
	// rejected. For every t here the first draw is distinct and passes the
	// script's tests; the vectors show it.
	xy := make([]fr.Element, 2*t)
	for i := range xy {
		xy[i].SetBigInt(g.number())
	}
	for i := range c.mds {
		c.mds[i] = make([]fr.Element, t)
		for j := range c.mds[i] {
			c.mds[i][j].Add(&xy[i], &xy[t+j])
			c.mds[i][j].Inverse(&c.mds[i][j])
		}
	}
	return c
}

// Products is the number of field products in [BN254] of n inputs: the price of
// a hash is proportional to it.
func Products(n int) int {
	t := n + 1
	partial := partialRounds[t-2]
	return (fullRounds+partial)*t*t + 3*(fullRounds*t+partial)
}
