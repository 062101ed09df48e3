package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/precompile"
)

// allCalls lists the calls, ecrecover first, and what has to be called before.
func allCalls() (calls, before []call, err error) {
	b := new(builder)
	b.ecrecover()
	b.p256()
	b.mlkem()
	b.mldsa()
	b.slhdsa()
	b.ring()
	b.ecies()
	b.hpke()
	b.frost()
	b.ecdsa()
	b.hashes()
	b.stark()
	b.ai()
	b.oracle()
	b.graph()
	b.dex()
	return b.calls, b.before, b.err
}

// builder collects calls, what sets their state up, and the first error.
type builder struct {
	calls  []call
	before []call
	err    error
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// pack is the calldata for a function of the contract at address.
func (b *builder) pack(address common.Address, signature string, args ...any) []byte {
	for _, entry := range precompile.Entries() {
		if entry.Address != address {
			continue
		}
		for _, m := range entry.ABI.Methods {
			if m.Sig != signature {
				continue
			}
			data, err := m.Inputs.Pack(args...)
			if err != nil {
				b.fail(fmt.Errorf("packing %s: %w", signature, err))
			}
			return append(append([]byte(nil), m.ID...), data...)
		}
	}
	b.fail(fmt.Errorf("no function %s at %s", signature, address))
	return nil
}

func (b *builder) add(name string, address common.Address, reverts bool, signature string, args ...any) {
	b.calls = append(b.calls, call{name: name, address: address, reverts: reverts, input: b.pack(address, signature, args...)})
}

// addSlow adds a call that takes up to seconds.
func (b *builder) addSlow(name string, address common.Address, signature string, args ...any) {
	b.add(name, address, false, signature, args...)
	b.calls[len(b.calls)-1].slow = true
}

func (b *builder) ecrecover() {
	seed := sha256.Sum256([]byte("gasbench"))
	key, err := crypto.ToECDSA(seed[:])
	if err != nil {
		b.fail(err)
		return
	}
	sig, err := crypto.Sign(seed[:], key)
	if err != nil {
		b.fail(err)
		return
	}
	input := append(seed[:], common.LeftPadBytes([]byte{sig[64] + 27}, 32)...)
	b.calls = append(b.calls, call{name: "ecrecover", address: common.Address{19: 1}, input: append(input, sig[:64]...)})
}

// extremeT0 overwrites the last polys polynomials of an ML-DSA secret key with
// the least and greatest coefficients in a seeded order: hardly any try to sign
// with it succeeds.
func extremeT0(sk []byte, polys int) {
	r := mathrand.New(mathrand.NewPCG(13, 13))
	t0 := sk[len(sk)-polys*416:]
	clear(t0)
	for bit := 0; bit < len(t0)*8; bit += 13 {
		if r.IntN(2) == 0 {
			continue
		}
		for i := bit; i < bit+13; i++ {
			t0[i/8] |= 1 << (i % 8)
		}
	}
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// p256 is P256VERIFY with a valid signature.
func (b *builder) p256() {
	digest := sha256.Sum256([]byte("gasbench"))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.fail(err)
		return
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		b.fail(err)
		return
	}
	point, err := key.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		b.fail(err)
		return
	}
	input := bytes.Join([][]byte{digest[:], r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32)), point[1:]}, nil)
	b.calls = append(b.calls, call{name: "P256VERIFY", address: precompile.P256VerifyAddress, input: input})
}
