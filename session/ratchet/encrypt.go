package ratchet

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// Encrypt makes the envelope of one message and the state that follows. The
// envelope may leave only when the next state is stored, together with it. A ttl
// of zero is [envelope.DefaultTTL]. The bytes of rand are used in the order of
// spec/ratchet.md.
//
// Errors match [envelope.ErrTooLarge], [envelope.ErrLifetime] and [ErrExhausted].
func (s *State) Encrypt(rand io.Reader, now time.Time, mailbox identity.MailboxID, ttl time.Duration, payload []byte) ([]byte, *State, error) {
	n := s.clone()
	n.forgetWeeks(now)
	n.dropOld(now)
	if n.ownTurn() {
		if err := n.stepSend(rand, now); err != nil {
			return nil, nil, err
		}
	}
	if n.send.number >= maxNumber-1 {
		return nil, nil, ErrExhausted
	}
	env, err := envelope.New(mailbox, now, ttl, Overhead-envelope.HeaderSize+len(payload))
	if err != nil {
		return nil, nil, err
	}
	marker, err := n.markerFor(now)
	if err != nil {
		return nil, nil, err
	}
	size := envelope.HeaderSize + len(env.Sealed)
	raw := append(make([]byte, 0, size), env.Header()...)
	raw = raw[:offHeader]
	if _, err := io.ReadFull(rand, raw[offNonce:]); err != nil {
		return nil, nil, fmt.Errorf("ratchet: reading randomness: %w", err)
	}
	nonce := raw[offNonce:offHeader]
	number := n.send.number
	h := header{dh: n.send.dh, previous: n.send.previous, number: number, kem: len(n.send.kem) > 0}
	aead, err := newAEAD(&n.send.header)
	if err != nil {
		return nil, nil, err
	}
	raw = aead.Seal(raw, nonce, h.bytes(), raw)
	if raw, err = sealMarker(marker, raw, n.sendIndex(), number); err != nil {
		return nil, nil, err
	}
	if h.kem {
		k := kemKey(n.send.header, nonce)
		if aead, err = newAEAD(&k); err != nil {
			return nil, nil, err
		}
		raw = aead.Seal(raw, nonce, n.send.kem, raw)
	}
	var message key
	n.send.chain, message = advance(n.send.chain)
	n.send.number++
	n.kemCount++
	if aead, err = newAEAD(&message); err != nil {
		return nil, nil, err
	}
	clear(message[:])
	raw = aead.Seal(raw, nonce, envelope.Pad(payload, size-len(raw)-tagSize), raw)
	return raw, n, nil
}

// sendIndex is the index of the own latest chain.
func (s *State) sendIndex() uint32 {
	if s.ownTurn() {
		return s.index - 1
	}
	return s.index
}

// kemDue reports whether the step that is about to be made takes a KEM step
// along: the own first one does, then when enough messages or time have passed
// since the last, if the peer's key is there.
func (s *State) kemDue(now time.Time) bool {
	first := s.index < 2
	return len(s.peerKEM) > 0 && (first || s.kemCount >= KEMMessages || seconds(now) >= s.kemAtSec+uint64(KEMInterval/time.Second))
}

// stepSend begins a chain of our own.
func (s *State) stepSend(rand io.Reader, now time.Time) error {
	var seed [kem.XSize]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return fmt.Errorf("ratchet: reading randomness: %w", err)
	}
	own, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return errors.New("ratchet: crypto/ecdh refuses 32 bytes as an X25519 key")
	}
	peer, err := kem.ParseX(s.peerDH[:])
	if err != nil {
		return fmt.Errorf("ratchet: the peer's key: %w", err)
	}
	secret, err := own.ECDH(peer)
	if err != nil {
		return fmt.Errorf("ratchet: the peer's key: %w", kem.ErrLowOrder)
	}
	s.send.kem = nil
	if s.kemDue(now) {
		shared, err := s.stepKEM(rand)
		if err != nil {
			return err
		}
		secret = append(secret, shared...)
		clear(shared)
		s.kemAtSec, s.kemCount = seconds(now), 0
	}
	copy(s.send.dh[:], own.PublicKey().Bytes())
	s.hash = absorbStep(s.hash, s.send.dh[:], s.send.kem)
	s.send.previous, s.send.number = s.send.number, 0
	s.send.open, s.send.header = true, s.nextSend
	s.root, s.send.chain, s.nextSend = step(s.root, s.hash, secret)
	s.dh, s.peerDH = seed, [kem.XSize]byte{}
	s.index++
	return nil
}

// stepKEM encapsulates to the peer's key, makes the next own one, and returns
// the secret.
func (s *State) stepKEM(rand io.Reader) ([]byte, error) {
	peer, err := kem.ParsePQPublicKey(s.peerKEM)
	if err != nil {
		return nil, fmt.Errorf("ratchet: the peer's key: %w", err)
	}
	cipher, shared, err := peer.Encapsulate(rand)
	if err != nil {
		return nil, err
	}
	seed := make([]byte, kem.PQSeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("ratchet: reading randomness: %w", err)
	}
	own, err := kem.NewPQPrivateKey(seed)
	if err != nil {
		return nil, err
	}
	s.send.kem = slices.Concat(cipher, own.Public())
	s.kemSeed, s.peerKEM = seed, nil
	return shared, nil
}
