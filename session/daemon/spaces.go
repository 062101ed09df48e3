package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/public"
	"github.com/pars-network/pars/session/space"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/sync"
)

// Vertices of one author that gossip may bring, a second and at once. What is
// more is left to reconciliation, whose pace is ours.
const authorRate, authorBurst = 5, 100

// spaces is the node's side of public spaces: the vertices, who writes them, and
// how they come and go over the node's links.
type spaces struct {
	*space.Service
	cfg    Config
	graph  *dag.Store
	public *public.Host
}

func newSpaces(cfg Config, s *store.Store, l *link) (*spaces, error) {
	fs, dir, err := s.Graph()
	if err != nil {
		return nil, err
	}
	p := &spaces{cfg: cfg}
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
	p.public = public.Attach(l.host, p.graph, public.Config{
		Gossip: gossip.Config{Now: cfg.Clock.Now, Log: cfg.Logger}, Sync: sync.Config{Rand: cfg.Rand},
	})
	return p, nil
}

// run takes part until ctx ends.
func (p *spaces) run(ctx context.Context) {
	if err := p.Run(ctx, p.public); err != nil {
		p.cfg.Logger.Error("public spaces are not spread", "error", err)
	}
}

// close ends what uses the vertices, then closes them. run has ended before.
func (p *spaces) close() error {
	p.public.Close()
	return p.graph.Close()
}

// syncNow reconciles a space with every linked peer that takes part in it.
func (p *spaces) syncNow(ctx context.Context, id dag.Space) map[string]syncResult {
	out := make(map[string]syncResult)
	for _, to := range p.public.Peers(id) {
		r, err := p.public.Sync(ctx, to, id)
		out[peer.ID(to).String()] = syncResult{r, err}
	}
	return out
}

// syncResult is what came of one reconciliation.
type syncResult struct {
	sync.Result
	err error
}
