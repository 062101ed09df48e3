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
	if err != nil || raw == nil {
		return false, err
	}
	var b store.Batch
	b.Delete(kindInbox, nameInbox, num)
	done, err := m.open(&b, raw)
	if err != nil && !errors.Is(err, errDropped) {
		return false, err
	}
	if errors.Is(err, errDropped) {
		// Nothing of it may be kept but that it is gone.
		m.cfg.Logger.Debug("envelope dropped", "reason", err)
		b, done = store.Batch{}, nil
		b.Delete(kindInbox, nameInbox, num)
	} else {
		digest := delivery.DigestOf(raw)
		if err := put(&b, kindSeen, digest[:], 0, whenRecord{Version: recordVersion, Ms: ms(m.cfg.Clock.Now())}); err != nil {
			return false, err
		}
	}
	if err := m.cfg.Store.Commit(&b); err != nil {
		return false, err
	}
	m.inbox--
	if done != nil {
		done()
	}
	return true, nil
}
