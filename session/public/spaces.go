package public

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	gosync "sync"
	"time"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/sync"
	"github.com/pars-network/pars/session/sync/replica"
)

// Stream is a byte stream with a peer. Close ends it in both directions, also
// for calls that wait.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Dialer opens a stream of a protocol to a peer that the node has a link to.
type Dialer func(ctx context.Context, peer, protocol string) (Stream, error)

// announceEach is up to how many vertices that came together are announced one
// by one. Of more, only those without children are: who lacks one finds out
// that it lacks more, and reconciles.
const announceEach = 64

// maxSyncs is how many sessions of sync a node answers at a time.
const maxSyncs = 8

// Config of [Spaces]. The zero value works.
type Config struct {
	// Gossip is the configuration of gossip; its Repair is set here.
	Gossip gossip.Config
	// Sync bounds sessions of sync.
	Sync sync.Config
}

// Spaces are the public spaces of a node. It is safe for concurrent use.
type Spaces struct {
	store  *dag.Store
	gossip *gossip.Service
	dial   Dialer
	cfg    Config
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	wg     gosync.WaitGroup
	syncs  chan struct{} // a place for each session that is answered

	mu     gosync.Mutex
	joined map[dag.Space]context.CancelFunc
}

// New starts the public spaces of the node with peer id self. The store must
// outlive them. The caller says which peers there are ([Spaces.Up],
// [Spaces.Down]), passes on the streams of [gossip.Protocol] and [sync.Protocol]
// that they open ([Spaces.Serve]), and closes it.
func New(store *dag.Store, self string, dial Dialer, cfg Config) *Spaces {
	p := &Spaces{store: store, dial: dial, cfg: cfg, log: cfg.Gossip.Log, joined: map[dag.Space]context.CancelFunc{}, syncs: make(chan struct{}, maxSyncs)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	cfg.Gossip.Repair = p.repair
	p.gossip = gossip.New(self, func(ctx context.Context, peer string) (io.ReadWriteCloser, error) {
		return dial(ctx, peer, gossip.Protocol)
	}, cfg.Gossip)
	return p
}

// Close ends gossip and sync and waits for them. The store stays open.
func (p *Spaces) Close() {
	p.cancel()
	p.gossip.Close()
	p.wg.Wait()
}

// Up tells of a peer that there is a link to now.
func (p *Spaces) Up(peer string) { p.gossip.Up(peer) }

// Down tells of a peer that there is no link to any more.
func (p *Spaces) Down(peer string) { p.gossip.Down(peer) }

// Peers returns the peers with a link that take part in a space.
func (p *Spaces) Peers(id dag.Space) []string { return p.gossip.Peers(gossip.SpaceID(id)) }

// Stats returns gossip's counters.
func (p *Spaces) Stats() gossip.Stats { return p.gossip.Stats() }

// Join takes part in a space, now and until [Spaces.Leave].
func (p *Spaces) Join(rules dag.Rules) (dag.Space, error) {
	if rules.Auth != dag.Signed {
		return dag.Space{}, fmt.Errorf("public: vertices of a public space are signed, want auth %d, got %d", dag.Signed, rules.Auth)
	}
	id, err := p.store.Join(rules)
	if err != nil {
		return id, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stats, err := p.store.Stats(id)
	if err != nil {
		return id, err
	}
	feed, err := p.store.Feed(id, stats.Last)
	if err != nil {
		return id, err
	}
	if err := p.gossip.Join(gossip.SpaceID(id), graph{p.store, id}); err != nil {
		return id, err
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.joined[id] = cancel
	p.wg.Go(func() { p.follow(ctx, id, feed) })
	return id, nil
}

// Leave ends taking part in a space. What is stored stays.
func (p *Spaces) Leave(id dag.Space) {
	p.gossip.Leave(gossip.SpaceID(id))
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel, ok := p.joined[id]; ok {
		cancel()
		delete(p.joined, id)
	}
}

// Append makes a vertex of this node's own, as [dag.Store.Append] does, and
// spreads it. When it returns, the vertex is synced to disk.
func (p *Spaces) Append(ctx context.Context, id dag.Space, w dag.Writer, kind dag.Kind, payload []byte) (*dag.Vertex, dag.ID, error) {
	v, vid, err := p.store.Append(ctx, id, w, kind, payload)
	if err != nil {
		return nil, vid, err
	}
	data, err := v.Encode()
	if err != nil {
		return nil, vid, err
	}
	return v, vid, p.gossip.Spread(gossip.SpaceID(id), data)
}

// Spread pushes a vertex that the node has appended to the store elsewhere.
func (p *Spaces) Spread(id dag.Space, vertex []byte) error {
	return p.gossip.Spread(gossip.SpaceID(id), vertex)
}

// Serve answers a stream that a peer opened and closes it. The error is for the
// log.
func (p *Spaces) Serve(peer, protocol string, stream Stream) error {
	if protocol == gossip.Protocol {
		return p.gossip.Serve(peer, stream)
	}
	defer func() { _ = stream.Close() }()
	if protocol != sync.Protocol {
		return fmt.Errorf("public: a stream of %q, want %s or %s", protocol, gossip.Protocol, sync.Protocol)
	}
	var answers bool
	_, err := replica.Respond(p.ctx, stream, p.store, peer, func(id dag.Space) error {
		if !p.takesPart(id) {
			return sync.ErrUnknownSpace
		}
		select {
		case p.syncs <- struct{}{}:
			answers = true
			return nil
		default:
			return sync.ErrBusy
		}
	}, p.cfg.Sync)
	if answers {
		<-p.syncs
	}
	return err
}

func (p *Spaces) takesPart(id dag.Space) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, joined := p.joined[id]
	return joined
}

// repair reconciles with a peer until both have the same.
func (p *Spaces) repair(ctx context.Context, peer string, id gossip.SpaceID) error {
	for {
		r, err := p.Sync(ctx, peer, dag.Space(id))
		if err != nil || !r.More {
			return err
		}
	}
}

// Sync reconciles a space with a peer now. It ends when both sides have the same, or
// at the limit of one session, as the result says.
func (p *Spaces) Sync(ctx context.Context, peer string, id dag.Space) (sync.Result, error) {
	if !p.takesPart(id) {
		return sync.Result{}, sync.ErrUnknownSpace
	}
	stream, err := p.dial(ctx, peer, sync.Protocol)
	if err != nil {
		return sync.Result{}, err
	}
	defer func() { _ = stream.Close() }()
	return replica.Initiate(ctx, stream, p.store, id, peer, p.cfg.Sync)
}

// follow announces what a space accepts.
func (p *Spaces) follow(ctx context.Context, id dag.Space, feed *dag.Feed) {
	for {
		entries, err := feed.Next(ctx, 4*announceEach)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, dag.ErrClosed) {
				p.log.Error("public: following a space", "space", id, "error", err)
			}
			return
		}
		var ids []gossip.ID
		for _, e := range entries {
			ids = append(ids, gossip.ID(e.ID))
		}
		if len(ids) > announceEach {
			heads, err := p.store.Frontier(id)
			if err != nil {
				p.log.Error("public: reading a frontier", "space", id, "error", err)
				return
			}
			if ids = nil; len(heads) <= announceEach {
				for _, h := range heads {
					ids = append(ids, gossip.ID(h))
				}
			}
		}
		_ = p.gossip.Announce(gossip.SpaceID(id), ids) // fails only for a space that was left
	}
}
