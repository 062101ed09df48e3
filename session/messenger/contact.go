package messenger

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// Limits of what is kept about others.
const (
	// MaxContacts bounds contacts and requests together.
	MaxContacts = 10_000
	// MaxRequests bounds strangers whose messages are kept.
	MaxRequests = 64
	// MaxRequestMessages bounds the messages kept of one stranger.
	MaxRequestMessages = 16
	// MaxName bounds a contact's name, in characters.
	MaxName = 64
)

// Contact is a person that this node knows.
type Contact struct {
	ID          identity.ID
	Name        string
	Added       time.Time
	CardExpires time.Time
	// Request is set for a stranger who wrote and was not accepted.
	Request bool
	// Confirmed is set once the person has proved to hold their keys: by an answer
	// to a set-up of ours, or by the first message after our answer to theirs.
	Confirmed bool
	// Blocked is set for who is refused everything.
	Blocked bool
}

// contact is a record with its bundles parsed.
type contact struct {
	id           identity.ID
	r            contactRecord
	card, latest *identity.Bundle
}

func (c *contact) public() Contact {
	out := Contact{ID: c.id, Name: c.r.Name, Added: fromMs(c.r.AddedMs), Request: c.r.Request, Confirmed: c.r.Confirmed}
	for _, b := range []*identity.Bundle{c.card, c.latest} {
		if b != nil && b.Expires().After(out.CardExpires) {
			out.CardExpires = b.Expires()
		}
	}
	return out
}

// newest returns the bundle that was issued last.
func (c *contact) newest() *identity.Bundle {
	if c.card == nil || (c.latest != nil && c.latest.NewerThan(c.card)) {
		return c.latest
	}
	return c.card
}

// learn takes over a bundle that came with a message, if it is newer.
func (c *contact) learn(b *identity.Bundle) {
	if b.NewerThan(c.newest()) {
		c.latest, c.r.Latest = b, b.Bytes()
	}
}

// address chooses what to seal the next message with: the card while it is
// valid, names the devices that the person has now and has a one-time prekey left
// for one of them, else the newest bundle.
func (c *contact) address(now time.Time) *identity.Bundle {
	if c.card != nil && c.card.Check(now) == nil && sameDevices(c.card, c.newest()) {
		for _, d := range c.card.Devices() {
			if c.oneTime(c.card, d) != nil {
				return c.card
			}
		}
	}
	return c.newest()
}

func sameDevices(a, b *identity.Bundle) bool {
	for _, d := range a.Devices() {
		if _, ok := b.Device(d.ID()); !ok {
			return false
		}
	}
	return len(a.Devices()) == len(b.Devices())
}

// oneTime returns an unused one-time prekey of a device, nil if there is none.
func (c *contact) oneTime(b *identity.Bundle, d identity.Device) *kem.PublicKey {
	for _, k := range d.OneTime {
		if b == c.card && !c.used(identity.PrekeyIDOf(k)) {
			return k
		}
	}
	return nil
}

func (c *contact) used(id identity.PrekeyID) bool {
	return slices.ContainsFunc(c.r.Used, func(u []byte) bool { return string(u) == string(id[:]) })
}

func (c *contact) put(b *store.Batch) error {
	c.r.Version = recordVersion
	return put(b, kindContact, c.id[:], 0, c.r)
}

// loadContact returns the contact with an ID, nil if there is none.
func (m *Messenger) loadContact(id identity.ID) (*contact, error) {
	c := &contact{id: id}
	ok, err := load(m.cfg.Store, kindContact, id[:], 0, &c.r)
	if err != nil || !ok {
		return nil, err
	}
	return c, c.parse()
}

func (c *contact) parse() (err error) {
	for raw, to := range map[*[]byte]**identity.Bundle{&c.r.Card: &c.card, &c.r.Latest: &c.latest} {
		if len(*raw) == 0 {
			continue
		}
		if *to, err = identity.ParseBundle(*raw); err != nil {
			return errors.Join(store.ErrCorrupt, err)
		}
	}
	return nil
}

// contactRecords returns all contacts without parsing their bundles, which
// would verify a signature each.
func (m *Messenger) contactRecords() ([]*contact, error) {
	var all []*contact
	var failed error
	err := m.cfg.Store.Scan(kindContact, nil, 0, func(r store.Record) bool {
		c := &contact{}
		if len(r.Name) != len(c.id) {
			failed = store.ErrCorrupt
			return false
		}
		copy(c.id[:], r.Name)
		failed = decode(r.Value, &c.r)
		all = append(all, c)
		return failed == nil
	})
	return all, firstError(err, failed)
}

// AddContact takes a contact card, or the Session ID of a request to accept. It
// reports whether the contact was known before. An empty name keeps the old one
// or makes one of the Session ID.
func (m *Messenger) AddContact(card, name string) (Contact, bool, error) {
	if id, err := identity.ParseID(card); err == nil {
		c, err := m.accept(id, nil, name)
		return c, true, err
	}
	bundle, err := identity.ParseCard([]byte(card))
	if err != nil {
		return Contact{}, false, cardError(err)
	}
	if err := bundle.Check(m.cfg.Clock.Now()); err != nil {
		return Contact{}, false, cardError(err)
	}
	m.mu.Lock()
	known, err := m.loadContact(bundle.ID())
	m.mu.Unlock()
	if err != nil {
		return Contact{}, false, err
	}
	c, err := m.accept(bundle.ID(), bundle, name)
	return c, known != nil && !known.r.Request, err
}

