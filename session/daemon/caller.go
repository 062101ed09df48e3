package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/swarm"
)

// kindGuards are the nodes by which this node enters the onion: one record.
const kindGuards store.Kind = 0x32

// guardKeeper keeps guards in the store, an [onion.GuardKeeper].
type guardKeeper struct{ store *store.Store }

// LoadGuards implements [onion.GuardKeeper].
func (k guardKeeper) LoadGuards() ([]byte, error) {
	data, err := k.store.Get(kindGuards, nil, 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return data, err
}

// SaveGuards implements [onion.GuardKeeper].
func (k guardKeeper) SaveGuards(data []byte) error {
	var b store.Batch
	b.Put(kindGuards, nil, 0, data)
	return k.store.Commit(&b)
}

// caller asks service nodes for the person that this node is of: over three
// nodes, or directly if that was asked for.
type caller struct {
	swarm.Caller
	onion    *onion.Client // nil in direct mode
	cfg      Config
	exchange *nodes.Host
	stale    chan struct{}
}

// newCaller makes a caller that keeps its guards in the store.
func newCaller(cfg Config, s *store.Store, l *link, d *nodes.Directory, exchange *nodes.Host) (*caller, error) {
	c := &caller{cfg: cfg, exchange: exchange, stale: make(chan struct{}, 1)}
	if cfg.Direct {
		cfg.Logger.Warn("direct mode: service nodes see this machine's address beside every mailbox that it writes to and reads, " +
			"so each of them can tell who talks with whom; start without --direct to go through three nodes")
		c.Caller = swarm.NewDirect(l.host, l.control, d)
		return c, nil
	}
	guards, err := onion.NewGuards(guardKeeper{s}, cfg.Rand, cfg.Clock.Now)
	if err != nil {
		return nil, err
	}
	c.onion = onion.NewClient(onion.HostLinks(l.host, l.control, d), onion.ClientConfig{
		Directory: d, Guards: guards, Rand: cfg.Rand, Now: cfg.Clock.Now, Log: cfg.Logger,
		Stale: func(nodes.ID) {
			select {
			case c.stale <- struct{}{}:
			default: // somebody asked already
			}
		},
	})
	c.Caller = c.onion
	return c, nil
}

// staleEvery is how often records are fetched at most because some are out of
// date.
const staleEvery = 2 * time.Second

// run fetches newer records where old ones show, and sends cover traffic if it
// was asked for.
func (c *caller) run(ctx context.Context) {
	if c.onion == nil {
		return
	}
	covered := make(chan struct{})
	go func() {
		defer close(covered)
		if c.cfg.Cover == 0 {
			return
		}
		if err := c.onion.Cover(ctx, 1/c.cfg.Cover.Seconds()); err != nil {
			c.cfg.Logger.Error("cover traffic", "error", err)
		}
	}()
	defer func() { <-covered }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.stale:
			c.exchange.Round(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.cfg.Clock.After(staleEvery):
		}
	}
}

// checkCaller checks how service nodes are asked.
func checkCaller(c Config) error {
	if c.Cover != 0 && (c.Cover < 100*time.Millisecond || c.Cover > 24*time.Hour) {
		return fmt.Errorf("%w: --cover %v, want 0 for none, or 100ms to 24h between requests on average", ErrConfig, c.Cover)
	}
	if c.Cover != 0 && c.Direct {
		return fmt.Errorf("%w: --cover hides times in the onion, which --direct does without; give one of them", ErrConfig)
	}
	return nil
}
