package messenger

import (
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/setup"
	"github.com/pars-network/pars/session/store"
)

// bundleRest is how old a bundle that a device has of us may be before it gets
// the newest with the next message.
const bundleRest = 7 * 24 * time.Hour

// outgoing is a message of ours that a device is to have.
type outgoing struct {
	copy copyName
	peer identity.ID
	msg  envelope.Message
}

// sendTo seals a message for every device of a contact, and a copy of it for
// every other device of ours. It returns how many devices the contact has.
func (ch *change) sendTo(c *contact, e entry, msg envelope.Message) (int, error) {
	devices := devicesOf(c)
	if len(devices) == 0 {
		return 0, ErrNoContact.With("%s has no card", c.r.Name)
	}
	for _, p := range devices {
		if err := ch.sendOne(outgoing{copyName{p, e.seq}, c.id, msg}); err != nil {
			return 0, err
		}
	}
	for _, p := range ch.m.ownOthers() {
		own, err := ch.copyFor(c.id, msg)
		if err != nil {
			return 0, err
		}
		if err := ch.sendOne(outgoing{copyName{p, e.seq}, c.id, own}); err != nil {
			return 0, err
		}
	}
	return len(devices), nil
}

// copyFor is what an own device is told of a message.
func (ch *change) copyFor(peer identity.ID, msg envelope.Message) (envelope.Message, error) {
	me := ch.m.account.ID()
	// The id is the message's, so that a receipt names it.
	return envelope.NewCopy(msg.ID, envelope.ConversationOf(me, me), peer, msg)
}

// sendOne seals a message for one device: in their conversation, or as a set-up
// while there is none.
func (ch *change) sendOne(o outgoing) error {
	p := o.copy.pair
	if ch.set(p).Active() == nil {
		return ch.setUp(p, o)
	}
	if err := ch.encrypt(p, o.copy.seq, o.msg); err != nil {
		return err
	}
	return ch.sealed(o.copy, o.msg.ID, o.peer, ch.set(p).Active().Transcript())
}

// encrypt puts a message into the outbox, in the conversation with a device.
func (ch *change) encrypt(p pair, seq uint64, msg envelope.Message) error {
	mailbox, err := ch.mailboxOf(p)
	if err != nil {
		return err
	}
	if msg, err = ch.withBundle(p, msg); err != nil {
		return err
	}
	payload, err := msg.Bytes()
	if err != nil {
		return err
	}
	raw, next, err := ch.set(p).Encrypt(ch.m.cfg.Rand, ch.now, mailbox, 0, payload)
	if err != nil {
		return fmt.Errorf("messenger: sealing: %w", err)
	}
	ch.sets[p] = next
	return ch.out(p, raw, seq)
}

// withBundle adds our newest bundle to a message for a device that has an old one.
func (ch *change) withBundle(p pair, msg envelope.Message) (envelope.Message, error) {
	m := ch.m
	if p.account == m.account.ID() {
		return msg, nil
	}
	var told whenRecord
	ok, err := load(m.cfg.Store, kindTold, p.name(), 0, &told)
	if err != nil {
		return msg, err
	}
	if ok && m.own.Issued().Before(fromMs(told.Ms).Add(bundleRest)) {
		return msg, nil
	}
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return msg, err
	}
	parts, err := msg.Several()
	if err != nil {
		return msg, err
	}
	parts = append(parts, envelope.NewBundleMessage(id, msg.Conversation, ch.now, m.own))
	both, err := envelope.NewSeveral(m.cfg.Rand, msg.Conversation, msg.Sent, parts...)
	if errors.Is(err, envelope.ErrTooLarge) || errors.Is(err, envelope.ErrMessage) {
		return msg, nil // with the next one
	} else if err != nil {
		return msg, err
	}
	return both, ch.toldBundle(p)
}

// toldBundle remembers which bundle of ours a device has.
func (ch *change) toldBundle(p pair) error {
	return put(&ch.b, kindTold, p.name(), 0, whenRecord{Version: recordVersion, Ms: ms(ch.m.own.Issued())})
}

