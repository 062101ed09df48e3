package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/messenger"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/store"
)

// nodeKeyFile is the file of a persistent link key, in the data folder.
const nodeKeyFile = "node.key"

// Daemon is a running session node.
type Daemon struct {
	cfg       Config
	started   time.Time
	store     *store.Store
	messenger *messenger.Messenger
	spaces    *spaces
	groups    *groups
	link      *link
	directory *nodes.Directory
	exchange  *nodes.Host
	caller    *caller
	mail      *mail
	service   *service // nil unless the node is one
	server    *server

	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
	// stopping is closed when the end begins, done when it is over.
	stopping, done chan struct{}
	// ending gets why the daemon is to end by itself.
	ending chan error
	err    error
}

// Start starts a node. ctx bounds the start and, once it is cancelled, the node
// too. Errors match [ErrConfig], [ErrListen] or those of package store; their
// text says what to do.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Daemon{cfg: cfg, started: cfg.Clock.Now(), stopping: make(chan struct{}), done: make(chan struct{}), ending: make(chan error, 1)}
	d.store, err = store.Open(store.Config{
		Dir: cfg.DataDir, NetworkID: cfg.Network.ID, Passphrase: cfg.Passphrase, Argon2: cfg.Argon2,
		Region: cfg.Region, Rand: cfg.Rand, Now: cfg.Clock.Now, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	return d, nil
}

func (d *Daemon) start(ctx context.Context) error {
	if err := closeFolder(d.cfg.DataDir); err != nil {
		return err
	}
	var err error
	d.messenger, err = messenger.Open(messenger.Config{Store: d.store, Clock: d.cfg.Clock, Rand: d.cfg.Rand, Logger: d.cfg.Logger})
	if err != nil {
		return err
	}
	receiver := delivery.NewReceiver(d.messenger, delivery.Limits{Now: d.cfg.Clock.Now})
	if d.link, err = newLink(d.cfg, receiver, d.messenger.PeerConnected); err != nil {
		return err
	}
	if d.spaces, err = newSpaces(d.cfg, d.store, d.link); err != nil {
		return errors.Join(err, d.link.close())
	}
	if err := d.startNodes(ctx); err != nil {
		return errors.Join(err, d.spaces.close(), d.link.close())
	}
	d.groups = newGroups(d)
	if err = d.groups.load(); err != nil {
		return errors.Join(err, d.closeNodes(), d.spaces.close(), d.link.close())
	}
	if d.server, err = newServer(ctx, d.cfg, d.handler()); err != nil {
		return errors.Join(err, d.closeNodes(), d.spaces.close(), d.link.close())
	}
	ctx, d.cancel = context.WithCancel(ctx)
	d.work.Go(func() { d.keep(ctx) })
	d.work.Go(func() { d.spaces.run(ctx) })
	d.work.Go(func() { d.groups.run(ctx) })
	d.work.Go(func() { d.messenger.Run(ctx, d.mail) })
	d.work.Go(func() { d.mail.run(ctx) })
	d.work.Go(func() { d.link.bootstrap.Run(ctx) })
	d.work.Go(func() { d.exchange.Run(ctx) })
	d.work.Go(func() { d.caller.run(ctx) })
	if d.service != nil {
		d.work.Go(func() { d.service.run(ctx) })
	}
	go func() {
		select {
		case <-ctx.Done():
			d.stop(nil)
		case err := <-d.server.failed:
			d.stop(fmt.Errorf("serving the API: %w", err))
		case err := <-d.ending:
			d.stop(err)
		case <-d.done:
		}
	}()
	return nil
}

// startNodes makes the directory of service nodes, and this node one if it is
// asked to be.
func (d *Daemon) startNodes(ctx context.Context) (err error) {
	if d.directory, err = newDirectory(d.cfg, d.store); err != nil {
		return err
	}
	d.exchange = nodes.Attach(d.link.host, d.directory, nodes.HostConfig{
		Serve: d.cfg.persistentKey(), Links: d.link.control, Log: d.cfg.Logger,
	})
	if d.caller, err = newCaller(d.cfg, d.store, d.link, d.directory, d.exchange); err != nil {
		d.exchange.Close()
		return err
	}
	d.mail = newMail(d.cfg, d.link, d.store, d.messenger, d.directory, d.caller)
	if d.cfg.Service {
		if d.service, err = newService(ctx, d.cfg, d.link, d.directory, d.exchange); err != nil {
			d.mail.close()
			d.exchange.Close()
			return err
		}
	}
	return nil
}

func (d *Daemon) closeNodes() (err error) {
	d.mail.close()
	if d.service != nil {
		err = d.service.close()
	}
	d.exchange.Close()
	return err
}

// stop ends everything: first what brings work in, then what does it, then the
// store.
func (d *Daemon) stop(cause error) {
	d.once.Do(func() {
		close(d.stopping)
		err := errors.Join(cause, d.server.close())
		d.cancel()
		d.work.Wait()
		d.err = errors.Join(err, d.closeNodes(), d.spaces.close(), d.link.close(), d.store.Close())
		close(d.done)
	})
}

// Close stops the node and waits until everything is on disk.
func (d *Daemon) Close() error {
	d.stop(nil)
	return d.err
}

// Done is closed when the node has stopped.
func (d *Daemon) Done() <-chan struct{} { return d.done }

// Err tells why the node stopped, nil if it was asked to. It may be called once
// Done is closed.
func (d *Daemon) Err() error { return d.err }

// Multiaddrs returns the addresses under which others reach this node, each
// ending in /p2p/Qm....
func (d *Daemon) Multiaddrs() []string { return d.link.multiaddrs() }

// PeerID returns the id of the link key, "Qm...".
func (d *Daemon) PeerID() string { return d.link.host.ID().String() }

// NodeID returns the ID of a service node, empty if the node is none.
func (d *Daemon) NodeID() string {
	if d.service == nil {
		return ""
	}
	return d.service.id.String()
}

// MetricsAddr returns the loopback address of the metrics, empty if there is none.
func (d *Daemon) MetricsAddr() string {
	if d.service == nil || d.service.metrics == nil {
		return ""
	}
	return d.service.metrics.addr
}

// SessionID returns the identity's Session ID, empty until there is one.
func (d *Daemon) SessionID() string {
	i, err := d.messenger.Identity()
	if err != nil {
		return ""
	}
	return i.ID.String()
}

// APISocket returns the path of the API's unix socket.
func (d *Daemon) APISocket() string { return d.cfg.APISocket }

// HTTPAddr returns the loopback address of the API, empty if there is none.
func (d *Daemon) HTTPAddr() string { return d.server.httpAddr }

// TokenFile returns the path of the file with the bearer token for HTTPAddr.
func (d *Daemon) TokenFile() string { return api.TokenFile(d.cfg.DataDir) }

// DataDir returns the absolute path of the data folder.
func (d *Daemon) DataDir() string { return d.cfg.DataDir }

// Protected reports whether a passphrase protects the data folder.
func (d *Daemon) Protected() bool { return d.store.Protected() }
