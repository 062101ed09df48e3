package ratchet

import (
	"bytes"
	"crypto/ecdh"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
)

// Decrypt opens an envelope of the peer and returns its payload and the state
// that follows, which must be stored together with what the payload causes. To
// find out that an envelope is of another conversation takes a few microseconds.
//
// Errors are [ErrRefused] and [ErrOutOfStep].
func (s *State) Decrypt(now time.Time, raw []byte) ([]byte, *State, error) {
	if !slices.Contains(envelope.Buckets[:], len(raw)) {
		return nil, nil, ErrRefused // the boxes authenticate the rest of the frame
	}
	n := s.clone()
	n.forgetWeeks(now)
	n.dropOld(now)
	message, rest, err := n.messageKey(now, raw)
	if err != nil {
		return nil, nil, err
	}
	defer clear(message[:])
	aead, err := newAEAD(&message)
	if err != nil {
		return nil, nil, err
	}
	padded, err := aead.Open(nil, raw[offNonce:offHeader], raw[rest:], raw[:rest])
	if err != nil {
		return nil, nil, ErrRefused
	}
	payload, ok := envelope.Unpad(padded)
	if !ok {
		return nil, nil, ErrRefused
	}
	n.confirmed = true
	n.kemCount++
	return payload, n, nil
}

// Holds reports whether an envelope's header opens here. It costs a microsecond
// for each header key, so that who keeps many conversations asks all of them
// before [State.Decrypt] looks for a side that went back.
func (s *State) Holds(raw []byte) bool {
	if !slices.Contains(envelope.Buckets[:], len(raw)) {
		return false
	}
	if s.receive.open {
		if _, ok := openHeader(raw, &s.receive.header); ok {
			return true
		}
	}
	if !s.ownTurn() {
		if _, ok := openHeader(raw, &s.nextRecv); ok {
			return true
		}
	}
	return slices.ContainsFunc(s.skipped, func(c skippedChain) bool { _, ok := openHeader(raw, &c.header); return ok })
}

// messageKey finds the key of an envelope's message, changes the state as the
// message asks, and returns where the body box begins.
func (s *State) messageKey(now time.Time, raw []byte) (key, int, error) {
	if s.receive.open {
		if h, ok := openHeader(raw, &s.receive.header); ok {
			rest, _, err := openKEM(raw, h, s.receive.header)
			if err != nil {
				return key{}, 0, err
			}
			if h.number < s.receive.number {
				message, err := s.takeSkipped(s.receiveIndex(), h.number)
				return message, rest, err
			}
			message, err := s.advanceTo(now, h.number)
			return message, rest, err
		}
	}
	if !s.ownTurn() { // the peer may have answered our latest chain
		if h, ok := openHeader(raw, &s.nextRecv); ok {
			rest, kemPart, err := openKEM(raw, h, s.nextRecv)
			if err != nil {
				return key{}, 0, err
			}
			if err := s.stepReceive(now, h, kemPart); err != nil {
				return key{}, 0, err
			}
			message, err := s.advanceTo(now, h.number)
			return message, rest, err
		}
	}
	for i := range s.skipped {
		c := &s.skipped[i]
		if s.receive.open && c.index == s.receiveIndex() {
			continue // tried above
		}
		if h, ok := openHeader(raw, &c.header); ok {
			rest, _, err := openKEM(raw, h, c.header)
			if err != nil {
				return key{}, 0, err
			}
			message, err := s.takeSkipped(c.index, h.number)
			return message, rest, err
		}
	}
	if s.marked(now, raw) {
		return key{}, 0, ErrOutOfStep
	}
	return key{}, 0, ErrRefused
}

// receiveIndex is the index of the peer's latest chain.
func (s *State) receiveIndex() uint32 {
	if s.ownTurn() {
		return s.index
	}
	return s.index - 1
}

// openKEM opens the KEM box if there is one and returns where the body box begins.
func openKEM(raw []byte, h header, headerKey key) (rest int, plain []byte, err error) {
	if !h.kem {
		return offRest, nil, nil
	}
	k := kemKey(headerKey, raw[offNonce:offHeader])
	aead, err := newAEAD(&k)
	if err != nil {
		return 0, nil, err
	}
	rest = offRest + kemSize
	plain, err = aead.Open(nil, raw[offNonce:offHeader], raw[offRest:rest], raw[:offRest])
	if err != nil {
		return 0, nil, ErrRefused
	}
	return rest, plain, nil
}

// advanceTo takes the key of a message of the peer's latest chain and keeps
// those before it.
func (s *State) advanceTo(now time.Time, number uint32) (key, error) {
	if number-s.receive.number > MaxJump {
		return key{}, ErrOutOfStep
	}
	s.skipTo(now, number)
	var message key
	s.receive.chain, message = advance(s.receive.chain)
	s.receive.number++
	return message, nil
}

// stepReceive begins a chain of the peer's.
func (s *State) stepReceive(now time.Time, h header, kemPart []byte) error {
	if s.receive.open {
		if h.previous < s.receive.number || h.previous-s.receive.number > MaxJump {
			return ErrOutOfStep
		}
		s.skipTo(now, h.previous)
	} else if h.previous != 0 {
		return ErrRefused
	}
	peer, err := kem.ParseX(h.dh[:])
	if err != nil {
		return ErrRefused
	}
	own, err := ecdh.X25519().NewPrivateKey(s.dh[:])
	if err != nil {
		return ErrRefused
	}
	secret, err := own.ECDH(peer)
	if err != nil {
		return ErrRefused
	}
	if kemPart != nil {
		if len(s.kemSeed) == 0 {
			return ErrRefused
		}
		pair, err := kem.NewPQPrivateKey(s.kemSeed)
		if err != nil {
			return ErrRefused
		}
		shared, err := pair.Decapsulate(kemPart[:kem.CiphertextSize])
		if err != nil {
			return ErrRefused
		}
		if _, err := kem.ParsePQPublicKey(kemPart[kem.CiphertextSize:]); err != nil {
			return ErrRefused
		}
		secret = append(secret, shared...)
		clear(shared)
		s.kemSeed, s.peerKEM = nil, bytes.Clone(kemPart[kem.CiphertextSize:])
		s.kemAtSec, s.kemCount = seconds(now), 0
	}
	s.index++
	s.hash = absorbStep(s.hash, h.dh[:], kemPart)
	s.receive = receiving{open: true, header: s.nextRecv}
	s.root, s.receive.chain, s.nextRecv = step(s.root, s.hash, secret)
	s.dh, s.peerDH = [kem.XSize]byte{}, h.dh
	return nil
}
