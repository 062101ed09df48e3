package messenger

import (
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// handle takes what an opened envelope of a device carries and returns the ids
// that its receipt must name. What can't be understood is left out and logged.
func (ch *change) handle(p pair, msg envelope.Message) (stored []envelope.MessageID, err error) {
	parts, err := msg.Several()
	if err != nil {
		return nil, ch.unreadable(msg, err)
	}
	me := ch.m.account.ID()
	for _, part := range append(parts, msg) { // the outer one too: its conversation counts
		if part.Conversation != envelope.ConversationOf(me, p.account) {
			ch.m.cfg.Logger.Warn("a message of another conversation", "kind", part.Kind)
			return nil, nil
		}
	}
	for _, part := range parts {
		keep, err := ch.handleOne(p, part)
		if err != nil {
			return nil, err
		}
		if keep && len(stored) < envelope.MaxReceipts {
			stored = append(stored, part.ID)
		}
	}
	return stored, nil
}

// handleOne takes one message; keep says that it is stored here and is confirmed
// to its sender.
func (ch *change) handleOne(p pair, msg envelope.Message) (keep bool, err error) {
	own := p.account == ch.m.account.ID()
	switch {
	case msg.Kind == envelope.Delivered:
		ids, err := msg.Delivered()
		if err != nil {
			return false, ch.unreadable(msg, err)
		}
		return false, ch.confirmed(p, ids)
	case msg.Kind == envelope.NewBundle && !own:
		return false, ch.newBundle(p, msg)
	case msg.Kind == envelope.Copy && own:
		return ch.handleCopy(msg)
	case msg.Kind == envelope.Text && !own:
		return ch.incoming(p.account, msg, false)
	case isContent(msg.Kind) && !own:
		return ch.content(p, msg, false)
	default:
		ch.m.cfg.Logger.Debug("a message of a kind that is not for this", "kind", msg.Kind)
		return false, nil
	}
}

// unreadable logs a message whose sender's program is broken or newer than this
// one. The envelope's other effects stand.
func (ch *change) unreadable(msg envelope.Message, err error) error {
	ch.m.cfg.Logger.Warn("a message that can't be read", "kind", msg.Kind, "error", err)
	return nil
}

// newBundle takes over a contact's newer bundle.
func (ch *change) newBundle(p pair, msg envelope.Message) error {
	c, err := ch.contact(p.account)
	if err != nil || c == nil {
		return err
	}
	bundle, err := msg.Bundle()
	if err == nil {
		err = bundle.Check(ch.now)
	}
	if err != nil {
		return ch.unreadable(msg, err) // the old one is as good as before
	}
	if bundle.ID() != p.account {
		return nil
	}
	c.learn(bundle)
	ch.touch(c)
	return nil
}

// handleCopy takes what another device of ours has sent to a contact.
func (ch *change) handleCopy(msg envelope.Message) (bool, error) {
	peer, copied, err := msg.Copy()
	if err != nil {
		return false, ch.unreadable(msg, err)
	}
	if copied.Conversation != envelope.ConversationOf(ch.m.account.ID(), peer) || peer == ch.m.account.ID() {
		return false, nil
	}
	if isContent(copied.Kind) {
		return ch.content(pair{account: peer}, copied, true)
	}
	return ch.incoming(peer, copied, true)
}

// incoming adds a text to the log, once. sent is set for one that another device
// of ours sent.
func (ch *change) incoming(peer identity.ID, msg envelope.Message, sent bool) (bool, error) {
	text, err := msg.Text()
	if err != nil {
		return false, ch.unreadable(msg, err)
	}
	if len(text) == 0 || len(text) > MaxText {
		return false, nil
	}
	seq, err := ch.seqOf(sent, peer, msg.ID)
	if err != nil || seq != 0 {
		return true, err
	}
	c, err := ch.contact(peer)
	if err != nil {
		return false, err
	}
	if !sent && c == nil {
		return false, nil // removed meanwhile; a new set-up makes a request
	}
	r := messageRecord{
		Version: recordVersion, ID: msg.ID, Sent: sent, Text: text, SentMs: ms(msg.Sent), StoredMs: ms(ch.now),
		State: uint64(Received), AsRequest: c != nil && c.r.Request,
	}
	if sent { // what became of it, the other device knows
		r.State, r.Stored, r.Total = uint64(Stored), 1, 1
	}
	ch.appendMessage(peer, r)
	return true, nil
}

// roomForRequest bounds what is kept of a stranger.
func (ch *change) roomForRequest(peer identity.ID) error {
	n := 0
	err := ch.m.cfg.Store.Scan(kindMessage, peer[:], 0, func(store.Record) bool { n++; return n < MaxRequestMessages })
	if err == nil && n >= MaxRequestMessages {
		err = dropped("%d messages of this request wait already", n)
	}
	return err
}
