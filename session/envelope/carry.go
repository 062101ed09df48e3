package envelope

import (
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// MaxSeveral is how many messages one of kind [Several] may carry.
const MaxSeveral = 64

// NewSeveral returns a message that carries others, or none. What it carries
// keeps its own ids and times. Errors match [ErrMessage] and [ErrTooLarge].
func NewSeveral(rand io.Reader, conversation ConversationID, sent time.Time, messages ...Message) (Message, error) {
	if len(messages) > MaxSeveral {
		return Message{}, fmt.Errorf("%w: %d messages in one, want at most %d", ErrMessage, len(messages), MaxSeveral)
	}
	id, err := NewMessageID(rand)
	if err != nil {
		return Message{}, err
	}
	parts := make([][]byte, len(messages))
	for i, m := range messages {
		if m.Kind == Several {
			return Message{}, fmt.Errorf("%w: several in several", ErrMessage)
		}
		if parts[i], err = m.Bytes(); err != nil {
			return Message{}, err
		}
	}
	body, err := wire.Marshal(parts)
	if err != nil {
		return Message{}, fmt.Errorf("envelope: %w", err)
	}
	if len(body) > MaxPayload {
		return Message{}, fmt.Errorf("%w: %d messages of %d bytes in all, want at most %d", ErrTooLarge, len(parts), len(body), MaxPayload)
	}
	return Message{Kind: Several, ID: id, Conversation: conversation, Sent: sent, Body: body}, nil
}

// Several returns the messages that m carries, or m itself if it is of another
// kind. They do not carry others. Errors match [ErrMessage].
func (m Message) Several() ([]Message, error) {
	if m.Kind != Several {
		return []Message{m}, nil
	}
	var parts [][]byte
	if err := wire.Unmarshal(m.Body, MaxPayload, &parts); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(parts) > MaxSeveral {
		return nil, fmt.Errorf("%w: %d messages in one, want at most %d", ErrMessage, len(parts), MaxSeveral)
	}
	out := make([]Message, len(parts))
	for i, raw := range parts {
		var err error
		if out[i], err = ParseMessage(raw); err != nil {
			return nil, err
		}
		if out[i].Kind == Several {
			return nil, fmt.Errorf("%w: several in several", ErrMessage)
		}
	}
	return out, nil
}

type copyWire struct {
	_       struct{} `cbor:",toarray"`
	Peer    [32]byte
	Message []byte
}

// NewCopy returns what tells an own device of a message that went to peer. own is
// the conversation of the account with itself.
func NewCopy(id MessageID, own ConversationID, peer identity.ID, m Message) (Message, error) {
	raw, err := m.Bytes()
	if err != nil {
		return Message{}, err
	}
	body, err := wire.Marshal(copyWire{Peer: peer, Message: raw})
	if err != nil {
		return Message{}, fmt.Errorf("envelope: %w", err)
	}
	return Message{Kind: Copy, ID: id, Conversation: own, Sent: m.Sent, Body: body}, nil
}

// Copy returns what a message of kind [Copy] tells. Errors match [ErrMessage].
func (m Message) Copy() (peer identity.ID, copied Message, err error) {
	var w copyWire
	if m.Kind != Copy {
		return peer, copied, fmt.Errorf("%w: a %s, want a copy", ErrMessage, m.Kind)
	}
	if err := wire.Unmarshal(m.Body, MaxPayload, &w); err != nil {
		return peer, copied, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	copied, err = ParseMessage(w.Message)
	return w.Peer, copied, err
}

// NewBundleMessage returns a message with the sender's newest bundle.
func NewBundleMessage(id MessageID, conversation ConversationID, sent time.Time, b *identity.Bundle) Message {
	return Message{Kind: NewBundle, ID: id, Conversation: conversation, Sent: sent, Body: b.Bytes()}
}

// Bundle returns the bundle of a message of kind [NewBundle], whose signature
// holds. The caller checks whose it is and whether it is newer. Errors match
// [ErrMessage].
func (m Message) Bundle() (*identity.Bundle, error) {
	if m.Kind != NewBundle {
		return nil, fmt.Errorf("%w: a %s, want a bundle", ErrMessage, m.Kind)
	}
	b, err := identity.ParseBundle(m.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return b, nil
}
