package control

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHost(t *testing.T) host.Host {
	t.Helper()
	a, err := ma.NewMultiaddr("/ip4/127.0.0.1/tcp/0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := transport.NewHost(transport.Config{Listen: []ma.Multiaddr{a}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// node is a service whose events can be waited for.
type node struct {
	*Service
	host   host.Host
	events chan Event
}

func start(t *testing.T, h host.Host, cfg Config) *node {
	t.Helper()
	n := &node{host: h, events: make(chan Event, 16)}
	if cfg.Network.ID == 0 {
		cfg.Network = params.Dev
	}
	cfg.OnEvent = func(e Event) { n.events <- e }
	s, err := New(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	n.Service = s
	return n
}

func (n *node) info() peer.AddrInfo { return peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()} }

func (n *node) next(t *testing.T) Event {
	t.Helper()
	select {
	case e := <-n.events:
		return e
	case <-t.Context().Done():
		t.Fatal("the test ended before the event")
		return Event{}
	}
}

func TestPeersComeAndGo(t *testing.T) {
	a := start(t, newHost(t), Config{Roles: RoleLight})
	b := start(t, newHost(t), Config{Roles: RoleService | RoleBootstrap, Software: "pars/b"})
	if err := a.Connect(t.Context(), b.info()); err != nil {
		t.Fatal(err)
	}
	up := a.next(t)
	if !up.Up || up.Peer.ID != b.host.ID() || up.Peer.Inbound || up.Peer.Roles != RoleService|RoleBootstrap || up.Peer.Software != "pars/b" || up.Peer.Version != Version {
		t.Errorf("event %+v, want b as it introduced itself", up)
	}
	if e := b.next(t); !e.Up || e.Peer.ID != a.host.ID() || !e.Peer.Inbound || e.Peer.Software != "pars/"+params.Version {
		t.Errorf("event %+v, want a, dialled by it", e)
	}
	if peers := a.Peers(); len(peers) != 1 || peers[0].ID != b.host.ID() {
		t.Errorf("peers %+v, want b", peers)
	}
	if err := a.Connect(t.Context(), b.info()); err != nil {
		t.Errorf("connecting again: %v", err)
	}
	gone := a.Gone(b.host.ID())
	select {
	case <-gone:
		t.Error("b is gone before it went")
	default:
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if e := a.next(t); e.Up || e.Peer.ID != b.host.ID() || e.Reason == nil {
		t.Errorf("event %+v, want b down with a reason", e)
	}
	<-gone
	<-a.Gone(b.host.ID()) // at once, for a peer that is not there
	if len(a.Peers()) != 0 {
		t.Errorf("peers %+v, want none", a.Peers())
	}
}

func TestRoundTripsAreMeasured(t *testing.T) {
	a, b := start(t, newHost(t), Config{}), start(t, newHost(t), Config{})
	if err := a.Connect(t.Context(), b.info()); err != nil {
		t.Fatal(err)
	}
	for a.Peers()[0].RTT == 0 { // the first heartbeat goes out at once
		if t.Context().Err() != nil {
			t.Fatal("no round trip was measured")
		}
		runtime.Gosched()
	}
}

func TestPeersOfAnotherNetworkAreRefused(t *testing.T) {
	a := start(t, newHost(t), Config{Network: params.Dev})
	b := start(t, newHost(t), Config{Network: params.Testnet})
	err := a.Connect(t.Context(), b.info())
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != RefusedNetwork || !refused.ByPeer || !strings.Contains(err.Error(), "6134 (pars-testnet) here, 1337 (pars-dev) there") {
		t.Errorf("Connect = %v, want a refusal that names both networks", err)
	}
	if len(a.Peers())+len(b.Peers()) != 0 {
		t.Error("they count as peers")
	}
	waitClosed(t, a.host, b.host.ID())
	waitClosed(t, b.host, a.host.ID())
}

// waitClosed waits until h has no connection to id.
func waitClosed(t *testing.T, h host.Host, id peer.ID) {
	t.Helper()
	for h.Network().Connectedness(id) == network.Connected {
		if t.Context().Err() != nil {
			t.Fatalf("still connected to %s", id)
		}
		runtime.Gosched()
	}
}

// A host with our transport that does not speak the control protocol.
func TestPeersWithoutTheProtocolAreCutOff(t *testing.T) {
	a, mute := start(t, newHost(t), Config{}), newHost(t)
	err := a.Connect(t.Context(), peer.AddrInfo{ID: mute.ID(), Addrs: mute.Addrs()})
	if err == nil || !strings.Contains(err.Error(), "control stream") {
		t.Errorf("Connect = %v, want an error about the control stream", err)
	}
	waitClosed(t, a.host, mute.ID())
}

func TestTheDialledSideMayNotOpenTheStream(t *testing.T) {
	a, b := start(t, newHost(t), Config{}), start(t, newHost(t), Config{})
	if err := a.Connect(t.Context(), b.info()); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string][2]*node{"dialled": {b, a}, "dialling, a second time": {a, b}} {
		s, err := from[0].host.NewStream(t.Context(), from[1].host.ID(), Protocol)
		if err == nil {
			if _, err = s.Read(make([]byte, 1)); err == nil {
				t.Errorf("the side that was %s opened a control stream", name)
			}
			_ = s.Reset()
		}
	}
	if len(a.Peers()) != 1 || len(b.Peers()) != 1 {
		t.Error("the link did not survive it")
	}
}

func TestConnectExplainsItself(t *testing.T) {
	a, b := start(t, newHost(t), Config{}), start(t, newHost(t), Config{})
	wrong := peer.AddrInfo{ID: newHost(t).ID(), Addrs: b.host.Addrs()}
	for range 2 { // libp2p would say "dial backoff" the second time
		err := a.Connect(t.Context(), wrong)
		var mismatch sec.ErrPeerIDMismatch
		if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "is "+b.host.ID().String()+", not "+wrong.ID.String()) {
			t.Errorf("Connect to a wrong peer id = %v, want an error that names both", err)
		}
	}
	if err := a.Connect(t.Context(), a.info()); err == nil || !strings.Contains(err.Error(), "itself") {
		t.Errorf("Connect to itself = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Connect(ctx, b.info()); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect with a cancelled context = %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Connect(t.Context(), b.info()); err == nil {
		t.Error("Connect of a closed service succeeded")
	}
	if err := a.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	h := newHost(t)
	for name, cfg := range map[string]Config{
		"no network":       {},
		"a hasty heart":    {Network: params.Dev, Heartbeat: time.Millisecond},
		"a long name":      {Network: params.Dev, Software: strings.Repeat("x", 65)},
		"a name with tabs": {Network: params.Dev, Software: "a\tb"},
	} {
		if s, err := New(h, cfg); err == nil {
			t.Errorf("New with %s succeeded", name)
			_ = s.Close()
		}
	}
}

// The dialler of a real network: it links, and links again after a loss.
func TestBootstrapOverRealHosts(t *testing.T) {
	a, b := start(t, newHost(t), Config{}), start(t, newHost(t), Config{})
	full, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	boot, err := NewBootstrap(a, full, nil, func(int64) int64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { boot.Run(ctx); close(done) }()
	if e := a.next(t); !e.Up {
		t.Errorf("event %+v, want b up", e)
	}
	_ = b.next(t)
	if err := b.host.Network().ClosePeer(a.host.ID()); err != nil {
		t.Fatal(err)
	}
	if e := a.next(t); e.Up {
		t.Errorf("event %+v, want b down", e)
	}
	if e := a.next(t); !e.Up {
		t.Errorf("event %+v, want b up again", e)
	}
	cancel()
	<-done
}
