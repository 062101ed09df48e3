package frost

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
)

// ErrProof reports a participant whose first message does not prove that it
// knows its own secret.
var ErrProof = errors.New("frost: wrong proof of possession")

// BlamedError is an error that one participant alone is to blame for: nobody
// else, and no channel that delivers what it was given, can cause it.
type BlamedError struct {
	ID  uint16 // the participant, from 1
	Err error  // [ErrProof], [ErrEncoding] or [ErrShare], with what was wrong
}

// Error implements error.
func (e *BlamedError) Error() string { return e.Err.Error() }

// Unwrap implements errors.Unwrap.
func (e *BlamedError) Unwrap() error { return e.Err }

func blame(id uint16, format string, args ...any) error {
	return &BlamedError{ID: id, Err: fmt.Errorf(format, args...)}
}

// DKG is one participant's side of distributed key generation among n people, of
// whom any threshold can sign. Two rounds: everybody broadcasts [Round1] over a
// channel on which all see the same, then sends each other person its share
// over a private channel.
type DKG struct {
	suite        *Suite
	id, n, t     uint16
	context      []byte
	coefficients []*big.Int
	own          Round1
	all          map[uint16]Round1
}

// Round1 is broadcast: commitments to the participant's polynomial and a proof
// of knowledge of its constant term.
type Round1 struct {
	ID          uint16
	Commitments [][]byte // threshold encoded elements
	ProofR      []byte   // encoded element
	ProofZ      []byte   // encoded scalar
}

// NewDKG starts participant id of n (both from 1). context names this key
// generation; all must use the same, and never twice. random gives 64 bytes for
// each coefficient.
func NewDKG(s *Suite, id, n, threshold uint16, context []byte, random io.Reader) (*DKG, Round1, error) {
	if n < 2 || n > MaxSigners || threshold < 2 || threshold > n || id == 0 || id > n {
		return nil, Round1{}, fmt.Errorf("%w: participant %d of %d with threshold %d; want 2 <= threshold <= n <= %d", ErrSigners, id, n, threshold, MaxSigners)
	}
	d := &DKG{suite: s, id: id, n: n, t: threshold, context: bytes.Clone(context)}
	for range threshold {
		k, err := s.randomScalar(random)
		if err != nil {
			return nil, Round1{}, err
		}
		d.coefficients = append(d.coefficients, k)
	}
	d.own = Round1{ID: id}
	for _, k := range d.coefficients {
		d.own.Commitments = append(d.own.Commitments, s.group.base(k).encode())
	}
	nonce, err := s.randomScalar(random)
	if err != nil {
		return nil, Round1{}, err
	}
	d.own.ProofR = s.group.base(nonce).encode()
	c := d.proofChallenge(d.own)
	z := new(big.Int).Mul(c, d.coefficients[0])
	z.Mod(z.Add(z, nonce), s.order)
	d.own.ProofZ = s.encodeScalar(z)
	return d, d.own, nil
}

// randomScalar is uniform in 1..order-1: 128 bits above the order, reduced.
func (s *Suite) randomScalar(random io.Reader) (*big.Int, error) {
	b := make([]byte, s.scalarSize+16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("frost: reading randomness: %w", err)
	}
	k := new(big.Int).SetBytes(b)
	if k.Mod(k, s.order); k.Sign() == 0 {
		return nil, errors.New("frost: the randomness gave zero; try again with a better source")
	}
	return k, nil
}

// proofChallenge is H3 of a tag, the context and the statement.
func (d *DKG) proofChallenge(r Round1) *big.Int {
	b := []byte("pars frost dkg v1")
	b = binary.BigEndian.AppendUint32(b, uint32(len(d.context)))
	b = append(b, d.context...)
	b = binary.BigEndian.AppendUint16(b, r.ID)
	return d.suite.nonce(slices.Concat(b, r.Commitments[0], r.ProofR))
}

// Shares takes everybody's [Round1], one's own included, and returns what to
// send to each other participant, in secret. A first message that is wrong in
// itself is a [BlamedError].
func (d *DKG) Shares(all []Round1) (map[uint16][]byte, error) {
	if len(all) != int(d.n) {
		return nil, fmt.Errorf("%w: %d first messages, want %d", ErrSigners, len(all), d.n)
	}
	d.all = make(map[uint16]Round1, len(all))
	for _, r := range all {
		if _, twice := d.all[r.ID]; twice || r.ID == 0 || r.ID > d.n {
			return nil, fmt.Errorf("%w: identifier %d is out of range or there twice", ErrSigners, r.ID)
		}
		if err := d.checkRound1(r); err != nil {
			return nil, err
		}
		d.all[r.ID] = r
	}
	if own := d.all[d.id]; !bytes.Equal(bytes.Join(own.Commitments, nil), bytes.Join(d.own.Commitments, nil)) {
		return nil, fmt.Errorf("%w: the list has another first message in our name", ErrSigners)
	}
	out := make(map[uint16][]byte, d.n-1)
	for id := uint16(1); id <= d.n; id++ {
		if id != d.id {
			out[id] = d.suite.encodeScalar(d.evaluate(id))
		}
	}
	return out, nil
}