// setUp begins a conversation with a device, with messages if there are any.
func (ch *change) setUp(p pair, out ...outgoing) error {
	m := ch.m
	to, err := ch.recipient(p)
	if err != nil {
		return err
	}
	began, err := ch.nextBegan(p)
	if err != nil {
		return err
	}
	var parts []envelope.Message
	for _, o := range out {
		parts = append(parts, o.msg)
	}
	msg, err := envelope.NewSeveral(m.cfg.Rand, envelope.ConversationOf(m.account.ID(), p.account), began, parts...)
	if err != nil {
		return err
	}
	raw, pending, err := setup.Initiate(m.cfg.Rand, ch.now, setup.From{Bundle: m.own, Device: m.ring.Device()}, to, msg, 0)
	if err != nil {
		return fmt.Errorf("messenger: sealing: %w", err)
	}
	state, err := pending.Bytes()
	if err != nil {
		return err
	}
	seq := uint64(0)
	for _, o := range out {
		if err := ch.sealed(o.copy, o.msg.ID, o.peer, pending.Tag()); err != nil {
			return err
		}
		seq = o.copy.seq
	}
	ch.pendings[pending.Tag()] = &pendingRecord{Version: recordVersion, State: state, Message: seq, CreatedMs: ms(began)}
	if err := ch.toldBundle(p); err != nil {
		return err
	}
	return ch.out(p, raw, seq)
}

// recipient chooses the keys for a set-up and notes a one-time prekey as used.
func (ch *change) recipient(p pair) (setup.To, error) {
	m := ch.m
	if p.account == m.account.ID() {
		return setup.To{Bundle: m.own, Device: p.device}, nil
	}
	c, err := ch.contact(p.account)
	if err != nil {
		return setup.To{}, err
	}
	if c == nil || c.newest() == nil {
		return setup.To{}, ErrNoContact.With("%s has no card", p.account)
	}
	bundle := c.address(ch.now)
	if err := bundle.Check(ch.now); err != nil {
		return setup.To{}, ErrCardExpired.With("%s: %v", c.r.Name, err)
	}
	device, ok := bundle.Device(p.device)
	if !ok {
		return setup.To{}, ErrNoContact.With("%s has no such device any more", c.r.Name)
	}
	to := setup.To{Bundle: bundle, Device: p.device, OneTime: c.oneTime(bundle, device)}
	if to.OneTime != nil {
		id := identity.PrekeyIDOf(to.OneTime)
		c.r.Used = append(c.r.Used, id[:])
		ch.touch(c)
	}
	return to, nil
}

// nextBegan is the time of a new set-up with a device: after all others that are
// known, finished or not.
func (ch *change) nextBegan(p pair) (time.Time, error) {
	began := ch.set(p).NextBegan(ch.now)
	all, err := ch.waitingSetups(p)
	for _, w := range all {
		if last := fromMs(w.record.CreatedMs).UTC(); !began.After(last) {
			began = last.Add(time.Millisecond)
		}
	}
	return began, err
}

// waitingSetup is a set-up of ours that was not answered yet.
type waitingSetup struct {
	pending *setup.Pending
	record  pendingRecord
}

// waitingSetups lists the set-ups that wait for an answer of a device; the zero
// pair means of any.
func (ch *change) waitingSetups(p pair) ([]waitingSetup, error) {
	var out []waitingSetup
	add := func(r pendingRecord) error {
		pending, err := setup.ParsePending(r.State)
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		if p == (pair{}) || p == (pair{pending.Peer(), pending.PeerDevice()}) {
			out = append(out, waitingSetup{pending, r})
		}
		return nil
	}
	var failed error
	err := ch.m.cfg.Store.Scan(kindPending, nil, 0, func(r store.Record) bool {
		if len(r.Name) == 32 {
			if _, ok := ch.pendings[[32]byte(r.Name)]; ok {
				return true // changed, see below
			}
		}
		var w pendingRecord
		if failed = decode(r.Value, &w); failed == nil {
			failed = add(w)
		}
		return failed == nil
	})
	for _, r := range ch.pendings {
		if r != nil && failed == nil {
			failed = add(*r)
		}
	}
	return out, firstError(err, failed)
}

