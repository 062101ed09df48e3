package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	webtransport "github.com/libp2p/go-libp2p/p2p/transport/webtransport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	mss "github.com/multiformats/go-multistream"
)

func addr(t testing.TB, s string) ma.Multiaddr {
	t.Helper()
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func startHost(t testing.TB, cfg Config) host.Host {
	t.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []ma.Multiaddr{addr(t, "/ip4/127.0.0.1/tcp/0")}
	}
	h, err := NewHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func info(h host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// echo copies a stream back, and its end.
func echo(s network.Stream) {
	_, _ = io.Copy(s, s)
	_ = s.Close()
}

func TestTwoHostsTalk(t *testing.T) {
	a, b := startHost(t, Config{}), startHost(t, Config{})
	b.SetStreamHandler("/test/echo", echo)
	if err := a.Connect(t.Context(), info(b)); err != nil {
		t.Fatal(err)
	}
	c := a.Network().ConnsToPeer(b.ID())[0]
	if st := c.ConnState(); st.Security != ID || st.StreamMultiplexer != "/yamux/1.0.0" || !st.UsedEarlyMuxerNegotiation || st.Transport != "tcp" {
		t.Errorf("link is %+v, want %s, yamux agreed early, tcp", st, ID)
	}
	if !c.RemotePublicKey().Equals(b.Peerstore().PubKey(b.ID())) {
		t.Error("the link has another key than the peer")
	}
	s, err := a.NewStream(t.Context(), b.ID(), "/test/echo")
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, 1<<20)
}

// roundTrip sends n bytes through an echo and closes the stream.
func roundTrip(t *testing.T, s network.Stream, n int) {
	t.Helper()
	message := make([]byte, n)
	_, _ = io.ReadFull(fixed(7), message)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Write(message); err != nil {
			t.Errorf("write: %v", err)
		}
		_ = s.CloseWrite()
	})
	got, err := io.ReadAll(s)
	wg.Wait()
	if err != nil || string(got) != string(message) {
		t.Errorf("%d of %d bytes came back, %v", len(got), n, err)
	}
}

func TestHostsEchoAcrossRekeys(t *testing.T) {
	small := func(key lcrypto.PrivKey, muxers []upgrader.StreamMuxer) (*Transport, error) {
		tr, err := New(key, muxers)
		if tr != nil {
			tr.limits = keyLimits{records: 20, bytes: 50_000, age: time.Hour}
		}
		return tr, err
	}
	var hosts [2]host.Host
	for i := range hosts {
		h, err := newHost(Config{Listen: []ma.Multiaddr{addr(t, "/ip4/127.0.0.1/tcp/0")}}, nodeKey(t, byte(i+1)), small)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		hosts[i] = h
	}
	hosts[1].SetStreamHandler("/test/echo", echo)
	if err := hosts[0].Connect(t.Context(), info(hosts[1])); err != nil {
		t.Fatal(err)
	}
	s, err := hosts[0].NewStream(t.Context(), hosts[1].ID(), "/test/echo")
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, s, 1<<20)
}

