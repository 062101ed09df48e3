// Package cggmp21 checks from outside what the parties of a threshold ECDSA
// signature publish: the group's signature on secp256k1, the commitments that
// a presignature leaves, and each party's partial signature against its own
// commitments. It holds no secret and runs none of the protocol's rounds.
//
// The protocol is Canetti, Gennaro, Goldfeder, Makriyannis, Peled, "UC
// Non-Interactive, Proactive, Threshold ECDSA with Identifiable Aborts" (ePrint
// 2021/060; figures as in its versions before 2024): presigning leaves party i
// with shares k_i of a nonce k and chi_i of kx, and all with R = (1/k) G (figure
// 7); to sign m, party i sends sigma_i = k_i m + r chi_i, where r is the
// x-coordinate of R, and s is the sum of them (figure 8). The paper finds a cheat
// by proofs about Paillier ciphertexts,
// which no chain can afford. Here each party publishes two points before it
// signs,
//
//	K_i = k_i R and S_i = chi_i R,
//
// and then everybody can check, with m and r known,
//
//	sigma_i R = m K_i + r S_i.                         (1)
//
// Multiplication by R is injective on scalars below the group's prime order, so
// for given K_i and S_i exactly one sigma_i fits: who follows the protocol is
// never blamed, and any other partial signature is. Further, when
//
//	K_1 + ... + K_n = G and S_1 + ... + S_n = X        (2)
//
// for the group key X, summing (1) gives s R = m G + r X, which is ECDSA's
// verification of (r, s). Thus under (2) a signature that fails has a partial
// signature that fails (1), and its sender is found. Commitments that fail (2)
// point at nobody: their cheat is found by the paper's proofs, off the chain,
// before anybody signs.
package cggmp21

import (
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Sizes in bytes of compressed points, scalars and signatures (r || s).
const (
	PointSize     = 33
	ScalarSize    = 32
	SignatureSize = 64
)

// ErrEncoding reports bytes that are not the one encoding of a point of
// secp256k1, of a scalar, or of a signature.
var ErrEncoding = errors.New("cggmp21: not a canonical encoding")

// Commitment is what one party publishes before it signs: compressed points.
type Commitment struct {
	R []byte // (1/k) G, the same for all parties
	K []byte // k_i R
	S []byte // chi_i R
}

func point(b []byte) (*secp256k1.JacobianPoint, error) {
	if len(b) == PointSize {
		if p, err := secp256k1.ParsePubKey(b); err == nil {
			out := new(secp256k1.JacobianPoint)
			p.AsJacobian(out)
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: a point of %d bytes", ErrEncoding, len(b))
}

func scalar(b []byte) (*secp256k1.ModNScalar, error) {
	var s secp256k1.ModNScalar
	if len(b) != ScalarSize || s.SetByteSlice(b) {
		return nil, fmt.Errorf("%w: a scalar of %d bytes", ErrEncoding, len(b))
	}
	return &s, nil
}

// digest is the number that ECDSA makes of a hash (SEC 1, section 4.1.3).
func digest(hash [32]byte) *secp256k1.ModNScalar {
	var m secp256k1.ModNScalar
	m.SetBytes(&hash)
	return &m
}

// x is the coordinate of an affine point as a scalar; zero is refused, since no
// signature has it.
func x(p *secp256k1.JacobianPoint) (*secp256k1.ModNScalar, error) {
	var r secp256k1.ModNScalar
	b := p.X.Bytes()
	r.SetBytes(b)
	if r.IsZero() {
		return nil, fmt.Errorf("%w: R has x = 0", ErrEncoding)
	}
	return &r, nil
}

func (c Commitment) points() (r, k, s *secp256k1.JacobianPoint, err error) {
	if r, err = point(c.R); err != nil {
		return nil, nil, nil, fmt.Errorf("point R: %w", err)
	}
	if k, err = point(c.K); err != nil {
		return nil, nil, nil, fmt.Errorf("point K: %w", err)
	}
	if s, err = point(c.S); err != nil {
		return nil, nil, nil, fmt.Errorf("point S: %w", err)
	}
	_, err = x(r)
	return r, k, s, err
}

// Check reports whether all three are points, none of them infinity.
func (c Commitment) Check() error {
	_, _, _, err := c.points()
	return err
}

// Partial reports whether sigma is the one partial signature of hash that fits
// the commitment: equation (1).
func (c Commitment) Partial(hash [32]byte, sigma []byte) (bool, error) {
	r, k, s, err := c.points()
	if err != nil {
		return false, err
	}
	z, err := scalar(sigma)
	if err != nil {
		return false, err
	}
	rx, err := x(r)
	if err != nil {
		return false, err
	}
	var left, mK, rS, right secp256k1.JacobianPoint
	secp256k1.ScalarMultNonConst(z, r, &left)
	secp256k1.ScalarMultNonConst(digest(hash), k, &mK)
	secp256k1.ScalarMultNonConst(rx, s, &rS)
	secp256k1.AddNonConst(&mK, &rS, &right)
	return equal(&left, &right), nil
}

func equal(a, b *secp256k1.JacobianPoint) bool {
	a.ToAffine()
	b.ToAffine()
	return a.X.Equals(&b.X) && a.Y.Equals(&b.Y)
}

// Consistent reports whether the commitments of one presignature add up for the
// group key: equation (2), over one R.
func Consistent(groupKey []byte, commitments []Commitment) (bool, error) {
	key, err := point(groupKey)
	if err != nil {
		return false, fmt.Errorf("group key: %w", err)
	}
	var sumK, sumS, base secp256k1.JacobianPoint
	same := len(commitments) > 0
	for i, c := range commitments {
		_, k, s, err := c.points()
		if err != nil {
			return false, fmt.Errorf("commitment %d: %w", i, err)
		}
		same = same && string(c.R) == string(commitments[0].R)
		secp256k1.AddNonConst(&sumK, k, &sumK)
		secp256k1.AddNonConst(&sumS, s, &sumS)
	}
	secp256k1.ScalarBaseMultNonConst(new(secp256k1.ModNScalar).SetInt(1), &base)
	return same && equal(&sumK, &base) && equal(&sumS, key), nil
}

// Verify reports whether signature, r || s, is the group's ECDSA signature of
// hash. Of the two values of s that would do only the lower is valid. A
// malformed key, and an r or s of zero or from the order on, is an error.
func Verify(groupKey []byte, hash [32]byte, signature []byte) (bool, error) {
	if _, err := point(groupKey); err != nil {
		return false, err
	}
	key, err := secp256k1.ParsePubKey(groupKey)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if len(signature) != SignatureSize {
		return false, fmt.Errorf("%w: a signature of %d bytes, want %d", ErrEncoding, len(signature), SignatureSize)
	}
	r, errR := scalar(signature[:ScalarSize])
	s, errS := scalar(signature[ScalarSize:])
	if err := errors.Join(errR, errS); err != nil {
		return false, err
	}
	if r.IsZero() || s.IsZero() {
		return false, fmt.Errorf("%w: a signature with a zero", ErrEncoding)
	}
	return !s.IsOverHalfOrder() && ecdsa.NewSignature(r, s).Verify(hash[:], key), nil
}
