package setup

import (
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Keys are a device's private keys. [identity.KeyRing] implements it.
type Keys interface {
	// Device returns IK_B.
	Device() *kem.PrivateKey
	// Signed returns the private half of a signed prekey and when it is erased.
	Signed(identity.PrekeyID) (key *kem.PrivateKey, eraseAt time.Time, ok bool)
	// OneTime returns the private half of a one-time prekey.
	OneTime(identity.PrekeyID) (key *kem.PrivateKey, ok bool)
}

// Replays remembers the set-ups that were accepted.
type Replays interface {
	// Seen reports whether tag was remembered.
	Seen(tag Tag) (bool, error)
}

// Accepted is a set-up that a device has accepted. Before anything of it is
// shown or answered, the caller must, in one transaction of its store: put
// ReplayTag under Prekey, erase OneTime with [identity.KeyRing.EraseOneTime] if
// it is set, and store the message.
type Accepted struct {
	// From is the sender's bundle, verified, and FromDevice the device it wrote with.
	From       *identity.Bundle
	FromDevice identity.DeviceID
	// Message is the first message.
	Message envelope.Message
	// ReplayTag must be remembered as long as the ring has the signed prekey Prekey.
	ReplayTag Tag
	Prekey    identity.PrekeyID
	// OneTime is the one-time prekey that was used, nil if none was named.
	OneTime *identity.PrekeyID

	schedule   *schedule
	fromKey    *kem.PublicKey // IK_A
	ratchet    *kem.PublicKey // the sender's first ratchet key
	peer       identity.ID
	peerDevice identity.DeviceID
}

// String names the sender and hides everything else.
func (a Accepted) String() string {
	return fmt.Sprintf("setup.Accepted(from %s, hidden)", a.peer)
}

// Format hides keys and content from every verb of package fmt.
func (a Accepted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

// OneTimeGoneError reports a set-up whose first stage is in order but which
// names a one-time prekey that this device no longer has. Nothing proves yet
// that the named sender wrote it, but only who wrote it can open the request
// to set up again that [OneTimeGoneError.SetUpAgain] makes. The caller
// remembers ReplayTag under Prekey, so that it asks only once.
type OneTimeGoneError struct {
	// From is the claimed sender's bundle: genuine, but anyone may carry it.
	From       *identity.Bundle
	FromDevice identity.DeviceID
	ReplayTag  Tag
	Prekey     identity.PrekeyID

	again *again
}

// Error implements error.
func (e *OneTimeGoneError) Error() string {
	return "setup: the one-time prekey is used up; ask the sender to set up again"
}

// Format hides the keys from every verb of package fmt.
func (OneTimeGoneError) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte((*OneTimeGoneError)(nil).Error()))
}

// SetUpAgain makes the envelope that asks the sender to set up again; msg is
// normally made by [envelope.NewSetUpAgain]. It takes 24 bytes of rand.
func (e *OneTimeGoneError) SetUpAgain(rand io.Reader, now time.Time, msg envelope.Message, ttl time.Duration) ([]byte, error) {
	return e.again.seal(rand, now, e.From.Mailbox(), msg, ttl)
}