// stock starts a libp2p peer as everyone else runs it, with one transport.
func stock(t *testing.T, listen string, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append(opts, libp2p.ListenAddrStrings(listen), libp2p.DisableMetrics(), libp2p.DisableRelay())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestStockPeersAreRefusedInBothDirections(t *testing.T) {
	ours := startHost(t, Config{})
	port, err := ours.Addrs()[0].ValueForProtocol(ma.P_TCP)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		peer   host.Host
		dialAt string // where such a peer would look for us
	}{
		"Noise":        {stock(t, "/ip4/127.0.0.1/tcp/0", libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(noise.ID, noise.New)), "/ip4/127.0.0.1/tcp/" + port},
		"TLS":          {stock(t, "/ip4/127.0.0.1/tcp/0", libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(libp2ptls.ID, libp2ptls.New)), "/ip4/127.0.0.1/tcp/" + port},
		"WebSocket":    {stock(t, "/ip4/127.0.0.1/tcp/0/ws", libp2p.Transport(websocket.New)), "/ip4/127.0.0.1/tcp/" + port + "/ws"},
		"QUIC":         {stock(t, "/ip4/127.0.0.1/udp/0/quic-v1", libp2p.Transport(libp2pquic.NewTransport)), "/ip4/127.0.0.1/udp/" + port + "/quic-v1"},
		"WebTransport": {stock(t, "/ip4/127.0.0.1/udp/0/quic-v1/webtransport", libp2p.Transport(webtransport.New)), "/ip4/127.0.0.1/udp/" + port + "/quic-v1/webtransport"},
		"no security":  {stock(t, "/ip4/127.0.0.1/tcp/0", libp2p.Transport(tcp.NewTCPTransport), libp2p.NoSecurity), "/ip4/127.0.0.1/tcp/" + port},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // QUIC waits for an answer that never comes
			defer cancel()
			if err := c.peer.Connect(ctx, peer.AddrInfo{ID: ours.ID(), Addrs: []ma.Multiaddr{addr(t, c.dialAt)}}); err == nil {
				t.Error("a stock peer got in")
			}
			if err := ours.Connect(t.Context(), info(c.peer)); err == nil {
				t.Error("we linked to a stock peer")
			}
			if n := len(ours.Network().ConnsToPeer(c.peer.ID())) + len(c.peer.Network().ConnsToPeer(ours.ID())); n != 0 {
				t.Errorf("%d connections exist, want 0", n)
			}
		})
	}
}

// The names of the transports that must have no way in or out.
func TestOnlyTCPIsThere(t *testing.T) {
	h := startHost(t, Config{})
	sw, ok := h.Network().(*swarm.Swarm)
	if !ok {
		t.Fatalf("network is a %T, want *swarm.Swarm", h.Network())
	}
	for _, a := range []string{
		"/ip4/127.0.0.1/udp/1/quic-v1", "/ip4/127.0.0.1/udp/1/quic-v1/webtransport", "/ip4/127.0.0.1/udp/1/webrtc-direct",
		"/ip4/127.0.0.1/tcp/1/ws", "/ip4/127.0.0.1/tcp/1/tls/ws", "/p2p-circuit",
	} {
		if sw.TransportForListening(addr(t, a)) != nil {
			t.Errorf("can listen on %s", a)
		}
		if _, err := NewHost(Config{Listen: []ma.Multiaddr{addr(t, a)}}); err == nil || !strings.Contains(err.Error(), "want /ip4/") {
			t.Errorf("NewHost listening on %s = %v, want a refusal", a, err)
		}
	}
	for _, p := range h.Mux().Protocols() {
		if !strings.HasPrefix(string(p), "/ipfs/id/") && p != "/ipfs/ping/1.0.0" {
			t.Errorf("the host serves %s, want only identify and ping", p)
		}
	}
}

func TestEd25519HostsAreRefused(t *testing.T) {
	// Peers that speak our handshake to a real host, but for their identity.
	ours := startHost(t, Config{})
	for name, padded := range map[string]bool{"as it is": false, "padded": true} {
		c, err := manet.Dial(ours.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := mss.SelectProtoOrFail(ID, c); err != nil {
			t.Fatal(err)
		}
		ed25519Peer(t, c, padded)
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("an Ed25519 identity %s got %d bytes, %v, want the end of the link", name, n, err)
		}
		_ = c.Close()
		if n := len(ours.Network().Peers()); n != 0 {
			t.Errorf("an Ed25519 identity %s: %d peers, want none", name, n)
		}
	}
}

func TestWrongPeerIDIsRefused(t *testing.T) {
	a, b := startHost(t, Config{}), startHost(t, Config{})
	other := nodeKey(t, 9).ID()
	err := a.Connect(t.Context(), peer.AddrInfo{ID: other, Addrs: b.Addrs()})
	var mismatch sec.ErrPeerIDMismatch
	if !errors.As(err, &mismatch) || mismatch.Expected != other || mismatch.Actual != b.ID() {
		t.Errorf("Connect = %v, want ErrPeerIDMismatch naming both", err)
	}
	if len(b.Network().Peers()) != 0 {
		t.Error("the other side thinks that it has a peer")
	}
}

