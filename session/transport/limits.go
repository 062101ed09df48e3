package transport

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
)

// LightConns is how many connections a light node keeps at most. Each costs
// about 70 KiB for the record buffer, and a few of yamux.
const LightConns = 96

// limits bound what peers can make this node hold.
type limits struct {
	resources network.ResourceManager
	conns     *connmgr.BasicConnMgr
}

// newLimits sizes everything by the number of connections: above two thirds of
// maxConns the oldest idle ones are closed, at maxConns new ones are refused,
// and three quarters of them may come from outside.
func newLimits(maxConns int, metrics bool) (limits, error) {
	if maxConns == 0 {
		maxConns = LightConns
	}
	if maxConns < 8 {
		return limits{}, fmt.Errorf("transport: limit of %d connections, want at least 8", maxConns)
	}
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	part := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns:           rcmgr.LimitVal(maxConns),
			ConnsInbound:    rcmgr.LimitVal(maxConns * 3 / 4),
			ConnsOutbound:   rcmgr.LimitVal(maxConns),
			FD:              rcmgr.LimitVal(maxConns + 32),
			Streams:         rcmgr.LimitVal(maxConns * 64),
			StreamsInbound:  rcmgr.LimitVal(maxConns * 32),
			StreamsOutbound: rcmgr.LimitVal(maxConns * 64),
			Memory:          rcmgr.LimitVal64(64<<20 + int64(maxConns)<<20),
		},
		// Connections before their handshake is done: each costs two signatures.
		Transient: rcmgr.ResourceLimits{
			Conns:         rcmgr.LimitVal(max(8, maxConns/3)),
			ConnsInbound:  rcmgr.LimitVal(max(4, maxConns/6)),
			ConnsOutbound: rcmgr.LimitVal(max(4, maxConns/6)),
			FD:            rcmgr.LimitVal(max(8, maxConns/3)),
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns:           4,
			ConnsInbound:    4,
			ConnsOutbound:   4,
			Streams:         1024,
			StreamsInbound:  512,
			StreamsOutbound: 1024,
			Memory:          32 << 20,
		},
		// One stream waits for each poll that passes through two nodes
		// (session/onion), so one protocol may use what a peer may; libp2p's own
		// defaults are 64 from a peer and 512 from all.
		ProtocolDefault: rcmgr.ResourceLimits{
			Streams:         rcmgr.LimitVal(maxConns * 64),
			StreamsInbound:  rcmgr.LimitVal(maxConns * 32),
			StreamsOutbound: rcmgr.LimitVal(maxConns * 64),
		},
		ProtocolPeerDefault: rcmgr.ResourceLimits{
			Streams:         1024,
			StreamsInbound:  512,
			StreamsOutbound: 1024,
		},
	}
	opts := []rcmgr.Option{}
	if !metrics {
		opts = append(opts, rcmgr.WithMetricsDisabled())
	}
	res, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(part.Build(defaults.AutoScale())), opts...)
	if err != nil {
		return limits{}, fmt.Errorf("transport: resource limits: %w", err)
	}
	conns, err := connmgr.NewConnManager(maxConns/2, maxConns*2/3, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		return limits{}, fmt.Errorf("transport: connection limits: %w", err)
	}
	return limits{resources: res, conns: conns}, nil
}
