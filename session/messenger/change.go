package messenger

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/store"
)

// change is everything that one event causes: it reads what it has changed
// itself, is committed as one batch, and only then taken over into memory. The
// caller holds [Messenger.mu] from begin to commit. A change that is not
// committed has had no effect but numbers of the outbox that are never used.
type change struct {
	m   *Messenger
	b   store.Batch
	now time.Time

	contacts map[identity.ID]*contact
	touched  map[identity.ID]bool
	messages map[entry]*messageRecord
	sets     map[pair]ratchet.Set
	copies   map[copyName]*copyRecord // nil was deleted
	byID     map[string]uint64
	pendings map[[32]byte]*pendingRecord // nil was deleted
	owed     map[pair][]envelope.MessageID

	ring    *identity.KeyRing
	nextSeq uint64
	nextIn  uint64
	inbox   int
	queued  map[identity.ID][]uint64
	changed []uint64
	// forgotten are devices whose conversations go, done is called at the end.
	forgotten []pair
	done      []func()
}

// entry names a message of the log.
type entry struct {
	peer identity.ID
	seq  uint64
}

func (m *Messenger) begin() *change {
	return &change{
		m: m, now: m.cfg.Clock.Now(), nextSeq: m.nextSeq, nextIn: m.nextIn, inbox: m.inbox,
		contacts: map[identity.ID]*contact{}, touched: map[identity.ID]bool{}, messages: map[entry]*messageRecord{},
		sets: map[pair]ratchet.Set{}, copies: map[copyName]*copyRecord{}, byID: map[string]uint64{},
		pendings: map[[32]byte]*pendingRecord{}, owed: map[pair][]envelope.MessageID{}, queued: map[identity.ID][]uint64{},
	}
}

// commit makes the change durable and takes it over.
func (ch *change) commit() error {
	m := ch.m
	for id := range ch.touched {
		if err := ch.contacts[id].put(&ch.b); err != nil {
			return err
		}
	}
	for e, r := range ch.messages {
		if err := put(&ch.b, kindMessage, e.peer[:], e.seq, r); err != nil {
			return err
		}
	}
	for p, set := range ch.sets {
		raw, err := set.Bytes()
		if err != nil {
			return err
		}
		ch.b.Put(kindRatchet, p.name(), 0, raw)
	}
	for n, r := range ch.copies {
		if r == nil {
			ch.b.Delete(kindCopy, n.pair.name(), n.seq)
		} else if err := put(&ch.b, kindCopy, n.pair.name(), n.seq, r); err != nil {
			return err
		}
	}
	for tag, r := range ch.pendings {
		if r == nil {
			ch.b.Delete(kindPending, tag[:], 0)
		} else if err := put(&ch.b, kindPending, tag[:], 0, r); err != nil {
			return err
		}
	}
	if err := ch.putOwed(); err != nil {
		return err
	}
	if ch.ring != nil {
		if err := putKeys(&ch.b, ch.ring, m.own); err != nil {
			return err
		}
	}
	if err := m.cfg.Store.Commit(&ch.b); err != nil {
		return err
	}
	for p, set := range ch.sets {
		m.sets[p] = set
	}
	for p, ids := range ch.owed {
		if m.owed[p] = ids; len(ids) == 0 {
			delete(m.owed, p)
		}
	}
	for _, p := range ch.forgotten {
		delete(m.sets, p)
	}
	if ch.ring != nil {
		m.ring = ch.ring
	}
	m.nextSeq, m.nextIn, m.inbox = ch.nextSeq, ch.nextIn, ch.inbox
	for id, nums := range ch.queued {
		m.enqueue(id, nums...)
	}
	slices.Sort(ch.changed)
	for _, seq := range slices.Compact(ch.changed) {
		m.watch.changed(seq)
	}
	for _, f := range ch.done {
		f()
	}
	return nil
}

// contact returns the contact with an ID, nil if there is none.
func (ch *change) contact(id identity.ID) (*contact, error) {
	if c, ok := ch.contacts[id]; ok {
		return c, nil
	}
	c, err := ch.m.loadContact(id)
	if err == nil {
		ch.contacts[id] = c
	}
	return c, err
}

// touch has a contact written.
func (ch *change) touch(c *contact) { ch.contacts[c.id], ch.touched[c.id] = c, true }

// message returns an entry of the log, nil if there is none. What is changed in
// it is written.
func (ch *change) message(e entry) (*messageRecord, error) {
	if r, ok := ch.messages[e]; ok {
		return r, nil
	}
	r := new(messageRecord)
	ok, err := load(ch.m.cfg.Store, kindMessage, e.peer[:], e.seq, r)
	if err != nil || !ok {
		return nil, err
	}
	ch.messages[e] = r
	return r, nil
}

// appendMessage adds a new entry to the log.
func (ch *change) appendMessage(peer identity.ID, r messageRecord) entry {
	e := entry{peer, ch.nextSeq}
	ch.messages[e] = &r
	ch.index(e, r.Sent, r.ID)
	return e
}

// index makes an entry, or an event, known by position and by id.
func (ch *change) index(e entry, sent bool, id envelope.MessageID) {
	ch.nextSeq++
	ch.b.Put(kindLog, nameLog, e.seq, e.peer[:])
	name := byIDName(sent, e.peer, id)
	ch.b.Put(kindByID, name, 0, binary.BigEndian.AppendUint64(nil, e.seq))
	ch.byID[string(name)] = e.seq
	ch.changed = append(ch.changed, e.seq)
}

// seqOf returns the position of a message by its id, 0 if it is not here.
func (ch *change) seqOf(sent bool, peer identity.ID, id envelope.MessageID) (uint64, error) {
	name := byIDName(sent, peer, id)
	if seq, ok := ch.byID[string(name)]; ok {
		return seq, nil
	}
	data, err := ch.m.cfg.Store.Get(kindByID, name, 0)
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

// set returns the conversations with a device.
func (ch *change) set(p pair) ratchet.Set {
	if s, ok := ch.sets[p]; ok {
		return s
	}
	return ch.m.sets[p]
}

// toInbox adds an envelope to those that wait to be opened.
func (ch *change) toInbox(raw []byte) {
	ch.b.Put(kindInbox, nameInbox, ch.nextIn, raw)
	ch.nextIn++
	ch.inbox++
}

// out adds an envelope to the outbox; message is its position in the log, 0 for
// what shows in none.
func (ch *change) out(p pair, raw []byte, message uint64) error {
	num, err := ch.m.putOutbox(&ch.b, kindOutbox, p, raw, message)
	if err == nil {
		ch.queued[p.account] = append(ch.queued[p.account], num)
	}
	return err
}
