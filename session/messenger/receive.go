package messenger

import (
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/setup"
)

// errDropped wraps why an envelope is dropped: it is not for us, altered,
// replayed or beyond a limit. errUnknown is one that nothing opens.
var (
	errDropped = errors.New("dropped")
	errUnknown = errors.New("nothing opens it")
)

func dropped(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errDropped, fmt.Errorf(format, args...))
}

// open handles one envelope: it adds what follows from it to the change. It asks
// first who can tell fastest: the conversations by their header keys, then
// whether it is a set-up or the answer to one of ours, and at last the
// conversations again, for a side that went back to an older state.
func (ch *change) open(raw []byte) error {
	m := ch.m
	if m.account == nil {
		return dropped("no identity")
	}
	for p, set := range m.sets {
		if set.Holds(raw) {
			return ch.openRatchet(p, raw)
		}
	}
	accepted, err := setup.Accept(ch.now, raw, m.account.ID(), m.ring, replays{m.cfg.Store})
	var gone *setup.OneTimeGoneError
	switch {
	case err == nil:
		return ch.openSetup(accepted)
	case errors.As(err, &gone):
		return ch.askAgain(gone)
	case !errors.Is(err, setup.ErrRefused):
		return err
	}
	if found, err := ch.openReply(raw); found || err != nil {
		return err
	}
	for p, set := range m.sets {
		if _, err := set.Decrypt(ch.now, raw); !errors.Is(err, ratchet.ErrRefused) {
			return ch.openRatchet(p, raw)
		}
	}
	return errUnknown
}

// openRatchet takes an envelope of a conversation.
func (ch *change) openRatchet(p pair, raw []byte) error {
	if blocked, err := ch.m.isBlocked(p.account); err != nil || blocked {
		return firstError(err, dropped("from who is blocked"))
	}
	got, err := ch.set(p).Decrypt(ch.now, raw)
	switch {
	case errors.Is(err, ratchet.ErrOutOfStep):
		ch.m.cfg.Logger.Warn("a conversation is out of step", "set-up", got.SetUp)
		ch.sets[p] = got.Set
		if got.SetUp {
			return ch.heal(p)
		}
		return nil
	case errors.Is(err, ratchet.ErrRefused):
		return dropped("altered")
	case err != nil:
		return err
	}
	if err := ch.turn(p, got.Set); err != nil {
		return err
	}
	if err := ch.confirm(p.account); err != nil {
		return err
	}
	msg, err := envelope.ParseMessage(got.Payload)
	if err != nil {
		// The key is used all the same.
		ch.m.cfg.Logger.Warn("a message that this program can't read", "error", err)
		return nil
	}
	if err := ch.handleAll(p, msg); err != nil {
		return err
	}
	if got.SetUp {
		return ch.heal(p)
	}
	return nil
}

// heal sets up anew, because one side has gone back to an older state. What keeps
// it from doing so, such as an expired card, is only logged: the next message
// will say it.
func (ch *change) heal(p pair) error {
	err := ch.again(p, func(*copyRecord) bool { return true }, true)
	if isMistake(err) {
		ch.m.cfg.Logger.Warn("a conversation can't be set up again", "error", err)
		return nil
	}
	return err
}

// handleAll handles what an opened envelope carries.
func (ch *change) handleAll(p pair, msg envelope.Message) error {
	stored, err := ch.handle(p, msg)
	if err != nil || len(stored) == 0 {
		return err
	}
	return ch.owe(p, stored)
}

// receipt says which messages of a device are stored here.
func (ch *change) receipt(p pair, ids []envelope.MessageID) (envelope.Message, error) {
	id, err := envelope.NewMessageID(ch.m.cfg.Rand)
	if err != nil {
		return envelope.Message{}, err
	}
	return envelope.NewDelivered(id, envelope.ConversationOf(ch.m.account.ID(), p.account), ch.now, ids)
}

// confirm notes that a person has proved to hold their keys.
func (ch *change) confirm(id identity.ID) error {
	if id == ch.m.account.ID() {
		return nil
	}
	c, err := ch.contact(id)
	if err != nil || c == nil || c.r.Confirmed {
		return err
	}
	c.r.Confirmed = true
	ch.touch(c)
	// Whoever watches shows it with every message; the last one has changed.
	last, ok, err := ch.m.cfg.Store.Last(kindMessage, id[:])
	if ok {
		ch.changed = append(ch.changed, last)
	}
	return err
}
