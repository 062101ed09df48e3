package main

import (
	"fmt"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"github.com/pars-network/pars/precompile"
)

func (b *builder) mldsa() {
	const (
		signFunction   = "sign(bytes,bytes)"
		verifyFunction = "verify(bytes,bytes,bytes)"
	)
	to := precompile.MLDSAAddress
	for _, set := range []struct {
		mode   uint8
		scheme sign.Scheme
		k      int
		// unsignable is a message that 575 tries don't sign under the crafted key.
		unsignable uint32
	}{
		{44, mldsa44.Scheme(), 4, 1},
		{65, mldsa65.Scheme(), 6, 5728},
		{87, mldsa87.Scheme(), 8, 3},
	} {
		seed := [32]byte{7}
		pk, sk := set.scheme.DeriveKey(seed[:])
		pkBytes, err := pk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		skBytes, err := sk.MarshalBinary()
		if err != nil {
			b.fail(err)
		}
		message := []byte("a message of the usual kind: 32B")
		sig := set.scheme.Sign(sk, message, nil)
		long := make([]byte, 100_000)
		longSig := set.scheme.Sign(sk, long, nil)
		crafted := append([]byte(nil), skBytes...)
		extremeT0(crafted, set.k)

		name := func(what string) string { return fmt.Sprintf("ML-DSA-%d %s", set.mode, what) }
		b.add(name("keyGen, unseeded"), to, false, "keyGen(uint8)", set.mode)
		b.add(name("keyGen"), to, false, "keyGen(uint8,bytes32)", set.mode, seed)
		b.add(name("sign"), to, false, signFunction, skBytes, message)
		b.add(name("sign, 575 failing tries"), to, true, signFunction, crafted, number(set.unsignable))
		b.add(name("verify"), to, false, verifyFunction, pkBytes, message, sig)
		b.add(name("verify, 100 kB message"), to, false, verifyFunction, pkBytes, long, longSig)
	}
	empty := make([][]byte, 10_000)
	b.add("revert: 30,000 empty batch members", to, true, "verifyBatch(bytes[],bytes[],bytes[])", empty, empty, empty)
	b.calls = append(b.calls, call{name: "revert: unknown function", address: to, reverts: true})
	b.calls = append(b.calls, call{name: "revert: 100 kB of zeros", address: to, reverts: true, input: make([]byte, 100_000)})
}
