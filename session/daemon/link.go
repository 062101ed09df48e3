package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/pars-network/pars/session/control"
	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/transport"
)

// exchangeTimeout bounds an exchange that a peer began.
const exchangeTimeout = 30 * time.Second

// link is the node's side of the network: host, control protocol, the nodes to
// keep a link to, and the delivery of envelopes.
type link struct {
	key       *transport.NodeKey
	host      host.Host
	control   *control.Service
	bootstrap *control.Bootstrap
}

// newLink listens. onPeer is called with the id of each peer that comes.
func newLink(cfg Config, receiver *delivery.Receiver, onPeer func(string)) (*link, error) {
	tc := transport.Config{}
	var err error
	if cfg.persistentKey() {
		tc.Key, err = transport.Persistent(filepath.Join(cfg.DataDir, nodeKeyFile), cfg.Rand)
	} else {
		tc.Key, err = transport.Fresh(cfg.Rand)
	}
	if err != nil {
		return nil, fmt.Errorf("node key: %w", err)
	}
	if tc.Listen, err = parseAll(cfg.Listen); err != nil {
		return nil, err
	}
	targets, err := parseAll(cfg.Bootstrap)
	if err != nil {
		return nil, err
	}
	if tc.Announce, err = parseAll(cfg.Announce); err != nil {
		return nil, err
	}
	if cfg.Service {
		tc.MaxConns = serviceConns
	}
	l := &link{key: tc.Key}
	if l.host, err = transport.NewHost(tc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListen, err)
	}
	roles := control.RoleLight
	if cfg.persistentKey() {
		roles |= control.RoleBootstrap
	}
	if cfg.Service {
		roles |= control.RoleService
	}
	l.host.SetStreamHandler(delivery.Protocol, func(s network.Stream) { serveEnvelope(cfg, receiver, s) })
	l.control, err = control.New(l.host, control.Config{
		Network: cfg.Network, Roles: roles, Log: cfg.Logger,
		OnEvent: func(e control.Event) {
			if e.Up {
				onPeer(e.Peer.ID.String())
			}
		},
	})
	if err != nil {
		return nil, errors.Join(err, l.host.Close())
	}
	if l.bootstrap, err = control.NewBootstrap(l.control, targets, cfg.Logger, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrConfig, err), l.close())
	}
	return l, nil
}

func parseAll(addrs []string) ([]multiaddr.Multiaddr, error) {
	var out []multiaddr.Multiaddr
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no multiaddr: %w", ErrConfig, s, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// serveEnvelope answers one exchange.
func serveEnvelope(cfg Config, receiver *delivery.Receiver, s network.Stream) {
	from := s.Conn().RemotePeer().String()
	err := s.SetDeadline(time.Now().Add(exchangeTimeout))
	if err == nil {
		err = receiver.Serve(from, s)
	}
	if err != nil {
		cfg.Logger.Debug("envelope exchange", "peer", from, "error", err)
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

// Peers implements [messenger.Carrier].
func (l *link) Peers() []string {
	var out []string
	for _, p := range l.control.Peers() {
		out = append(out, p.ID.String())
	}
	return out
}

// Deliver implements [messenger.Carrier].
func (l *link) Deliver(ctx context.Context, to string, mailbox delivery.Mailbox, envelope []byte) error {
	id, err := peer.Decode(to)
	if err != nil {
		return fmt.Errorf("peer id %q: %w", to, err)
	}
	// A peer without a link is not dialled: the link may be gone for a reason.
	s, err := l.host.NewStream(network.WithNoDial(ctx, "envelopes go over links that stand"), id, delivery.Protocol)
	if err != nil {
		return fmt.Errorf("opening a stream: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.SetDeadline(deadline); err != nil {
			return errors.Join(err, s.Reset())
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := delivery.Send(s, mailbox, envelope); err != nil {
		return errors.Join(err, s.Reset())
	}
	_ = s.Close() // the receiver has it; how the stream ends changes nothing
	return nil
}

// multiaddrs returns the addresses to give to others.
func (l *link) multiaddrs() []string {
	var out []string
	addrs, err := l.host.Network().InterfaceListenAddresses()
	if err != nil {
		addrs = l.host.Addrs()
	}
	for _, a := range addrs {
		out = append(out, fmt.Sprintf("%s/p2p/%s", a, l.host.ID()))
	}
	return out
}

func (l *link) close() error { return errors.Join(l.control.Close(), l.host.Close()) }
