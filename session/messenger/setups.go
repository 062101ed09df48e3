package messenger

import (
	"slices"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/setup"
)

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

func (ch *change) putReplay(tag setup.Tag, prekey identity.PrekeyID) error {
	return put(&ch.b, kindReplay, tag[:], 0, replayRecord{Version: recordVersion, Prekey: prekey, SeenMs: ms(ch.now)})
}

// openSetup takes a set-up with its first messages, answers it, and begins the
// conversation.
func (ch *change) openSetup(a *setup.Accepted) error {
	m := ch.m
	p := pair{a.From.ID(), a.FromDevice}
	if blocked, err := m.isBlocked(p.account); err != nil || blocked {
		return firstError(err, dropped("from who is blocked"))
	}
	own := p.account == m.account.ID()
	if own && !slices.Contains(m.ownOthers(), p) {
		return dropped("from a device of ours that our bundle does not list")
	}
	if err := ratchet.CheckBegan(a.Message.Sent, ch.now); err != nil {
		return dropped("%w", err)
	}
	parts, err := a.Message.Several()
	if err != nil || a.Message.Conversation != envelope.ConversationOf(m.account.ID(), p.account) {
		return dropped("a first message that can't be read, or of another conversation")
	}
	request := false
	if !own {
		c, err := ch.sender(a.From)
		if err != nil {
			return err
		}
		if request = c.r.Request; request {
			if err := ch.mayRequest(c, parts); err != nil {
				return err
			}
		}
		ch.touch(c)
	}
	stored, err := ch.handle(p, a.Message)
	if err != nil {
		return err
	}
	if err := ch.putReplay(a.ReplayTag, a.Prekey); err != nil {
		return err
	}
	if a.OneTime != nil {
		if ch.ring, err = copyRing(m.ring); err != nil {
			return err
		}
		ch.ring.EraseOneTime(*a.OneTime)
	}
	return ch.answer(p, a, stored, request)
}

// answer seals the receipt for a set-up, or an empty answer, and begins the
// conversation. For a request the answer waits until the person accepts.
func (ch *change) answer(p pair, a *setup.Accepted, stored []envelope.MessageID, request bool) error {
	m := ch.m
	msg, err := envelope.NewSeveral(m.cfg.Rand, a.Message.Conversation, ch.now)
	if len(stored) > 0 {
		msg, err = ch.receipt(p, stored)
	}
	if err != nil {
		return err
	}
	raw, established, err := a.Answer(m.cfg.Rand, ch.now, msg, 0)
	if err != nil {
		return dropped("answering: %w", err)
	}
	state, err := ratchet.Start(established, a.Message.Sent, ch.now)
	if err != nil {
		return err
	}
	if request {
		if _, err := m.putOutbox(&ch.b, kindHeld, p, raw, 0); err != nil {
			return err
		}
	} else if err := ch.out(p, raw, 0); err != nil {
		return err
	}
	ch.limitDevices(p)
	if err := ch.turn(p, ch.set(p).Add(state)); err != nil {
		return err
	}
	return ch.retryUnknown()
}

// maxPairs bounds the devices of one account with which conversations are kept.
const maxPairs = 2 * identity.MaxDevices

// limitDevices makes room for a new device of an account: the one whose
// conversation is the oldest goes.
func (ch *change) limitDevices(p pair) {
	if _, ok := ch.m.sets[p]; ok {
		return
	}
	n := 0
	var oldest pair
	var began time.Time
	for o, set := range ch.m.sets {
		if o.account != p.account {
			continue
		}
		n++
		if active := set.Active(); active != nil && (began.IsZero() || active.Began().Before(began)) {
			oldest, began = o, active.Began()
		}
	}
	if n >= maxPairs {
		ch.b.Delete(kindRatchet, oldest.name(), 0)
		ch.forgotten = append(ch.forgotten, oldest)
	}
}

// mayRequest bounds what a stranger may leave here: texts, and not too many.
func (ch *change) mayRequest(c *contact, parts []envelope.Message) error {
	if !slices.ContainsFunc(parts, func(m envelope.Message) bool { return m.Kind == envelope.Text || isContent(m.Kind) }) {
		return dropped("a request that says nothing")
	}
	for _, part := range parts {
		if seq, err := ch.seqOf(false, c.id, part.ID); err != nil {
			return err
		} else if seq != 0 {
			return dropped("a request's message once more")
		}
	}
	return ch.roomForRequest(c.id)
}

// sender returns the contact that a bundle belongs to, a new request if it is
// a stranger's.
func (ch *change) sender(from *identity.Bundle) (*contact, error) {
	c, err := ch.contact(from.ID())
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.learn(from)
		return c, nil
	}
	all, err := ch.m.contactRecords()
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
	c = &contact{id: from.ID(), r: contactRecord{AddedMs: ms(ch.now), Request: true}}
	c.learn(from)
	if err := ch.m.rename(c, ""); err != nil {
		return nil, dropped("%w", err)
	}
	ch.contacts[c.id] = c
	return c, nil
}

