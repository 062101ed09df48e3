package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/space"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/sync"
)

const (
	// answering is how many reconciliations that peers began run at once; more
	// wait for nothing: the peer tries again.
	answering = 8
	// Vertices of one author and of one peer that gossip may bring: what is more is
	// left to reconciliation, which is paced by us.
	authorRate, authorBurst = 5, 100
)

// spaces is the node's side of public spaces: the vertices, and how they come
// and go over the node's links.
type spaces struct {
	*space.Service
	cfg    Config
	link   *link
	graph  *dag.Store
	gossip *gossip.Host
	slots  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
}

func newSpaces(cfg Config, s *store.Store, l *link) (*spaces, error) {
	fs, dir, err := s.Graph()
	if err != nil {
		return nil, err
	}
	p := &spaces{cfg: cfg, link: l, slots: make(chan struct{}, answering)}
	p.graph, err = dag.Open(dag.Config{
		FS: fs, Dir: dir, Now: cfg.Clock.Now, Logger: cfg.Logger,
		AuthorRate: dag.Rate{PerSecond: authorRate, Burst: authorBurst},
	})
	if err != nil {
		return nil, fmt.Errorf("opening the vertices of spaces: %w", err)
	}
	p.Service, err = space.Open(space.Config{Store: s, Graph: p.graph, Now: cfg.Clock.Now, Rand: cfg.Rand, Log: cfg.Logger})
	if err != nil {
		return nil, errors.Join(err, p.graph.Close())
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.gossip = gossip.Attach(l.host, gossip.Config{Now: cfg.Clock.Now, Log: cfg.Logger, Repair: p.repair})
	l.host.SetStreamHandler(protocol.ID(sync.Protocol), p.answer)
	return p, nil
}

// run spreads and follows until ctx ends.
func (p *spaces) run(ctx context.Context) {
	if err := p.Run(ctx, p.gossip.Service); err != nil {
		p.cfg.Logger.Error("public spaces are not spread", "error", err)
	}
}

// close ends what uses the vertices, then closes them. run has ended before.
func (p *spaces) close() error {
	p.link.host.RemoveStreamHandler(protocol.ID(sync.Protocol))
	p.gossip.Close()
	p.cancel()
	for range answering { // those that run have seen that the context has ended
		p.slots <- struct{}{}
	}
	return p.graph.Close()
}

// repair implements what gossip asks for when it may have missed something.
func (p *spaces) repair(ctx context.Context, to string, id gossip.SpaceID) error {
	_, err := p.reconcile(ctx, peer.ID(to), dag.Space(id))
	return err
}

// reconcile makes this node and a linked peer equal in one space.
func (p *spaces) reconcile(ctx context.Context, to peer.ID, id dag.Space) (sync.Result, error) {
	s, err := p.link.host.NewStream(network.WithNoDial(ctx, "spaces are reconciled over links that stand"), to, protocol.ID(sync.Protocol))
	if err != nil {
		return sync.Result{}, fmt.Errorf("opening a stream: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	began := time.Now()
	r, err := p.Reconcile(ctx, string(to), id, s)
	p.report(s, r, err, began)
	return r, err
}

// answer serves a peer that reconciles.
func (p *spaces) answer(s network.Stream) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		_ = s.Reset()
		return
	}
	if p.ctx.Err() != nil {
		_ = s.Reset()
		return
	}
	stop := context.AfterFunc(p.ctx, func() { _ = s.Reset() })
	defer stop()
	began := time.Now()
	r, err := p.Answer(p.ctx, string(s.Conn().RemotePeer()), s)
	p.report(s, r, err, began)
}

// report ends a stream and logs what came of it.
func (p *spaces) report(s network.Stream, r sync.Result, err error, began time.Time) {
	attrs := []any{"peer", s.Conn().RemotePeer(), "sent", r.Sent, "received", r.Received, "bytes", r.BytesIn + r.BytesOut, "took", time.Since(began)}
	if err != nil {
		_ = s.Reset()
		p.cfg.Logger.Debug("reconciling a space", append(attrs, "error", err)...)
		return
	}
	_ = s.Close()
	p.cfg.Logger.Debug("reconciled a space", attrs...)
}

// syncNow reconciles a space with every neighbour that takes part in it.
func (p *spaces) syncNow(ctx context.Context, id dag.Space) map[string]syncResult {
	out := make(map[string]syncResult)
	for _, to := range p.gossip.Peers(gossip.SpaceID(id)) {
		r, err := p.reconcile(ctx, peer.ID(to), id)
		out[peer.ID(to).String()] = syncResult{r, err}
	}
	return out
}

// syncResult is what came of one reconciliation.
type syncResult struct {
	sync.Result
	err error
}
