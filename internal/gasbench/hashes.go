package main

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"

	"github.com/pars-network/pars/precompile"
)

// hashes are Poseidon and Pedersen, on numbers just below the moduli.
func (b *builder) hashes() {
	below := func(modulus *big.Int, n int) []*big.Int {
		out := make([]*big.Int, n)
		for i := range out {
			out[i] = new(big.Int).Sub(modulus, big.NewInt(int64(i+2)))
		}
		return out
	}
	bn, st := below(fr.Modulus(), 16), below(fp.Modulus(), 1024)
	to := precompile.PoseidonAddress
	for n := 1; n <= 16; n++ {
		b.add(fmt.Sprintf("Poseidon BN254, %d inputs", n), to, false, "bn254(uint256[])", bn[:n])
	}
	b.add("Poseidon Starknet", to, false, "starknet(uint256,uint256)", st[0], st[1])
	for _, n := range []int{0, 1, 1024} {
		b.add(fmt.Sprintf("Poseidon Starknet, sponge of %d", n), to, false, "starknetMany(uint256[])", st[:n])
	}
	b.add("revert: sponge of 1,024 beyond the field", to, true, "starknetMany(uint256[])", append(append([]*big.Int{}, st[:1023]...), fp.Modulus()))
	to = precompile.PedersenAddress
	b.add("Pedersen Starknet", to, false, "starknet(uint256,uint256)", st[0], st[1])
	b.add("Pedersen commit", to, false, "commit(uint256,uint256)", bn[0], bn[1])
	b.add("Pedersen opens", to, false, "opens(uint256,uint256,uint256,uint256)", st[0], st[1], bn[0], bn[1])
	b.add("Pedersen generators", to, false, "generators()")
}