// askAgain asks the sender of a set-up whose one-time prekey is gone for
// another. Only a contact is asked: to a stranger it would tell that we are here.
func (ch *change) askAgain(gone *setup.OneTimeGoneError) error {
	m := ch.m
	p := pair{gone.From.ID(), gone.FromDevice}
	c, err := ch.contact(p.account)
	if err != nil {
		return err
	}
	blocked, err := m.isBlocked(p.account)
	if err != nil {
		return err
	}
	if c == nil || c.r.Request || blocked {
		return dropped("a stranger used a one-time prekey that is gone")
	}
	id, err := envelope.NewMessageID(m.cfg.Rand)
	if err != nil {
		return err
	}
	msg := envelope.NewSetUpAgain(id, envelope.ConversationOf(m.account.ID(), p.account), ch.now, m.own)
	raw, err := gone.SetUpAgain(m.cfg.Rand, ch.now, msg, 0)
	if err != nil {
		return dropped("asking to set up again: %w", err)
	}
	if err := ch.putReplay(gone.ReplayTag, gone.Prekey); err != nil {
		return err
	}
	return ch.out(p, raw, 0)
}

// openReply takes an envelope as the answer to one of our set-ups; found says
// that it is one.
func (ch *change) openReply(raw []byte) (found bool, err error) {
	waiting, err := ch.waitingSetups(pair{})
	if err != nil {
		return false, err
	}
	for _, w := range waiting {
		reply, err := w.pending.Open(raw, ch.m.ring.Device())
		if err != nil {
			continue
		}
		return true, ch.reply(w, reply)
	}
	return false, nil
}

// reply takes what came back for a set-up of ours.
func (ch *change) reply(w waitingSetup, reply *setup.Reply) error {
	p := pair{w.pending.Peer(), w.pending.PeerDevice()}
	if reply.Message.Conversation != envelope.ConversationOf(ch.m.account.ID(), p.account) {
		return dropped("an answer of another conversation")
	}
	ch.pendings[w.pending.Tag()] = nil
	if reply.Established == nil {
		return ch.setUpAgain(p, w, reply.Message)
	}
	if err := ch.confirm(p.account); err != nil {
		return err
	}
	// First what the answer confirms, so that it is not sent again.
	if _, err := ch.handle(p, reply.Message); err != nil {
		return err
	}
	state, err := ratchet.Start(reply.Established, fromMs(w.record.CreatedMs), ch.now)
	if err != nil {
		return err
	}
	next := ch.set(p).Add(state)
	if err := ch.turn(p, next); err != nil {
		return err
	}
	// Show at once that the answer came: only then does the other side turn to the
	// new conversation, and is sure of us.
	// It is left to the last of several set-ups.
	last, err := ch.isLast(p, w)
	if err != nil {
		return err
	}
	if active := ch.set(p).Active(); last && active.Transcript() == state.Transcript() && !active.Sent() {
		hello, err := envelope.NewSeveral(ch.m.cfg.Rand, envelope.ConversationOf(ch.m.account.ID(), p.account), ch.now)
		if err != nil {
			return err
		}
		if err := ch.encrypt(p, 0, hello); err != nil {
			return err
		}
	}
	return ch.retryUnknown()
}

// isLast reports whether no later set-up with a device waits for its answer.
func (ch *change) isLast(p pair, w waitingSetup) (bool, error) {
	all, err := ch.waitingSetups(p)
	return !slices.ContainsFunc(all, func(o waitingSetup) bool { return o.record.CreatedMs > w.record.CreatedMs }), err
}

// setUpAgain makes a set-up anew, because its recipient asked for it.
func (ch *change) setUpAgain(p pair, w waitingSetup, msg envelope.Message) error {
	bundle, err := msg.SetUpAgain()
	if err != nil {
		return dropped("%w", err)
	}
	c, err := ch.contact(p.account)
	if err != nil || c == nil {
		return err
	}
	if bundle != nil && bundle.ID() == p.account && bundle.Check(ch.now) == nil {
		c.learn(bundle)
		ch.touch(c)
	}
	tag := w.pending.Tag()
	lost := func(r *copyRecord) bool { return r.Via == tag }
	if err := ch.again(p, lost, ch.set(p).Active() == nil); err != nil {
		if !isMistake(err) {
			return err
		}
		return ch.failAll(p, lost, err.Error())
	}
	return nil
}

// failAll ends the chosen copies for a device.
func (ch *change) failAll(p pair, choose func(*copyRecord) bool, why string) error {
	names, err := ch.waitingFor(p)
	if err != nil {
		return err
	}
	for _, n := range names {
		r, err := ch.copyOf(n)
		if err != nil {
			return err
		}
		if r != nil && choose(r) {
			if err := ch.giveUp(n, r, why); err != nil {
				return err
			}
		}
	}
	return nil
}
