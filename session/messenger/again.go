package messenger

import (
	"errors"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/mistake"
	"github.com/pars-network/pars/session/store"
)

const (
	// maxUnknown bounds the envelopes that nothing opened and that are tried again
	// after the next set-up; unknownTTL is how long they are kept.
	maxUnknown = 64
	unknownTTL = 24 * time.Hour
)

func isMistake(err error) bool {
	var e *mistake.Error
	return errors.As(err, &e)
}

// keepUnknown keeps an envelope that nothing opened: it may have overtaken the
// answer to a set-up. The caller has put it under its digest.
func (ch *change) keepUnknown(raw []byte) error {
	n, oldest := 0, uint64(0)
	err := ch.m.cfg.Store.Scan(kindUnknown, nameUnknown, 0, func(r store.Record) bool {
		if n == 0 {
			oldest = r.Num
		}
		n++
		return true
	})
	if err != nil {
		return err
	}
	if n >= maxUnknown {
		ch.b.Delete(kindUnknown, nameUnknown, oldest)
	}
	return put(&ch.b, kindUnknown, nameUnknown, ch.nextIn, unknownRecord{Version: recordVersion, Envelope: raw, Ms: ms(ch.now)})
}

// retryUnknown puts what nothing opened into the inbox once more.
func (ch *change) retryUnknown() error {
	var failed error
	err := ch.m.cfg.Store.Scan(kindUnknown, nameUnknown, 0, func(r store.Record) bool {
		var w unknownRecord
		if failed = decode(r.Value, &w); failed != nil {
			return false
		}
		digest := delivery.DigestOf(w.Envelope)
		ch.b.Delete(kindUnknown, nameUnknown, r.Num)
		ch.b.Delete(kindSeen, digest[:], 0)
		ch.toInbox(w.Envelope)
		return true
	})
	if ch.nextIn > ch.m.nextIn {
		wake(ch.m.wakeIn)
	}
	return firstError(err, failed)
}

// sendAgain seals what a device has had for a day and not confirmed: the first
// time in the conversation, then, or if nothing was ever heard there, with a new
// set-up. The caller holds mu.
func (m *Messenger) sendAgain() error {
	now := m.cfg.Clock.Now()
	due := map[pair]bool{} // true if a new set-up is to be made
	over := map[pair][]uint64{}
	var failed error
	err := m.cfg.Store.Scan(kindCopy, nil, 0, func(r store.Record) bool {
		var c copyRecord
		p, ok := pairOf(r.Name)
		if failed = decode(r.Value, &c); failed != nil || !ok {
			return failed == nil
		}
		wait := copyRest << min(max(c.Tries, 1)-1, 5)
		switch {
		case !c.Stored || now.Before(fromMs(c.SealedMs).Add(wait)):
		case c.Tries > 4: // a month has passed: it stays as stored for ever
			over[p] = append(over[p], r.Num)
		default:
			due[p] = due[p] || c.Tries > 1
		}
		return true
	})
	if err := firstError(err, failed); err != nil {
		return err
	}
	for p, nums := range over {
		var b store.Batch
		for _, num := range nums {
			b.Delete(kindCopy, p.name(), num)
		}
		if err := m.cfg.Store.Commit(&b); err != nil {
			return err
		}
	}
	for p, newSetUp := range due {
		ch := m.begin()
		active := ch.set(p).Active()
		old := func(c *copyRecord) bool {
			return c.Stored && !now.Before(fromMs(c.SealedMs).Add(copyRest<<min(max(c.Tries, 1)-1, 5)))
		}
		err := ch.again(p, old, newSetUp || active == nil || !active.Heard())
		if isMistake(err) {
			continue // such as an expired card; the message's state is still true
		}
		if err == nil {
			err = ch.commit()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// expireKeys drops keys of messages that did not come in time, and envelopes
// that nothing opened. The caller holds mu.
func (m *Messenger) expireKeys() error {
	ch := m.begin()
	for p, set := range m.sets {
		if next, changed := set.Expire(ch.now); changed {
			ch.sets[p] = next
		}
	}
	var failed error
	err := m.cfg.Store.Scan(kindUnknown, nameUnknown, 0, func(r store.Record) bool {
		var w unknownRecord
		if failed = decode(r.Value, &w); failed == nil && ch.now.After(fromMs(w.Ms).Add(unknownTTL)) {
			ch.b.Delete(kindUnknown, nameUnknown, r.Num)
		}
		return failed == nil
	})
	if err := firstError(err, failed); err != nil {
		return err
	}
	return ch.commit()
}

// forgetPeer removes what is kept for the devices of a person who is removed.
func (ch *change) forgetPeer(id identity.ID) {
	for p := range ch.m.sets {
		if p.account == id {
			ch.b.Delete(kindRatchet, p.name(), 0)
			ch.forgotten = append(ch.forgotten, p)
		}
	}
}
