package kem

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
)

// The post-quantum half alone, for protocols whose two halves change at
// different times, such as session/ratchet.
const (
	// PQSeedSize is the seed d | z (FIPS 203, section 7.1): 64.
	PQSeedSize = mlkem1024.KeySeedSize
	// PQPublicKeySize is an encapsulation key (FIPS 203, table 3): 1568.
	PQPublicKeySize = mlkem1024.PublicKeySize
)

// PQPublicKey is an ML-KEM-1024 encapsulation key. It is immutable.
type PQPublicKey struct{ key mlkem1024.PublicKey }

// PQPrivateKey is an ML-KEM-1024 decapsulation key. It prints as nothing.
type PQPrivateKey struct {
	key *mlkem1024.PrivateKey
	pub [PQPublicKeySize]byte
}

// NewPQPrivateKey derives a key from a seed of [PQSeedSize] bytes, d and z of
// FIPS 203, algorithm 16.
func NewPQPrivateKey(seed []byte) (*PQPrivateKey, error) {
	if len(seed) != PQSeedSize {
		return nil, fmt.Errorf("%w: seed is %d bytes, want %d", ErrSize, len(seed), PQSeedSize)
	}
	pub, priv := mlkem1024.NewKeyFromSeed(seed)
	k := &PQPrivateKey{key: priv}
	pub.Pack(k.pub[:])
	return k, nil
}

// ParsePQPublicKey reads a key of [PQPublicKeySize] bytes and does the
// encapsulation key check of FIPS 203, section 7.2. Errors match [ErrSize] and
// [ErrPublicKey].
func ParsePQPublicKey(b []byte) (*PQPublicKey, error) {
	if len(b) != PQPublicKeySize {
		return nil, fmt.Errorf("%w: ML-KEM-1024 key is %d bytes, want %d", ErrSize, len(b), PQPublicKeySize)
	}
	p := new(PQPublicKey)
	if err := p.key.Unpack(b); err != nil {
		return nil, fmt.Errorf("%w: a coefficient of the ML-KEM-1024 key is not below 3329", ErrPublicKey)
	}
	return p, nil
}

// Encapsulate is [PublicKey.Encapsulate] for this half alone.
func (p *PQPublicKey) Encapsulate(rand io.Reader) (ciphertext, shared []byte, err error) {
	return encapsulate(&p.key, rand)
}

// Public returns the encapsulation key of [PQPublicKeySize] bytes.
func (k *PQPrivateKey) Public() []byte {
	pub := k.pub
	return pub[:]
}

// Decapsulate is [PrivateKey.Decapsulate] for this half alone.
func (k *PQPrivateKey) Decapsulate(ciphertext []byte) ([]byte, error) {
	return decapsulate(k.key, ciphertext)
}

// String hides the key from logs and error messages.
func (PQPrivateKey) String() string { return "kem.PQPrivateKey(hidden)" }

// GoString hides the key from %#v.
func (k PQPrivateKey) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k PQPrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

func encapsulate(key *mlkem1024.PublicKey, rand io.Reader) (ciphertext, shared []byte, err error) {
	m := make([]byte, mlkem1024.EncapsulationSeedSize)
	defer clear(m)
	if _, err := io.ReadFull(rand, m); err != nil {
		return nil, nil, fmt.Errorf("kem: reading randomness: %w", err)
	}
	ciphertext, shared = make([]byte, CiphertextSize), make([]byte, SharedSize)
	key.EncapsulateTo(ciphertext, shared, m)
	return ciphertext, shared, nil
}

func decapsulate(key *mlkem1024.PrivateKey, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) != CiphertextSize {
		return nil, fmt.Errorf("%w: ciphertext is %d bytes, want %d", ErrSize, len(ciphertext), CiphertextSize)
	}
	shared := make([]byte, SharedSize)
	key.DecapsulateTo(shared, ciphertext)
	return shared, nil
}
