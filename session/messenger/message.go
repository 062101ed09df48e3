package messenger

import (
	"time"
	"unicode/utf8"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// Limits of messages.
const (
	// MaxText bounds a text, in bytes of UTF-8.
	MaxText = 32 << 10
	// MaxQueued bounds messages that wait to be stored by others.
	MaxQueued = 1000
)

// State is what is known of a message.
type State uint64

// The states. Their numbers are part of the format on disk.
const (
	Queued    State = 1
	Stored    State = 2
	Delivered State = 3
	Failed    State = 4
	Received  State = 5
)

// Message is one entry of the log.
type Message struct {
	// Seq is its position in this node's log, from 1 on.
	Seq  uint64
	ID   envelope.MessageID
	Peer identity.ID
	// Name is the contact's, or a short Session ID for who is none.
	Name string
	Sent bool
	Text string
	// SentAt is by the sender's clock, StoredAt by ours.
	SentAt, StoredAt time.Time
	State            State
	// StoredBy of Total devices of the recipient have the envelope.
	StoredBy, Total int
	Failure         string
	// Unconfirmed and Request describe the conversation as it is now.
	Unconfirmed, Request bool
}

// Send queues a text for a contact and returns it once it is durable.
func (m *Messenger) Send(to, text string) (Message, error) {
	if text == "" || len(text) > MaxText || !utf8.ValidString(text) {
		return Message{}, ErrText.With("%d bytes, want 1 to %d of UTF-8", len(text), MaxText)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ch, c, err := m.beginTo(to)
	if err != nil {
		return Message{}, err
	}
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return Message{}, err
	}
	msg, err := envelope.NewText(id, envelope.ConversationOf(m.account.ID(), c.id), fromMs(ms(ch.now)), text)
	if err != nil {
		return Message{}, err
	}
	e := ch.appendMessage(c.id, messageRecord{
		Version: recordVersion, ID: id, Sent: true, Text: text, SentMs: ms(ch.now), StoredMs: ms(ch.now), State: uint64(Queued),
	})
	devices, err := ch.sendTo(c, e, msg)
	if err != nil {
		return Message{}, err
	}
	r := ch.messages[e]
	r.Total = uint64(devices)
	if err := ch.commit(); err != nil {
		return Message{}, err
	}
	return m.view(c.id, e.seq, *r, c), nil
}

// beginTo begins a change that sends to a contact. The caller holds mu.
func (m *Messenger) beginTo(to string) (*change, *contact, error) {
	if m.account == nil {
		return nil, nil, ErrNoIdentity
	}
	c, err := m.find(to)
	if err != nil {
		return nil, nil, err
	}
	if blocked, err := m.isBlocked(c.id); err != nil {
		return nil, nil, err
	} else if blocked {
		return nil, nil, ErrBlocked.With("%s", c.r.Name)
	}
	if c.r.Request {
		return nil, nil, ErrNoContact.With("%s has written to you but is not accepted yet: parsctl contact accept %s", c.r.Name, c.id)
	}
	if n := m.queuedLocked(); n >= MaxQueued {
		return nil, nil, ErrFull.With("%d messages wait to be stored by others", n)
	}
	if err := m.freshenBundle(); err != nil {
		return nil, nil, err
	}
	ch := m.begin()
	ch.contacts[c.id] = c
	return ch, c, nil
}

// view joins a message with what is known of its conversation.
func (m *Messenger) view(peer identity.ID, seq uint64, r messageRecord, c *contact) Message {
	out := Message{
		Seq: seq, ID: r.ID, Peer: peer, Name: peer.String()[:10], Sent: r.Sent, Text: r.Text,
		SentAt: fromMs(r.SentMs), StoredAt: fromMs(r.StoredMs), State: State(r.State),
		StoredBy: int(r.Stored), Total: int(r.Total), Failure: r.Failure, Unconfirmed: true, Request: r.AsRequest,
	}
	if c != nil {
		out.Name, out.Unconfirmed, out.Request = c.r.Name, !c.r.Confirmed, c.r.Request
	}
	return out
}

// Message returns the entry at a position. ok is false if there is none.
func (m *Messenger) Message(seq uint64) (msg Message, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messageAt(seq, map[identity.ID]*contact{})
}

func (m *Messenger) messageAt(seq uint64, contacts map[identity.ID]*contact) (Message, bool, error) {
	name, err := m.cfg.Store.Get(kindLog, nameLog, seq)
	if isNotFound(err) {
		return Message{}, false, nil
	}
	if err == nil && len(name) != len(identity.ID{}) {
		err = store.ErrCorrupt
	}
	if err != nil {
		return Message{}, false, err
	}
	peer := identity.ID(name)
	var r messageRecord
	if ok, err := load(m.cfg.Store, kindMessage, peer[:], seq, &r); err != nil || !ok {
		return Message{}, ok, err
	}
	c, known := contacts[peer]
	if !known {
		var record contactRecord
		ok, err := load(m.cfg.Store, kindContact, peer[:], 0, &record)
		if err != nil {
			return Message{}, false, err
		}
		if ok {
			c = &contact{id: peer, r: record}
		}
		contacts[peer] = c
	}
	return m.view(peer, seq, r, c), true, nil
}

// List returns at most limit messages after a position, oldest first, and the
// position to go on from, 0 at the end. with names a contact, or a Session ID
// that may be no contact any more; empty means all.
func (m *Messenger) List(with string, after uint64, limit int) ([]Message, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	peer, err := m.filter(with)
	if err != nil {
		return nil, 0, err
	}
	kind, name := kindLog, nameLog
	if peer != nil {
		kind, name = kindMessage, peer[:]
	}
	var seqs []uint64
	more := false
	err = m.cfg.Store.Scan(kind, name, after+1, func(r store.Record) bool {
		if more = len(seqs) == limit; !more {
			seqs = append(seqs, r.Num)
		}
		return !more
	})
	if err != nil {
		return nil, 0, err
	}
	contacts := map[identity.ID]*contact{}
	out := make([]Message, 0, len(seqs))
	for _, seq := range seqs {
		msg, ok, err := m.messageAt(seq, contacts)
		if err != nil {
			return nil, 0, err
		}
		if ok {
			out = append(out, msg)
		}
	}
	if more {
		return out, seqs[len(seqs)-1], nil
	}
	return out, 0, nil
}

// Filter returns the Session ID that with names, nil for an empty one.
func (m *Messenger) Filter(with string) (*identity.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.filter(with)
}

func (m *Messenger) filter(with string) (*identity.ID, error) {
	if with == "" {
		return nil, nil
	}
	if id, err := identity.ParseID(with); err == nil {
		return &id, nil
	}
	c, err := m.find(with)
	if err != nil {
		return nil, err
	}
	return &c.id, nil
}
