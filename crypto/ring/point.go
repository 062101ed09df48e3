// Package ring has linkable ring signatures over edwards25519: LSAG and CLSAG,
// with Monero's hash to the curve, so that key images are Monero's too.
//
// A signature shows that one of the members signed, and never which. Its key
// image is the same for every signature by one key, whatever the ring, so a
// second vote or spend by the same key is recognised and remains unattributed.
//
// Sources: Liu, Wei, Wong, "Linkable spontaneous anonymous group signature for
// ad hoc groups" (ACISP 2004); Goodell, Noether, Blue, "Concise linkable ring
// signatures and forgery against adversarial keys" (ePrint 2019/654); Monero
// research bulletin and source for the hash to the curve.
package ring

import (
	"bytes"
	"errors"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"golang.org/x/crypto/sha3"
)

// PointSize and ScalarSize are encoded lengths in bytes (RFC 8032, 5.1.2).
const (
	PointSize  = 32
	ScalarSize = 32
)

// ErrPoint reports bytes that are not the one encoding of a usable point: not on
// the curve, not canonical, or of small order.
var ErrPoint = errors.New("ring: not a usable curve point")

// point reads a canonical encoding of a point that is not of small order.
func point(b []byte) (*edwards25519.Point, error) {
	p, err := new(edwards25519.Point).SetBytes(b)
	// SetBytes accepts y >= p and the wrong sign of x = 0; encoding again shows it.
	if err != nil || !bytes.Equal(p.Bytes(), b) {
		return nil, ErrPoint
	}
	if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, ErrPoint
	}
	return p, nil
}

// eighth is 1/8 modulo the group order.
var eighth = func() *edwards25519.Scalar {
	b := make([]byte, ScalarSize)
	b[0] = 8
	s, err := edwards25519.NewScalar().SetCanonicalBytes(b)
	if err != nil {
		panic("ring: 8 is not a scalar")
	}
	return s.Invert(s)
}()

// primeOrder reports whether p has no torsion: 8 (p/8) drops every component of
// order dividing 8.
func primeOrder(p *edwards25519.Point) bool {
	q := new(edwards25519.Point).ScalarMult(eighth, p)
	return q.MultByCofactor(q).Equal(p) == 1
}

// image reads a key image: a canonical point of prime order. Without that test,
// adding a point of order 2, 4 or 8 would make a second image for the same key.
func image(b []byte) (*edwards25519.Point, error) {
	p, err := point(b)
	if err != nil || !primeOrder(p) {
		return nil, ErrPoint
	}
	return p, nil
}

func keccak(parts ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	return h.Sum(nil)
}

// hashToScalar is Monero's: Keccak-256 as a little-endian number, reduced.
func hashToScalar(parts ...[]byte) *edwards25519.Scalar {
	var wide [64]byte
	copy(wide[:], keccak(parts...))
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("ring: 64 bytes are not 64 bytes")
	}
	return s
}

// HashToPoint is Monero's hash of a public key to the curve: 8 times the
// Elligator-like map of Keccak-256(key).
func HashToPoint(key []byte) *edwards25519.Point {
	p := fromField(keccak(key))
	return p.MultByCofactor(p)
}

// curveA is the Montgomery form's coefficient A = 486662.
const curveA = 486662

// rootSquare is sqrt(2A(A+2)) and rootOther is sqrt(A(A+2)/i) for i = sqrt(-1).
var rootSquare, rootOther = func() (*field.Element, *field.Element) {
	one := small(1)
	// The "root" of -1 is of i, times a square root of 1; its square is i or -i.
	i, ok := new(field.Element).SqrtRatio(new(field.Element).Negate(one), one)
	product := new(field.Element).Mult32(small(curveA), curveA+2)
	a, ok1 := new(field.Element).SqrtRatio(new(field.Element).Add(product, product), one)
	// SqrtRatio multiplies a non-square with its i, the even root of -1.
	b, ok2 := new(field.Element).SqrtRatio(product, i)
	if ok&ok1&ok2 != 1 {
		panic("ring: the constants of the map to the curve are no squares")
	}
	return a, b
}()

// fromField maps 32 bytes, taken as a number modulo 2^255 - 19 with all 256 bits,
// to a curve point. With u that number, w = 2u^2 + 1 and x = w^2 - 2 A^2 u^2:
// when w/x is a square, X = u sqrt(2A(A+2) w/x), even, and z = -2A u^2; else
// X = -sqrt(A(A+2) w/x) and z = -A. The point is (X, (z-w)/(z+w)).
func fromField(b []byte) *edwards25519.Point {
	u := element(b)
	if b[31]&0x80 != 0 {
		// SetBytes drops bit 255, and 2^255 = 19.
		u.Add(u, small(19))
	}
	square := new(field.Element).Square(u)
	v := new(field.Element).Add(square, square)
	w := new(field.Element).Add(v, small(1))
	x := new(field.Element).Square(w)
	// A^2 exceeds 32 bits: A twice.
	t := new(field.Element).Mult32(v, curveA)
	x.Subtract(x, t.Mult32(t, curveA))

	// One root serves both branches: for a non-square, SqrtRatio gives
	// sqrt(i w/x) with i = sqrt(-1), and A(A+2)/i is a square.
	root, z := new(field.Element), new(field.Element)
	if _, ok := root.SqrtRatio(w, x); ok == 1 {
		root.Multiply(root, u)
		root.Absolute(root.Multiply(root, rootSquare))
		z.Mult32(v, curveA)
		z.Negate(z)
	} else {
		root.Absolute(root.Multiply(root, rootOther))
		root.Negate(root)
		z.Negate(small(curveA))
	}
	// In extended coordinates no division is left.
	sum, difference := new(field.Element).Add(z, w), new(field.Element).Subtract(z, w)
	p, err := new(edwards25519.Point).SetExtendedCoordinates(
		new(field.Element).Multiply(root, sum), difference, sum, new(field.Element).Multiply(root, difference))
	if err != nil {
		// The map is total; the vectors of Monero exercise both branches.
		panic("ring: the map to the curve left the curve")
	}
	return p
}

func element(b []byte) *field.Element {
	e, err := new(field.Element).SetBytes(b)
	if err != nil {
		panic("ring: 32 bytes are not 32 bytes")
	}
	return e
}

func small(n uint32) *field.Element { return new(field.Element).Mult32(new(field.Element).One(), n) }
