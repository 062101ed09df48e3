package stark

import (
	"encoding/binary"
	"math/bits"
)

// Modulus is p = 2^64 - 2^32 + 1, the order of the base field.
const Modulus = 0xFFFFFFFF00000001

const (
	// epsilon is 2^64 mod p.
	epsilon = 0xFFFFFFFF
	// generator generates the multiplicative group and is the offset of every
	// evaluation domain.
	generator = 7
	// twoAdicRoot has order 2^32.
	twoAdicRoot  = 7277203076849721926
	twoAdicity   = 32
	elementBytes = 8
)

// Base field elements are uint64 in canonical form, below [Modulus].

func add(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	// a, b < p, so a + b - p < p: one subtraction is enough, and when the sum
	// passed 2^64 it is the addition of epsilon modulo 2^64.
	if carry == 1 || s >= Modulus {
		s -= Modulus
	}
	return s
}

func sub(a, b uint64) uint64 {
	d, borrow := bits.Sub64(a, b, 0)
	if borrow == 1 {
		d += Modulus
	}
	return d
}

// mul reduces the 128-bit product with 2^64 = 2^32 - 1 and 2^96 = -1 (mod p).
func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	t, borrow := bits.Sub64(lo, hi>>32, 0)
	if borrow == 1 {
		t -= epsilon
	}
	r, carry := bits.Add64(t, (hi&epsilon)*epsilon, 0)
	if carry == 1 {
		r += epsilon
	}
	if r >= Modulus {
		r -= Modulus
	}
	return r
}

func pow(a, e uint64) uint64 {
	r := uint64(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			r = mul(r, a)
		}
		a = mul(a, a)
	}
	return r
}

// inv returns 1/a by Fermat. The caller excludes zero.
func inv(a uint64) uint64 { return pow(a, Modulus-2) }

// rootOfUnity returns the generator of the subgroup of order 2^log.
func rootOfUnity(log int) uint64 {
	r := uint64(twoAdicRoot)
	for i := log; i < twoAdicity; i++ {
		r = mul(r, r)
	}
	return r
}

// element is an element of the extension field of the proof's degree d: the
// coefficients of a polynomial of degree below d, constant term first, the rest
// zero.
type element [3]uint64

func embed(a uint64) element { return element{a} }

func (a element) isZero() bool { return a == element{} }

func (a element) add(b element) element {
	return element{add(a[0], b[0]), add(a[1], b[1]), add(a[2], b[2])}
}

func (a element) sub(b element) element {
	return element{sub(a[0], b[0]), sub(a[1], b[1]), sub(a[2], b[2])}
}

// scale multiplies by a base field element.
func (a element) scale(b uint64) element {
	return element{mul(a[0], b), mul(a[1], b), mul(a[2], b)}
}

// field is the extension of degree 1, 2 or 3:
// GF(p), GF(p)[x]/(x^2 - x + 2), GF(p)[x]/(x^3 - x - 1).
type field struct{ degree int }

// size is the encoded length of an element in bytes.
func (f field) size() int { return f.degree * elementBytes }

func (f field) mul(a, b element) element {
	switch f.degree {
	case 1:
		return element{mul(a[0], b[0])}
	case 2: // x^2 = x - 2
		low, high := mul(a[0], b[0]), mul(a[1], b[1])
		cross := add(mul(a[0], b[1]), mul(a[1], b[0]))
		return element{sub(low, add(high, high)), add(cross, high)}
	default: // x^3 = x + 1, x^4 = x^2 + x
		c0 := mul(a[0], b[0])
		c1 := add(mul(a[0], b[1]), mul(a[1], b[0]))
		c2 := add(add(mul(a[0], b[2]), mul(a[2], b[0])), mul(a[1], b[1]))
		c3 := add(mul(a[1], b[2]), mul(a[2], b[1]))
		c4 := mul(a[2], b[2])
		return element{add(c0, c3), add(c1, add(c3, c4)), add(c2, c4)}
	}
}

func (f field) pow(a element, e uint64) element {
	r := embed(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			r = f.mul(r, a)
		}
		a = f.mul(a, a)
	}
	return r
}

// inv returns 1/a. The caller excludes zero.
func (f field) inv(a element) element {
	switch f.degree {
	case 1:
		return element{inv(a[0])}
	case 2: // the conjugate of x is 1 - x
		norm := add(add(mul(a[0], a[0]), mul(a[0], a[1])), mul(2, mul(a[1], a[1])))
		n := inv(norm)
		return element{mul(add(a[0], a[1]), n), mul(sub(0, a[1]), n)}
	default: // Cramer's rule on the matrix of multiplication by a
		m11, m12, m21 := add(a[0], a[2]), add(a[1], a[2]), a[1]
		b0 := sub(mul(m11, m11), mul(m12, m21))
		b1 := sub(mul(m12, a[2]), mul(a[1], m11))
		b2 := sub(mul(a[1], m21), mul(m11, a[2]))
		det := add(add(mul(a[0], b0), mul(a[2], b1)), mul(a[1], b2))
		return element{b0, b1, b2}.scale(inv(det))
	}
}

// invertAll inverts every element of v in place with one inversion. None may
// be zero.
func (f field) invertAll(v []element) {
	prefix := make([]element, len(v))
	acc := embed(1)
	for i, a := range v {
		prefix[i] = acc
		acc = f.mul(acc, a)
	}
	acc = f.inv(acc)
	for i := len(v) - 1; i >= 0; i-- {
		a := v[i]
		v[i] = f.mul(acc, prefix[i])
		acc = f.mul(acc, a)
	}
}

// decode reads one canonical element from the first f.size() bytes of b.
func (f field) decode(b []byte) (element, bool) {
	var a element
	for i := range f.degree {
		a[i] = binary.LittleEndian.Uint64(b[i*elementBytes:])
		if a[i] >= Modulus {
			return element{}, false
		}
	}
	return a, true
}

// decodeAll reads len(b)/f.size() canonical elements.
func (f field) decodeAll(b []byte) ([]element, bool) {
	out := make([]element, len(b)/f.size())
	for i := range out {
		var ok bool
		if out[i], ok = f.decode(b[i*f.size():]); !ok {
			return nil, false
		}
	}
	return out, true
}
