package messenger

import (
	"fmt"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/store"
)

// pair is our device and another one, which the name is of.
type pair struct {
	account identity.ID
	device  identity.DeviceID
}

func (p pair) name() []byte { return append(append([]byte(nil), p.account[:]...), p.device[:]...) }

func pairOf(name []byte) (p pair, ok bool) {
	copy(p.account[:], name)
	copy(p.device[:], name[min(len(name), len(p.account)):])
	return p, len(name) == len(p.account)+len(p.device)
}

// loadSets reads all conversations.
func (m *Messenger) loadSets() error {
	var failed error
	err := m.cfg.Store.Scan(kindRatchet, nil, 0, func(r store.Record) bool {
		p, ok := pairOf(r.Name)
		if !ok {
			failed = store.ErrCorrupt
			return false
		}
		set, err := ratchet.ParseSet(r.Value)
		if err != nil {
			failed = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
			return false
		}
		m.sets[p] = set
		return true
	})
	return firstError(err, failed)
}

// devices lists the devices of a contact's newest bundle.
func devicesOf(c *contact) []pair {
	bundle := c.newest()
	if bundle == nil {
		return nil
	}
	var out []pair
	for _, d := range bundle.Devices() {
		out = append(out, pair{c.id, d.ID()})
	}
	return out
}

// ownOthers lists our own other devices. The caller holds mu.
func (m *Messenger) ownOthers() []pair {
	var out []pair
	for _, d := range m.own.Devices() {
		if d.ID() != m.ring.DeviceID() {
			out = append(out, pair{m.account.ID(), d.ID()})
		}
	}
	return out
}

// mailboxOf is where envelopes for a device go.
func (ch *change) mailboxOf(p pair) (identity.MailboxID, error) {
	if p.account == ch.m.account.ID() {
		return ch.m.own.Mailbox(), nil
	}
	c, err := ch.contact(p.account)
	if err != nil {
		return identity.MailboxID{}, err
	}
	if c == nil || c.newest() == nil {
		return identity.MailboxID{}, ErrNoContact.With("%s has no card", p.account)
	}
	return c.newest().Mailbox(), nil
}
