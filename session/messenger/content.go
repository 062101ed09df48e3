package messenger

import (
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// What is not a text is an event: a message of a kind from 16 to 31, whose body
// package content reads. Events stand in a log of their own for each
// conversation, in the order in which they came, once for (author, id), and take
// their positions from the same counter as texts. Who shows a conversation folds
// them; nothing here looks inside. A kind with a handler goes to that instead.

// isContent reports whether a kind is what people say and do in a conversation.
func isContent(k envelope.Kind) bool { return k >= 16 && k < 32 }

// MaxEvents bounds the events that are kept of one conversation.
const MaxEvents = 100_000

// Event is one entry of a conversation's log of events.
type Event struct {
	// Seq is its position in this node's log.
	Seq uint64
	// Peer is the other person, Author who said it, Device with what.
	Peer, Author identity.ID
	Device       identity.DeviceID
	// Message is what was said; its body is for package content.
	Message envelope.Message
}

// Incoming is a message for a [Handler].
type Incoming struct {
	From    identity.ID
	Device  identity.DeviceID
	Message envelope.Message
}

// Handler takes messages of one kind. It runs while the messenger is locked and
// must not call it; what it writes goes into b and is committed with the
// envelope's other effects, after which done, if it is not nil, is called. A
// message may come more than once. An error is told to nobody and drops the
// message alone.
type Handler func(b *store.Batch, in Incoming) (done func(), err error)

// Handle gives the messages of a kind from 16 to 31 to f instead of the log of
// events. It must be called before Run.
func (m *Messenger) Handle(kind envelope.Kind, f Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers[kind] = f
}

type eventRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Author  [32]byte
	Device  [16]byte
	Message []byte
}

// content takes an event of a contact, or of an own other device. keep says that
// it is stored here.
func (ch *change) content(p pair, msg envelope.Message, own bool) (keep bool, err error) {
	m := ch.m
	author, device := p.account, p.device
	if own {
		author, device = m.account.ID(), identity.DeviceID{}
	}
	if f := m.handlers[msg.Kind]; f != nil && !own {
		var b store.Batch
		done, err := f(&b, Incoming{From: author, Device: device, Message: msg})
		if err != nil {
			m.cfg.Logger.Warn("a message was not handled", "kind", msg.Kind, "error", err)
			return false, nil
		}
		ch.b.Append(&b)
		if done != nil {
			ch.done = append(ch.done, done)
		}
		return true, nil
	}
	if msg.Kind == envelope.Typing {
		return false, nil // it means nothing later
	}
	if own && msg.Kind == envelope.Group {
		return true, nil // what another device of ours hands to others is not for the log
	}
	seq, err := ch.seqOf(own, p.account, msg.ID)
	if err != nil || seq != 0 {
		return true, err
	}
	if c, err := ch.contact(p.account); err != nil || c == nil {
		return false, err
	}
	n := 0
	if err := m.cfg.Store.Scan(kindEvent, p.account[:], 0, func(store.Record) bool { n++; return n < MaxEvents }); err != nil {
		return false, err
	}
	if n >= MaxEvents {
		m.cfg.Logger.Warn("no room for more events of a conversation")
		return false, nil
	}
	_, err = ch.appendEvent(p.account, author, device, msg, own)
	return err == nil, err
}

// appendEvent adds an event to the log of a conversation.
func (ch *change) appendEvent(peer, author identity.ID, device identity.DeviceID, msg envelope.Message, own bool) (entry, error) {
	raw, err := msg.Bytes()
	if err != nil {
		return entry{}, err
	}
	e := entry{peer, ch.nextSeq}
	err = put(&ch.b, eventKind(msg.Kind), peer[:], e.seq, eventRecord{Version: recordVersion, Author: author, Device: device, Message: raw})
	ch.index(e, own, msg.ID)
	return e, err
}

