package messenger

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// How the outbox tries.
const (
	// firstRetry doubles with every failed round, up to maxRetry.
	firstRetry = time.Second
	maxRetry   = 10 * time.Minute
	// offerTimeout bounds one exchange with one peer.
	offerTimeout = 30 * time.Second
	// maxFresh bounds the peers remembered as new for a queue.
	maxFresh = 64
	// parallel is how many queues are worked on at once.
	parallel = 8
)

// queue is what waits for one person. [Messenger.mu] guards it.
type queue struct {
	nums []uint64 // outbox records, in order
	due  time.Time
	// rounds counts failed rounds in a row.
	rounds int
	busy   bool
	// fresh are peers that came since the last round: they are asked at once.
	fresh []string
	// last is the peer that took the last envelope.
	last string
}

func (m *Messenger) loadOutbox() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loadOutboxLocked()
}

// loadOutboxLocked brings the queues up to what is on disk. The caller holds mu.
func (m *Messenger) loadOutboxLocked() error {
	nums := map[identity.ID][]uint64{}
	read := func(r store.Record) bool {
		if len(r.Name) == len(identity.ID{}) {
			nums[identity.ID(r.Name)] = append(nums[identity.ID(r.Name)], r.Num)
		}
		m.nextOut = max(m.nextOut, r.Num+1)
		return true
	}
	if err := m.cfg.Store.Scan(kindHeld, nil, 0, func(r store.Record) bool {
		m.nextOut = max(m.nextOut, r.Num+1)
		return true
	}); err != nil {
		return err
	}
	if err := m.cfg.Store.Scan(kindOutbox, nil, 0, read); err != nil {
		return err
	}
	for id, list := range nums {
		slices.Sort(list)
		m.queueOf(id).nums = list
	}
	return nil
}

func (m *Messenger) queueOf(id identity.ID) *queue {
	q := m.queues[id]
	if q == nil {
		q = &queue{due: m.cfg.Clock.Now()}
		m.queues[id] = q
	}
	return q
}

// enqueue adds records that are on disk to a queue. The caller holds mu.
func (m *Messenger) enqueue(id identity.ID, nums ...uint64) {
	q := m.queueOf(id)
	if len(q.nums) == 0 {
		q.due, q.rounds = m.cfg.Clock.Now(), 0
	}
	q.nums = append(q.nums, nums...)
	wake(m.wakeOut)
}

// putOutbox adds an envelope for a device to a batch and returns its number.
// message is its position in the log, 0 for what shows in none. The caller holds mu.
func (m *Messenger) putOutbox(b *store.Batch, kind store.Kind, p pair, raw []byte, message uint64) (uint64, error) {
	env, err := envelope.Parse(raw)
	if err != nil {
		return 0, err
	}
	num := m.nextOut
	m.nextOut++
	return num, put(b, kind, p.account[:], num, outboxRecord{
		Version: recordVersion, Envelope: raw, Message: message, ExpiresMs: ms(env.Expires()), Device: p.device,
	})
}

// Queued counts envelopes, answers included, that no other node has yet.
func (m *Messenger) Queued() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queuedLocked()
}

func (m *Messenger) queuedLocked() int {
	n := 0
	for _, q := range m.queues {
		n += len(q.nums)
	}
	return n
}

// PeerConnected tells that a node can be reached from now on. Everything that
// waits is offered to it at once.
func (m *Messenger) PeerConnected(peer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range m.queues {
		if len(q.nums) > 0 && len(q.fresh) < maxFresh && !slices.Contains(q.fresh, peer) {
			q.fresh = append(q.fresh, peer)
		}
	}
	wake(m.wakeOut)
}

// runOutbox starts a round for each queue that is due.
func (m *Messenger) runOutbox(ctx context.Context) {
	slots := make(chan struct{}, parallel)
	for ctx.Err() == nil {
		next := m.startDue(ctx, slots)
		select {
		case <-ctx.Done():
		case <-m.wakeOut:
		case <-m.cfg.Clock.After(next):
		}
	}
}

// startDue starts rounds and returns how long to wait for the next.
func (m *Messenger) startDue(ctx context.Context, slots chan struct{}) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, next := m.cfg.Clock.Now(), maxRetry
	for id, q := range m.queues {
		if len(q.nums) == 0 && !q.busy {
			delete(m.queues, id)
			continue
		}
		if q.busy {
			continue
		}
		wait := q.due.Sub(now)
		if wait > 0 && len(q.fresh) == 0 {
			next = min(next, wait)
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			continue // a round that ends wakes us
		}
		peers := q.fresh
		if wait <= 0 {
			peers = nil // all of them
		}
		q.busy, q.fresh = true, nil
		m.background.Go(func() {
			m.round(ctx, id, q, peers)
			<-slots
			wake(m.wakeOut)
		})
	}
	return next
}

