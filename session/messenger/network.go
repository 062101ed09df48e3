package messenger

import (
	"time"

	"github.com/pars-network/pars/session/identity"
)

// What who carries envelopes and bundles over a network of other people's nodes
// needs of the messenger. It is a [Carrier] with one peer for sending, and gives
// what it fetches to [Messenger.Keep].

// Mailboxes returns the keys of the mailboxes that are to be emptied, newest
// first; none while there is no identity.
func (m *Messenger) Mailboxes() []identity.MailboxKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return nil
	}
	return m.ring.Mailboxes()
}

// Bundle returns our newest bundle, made anew if it is time, for publishing. It
// lists no one-time prekeys.
func (m *Messenger) Bundle() (*identity.Bundle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return nil, ErrNoIdentity
	}
	if err := m.freshenBundle(); err != nil {
		return nil, err
	}
	return m.own, nil
}

// Outdated lists the contacts whose newest bundle was issued more than age ago,
// for who can look for newer ones.
func (m *Messenger) Outdated(age time.Duration) ([]identity.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.contactRecords()
	if err != nil {
		return nil, err
	}
	before := m.cfg.Clock.Now().Add(-age)
	var out []identity.ID
	for _, c := range all {
		if err := c.parse(); err != nil {
			return nil, err
		}
		if b := c.newest(); b != nil && b.Issued().Before(before) {
			out = append(out, c.id)
		}
	}
	return out, nil
}

// Learn takes over a bundle that was found in the network, if it is of a contact,
// valid and newer than the one that is here. What could not be sent because the
// old one had expired is sent again by the daily round.
func (m *Messenger) Learn(b *identity.Bundle) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.loadContact(b.ID())
	if err != nil || c == nil || b.Check(m.cfg.Clock.Now()) != nil || !b.NewerThan(c.newest()) {
		return false, err
	}
	c.learn(b)
	return true, m.storeContact(c)
}
