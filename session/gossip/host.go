package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Host is a [Service] on a libp2p host: peers are named by their peer ids in
// bytes, and every peer with which the host has a connection is a neighbour if
// it speaks the protocol.
type Host struct {
	*Service
	host   host.Host
	ignore func()
}

// Attach starts gossip on a host. The caller closes it before the host.
func Attach(h host.Host, cfg Config) *Host {
	g := &Host{host: h}
	g.Service = New(string(h.ID()), func(ctx context.Context, to string) (io.ReadWriteCloser, error) {
		s, err := h.NewStream(network.WithNoDial(ctx, "gossip goes where links are"), peer.ID(to), protocol.ID(Protocol))
		if err != nil {
			return nil, fmt.Errorf("gossip: opening a stream: %w", err)
		}
		return closer{s}, nil
	}, cfg)
	h.SetStreamHandler(protocol.ID(Protocol), func(s network.Stream) {
		err := g.Serve(string(s.Conn().RemotePeer()), closer{s})
		if err != nil && !errors.Is(err, io.EOF) {
			g.cfg.Log.Debug("gossip: stream ended", "peer", s.Conn().RemotePeer(), "error", err)
		}
	})
	g.ignore = FollowLinks(h, g.Service)
	return g
}

// Close ends gossip; the host stays.
func (g *Host) Close() {
	g.ignore()
	g.host.RemoveStreamHandler(protocol.ID(Protocol))
	g.Service.Close()
}

// FollowLinks tells about the peers with which a host has a connection, now and as
// they come and go, until the function it returns is called.
func FollowLinks(h host.Host, to interface {
	Up(peer string)
	Down(peer string)
}) (ignore func()) {
	notify := &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) { to.Up(string(c.RemotePeer())) },
		DisconnectedF: func(n network.Network, c network.Conn) {
			if n.Connectedness(c.RemotePeer()) != network.Connected {
				to.Down(string(c.RemotePeer()))
			}
		},
	}
	h.Network().Notify(notify)
	for _, p := range h.Network().Peers() {
		to.Up(string(p))
	}
	return func() { h.Network().StopNotify(notify) }
}

// closer is a stream whose Close ends both directions.
type closer struct{ network.Stream }

// Close resets the stream.
func (c closer) Close() error { return c.Reset() }
