package main

import (
	"bytes"

	"github.com/cloudflare/circl/sign/slhdsa"

	"github.com/pars-network/pars/precompile"
)

func (b *builder) slhdsa() {
	to := precompile.SLHDSAAddress
	message := []byte("a message of the usual kind: 32B")
	for id := slhdsa.SHA2_128s; id <= slhdsa.SHAKE_256f; id++ {
		n := id.Scheme().PublicKeySize() / 2
		seed := make([]byte, 3*n)
		pk, sk, err := slhdsa.GenerateKey(bytes.NewReader(seed), id)
		if err != nil {
			b.fail(err)
		}
		pkBytes, err := pk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		skBytes, err := sk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		// A verification takes as long for a signature of any bytes, and making a
		// valid one takes seconds.
		sig := make([]byte, id.Scheme().SignatureSize())
		long := make([]byte, 100_000)
		set, name := uint8(id), id.String()
		b.addSlow(name+" keyGen", to, "keyGen(uint8,bytes)", set, seed)
		b.addSlow(name+" sign", to, "sign(uint8,bytes,bytes)", set, skBytes, message)
		b.add(name+" verify", to, false, "verify(uint8,bytes,bytes,bytes)", set, pkBytes, message, sig)
		b.add(name+" verify, 100 kB message", to, false, "verify(uint8,bytes,bytes,bytes)", set, pkBytes, long, sig)
	}
}
