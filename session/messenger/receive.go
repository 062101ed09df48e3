package messenger

import (
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
	"github.com/pars-network/pars/session/store"
)

// errDropped wraps why an envelope is dropped: it is not for us, altered,
// replayed or beyond a limit.
var errDropped = errors.New("dropped")

func dropped(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errDropped, fmt.Errorf(format, args...))
}

// open handles one envelope: it adds what follows from it to b and returns what
// to do once b is committed. The caller holds mu.
func (m *Messenger) open(b *store.Batch, raw []byte) (done func(), err error) {
	if m.account == nil {
		return nil, dropped("no identity")
	}
	accepted, err := setup.Accept(m.cfg.Clock.Now(), raw, m.account.ID(), m.ring, replays{m.cfg.Store})
	var gone *setup.OneTimeGoneError
	switch {
	case err == nil:
		return m.openText(b, accepted)
	case errors.As(err, &gone):
		return m.askAgain(b, gone)
	case errors.Is(err, setup.ErrRefused):
		return m.openReply(b, raw)
	default:
		return nil, err
	}
}

// replays asks the store for set-ups that were accepted.
type replays struct{ store Store }

// Seen implements [setup.Replays].
func (r replays) Seen(tag setup.Tag) (bool, error) {
	_, err := r.store.Get(kindReplay, tag[:], 0)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (m *Messenger) putReplay(b *store.Batch, tag setup.Tag, prekey identity.PrekeyID) error {
	return put(b, kindReplay, tag[:], 0, replayRecord{Version: recordVersion, Prekey: prekey, SeenMs: ms(m.cfg.Clock.Now())})
}

// openText takes a set-up with its first message and answers it.
func (m *Messenger) openText(b *store.Batch, a *setup.Accepted) (func(), error) {
	peer := a.From.ID()
	if a.Message.Conversation != envelope.ConversationOf(m.account.ID(), peer) || peer == m.account.ID() {
		return nil, dropped("a message of another conversation")
	}
	text, err := a.Message.Text()
	if err != nil || len(text) == 0 || len(text) > MaxText {
		return nil, dropped("a first message that is no text")
	}
	c, err := m.sender(a.From)
	if err != nil {
		return nil, err
	}
	seq, err := m.seqOf(false, peer, a.Message.ID)
	if err != nil {
		return nil, err
	}
	known := seq != 0
	if c.r.Request {
		if known {
			return nil, dropped("a request's message once more")
		}
		if err := m.roomForRequest(peer); err != nil {
			return nil, err
		}
	}
	if !known {
		seq = m.nextSeq
		r := messageRecord{
			Version: recordVersion, ID: a.Message.ID, Text: text, SentMs: ms(a.Message.Sent), StoredMs: ms(m.cfg.Clock.Now()),
			State: uint64(Received), AsRequest: c.r.Request,
		}
		if err := m.appendMessage(b, peer, seq, r); err != nil {
			return nil, err
		}
	}
	if err := c.put(b); err != nil {
		return nil, err
	}
	if err := m.putReplay(b, a.ReplayTag, a.Prekey); err != nil {
		return nil, err
	}
	ring := m.ring
	if a.OneTime != nil {
		if ring, err = copyRing(m.ring); err != nil {
			return nil, err
		}
		ring.EraseOneTime(*a.OneTime)
		if err := putKeys(b, ring, m.own); err != nil {
			return nil, err
		}
	}
	num, err := m.answer(b, a, c)
	if err != nil {
		return nil, err
	}
	return func() {
		m.ring = ring
		if !known {
			m.nextSeq++
			m.watch.changed(seq)
		}
		if !c.r.Request {
			m.enqueue(peer, num)
		}
	}, nil
}

// sender returns the contact that a bundle belongs to, a new request if it is
// a stranger's.
func (m *Messenger) sender(from *identity.Bundle) (*contact, error) {
	c, err := m.loadContact(from.ID())
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.learn(from)
		return c, nil
	}
	all, err := m.contactRecords()
	if err != nil {
		return nil, err
	}
	requests := 0
	for _, o := range all {
		if o.r.Request {
			requests++
		}
	}
	if requests >= MaxRequests {
		return nil, dropped("%d requests wait already", requests)
	}
	c = &contact{id: from.ID(), r: contactRecord{AddedMs: ms(m.cfg.Clock.Now()), Request: true}}
	c.learn(from)
	if err := m.rename(c, ""); err != nil {
		return nil, dropped("%w", err)
	}
	return c, nil
}

func (m *Messenger) roomForRequest(peer identity.ID) error {
	n := 0
	err := m.cfg.Store.Scan(kindMessage, peer[:], 0, func(store.Record) bool { n++; return n < MaxRequestMessages })
	if err == nil && n >= MaxRequestMessages {
		err = dropped("%d messages of this request wait already", n)
	}
	return err
}

// answer seals the receipt for a set-up. For a request it waits until the person
// accepts.
func (m *Messenger) answer(b *store.Batch, a *setup.Accepted, c *contact) (uint64, error) {
	now := m.cfg.Clock.Now()
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return 0, err
	}
	receipt, err := envelope.NewDelivered(id, a.Message.Conversation, now, []envelope.MessageID{a.Message.ID})
	if err != nil {
		return 0, err
	}
	raw, _, err := a.Answer(m.cfg.Rand, now, receipt, 0)
	if err != nil {
		return 0, dropped("answering: %w", err)
	}
	kind := kindOutbox
	if c.r.Request {
		kind = kindHeld
	}
	return m.putOutbox(b, kind, c.id, raw, 0)
}

