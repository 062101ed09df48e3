package frost

import (
	"bytes"
	"math/big"
	"slices"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/ecc/goldilocks"
	circl "github.com/cloudflare/circl/group"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// group is a prime-order group with RFC 9591's encodings (section 3.1).
type group interface {
	// base returns k times the generator. 0 <= k < order.
	base(k *big.Int) element
	// decode reads the one encoding of an element that is not the identity and
	// lies in the prime-order group.
	decode(b []byte) (element, bool)
}

type element interface {
	add(element) element
	mul(k *big.Int) element
	encode() []byte
	identity() bool
}

// fixed returns k in exactly n bytes, in the order asked for.
func fixed(k *big.Int, n int, littleEndian bool) []byte {
	b := k.FillBytes(make([]byte, n))
	if littleEndian {
		slices.Reverse(b)
	}
	return b
}

func fromLittle(b []byte) *big.Int {
	c := bytes.Clone(b)
	slices.Reverse(c)
	return new(big.Int).SetBytes(c)
}

// --- edwards25519 ---

type edGroup struct{}

type edElement struct{ p *edwards25519.Point }

func edScalar(k *big.Int) *edwards25519.Scalar {
	s, err := edwards25519.NewScalar().SetCanonicalBytes(fixed(k, 32, true))
	if err != nil {
		panic("frost: scalar out of range")
	}
	return s
}

// edEighth is 1/8 modulo the order, to drop torsion.
var edEighth = func() *edwards25519.Scalar {
	s := edScalar(big.NewInt(8))
	return s.Invert(s)
}()

func (edGroup) base(k *big.Int) element {
	return edElement{new(edwards25519.Point).ScalarBaseMult(edScalar(k))}
}

func (edGroup) decode(b []byte) (element, bool) {
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil || !bytes.Equal(p.Bytes(), b) {
		return nil, false
	}
	q := new(edwards25519.Point).ScalarMult(edEighth, p)
	e := edElement{p}
	return e, q.MultByCofactor(q).Equal(p) == 1 && !e.identity()
}

func (e edElement) add(o element) element {
	return edElement{new(edwards25519.Point).Add(e.p, o.(edElement).p)}
}

func (e edElement) mul(k *big.Int) element {
	return edElement{new(edwards25519.Point).ScalarMult(edScalar(k), e.p)}
}
func (e edElement) encode() []byte { return e.p.Bytes() }
func (e edElement) identity() bool { return e.p.Equal(edwards25519.NewIdentityPoint()) == 1 }

// --- ristretto255 and P-256, through circl ---

type circlGroup struct{ g circl.Group }

type circlElement struct{ e circl.Element }

func (c circlGroup) scalar(k *big.Int) circl.Scalar { return c.g.NewScalar().SetBigInt(k) }

func (c circlGroup) base(k *big.Int) element {
	return circlElement{c.g.NewElement().MulGen(c.scalar(k))}
}

func (c circlGroup) decode(b []byte) (element, bool) {
	e := c.g.NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return nil, false
	}
	out := circlElement{e}
	// UnmarshalBinary also reads longer forms; encoding again settles it.
	return out, !out.identity() && bytes.Equal(out.encode(), b)
}

func (e circlElement) add(o element) element {
	return circlElement{e.e.Group().NewElement().Add(e.e, o.(circlElement).e)}
}

func (e circlElement) mul(k *big.Int) element {
	g := e.e.Group()
	return circlElement{g.NewElement().Mul(e.e, g.NewScalar().SetBigInt(k))}
}

func (e circlElement) encode() []byte {
	b, err := e.e.MarshalBinaryCompress()
	if err != nil {
		panic("frost: encoding a group element: " + err.Error())
	}
	return b
}
func (e circlElement) identity() bool { return e.e.IsIdentity() }

// --- edwards448 ---

type ed448Group struct{}

type ed448Element struct{ p *goldilocks.Point }

func ed448Scalar(k *big.Int) *goldilocks.Scalar {
	s := new(goldilocks.Scalar)
	s.FromBytes(fixed(k, goldilocks.ScalarSize, true))
	return s
}

// ed448Quarter is 1/4 modulo the order, to drop torsion.
var ed448Quarter = new(big.Int).ModInverse(big.NewInt(4), order448)

func (ed448Group) base(k *big.Int) element {
	return ed448Element{goldilocks.Curve{}.ScalarBaseMult(ed448Scalar(k))}
}

func (ed448Group) decode(b []byte) (element, bool) {
	if len(b) != 57 {
		return nil, false
	}
	p, err := goldilocks.FromBytes(b)
	if err != nil {
		return nil, false
	}
	e := ed448Element{p}
	if e.identity() || !bytes.Equal(e.encode(), b) {
		return nil, false
	}
	q := goldilocks.Curve{}.ScalarMult(ed448Scalar(ed448Quarter), p)
	q.Double()
	q.Double()
	return e, q.IsEqual(p)
}

func (e ed448Element) add(o element) element {
	return ed448Element{goldilocks.Curve{}.Add(e.p, o.(ed448Element).p)}
}

func (e ed448Element) mul(k *big.Int) element {
	return ed448Element{goldilocks.Curve{}.ScalarMult(ed448Scalar(k), e.p)}
}

func (e ed448Element) encode() []byte {
	b := make([]byte, 57)
	if err := e.p.ToBytes(b); err != nil {
		panic("frost: encoding an edwards448 point: " + err.Error())
	}
	return b
}
func (e ed448Element) identity() bool { return e.p.IsIdentity() }

// --- secp256k1 ---

type secpGroup struct{}

type secpElement struct{ p secp256k1.JacobianPoint }

func secpScalar(k *big.Int) *secp256k1.ModNScalar {
	s := new(secp256k1.ModNScalar)
	s.SetByteSlice(fixed(k, 32, false))
	return s
}

func (secpGroup) base(k *big.Int) element {
	var e secpElement
	secp256k1.ScalarBaseMultNonConst(secpScalar(k), &e.p)
	return e.affine()
}

func (e secpElement) affine() secpElement {
	if !e.identity() {
		e.p.ToAffine()
	}
	return e
}

func (secpGroup) decode(b []byte) (element, bool) {
	if len(b) != secp256k1.PubKeyBytesLenCompressed {
		return nil, false
	}
	k, err := secp256k1.ParsePubKey(b)
	if err != nil {
		return nil, false
	}
	var e secpElement
	k.AsJacobian(&e.p)
	return e, true
}

func (e secpElement) add(o element) element {
	other, sum := o.(secpElement), secpElement{}
	secp256k1.AddNonConst(&e.p, &other.p, &sum.p)
	return sum.affine()
}

func (e secpElement) mul(k *big.Int) element {
	var out secpElement
	secp256k1.ScalarMultNonConst(secpScalar(k), &e.p, &out.p)
	return out.affine()
}

func (e secpElement) encode() []byte {
	x, y := e.p.X, e.p.Y
	return secp256k1.NewPublicKey(&x, &y).SerializeCompressed()
}

func (e secpElement) identity() bool {
	return (e.p.X.IsZero() && e.p.Y.IsZero()) || e.p.Z.IsZero()
}