func (d *DKG) checkRound1(r Round1) error {
	s := d.suite
	if len(r.Commitments) != int(d.t) {
		return blame(r.ID, "%w: participant %d commits to %d coefficients, want %d", ErrProof, r.ID, len(r.Commitments), d.t)
	}
	for i, c := range r.Commitments {
		if _, ok := s.group.decode(c); !ok {
			return blame(r.ID, "%w: commitment %d of participant %d", ErrEncoding, i, r.ID)
		}
	}
	public, _ := s.group.decode(r.Commitments[0])
	nonce, okR := s.group.decode(r.ProofR)
	z, okZ := s.decodeScalar(r.ProofZ)
	if !okR || !okZ {
		return blame(r.ID, "%w: proof of participant %d", ErrEncoding, r.ID)
	}
	if !bytes.Equal(s.group.base(z).encode(), nonce.add(public.mul(d.proofChallenge(r))).encode()) {
		return blame(r.ID, "%w: of participant %d", ErrProof, r.ID)
	}
	return nil
}

// evaluate is the participant's polynomial at x.
func (d *DKG) evaluate(x uint16) *big.Int {
	y, at := new(big.Int), big.NewInt(int64(x))
	for _, c := range slices.Backward(d.coefficients) {
		y.Mod(y.Add(y.Mul(y, at), c), d.suite.order)
	}
	return y
}

// commitmentAt evaluates committed polynomials at x, in the exponent.
func (s *Suite) commitmentAt(commitments [][]byte, x uint16) (element, error) {
	var sum element
	at := big.NewInt(int64(x))
	for _, c := range slices.Backward(commitments) {
		e, ok := s.group.decode(c)
		if !ok {
			return nil, ErrEncoding
		}
		if sum == nil {
			sum = e
		} else {
			sum = sum.mul(at).add(e)
		}
	}
	return sum, nil
}

// CheckKeyShare checks the share that a participant of a key generation sent to
// participant to against the sender's commitments. Errors are [ErrEncoding] and
// [ErrShare]. The share's recipient proves with it to others that it was cheated.
func CheckKeyShare(s *Suite, commitments [][]byte, to uint16, share []byte) error {
	k, ok := s.decodeScalar(share)
	if !ok || len(commitments) == 0 {
		return ErrEncoding
	}
	want, err := s.commitmentAt(commitments, to)
	if err != nil {
		return err
	}
	if !bytes.Equal(s.group.base(k).encode(), want.encode()) {
		return ErrShare
	}
	return nil
}

// Finish takes the shares that the others sent, checks each against its
// sender's commitments, and returns the key share and everybody's verification
// key. A wrong share is a [BlamedError] around [ErrShare] or [ErrEncoding].
func (d *DKG) Finish(received map[uint16][]byte) (*Share, map[uint16][]byte, error) {
	s := d.suite
	if d.all == nil || len(received) != int(d.n)-1 {
		return nil, nil, fmt.Errorf("%w: %d shares, want %d, after the first round", ErrSigners, len(received), d.n-1)
	}
	secret := d.evaluate(d.id)
	for id := uint16(1); id <= d.n; id++ {
		if id == d.id {
			continue
		}
		if err := CheckKeyShare(s, d.all[id].Commitments, d.id, received[id]); err != nil {
			return nil, nil, blame(id, "%w: from participant %d", err, id)
		}
		k, _ := s.decodeScalar(received[id])
		secret.Mod(secret.Add(secret, k), s.order)
	}
	publics := make(map[uint16][]byte, d.n)
	at := func(x uint16) ([]byte, error) {
		var sum element
		for id := uint16(1); id <= d.n; id++ {
			e, err := s.commitmentAt(d.all[id].Commitments, x)
			if err != nil {
				return nil, err
			}
			if sum == nil {
				sum = e
			} else {
				sum = sum.add(e)
			}
		}
		if sum.identity() {
			return nil, fmt.Errorf("%w: the keys cancel out", ErrSigners)
		}
		return sum.encode(), nil
	}
	groupKey, err := at(0)
	if err != nil {
		return nil, nil, err
	}
	for id := uint16(1); id <= d.n; id++ {
		if publics[id], err = at(id); err != nil {
			return nil, nil, err
		}
	}
	share, err := NewShare(s, d.id, s.encodeScalar(secret), groupKey)
	return share, publics, err
}