func TestAHostDoesNotDialItself(t *testing.T) {
	a := startHost(t, Config{})
	if _, err := a.Network().DialPeer(t.Context(), a.ID()); err == nil {
		t.Error("a host dialled itself")
	}
}

func TestIdentifyRoundTripWithManyAddresses(t *testing.T) {
	var many []ma.Multiaddr
	for i := range 60 {
		many = append(many, addr(t, fmt.Sprintf("/ip6/2001:db8:%x::1/tcp/9000", i+1)))
	}
	a, b := startHost(t, Config{}), startHost(t, Config{Announce: many})
	if got := len(b.Addrs()); got == 0 || got > maxAddrs {
		t.Errorf("the host has %d addresses, want 1 to %d", got, maxAddrs)
	}
	sub, err := a.EventBus().Subscribe([]any{new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerIdentificationFailed)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	// b.Addrs has only announced addresses by now: take the one that works here.
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Network().ListenAddresses()}); err != nil {
		t.Fatal(err)
	}
	switch e := (<-sub.Out()).(type) {
	case event.EvtPeerIdentificationCompleted:
		if e.AgentVersion != userAgent || len(e.Protocols) == 0 || e.SignedPeerRecord == nil {
			t.Errorf("identified as %q with %d protocols and record %v", e.AgentVersion, len(e.Protocols), e.SignedPeerRecord)
		}
		if k := a.Peerstore().PubKey(b.ID()); k == nil || k.Type() != KeyType {
			t.Errorf("the peer store has the key %v, want the composite key", k)
		}
	case event.EvtPeerIdentificationFailed:
		t.Errorf("identify failed: %v", e.Reason)
	}
}

// The greatest signed record that boundAddrs allows fits identify's 8 KiB.
func TestBoundAddrs(t *testing.T) {
	var long []ma.Multiaddr
	for i := range 40 {
		long = append(long, addr(t, fmt.Sprintf("/dns4/%s%02d.example/tcp/9000", strings.Repeat("x", 50), i)))
	}
	short := addr(t, "/ip4/127.0.0.1/tcp/1")
	got := boundAddrs(long, []ma.Multiaddr{short, short})
	total := 0
	for _, a := range got {
		total += len(a.Bytes())
	}
	if total > maxAddrBytes || !containsAddr(got, short) || len(got) != 6 {
		t.Errorf("%d addresses of %d bytes, want 6 with the short one, at most %d bytes", len(got), total, maxAddrBytes)
	}
}

func TestListeningOnATakenPortSaysSo(t *testing.T) {
	l, err := manet.Listen(addr(t, "/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, err = NewHost(Config{Listen: []ma.Multiaddr{addr(t, "/ip4/127.0.0.1/tcp/0"), l.Multiaddr()}})
	if err == nil || !strings.Contains(err.Error(), l.Multiaddr().String()) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("NewHost on a taken port = %v, want an error with the address and what to do", err)
	}
}

func TestThePeerStoreCantGiveTheKeyAway(t *testing.T) {
	h := startHost(t, Config{})
	k := h.Peerstore().PrivKey(h.ID())
	if _, err := lcrypto.MarshalPrivateKey(k); !errors.Is(err, ErrSecret) {
		t.Errorf("MarshalPrivateKey of the stored key = %v, want ErrSecret", err)
	}
	if out := fmt.Sprintf("%+v", k); out != "transport.NodeKey(hidden)" {
		t.Errorf("the stored key prints as %s", out)
	}
}

func TestTooFewConnections(t *testing.T) {
	if _, err := NewHost(Config{MaxConns: 3}); err == nil {
		t.Error("NewHost with 3 connections succeeded")
	}
}
