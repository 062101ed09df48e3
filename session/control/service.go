package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"

	"github.com/pars-network/pars/params"
)

// Config says who this node is to its peers.
type Config struct {
	// Network is the network whose peers are welcome. Required.
	Network params.Network
	// Roles of this node; none means [RoleLight].
	Roles Roles
	// Software is what peers see as this node's program; empty means "pars/"
	// and the version of the build.
	Software string
	// Heartbeat is how often this node shows that it lives, 1 s to 5 min; 0
	// means [DefaultHeartbeat].
	Heartbeat time.Duration
	// OnEvent hears of peers that come and go, one event at a time and in
	// order. It may call Peers, but not Close or Connect. nil means nobody
	// listens.
	OnEvent func(Event)
	// Log receives why links end; nil means nowhere.
	Log *slog.Logger
}

// Event is a peer that came or went.
type Event struct {
	Peer Peer
	Up   bool
	// Reason says why a peer went; nil for one that came.
	Reason error
}

// Peer is a node with which this one has at least one live link.
type Peer struct {
	ID       peer.ID
	Addr     ma.Multiaddr // of the first link
	Inbound  bool         // the peer dialled
	Roles    Roles
	Software string
	Version  uint64        // of the control protocol
	Since    time.Time     // when the link came up
	RTT      time.Duration // last round trip; 0 when none was measured yet
}

// Service speaks the control protocol on every connection of a host. A
// connection whose handshake fails, or whose control stream ends, is closed.
type Service struct {
	host  host.Host
	cfg   Config
	hello Handshake
	log   *slog.Logger
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	work  sync.WaitGroup

	eventMu sync.Mutex // held while OnEvent runs; taken before mu

	mu      sync.Mutex
	closed  bool
	conns   map[network.Conn]*connState
	peers   map[peer.ID]*peerState
	waiters map[peer.ID][]chan error
}

// connState is what is known of one connection.
type connState struct {
	late *time.Timer // closes an inbound connection on which nobody speaks
	link *link       // nil until the control stream is open
}

// peerState is a peer with live links.
type peerState struct {
	info  Peer
	links map[network.Conn]*link
	gone  chan struct{}
}

