package ring

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

// Ring sizes that are accepted.
const (
	MinMembers = 2
	MaxMembers = 64
)

var (
	// ErrRing reports a ring of the wrong size or with a member twice.
	ErrRing = errors.New("ring: want 2 to 64 distinct members")
	// ErrSignature reports bytes that don't have a signature's form: a wrong
	// length or a scalar that is not below the group order.
	ErrSignature = errors.New("ring: malformed signature")
	// ErrKey reports a secret key that doesn't belong to the named member.
	ErrKey = errors.New("ring: the secret key is not the named member's")
)

// members reads a ring of encoded public keys.
func members(keys [][]byte) ([]*edwards25519.Point, error) {
	if len(keys) < MinMembers || len(keys) > MaxMembers {
		return nil, fmt.Errorf("%w, got %d", ErrRing, len(keys))
	}
	seen := make(map[string]bool, len(keys))
	out := make([]*edwards25519.Point, len(keys))
	for i, k := range keys {
		if seen[string(k)] {
			return nil, fmt.Errorf("%w, member %d is there twice", ErrRing, i)
		}
		seen[string(k)] = true
		var err error
		if out[i], err = point(k); err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
	}
	return out, nil
}

// scalars reads canonical scalars that fill b.
func scalars(b []byte) ([]*edwards25519.Scalar, error) {
	out := make([]*edwards25519.Scalar, len(b)/ScalarSize)
	for i := range out {
		var err error
		if out[i], err = edwards25519.NewScalar().SetCanonicalBytes(b[i*ScalarSize : (i+1)*ScalarSize]); err != nil {
			return nil, fmt.Errorf("%w: scalar %d is not below the group order", ErrSignature, i)
		}
	}
	return out, nil
}

func randomScalar(random io.Reader) (*edwards25519.Scalar, error) {
	var wide [64]byte
	if _, err := io.ReadFull(random, wide[:]); err != nil {
		return nil, fmt.Errorf("ring: reading randomness: %w", err)
	}
	return edwards25519.NewScalar().SetUniformBytes(wide[:])
}

// KeyImage returns the key image of a secret scalar: x HashToPoint(xG).
func KeyImage(secret []byte) ([]byte, error) {
	x, err := edwards25519.NewScalar().SetCanonicalBytes(secret)
	if err != nil {
		return nil, ErrKey
	}
	public := new(edwards25519.Point).ScalarBaseMult(x).Bytes()
	return new(edwards25519.Point).ScalarMult(x, HashToPoint(public)).Bytes(), nil
}
