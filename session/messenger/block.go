package messenger

import (
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// MaxBlocked bounds the people who are blocked.
const MaxBlocked = 10_000

// isBlocked reports whether a person is blocked. The caller holds mu.
func (m *Messenger) isBlocked(id identity.ID) (bool, error) {
	_, err := m.cfg.Store.Get(kindBlocked, id[:], 0)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Block refuses everything of a person from now on, without telling them: nothing
// is opened, answered or kept. What waits to go to them is given up. Messages stay.
func (m *Messenger) Block(who string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return Contact{}, ErrNoIdentity
	}
	c, err := m.find(who)
	if err != nil {
		return Contact{}, err
	}
	n := 0
	if err := m.cfg.Store.Scan(kindBlocked, nil, 0, func(store.Record) bool { n++; return true }); err != nil {
		return Contact{}, err
	}
	if n >= MaxBlocked {
		return Contact{}, ErrFull.With("%d people are blocked", n)
	}
	ch := m.begin()
	if err := put(&ch.b, kindBlocked, c.id[:], 0, whenRecord{Version: recordVersion, Ms: ms(ch.now)}); err != nil {
		return Contact{}, err
	}
	for _, kind := range []store.Kind{kindHeld, kindOutbox} {
		err := m.cfg.Store.Scan(kind, c.id[:], 0, func(r store.Record) bool {
			ch.b.Delete(kind, c.id[:], r.Num)
			return true
		})
		if err != nil {
			return Contact{}, err
		}
	}
	for p := range m.sets {
		if p.account == c.id {
			if err := ch.failAll(p, func(*copyRecord) bool { return true }, "you have blocked this person"); err != nil {
				return Contact{}, err
			}
		}
	}
	for _, p := range devicesOf(c) {
		if err := ch.failAll(p, func(*copyRecord) bool { return true }, "you have blocked this person"); err != nil {
			return Contact{}, err
		}
	}
	if err := ch.commit(); err != nil {
		return Contact{}, err
	}
	if q := m.queues[c.id]; q != nil && !q.busy {
		delete(m.queues, c.id)
	}
	return m.publicOf(c)
}

// Unblock takes it back. What came meanwhile is gone; the other side's messages
// come again when its own program tries.
func (m *Messenger) Unblock(who string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(who)
	if err != nil {
		return Contact{}, err
	}
	var b store.Batch
	b.Delete(kindBlocked, c.id[:], 0)
	if err := m.cfg.Store.Commit(&b); err != nil {
		return Contact{}, err
	}
	return m.publicOf(c)
}

// publicOf is a contact as callers see it. The caller holds mu.
func (m *Messenger) publicOf(c *contact) (Contact, error) {
	out := c.public()
	var err error
	out.Blocked, err = m.isBlocked(c.id)
	return out, err
}
