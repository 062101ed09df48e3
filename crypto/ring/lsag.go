package ring

import (
	"encoding/binary"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

// lsagTag separates these challenges from every other use of the keys.
const lsagTag = "pars lsag v1"

// LSAGSize is the length in bytes of an LSAG signature by a ring of n: the first
// challenge, then a response for each member. The key image is apart.
func LSAGSize(n int) int { return (1 + n) * ScalarSize }

// lsagPrefix binds every challenge to ring, image and message.
func lsagPrefix(ring [][]byte, image, message []byte) []byte {
	parts := [][]byte{[]byte(lsagTag), binary.BigEndian.AppendUint32(nil, uint32(len(ring)))}
	parts = append(parts, ring...)
	return keccak(append(parts, image, keccak(message))...)
}

// SignLSAG signs message as one of ring with the secret scalar of member at, and
// returns signature and key image. random gives 64 bytes for each member.
func SignLSAG(random io.Reader, ring [][]byte, at int, secret, message []byte) (signature, image []byte, err error) {
	points, err := members(ring)
	if err != nil {
		return nil, nil, err
	}
	x, err := edwards25519.NewScalar().SetCanonicalBytes(secret)
	if err != nil || at < 0 || at >= len(ring) || new(edwards25519.Point).ScalarBaseMult(x).Equal(points[at]) != 1 {
		return nil, nil, ErrKey
	}
	base := HashToPoint(ring[at])
	img := new(edwards25519.Point).ScalarMult(x, base)
	image = img.Bytes()
	prefix := lsagPrefix(ring, image, message)

	n := len(ring)
	responses, challenges := make([]*edwards25519.Scalar, n), make([]*edwards25519.Scalar, n)
	alpha, err := randomScalar(random)
	if err != nil {
		return nil, nil, err
	}
	left := new(edwards25519.Point).ScalarBaseMult(alpha)
	right := new(edwards25519.Point).ScalarMult(alpha, base)
	for i := (at + 1) % n; ; i = (i + 1) % n {
		challenges[i] = hashToScalar(prefix, left.Bytes(), right.Bytes())
		if i == at {
			break
		}
		if responses[i], err = randomScalar(random); err != nil {
			return nil, nil, err
		}
		left, right = lsagStep(responses[i], challenges[i], points[i], HashToPoint(ring[i]), img)
	}
	// alpha = s + cx
	responses[at] = edwards25519.NewScalar().Multiply(challenges[at], x)
	responses[at].Subtract(alpha, responses[at])

	signature = append(signature, challenges[0].Bytes()...)
	for _, s := range responses {
		signature = append(signature, s.Bytes()...)
	}
	return signature, image, nil
}

// lsagStep returns sG + cP and s Hp(P) + cI.
func lsagStep(s, c *edwards25519.Scalar, p, hashed, image *edwards25519.Point) (left, right *edwards25519.Point) {
	left = new(edwards25519.Point).VarTimeDoubleScalarBaseMult(c, p, s)
	right = new(edwards25519.Point).VarTimeMultiScalarMult([]*edwards25519.Scalar{s, c}, []*edwards25519.Point{hashed, image})
	return left, right
}

// VerifyLSAG reports whether a member of ring made signature over message with
// the given key image. A malformed ring, image or signature is an error; a
// signature that merely doesn't verify is not.
func VerifyLSAG(ring [][]byte, keyImage, message, signature []byte) (bool, error) {
	points, err := members(ring)
	if err != nil {
		return false, err
	}
	img, err := image(keyImage)
	if err != nil {
		return false, fmt.Errorf("key image: %w", err)
	}
	if len(signature) != LSAGSize(len(ring)) {
		return false, fmt.Errorf("%w: %d bytes, want %d", ErrSignature, len(signature), LSAGSize(len(ring)))
	}
	parts, err := scalars(signature)
	if err != nil {
		return false, err
	}
	prefix := lsagPrefix(ring, keyImage, message)
	c := parts[0]
	for i, p := range points {
		left, right := lsagStep(parts[1+i], c, p, HashToPoint(ring[i]), img)
		c = hashToScalar(prefix, left.Bytes(), right.Bytes())
	}
	return c.Equal(parts[0]) == 1, nil
}