// New starts the service on h. The caller closes it, before the host.
func New(h host.Host, cfg Config) (*Service, error) {
	if cfg.Network.ID == 0 {
		return nil, errors.New("control: no network given; use one of params.Networks")
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = DefaultHeartbeat
	}
	if cfg.Roles == 0 {
		cfg.Roles = RoleLight
	}
	if cfg.Software == "" {
		cfg.Software = "pars/" + params.Version
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Heartbeat < minHeartbeat || cfg.Heartbeat > maxHeartbeat {
		return nil, fmt.Errorf("control: a heartbeat every %v, want %v to %v", cfg.Heartbeat, minHeartbeat, maxHeartbeat)
	}
	s := &Service{
		host: h, cfg: cfg, log: cfg.Log,
		hello: Handshake{
			Versions: []uint64{Version}, Network: cfg.Network.ID, Roles: cfg.Roles, Software: cfg.Software,
			Limits: Limits{HeartbeatMs: uint32(cfg.Heartbeat.Milliseconds())},
		},
		conns:   map[network.Conn]*connState{},
		peers:   map[peer.ID]*peerState{},
		waiters: map[peer.ID][]chan error{},
	}
	if err := s.hello.check(); err != nil {
		return nil, fmt.Errorf("control: own handshake has %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	h.SetStreamHandler(Protocol, s.accept)
	h.Network().Notify((*notifiee)(s))
	for _, c := range h.Network().Conns() {
		s.connected(c)
	}
	return s, nil
}

// Close ends all links, without events, and waits until nothing of the service
// runs. It does not close the host.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, c := range s.conns {
		if c.late != nil {
			c.late.Stop()
		}
	}
	s.mu.Unlock()
	s.host.RemoveStreamHandler(Protocol)
	s.host.Network().StopNotify((*notifiee)(s))
	s.stop()
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.peers {
		close(p.gone)
		delete(s.peers, id)
	}
	return nil
}

// Peers returns the peers with live links, sorted by peer id.
func (s *Service) Peers() []Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Peer, 0, len(s.peers))
	for _, p := range s.peers {
		info := p.info
		for _, l := range p.links {
			if rtt := l.roundTrip(); rtt > 0 && (info.RTT == 0 || rtt < info.RTT) {
				info.RTT = rtt
			}
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// Connect dials a peer and returns when it is up: linked, of this network and
// of a version that both speak. Errors say what was wrong; a *[RefusedError]
// means that trying again soon is useless.
func (s *Service) Connect(ctx context.Context, p peer.AddrInfo) error {
	if p.ID == s.host.ID() {
		return fmt.Errorf("control: %s is this node itself", p.ID)
	}
	wait := make(chan error, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.New("control: the service is closed")
	}
	if s.peers[p.ID] != nil {
		s.mu.Unlock()
		return nil
	}
	s.waiters[p.ID] = append(s.waiters[p.ID], wait)
	s.mu.Unlock()
	defer s.forget(p.ID, wait)

	if sw, ok := s.host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		sw.Backoff().Clear(p.ID) // else libp2p hides the last error behind "dial backoff"
	}
	if err := s.host.Connect(ctx, p); err != nil {
		return explainDial(p, err)
	}
	select {
	case err := <-wait:
		return err
	case <-ctx.Done():
		return fmt.Errorf("control: waiting for the handshake of %s: %w", p.ID, context.Cause(ctx))
	case <-s.ctx.Done():
		return errors.New("control: the service was closed")
	}
}

// Gone returns a channel that is closed once the peer has no live link. It is
// closed already when it has none.
func (s *Service) Gone(id peer.ID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil {
		return p.gone
	}
	gone := make(chan struct{})
	close(gone)
	return gone
}

func (s *Service) forget(id peer.ID, wait chan error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters[id] = slices.DeleteFunc(s.waiters[id], func(w chan error) bool { return w == wait })
	if len(s.waiters[id]) == 0 {
		delete(s.waiters, id)
	}
}

// tell gives the outcome of a link to those who wait for its peer. s.mu is held.
func (s *Service) tell(id peer.ID, err error) {
	for _, w := range s.waiters[id] {
		select {
		case w <- err:
		default: // it has an answer already
		}
	}
}

// notifiee hears of connections.
type notifiee Service

func (n *notifiee) Connected(_ network.Network, c network.Conn)    { (*Service)(n).connected(c) }
func (n *notifiee) Disconnected(_ network.Network, c network.Conn) { (*Service)(n).disconnected(c) }
func (*notifiee) Listen(network.Network, ma.Multiaddr)             {}
func (*notifiee) ListenClose(network.Network, ma.Multiaddr)        {}

// connected starts the control stream on a connection that this node dialled,
// and waits for one on the others.
func (s *Service) connected(c network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.conns[c] != nil || c.IsClosed() {
		return
	}
	st := &connState{}
	s.conns[c] = st
	if c.Stat().Direction == network.DirOutbound {
		s.work.Go(func() { s.open(c, st) })
		return
	}
	st.late = time.AfterFunc(HandshakeTimeout, func() {
		s.log.Info("closing a connection without a control stream", "peer", c.RemotePeer(), "after", HandshakeTimeout)
		_ = c.Close()
	})
}

func (s *Service) disconnected(c network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.conns[c]
	if st == nil {
		return
	}
	delete(s.conns, c)
	if st.late != nil {
		st.late.Stop()
	}
	id := c.RemotePeer()
	for other := range s.conns {
		if other.RemotePeer() == id {
			return
		}
	}
	s.tell(id, fmt.Errorf("control: %s hung up", id))
}

// open makes the control stream on this very connection.
func (s *Service) open(c network.Conn, st *connState) {
	ctx, cancel := context.WithTimeout(s.ctx, HandshakeTimeout)
	defer cancel()
	str, err := c.NewStream(ctx)
	if err == nil {
		err = negotiate(str)
	}
	if err != nil {
		s.ended(c, fmt.Errorf("control: opening the control stream: %w", err))
		return
	}
	s.serve(str, st, true)
}

func negotiate(str network.Stream) error {
	err := str.SetDeadline(time.Now().Add(HandshakeTimeout))
	if err == nil {
		err = str.SetProtocol(Protocol)
	}
	if err == nil {
		err = mss.SelectProtoOrFail(Protocol, str)
	}
	if err != nil {
		return errors.Join(err, str.Reset())
	}
	return nil
}

// accept takes a control stream that a peer opened. Only the side that dialled
// may, and once.
func (s *Service) accept(str network.Stream) {
	c := str.Conn()
	s.connected(c) // the stream may be here before the notification
	s.mu.Lock()
	st := s.conns[c]
	wrong := st == nil || s.closed || st.link != nil || c.Stat().Direction != network.DirInbound || !st.late.Stop()
	if wrong {
		s.mu.Unlock()
		s.log.Info("refusing an unexpected control stream", "peer", c.RemotePeer())
		_ = str.Reset()
		return
	}
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	s.serve(str, st, false)
}

// serve runs one control stream to its end.
func (s *Service) serve(str network.Stream, st *connState, dialled bool) {
	c := str.Conn()
	l := newLink(str, s.hello)
	s.mu.Lock()
	st.link = l
	s.mu.Unlock()
	stop := context.AfterFunc(s.ctx, l.wake)
	err := l.greet(dialled)
	stop()
	if err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) && !refused.ByPeer && !dialled {
			linger(str)
		}
		_ = str.Reset()
		s.ended(c, err)
		return
	}
	if !s.peerUp(c, l, !dialled) {
		_ = str.Reset()
		return
	}
	err = l.run(s.ctx)
	_ = str.Reset()
	s.peerDown(c, err)
}

