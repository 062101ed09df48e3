package transport

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"
)

// userAgent is what identify tells every peer. Versions are exchanged by the
// control protocol, with peers of the own network only.
const userAgent = "pars"

// Config says how a host is built. Its zero value is a light node that dials,
// listens nowhere and has a fresh key.
type Config struct {
	// Key is the node's identity; nil means a fresh one.
	Key *NodeKey
	// Listen has the addresses to listen on, /ip4/... or /ip6/... with /tcp/...
	// and nothing after it; port 0 takes a free one.
	Listen []ma.Multiaddr
	// Announce has further addresses under which others reach this node, such
	// as /dns4/node.example/tcp/9000 or the outside of a NAT.
	Announce []ma.Multiaddr
	// MapPorts asks the router, by UPnP or NAT-PMP, to forward the listening
	// ports. It tells the local network that something listens here.
	MapPorts bool
	// MaxConns bounds connections in both directions; 0 means [LightConns].
	MaxConns int
	// Registerer receives libp2p's metrics; nil means none.
	Registerer prometheus.Registerer
}

// NewHost builds and starts a libp2p host whose only way in and out is TCP with
// [ID]: no other security protocol, no QUIC, WebTransport, WebRTC or WebSocket,
// no relay, no hole punching, no AutoNAT. It listens on all of cfg.Listen or
// fails. The caller closes it.
func NewHost(cfg Config) (host.Host, error) {
	for _, a := range cfg.Listen {
		if err := checkListen(a); err != nil {
			return nil, err
		}
	}
	key := cfg.Key
	if key == nil {
		var err error
		if key, err = Fresh(rand.Reader); err != nil {
			return nil, err
		}
	}
	return newHost(cfg, key, New)
}

// newHost lets tests change the security protocol: its limits, its identity.
func newHost(cfg Config, key *NodeKey, secure func(lcrypto.PrivKey, []upgrader.StreamMuxer) (*Transport, error)) (host.Host, error) {
	limits, err := newLimits(cfg.MaxConns, cfg.Registerer != nil)
	if err != nil {
		return nil, err
	}
	// libp2p finds the arguments of this function by their types.
	constructor := func(_ protocol.ID, key lcrypto.PrivKey, muxers []upgrader.StreamMuxer) (*Transport, error) {
		return secure(key, muxers)
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Security(string(ID), constructor),
		// Listing one transport turns libp2p's defaults off. libp2p.Security does
		// not govern QUIC, WebTransport and WebRTC: a stock peer would get in.
		// Without DisableReuseport a second process could share the port, and get
		// half of the connections, instead of being told that it is taken.
		libp2p.Transport(tcp.NewTCPTransport, tcp.WithConnectionTimeout(5*time.Second), tcp.DisableReuseport()),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		// libp2p makes its QUIC socket manager even where there is no QUIC, and
		// derives that one's keys from the raw private key, which ours refuses.
		// Nothing ever uses this one, and without reuse it starts nothing.
		libp2p.QUICReuse(func() (*quicreuse.ConnManager, error) {
			return quicreuse.NewConnManager(quic.StatelessResetKey{}, quic.TokenGeneratorKey{}, quicreuse.DisableReuseport())
		}),
		libp2p.NoListenAddrs,
		libp2p.DisableRelay(),
		// A fixed answer keeps the AutoNAT client, which would ask peers to dial
		// back over Ed25519 identities, from starting.
		libp2p.ForceReachabilityPublic(),
		libp2p.UserAgent(userAgent),
		libp2p.ProtocolVersion("pars/1"),
		libp2p.AddrsFactory(func(listening []ma.Multiaddr) []ma.Multiaddr {
			return boundAddrs(cfg.Announce, listening)
		}),
		libp2p.ResourceManager(limits.resources),
		libp2p.ConnectionManager(limits.conns),
	}
	if cfg.MapPorts {
		opts = append(opts, libp2p.NATPortMap())
	}
	if cfg.Registerer != nil {
		opts = append(opts, libp2p.PrometheusRegisterer(cfg.Registerer))
	} else {
		opts = append(opts, libp2p.DisableMetrics())
	}
	h, err := libp2p.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("transport: starting libp2p: %w", err)
	}
	for _, a := range cfg.Listen { // one by one: libp2p is content with one that works
		if err := h.Network().Listen(a); err != nil {
			return nil, errors.Join(fmt.Errorf("transport: listening on %s: %w; is another program using it? choose another with --listen", a, err), h.Close())
		}
	}
	return h, nil
}

// checkListen refuses addresses that this node would not protect.
func checkListen(a ma.Multiaddr) error {
	if len(a) == 2 && (a[0].Protocol().Code == ma.P_IP4 || a[0].Protocol().Code == ma.P_IP6) && a[1].Protocol().Code == ma.P_TCP {
		return nil
	}
	return fmt.Errorf("transport: can't listen on %s: want /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT, the only transport with post-quantum links", a)
}

// Identify sends the node key (2.6 KB) and a signed record with the key, a
// signature (4.7 KB) and all addresses, each in a message of at most 8 KiB;
// above that it fails without a word. These bounds keep it under 7.9 KiB.
const (
	maxAddrs     = 16
	maxAddrBytes = 384
)

// boundAddrs returns the announced addresses and then the listening ones, as
// many as identify can carry.
func boundAddrs(announce, listening []ma.Multiaddr) []ma.Multiaddr {
	var out []ma.Multiaddr
	total := 0
	for _, list := range [][]ma.Multiaddr{announce, listening} {
		for _, a := range list {
			n := len(a.Bytes())
			if len(out) == maxAddrs || total+n > maxAddrBytes {
				continue // a shorter one may still fit
			}
			if !containsAddr(out, a) {
				out = append(out, a)
				total += n
			}
		}
	}
	return out
}

func containsAddr(list []ma.Multiaddr, a ma.Multiaddr) bool {
	for _, b := range list {
		if a.Equal(b) {
			return true
		}
	}
	return false
}
