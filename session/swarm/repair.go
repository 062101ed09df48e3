package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	gosync "sync"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/sync"
)

// Stream is a byte stream to another service node.
type Stream interface {
	sync.Stream
	io.Closer
}

// Dialer opens a stream of a protocol to a service node.
type Dialer func(ctx context.Context, to *nodes.Record, protocol string) (Stream, error)

// RepairConfig of a [Repairer]. Node, Store, Maps and Dial are required.
type RepairConfig struct {
	Node  nodes.ID
	Store *Store
	Maps  *Maps
	Dial  Dialer
	// Every is how often everything is compared with every neighbour; 0 means 10
	// minutes.
	Every time.Duration
	// Settle is how long the directory must be quiet after a change before what the
	// change moves is moved; 0 means 2 s.
	Settle time.Duration
	// Timeout bounds one session with one neighbour; 0 means 2 minutes.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of what went wrong; nil means nowhere.
	Log     *slog.Logger
	Metrics *Metrics
}

// Repairer keeps what a node stores equal to what the other holders of the same
// keys store, and moves what belongs elsewhere. It is safe for concurrent use.
type Repairer struct {
	cfg  RepairConfig
	sink *sink
	// answering are the sessions that others opened.
	answering chan struct{}

	mu gosync.Mutex
	// met are the neighbours with which a session ended well since they came.
	met map[nodes.ID]bool
}

// maxAnswering is how many sessions that others opened run at once.
const maxAnswering = 16

// NewRepairer makes a repairer.
func NewRepairer(cfg RepairConfig) *Repairer {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&cfg.Every, 10 * time.Minute}, {&cfg.Settle, 2 * time.Second}, {&cfg.Timeout, 2 * time.Minute}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Repairer{
		cfg: cfg, sink: &sink{store: cfg.Store, maps: cfg.Maps, self: cfg.Node},
		answering: make(chan struct{}, maxAnswering), met: map[nodes.ID]bool{},
	}
}

// Run repairs until ctx ends: at the start, whenever the directory changed, and
// now and then.
func (r *Repairer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.cfg.Maps.Directory().Changed()
		if _, err := r.cfg.Store.Expire(); err != nil {
			r.cfg.Log.Error("forgetting what has expired", "error", err)
		}
		failed := r.Round(ctx) != nil
		wait := r.cfg.Every
		if failed {
			wait = min(wait, 30*time.Second)
		}
		if !sleep(ctx, wait, changed) {
			return
		}
		for settled := false; !settled && ctx.Err() == nil; {
			changed = r.cfg.Maps.Directory().Changed()
			timer := time.NewTimer(r.cfg.Settle)
			select {
			case <-changed:
			case <-timer.C:
				settled = true
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}
}

// sleep waits until the time is over or woken is closed, and returns false when
// ctx ended.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-woken:
	case <-timer.C:
	}
	return true
}

// plan is what a round does.
type plan struct {
	// pairs are the neighbours with which a key is shared.
	pairs map[nodes.ID]*nodes.Record
	// away are the items that this node does not hold any more, and who does.
	away    map[ID][]*nodes.Record
	offers  map[nodes.ID][]ID
	records map[nodes.ID]*nodes.Record
}

func (r *Repairer) plan() plan {
	p := plan{pairs: map[nodes.ID]*nodes.Record{}, away: map[ID][]*nodes.Record{}, offers: map[nodes.ID][]ID{}, records: map[nodes.ID]*nodes.Record{}}
	m := r.cfg.Maps.Now()
	for key, ids := range r.cfg.Store.byKey() {
		holders := m.Holders(key)
		mine := slices.ContainsFunc(holders, func(h *nodes.Record) bool { return h.ID() == r.cfg.Node })
		current := m.Current(key)
		for _, h := range holders {
			if mine && h.ID() != r.cfg.Node {
				p.pairs[h.ID()] = h
			}
		}
		if mine || len(current) == 0 {
			continue
		}
		for _, h := range current {
			p.records[h.ID()] = h
			p.offers[h.ID()] = append(p.offers[h.ID()], ids...)
		}
		for _, id := range ids {
			p.away[id] = current
		}
	}
	return p
}

