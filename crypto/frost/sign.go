package frost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
)

var (
	// ErrEncoding reports bytes that are not the one encoding of an element or
	// scalar of the suite.
	ErrEncoding = errors.New("frost: not a canonical encoding")
	// ErrSigners reports a set of signers that can't sign together: empty, with
	// an identifier of zero, twice the same, or without the one that is needed.
	ErrSigners = errors.New("frost: unusable set of signers")
	// ErrShare reports a share that does not fit its owner's commitments.
	ErrShare = errors.New("frost: wrong share")
	// ErrUsed reports nonces that were used before. A second use gives the secret
	// away.
	ErrUsed = errors.New("frost: nonces were used before")
)

// MaxSigners bounds a set of signers.
const MaxSigners = 255

// Commitment is what a signer publishes in round one.
type Commitment struct {
	ID      uint16 // the signer, from 1
	Hiding  []byte // encoded element
	Binding []byte // encoded element
}

// CheckCommitment checks that both elements of a commitment are canonical. The
// error is [ErrEncoding] and the fault of the one who signed the commitment.
func CheckCommitment(s *Suite, c Commitment) error {
	_, okH := s.group.decode(c.Hiding)
	_, okB := s.group.decode(c.Binding)
	if !okH || !okB {
		return fmt.Errorf("%w: commitment of signer %d", ErrEncoding, c.ID)
	}
	return nil
}

// Share is one person's part of a group key.
type Share struct {
	suite  *Suite
	id     uint16
	secret *big.Int
	public []byte // secret x G
	group  []byte // the group key
}

// NewShare makes a share from its encoded parts.
func NewShare(s *Suite, id uint16, secret, groupKey []byte) (*Share, error) {
	k, ok := s.decodeScalar(secret)
	if !ok || k.Sign() == 0 || id == 0 {
		return nil, fmt.Errorf("%w: secret share of signer %d", ErrEncoding, id)
	}
	if _, ok := s.group.decode(groupKey); !ok {
		return nil, fmt.Errorf("%w: group key", ErrEncoding)
	}
	return &Share{s, id, k, s.group.base(k).encode(), bytes.Clone(groupKey)}, nil
}

// ID is the signer's identifier, from 1.
func (s *Share) ID() uint16 { return s.id }

// PublicKey is the signer's verification key, with which others check its
// signature shares.
func (s *Share) PublicKey() []byte { return bytes.Clone(s.public) }

// GroupKey is the key under which signatures verify.
func (s *Share) GroupKey() []byte { return bytes.Clone(s.group) }

// Secret returns the encoded secret, for storage only.
func (s *Share) Secret() []byte { return s.suite.encodeScalar(s.secret) }

// String hides the secret.
func (s *Share) String() string { return fmt.Sprintf("frost.Share(%d, hidden)", s.id) }

// GoString hides the secret from %#v.
func (s *Share) GoString() string { return s.String() }

// Format hides the secret from every verb of package fmt.
func (s *Share) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// Nonces are the secret half of a [Commitment]; they sign once.
type Nonces struct {
	hiding, binding *big.Int
	commitment      Commitment
}

// String hides the nonces.
func (*Nonces) String() string { return "frost.Nonces(hidden)" }

// GoString hides the nonces from %#v.
func (n *Nonces) GoString() string { return n.String() }

// Format hides the nonces from every verb of package fmt.
func (n *Nonces) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(n.String())) }

// Commit is round one (RFC 9591, section 5.1). random gives 64 bytes.
func (s *Share) Commit(random io.Reader) (*Nonces, Commitment, error) {
	hiding, err := s.suite.generateNonce(random, s.secret)
	if err != nil {
		return nil, Commitment{}, err
	}
	binding, err := s.suite.generateNonce(random, s.secret)
	if err != nil {
		return nil, Commitment{}, err
	}
	c := Commitment{ID: s.id, Hiding: s.suite.group.base(hiding).encode(), Binding: s.suite.group.base(binding).encode()}
	return &Nonces{hiding, binding, c}, c, nil
}

