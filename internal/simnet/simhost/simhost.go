// Package simhost runs libp2p hosts on the nodes of a simnet network: with the
// links that Pars nodes have (/pars/pq-sigma/1 and yamux), over simulated
// streams in place of TCP, under the fake clock.
//
// Keys and nonces are fresh, so contents of events differ between runs; and a
// host's goroutines race, so their order may. What repeats from a seed are the
// links, their faults and whatever the test draws.
package simhost

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/libp2p/go-libp2p"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"

	"github.com/pars-network/pars/internal/simnet"
	link "github.com/pars-network/pars/session/transport"
)

// carrier is the name of the simulated streams that stand for TCP.
const carrier = "libp2p"

// New starts a host on a node. It listens at [Addr] and ends with the node's
// program.
func New(node *simnet.Node, key *link.NodeKey) (host.Host, error) {
	t := &streams{node: node}
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.Security(string(link.ID), func(_ protocol.ID, key lcrypto.PrivKey, muxers []upgrader.StreamMuxer) (*link.Transport, error) {
			return link.New(key, muxers)
		}),
		libp2p.Transport(func(u transport.Upgrader, r network.ResourceManager) *streams {
			t.upgrader, t.resources = u, r
			return t
		}),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.QUICReuse(func() (*quicreuse.ConnManager, error) {
			return quicreuse.NewConnManager(quic.StatelessResetKey{}, quic.TokenGeneratorKey{}, quicreuse.DisableReuseport())
		}),
		libp2p.NoListenAddrs,
		libp2p.DisableRelay(),
		libp2p.ForceReachabilityPublic(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableMetrics(),
	)
	if err != nil {
		return nil, fmt.Errorf("simhost: starting libp2p: %w", err)
	}
	if err := h.Network().Listen(Addr(node.ID())); err != nil {
		return nil, fmt.Errorf("simhost: listening: %w", err)
	}
	node.OnStop(func() { _ = h.Close() })
	return h, nil
}

// Addr is the address of the host on a node.
func Addr(id simnet.ID) ma.Multiaddr {
	return ma.StringCast("/memory/" + strconv.Itoa(int(id)+1))
}

// streams is a libp2p transport over simulated streams.
type streams struct {
	node      *simnet.Node
	upgrader  transport.Upgrader
	resources network.ResourceManager
}

// Dial connects to the host at an address that [Addr] gave.
func (t *streams) Dial(ctx context.Context, addr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	to, err := nodeAt(addr)
	if err != nil {
		return nil, err
	}
	scope, err := t.resources.OpenConnection(network.DirOutbound, true, addr)
	if err != nil {
		return nil, err
	}
	if err := scope.SetPeer(p); err != nil {
		scope.Done()
		return nil, err
	}
	c, err := t.node.Dial(ctx, to, carrier)
	if err != nil {
		scope.Done()
		return nil, err
	}
	up, err := t.upgrader.Upgrade(ctx, t, addressed{c, Addr(t.node.ID()), addr}, network.DirOutbound, p, scope)
	if err != nil {
		scope.Done()
		return nil, err
	}
	return up, nil
}

func nodeAt(addr ma.Multiaddr) (simnet.ID, error) {
	s, err := addr.ValueForProtocol(ma.P_MEMORY)
	if err != nil {
		return 0, fmt.Errorf("simhost: %s is no address of a simulated host: %w", addr, err)
	}
	i, err := strconv.Atoi(s)
	return simnet.ID(i - 1), err
}

// CanDial reports whether addr is one that [Addr] gave.
func (*streams) CanDial(addr ma.Multiaddr) bool {
	_, err := nodeAt(addr)
	return err == nil
}

// Listen accepts what others dial.
func (t *streams) Listen(addr ma.Multiaddr) (transport.Listener, error) {
	l := &listener{addr: addr, node: t.node, conns: make(chan *simnet.Conn, 64), closed: make(chan struct{})}
	t.node.Serve(carrier, func(c *simnet.Conn) {
		select {
		case l.conns <- c:
		case <-l.closed:
			_ = c.Close()
		}
	})
	return t.upgrader.UpgradeGatedMaListener(t, t.upgrader.GateMaListener(l)), nil
}

// Protocols returns the protocol of the addresses.
func (*streams) Protocols() []int { return []int{ma.P_MEMORY} }

// Proxy returns false.
func (*streams) Proxy() bool { return false }

// String names the transport.
func (*streams) String() string { return "simnet" }

type listener struct {
	addr   ma.Multiaddr
	node   *simnet.Node
	conns  chan *simnet.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept returns the next stream.
func (l *listener) Accept() (manet.Conn, error) {
	select {
	case c := <-l.conns:
		return addressed{c, l.addr, Addr(c.Remote())}, nil
	case <-l.closed:
		return nil, transport.ErrListenerClosed
	}
}

// Close ends accepting.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Multiaddr returns the address.
func (l *listener) Multiaddr() ma.Multiaddr { return l.addr }

// Addr returns the node's address.
func (l *listener) Addr() net.Addr { return simnet.Addr(l.node.ID()) }

// addressed is a stream that knows its ends as multiaddrs.
type addressed struct {
	*simnet.Conn
	local, remote ma.Multiaddr
}

// LocalMultiaddr returns this end's address.
func (a addressed) LocalMultiaddr() ma.Multiaddr { return a.local }

// RemoteMultiaddr returns the other end's address.
func (a addressed) RemoteMultiaddr() ma.Multiaddr { return a.remote }
