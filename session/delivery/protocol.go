package delivery

import (
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pars-network/pars/session/wire"
)

// Protocol is the name of the protocol when a stream is opened.
const Protocol = "/pars/envelope/1"

// version is the first element of an offer.
const version = 1

// Sizes in bytes.
const (
	MailboxSize = 32
	DigestSize  = 32
	// MaxEnvelope is the largest bucket.
	MaxEnvelope = 64 << 10
	// maxControl bounds an offer or an answer.
	maxControl = 128
)

// Buckets are the sizes that an envelope can have, in bytes.
var Buckets = []int{8 << 10, 16 << 10, 32 << 10, 64 << 10}

var (
	// ErrRefused reports that the peer does not take the envelope: it does not
	// own the mailbox, or does not say why. Another peer may.
	ErrRefused = errors.New("delivery: refused")
	// ErrBusy reports that the peer takes nothing now. Try again later.
	ErrBusy = errors.New("delivery: busy")
	// ErrProtocol reports a peer that does not follow the protocol.
	ErrProtocol = errors.New("delivery: protocol violation")
	// ErrEnvelope reports an envelope that may not be sent.
	ErrEnvelope = errors.New("delivery: not an envelope")
)

// Mailbox names where an envelope goes.
type Mailbox [MailboxSize]byte

// Digest is the SHA3-256 of an envelope. It tells envelopes apart.
type Digest [DigestSize]byte

// DigestOf returns the digest of an envelope.
func DigestOf(envelope []byte) Digest { return sha3.Sum256(envelope) }

// answer is what a receiver says.
type answer uint

const (
	answerStored  answer = 0
	answerSend    answer = 1
	answerRefused answer = 2
	answerBusy    answer = 3
)

// offer opens an exchange.
type offer struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Mailbox Mailbox
	Size    uint
	Digest  Digest
}

// reply carries an answer.
type reply struct {
	_      struct{} `cbor:",toarray"`
	Answer answer
}

func (o offer) check() error {
	if o.Version != version {
		return fmt.Errorf("%w: version %d, want %d", ErrProtocol, o.Version, version)
	}
	if !isBucket(int(min(o.Size, MaxEnvelope+1))) {
		return fmt.Errorf("%w: an envelope of %d bytes, want one of %v", ErrProtocol, o.Size, Buckets)
	}
	return nil
}

func isBucket(size int) bool { return slices.Contains(Buckets, size) }

// Send offers an envelope on a fresh stream and returns nil when the receiver
// has it on disk. [ErrRefused] and [ErrBusy] are the receiver's answers; after
// any other error it is unknown what the receiver has, and sending again is
// safe. The caller bounds the time and closes the stream.
func Send(stream io.ReadWriter, mailbox Mailbox, envelope []byte) error {
	if !isBucket(len(envelope)) {
		return fmt.Errorf("%w: %d bytes, want one of %v", ErrEnvelope, len(envelope), Buckets)
	}
	o := offer{Version: version, Mailbox: mailbox, Size: uint(len(envelope)), Digest: DigestOf(envelope)}
	if err := wire.WriteMessage(stream, maxControl, o); err != nil {
		return fmt.Errorf("delivery: offering: %w", err)
	}
	a, err := readAnswer(stream)
	if err != nil || a == answerStored {
		return err
	}
	if a != answerSend {
		return fmt.Errorf("%w: answer %d to an offer", ErrProtocol, a)
	}
	if err := wire.WriteFrame(stream, MaxEnvelope, envelope); err != nil {
		return fmt.Errorf("delivery: sending: %w", err)
	}
	a, err = readAnswer(stream)
	if err == nil && a != answerStored {
		return fmt.Errorf("%w: answer %d to an envelope", ErrProtocol, a)
	}
	return err
}

// readAnswer turns refusals into their errors.
func readAnswer(r io.Reader) (answer, error) {
	var m reply
	if err := wire.ReadMessage(r, maxControl, &m); err != nil {
		return 0, fmt.Errorf("delivery: waiting for the answer: %w", err)
	}
	switch m.Answer {
	case answerRefused:
		return 0, ErrRefused
	case answerBusy:
		return 0, ErrBusy
	case answerStored, answerSend:
		return m.Answer, nil
	default:
		return 0, fmt.Errorf("%w: answer %d", ErrProtocol, m.Answer)
	}
}
