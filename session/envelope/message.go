package envelope

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Kind says what a message is.
type Kind uint64

// The kinds of messages. Numbers are never used twice.
const (
	// Text is what a person wrote, in UTF-8.
	Text Kind = 1
	// Delivered tells the sender which messages this device has stored.
	Delivered Kind = 2
	// SetUpAgain asks the sender of a set-up to make a new one, because the
	// one-time prekey that it named is gone. Its body is the newest bundle of who
	// asks, or empty.
	SetUpAgain Kind = 3
	// Several carries other messages, or none, in one envelope.
	Several Kind = 4
	// Copy tells an own device what another own device sent, and to whom.
	Copy Kind = 5
	// NewBundle carries the sender's newest bundle.
	NewBundle Kind = 6

	// The kinds from 16 to 31 are what people say and do in a conversation;
	// package content reads and writes their bodies (spec/content.md).

	// Post is a text, files or both, perhaps an answer to another message.
	Post Kind = 16
	// Reaction answers a message with a sign.
	Reaction Kind = 17
	// Edit replaces the text of an own message.
	Edit Kind = 18
	// Delete takes an own message back for everyone.
	Delete Kind = 19
	// Read tells which messages the person has seen.
	Read Kind = 20
	// Typing tells that the person is writing.
	Typing Kind = 21
	// Timer changes how long messages stay.
	Timer Kind = 22
	// Group carries what a group's devices tell one another pairwise.
	Group Kind = 23
)

// kindNames are the names of the kinds.
var kindNames = map[Kind]string{
	Text: "text", Delivered: "delivered", SetUpAgain: "set-up-again", Several: "several", Copy: "copy", NewBundle: "new-bundle", Post: "post", Reaction: "reaction", Edit: "edit",
	Delete: "delete", Read: "read", Typing: "typing", Timer: "timer", Group: "group",
}

// String names the kind.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind-%d", uint64(k))
}

const (
	messageVersion = 1
	// MaxReceipts is how many messages one receipt may name.
	MaxReceipts = 1024
	// MessageOverhead is what the encoding of a message adds to its body at most.
	MessageOverhead = 80

	maxMilli = 1 << 50 // about the year 37000
)

// ErrMessage reports bytes that are no message, though they were decrypted: the
// sender's program is broken or newer than ours.
var ErrMessage = errors.New("not a message")

// MessageID names a message: 16 random bytes that its sender chose.
type MessageID [16]byte

// String returns the ID as hex.
func (m MessageID) String() string { return fmt.Sprintf("%x", m[:]) }

// NewMessageID takes an ID from rand.
func NewMessageID(rand io.Reader) (MessageID, error) {
	var id MessageID
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return MessageID{}, fmt.Errorf("envelope: reading randomness: %w", err)
	}
	return id, nil
}

// ConversationID names a conversation.
type ConversationID [32]byte

// String returns the ID as hex.
func (c ConversationID) String() string { return fmt.Sprintf("%x", c[:]) }

// ConversationOf returns the ID of the conversation of two accounts, in either
// order. It never appears outside an envelope.
func ConversationOf(a, b identity.ID) ConversationID {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return digest.Sum("pars conversation v1", a[:], b[:])
}

// Message is what an envelope carries.
type Message struct {
	// Kind says how to read Body.
	Kind Kind
	// ID is the sender's; one message that goes to several devices has one ID.
	ID MessageID
	// Conversation is what the message belongs to.
	Conversation ConversationID
	// Sent is the sender's clock, in milliseconds.
	Sent time.Time
	// Body is at most [MaxPayload] bytes.
	Body []byte
}

// String describes the message without its content, so that no log shows it.
func (m Message) String() string {
	return fmt.Sprintf("envelope.Message(%s %s, %d bytes hidden)", m.Kind, m.ID, len(m.Body))
}

// Format hides the content from every verb of package fmt.
func (m Message) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(m.String())) }

type messageWire struct {
	_            struct{} `cbor:",toarray"`
	Version      uint64
	Kind         uint64
	ID           [16]byte
	Conversation [32]byte
	SentMs       uint64
	Body         []byte
}

