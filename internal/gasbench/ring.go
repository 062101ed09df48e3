package main

import (
	"fmt"
	mathrand "math/rand/v2"

	"filippo.io/edwards25519"

	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/precompile"
)

// scalar25519 is a random scalar of edwards25519.
func (b *builder) scalar25519(random *mathrand.ChaCha8) *edwards25519.Scalar {
	var wide [64]byte
	_, _ = random.Read(wide[:])
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		b.fail(err)
	}
	return s
}

// ring is a valid signature of both schemes for small, usual and largest rings.
// use costs the same work and more gas.
func (b *builder) ring() {
	const (
		lsag  = "verifyLSAG(bytes32[],bytes32,bytes,bytes)"
		clsag = "verifyCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)"
	)
	to := precompile.RingAddress
	random := mathrand.NewChaCha8([32]byte{7})
	offset := new(edwards25519.Point).ScalarBaseMult(b.scalar25519(random))
	var secret []byte
	var keys, commitments [][]byte
	var packedKeys, packedCommitments [][32]byte
	for i := range ring.MaxMembers {
		x := b.scalar25519(random)
		if i == 0 {
			secret = x.Bytes()
		}
		key := new(edwards25519.Point).ScalarBaseMult(x)
		commitment := new(edwards25519.Point).Add(key, offset)
		keys, commitments = append(keys, key.Bytes()), append(commitments, commitment.Bytes())
		packedKeys, packedCommitments = append(packedKeys, [32]byte(key.Bytes())), append(packedCommitments, [32]byte(commitment.Bytes()))
	}
	message := [32]byte{9}
	for _, n := range []int{2, 16, ring.MaxMembers} {
		sig, image, err := ring.SignLSAG(random, keys[:n], 0, secret, message[:])
		if err != nil {
			b.fail(err)
			return
		}
		concise, err := ring.SignCLSAG(random, keys[:n], commitments[:n], offset.Bytes(), 0, secret, secret, message[:])
		if err != nil {
			b.fail(err)
			return
		}
		b.add(fmt.Sprintf("LSAG verify, ring of %d", n), to, false, lsag, packedKeys[:n], [32]byte(image), message[:], sig)
		b.add(fmt.Sprintf("CLSAG verify, ring of %d", n), to, false, clsag, packedKeys[:n], packedCommitments[:n], [32]byte(offset.Bytes()), message, concise.Bytes())
	}
	long := make([]byte, 100_000)
	sig, image, err := ring.SignLSAG(random, keys[:2], 0, secret, long)
	if err != nil {
		b.fail(err)
		return
	}
	b.add("LSAG verify, ring of 2, 100 kB message", to, false, lsag, packedKeys[:2], [32]byte(image), long, sig)
	b.add("ring isUsed", to, false, "isUsed(address,bytes32)", to, [32]byte(image))
}
