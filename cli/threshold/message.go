package threshold

import (
	"crypto/sha3"
	"errors"
	"fmt"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/wire"
)

// MaxMessage bounds a message in bytes: the longest has a sealed share for each
// of [MaxMembers].
const MaxMessage = 256 << 10

const (
	messageVersion = 1
	messageContext = "pars threshold message v1"
)

// Kind says what a message is.
type Kind uint8

// The messages of a key generation, then those of a signature.
const (
	KindCommit   Kind = 1 // commitments to a polynomial, and the sender's sealing key
	KindShares   Kind = 2 // what the sender saw, and a sealed share for everybody
	KindResult   Kind = 3 // the key that came out, or a complaint
	KindNonces   Kind = 4 // commitments to nonces
	KindSigShare Kind = 5 // what the sender saw, and a share of the signature
)

// file is the kind as part of a file name.
func (k Kind) file() string {
	return [...]string{"", "dkg-1", "dkg-2", "dkg-3", "sign-1", "sign-2"}[k]
}

// ErrMessage reports bytes that are no message of the wanted sender, ceremony
// and kind: cut off, altered, misplaced or made by somebody else.
var ErrMessage = errors.New("threshold: not the wanted message")

// Ceremony names one key generation or one signature: a hash of all that its
// people agreed on before.
type Ceremony [32]byte

// String is the ceremony as it stands in file names: 16 hexadecimal digits.
func (c Ceremony) String() string { return fmt.Sprintf("%x", c[:8]) }

type messageWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Body      []byte
	Signature []byte
}

type bodyWire struct {
	_        struct{} `cbor:",toarray"`
	Ceremony [32]byte
	Kind     uint64
	From     uint64
	Payload  []byte
}

// FileName is where a message stands in a carrier.
func FileName(c Ceremony, k Kind, from uint16) string {
	return fmt.Sprintf("%s-%s-%02d.pars", c, k.file(), from)
}

// message returns a message of this person's, participant from of a ceremony.
// payload is the encoding of one of the payload types.
func (h *Home) message(c Ceremony, k Kind, from uint16, payload any) ([]byte, error) {
	p, err := wire.Marshal(payload)
	if err != nil {
		return nil, err
	}
	body, err := wire.Marshal(bodyWire{Ceremony: c, Kind: uint64(k), From: uint64(from), Payload: p})
	if err != nil {
		return nil, err
	}
	sig, err := h.key.Sign(messageContext, body)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(messageWire{Version: messageVersion, Body: body, Signature: sig})
}

// opened is a message whose signature was verified.
type opened struct {
	payload []byte
	// hash is over what was signed: two messages with the same hash say the same.
	hash [32]byte
}

// openMessage checks that raw is the message of kind k that participant from,
// whose key is given, signed for the ceremony. Errors match [ErrMessage].
func openMessage(raw []byte, c Ceremony, k Kind, from uint16, key *sign.PublicKey) (opened, error) {
	var w messageWire
	if err := wire.Unmarshal(raw, MaxMessage, &w); err != nil {
		return opened{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if w.Version != messageVersion {
		return opened{}, fmt.Errorf("%w: version %d, want %d; update this program", ErrMessage, w.Version, messageVersion)
	}
	if !key.Verify(messageContext, w.Body, w.Signature) {
		return opened{}, fmt.Errorf("%w: its signature is not the sender's", ErrMessage)
	}
	var b bodyWire
	if err := wire.Unmarshal(w.Body, MaxMessage, &b); err != nil {
		return opened{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if b.Ceremony != c || b.Kind != uint64(k) || b.From != uint64(from) {
		return opened{}, fmt.Errorf("%w: it is message %d of participant %d in ceremony %s, want %d of %d in %s", ErrMessage, b.Kind, b.From, Ceremony(b.Ceremony), k, from, c)
	}
	return opened{b.Payload, sha3.Sum256(w.Body)}, nil
}

// The payloads. What a member signed but does not decode is the member's fault.
type (
	commitWire struct {
		_           struct{} `cbor:",toarray"`
		Key         []byte   // crypto/kem, for this ceremony alone
		Commitments [][]byte
		ProofR      []byte
		ProofZ      []byte
	}
	sharesWire struct {
		_     struct{}   `cbor:",toarray"`
		Seen  [][32]byte // hashes of all first messages, by participant
		Boxes [][]byte   // by participant, the sender's own empty
	}
	resultWire struct {
		_ struct{} `cbor:",toarray"`
		// Result is a hash of the group, or all zero in a complaint.
		Result  [32]byte
		Accused uint64
		// Seed opens the boxes of the accuser; the key generation is over.
		Seed []byte
		// First is the accused's first message as the accuser got it.
		First []byte
	}
	noncesWire struct {
		_       struct{} `cbor:",toarray"`
		Hiding  []byte
		Binding []byte
	}
	sigShareWire struct {
		_     struct{}   `cbor:",toarray"`
		Seen  [][32]byte // hashes of all first messages, by signer
		Share []byte
	}
)
