package ring

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

// Domains of Monero's CLSAG hashes (ePrint 2019/654, section 4), zero-padded to
// 32 bytes.
const (
	clsagAggregateKey        = "CLSAG_agg_0"
	clsagAggregateCommitment = "CLSAG_agg_1"
	clsagRound               = "CLSAG_round"
)

// ErrCommitment reports commitments that don't fit the ring or the opening.
var ErrCommitment = errors.New("ring: the commitments don't fit the ring")

// CLSAG is a concise linkable ring signature over pairs (key, commitment). It
// shows that for one member both the key's secret and the opening to zero of
// commitment minus offset are known. Scalars and points are encoded.
type CLSAG struct {
	Responses  [][]byte // one scalar for each member
	Challenge  []byte   // the first challenge
	Image      []byte   // key image
	Commitment []byte   // the auxiliary key image D, divided by 8
}

// CLSAGSize is the encoded length of a signature by a ring of n, in bytes:
// responses, challenge, image, auxiliary image.
func CLSAGSize(n int) int { return n*ScalarSize + ScalarSize + 2*PointSize }

// Bytes returns the encoding that [ParseCLSAG] reads.
func (s *CLSAG) Bytes() []byte {
	var b []byte
	for _, r := range s.Responses {
		b = append(b, r...)
	}
	b = append(b, s.Challenge...)
	b = append(b, s.Image...)
	return append(b, s.Commitment...)
}

// ParseCLSAG splits the encoding of a signature by a ring of n; [VerifyCLSAG]
// checks the parts.
func ParseCLSAG(b []byte, n int) (*CLSAG, error) {
	if n < MinMembers || n > MaxMembers || len(b) != CLSAGSize(n) {
		return nil, fmt.Errorf("%w: %d bytes for a ring of %d", ErrSignature, len(b), n)
	}
	s := new(CLSAG)
	for range n {
		s.Responses, b = append(s.Responses, b[:ScalarSize]), b[ScalarSize:]
	}
	s.Challenge, s.Image, s.Commitment = b[:32], b[32:64], b[64:]
	return s, nil
}

// clsagInput is what both sides hash.
type clsagInput struct {
	points  []*edwards25519.Point // members
	offsets []*edwards25519.Point // commitments minus the offset
	joined  [][]byte              // keys, then commitments, as sent
	offset  []byte
}

func newCLSAGInput(ring, commitments [][]byte, offset []byte) (*clsagInput, error) {
	points, err := members(ring)
	if err != nil {
		return nil, err
	}
	if len(commitments) != len(ring) {
		return nil, fmt.Errorf("%w: %d for %d members", ErrCommitment, len(commitments), len(ring))
	}
	off, err := point(offset)
	if err != nil {
		return nil, fmt.Errorf("offset: %w", err)
	}
	in := &clsagInput{points: points, offset: offset}
	for i, c := range commitments {
		p, err := point(c)
		if err != nil {
			return nil, fmt.Errorf("commitment %d: %w", i, err)
		}
		in.offsets = append(in.offsets, p.Subtract(p, off))
	}
	in.joined = append(append(in.joined, ring...), commitments...)
	return in, nil
}

func padded(domain string) []byte {
	b := make([]byte, 32)
	copy(b, domain)
	return b
}

// aggregate returns the two coefficients that merge keys and commitments.
func (in *clsagInput) aggregate(image, auxiliary []byte) (key, commitment *edwards25519.Scalar) {
	hash := func(domain string) *edwards25519.Scalar {
		parts := append([][]byte{padded(domain)}, in.joined...)
		return hashToScalar(append(parts, image, auxiliary, in.offset)...)
	}
	return hash(clsagAggregateKey), hash(clsagAggregateCommitment)
}

func (in *clsagInput) challenge(message []byte, left, right *edwards25519.Point) *edwards25519.Scalar {
	parts := append([][]byte{padded(clsagRound)}, in.joined...)
	return hashToScalar(append(parts, in.offset, message, left.Bytes(), right.Bytes())...)
}

// step returns sG + c(mu_P P + mu_C C) and s Hp(P) + c(mu_P I + mu_C D).
func (in *clsagInput) step(i int, key []byte, s, c, muP, muC *edwards25519.Scalar, image, auxiliary *edwards25519.Point) (left, right *edwards25519.Point) {
	cp := edwards25519.NewScalar().Multiply(c, muP)
	cc := edwards25519.NewScalar().Multiply(c, muC)
	triple := []*edwards25519.Scalar{s, cp, cc}
	left = new(edwards25519.Point).VarTimeMultiScalarMult(triple, []*edwards25519.Point{edwards25519.NewGeneratorPoint(), in.points[i], in.offsets[i]})
	right = new(edwards25519.Point).VarTimeMultiScalarMult(triple, []*edwards25519.Point{HashToPoint(key), image, auxiliary})
	return left, right
}