// eventKind is where an event stands. What hands keys of a group over is kept where
// it can be erased, until everybody has it.
func eventKind(k envelope.Kind) store.Kind {
	if k == envelope.Group {
		return kindHanded
	}
	return kindEvent
}

// eraseHanded erases keys that all devices they were for have confirmed.
func (ch *change) eraseHanded(n copyName, peer []byte) error {
	waiting := false
	err := ch.m.cfg.Store.Scan(kindCopy, nil, 0, func(r store.Record) bool {
		p, ok := pairOf(r.Name)
		if !ok || r.Num != n.seq {
			return true
		}
		c, touched := ch.copies[copyName{p, n.seq}]
		waiting = !touched || c != nil
		return !waiting
	})
	if err != nil || waiting {
		return err
	}
	ch.b.Delete(kindHanded, peer, n.seq)
	return nil
}

// eventMessage returns an event of the log as it was said.
func (m *Messenger) eventMessage(e entry) (msg envelope.Message, ok bool, err error) {
	var r eventRecord
	if ok, err = load(m.cfg.Store, kindEvent, e.peer[:], e.seq, &r); err == nil && !ok {
		ok, err = load(m.cfg.Store, kindHanded, e.peer[:], e.seq, &r)
	}
	if err != nil || !ok {
		return msg, false, err
	}
	msg, err = envelope.ParseMessage(r.Message)
	return msg, err == nil, err
}

// SendContent queues a message of a kind from 16 to 31 for a contact, with a body
// that package content made, and returns its position and id once it is durable.
func (m *Messenger) SendContent(to string, kind envelope.Kind, body []byte) (Event, error) {
	if !isContent(kind) || len(body) == 0 || len(body) > MaxText+envelope.MessageOverhead {
		return Event{}, ErrText.With("a %s of %d bytes", kind, len(body))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ch, c, err := m.beginTo(to)
	if err != nil {
		return Event{}, err
	}
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return Event{}, err
	}
	msg := envelope.Message{Kind: kind, ID: id, Conversation: envelope.ConversationOf(m.account.ID(), c.id), Sent: ch.now, Body: body}
	out := Event{Peer: c.id, Author: m.account.ID(), Device: m.ring.DeviceID(), Message: msg}
	if kind == envelope.Typing { // never kept, never sent again
		for _, p := range devicesOf(c) {
			if ch.set(p).Active() != nil {
				if err := ch.encrypt(p, 0, msg); err != nil {
					return Event{}, err
				}
			}
		}
		return out, ch.commit()
	}
	e, err := ch.appendEvent(c.id, out.Author, out.Device, msg, true)
	if err != nil {
		return Event{}, err
	}
	if _, err := ch.sendTo(c, e, msg); err != nil {
		return Event{}, err
	}
	out.Seq = e.seq
	return out, ch.commit()
}

// Events returns at most limit events of a conversation after a position, oldest
// first, and the position to go on from, 0 at the end.
func (m *Messenger) Events(with string, after uint64, limit int) ([]Event, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	peer, err := m.filter(with)
	if err != nil {
		return nil, 0, err
	}
	if peer == nil {
		return nil, 0, ErrNoContact.With("events are of one conversation")
	}
	var out []Event
	var failed error
	more := false
	err = m.cfg.Store.Scan(kindEvent, peer[:], after+1, func(r store.Record) bool {
		if more = len(out) == limit; more {
			return false
		}
		var w eventRecord
		if failed = decode(r.Value, &w); failed != nil {
			return false
		}
		var msg envelope.Message
		if msg, failed = envelope.ParseMessage(w.Message); failed == nil {
			out = append(out, Event{Seq: r.Num, Peer: *peer, Author: w.Author, Device: w.Device, Message: msg})
		}
		return failed == nil
	})
	if err := firstError(err, failed); err != nil {
		return nil, 0, err
	}
	if more && len(out) > 0 {
		return out, out[len(out)-1].Seq, nil
	}
	return out, 0, nil
}
