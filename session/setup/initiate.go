package setup

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// ErrRecipient reports a recipient that the bundle does not have: no such
// device, or a one-time prekey of another.
var ErrRecipient = errors.New("setup: the bundle has no such recipient")

// From is who sets up.
type From struct {
	// Bundle is the sender's own, valid, and lists the device. Issue it without
	// one-time prekeys: it travels inside the envelope and only makes it longer.
	Bundle *identity.Bundle
	// Device is the device's own pair, IK_A.
	Device *kem.PrivateKey
}

// To is one device of the recipient.
type To struct {
	// Bundle is the recipient's.
	Bundle *identity.Bundle
	// Device is one of the bundle's devices. A message goes to each of them in
	// an envelope of its own.
	Device identity.DeviceID
	// OneTime is one of that device's one-time prekeys that was not used before,
	// or nil for none. Without one, who later steals the signed prekey's private
	// half can read this first flight if it was recorded.
	OneTime *kem.PublicKey
}

// Initiate makes the envelope that sets up a conversation and carries its first
// message, and the state that waits for the answer. Both must be stored before
// the envelope leaves. A ttl of zero is [envelope.DefaultTTL]. The bytes of rand
// are used in the order of spec/setup.md.
//
// Errors match [ErrRecipient], [identity.ErrExpired], [identity.ErrNotYet] and
// the errors of [envelope.New].
func Initiate(rand io.Reader, now time.Time, from From, to To, msg envelope.Message, ttl time.Duration) ([]byte, *Pending, error) {
	peer, err := checkParties(now, from, to)
	if err != nil {
		return nil, nil, err
	}
	message, err := msg.Bytes()
	if err != nil {
		return nil, nil, err
	}

	ephemeral, err := newEphemeral(rand)
	if err != nil {
		return nil, nil, err
	}
	ratchet, err := kem.Generate(rand)
	if err != nil {
		return nil, nil, err
	}
	cipherIK, sharedIK, err := peer.Key.Encapsulate(rand)
	if err != nil {
		return nil, nil, err
	}
	cipherSPK, sharedSPK, err := peer.Signed.Encapsulate(rand)
	if err != nil {
		return nil, nil, err
	}
	who := identityWire{Bundle: from.Bundle.Bytes(), Device: identity.DeviceIDOf(from.Device.Public())}
	var sharedOPK []byte
	if to.OneTime != nil {
		id := identity.PrekeyIDOf(to.OneTime)
		who.OneTime = id[:]
		if who.Cipher, sharedOPK, err = to.OneTime.Encapsulate(rand); err != nil {
			return nil, nil, err
		}
	}
	whoPlain, err := wire.Marshal(who)
	if err != nil {
		return nil, nil, fmt.Errorf("setup: %w", err)
	}
	first, err := wire.Marshal(firstWire{Ratchet: ratchet.Public().Bytes(), Message: message})
	if err != nil {
		return nil, nil, fmt.Errorf("setup: %w", err)
	}
	fixed := offIdentity + len(whoPlain) + tagSize
	env, err := envelope.New(to.Bundle.Mailbox(), now, ttl, fixed+envelope.PadOverhead+len(first)+tagSize)
	if err != nil {
		return nil, nil, err
	}

	// Stage 1, first for the address, then for the sender's identity.
	s := newSchedule()
	epk := ephemeral.PublicKey().Bytes()
	s.absorbAddress(env.Header(), to.Bundle.ID(), peer.Key, epk, cipherIK)
	dh, err := ephemeral.ECDH(peer.Key.X())
	if err != nil {
		return nil, nil, fmt.Errorf("setup: the recipient's device key: %w", kem.ErrLowOrder)
	}
	b, err := s.mix(labelAddress, dh, sharedIK)
	if err != nil {
		return nil, nil, err
	}
	addressBox := b.seal(address{prekey: identity.PrekeyIDOf(peer.Signed), identityBox: uint32(len(whoPlain) + tagSize)}.bytes())

	s.absorbIdentity(addressBox, peer.Signed, cipherSPK)
	if dh, err = ephemeral.ECDH(peer.Signed.X()); err != nil {
		return nil, nil, fmt.Errorf("setup: the recipient's signed prekey: %w", kem.ErrLowOrder)
	}
	if b, err = s.mix(labelIdentity, dh, sharedSPK); err != nil {
		return nil, nil, err
	}
	identityBox := b.seal(whoPlain)
	again := newAgain(s, identityBox)

	// Stage 2.
	s.absorbMessage(identityBox, from.Bundle.ID(), from.Device.Public(), to.OneTime, who.Cipher)
	if dh, err = from.Device.DH(peer.Signed.X()); err != nil {
		return nil, nil, fmt.Errorf("setup: the recipient's signed prekey: %w", err)
	}
	secrets := [][]byte{dh}
	if to.OneTime != nil {
		dhOPK, err := ephemeral.ECDH(to.OneTime.X())
		if err != nil {
			return nil, nil, fmt.Errorf("setup: the recipient's one-time prekey: %w", kem.ErrLowOrder)
		}
		secrets = append(secrets, dhOPK, sharedOPK)
	}
	if b, err = s.mix(labelMessage, secrets...); err != nil {
		return nil, nil, err
	}
	messageBox := b.seal(envelope.Pad(first, len(env.Sealed)-fixed-tagSize))
	s.absorb(labelPending, messageBox)

	out := env.Sealed[:0]
	for _, part := range [][]byte{epk, cipherIK, addressBox, cipherSPK, identityBox, messageBox} {
		out = append(out, part...)
	}
	env.Sealed = out
	raw, err := env.Bytes()
	if err != nil {
		return nil, nil, err
	}
	return raw, &Pending{
		tag: tagOf(epk), peer: to.Bundle.ID(), peerDevice: to.Device, message: msg.ID,
		schedule: s, again: again, ratchet: ratchet, device: identity.DeviceIDOf(from.Device.Public()),
	}, nil
}

// checkParties returns the recipient's device.
func checkParties(now time.Time, from From, to To) (identity.Device, error) {
	if err := from.Bundle.Check(now); err != nil {
		return identity.Device{}, fmt.Errorf("setup: our own bundle: %w", err)
	}
	own := identity.DeviceIDOf(from.Device.Public())
	if _, ok := from.Bundle.Device(own); !ok {
		return identity.Device{}, fmt.Errorf("setup: our own bundle does not list device %s; issue a new one", own)
	}
	if err := to.Bundle.Check(now); err != nil {
		return identity.Device{}, fmt.Errorf("setup: the recipient: %w", err)
	}
	peer, ok := to.Bundle.Device(to.Device)
	if !ok {
		return identity.Device{}, fmt.Errorf("%w: device %s", ErrRecipient, to.Device)
	}
	if to.OneTime == nil {
		return peer, nil
	}
	for _, k := range peer.OneTime {
		if k.Equal(to.OneTime) {
			return peer, nil
		}
	}
	return identity.Device{}, fmt.Errorf("%w: one-time prekey %s", ErrRecipient, identity.PrekeyIDOf(to.OneTime))
}