// MessageSize is the length in bytes of what [SignCLSAG] signs: a hash.
const MessageSize = 32

// SignCLSAG signs a 32-byte message as member at, who knows the key's secret
// scalar and the scalar opening that commitment - offset is opening x G.
func SignCLSAG(random io.Reader, ring, commitments [][]byte, offset []byte, at int, secret, opening, message []byte) (*CLSAG, error) {
	in, err := newCLSAGInput(ring, commitments, offset)
	if err != nil {
		return nil, err
	}
	if len(message) != MessageSize {
		return nil, fmt.Errorf("%w: the message is %d bytes, want %d", ErrSignature, len(message), MessageSize)
	}
	x, errX := edwards25519.NewScalar().SetCanonicalBytes(secret)
	z, errZ := edwards25519.NewScalar().SetCanonicalBytes(opening)
	if errX != nil || errZ != nil || at < 0 || at >= len(ring) ||
		new(edwards25519.Point).ScalarBaseMult(x).Equal(in.points[at]) != 1 {
		return nil, ErrKey
	}
	if new(edwards25519.Point).ScalarBaseMult(z).Equal(in.offsets[at]) != 1 {
		return nil, fmt.Errorf("%w: the opening is not the named member's", ErrCommitment)
	}
	base := HashToPoint(ring[at])
	img := new(edwards25519.Point).ScalarMult(x, base)
	auxiliary := new(edwards25519.Point).ScalarMult(z, base)
	sig := &CLSAG{
		Responses:  make([][]byte, len(ring)),
		Image:      img.Bytes(),
		Commitment: new(edwards25519.Point).ScalarMult(eighth, auxiliary).Bytes(),
	}
	muP, muC := in.aggregate(sig.Image, sig.Commitment)
	alpha, err := randomScalar(random)
	if err != nil {
		return nil, err
	}
	left := new(edwards25519.Point).ScalarBaseMult(alpha)
	right := new(edwards25519.Point).ScalarMult(alpha, base)
	n := len(ring)
	for i := (at + 1) % n; ; i = (i + 1) % n {
		c := in.challenge(message, left, right)
		if i == 0 {
			sig.Challenge = c.Bytes()
		}
		if i == at {
			// alpha = s + c (mu_P x + mu_C z)
			w := edwards25519.NewScalar().Multiply(muP, x)
			w.MultiplyAdd(muC, z, w)
			w.Multiply(w, c)
			sig.Responses[at] = w.Subtract(alpha, w).Bytes()
			return sig, nil
		}
		s, err := randomScalar(random)
		if err != nil {
			return nil, err
		}
		sig.Responses[i] = s.Bytes()
		left, right = in.step(i, ring[i], s, c, muP, muC, img, auxiliary)
	}
}

// VerifyCLSAG reports whether sig was made over message by a member of the ring
// whose commitment minus offset opens to zero. Malformed input is an error; a
// signature that merely doesn't verify is not.
func VerifyCLSAG(ring, commitments [][]byte, offset, message []byte, sig *CLSAG) (bool, error) {
	in, err := newCLSAGInput(ring, commitments, offset)
	if err != nil {
		return false, err
	}
	if len(message) != MessageSize || len(sig.Responses) != len(ring) {
		return false, fmt.Errorf("%w: %d responses for %d members, a message of %d bytes", ErrSignature, len(sig.Responses), len(ring), len(message))
	}
	img, err := image(sig.Image)
	if err != nil {
		return false, fmt.Errorf("key image: %w", err)
	}
	auxiliary, err := point(sig.Commitment)
	if err != nil {
		return false, fmt.Errorf("auxiliary image: %w", err)
	}
	auxiliary.MultByCofactor(auxiliary)
	first, err := edwards25519.NewScalar().SetCanonicalBytes(sig.Challenge)
	if err != nil {
		return false, fmt.Errorf("%w: the challenge is not below the group order", ErrSignature)
	}
	muP, muC := in.aggregate(sig.Image, sig.Commitment)
	c := first
	for i, key := range ring {
		s, err := edwards25519.NewScalar().SetCanonicalBytes(sig.Responses[i])
		if err != nil {
			return false, fmt.Errorf("%w: response %d is not below the group order", ErrSignature, i)
		}
		left, right := in.step(i, key, s, c, muP, muC, img, auxiliary)
		c = in.challenge(message, left, right)
	}
	return c.Equal(first) == 1, nil
}
