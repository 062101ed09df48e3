package messenger

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/ratchet"
	"github.com/pars-network/pars/session/store"
)

// Clock is where the messenger gets the time from.
type Clock interface {
	Now() time.Time
	// After sends the time once d has passed.
	After(d time.Duration) <-chan time.Time
}

// Carrier reaches other nodes.
type Carrier interface {
	// Peers lists the nodes with a link right now.
	Peers() []string
	// Deliver is one exchange of [delivery.Send] with a peer.
	Deliver(ctx context.Context, peer string, mailbox delivery.Mailbox, envelope []byte) error
}

// Config is what a messenger needs. Store, Clock, Rand and Logger are required.
type Config struct {
	Store  Store
	Clock  Clock
	Rand   io.Reader
	Logger *slog.Logger
}

// maintenance is how often prekeys are looked at and old records dropped.
const maintenance = time.Hour

// Messenger is safe for concurrent use.
type Messenger struct {
	cfg Config

	// mu guards everything below. It is held over commits, so that what is in
	// memory is what is on disk.
	mu      sync.Mutex
	account *identity.Account
	created time.Time
	ring    *identity.KeyRing
	own     *identity.Bundle
	nextSeq uint64 // position of the next message
	nextOut uint64 // number of the next outbox record
	nextIn  uint64 // number of the next inbox record
	inbox   int    // envelopes that wait to be opened
	queues  map[identity.ID]*queue
	watch   watchers
	// sets are the conversations with every device, as on disk.
	sets     map[pair]ratchet.Set
	handlers map[envelope.Kind]Handler
	owed     map[pair][]envelope.MessageID // receipts, as on disk

	carrier    Carrier
	wakeOut    chan struct{}
	wakeIn     chan struct{}
	background sync.WaitGroup
}

// Open reads the state of a store. Nothing is sent or opened before Run.
func Open(cfg Config) (*Messenger, error) {
	m := &Messenger{
		cfg: cfg, nextSeq: 1, nextOut: 1, nextIn: 1, queues: map[identity.ID]*queue{},
		sets: map[pair]ratchet.Set{}, handlers: map[envelope.Kind]Handler{}, owed: map[pair][]envelope.MessageID{},
		wakeOut: make(chan struct{}, 1), wakeIn: make(chan struct{}, 1),
	}
	for _, step := range []func() error{m.loadIdentity, m.loadPositions, m.loadOutbox, m.loadSets, m.loadOwed} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("messenger: %w", err)
		}
	}
	return m, nil
}

func (m *Messenger) loadPositions() error {
	if last, ok, err := m.cfg.Store.Last(kindLog, nameLog); err != nil {
		return err
	} else if ok {
		m.nextSeq = last + 1
	}
	return m.cfg.Store.Scan(kindInbox, nameInbox, 0, func(r store.Record) bool {
		m.nextIn, m.inbox = r.Num+1, m.inbox+1
		return true
	})
}

// Run sends and opens until ctx is done, then waits for what is under way.
func (m *Messenger) Run(ctx context.Context, carrier Carrier) {
	m.mu.Lock()
	m.carrier = carrier
	m.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { m.runOutbox(ctx) })
	wg.Go(func() { m.runInbox(ctx) })
	wg.Go(func() { m.runMaintenance(ctx) })
	wg.Wait()
	m.background.Wait()
	m.mu.Lock()
	m.watch.closeAll()
	m.mu.Unlock()
}

func (m *Messenger) runMaintenance(ctx context.Context) {
	for {
		if err := m.maintain(); err != nil {
			m.cfg.Logger.Error("maintenance", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.cfg.Clock.After(maintenance):
		}
	}
}

// maintain rotates keys and forgets what is no longer needed.
func (m *Messenger) maintain() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account != nil {
		if err := m.freshenBundle(); err != nil {
			return err
		}
		if err := m.sendAgain(); err != nil {
			return err
		}
	}
	if err := m.expireKeys(); err != nil {
		return err
	}
	return m.forgetOld()
}

// forgetOld drops memories whose time is over. The caller holds mu.
func (m *Messenger) forgetOld() error {
	now := m.cfg.Clock.Now()
	var b store.Batch
	var failed error
	old := func(at uint64, keep time.Duration) bool { return now.After(fromMs(at).Add(keep)) }
	err := m.cfg.Store.Scan(kindSeen, nil, 0, func(r store.Record) bool {
		var w whenRecord
		if failed = decode(r.Value, &w); failed == nil && old(w.Ms, 2*identity.MaxTTL) {
			b.Delete(kindSeen, r.Name, r.Num)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return firstError(err, failed)
	}
	alive := map[identity.PrekeyID]bool{} // asking the ring derives a key each time
	err = m.cfg.Store.Scan(kindReplay, nil, 0, func(r store.Record) bool {
		var w replayRecord
		if failed = decode(r.Value, &w); failed != nil {
			return false
		}
		// A set-up can be replayed as long as its signed prekey lives.
		lives, asked := alive[w.Prekey]
		if !asked && m.ring != nil {
			_, _, lives = m.ring.Signed(w.Prekey)
			alive[w.Prekey] = lives
		}
		if !lives && m.ring != nil {
			b.Delete(kindReplay, r.Name, r.Num)
		}
		return true
	})
	if err != nil || failed != nil {
		return firstError(err, failed)
	}
	err = m.cfg.Store.Scan(kindPending, nil, 0, func(r store.Record) bool {
		var w pendingRecord
		if failed = decode(r.Value, &w); failed == nil && old(w.CreatedMs, 2*identity.MaxTTL) {
			b.Delete(kindPending, r.Name, r.Num)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return firstError(err, failed)
	}
	return m.cfg.Store.Commit(&b)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wake tells a loop that there is something to do.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
