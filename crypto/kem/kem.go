// Package kem is the key-agreement pair of suite 1: X25519 (RFC 7748) and
// ML-KEM-1024 (FIPS 203) side by side under one name.
//
// The two halves are used separately, because protocols of the session layer
// mix Diffie-Hellman between several pairs with encapsulations to several keys:
// [PrivateKey.DH] is the classical half, [PublicKey.Encapsulate] and
// [PrivateKey.Decapsulate] are the post-quantum one. A protocol that needs
// both to hold must feed both results, the ciphertext and the public keys to
// its key derivation; this package combines nothing.
package kem

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
)

// Sizes in bytes. The X25519 half comes first everywhere.
const (
	// XSize is an X25519 public key, private key or shared secret
	// (RFC 7748, section 5).
	XSize = 32
	// SeedSize is an X25519 private key and the seed d | z of ML-KEM
	// (FIPS 203, section 7.1): 96.
	SeedSize = XSize + mlkem1024.KeySeedSize
	// PublicKeySize is an X25519 public key and an encapsulation key
	// (FIPS 203, table 3): 1600.
	PublicKeySize = XSize + mlkem1024.PublicKeySize
	// CiphertextSize is an ML-KEM-1024 ciphertext (FIPS 203, table 3): 1568.
	CiphertextSize = mlkem1024.CiphertextSize
	// SharedSize is each of the two shared secrets.
	SharedSize = 32
)

var (
	// ErrSize reports a seed, key or ciphertext of the wrong length.
	ErrSize = errors.New("kem: wrong length")
	// ErrPublicKey reports a public key that no key generation gives: a
	// coefficient of the ML-KEM half that is not reduced (FIPS 203, section 7.2)
	// or an X25519 half that is not in its one canonical form.
	ErrPublicKey = errors.New("kem: not a public key")
	// ErrLowOrder reports a peer's X25519 key of low order, whose shared secret
	// would be zero whatever our key is (RFC 7748, section 6.1).
	ErrLowOrder = errors.New("kem: X25519 key of low order")
)

// PublicKey is the public half of a pair. It is immutable.
type PublicKey struct {
	x   *ecdh.PublicKey
	pq  mlkem1024.PublicKey
	raw [PublicKeySize]byte
}

// PrivateKey is a pair. It leaves the process only as its seed, and prints as
// nothing.
type PrivateKey struct {
	x    *ecdh.PrivateKey
	pq   *mlkem1024.PrivateKey
	seed [SeedSize]byte
	pub  *PublicKey
}

// NewPrivateKey derives a pair from a seed of [SeedSize] bytes: the X25519
// private key, then d and z of FIPS 203, algorithm 16.
func NewPrivateKey(seed []byte) (*PrivateKey, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("%w: seed is %d bytes, want %d", ErrSize, len(seed), SeedSize)
	}
	k := new(PrivateKey)
	copy(k.seed[:], seed)
	x, err := ecdh.X25519().NewPrivateKey(k.seed[:XSize])
	if err != nil {
		return nil, errors.New("kem: crypto/ecdh refuses the X25519 half of the seed")
	}
	pub, priv := mlkem1024.NewKeyFromSeed(k.seed[XSize:])
	k.x, k.pq = x, priv
	k.pub = &PublicKey{x: x.PublicKey(), pq: *pub}
	copy(k.pub.raw[:], x.PublicKey().Bytes())
	pub.Pack(k.pub.raw[XSize:])
	return k, nil
}

// Generate makes a pair from [SeedSize] bytes of rand.
func Generate(rand io.Reader) (*PrivateKey, error) {
	seed := make([]byte, SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("kem: reading randomness: %w", err)
	}
	return NewPrivateKey(seed)
}

// ParsePublicKey reads a key of [PublicKeySize] bytes and does the
// encapsulation key check of FIPS 203, section 7.2. Errors match [ErrSize] and
// [ErrPublicKey].
func ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("%w: public key is %d bytes, want %d", ErrSize, len(b), PublicKeySize)
	}
	x, err := ParseX(b[:XSize])
	if err != nil {
		return nil, err
	}
	p := &PublicKey{x: x}
	if err := p.pq.Unpack(b[XSize:]); err != nil {
		return nil, fmt.Errorf("%w: a coefficient of the ML-KEM-1024 half is not below 3329", ErrPublicKey)
	}
	copy(p.raw[:], b)
	return p, nil
}

// ParseX reads an X25519 public key of [XSize] bytes, which must be below
// 2^255 - 19: RFC 7748 would reduce others, and two encodings of one key would
// hash differently. Keys of low order are refused when they are used.
func ParseX(b []byte) (*ecdh.PublicKey, error) {
	if len(b) != XSize {
		return nil, fmt.Errorf("%w: X25519 key is %d bytes, want %d", ErrSize, len(b), XSize)
	}
	if !canonical(b) {
		return nil, fmt.Errorf("%w: the X25519 half is not below 2^255 - 19", ErrPublicKey)
	}
	x, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return x, nil
}

// canonical reports whether the 32 little-endian bytes are below 2^255 - 19.
func canonical(b []byte) bool {
	if b[31] != 0x7f {
		return b[31] < 0x7f
	}
	for _, c := range b[1:31] {
		if c != 0xff {
			return true
		}
	}
	return b[0] < 0xed
}

// Bytes returns a copy of the encoding that [ParsePublicKey] reads.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.raw[:]) }

// X returns the X25519 half.
func (p *PublicKey) X() *ecdh.PublicKey { return p.x }

// Equal reports whether both keys are the same.
func (p *PublicKey) Equal(o *PublicKey) bool { return o != nil && p.raw == o.raw }

// Encapsulate makes a fresh secret of [SharedSize] bytes for the holder of the
// ML-KEM half and the ciphertext of [CiphertextSize] bytes that carries it,
// from 32 bytes of rand (FIPS 203, algorithm 20).
func (p *PublicKey) Encapsulate(rand io.Reader) (ciphertext, shared []byte, err error) {
	return encapsulate(&p.pq, rand)
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.pub }

// Seed returns a copy of the seed, for storage only.
func (k *PrivateKey) Seed() []byte { return bytes.Clone(k.seed[:]) }

// DH returns the X25519 secret of [SharedSize] bytes shared with the holder of
// peer. A peer of low order is [ErrLowOrder].
func (k *PrivateKey) DH(peer *ecdh.PublicKey) ([]byte, error) {
	shared, err := k.x.ECDH(peer)
	if err != nil {
		return nil, ErrLowOrder
	}
	return shared, nil
}

// Decapsulate returns the secret that ciphertext carries (FIPS 203,
// algorithm 21). A ciphertext made for another key, or altered, gives a secret
// that nobody else knows, not an error; only a wrong length is [ErrSize].
func (k *PrivateKey) Decapsulate(ciphertext []byte) ([]byte, error) {
	return decapsulate(k.pq, ciphertext)
}

// String hides the key from logs and error messages.
func (PrivateKey) String() string { return "kem.PrivateKey(hidden)" }

// GoString hides the key from %#v.
func (k PrivateKey) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }
