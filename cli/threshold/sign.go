package threshold

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// MaxSigned bounds what a group signs, in bytes.
const MaxSigned = 1 << 20

// Order is what the signers agree on before. All give the same.
type Order struct {
	Message []byte
	// Signers are the names of those who sign, at least the threshold.
	Signers []string
	// Attempt counts the attempts at this message by these signers, from 1.
	Attempt int
}

// Sign is this person's side of one signature.
type Sign struct {
	home     *Home
	carrier  Carrier
	group    *Group
	message  []byte
	signers  []uint16
	ceremony Ceremony
	state    signState
}

// signState is what survives a crash. The seed, of which the nonces are made,
// and a share of the signature are never both on the disk, and neither is shown
// before it is there: so no nonce signs twice.
type signState struct {
	_       struct{} `cbor:",toarray"`
	Seed    []byte
	First   [][]byte // by signer
	Share   []byte   // our own second message
	Failure []failureWire
}

func (s *Sign) file() string { return "sign/" + s.ceremony.String() + ".pars" }

// StartSign starts to sign a message with a group, or goes on where it was.
// Errors match [ErrSetup].
func (h *Home) StartSign(carrier Carrier, g *Group, order Order) (*Sign, error) {
	ids, err := g.members(order.Signers)
	if err != nil {
		return nil, err
	}
	switch {
	case len(ids) < g.Threshold:
		return nil, fmt.Errorf("%w: %d signers, want at least %d", ErrSetup, len(ids), g.Threshold)
	case len(order.Message) > MaxSigned:
		return nil, fmt.Errorf("%w: a message of %d bytes, want at most %d; sign its hash", ErrSetup, len(order.Message), MaxSigned)
	case order.Attempt < 1 || order.Attempt > 1<<16:
		return nil, fmt.Errorf("%w: attempt %d, want 1 to 65,536", ErrSetup, order.Attempt)
	}
	s := &Sign{home: h, carrier: carrier, group: g, message: order.Message, signers: ids}
	fields := []any{g.hash(), order.Message, uint64(order.Attempt)}
	mine := false
	for _, id := range ids {
		fields = append(fields, uint64(id))
		mine = mine || id == g.Self
	}
	if !mine {
		return nil, fmt.Errorf("%w: you are not among the signers", ErrSetup)
	}
	s.ceremony = digest.Sum("pars threshold sign v1", fields...)
	found, err := h.load(s.file(), &s.state)
	if err != nil {
		return nil, err
	}
	if !found {
		s.state = signState{Seed: make([]byte, 32), First: make([][]byte, len(ids))}
		if _, err := io.ReadFull(h.rand, s.state.Seed); err != nil {
			return nil, fmt.Errorf("threshold: reading randomness: %w", err)
		}
		if err := h.save(s.file(), s.state); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Ceremony names the signature: everybody's program shows the same, or they
// don't agree on message, signers, attempt and group.
func (s *Sign) Ceremony() Ceremony { return s.ceremony }

func (s *Sign) member(i int) Member { return s.group.Members[s.signers[i]-1] }

// Step goes as far as the messages in the carrier allow, and returns the
// signature when it is there. An error that is a [*Failure] ends it.
func (s *Sign) Step() (sig []byte, st Status, err error) {
	st = Status{Round: 1, Rounds: 2}
	sig, err = s.step(&st)
	if f := (*Failure)(nil); errors.As(err, &f) && len(s.state.Failure) == 0 {
		clear(s.state.Seed)
		s.state.Seed, s.state.Failure = nil, failed(f)
		if err := s.save(); err != nil {
			return nil, st, err
		}
	}
	st.Done = sig != nil
	return sig, st, err
}

func (s *Sign) save() error { return s.home.save(s.file(), s.state) }

func (s *Sign) put(k Kind, raw []byte) error {
	return s.carrier.Put(FileName(s.ceremony, k, s.group.Self), raw)
}

func (s *Sign) step(st *Status) ([]byte, error) {
	if len(s.state.Failure) > 0 {
		return nil, s.state.Failure[0].failure()
	}
	var nonces *frost.Nonces
	if len(s.state.Share) == 0 {
		var err error
		if nonces, err = s.commit(); err != nil {
			return nil, err
		}
	}
	if err := s.readFirst(st); err != nil || len(st.Missing) > 0 {
		return nil, err
	}
	list, hashes, err := s.commitments()
	if err != nil {
		return nil, err
	}
	if nonces != nil {
		if err := s.sign(nonces, list, hashes); err != nil {
			return nil, err
		}
	}
	if err := s.put(KindSigShare, s.state.Share); err != nil {
		return nil, err
	}
	st.Round = 2
	return s.readShares(st, list, hashes)
}

// commit makes the nonces out of the seed and shows their commitments.
func (s *Sign) commit() (*frost.Nonces, error) {
	nonces, c, err := s.group.share.Commit(expand(s.state.Seed, s.ceremony, "nonces"))
	if err != nil {
		return nil, err
	}
	raw, err := s.home.message(s.ceremony, KindNonces, s.group.Self, noncesWire{Hiding: c.Hiding, Binding: c.Binding})
	if err != nil {
		return nil, err
	}
	for i, id := range s.signers {
		if id == s.group.Self {
			s.state.First[i] = raw
		}
	}
	return nonces, s.put(KindNonces, raw)
}

// readFirst collects first messages until all are there; then they are fixed.
func (s *Sign) readFirst(st *Status) error {
	for i, id := range s.signers {
		m := s.member(i)
		if id == s.group.Self {
			if err := s.put(KindNonces, s.state.First[i]); err != nil {
				return err
			}
			continue
		}
		known := s.state.First[i]
		var mute Status
		raw, msg := fetch(s.carrier, s.ceremony, KindNonces, id, m, &mute)
		switch {
		case len(known) == 0 && raw == nil:
			st.Missing, st.Unreadable = append(st.Missing, mute.Missing...), append(st.Unreadable, mute.Unreadable...)
		case len(known) == 0:
			s.state.First[i] = raw
		case raw != nil:
			before, err := openMessage(known, s.ceremony, KindNonces, id, m.Key)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			if before.hash != msg.hash {
				return &Failure{[]string{m.Name}, true, m.Name + " signed two different first messages"}
			}
		}
	}
	return nil
}

func (s *Sign) commitments() (list []frost.Commitment, hashes [][32]byte, err error) {
	for i, id := range s.signers {
		m := s.member(i)
		msg, err := openMessage(s.state.First[i], s.ceremony, KindNonces, id, m.Key)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		var w noncesWire
		c := frost.Commitment{ID: id}
		if err = wire.Unmarshal(msg.payload, MaxMessage, &w); err == nil {
			c.Hiding, c.Binding = w.Hiding, w.Binding
			err = frost.CheckCommitment(s.group.Suite, c)
		}
		if err != nil {
			return nil, nil, &Failure{[]string{m.Name}, true, fmt.Sprintf("the first message of %s is malformed: %v", m.Name, err)}
		}
		list, hashes = append(list, c), append(hashes, msg.hash)
	}
	return list, hashes, nil
}

// sign uses the nonces up. The seed is gone from the disk before the share can
// be seen by anybody; before that, a crash only means to start over with the
// same nonces and a share that nobody has seen.
func (s *Sign) sign(nonces *frost.Nonces, list []frost.Commitment, hashes [][32]byte) error {
	z, err := s.group.share.Sign(nonces, s.message, list)
	if err != nil {
		return err
	}
	raw, err := s.home.message(s.ceremony, KindSigShare, s.group.Self, sigShareWire{Seen: hashes, Share: z})
	if err != nil {
		return err
	}
	clear(s.state.Seed)
	s.state.Seed, s.state.Share = nil, raw
	return s.save()
}

// readShares collects the shares of the signature and adds them up.
func (s *Sign) readShares(st *Status, list []frost.Commitment, hashes [][32]byte) ([]byte, error) {
	shares := make(map[uint16][]byte)
	for i, id := range s.signers {
		m := s.member(i)
		raw, msg := s.state.Share, opened{}
		if id != s.group.Self {
			raw, msg = fetch(s.carrier, s.ceremony, KindSigShare, id, m, st)
		} else {
			var err error
			if msg, err = openMessage(raw, s.ceremony, KindSigShare, id, m.Key); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
		}
		if raw == nil {
			continue
		}
		var w sigShareWire
		if err := wire.Unmarshal(msg.payload, MaxMessage, &w); err != nil || len(w.Seen) != len(hashes) {
			return nil, &Failure{[]string{m.Name}, true, fmt.Sprintf("the second message of %s is malformed", m.Name)}
		}
		for j, h := range w.Seen {
			if h != hashes[j] {
				return nil, s.split(j, i)
			}
		}
		shares[id] = w.Share
	}
	if len(st.Missing) > 0 {
		return nil, nil
	}
	g := s.group
	sig, err := frost.Aggregate(g.Suite, g.Key, s.message, list, shares)
	if err == nil {
		return sig, nil
	}
	var wrong []string
	for i, id := range s.signers {
		if frost.VerifyShare(g.Suite, g.Key, s.message, list, id, g.PublicKeys[id-1], shares[id]) != nil {
			wrong = append(wrong, s.member(i).Name)
		}
	}
	if len(wrong) == 0 {
		return nil, fmt.Errorf("threshold: every share is right and the signature is not: %w", err)
	}
	return nil, &Failure{wrong, true, "the share of the signature is wrong from " + strings.Join(wrong, ", ")}
}

// split is as in a key generation: author's first message is not the same for
// us and for witness.
func (s *Sign) split(author, witness int) *Failure {
	a, w := s.member(author).Name, s.member(witness).Name
	if s.signers[author] == s.group.Self || author == witness {
		return &Failure{[]string{w}, author == witness, fmt.Sprintf("%s claims another first message of %s than there is", w, a)}
	}
	return &Failure{[]string{a, w}, false, fmt.Sprintf("%s sent different first messages to you and to %s, or %s lies about it", a, w, w)}
}
