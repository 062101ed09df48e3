package onion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
	"github.com/prometheus/client_golang/prometheus"
)

// Handler answers requests at the node that was asked. ctx ends when nobody
// waits for the answer any more. An error is told to the client only as the fact
// that there was one. It is called from many goroutines.
type Handler func(ctx context.Context, request []byte) (answer []byte, err error)

// Caller asks another node over a link.
type Caller interface {
	Call(ctx context.Context, to nodes.ID, request []byte) (answer []byte, err error)
}

// RelayConfig of a [Relay]. Keys and Directory are required.
type RelayConfig struct {
	// Keys open the packets.
	Keys *Keyring
	// Directory has the nodes that packets are passed on to.
	Directory Directory
	// Links makes links to the next nodes, if the relay is attached to a host; nil
	// means the host itself, without any check of the network that a node belongs
	// to.
	Links Connector
	// Handler answers requests to this node; nil means that it answers none.
	Handler Handler
	// Forward reaches nodes that keep a link to this one and are in no
	// directory; nil means that nothing is forwarded to them.
	Forward Caller
	// Limits bound everything.
	Limits Limits
	// Now is the clock of budgets; nil means time.Now.
	Now func() time.Time
	// Log hears of what went wrong, never of who asked for what; nil means
	// nowhere.
	Log *slog.Logger
	// Registerer gets the metrics; nil means none.
	Registerer prometheus.Registerer
}

// Relay passes packets on and answers requests. It is safe for concurrent use.
type Relay struct {
	cfg     RelayConfig
	links   Links
	gate    *gate
	known   *nodePeers
	workers chan struct{}
	metrics relayMetrics

	ctx    context.Context //nolint:containedctx // ends what streams wait for
	cancel context.CancelFunc
	buffer sync.Pool

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup

	host host.Host // nil if it was not attached
}