// Bytes returns the deterministic encoding. Errors match [ErrTooLarge] and
// [ErrMessage].
func (m Message) Bytes() ([]byte, error) {
	if len(m.Body) > MaxPayload {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d; send it as a file", ErrTooLarge, len(m.Body), MaxPayload)
	}
	ms := m.Sent.UnixMilli()
	if ms < 0 || ms > maxMilli {
		return nil, fmt.Errorf("%w: sent at %s", ErrMessage, m.Sent)
	}
	raw, err := wire.Marshal(messageWire{Version: messageVersion, Kind: uint64(m.Kind), ID: m.ID, Conversation: m.Conversation, SentMs: uint64(ms), Body: m.Body})
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return raw, nil
}

// ParseMessage reads a message, of kinds that it knows or not. Errors match
// [ErrMessage].
func ParseMessage(raw []byte) (Message, error) {
	var w messageWire
	if err := wire.Unmarshal(raw, MaxPayload+MessageOverhead, &w); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if w.Version != messageVersion {
		return Message{}, fmt.Errorf("%w: version %d, want %d; update this program", ErrMessage, w.Version, messageVersion)
	}
	if w.SentMs > maxMilli || len(w.Body) > MaxPayload {
		return Message{}, fmt.Errorf("%w: %d bytes sent at %d", ErrMessage, len(w.Body), w.SentMs)
	}
	return Message{Kind: Kind(w.Kind), ID: w.ID, Conversation: w.Conversation, Sent: time.UnixMilli(int64(w.SentMs)).UTC(), Body: w.Body}, nil
}

// NewText returns a text message.
func NewText(id MessageID, conversation ConversationID, sent time.Time, text string) (Message, error) {
	if !utf8.ValidString(text) {
		return Message{}, fmt.Errorf("%w: the text is not UTF-8", ErrMessage)
	}
	return Message{Kind: Text, ID: id, Conversation: conversation, Sent: sent, Body: []byte(text)}, nil
}

// Text returns what a person wrote; the message must be of kind [Text].
func (m Message) Text() (string, error) {
	if m.Kind != Text || !utf8.Valid(m.Body) {
		return "", fmt.Errorf("%w: a %s of %d bytes, want text in UTF-8", ErrMessage, m.Kind, len(m.Body))
	}
	return string(m.Body), nil
}

// NewDelivered returns a receipt for messages that are stored on this device.
func NewDelivered(id MessageID, conversation ConversationID, sent time.Time, messages []MessageID) (Message, error) {
	if len(messages) == 0 || len(messages) > MaxReceipts {
		return Message{}, fmt.Errorf("%w: a receipt for %d messages, want 1 to %d", ErrMessage, len(messages), MaxReceipts)
	}
	body, err := wire.Marshal(messages)
	if err != nil {
		return Message{}, fmt.Errorf("envelope: %w", err)
	}
	return Message{Kind: Delivered, ID: id, Conversation: conversation, Sent: sent, Body: body}, nil
}

// Delivered returns the messages that a receipt names; the message must be of
// kind [Delivered].
func (m Message) Delivered() ([]MessageID, error) {
	if m.Kind != Delivered {
		return nil, fmt.Errorf("%w: a %s, want a receipt", ErrMessage, m.Kind)
	}
	var ids []MessageID
	if err := wire.Unmarshal(m.Body, MaxPayload, &ids); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(ids) == 0 || len(ids) > MaxReceipts {
		return nil, fmt.Errorf("%w: a receipt for %d messages, want 1 to %d", ErrMessage, len(ids), MaxReceipts)
	}
	return ids, nil
}

// NewSetUpAgain returns a request to set up again, with the bundle to use, or
// nil for the one that the other side can find by itself.
func NewSetUpAgain(id MessageID, conversation ConversationID, sent time.Time, bundle *identity.Bundle) Message {
	m := Message{Kind: SetUpAgain, ID: id, Conversation: conversation, Sent: sent}
	if bundle != nil {
		m.Body = bundle.Bytes()
	}
	return m
}

// SetUpAgain returns the bundle of a request to set up again, nil if it carries
// none; the message must be of kind [SetUpAgain]. The caller checks that the
// bundle is of the account that it wrote to, newer than the one it has, and valid.
func (m Message) SetUpAgain() (*identity.Bundle, error) {
	if m.Kind != SetUpAgain {
		return nil, fmt.Errorf("%w: a %s, want a request to set up again", ErrMessage, m.Kind)
	}
	if len(m.Body) == 0 {
		return nil, nil
	}
	b, err := identity.ParseBundle(m.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return b, nil
}