// Round compares everything once with every neighbour and hands over what
// belongs elsewhere. It returns what went wrong, which another round may mend.
func (r *Repairer) Round(ctx context.Context) error {
	p := r.plan()
	for _, rec := range r.newcomers() {
		p.pairs[rec.ID()] = rec
	}
	var errs []error
	for _, rec := range sorted(p.pairs) {
		// Of two the one with the smaller ID begins, but who is new is met at once
		// by both.
		if r.cfg.Node.Compare(rec.ID()) > 0 && r.hasMet(rec.ID()) {
			continue
		}
		if err := r.with(ctx, rec); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(append(errs, r.moveAway(ctx, p))...)
}

// newcomers are nodes that were not met yet: they may have what this node does
// not know of.
func (r *Repairer) newcomers() []*nodes.Record {
	var out []*nodes.Record
	r.mu.Lock()
	defer r.mu.Unlock()
	here := map[nodes.ID]bool{}
	for _, rec := range r.cfg.Maps.Directory().With(nodes.Store) {
		here[rec.ID()] = true
		if rec.ID() != r.cfg.Node && !r.met[rec.ID()] {
			out = append(out, rec)
		}
	}
	for id := range r.met {
		if !here[id] {
			delete(r.met, id)
		}
	}
	return out
}

func (r *Repairer) hasMet(id nodes.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.met[id]
}

func sorted(m map[nodes.ID]*nodes.Record) []*nodes.Record {
	var out []*nodes.Record
	for _, rec := range m {
		out = append(out, rec)
	}
	slices.SortFunc(out, func(a, b *nodes.Record) int { return a.ID().Compare(b.ID()) })
	return out
}

// with reconciles with one neighbour.
func (r *Repairer) with(ctx context.Context, rec *nodes.Record) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	stream, err := r.cfg.Dial(ctx, rec, SyncProtocol)
	if err != nil {
		return fmt.Errorf("swarm: reaching %s: %w", rec.ID().Short(), err)
	}
	set := r.cfg.Store.common(r.cfg.Maps.Now(), r.cfg.Node, rec.ID())
	result, err := sync.Initiate(ctx, stream, pairSpace(r.cfg.Node, rec.ID()), set, r.sink, r.syncConfig())
	_ = stream.Close() // the session has its own end
	r.cfg.Metrics.repaired(result.Sent, result.Received, err)
	if err != nil && !errors.Is(err, sync.ErrIncomplete) {
		return fmt.Errorf("swarm: repairing with %s: %w", rec.ID().Short(), err)
	}
	r.mu.Lock()
	r.met[rec.ID()] = true
	r.mu.Unlock()
	return nil
}

func (r *Repairer) syncConfig() sync.Config {
	return sync.Config{Idle: 20 * time.Second, Total: r.cfg.Timeout, Now: time.Now}
}

// moveAway hands over what belongs elsewhere. Once all but one of those to whom an
// item belongs say that they have it, this node forgets it.
func (r *Repairer) moveAway(ctx context.Context, p plan) error {
	var errs []error
	have := map[ID]int{}
	for _, rec := range sorted(p.records) {
		settled, err := r.hand(ctx, rec, p.offers[rec.ID()])
		for _, id := range settled {
			have[id]++
		}
		if err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	var drop []ID
	for id, n := range have {
		if n >= max(1, len(p.away[id])-1) {
			drop = append(drop, id)
		}
	}
	return errors.Join(append(errs, r.cfg.Store.Drop(drop))...)
}

func (r *Repairer) hand(ctx context.Context, rec *nodes.Record, ids []ID) ([]ID, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	stream, err := r.cfg.Dial(ctx, rec, HandProtocol)
	if err != nil {
		return nil, fmt.Errorf("swarm: reaching %s: %w", rec.ID().Short(), err)
	}
	stop := context.AfterFunc(ctx, func() { expire(stream) })
	settled, sent, err := handOver(stream, r.cfg.Store, ids)
	stop()
	err = errors.Join(err, stream.Close())
	r.cfg.Metrics.repaired(sent, 0, err)
	if err != nil {
		return settled, fmt.Errorf("swarm: handing over to %s: %w", rec.ID().Short(), err)
	}
	return settled, nil
}

// expire ends what waits on a stream. A stream that takes no deadlines any more
// has ended already.
func expire(stream sync.Stream) {
	_ = stream.SetReadDeadline(time.Unix(1, 0))
	_ = stream.SetWriteDeadline(time.Unix(1, 0))
}

// Leave hands everything over to those who hold it without this node, whose
// record says by now that it stores no more. Errors tell what could not be
// brought to at least one of them.
func (r *Repairer) Leave(ctx context.Context) error {
	return r.moveAway(ctx, r.plan())
}

// ErrPeer reports a stream from somebody who is no service node that is known.
var ErrPeer = errors.New("swarm: not a service node")

// Answer serves a stream of [SyncProtocol] or [HandProtocol] that another node
// opened. The caller closes the stream.
func (r *Repairer) Answer(ctx context.Context, from nodes.ID, protocol string, stream Stream) error {
	rec, ok := r.cfg.Maps.Directory().Get(from)
	if !ok || from == r.cfg.Node {
		return fmt.Errorf("%w: %s", ErrPeer, from.Short())
	}
	select {
	case r.answering <- struct{}{}:
		defer func() { <-r.answering }()
	default:
		return fmt.Errorf("swarm: %d sessions run already", maxAnswering)
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	if protocol == HandProtocol {
		stop := context.AfterFunc(ctx, func() { expire(stream) })
		n, err := takeOver(ctx, stream, r.sink)
		stop()
		r.cfg.Metrics.repaired(0, n, err)
		return err
	}
	result, err := sync.Respond(ctx, stream, func(space sync.ID) (sync.Snapshot, sync.Sink, error) {
		if space != pairSpace(r.cfg.Node, rec.ID()) {
			return nil, nil, fmt.Errorf("%w: another pair's set", ErrMessage)
		}
		return r.cfg.Store.common(r.cfg.Maps.Now(), r.cfg.Node, rec.ID()), r.sink, nil
	}, r.syncConfig())
	r.cfg.Metrics.repaired(result.Sent, result.Received, err)
	if err == nil {
		r.mu.Lock()
		r.met[from] = true
		r.mu.Unlock()
	}
	return err
}
