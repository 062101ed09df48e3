package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/swarm"
	"github.com/pars-network/pars/session/transport"
)

const (
	// swarmFolder is where a service node keeps others' envelopes, in the data
	// folder.
	swarmFolder = "swarm"
	// serviceConns is how many connections a service node keeps.
	serviceConns = 1024
	// leaveTimeout bounds the hand-over of a node that leaves for good.
	leaveTimeout = 10 * time.Minute
)

// service is what a node does for others: it stores, passes onions on, and says
// so in its record.
type service struct {
	cfg       Config
	id        nodes.ID
	key       *transport.NodeKey
	host      host.Host
	links     *link
	directory *nodes.Directory
	exchange  *nodes.Host

	database *swarm.Database
	store    *swarm.Store
	repairer *swarm.Repairer
	answers  *swarm.Host
	keys     *onion.Keyring
	relay    *onion.Relay
	metrics  *metricsServer

	mu sync.Mutex
	// seq is the number of the last record; left is set when the node leaves.
	seq  uint64
	left bool
}

// newService starts to answer. Nothing is published before run.
func newService(ctx context.Context, cfg Config, l *link, d *nodes.Directory, exchange *nodes.Host) (_ *service, err error) {
	s := &service{
		cfg: cfg, id: nodes.IDOf(l.key.Composite()), key: l.key, host: l.host, links: l, directory: d, exchange: exchange,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.database, err = swarm.OpenDatabase(filepath.Join(cfg.DataDir, swarmFolder), nil, cfg.Logger); err != nil {
		return nil, err
	}
	limits := swarm.Limits{Bytes: int64(cfg.ServiceMiB) << 20}
	if s.store, err = swarm.OpenStore(s.database, limits, cfg.Clock.Now); err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	counts, err := swarm.NewMetrics(registry, s.store.Stats)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	maps := swarm.NewMaps(d, cfg.Clock.Now)
	direct := swarm.NewDirect(l.host, l.control, d)
	server, err := swarm.NewServer(swarm.ServerConfig{
		Node: s.id, Store: s.store, Maps: maps, Now: cfg.Clock.Now, Rand: cfg.Rand, Log: cfg.Logger, Metrics: counts,
	})
	if err != nil {
		return nil, err
	}
	s.repairer = swarm.NewRepairer(swarm.RepairConfig{
		Node: s.id, Store: s.store, Maps: maps, Dial: direct.Dial, Now: cfg.Clock.Now, Log: cfg.Logger, Metrics: counts,
	})
	if s.keys, err = onion.NewKeyring(onion.KeyringConfig{Rand: cfg.Rand, Now: cfg.Clock.Now}); err != nil {
		return nil, err
	}
	s.relay, err = onion.Attach(l.host, onion.RelayConfig{
		Keys: s.keys, Directory: d, Links: l.control, Now: cfg.Clock.Now, Log: cfg.Logger, Registerer: registry,
		Handler: func(ctx context.Context, request []byte) ([]byte, error) {
			// Who asks over an onion is nobody in particular: all of them together
			// may ask as much as a relay.
			return server.Serve(ctx, swarm.Source{Name: "onion", Relays: true}, request), nil
		},
	})
	if err != nil {
		return nil, err
	}
	s.answers = swarm.Attach(l.host, server, s.repairer, d)
	if cfg.Metrics != "" {
		if s.metrics, err = serveMetrics(ctx, cfg.Metrics, registry); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// run publishes the node's record, keeps it fresh and repairs until ctx ends.
func (s *service) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { s.repairer.Run(ctx) })
	defer work.Wait()
	for ctx.Err() == nil {
		keys := s.keys.Changed()
		if err := s.publish(nodes.Store | nodes.Relay); err != nil {
			s.cfg.Logger.Error("publishing the record of this service node", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-keys:
		case <-s.cfg.Clock.After(s.cfg.RecordLifetime / 3):
		}
	}
}

// publish signs a new record and puts it into the directory, from where it
// spreads.
func (s *service) publish(does nodes.Services) error {
	key, err := s.keys.Onion()
	if err != nil {
		return fmt.Errorf("onion key: %w", err)
	}
	now := s.cfg.Clock.Now()
	epoch, err := s.directory.Epoch(nodes.EpochOf(now))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		does = 0
	}
	s.seq = max(s.seq+1, uint64(now.UnixMilli()))
	if old, ok := s.directory.Get(s.id); ok { // from before a restart, by a clock that was ahead
		s.seq = max(s.seq, old.Seq()+1)
	}
	record, err := nodes.Sign(s.key, nodes.Claims{
		Network: s.cfg.Network.ID, Onion: key, Addrs: s.addrs(), Services: does,
		Epoch: epoch, Seq: s.seq, Expires: now.Add(s.cfg.RecordLifetime),
	})
	if err != nil {
		return err
	}
	_, err = s.directory.Add(record)
	return err
}

// addrs are where others can dial the node: what it was told to announce, else
// what it listens on, without loopback and private addresses unless the network
// is for development.
func (s *service) addrs() []ma.Multiaddr {
	addrs, err := parseAll(s.cfg.Announce)
	if err != nil || len(addrs) == 0 {
		if addrs, err = s.host.Network().InterfaceListenAddresses(); err != nil {
			addrs = s.host.Addrs()
		}
	}
	var out []ma.Multiaddr
	for _, a := range addrs {
		if len(s.cfg.Announce) == 0 && s.cfg.Network != params.Dev && !manet.IsPublicAddr(a) {
			continue
		}
		if len(out) < nodes.MaxAddrs {
			out = append(out, a)
		}
	}
	return out
}

// leave takes the node out of everybody's placement and hands over what it has.
// The daemon goes on: it can be stopped once nothing is left.
func (s *service) leave(ctx context.Context) (left int, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	if err := s.publish(0); err != nil {
		return s.store.Stats().Items, err
	}
	s.exchange.Round(ctx)
	err = s.repairer.Leave(ctx)
	return s.store.Stats().Items, err
}

// close ends answering, first what brings work in.
func (s *service) close() error {
	var errs []error
	if s.relay != nil {
		s.relay.Close()
	}
	if s.answers != nil {
		s.answers.Close()
	}
	if s.metrics != nil {
		errs = append(errs, s.metrics.close())
	}
	if s.database != nil {
		errs = append(errs, s.database.Close())
	}
	return errors.Join(errs...)
}
