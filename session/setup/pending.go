package setup

import (
	"errors"
	"fmt"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Pending is a set-up that waits for its answer. It is secret, though it opens
// nothing that was sent before, and prints as nothing.
type Pending struct {
	tag        Tag
	peer       identity.ID
	peerDevice identity.DeviceID
	device     identity.DeviceID
	message    envelope.MessageID
	schedule   *schedule
	again      *again
	ratchet    *kem.PrivateKey
}

// Tag names the set-up; it is the hash that the recipient remembers.
func (p *Pending) Tag() Tag { return p.tag }

// Peer returns the account that was written to.
func (p *Pending) Peer() identity.ID { return p.peer }

// PeerDevice returns the device that was written to.
func (p *Pending) PeerDevice() identity.DeviceID { return p.peerDevice }

// Device returns the device of ours that wrote.
func (p *Pending) Device() identity.DeviceID { return p.device }

// Message returns the ID of the first message.
func (p *Pending) Message() envelope.MessageID { return p.message }

// Reply is what came back for a set-up.
type Reply struct {
	// Message is what the peer says: a receipt, a text, or [envelope.SetUpAgain].
	Message envelope.Message
	// Established is the conversation's state, nil when the peer asks to set up
	// again.
	Established *Established
}

// Open opens an envelope as the answer to this set-up, or as the request to
// make another. device is the pair that [Pending.Device] names. p is unchanged:
// after an answer was stored with its [Established] the caller forgets p, after a
// request to set up again it makes a new set-up and then forgets p.
//
// Whoever holds several pending set-ups tries each; the error for the wrong one
// is [ErrRefused] and costs about as much as decrypting 70 KB.
func (p *Pending) Open(raw []byte, device *kem.PrivateKey) (*Reply, error) {
	env, err := envelope.Parse(raw)
	if err != nil {
		return nil, ErrRefused
	}
	if identity.DeviceIDOf(device.Public()) != p.device {
		return nil, ErrRefused
	}
	s := p.schedule.clone()
	nonce, header := env.Sealed[:nonceSize], env.Header()
	b, err := s.headerBox(header, nonce)
	if err != nil {
		return nil, err
	}
	plain, err := b.open(env.Sealed[offHeader:offBody])
	if err != nil {
		return p.openAgain(env)
	}
	peerRatchet, err := kem.ParsePublicKey(plain[:kem.PublicKeySize])
	if err != nil {
		return nil, ErrRefused
	}
	cipherIK, cipherR := plain[kem.PublicKeySize:][:kem.CiphertextSize], plain[kem.PublicKeySize+kem.CiphertextSize:]
	s.absorbAnswer(header, nonce, env.Sealed[offHeader:offBody], device.Public(), p.ratchet.Public(), peerRatchet, cipherIK, cipherR)
	var secrets [][]byte
	for _, half := range []struct {
		key    *kem.PrivateKey
		cipher []byte
	}{{device, cipherIK}, {p.ratchet, cipherR}} {
		dh, err := half.key.DH(peerRatchet.X())
		if err != nil {
			return nil, ErrRefused
		}
		shared, err := half.key.Decapsulate(half.cipher)
		if err != nil {
			return nil, ErrRefused
		}
		secrets = append(secrets, dh, shared)
	}
	if b, err = s.mix(labelAnswer, secrets...); err != nil {
		return nil, err
	}
	bodyBox := env.Sealed[offBody:]
	if plain, err = b.open(bodyBox); err != nil {
		return nil, err
	}
	msg, err := unpadMessage(plain)
	if err != nil {
		return nil, err
	}
	s.absorb(labelDone, bodyBox)
	return &Reply{Message: msg, Established: newEstablished(s, p.peer, p.peerDevice, p.ratchet, peerRatchet, true)}, nil
}

func (p *Pending) openAgain(env envelope.Envelope) (*Reply, error) {
	b, err := p.again.box(env.Header(), env.Sealed[:nonceSize])
	if err != nil {
		return nil, err
	}
	plain, err := b.open(env.Sealed[nonceSize:])
	if err != nil {
		return nil, err
	}
	msg, err := unpadMessage(plain)
	if err != nil || msg.Kind != envelope.SetUpAgain {
		return nil, ErrRefused
	}
	return &Reply{Message: msg}, nil
}

func unpadMessage(padded []byte) (envelope.Message, error) {
	data, ok := envelope.Unpad(padded)
	if !ok {
		return envelope.Message{}, ErrRefused
	}
	msg, err := envelope.ParseMessage(data)
	if err != nil {
		return envelope.Message{}, ErrRefused
	}
	return msg, nil
}

// ErrState reports stored bytes that are no state of this package: corrupt, or
// of another version.
var ErrState = errors.New("setup: not a stored state")

const (
	stateVersion = 1
	maxState     = 8 << 10
)

type pendingWire struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Tag        [32]byte
	Peer       [32]byte
	PeerDevice [16]byte
	Device     [16]byte
	Message    [16]byte
	Chain      []byte
	Hash       [32]byte
	AgainKey   [32]byte
	AgainHash  [32]byte
	Ratchet    []byte
}

// Bytes returns the state for an encrypted store.
func (p *Pending) Bytes() ([]byte, error) {
	out, err := wire.Marshal(pendingWire{
		Version: stateVersion, Tag: p.tag, Peer: p.peer, PeerDevice: p.peerDevice, Device: p.device, Message: p.message,
		Chain: p.schedule.chain, Hash: p.schedule.hash, AgainKey: p.again.key, AgainHash: p.again.hash, Ratchet: p.ratchet.Seed(),
	})
	if err != nil {
		return nil, fmt.Errorf("setup: encoding a state: %w", err)
	}
	return out, nil
}

// ParsePending reads what [Pending.Bytes] gave. Errors match [ErrState].
func ParsePending(data []byte) (*Pending, error) {
	var w pendingWire
	if err := wire.Unmarshal(data, maxState, &w); err != nil || w.Version != stateVersion || len(w.Chain) != chainSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrState, len(data))
	}
	ratchet, err := kem.NewPrivateKey(w.Ratchet)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return &Pending{
		tag: w.Tag, peer: w.Peer, peerDevice: w.PeerDevice, device: w.Device, message: w.Message,
		schedule: &schedule{chain: w.Chain, hash: w.Hash}, again: &again{key: w.AgainKey, hash: w.AgainHash}, ratchet: ratchet,
	}, nil
}

// String hides the keys from logs and error messages.
func (Pending) String() string { return "setup.Pending(hidden)" }

// GoString hides the keys from %#v.
func (p Pending) GoString() string { return p.String() }

// Format hides the keys from every verb of package fmt.
func (p Pending) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }
