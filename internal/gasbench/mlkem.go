package main

import (
	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"github.com/pars-network/pars/precompile"
)

func (b *builder) mlkem() {
	to := precompile.MLKEMAddress
	for _, set := range []struct {
		id     uint8
		scheme kem.Scheme
	}{{1, mlkem512.Scheme()}, {3, mlkem768.Scheme()}, {5, mlkem1024.Scheme()}} {
		var seed [32]byte
		pk, sk := set.scheme.DeriveKeyPair(make([]byte, 64))
		pkBytes, err := pk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		skBytes, err := sk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		ct, _, err := set.scheme.EncapsulateDeterministically(pk, seed[:])
		if err != nil {
			b.fail(err)
		}
		name := set.scheme.Name()
		b.add(name+" keyGen, unseeded", to, false, "keyGen(uint8)", set.id)
		b.add(name+" keyGen", to, false, "keyGen(uint8,bytes32,bytes32)", set.id, seed, seed)
		b.add(name+" encapsulate, unseeded", to, false, "encapsulate(bytes)", pkBytes)
		b.add(name+" encapsulate", to, false, "encapsulate(bytes,bytes32)", pkBytes, seed)
		b.add(name+" decapsulate", to, false, "decapsulate(bytes,bytes)", skBytes, ct)
	}
}
