package public

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/gossip"
	"github.com/pars-network/pars/session/sync"
)

// Host are the [Spaces] of a libp2p host: peers are named by their peer ids in
// bytes, and every peer with which the host has a connection is a neighbour if it
// speaks the protocols.
type Host struct {
	*Spaces
	host   host.Host
	ignore func()
}

// Attach starts the public spaces of a host. The caller closes them before the
// host.
func Attach(h host.Host, store *dag.Store, cfg Config) *Host {
	p := &Host{host: h}
	p.Spaces = New(store, string(h.ID()), func(ctx context.Context, to, name string) (Stream, error) {
		s, err := h.NewStream(network.WithNoDial(ctx, "spaces go where links are"), peer.ID(to), protocol.ID(name))
		if err != nil {
			return nil, fmt.Errorf("public: opening a stream: %w", err)
		}
		return both{s, name}, nil
	}, cfg)
	for _, name := range []string{gossip.Protocol, sync.Protocol} {
		h.SetStreamHandler(protocol.ID(name), func(s network.Stream) {
			err := p.Serve(string(s.Conn().RemotePeer()), name, both{s, name})
			if err != nil && !errors.Is(err, io.EOF) {
				p.log.Debug("public: a stream ended", "peer", s.Conn().RemotePeer(), "protocol", name, "error", err)
			}
		})
	}
	p.ignore = gossip.FollowLinks(h, p.Spaces)
	return p
}

// Close ends gossip and sync; the host and the store stay.
func (p *Host) Close() {
	p.ignore()
	p.host.RemoveStreamHandler(protocol.ID(gossip.Protocol))
	p.host.RemoveStreamHandler(protocol.ID(sync.Protocol))
	p.Spaces.Close()
}

// both is a stream whose Close ends both directions. What sync has written last is
// still to be read by the other side, so that its streams are closed, not reset.
type both struct {
	network.Stream
	protocol string
}

// Close ends the stream.
func (b both) Close() error {
	if b.protocol == sync.Protocol {
		return errors.Join(b.CloseRead(), b.Stream.Close())
	}
	return b.Reset()
}
