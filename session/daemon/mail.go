package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/messenger"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/swarm"
)

const (
	kindCursor store.Kind = 0x31 // name: mailbox; how far it was read

	// swarmPeer is the name under which the messenger knows the service nodes
	// together.
	swarmPeer = "service nodes"
	// oldMailboxEvery is how often mailboxes are looked at that new bundles do not
	// name any more.
	oldMailboxEvery = 5 * time.Minute
	// mailboxesEvery is how often is looked whether there is another mailbox.
	mailboxesEvery = 5 * time.Second
	maxPollPause   = time.Minute
	// publishEvery is how often our bundle is stored again, for nodes that forgot
	// it and weeks that begin; a new one is stored at once.
	publishEvery = 24 * time.Hour
	// refreshEvery is how often newer bundles of contacts are looked for, and
	// outdatedAge how old a bundle is that is looked for.
	refreshEvery = 6 * time.Hour
	outdatedAge  = 7 * 24 * time.Hour
	// bundlesEvery is how often is looked whether there is something to do.
	bundlesEvery = time.Minute
	// minRelays is how many relays an onion of three hops needs to choose from.
	minRelays = 3
)

// mail carries the messenger's envelopes: through service nodes once enough of
// them are known, else over the links that there are. It is a
// [messenger.Carrier].
type mail struct {
	cfg       Config
	link      *link
	store     *store.Store
	messenger *messenger.Messenger
	directory *nodes.Directory
	client    *swarm.Client
}

func newMail(cfg Config, l *link, s *store.Store, m *messenger.Messenger, d *nodes.Directory, caller swarm.Caller) *mail {
	return &mail{
		cfg: cfg, link: l, store: s, messenger: m, directory: d,
		client: swarm.NewClient(swarm.ClientConfig{
			Maps: swarm.NewMaps(d, cfg.Clock.Now), Caller: caller, Now: cfg.Clock.Now, Rand: cfg.Rand,
		}),
	}
}

// usable reports whether enough service nodes are known.
func (m *mail) usable() bool {
	if len(m.directory.With(nodes.Store)) == 0 {
		return false
	}
	return m.cfg.Direct || len(m.directory.With(nodes.Relay)) >= minRelays
}

// Peers implements [messenger.Carrier]. Once there are service nodes nothing is
// offered to linked peers any more: a mailbox is none of their business.
func (m *mail) Peers() []string {
	if m.usable() {
		return []string{swarmPeer}
	}
	return m.link.Peers()
}

// Deliver implements [messenger.Carrier].
func (m *mail) Deliver(ctx context.Context, to string, mailbox delivery.Mailbox, envelope []byte) error {
	if to != swarmPeer {
		return m.link.Deliver(ctx, to, mailbox, envelope)
	}
	stored, total, err := m.client.Put(ctx, envelope)
	if err != nil {
		return err
	}
	m.cfg.Logger.Debug("stored", "nodes", stored, "of", total)
	return nil
}

// run reads mailboxes until ctx ends.
func (m *mail) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { m.keepBundles(ctx) })
	running := map[identity.MailboxID]context.CancelFunc{}
	usable := false
	for ctx.Err() == nil {
		changed := m.directory.Changed()
		if now := m.usable(); now != usable {
			if usable = now; usable {
				m.messenger.PeerConnected(swarmPeer)
			}
		}
		want := map[identity.MailboxID]bool{}
		for i, box := range m.messenger.Mailboxes() {
			if !usable {
				break
			}
			want[box.ID()] = true
			if running[box.ID()] != nil {
				continue
			}
			reading, cancel := context.WithCancel(ctx)
			running[box.ID()] = cancel
			wait, pause := swarm.MaxWait, time.Duration(0)
			if i > 0 {
				wait, pause = 0, oldMailboxEvery
			}
			work.Go(func() { m.read(reading, box, wait, pause) })
		}
		for id, cancel := range running {
			if !want[id] {
				cancel()
				delete(running, id)
			}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(mailboxesEvery):
		}
	}
	for _, cancel := range running {
		cancel()
	}
}

// read keeps what comes into one mailbox.
func (m *mail) read(ctx context.Context, box identity.MailboxKey, wait, pause time.Duration) {
	failures := 0
	for ctx.Err() == nil {
		next := pause
		if err := m.readOnce(ctx, box, wait); err != nil && ctx.Err() == nil {
			m.cfg.Logger.Debug("reading a mailbox", "error", err)
			next = max(next, min(maxPollPause, time.Second<<min(failures, 10)))
			failures++
		} else {
			failures = 0
		}
		if next > 0 {
			timer := time.NewTimer(next)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
	}
}

// readOnce polls once. What came is kept first, then the cursor, and then it is
// deleted: a crash in between brings it again, and the messenger drops it.
func (m *mail) readOnce(ctx context.Context, box identity.MailboxKey, wait time.Duration) error {
	id := box.ID()
	raw, err := m.store.Get(kindCursor, id[:], 0)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	cursor, err := swarm.ParseCursor(raw)
	if err != nil {
		m.cfg.Logger.Warn("the position in a mailbox is damaged; reading it from the start", "error", err)
	}
	found, next, failed := m.client.Poll(ctx, box.Key, cursor, wait)
	for _, envelope := range found {
		digest := delivery.DigestOf(envelope)
		have, err := m.messenger.Want(delivery.Mailbox(id), digest)
		if err == nil && !have {
			err = m.messenger.Keep(delivery.Mailbox(id), digest, envelope)
		}
		if err != nil {
			return fmt.Errorf("keeping an envelope: %w", err) // it comes again
		}
	}
	if raw, err = next.Bytes(); err != nil {
		return err
	}
	var b store.Batch
	b.Put(kindCursor, id[:], 0, raw)
	if err := m.store.Commit(&b); err != nil {
		return err
	}
	if len(found) > 0 {
		if _, _, err := m.client.Delete(ctx, box.Key, found); err != nil {
			m.cfg.Logger.Debug("deleting what was fetched", "error", err)
		}
	}
	return failed
}

// keepBundles publishes our bundle and looks for those of contacts until ctx ends.
func (m *mail) keepBundles(ctx context.Context) {
	var published *identity.Bundle
	var publishedAt, refreshedAt time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(bundlesEvery)
		}
		if !m.usable() {
			continue
		}
		now := m.cfg.Clock.Now()
		if own, err := m.messenger.Bundle(); err == nil && (own.NewerThan(published) || now.Sub(publishedAt) >= publishEvery) {
			if err := m.client.PublishBundle(ctx, own, now); err != nil {
				m.cfg.Logger.Debug("publishing our bundle", "error", err)
			} else {
				published, publishedAt = own, now
			}
		}
		if now.Sub(refreshedAt) >= refreshEvery {
			m.refresh(ctx, now)
			refreshedAt = now
		}
	}
}

// refresh looks for newer bundles of contacts.
func (m *mail) refresh(ctx context.Context, now time.Time) {
	ids, err := m.messenger.Outdated(outdatedAge)
	if err != nil {
		m.cfg.Logger.Error("looking for old bundles", "error", err)
	}
	for _, id := range ids {
		b, err := m.client.FindBundle(ctx, id, now)
		if err == nil {
			_, err = m.messenger.Learn(b)
		}
		if err != nil && !errors.Is(err, swarm.ErrNotFound) {
			m.cfg.Logger.Debug("looking for a contact's bundle", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (m *mail) close() { m.client.Close() }
