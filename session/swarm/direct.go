package swarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	lpeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/transport"
	"github.com/pars-network/pars/session/wire"
)

// Protocol is the name of requests on links: a frame each way on a stream of its
// own.
const Protocol = "/pars/swarm/1"

// Connector makes links to nodes; control.Service is one. It returns nil at once
// if there is a link.
type Connector interface {
	Connect(ctx context.Context, p lpeer.AddrInfo) error
}

// Direct is a [Caller] over links of this node's own: the nodes see its address.
// Service nodes use it among themselves, and people only if they asked for it.
type Direct struct {
	host      host.Host
	links     Connector
	directory *nodes.Directory
}

// NewDirect returns a caller on a host. links nil means the host itself, without
// any check of the network that a node belongs to.
func NewDirect(h host.Host, links Connector, d *nodes.Directory) *Direct {
	if links == nil {
		links = h
	}
	return &Direct{host: h, links: links, directory: d}
}

// Call implements [Caller].
func (d *Direct) Call(ctx context.Context, to nodes.ID, request []byte) ([]byte, error) {
	rec, ok := d.directory.Get(to)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not in the directory", ErrNoNodes, to.Short())
	}
	s, err := d.open(ctx, rec, Protocol)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	response, err := exchange(s, request)
	if err != nil {
		_ = s.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("swarm: calling %s: %w", to.Short(), err)
	}
	_ = s.Close() // the response is here; how the stream ends changes nothing
	return response, nil
}

func exchange(s network.Stream, request []byte) ([]byte, error) {
	if err := wire.WriteFrame(s, MaxRequest, request); err != nil {
		return nil, err
	}
	return wire.ReadFrame(s, MaxRequest)
}

func (d *Direct) open(ctx context.Context, rec *nodes.Record, name protocol.ID) (network.Stream, error) {
	if err := d.links.Connect(ctx, rec.AddrInfo()); err != nil {
		return nil, fmt.Errorf("swarm: linking to %s: %w", rec.ID().Short(), err)
	}
	s, err := d.host.NewStream(network.WithNoDial(ctx, "the link stands"), rec.Peer(), name)
	if err != nil {
		return nil, fmt.Errorf("swarm: opening a stream to %s: %w", rec.ID().Short(), err)
	}
	return s, nil
}

// Dial is a [Dialer].
func (d *Direct) Dial(ctx context.Context, to *nodes.Record, name string) (Stream, error) {
	return d.open(ctx, to, protocol.ID(name))
}

// Host answers requests and repair on the streams of a libp2p host.
type Host struct {
	host      host.Host
	server    *Server
	repairer  *Repairer
	directory *nodes.Directory
	ctx       context.Context //nolint:containedctx // ends what streams wait for
	cancel    context.CancelFunc

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

// requestTimeout is how long a peer may take to send its request, and to take
// the response.
const requestTimeout = 20 * time.Second

// Attach makes a host answer. The caller closes it before the host.
func Attach(h host.Host, server *Server, repairer *Repairer, d *nodes.Directory) *Host {
	a := &Host{host: h, server: server, repairer: repairer, directory: d}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	h.SetStreamHandler(Protocol, a.request)
	for _, name := range []string{SyncProtocol, HandProtocol} {
		h.SetStreamHandler(protocol.ID(name), func(s network.Stream) { a.repair(name, s) })
	}
	return a
}

// Close ends answering and waits for what is under way.
func (a *Host) Close() {
	for _, name := range []protocol.ID{Protocol, SyncProtocol, HandProtocol} {
		a.host.RemoveStreamHandler(name)
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.cancel()
	a.work.Wait()
}

// begin counts work of a stream that a peer opened, unless it is too late, and
// ends the stream when the host is closed.
func (a *Host) begin(s network.Stream) (end func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		_ = s.Reset()
		return nil, false
	}
	a.work.Add(1)
	stop := context.AfterFunc(a.ctx, func() { _ = s.Reset() })
	return func() { stop(); a.work.Done() }, true
}

func (a *Host) request(s network.Stream) {
	end, ok := a.begin(s)
	if !ok {
		return
	}
	defer end()
	if err := a.answer(s); err != nil {
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

func (a *Host) answer(s network.Stream) error {
	if err := s.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	raw, err := wire.ReadFrame(s, MaxRequest)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, MaxWait)
	defer cancel()
	if err := s.SetDeadline(time.Now().Add(MaxWait + requestTimeout)); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() { // who hangs up does not wait any more
		defer close(gone)
		var b [1]byte
		_, _ = s.Read(b[:]) // nothing follows a request; whatever this returns, nobody waits
		cancel()
	}()
	out := a.server.Serve(ctx, a.source(s), raw)
	err = errors.Join(s.SetDeadline(time.Now().Add(requestTimeout)), wire.WriteFrame(s, MaxRequest, out))
	_ = s.SetReadDeadline(time.Unix(1, 0)) // ends the read below
	<-gone
	return err
}

func (a *Host) source(s network.Stream) Source {
	src := Source{Name: string(s.Conn().RemotePeer())}
	if rec, ok := a.node(s); ok {
		src.Relays = rec.Services().Has(nodes.Relay)
	}
	return src
}

// node returns the record of the service node at the other end.
func (a *Host) node(s network.Stream) (*nodes.Record, bool) {
	key, ok := transport.CompositeOf(s.Conn().RemotePublicKey())
	if !ok {
		return nil, false
	}
	return a.directory.Get(nodes.IDOf(key))
}

func (a *Host) repair(name string, s network.Stream) {
	end, ok := a.begin(s)
	if !ok {
		return
	}
	defer end()
	rec, ok := a.node(s)
	if !ok {
		_ = s.Reset()
		return
	}
	if err := a.repairer.Answer(a.ctx, rec.ID(), name, s); err != nil {
		a.repairer.cfg.Log.Debug("repair", "node", rec.ID().Short(), "protocol", name, "error", err)
		_ = s.Reset()
		return
	}
	_ = s.Close()
}