// turn takes over conversations with a device. If messages now go out in
// another one than before, what the device has not confirmed goes out again.
func (ch *change) turn(p pair, next ratchet.Set) error {
	before := ch.set(p).Active()
	ch.sets[p] = next
	active := next.Active()
	if active == nil || (before != nil && before.Transcript() == active.Transcript()) {
		return nil
	}
	return ch.resend(p, func(r *copyRecord) bool { return r.Via != active.Transcript() })
}

// resend seals the copies for a device anew that are chosen and are in no set-up
// that still waits for its answer.
func (ch *change) resend(p pair, choose func(*copyRecord) bool) error {
	waiting, err := ch.waitingSetups(p)
	if err != nil {
		return err
	}
	tags := map[[32]byte]bool{}
	for _, w := range waiting {
		tags[w.pending.Tag()] = true
	}
	return ch.again(p, func(r *copyRecord) bool { return !tags[r.Via] && choose(r) }, false)
}

// again seals the chosen copies anew, all in one set-up or else each in the
// conversation.
func (ch *change) again(p pair, choose func(*copyRecord) bool, newSetUp bool) error {
	names, err := ch.waitingFor(p)
	if err != nil {
		return err
	}
	var out []outgoing
	size := 0
	for _, n := range names {
		r, err := ch.copyOf(n)
		if err != nil {
			return err
		}
		if r == nil || !choose(r) {
			continue
		}
		if r.Tries >= maxTries {
			if err := ch.giveUp(n, r, "the recipient's device never confirmed it; ask for a new card"); err != nil {
				return err
			}
			continue
		}
		msg, ok, err := ch.rebuild(n, r)
		if err != nil {
			return err
		}
		if !ok { // removed from the log meanwhile
			ch.copies[n] = nil
			continue
		}
		if log := ch.messages[entry{r.Peer, n.seq}]; log != nil && n.pair.account != ch.m.account.ID() {
			log.Again++
		}
		o := outgoing{n, r.Peer, msg}
		if !newSetUp && ch.set(p).Active() != nil {
			if err := ch.sendOne(o); err != nil {
				return err
			}
			continue
		}
		// As much as one first flight holds; the rest follows in the conversation.
		if size += len(msg.Body) + envelope.MessageOverhead + 8; len(out) > 0 && size > envelope.MaxPayload/2 || len(out) == envelope.MaxSeveral {
			continue
		}
		out = append(out, o)
	}
	if newSetUp || len(out) > 0 {
		return ch.setUp(p, out...)
	}
	return nil
}

// rebuild makes the message of a copy once more; ok is false if it is no longer
// in the log.
func (ch *change) rebuild(n copyName, c *copyRecord) (msg envelope.Message, ok bool, err error) {
	e := entry{c.Peer, n.seq}
	r, err := ch.message(e)
	if err != nil {
		return msg, false, err
	}
	if r != nil {
		msg, err = envelope.NewText(r.ID, envelope.ConversationOf(ch.m.account.ID(), c.Peer), fromMs(r.SentMs), r.Text)
		if err == nil && State(r.State) == Failed {
			return msg, false, nil
		}
	} else if msg, ok, err = ch.m.eventMessage(e); err != nil || !ok {
		return msg, false, err
	}
	if err == nil && n.pair.account == ch.m.account.ID() {
		msg, err = ch.copyFor(c.Peer, msg)
	}
	return msg, err == nil, err
}

// giveUp ends a copy; the message fails if no device has it.
func (ch *change) giveUp(n copyName, c *copyRecord, why string) error {
	ch.copies[n] = nil
	if n.pair.account == ch.m.account.ID() {
		return nil
	}
	r, err := ch.message(entry{c.Peer, n.seq})
	if err != nil || r == nil || State(r.State) == Delivered {
		return err
	}
	r.State, r.Failure = uint64(Failed), why
	ch.changed = append(ch.changed, n.seq)
	return nil
}
