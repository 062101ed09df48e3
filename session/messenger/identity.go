package messenger

import (
	"bytes"
	"strings"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// cardPrekeys is how many one-time prekeys a card carries: as many messages of
// its reader stay secret even if the signed prekey is stolen later.
const cardPrekeys = 4

// bundleAge is the age at which our own bundle is made anew.
const bundleAge = 24 * time.Hour

// Identity is what may be shown of an account.
type Identity struct {
	ID      identity.ID
	Created time.Time
}

func (m *Messenger) loadIdentity() error {
	var r identityRecord
	ok, err := load(m.cfg.Store, kindIdentity, nameIdentity, 0, &r)
	if err != nil || !ok {
		return err
	}
	account, err := identity.AccountFromPhrase(r.Phrase)
	if err != nil {
		return err
	}
	data, err := m.cfg.Store.Get(kindRing, nameRing, 0)
	if err != nil {
		return err
	}
	ring, err := identity.ParseKeyRing(data)
	if err != nil {
		return err
	}
	raw, err := m.cfg.Store.Get(kindBundle, nameOwn, 0)
	if err != nil {
		return err
	}
	own, err := identity.ParseBundle(raw)
	if err != nil {
		return err
	}
	m.account, m.ring, m.own, m.created = account, ring, own, fromMs(r.CreatedMs)
	return nil
}

// CreateIdentity makes an account and returns it with its phrase.
func (m *Messenger) CreateIdentity() (Identity, string, error) {
	phrase, err := identity.NewPhrase(m.cfg.Rand)
	if err != nil {
		return Identity{}, "", err
	}
	id, err := m.adopt(phrase)
	return id, phrase, err
}

// RestoreIdentity brings back the account of a phrase, with new device keys.
func (m *Messenger) RestoreIdentity(phrase string) (Identity, error) {
	return m.adopt(strings.Join(strings.Fields(strings.ToLower(phrase)), " "))
}

func (m *Messenger) adopt(phrase string) (Identity, error) {
	account, err := identity.AccountFromPhrase(phrase)
	if err != nil {
		return Identity{}, ErrPhrase.With("%v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account != nil {
		return Identity{}, ErrIdentityExists
	}
	now := m.cfg.Clock.Now()
	ring, err := identity.NewKeyRing(m.cfg.Rand, now)
	if err != nil {
		return Identity{}, err
	}
	own, err := ring.Issue(m.cfg.Rand, account, now, identity.IssueOptions{})
	if err != nil {
		return Identity{}, err
	}
	var b store.Batch
	if err := put(&b, kindIdentity, nameIdentity, 0, identityRecord{Version: recordVersion, Phrase: phrase, CreatedMs: ms(now)}); err != nil {
		return Identity{}, err
	}
	if err := putKeys(&b, ring, own); err != nil {
		return Identity{}, err
	}
	if err := m.cfg.Store.Commit(&b); err != nil {
		return Identity{}, err
	}
	m.account, m.ring, m.own, m.created = account, ring, own, now
	return Identity{ID: account.ID(), Created: now}, nil
}

// putKeys adds the ring and our own bundle to a batch.
func putKeys(b *store.Batch, ring *identity.KeyRing, own *identity.Bundle) error {
	data, err := ring.Bytes()
	if err != nil {
		return err
	}
	b.Put(kindRing, nameRing, 0, data)
	b.Put(kindBundle, nameOwn, 0, own.Bytes())
	return nil
}

// Identity returns the account, or [ErrNoIdentity].
func (m *Messenger) Identity() (Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return Identity{}, ErrNoIdentity
	}
	return Identity{ID: m.account.ID(), Created: m.created}, nil
}

// Device returns which of the account's devices this one is, or [ErrNoIdentity].
func (m *Messenger) Device() (identity.DeviceID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return identity.DeviceID{}, ErrNoIdentity
	}
	return m.ring.DeviceID(), nil
}

// Phrase returns the 24 words.
func (m *Messenger) Phrase() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r identityRecord
	ok, err := load(m.cfg.Store, kindIdentity, nameIdentity, 0, &r)
	if err == nil && !ok {
		err = ErrNoIdentity
	}
	return r.Phrase, err
}

// Card returns a fresh bundle with one-time prekeys, for one person.
func (m *Messenger) Card() (*identity.Bundle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return nil, ErrNoIdentity
	}
	var card *identity.Bundle
	err := m.changeRing(func(ring *identity.KeyRing, now time.Time) (*identity.Bundle, error) {
		if _, err := ring.Rotate(m.cfg.Rand, now); err != nil {
			return nil, err
		}
		var err error
		card, err = ring.Issue(m.cfg.Rand, m.account, now, identity.IssueOptions{OneTime: cardPrekeys})
		return m.own, err
	})
	return card, err
}

// freshenBundle rotates the keys and issues our own bundle when it is time. The
// caller holds mu and has made sure that there is an identity.
func (m *Messenger) freshenBundle() error {
	now := m.cfg.Clock.Now()
	if now.Before(m.ring.NextRotation()) && now.Before(m.own.Issued().Add(bundleAge)) {
		return nil
	}
	return m.changeRing(func(ring *identity.KeyRing, now time.Time) (*identity.Bundle, error) {
		if _, err := ring.Rotate(m.cfg.Rand, now); err != nil {
			return nil, err
		}
		return ring.Issue(m.cfg.Rand, m.account, now, identity.IssueOptions{})
	})
}

// changeRing applies change to a copy of the ring, commits it with the bundle
// that change returns, and takes both over. The caller holds mu.
func (m *Messenger) changeRing(change func(*identity.KeyRing, time.Time) (*identity.Bundle, error)) error {
	ring, err := copyRing(m.ring)
	if err != nil {
		return err
	}
	own, err := change(ring, m.cfg.Clock.Now())
	if err != nil {
		return err
	}
	var b store.Batch
	if err := putKeys(&b, ring, own); err != nil {
		return err
	}
	if err := m.cfg.Store.Commit(&b); err != nil {
		return err
	}
	m.ring, m.own = ring, own
	return nil
}

func copyRing(ring *identity.KeyRing) (*identity.KeyRing, error) {
	data, err := ring.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return identity.ParseKeyRing(bytes.Clone(data))
}