func cardError(err error) error {
	switch {
	case errors.Is(err, identity.ErrSignature), errors.Is(err, identity.ErrCardAltered):
		return ErrCardAltered
	case errors.Is(err, identity.ErrExpired):
		return ErrCardExpired.With("%v", err)
	case errors.Is(err, identity.ErrNotYet):
		return ErrCardFuture.With("%v", err)
	default:
		return ErrCard.With("%v", err)
	}
}

// accept makes id a contact, with a card or because it asked to be one.
func (m *Messenger) accept(id identity.ID, card *identity.Bundle, name string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return Contact{}, ErrNoIdentity
	}
	if id == m.account.ID() {
		return Contact{}, ErrOwnCard
	}
	c, err := m.loadContact(id)
	if err != nil {
		return Contact{}, err
	}
	if c == nil && card == nil {
		return Contact{}, ErrNoContact.With("a Session ID alone is not enough, and nobody with this one has written to you")
	}
	if c == nil {
		c = &contact{id: id, r: contactRecord{AddedMs: ms(m.cfg.Clock.Now())}}
	}
	if err := m.rename(c, name); err != nil {
		return Contact{}, err
	}
	if card != nil && card.NewerThan(c.card) {
		c.card, c.r.Card, c.r.Used = card, card.Bytes(), nil
	}
	var b store.Batch
	b.Delete(kindBlocked, id[:], 0) // who adds a person wants to hear them
	if c.r.Request {
		c.r.Request = false
		if err := m.release(&b, id); err != nil {
			return Contact{}, err
		}
	}
	if err := c.put(&b); err != nil {
		return Contact{}, err
	}
	if err := m.cfg.Store.Commit(&b); err != nil {
		return Contact{}, err
	}
	if err := m.loadOutboxLocked(); err != nil {
		return Contact{}, err
	}
	wake(m.wakeOut)
	return c.public(), nil
}

// release moves answers that waited for the acceptance of id to the outbox.
func (m *Messenger) release(b *store.Batch, id identity.ID) error {
	return m.cfg.Store.Scan(kindHeld, id[:], 0, func(r store.Record) bool {
		b.Delete(kindHeld, id[:], r.Num)
		b.Put(kindOutbox, id[:], m.nextOut, r.Value)
		m.nextOut++
		return true
	})
}

// rename gives c a name, made of the Session ID if it has none yet. The caller
// holds mu and stores c.
func (m *Messenger) rename(c *contact, name string) error {
	if name == "" && c.r.Name != "" {
		return nil
	}
	made := name == ""
	if made {
		name = c.id.String()[:10]
	}
	if !made {
		if err := checkName(name); err != nil {
			return err
		}
	}
	others, err := m.contactRecords()
	if err != nil {
		return err
	}
	if len(others) >= MaxContacts {
		return ErrFull.With("there are %d contacts", len(others))
	}
	for _, o := range others {
		if o.id != c.id && strings.EqualFold(o.r.Name, name) {
			if made {
				name = c.id.String()
				break
			}
			return ErrNameTaken.With("%s is %s", name, o.id)
		}
	}
	c.r.Name = name
	return nil
}

func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxName || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return ErrName
	}
	if _, err := identity.ParseID(name); err == nil || strings.HasPrefix(name, identity.Scheme) {
		return ErrName
	}
	return nil
}

// find returns the contact that who names: a Session ID, a link or a name. The
// caller holds mu.
func (m *Messenger) find(who string) (*contact, error) {
	if id, err := identity.ParseID(who); err == nil {
		c, err := m.loadContact(id)
		if err == nil && c == nil {
			err = ErrNoContact
		}
		return c, err
	}
	all, err := m.contactRecords()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if strings.EqualFold(c.r.Name, who) {
			return c, c.parse()
		}
	}
	return nil, ErrNoContact
}

// Contacts lists contacts and requests by name.
func (m *Messenger) Contacts() ([]Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.contactRecords()
	if err != nil {
		return nil, err
	}
	out := make([]Contact, 0, len(all))
	for _, c := range all {
		public, err := m.publicOf(c)
		if err != nil {
			return nil, err
		}
		out = append(out, public)
	}
	slices.SortFunc(out, func(a, b Contact) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), a.ID.Compare(b.ID))
	})
	return out, nil
}

// Contact returns the contact that who names.
func (m *Messenger) Contact(who string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(who)
	if err != nil {
		return Contact{}, err
	}
	return m.publicOf(c)
}

// RenameContact changes a name.
func (m *Messenger) RenameContact(who, name string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(who)
	if err != nil {
		return Contact{}, err
	}
	if name == "" {
		return Contact{}, ErrName
	}
	if err := m.rename(c, name); err != nil {
		return Contact{}, err
	}
	return c.public(), m.storeContact(c)
}

// RemoveContact forgets a contact, its keys, its conversations and answers that
// wait. Messages and what is in the outbox stay.
func (m *Messenger) RemoveContact(who string) (Contact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(who)
	if err != nil {
		return Contact{}, err
	}
	ch := m.begin()
	ch.b.Delete(kindContact, c.id[:], 0)
	err = m.cfg.Store.Scan(kindHeld, c.id[:], 0, func(r store.Record) bool {
		ch.b.Delete(kindHeld, c.id[:], r.Num)
		return true
	})
	if err != nil {
		return Contact{}, err
	}
	ch.forgetPeer(c.id)
	return c.public(), ch.commit()
}

func (m *Messenger) storeContact(c *contact) error {
	var b store.Batch
	if err := c.put(&b); err != nil {
		return err
	}
	return m.cfg.Store.Commit(&b)
}
