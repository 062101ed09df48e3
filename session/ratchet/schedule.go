package ratchet

import (
	"crypto/cipher"
	"fmt"

	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// The labels of the key schedule, spec/ratchet.md, "Key schedule".
const (
	labelSalt   = "pars ratchet v1"
	labelStart  = "pars ratchet v1 start"
	labelStep   = "pars ratchet v1 step"
	labelRoot   = "pars ratchet v1 root"
	labelChain  = "pars ratchet v1 chain"
	labelKEM    = "pars ratchet v1 kem"
	labelMarker = "pars ratchet v1 marker"
)

const (
	keySize   = chacha20poly1305.KeySize
	nonceSize = chacha20poly1305.NonceSizeX
	tagSize   = chacha20poly1305.Overhead
)

type key = [keySize]byte

// roots is what begins a ratchet.
type roots struct {
	root, chain0, header2    key
	markerFromA, markerFromB key
}

func newRoots(root key, transcript [32]byte) (r roots) {
	out := digest.Derive(root[:], []byte(labelSalt), labelStart+string(transcript[:]), 5*keySize)
	for i, k := range []*key{&r.root, &r.chain0, &r.header2, &r.markerFromA, &r.markerFromB} {
		copy(k[:], out[i*keySize:])
	}
	clear(out)
	return r
}

// absorbStep extends the transcript by the public values of one step; kem is
// empty or a ciphertext and an encapsulation key.
func absorbStep(transcript [32]byte, dh, kem []byte) [32]byte {
	return digest.Sum(labelStep, transcript[:], dh, kem)
}

// step replaces the root key and gives the chain that begins and the header key
// of the same side's next chain. It wipes secret.
func step(root key, transcript [32]byte, secret []byte) (next, chain, header key) {
	out := digest.Derive(secret, root[:], labelRoot+string(transcript[:]), 3*keySize)
	copy(next[:], out)
	copy(chain[:], out[keySize:])
	copy(header[:], out[2*keySize:])
	clear(out)
	clear(secret)
	return next, chain, header
}

// advance takes one message key off a chain.
func advance(chain key) (next, message key) {
	out := digest.Derive(chain[:], nil, labelChain, 2*keySize)
	copy(next[:], out)
	copy(message[:], out[keySize:])
	clear(out)
	return next, message
}

// kemKey is the key of the box with a KEM step's public values.
func kemKey(header key, nonce []byte) (k key) {
	copy(k[:], digest.Derive(header[:], nonce, labelKEM, keySize))
	return k
}

// nextMarker is the marker key of the following week.
func nextMarker(marker key) (next key) {
	copy(next[:], digest.Derive(marker[:], nil, labelMarker, keySize))
	return next
}

func newAEAD(k *key) (cipher.AEAD, error) {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("ratchet: XChaCha20-Poly1305: %w", err)
	}
	return aead, nil
}