// Accept opens an envelope as a set-up for the account me on the device with
// these keys. It changes nothing; see [Accepted] for what the caller must store.
//
// Errors: [ErrRefused] for anything wrong with the envelope,
// [*OneTimeGoneError], or what replays returned.
func Accept(now time.Time, raw []byte, me identity.ID, keys Keys, replays Replays) (*Accepted, error) {
	env, err := envelope.Parse(raw)
	if err != nil {
		return nil, ErrRefused
	}
	sealed := env.Sealed
	epk, err := kem.ParseX(sealed[:kem.XSize])
	if err != nil {
		return nil, ErrRefused
	}
	tag := tagOf(sealed[:kem.XSize])
	if seen, err := replays.Seen(tag); err != nil {
		return nil, fmt.Errorf("setup: asking for a replay: %w", err)
	} else if seen {
		return nil, ErrRefused
	}

	// Stage 1: for whom, then from whom.
	s := newSchedule()
	device := keys.Device()
	s.absorbAddress(env.Header(), me, device.Public(), sealed[:offCipherIK], sealed[offCipherIK:offAddress])
	b, err := s.agree(labelAddress, device, epk, sealed[offCipherIK:offAddress])
	if err != nil {
		return nil, err
	}
	plain, err := b.open(sealed[offAddress:offCipherSPK])
	if err != nil {
		return nil, err
	}
	addr := parseAddress(plain)
	signed, _, ok := keys.Signed(addr.prekey)
	if !ok || addr.identityBox > uint32(len(sealed)-offIdentity-tagSize) || addr.identityBox > maxIdentity+tagSize {
		return nil, ErrRefused
	}
	s.absorbIdentity(sealed[offAddress:offCipherSPK], signed.Public(), sealed[offCipherSPK:offIdentity])
	if b, err = s.agree(labelIdentity, signed, epk, sealed[offCipherSPK:offIdentity]); err != nil {
		return nil, err
	}
	identityBox, messageBox := sealed[offIdentity:offIdentity+addr.identityBox], sealed[offIdentity+addr.identityBox:]
	if plain, err = b.open(identityBox); err != nil {
		return nil, err
	}
	who, sender, err := parseIdentity(plain, now)
	if err != nil {
		return nil, err
	}
	again := newAgain(s, identityBox)

	// Stage 2.
	var oneTime *kem.PrivateKey
	var oneTimePub *kem.PublicKey
	var oneTimeID *identity.PrekeyID
	if len(who.oneTime) > 0 {
		id := identity.PrekeyID(who.oneTime)
		if oneTime, ok = keys.OneTime(id); !ok {
			return nil, &OneTimeGoneError{From: who.bundle, FromDevice: sender.ID(), ReplayTag: tag, Prekey: addr.prekey, again: again}
		}
		oneTimeID, oneTimePub = &id, oneTime.Public()
	}
	s.absorbMessage(identityBox, who.bundle.ID(), sender.Key, oneTimePub, who.cipher)
	dh, err := signed.DH(sender.Key.X())
	if err != nil {
		return nil, ErrRefused
	}
	secrets := [][]byte{dh}
	if oneTime != nil {
		dhOPK, err := oneTime.DH(epk)
		if err != nil {
			return nil, ErrRefused
		}
		shared, err := oneTime.Decapsulate(who.cipher)
		if err != nil {
			return nil, ErrRefused
		}
		secrets = append(secrets, dhOPK, shared)
	}
	if b, err = s.mix(labelMessage, secrets...); err != nil {
		return nil, err
	}
	if plain, err = b.open(messageBox); err != nil {
		return nil, err
	}
	ratchet, msg, err := parseFirst(plain)
	if err != nil {
		return nil, err
	}
	s.absorb(labelPending, messageBox)
	return &Accepted{
		From: who.bundle, FromDevice: sender.ID(), Message: msg, ReplayTag: tag, Prekey: addr.prekey, OneTime: oneTimeID,
		schedule: s, fromKey: sender.Key, ratchet: ratchet, peer: who.bundle.ID(), peerDevice: sender.ID(),
	}, nil
}

// ReplayTag returns the tag of an envelope as a set-up, without opening it, so
// that a device that gets an envelope again finds the answer that it gave. The
// error is [ErrRefused].
func ReplayTag(raw []byte) (Tag, error) {
	env, err := envelope.Parse(raw)
	if err != nil {
		return Tag{}, ErrRefused
	}
	return tagOf(env.Sealed[:kem.XSize]), nil
}

type claim struct {
	bundle          *identity.Bundle
	oneTime, cipher []byte
}

// parseIdentity reads the identity box and verifies the bundle in it.
func parseIdentity(plain []byte, now time.Time) (claim, identity.Device, error) {
	var w identityWire
	if err := wire.Unmarshal(plain, maxIdentity, &w); err != nil {
		return claim{}, identity.Device{}, ErrRefused
	}
	none := len(w.OneTime) == 0 && len(w.Cipher) == 0
	one := len(w.OneTime) == len(identity.PrekeyID{}) && len(w.Cipher) == kem.CiphertextSize
	if !none && !one {
		return claim{}, identity.Device{}, ErrRefused
	}
	bundle, err := identity.ParseBundle(w.Bundle)
	if err != nil || bundle.CheckCarried(now) != nil {
		return claim{}, identity.Device{}, ErrRefused
	}
	device, ok := bundle.Device(w.Device)
	if !ok {
		return claim{}, identity.Device{}, ErrRefused
	}
	return claim{bundle: bundle, oneTime: w.OneTime, cipher: w.Cipher}, device, nil
}

func parseFirst(padded []byte) (*kem.PublicKey, envelope.Message, error) {
	data, ok := envelope.Unpad(padded)
	if !ok {
		return nil, envelope.Message{}, ErrRefused
	}
	var w firstWire
	if err := wire.Unmarshal(data, envelope.MaxSize, &w); err != nil {
		return nil, envelope.Message{}, ErrRefused
	}
	ratchet, err := kem.ParsePublicKey(w.Ratchet)
	if err != nil {
		return nil, envelope.Message{}, ErrRefused
	}
	msg, err := envelope.ParseMessage(w.Message)
	if err != nil {
		return nil, envelope.Message{}, ErrRefused
	}
	return ratchet, msg, nil
}