// NewRelay makes a relay that opens streams by links. Its [Relay.Serve] is to be
// called with every stream that comes.
func NewRelay(links Links, cfg RelayConfig) (*Relay, error) {
	cfg.Limits = cfg.Limits.orDefault()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Relay{
		cfg: cfg, links: links, known: &nodePeers{from: cfg.Directory},
		workers: make(chan struct{}, cfg.Limits.Workers),
		buffer:  sync.Pool{New: func() any { return new(packet.Packet) }},
	}
	r.gate = newGate(cfg.Limits, cfg.Now, r.known.has)
	r.metrics = newRelayMetrics(r.gate)
	if err := r.metrics.register(cfg.Registerer); err != nil {
		return nil, fmt.Errorf("onion: metrics: %w", err)
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Attach makes a relay on a libp2p host. The caller closes it before the host.
func Attach(h host.Host, cfg RelayConfig) (*Relay, error) {
	r, err := NewRelay(HostLinks(h, cfg.Links, cfg.Directory), cfg)
	if err != nil {
		return nil, err
	}
	r.host = h
	h.SetStreamHandler(protocol.ID(Protocol), func(s network.Stream) {
		if err := r.Serve(string(s.Conn().RemotePeer()), s); err != nil {
			r.cfg.Log.Debug("onion: a request ended early", "error", err)
		}
	})
	return r, nil
}

// Close ends what is going on and returns when it has.
func (r *Relay) Close() {
	if r.host != nil {
		r.host.RemoveStreamHandler(protocol.ID(Protocol))
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
	r.metrics.unregister(r.cfg.Registerer)
}

// begin counts work of a stream that a peer opened, unless it is too late.
func (r *Relay) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.work.Add(1)
	}
	return !r.closed
}

// Serve works off one request on a stream that peer opened, and ends the stream.
// The error is for the log: the peer has had its answer, if it was owed one.
func (r *Relay) Serve(peer string, s Stream) error {
	if !r.begin() {
		return s.Reset()
	}
	defer r.work.Done()
	if err := s.SetDeadline(time.Now().Add(r.cfg.Limits.ReadTime)); err != nil {
		return errors.Join(err, s.Reset())
	}
	stop := context.AfterFunc(r.ctx, func() { _ = s.Reset() })
	defer stop()
	if !r.gate.enter(peer) {
		r.metrics.count(outcomeBusy)
		return r.refuse(s, packet.ReasonBusy)
	}
	defer r.gate.leave(peer)
	e := &exchange{relay: r, peer: peer, up: s}
	err := e.run()
	e.end()
	var refused refusedError
	switch {
	case errors.As(err, &refused):
		return r.refuse(s, refused.reason)
	case err != nil:
		return errors.Join(err, s.Reset())
	}
	return s.Close()
}

// refuse tells the peer why its packet goes no further. What else it sends is
// not read.
func (r *Relay) refuse(s Stream, reason packet.Reason) error {
	if err := writeRefusal(s, reason); err != nil {
		return errors.Join(err, s.Reset())
	}
	return s.Close()
}

// open takes this node's layer off a packet. Errors are refusals.
func (r *Relay) open(peer string, p *packet.Packet) (*packet.Opened, error) {
	if !r.gate.allow(peer) {
		r.metrics.count(outcomeBusy)
		return nil, refusedError{packet.ReasonBusy}
	}
	key, err := r.cfg.Keys.get(p.KeyID())
	if err != nil {
		r.metrics.count(outcomeKey)
		return nil, refusedError{packet.ReasonKey}
	}
	select {
	case r.workers <- struct{}{}:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	o, err := packet.Open(key.private, p)
	<-r.workers
	if err != nil {
		r.metrics.count(outcomeRefused)
		return nil, refusedError{packet.ReasonRefused}
	}
	switch err := r.cfg.Keys.remember(key, o.Keys.Tag()); {
	case errors.Is(err, errWorn):
		r.metrics.count(outcomeBusy)
		return nil, refusedError{packet.ReasonBusy}
	case err != nil:
		r.metrics.count(outcomeReplayed)
		return nil, refusedError{packet.ReasonRefused}
	}
	r.metrics.count(outcomeOpened)
	return o, nil
}

// lastWord is how long a relay may take to say that there is no answer.
const lastWord = 5 * time.Second

// exchange is one request with its answer at one hop.
type exchange struct {
	relay *Relay
	peer  string
	up    Stream // towards the client
	down  Stream // towards the node that is asked; nil at that node
	first *packet.Opened
	parts []packet.Part
	// failed is what to tell the client in place of an answer.
	failed packet.Reason
}

func (e *exchange) run() error {
	n := [1]byte{}
	if _, err := io.ReadFull(e.up, n[:]); err != nil {
		return fmt.Errorf("onion: reading a request: %w", err)
	}
	if n[0] < 1 || n[0] > packet.MaxParts {
		return fmt.Errorf("%w: a request of %d packets, want 1 to %d", errProtocol, n[0], packet.MaxParts)
	}
	for i := range int(n[0]) {
		if err := e.take(i, int(n[0])); err != nil {
			return err
		}
	}
	// Long enough to say that the next node did not answer in time.
	if err := e.up.SetDeadline(time.Now().Add(e.relay.cfg.Limits.AnswerTime + lastWord)); err != nil {
		return err
	}
	if e.failed != 0 {
		return e.fail()
	}
	if e.first.Kind == packet.Relay {
		return e.pass()
	}
	return e.answer()
}

// take reads and opens the i-th of n packets.
func (e *exchange) take(i, n int) error {
	p := e.relay.buffer.Get().(*packet.Packet)
	defer e.relay.buffer.Put(p)
	if _, err := io.ReadFull(e.up, p[:]); err != nil {
		return fmt.Errorf("onion: reading packet %d of %d: %w", i+1, n, err)
	}
	o, err := e.relay.open(e.peer, p)
	if err != nil {
		return err
	}
	if i == 0 {
		if e.first = o; o.Kind == packet.Relay {
			e.connect(n)
		}
	}
	if o.Kind != e.first.Kind || o.Node != e.first.Node {
		return refusedError{packet.ReasonRefused}
	}
	next := o.Packet
	o.Packet = nil // the first one stays until the answer is there
	switch {
	case o.Kind != packet.Relay:
		if o.Part.Of != n || o.Part.Index != i {
			return refusedError{packet.ReasonRefused}
		}
		e.parts = append(e.parts, o.Part)
		o.Part = packet.Part{}
	case e.failed == 0:
		if _, err := e.down.Write(next[:]); err != nil {
			e.failed = packet.ReasonBroken
		}
	}
	return nil
}

// connect opens the stream to the next node.
func (e *exchange) connect(n int) {
	limits := e.relay.cfg.Limits
	ctx, cancel := context.WithTimeout(e.relay.ctx, limits.DialTime)
	defer cancel()
	down, err := e.relay.links.Open(ctx, e.first.Node)
	if err != nil {
		e.relay.cfg.Log.Debug("onion: passing on", "error", err)
		e.failed = packet.ReasonUnreachable
		if errors.Is(err, errUnknown) {
			e.failed = packet.ReasonUnknown
		}
		return
	}
	e.down = down
	err = down.SetDeadline(time.Now().Add(limits.AnswerTime))
	if err == nil {
		_, err = down.Write([]byte{byte(n)})
	}
	if err != nil {
		e.failed = packet.ReasonUnreachable
	}
}

// end ends the stream to the next node, whatever happened.
func (e *exchange) end() {
	if e.down != nil {
		_ = e.down.Reset()
	}
}

// fail tells the client why there is no answer, in this node's own words.
func (e *exchange) fail() error {
	return writeCells(e.up, *e.first.Keys.Failure(e.failed))
}

// watch returns a context that ends when the client's side gives up, which it
// shows by ending the stream or by sending what nobody asked for.
func (e *exchange) watch() (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(e.relay.ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		_, _ = e.up.Read(make([]byte, 1))
		cancel()
	}()
	return ctx, func() {
		cancel()
		_ = e.up.SetReadDeadline(time.Unix(1, 0)) // wakes the reader above
		<-watching
	}
}

// pass waits for the answer of the next node and passes it on.
func (e *exchange) pass() error {
	ctx, done := e.watch()
	defer done()
	stop := context.AfterFunc(ctx, func() { _ = e.down.Reset() })
	defer stop()
	n, err := readCount(e.down)
	if ctx.Err() != nil {
		return fmt.Errorf("onion: the client's side gave up: %w", ctx.Err())
	}
	var refused refusedError
	switch {
	case errors.As(err, &refused):
		e.failed = refused.reason
		return e.fail()
	case isTimeout(err):
		e.failed = packet.ReasonTimeout
		return e.fail()
	case err != nil:
		e.failed = packet.ReasonBroken
		return e.fail()
	}
	cell := new(packet.Cell)
	for i := range n {
		if _, err := io.ReadFull(e.down, cell[:]); err != nil {
			if i == 0 {
				e.failed = packet.ReasonBroken
				return e.fail()
			}
			return fmt.Errorf("onion: reading cell %d of %d: %w", i+1, n, err)
		}
		e.first.Keys.Pass(i, cell)
		out := cell[:]
		if i == 0 {
			out = append([]byte{byte(n)}, out...)
		}
		if _, err := e.up.Write(out); err != nil {
			return fmt.Errorf("onion: passing on cell %d of %d: %w", i+1, n, err)
		}
	}
	return nil
}

// answer answers a request to this node, or to one behind it.
func (e *exchange) answer() error {
	request, err := packet.Join(e.parts)
	if err != nil {
		return refusedError{packet.ReasonRefused}
	}
	e.parts = nil
	ctx, done := e.watch()
	defer done()
	ctx, cancel := context.WithTimeout(ctx, e.relay.cfg.Limits.AnswerTime)
	defer cancel()
	body, err := e.handle(ctx, request)
	if err != nil {
		e.relay.cfg.Log.Debug("onion: answering", "error", err)
		e.failed = packet.ReasonFailed
		return e.fail()
	}
	cells, err := e.first.Keys.Answer(body)
	if err != nil {
		e.relay.cfg.Log.Error("onion: the handler's answer does not fit", "error", err)
		e.failed = packet.ReasonFailed
		return e.fail()
	}
	return writeCells(e.up, cells...)
}

var errNoHandler = errors.New("onion: this node answers no such requests")

func (e *exchange) handle(ctx context.Context, request []byte) ([]byte, error) {
	cfg := &e.relay.cfg
	switch {
	case e.first.Kind == packet.Cover:
		return nil, nil
	case e.first.Kind == packet.Forward && cfg.Forward != nil:
		return cfg.Forward.Call(ctx, e.first.Node, request)
	case e.first.Kind == packet.Deliver && cfg.Handler != nil:
		return cfg.Handler(ctx, request)
	default:
		return nil, errNoHandler
	}
}

// isTimeout reports whether err says that a deadline passed.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// nodePeers are the peer ids of the service nodes that are known.
type nodePeers struct {
	from Directory

	mu      sync.Mutex
	changed <-chan struct{}
	peers   map[peer.ID]bool
}

func (n *nodePeers) has(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	stale := n.changed == nil
	if !stale {
		select {
		case <-n.changed:
			stale = true
		default:
		}
	}
	if stale {
		n.changed = n.from.Changed()
		n.peers = map[peer.ID]bool{}
		for _, r := range n.from.With(nodes.Relay) {
			n.peers[r.Peer()] = true
		}
	}
	return n.peers[peer.ID(id)]
}