// askAgain asks the sender of a set-up whose one-time prekey is gone for
// another. Only a contact is asked: to a stranger it would tell that we are here.
func (m *Messenger) askAgain(b *store.Batch, gone *setup.OneTimeGoneError) (func(), error) {
	peer := gone.From.ID()
	c, err := m.loadContact(peer)
	if err != nil {
		return nil, err
	}
	if c == nil || c.r.Request {
		return nil, dropped("a stranger used a one-time prekey that is gone")
	}
	if err := m.freshenBundle(); err != nil {
		return nil, err
	}
	now := m.cfg.Clock.Now()
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return nil, err
	}
	msg := envelope.NewSetUpAgain(id, envelope.ConversationOf(m.account.ID(), peer), now, m.own)
	raw, err := gone.SetUpAgain(m.cfg.Rand, now, msg, 0)
	if err != nil {
		return nil, dropped("asking to set up again: %w", err)
	}
	if err := m.putReplay(b, gone.ReplayTag, gone.Prekey); err != nil {
		return nil, err
	}
	num, err := m.putOutbox(b, kindOutbox, peer, raw, 0)
	if err != nil {
		return nil, err
	}
	return func() { m.enqueue(peer, num) }, nil
}

// openReply takes an envelope as the answer to one of our set-ups.
func (m *Messenger) openReply(b *store.Batch, raw []byte) (func(), error) {
	var found *setup.Reply
	var pending *setup.Pending
	var record pendingRecord
	var failed error
	err := m.cfg.Store.Scan(kindPending, nil, 0, func(r store.Record) bool {
		var p *setup.Pending
		if failed = decode(r.Value, &record); failed != nil {
			return false
		}
		if p, failed = setup.ParsePending(record.State); failed != nil {
			return false
		}
		reply, err := p.Open(raw, m.ring.Device())
		if err == nil {
			found, pending = reply, p
			b.Delete(kindPending, r.Name, 0)
		}
		return err != nil
	})
	if err != nil || failed != nil {
		return nil, firstError(err, failed)
	}
	if found == nil {
		return nil, dropped("no set-up of ours, or altered")
	}
	peer := pending.Peer()
	if found.Message.Conversation != envelope.ConversationOf(m.account.ID(), peer) {
		return nil, dropped("an answer of another conversation")
	}
	if found.Established == nil {
		return m.sealAgain(b, peer, record.Message, found.Message)
	}
	return m.confirm(b, peer, found.Message)
}

// confirm notes that a person answered, and which messages they have.
func (m *Messenger) confirm(b *store.Batch, peer identity.ID, msg envelope.Message) (func(), error) {
	c, err := m.loadContact(peer)
	if err != nil {
		return nil, err
	}
	if c != nil && !c.r.Confirmed {
		c.r.Confirmed = true
		if err := c.put(b); err != nil {
			return nil, err
		}
	}
	ids, err := msg.Delivered()
	if err != nil {
		return nil, dropped("an answer without a receipt: %w", err)
	}
	var changed []uint64
	for _, id := range ids {
		seq, err := m.seqOf(true, peer, id)
		if err != nil {
			return nil, err
		}
		var r messageRecord
		if seq == 0 {
			continue
		}
		if ok, err := load(m.cfg.Store, kindMessage, peer[:], seq, &r); err != nil {
			return nil, err
		} else if !ok || State(r.State) == Delivered {
			continue
		}
		r.State, r.Failure = uint64(Delivered), ""
		r.Stored = max(r.Stored, 1)
		if err := put(b, kindMessage, peer[:], seq, r); err != nil {
			return nil, err
		}
		changed = append(changed, seq)
	}
	return func() {
		for _, seq := range changed {
			m.watch.changed(seq)
		}
	}, nil
}

// sealAgain sets a message up anew, because its recipient asked for it.
func (m *Messenger) sealAgain(b *store.Batch, peer identity.ID, seq uint64, msg envelope.Message) (func(), error) {
	bundle, err := msg.SetUpAgain()
	if err != nil {
		return nil, dropped("%w", err)
	}
	c, err := m.loadContact(peer)
	if err != nil {
		return nil, err
	}
	var r messageRecord
	ok, err := load(m.cfg.Store, kindMessage, peer[:], seq, &r)
	if err != nil {
		return nil, err
	}
	if !ok || c == nil || State(r.State) == Delivered || State(r.State) == Failed {
		return func() {}, nil
	}
	if bundle != nil && bundle.ID() == peer && bundle.Check(m.cfg.Clock.Now()) == nil {
		c.learn(bundle)
	}
	if r.Again++; r.Again > MaxAgain {
		r.State, r.Failure = uint64(Failed), "the recipient asked to set up again too often; ask for a new card"
		return func() { m.watch.changed(seq) }, put(b, kindMessage, peer[:], seq, r)
	}
	r.State, r.Stored = uint64(Queued), 0
	var sealed store.Batch
	nums, err := m.seal(&sealed, c, seq, &r)
	if err != nil {
		r.State, r.Failure = uint64(Failed), err.Error()
		return func() { m.watch.changed(seq) }, put(b, kindMessage, peer[:], seq, r)
	}
	b.Append(&sealed)
	if err := put(b, kindMessage, peer[:], seq, r); err != nil {
		return nil, err
	}
	return func() {
		m.enqueue(peer, nums...)
		m.watch.changed(seq)
	}, nil
}