// round offers what waits in a queue, in order, until something is taken by
// nobody. peers nil means all that are connected.
func (m *Messenger) round(ctx context.Context, id identity.ID, q *queue, peers []string) {
	full := peers == nil
	if full {
		peers = m.carrier.Peers()
	}
	taken := false
	for ctx.Err() == nil {
		m.mu.Lock()
		if len(q.nums) == 0 {
			m.mu.Unlock()
			break
		}
		num, last := q.nums[0], q.last
		m.mu.Unlock()
		done, peer, err := m.offer(ctx, id, num, prefer(peers, last))
		if err != nil {
			m.cfg.Logger.Error("outbox", "error", err)
		}
		if !done {
			break
		}
		taken = true
		m.mu.Lock()
		q.nums, q.last = q.nums[1:], peer
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	q.busy = false
	switch {
	case len(q.nums) == 0:
	case taken:
		q.rounds, q.due = 0, m.cfg.Clock.Now().Add(m.jitter(firstRetry))
	case full:
		q.rounds++
		q.due = m.cfg.Clock.Now().Add(m.jitter(min(maxRetry, firstRetry<<min(q.rounds-1, 20))))
	}
}

// prefer puts the peer that took the last envelope first.
func prefer(peers []string, last string) []string {
	i := slices.Index(peers, last)
	if i <= 0 {
		return peers
	}
	out := append([]string{last}, peers[:i]...)
	return append(out, peers[i+1:]...)
}

// jitter returns a time between half of d and d, so that nodes that lost each
// other at one moment do not all come back at one moment.
func (m *Messenger) jitter(d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(m.cfg.Rand, b[:]); err != nil {
		return d
	}
	half := uint64(d / 2)
	return time.Duration(half + binary.BigEndian.Uint64(b[:])%(half+1))
}

// offer tries one outbox record with each peer. done means that it is out of
// the outbox: taken by peer, or past its time.
func (m *Messenger) offer(ctx context.Context, id identity.ID, num uint64, peers []string) (done bool, peer string, err error) {
	r, ok, err := loadOutboxRecord(m.cfg.Store, id, num)
	if err != nil {
		return false, "", err
	}
	if !ok {
		return true, "", nil
	}
	if !m.cfg.Clock.Now().Before(fromMs(r.ExpiresMs)) {
		return true, "", m.settle(pair{id, r.Device}, num, r.Message, false)
	}
	env, err := envelope.Parse(r.Envelope)
	if err != nil {
		return false, "", errors.Join(store.ErrCorrupt, err)
	}
	for _, peer := range peers {
		ctx, cancel := context.WithTimeout(ctx, offerTimeout)
		err := m.carrier.Deliver(ctx, peer, delivery.Mailbox(env.Mailbox), r.Envelope)
		cancel()
		if err != nil {
			m.cfg.Logger.Debug("offer", "peer", peer, "error", err)
			continue
		}
		return true, peer, m.settle(pair{id, r.Device}, num, r.Message, true)
	}
	return false, "", nil
}

// settle takes a record out of the outbox and notes in the message what
// happened: the device has it, or its time is over.
func (m *Messenger) settle(p pair, num, message uint64, stored bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch := m.begin()
	ch.b.Delete(kindOutbox, p.account[:], num)
	if message != 0 {
		if err := ch.note(copyName{p, message}, stored); err != nil {
			return err
		}
	}
	return ch.commit()
}

// note writes down what became of one envelope of a message.
func (ch *change) note(n copyName, stored bool) error {
	c, err := ch.copyOf(n)
	if err != nil || c == nil || c.Stored {
		return err // confirmed or counted before
	}
	if !stored && ch.now.Before(fromMs(c.SealedMs).Add(envelope.DefaultTTL)) {
		return nil // it was sealed once more since, which is still on its way
	}
	if !stored {
		return ch.giveUp(n, c, "no node of the recipient took it within 14 days")
	}
	c.Stored = true
	if n.pair.account == ch.m.account.ID() {
		return nil
	}
	r, err := ch.message(entry{c.Peer, n.seq})
	if err != nil || r == nil {
		return err
	}
	r.Stored = min(r.Stored+1, r.Total)
	if State(r.State) == Queued {
		r.State = uint64(Stored)
	}
	ch.changed = append(ch.changed, n.seq)
	return nil
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
