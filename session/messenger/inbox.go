package messenger

import (
	"context"
	"errors"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/store"
)

const (
	// maxInbox bounds envelopes that are acknowledged and not opened yet.
	maxInbox = 256
	// inboxRetry is how long the inbox rests after the disk failed.
	inboxRetry = time.Minute
)

// Want implements [delivery.Depot]: the mailboxes of our key ring are ours.
func (m *Messenger) Want(mailbox delivery.Mailbox, digest delivery.Digest) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.mayTake(mailbox); err != nil {
		return false, err
	}
	_, err := m.cfg.Store.Get(kindSeen, digest[:], 0)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// mayTake decides on an envelope for a mailbox. The caller holds mu.
func (m *Messenger) mayTake(mailbox delivery.Mailbox) error {
	if m.account == nil {
		return delivery.ErrRefused
	}
	for _, key := range m.ring.Mailboxes() {
		if delivery.Mailbox(key.ID()) == mailbox {
			if m.inbox >= maxInbox {
				return delivery.ErrBusy
			}
			return nil
		}
	}
	return delivery.ErrRefused
}

// Keep implements [delivery.Depot].
func (m *Messenger) Keep(mailbox delivery.Mailbox, _ delivery.Digest, raw []byte) error {
	env, err := envelope.Parse(raw)
	if err != nil || delivery.Mailbox(env.Mailbox) != mailbox {
		return delivery.ErrRefused
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.mayTake(mailbox); err != nil {
		return err
	}
	var b store.Batch
	b.Put(kindInbox, nameInbox, m.nextIn, raw)
	if err := m.cfg.Store.Commit(&b); err != nil {
		return err
	}
	m.nextIn++
	m.inbox++
	wake(m.wakeIn)
	return nil
}

// runInbox opens envelopes in the order in which they came.
func (m *Messenger) runInbox(ctx context.Context) {
	for {
		var retry <-chan time.Time
		for ctx.Err() == nil {
			again, err := m.openNext()
			if err != nil {
				m.cfg.Logger.Error("inbox", "error", err)
				retry = m.cfg.Clock.After(inboxRetry)
			}
			if !again {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wakeIn:
		case <-retry:
		}
	}
}

// openNext opens the oldest envelope and reports whether there may be another.
// An envelope that can't be handled because the disk fails stays where it is.
func (m *Messenger) openNext() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var num uint64
	var raw []byte
	err := m.cfg.Store.Scan(kindInbox, nameInbox, 0, func(r store.Record) bool {
		num, raw = r.Num, r.Value
		return false
	})
	if err == nil && raw == nil {
		err = m.payAll()
	}
	if err != nil || raw == nil {
		return false, err
	}
	digest := delivery.DigestOf(raw)
	if _, err := m.cfg.Store.Get(kindSeen, digest[:], 0); err == nil {
		var b store.Batch // it was offered twice before it was opened
		b.Delete(kindInbox, nameInbox, num)
		if err := m.cfg.Store.Commit(&b); err != nil {
			return false, err
		}
		m.inbox--
		return true, nil
	} else if !isNotFound(err) {
		return false, err
	}
	if m.account != nil {
		if err := m.freshenBundle(); err != nil {
			return false, err
		}
	}
	ch := m.begin()
	err = ch.open(raw)
	switch {
	case errors.Is(err, errUnknown):
		ch = m.begin()
		err = ch.keepUnknown(raw)
	case errors.Is(err, errDropped):
		// Nothing of it may be kept but that it is gone.
		m.cfg.Logger.Debug("envelope dropped", "reason", err)
		ch, err = m.begin(), nil
	case isMistake(err):
		m.cfg.Logger.Warn("an envelope asked for what can't be done", "error", err)
		ch, err = m.begin(), nil
	}
	if err != nil {
		return false, err
	}
	ch.b.Delete(kindInbox, nameInbox, num)
	ch.inbox--
	if err := put(&ch.b, kindSeen, digest[:], 0, whenRecord{Version: recordVersion, Ms: ms(ch.now)}); err != nil {
		return false, err
	}
	return true, ch.commit()
}
