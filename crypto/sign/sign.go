// Package sign is the composite signature of suite 1: ML-DSA-87 (FIPS 204)
// and Ed25519 (RFC 8032) over the same message. A signature is valid only when
// both halves are, so it stays unforgeable while either scheme does.
//
// Both halves sign under a context string: ML-DSA through its ctx argument
// (FIPS 204, section 5.2), Ed25519 over a prefix of context length and context,
// so that a signature made for one purpose is worthless for another.
package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// Sizes in bytes. The ML-DSA-87 half comes first everywhere (FIPS 204, table 2).
const (
	SeedSize      = mldsa87.SeedSize + ed25519.SeedSize           // 64
	PublicKeySize = mldsa87.PublicKeySize + ed25519.PublicKeySize // 2624
	SignatureSize = mldsa87.SignatureSize + ed25519.SignatureSize // 4691
	// MaxContext is the longest context string (FIPS 204, algorithm 2).
	MaxContext = 255
)

var (
	// ErrSize reports a seed or key of the wrong length.
	ErrSize = errors.New("sign: wrong length")
	// ErrContext reports a context above [MaxContext] bytes.
	ErrContext = errors.New("sign: context longer than 255 bytes")
)

// PublicKey verifies composite signatures. It is immutable.
type PublicKey struct {
	pq  mldsa87.PublicKey
	ed  ed25519.PublicKey
	raw []byte
}

// PrivateKey makes composite signatures. It never leaves the process but as its
// seed, and prints as nothing.
type PrivateKey struct {
	pq   *mldsa87.PrivateKey
	ed   ed25519.PrivateKey
	seed [SeedSize]byte
	pub  *PublicKey
}

// NewPrivateKey derives a key from a seed of [SeedSize] bytes: the seed ξ of
// FIPS 204, algorithm 6, then the Ed25519 seed of RFC 8032, section 5.1.5.
func NewPrivateKey(seed []byte) (*PrivateKey, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("%w: seed is %d bytes, want %d", ErrSize, len(seed), SeedSize)
	}
	k := new(PrivateKey)
	copy(k.seed[:], seed)
	pub, priv := mldsa87.NewKeyFromSeed((*[mldsa87.SeedSize]byte)(seed[:mldsa87.SeedSize]))
	k.pq, k.ed = priv, ed25519.NewKeyFromSeed(seed[mldsa87.SeedSize:])
	edPub, ok := k.ed.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("sign: Ed25519 key without a public half")
	}
	k.pub = newPublicKey(pub, edPub)
	return k, nil
}

// ParsePublicKey reads a key of [PublicKeySize] bytes.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("%w: public key is %d bytes, want %d", ErrSize, len(b), PublicKeySize)
	}
	var pq mldsa87.PublicKey
	if err := pq.UnmarshalBinary(b[:mldsa87.PublicKeySize]); err != nil {
		return nil, fmt.Errorf("sign: reading the ML-DSA-87 key: %w", err)
	}
	return newPublicKey(&pq, bytes.Clone(b[mldsa87.PublicKeySize:])), nil
}

func newPublicKey(pq *mldsa87.PublicKey, ed ed25519.PublicKey) *PublicKey {
	return &PublicKey{pq: *pq, ed: ed, raw: append(pq.Bytes(), ed...)}
}

// Bytes returns a copy of the encoding that [ParsePublicKey] reads.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.raw) }

// Equal reports whether both keys are the same.
func (p *PublicKey) Equal(o *PublicKey) bool { return o != nil && bytes.Equal(p.raw, o.raw) }

// Verify reports whether sig is a signature of msg under context. A wrong
// length is a wrong signature; which half failed is never told.
func (p *PublicKey) Verify(context string, msg, sig []byte) bool {
	if len(sig) != SignatureSize || len(context) > MaxContext {
		return false
	}
	edOK := ed25519.Verify(p.ed, edMessage(context, msg), sig[mldsa87.SignatureSize:])
	return edOK && mldsa87.Verify(&p.pq, msg, []byte(context), sig[:mldsa87.SignatureSize])
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.pub }

// Seed returns a copy of the seed, for storage only.
func (k *PrivateKey) Seed() []byte { return bytes.Clone(k.seed[:]) }

// Sign returns a signature of [SignatureSize] bytes over msg under context.
// It is deterministic (FIPS 204, section 3.4, with rnd = 0^32).
func (k *PrivateKey) Sign(context string, msg []byte) ([]byte, error) {
	if len(context) > MaxContext {
		return nil, ErrContext
	}
	sig := make([]byte, SignatureSize)
	if err := mldsa87.SignTo(k.pq, msg, []byte(context), false, sig[:mldsa87.SignatureSize]); err != nil {
		return nil, fmt.Errorf("sign: ML-DSA-87: %w", err)
	}
	copy(sig[mldsa87.SignatureSize:], ed25519.Sign(k.ed, edMessage(context, msg)))
	return sig, nil
}

// String hides the key from logs and error messages.
func (*PrivateKey) String() string { return "sign.PrivateKey(hidden)" }

// GoString hides the key from %#v.
func (k *PrivateKey) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// edMessage is "pars ed25519 v1" | len(context) (1 byte) | context | msg.
func edMessage(context string, msg []byte) []byte {
	const tag = "pars ed25519 v1"
	m := make([]byte, 0, len(tag)+1+len(context)+len(msg))
	m = append(m, tag...)
	m = append(m, byte(len(context)))
	m = append(m, context...)
	return append(m, msg...)
}