// generateNonce hashes 32 random bytes with the secret, so that a weak source
// alone does not repeat a nonce (RFC 9591, section 4.1).
func (s *Suite) generateNonce(random io.Reader, secret *big.Int) (*big.Int, error) {
	seed := make([]byte, 32, 32+s.scalarSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("frost: reading randomness: %w", err)
	}
	k := s.nonce(append(seed, s.encodeScalar(secret)...))
	if k.Sign() == 0 {
		return nil, errors.New("frost: the randomness gave a zero nonce; try again with a better source")
	}
	return k, nil
}

// session is what all signers of one message share.
type session struct {
	suite       *Suite
	ids         []uint16
	hiding      []element
	binding     []element
	factors     []*big.Int // binding factors
	groupCommit element
	challenge   *big.Int
}

// newSession checks the commitments and derives binding factors, group
// commitment and challenge (RFC 9591, sections 4.3 to 4.6).
func newSession(s *Suite, groupKey, message []byte, commitments []Commitment) (*session, error) {
	if len(commitments) == 0 || len(commitments) > MaxSigners {
		return nil, fmt.Errorf("%w: %d commitments, want 1 to %d", ErrSigners, len(commitments), MaxSigners)
	}
	if _, ok := s.group.decode(groupKey); !ok {
		return nil, fmt.Errorf("%w: group key", ErrEncoding)
	}
	sorted := slices.Clone(commitments)
	slices.SortFunc(sorted, func(a, b Commitment) int { return int(a.ID) - int(b.ID) })
	n := &session{suite: s}
	var list []byte
	for i, c := range sorted {
		if c.ID == 0 || (i > 0 && sorted[i-1].ID == c.ID) {
			return nil, fmt.Errorf("%w: identifier %d is zero or there twice", ErrSigners, c.ID)
		}
		h, okH := s.group.decode(c.Hiding)
		b, okB := s.group.decode(c.Binding)
		if !okH || !okB {
			return nil, fmt.Errorf("%w: commitment of signer %d", ErrEncoding, c.ID)
		}
		n.ids, n.hiding, n.binding = append(n.ids, c.ID), append(n.hiding, h), append(n.binding, b)
		list = append(list, s.encodeScalar(big.NewInt(int64(c.ID)))...)
		list = append(append(list, c.Hiding...), c.Binding...)
	}
	prefix := slices.Concat(groupKey, s.messageHash(message), s.commitments(list))
	for i, id := range n.ids {
		factor := s.rho(slices.Concat(prefix, s.encodeScalar(big.NewInt(int64(id)))))
		n.factors = append(n.factors, factor)
		part := n.hiding[i].add(n.binding[i].mul(factor))
		if n.groupCommit == nil {
			n.groupCommit = part
		} else {
			n.groupCommit = n.groupCommit.add(part)
		}
	}
	if n.groupCommit.identity() {
		return nil, fmt.Errorf("%w: the commitments cancel out", ErrSigners)
	}
	n.challenge = s.challengeOf(slices.Concat(n.groupCommit.encode(), groupKey, message))
	return n, nil
}

// lagrange is the coefficient at zero of signer id among ids.
func lagrange(order *big.Int, ids []uint16, id uint16) *big.Int {
	num, den := big.NewInt(1), big.NewInt(1)
	for _, j := range ids {
		if j != id {
			num.Mod(num.Mul(num, big.NewInt(int64(j))), order)
			den.Mod(den.Mul(den, big.NewInt(int64(j)-int64(id))), order)
		}
	}
	return num.Mod(num.Mul(num, den.ModInverse(den, order)), order)
}

// Sign is round two (RFC 9591, section 5.2): the signer's share of a signature
// over message by the signers whose commitments are given. It uses nonces up.
func (s *Share) Sign(nonces *Nonces, message []byte, commitments []Commitment) ([]byte, error) {
	if nonces.hiding == nil {
		return nil, ErrUsed
	}
	own := slices.IndexFunc(commitments, func(c Commitment) bool { return c.ID == s.id })
	if own < 0 || !bytes.Equal(commitments[own].Hiding, nonces.commitment.Hiding) || !bytes.Equal(commitments[own].Binding, nonces.commitment.Binding) {
		return nil, fmt.Errorf("%w: signer %d's own commitment is not in the list", ErrSigners, s.id)
	}
	n, err := newSession(s.suite, s.group, message, commitments)
	if err != nil {
		return nil, err
	}
	hiding, binding := nonces.hiding, nonces.binding
	nonces.hiding, nonces.binding = nil, nil

	order := s.suite.order
	z := new(big.Int).Mul(lagrange(order, n.ids, s.id), s.secret)
	z.Mod(z.Mul(z.Mod(z, order), n.challenge), order)
	z.Add(z, new(big.Int).Mul(binding, n.factors[slices.Index(n.ids, s.id)]))
	z.Mod(z.Add(z, hiding), order)
	return s.suite.encodeScalar(z), nil
}