// linger lets the peer read why it was refused before the connection closes:
// until it hangs up, at most two seconds.
func linger(str network.Stream) {
	_ = str.CloseWrite()
	_ = str.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.CopyN(io.Discard, str, 1<<10)
}

// ended closes a connection that never became a link.
func (s *Service) ended(c network.Conn, err error) {
	s.log.Info("no link", "peer", c.RemotePeer(), "addr", c.RemoteMultiaddr(), "err", err)
	s.mu.Lock()
	s.tell(c.RemotePeer(), err)
	s.mu.Unlock()
	_ = c.Close()
}

func (s *Service) peerUp(c network.Conn, l *link, inbound bool) bool {
	s.eventMu.Lock()
	defer s.eventMu.Unlock()
	id := c.RemotePeer()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	p, known := s.peers[id]
	if !known {
		p = &peerState{
			info: Peer{
				ID: id, Addr: c.RemoteMultiaddr(), Inbound: inbound, Roles: l.theirs.Roles,
				Software: l.theirs.Software, Version: l.version, Since: time.Now(),
			},
			links: map[network.Conn]*link{},
			gone:  make(chan struct{}),
		}
		s.peers[id] = p
	}
	p.links[c] = l
	s.tell(id, nil)
	s.mu.Unlock()
	if !known {
		s.log.Info("peer up", "peer", id, "addr", p.info.Addr, "roles", p.info.Roles, "software", p.info.Software)
		s.emit(Event{Peer: p.info, Up: true})
	}
	return true
}

func (s *Service) peerDown(c network.Conn, reason error) {
	_ = c.Close() // a connection without its control stream is of no use
	s.eventMu.Lock()
	defer s.eventMu.Unlock()
	id := c.RemotePeer()
	s.mu.Lock()
	p := s.peers[id]
	if s.closed || p == nil {
		s.mu.Unlock()
		return
	}
	delete(p.links, c)
	last := len(p.links) == 0
	if last {
		delete(s.peers, id)
		close(p.gone)
	}
	s.mu.Unlock()
	if last {
		s.log.Info("peer down", "peer", id, "reason", reason)
		s.emit(Event{Peer: p.info, Reason: reason})
	}
}

func (s *Service) emit(e Event) {
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
}
