package messenger

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
	"github.com/pars-network/pars/session/store"
)

// Limits of messages.
const (
	// MaxText bounds a text, in bytes of UTF-8.
	MaxText = 32 << 10
	// MaxQueued bounds messages that wait to be stored by others.
	MaxQueued = 1000
	// MaxAgain bounds how often a recipient may ask to set up a message again.
	MaxAgain = 3
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
	if m.account == nil {
		return Message{}, ErrNoIdentity
	}
	c, err := m.find(to)
	if err != nil {
		return Message{}, err
	}
	if c.r.Request {
		return Message{}, ErrNoContact.With("%s has written to you but is not accepted yet: parsctl contact add %s", c.r.Name, c.id)
	}
	if n := m.queuedLocked(); n >= MaxQueued {
		return Message{}, ErrFull.With("%d messages wait to be stored by others", n)
	}
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return Message{}, err
	}
	now := m.cfg.Clock.Now()
	r := messageRecord{Version: recordVersion, ID: id, Sent: true, Text: text, SentMs: ms(now), StoredMs: ms(now), State: uint64(Queued)}
	seq := m.nextSeq
	var b store.Batch
	items, err := m.seal(&b, c, seq, &r)
	if err != nil {
		return Message{}, err
	}
	if err := m.appendMessage(&b, c.id, seq, r); err != nil {
		return Message{}, err
	}
	if err := m.cfg.Store.Commit(&b); err != nil {
		return Message{}, err
	}
	m.nextSeq++
	m.enqueue(c.id, items...)
	m.watch.changed(seq)
	return m.view(c.id, seq, r, c), nil
}

// seal adds to b what is needed to send a message: an envelope in the outbox and
// a waiting set-up for each device of the recipient, and the contact with the
// one-time prekeys that are now used. It sets r.Total and returns the numbers of
// the outbox records. The caller holds mu.
func (m *Messenger) seal(b *store.Batch, c *contact, seq uint64, r *messageRecord) ([]uint64, error) {
	now := m.cfg.Clock.Now()
	if err := m.freshenBundle(); err != nil {
		return nil, err
	}
	bundle := c.address(now)
	if bundle == nil {
		return nil, ErrNoContact.With("%s has no card", c.r.Name)
	}
	if err := bundle.Check(now); err != nil {
		return nil, ErrCardExpired.With("%s: %v", c.r.Name, err)
	}
	msg, err := envelope.NewText(r.ID, envelope.ConversationOf(m.account.ID(), c.id), fromMs(r.SentMs), r.Text)
	if err != nil {
		return nil, err
	}
	var nums []uint64
	for _, device := range bundle.Devices() {
		to := setup.To{Bundle: bundle, Device: device.ID(), OneTime: c.oneTime(bundle, device)}
		raw, pending, err := setup.Initiate(m.cfg.Rand, now, setup.From{Bundle: m.own, Device: m.ring.Device()}, to, msg, 0)
		if err != nil {
			return nil, fmt.Errorf("messenger: sealing: %w", err)
		}
		if to.OneTime != nil {
			id := identity.PrekeyIDOf(to.OneTime)
			c.r.Used = append(c.r.Used, id[:])
		}
		state, err := pending.Bytes()
		if err != nil {
			return nil, err
		}
		tag := pending.Tag()
		if err := put(b, kindPending, tag[:], 0, pendingRecord{Version: recordVersion, State: state, Message: seq, CreatedMs: ms(now)}); err != nil {
			return nil, err
		}
		num, err := m.putOutbox(b, kindOutbox, c.id, raw, seq)
		if err != nil {
			return nil, err
		}
		nums = append(nums, num)
	}
	r.Total = uint64(len(nums))
	return nums, c.put(b)
}

// appendMessage adds a new message with its index entries.
func (m *Messenger) appendMessage(b *store.Batch, peer identity.ID, seq uint64, r messageRecord) error {
	if err := put(b, kindMessage, peer[:], seq, r); err != nil {
		return err
	}
	b.Put(kindLog, nameLog, seq, peer[:])
	b.Put(kindByID, byIDName(r.Sent, peer, r.ID), 0, binary.BigEndian.AppendUint64(nil, seq))
	return nil
}

// seqOf returns the position of a message by its id, 0 if it is not here.
func (m *Messenger) seqOf(sent bool, peer identity.ID, id envelope.MessageID) (uint64, error) {
	data, err := m.cfg.Store.Get(kindByID, byIDName(sent, peer, id), 0)
	if isNotFound(err) {
		return 0, nil
	}
	if err == nil && len(data) != 8 {
		err = store.ErrCorrupt
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(data), nil
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