// VerifyShare checks one signer's share (RFC 9591, section 5.4) and thereby
// finds who spoils a signature.
func VerifyShare(s *Suite, groupKey, message []byte, commitments []Commitment, id uint16, publicKey, share []byte) error {
	n, err := newSession(s, groupKey, message, commitments)
	if err != nil {
		return err
	}
	i := slices.Index(n.ids, id)
	if i < 0 {
		return fmt.Errorf("%w: signer %d has no commitment", ErrSigners, id)
	}
	pk, ok := s.group.decode(publicKey)
	if !ok {
		return fmt.Errorf("%w: public key of signer %d", ErrEncoding, id)
	}
	z, ok := s.decodeScalar(share)
	if !ok {
		return fmt.Errorf("%w: share of signer %d", ErrEncoding, id)
	}
	weight := new(big.Int).Mul(n.challenge, lagrange(s.order, n.ids, id))
	want := n.hiding[i].add(n.binding[i].mul(n.factors[i])).add(pk.mul(weight.Mod(weight, s.order)))
	if !bytes.Equal(s.group.base(z).encode(), want.encode()) {
		return fmt.Errorf("%w: of signer %d", ErrShare, id)
	}
	return nil
}

// Aggregate adds the shares up to a signature (RFC 9591, section 5.3). shares
// holds one for every commitment, by identifier. The result is verified: when
// it isn't valid, [VerifyShare] names who is to blame.
func Aggregate(s *Suite, groupKey, message []byte, commitments []Commitment, shares map[uint16][]byte) ([]byte, error) {
	n, err := newSession(s, groupKey, message, commitments)
	if err != nil {
		return nil, err
	}
	if len(shares) != len(n.ids) {
		return nil, fmt.Errorf("%w: %d shares for %d commitments", ErrSigners, len(shares), len(n.ids))
	}
	z := new(big.Int)
	for _, id := range n.ids {
		k, ok := s.decodeScalar(shares[id])
		if !ok {
			return nil, fmt.Errorf("%w: share of signer %d", ErrEncoding, id)
		}
		z.Mod(z.Add(z, k), s.order)
	}
	sig := append(n.groupCommit.encode(), s.encodeScalar(z)...)
	if ok, err := Verify(s, groupKey, message, sig); err != nil || !ok {
		return nil, fmt.Errorf("%w: the shares don't add up to a signature", ErrShare)
	}
	return sig, nil
}

// Verify reports whether sig is the group's signature over message: an encoded
// element R and scalar z with zG = R + cP (RFC 9591, section 6 and appendix B).
// Key and R must be canonical and of prime order, which is stricter than RFC
// 8032 for the two Edwards suites. A malformed key or signature is an error, a
// wrong signature is not.
func Verify(s *Suite, groupKey, message, sig []byte) (bool, error) {
	pk, ok := s.group.decode(groupKey)
	if !ok {
		return false, fmt.Errorf("%w: group key", ErrEncoding)
	}
	if len(sig) != s.SignatureSize() {
		return false, fmt.Errorf("%w: signature is %d bytes, want %d", ErrEncoding, len(sig), s.SignatureSize())
	}
	r, ok := s.group.decode(sig[:s.elementSize])
	if !ok {
		return false, fmt.Errorf("%w: the signature's R", ErrEncoding)
	}
	z, ok := s.decodeScalar(sig[s.elementSize:])
	if !ok {
		return false, fmt.Errorf("%w: the signature's z", ErrEncoding)
	}
	c := s.challengeOf(slices.Concat(sig[:s.elementSize], groupKey, message))
	left, right := s.group.base(z), r.add(pk.mul(c))
	if left.identity() || right.identity() {
		return left.identity() && right.identity(), nil
	}
	return bytes.Equal(left.encode(), right.encode()), nil
}
