package setup

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// The answer, inside an envelope's ciphertext:
//
//	nonce        24
//	header box   4752   ratchet key of the answerer, ciphertexts to IK_A and to A's ratchet key
//	body box     the rest: a padded message
const (
	headerPlain = kem.PublicKeySize + 2*kem.CiphertextSize
	headerSize  = headerPlain + tagSize
	offHeader   = nonceSize
	offBody     = offHeader + headerSize
)

// agree mixes what a private key shares with an ephemeral and a ciphertext.
func (s *schedule) agree(label string, key *kem.PrivateKey, peer *ecdh.PublicKey, cipher []byte) (*box, error) {
	dh, err := key.DH(peer)
	if err != nil {
		return nil, ErrRefused
	}
	shared, err := key.Decapsulate(cipher)
	if err != nil {
		return nil, ErrRefused
	}
	return s.mix(label, dh, shared)
}

// headerBox is the box of an answer's first part, under a key that both sides
// hold since the first flight.
func (s *schedule) headerBox(header, nonce []byte) (*box, error) {
	key := s.export(labelHeader)
	data := digest.Sum(labelHeader, s.hash[:], header)
	return newBox(key[:], nonce, data[:])
}

func (s *schedule) absorbAnswer(header, nonce, headerBox []byte, device, ratchetA, ratchetB *kem.PublicKey, cipherIK, cipherR []byte) {
	s.absorb(labelAnswer, header, nonce, headerBox, device.Bytes(), ratchetA.Bytes(), ratchetB.Bytes(), cipherIK, cipherR)
}

// Answer makes the envelope that goes back to the sender and the state with
// which the ratchet begins. msg is normally a receipt for the first message.
// The answer proves to the sender that this device holds its keys. The
// sender's proof is its next message; until that comes, Confirmed is false.
//
// The same set-up is answered once: what is sent again is the same envelope. A
// ttl of zero is [envelope.DefaultTTL].
func (a *Accepted) Answer(rand io.Reader, now time.Time, msg envelope.Message, ttl time.Duration) ([]byte, *Established, error) {
	if a.schedule == nil {
		return nil, nil, fmt.Errorf("setup: this set-up was answered already; send the same envelope again")
	}
	message, err := msg.Bytes()
	if err != nil {
		return nil, nil, err
	}
	env, err := envelope.New(a.From.Mailbox(), now, ttl, offBody+envelope.PadOverhead+len(message)+tagSize)
	if err != nil {
		return nil, nil, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, nil, fmt.Errorf("setup: reading randomness: %w", err)
	}
	ratchet, err := kem.Generate(rand)
	if err != nil {
		return nil, nil, err
	}
	cipherIK, sharedIK, err := a.fromKey.Encapsulate(rand)
	if err != nil {
		return nil, nil, err
	}
	cipherR, sharedR, err := a.ratchet.Encapsulate(rand)
	if err != nil {
		return nil, nil, err
	}
	dhIK, err := ratchet.DH(a.fromKey.X())
	if err != nil {
		return nil, nil, fmt.Errorf("setup: the sender's device key: %w", err)
	}
	dhR, err := ratchet.DH(a.ratchet.X())
	if err != nil {
		return nil, nil, fmt.Errorf("setup: the sender's ratchet key: %w", err)
	}

	s := a.schedule.clone()
	b, err := s.headerBox(env.Header(), nonce)
	if err != nil {
		return nil, nil, err
	}
	headerBox := b.seal(slices.Concat(ratchet.Public().Bytes(), cipherIK, cipherR))
	s.absorbAnswer(env.Header(), nonce, headerBox, a.fromKey, a.ratchet, ratchet.Public(), cipherIK, cipherR)
	if b, err = s.mix(labelAnswer, dhIK, sharedIK, dhR, sharedR); err != nil {
		return nil, nil, err
	}
	bodyBox := b.seal(envelope.Pad(message, len(env.Sealed)-offBody-tagSize))
	s.absorb(labelDone, bodyBox)
	env.Sealed = slices.Concat(nonce, headerBox, bodyBox)
	raw, err := env.Bytes()
	if err != nil {
		return nil, nil, err
	}
	a.schedule = nil
	return raw, newEstablished(s, a.peer, a.peerDevice, ratchet, a.ratchet, false), nil
}

// again is what is needed to ask for, or to be asked for, another set-up.
type again struct {
	key  [keySize]byte
	hash [digest.Size]byte
}

func newAgain(s *schedule, identityBox []byte) *again {
	return &again{key: s.export(labelAgain), hash: digest.Sum(labelAgain, s.hash[:], identityBox)}
}

func (g *again) box(header, nonce []byte) (*box, error) {
	data := digest.Sum(labelAgain, g.hash[:], header)
	return newBox(g.key[:], nonce, data[:])
}

func (g *again) seal(rand io.Reader, now time.Time, mailbox identity.MailboxID, msg envelope.Message, ttl time.Duration) ([]byte, error) {
	message, err := msg.Bytes()
	if err != nil {
		return nil, err
	}
	env, err := envelope.New(mailbox, now, ttl, nonceSize+envelope.PadOverhead+len(message)+tagSize)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("setup: reading randomness: %w", err)
	}
	b, err := g.box(env.Header(), nonce)
	if err != nil {
		return nil, err
	}
	env.Sealed = append(nonce, b.seal(envelope.Pad(message, len(env.Sealed)-nonceSize-tagSize))...)
	return env.Bytes()
}
