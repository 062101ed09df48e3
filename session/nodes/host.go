package nodes

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Connector makes links to nodes; control.Service is one. It returns nil at once
// if there is a link.
type Connector interface {
	Connect(ctx context.Context, p peer.AddrInfo) error
}

// HostConfig of a [Host]. The zero value is a light node's, which fetches and
// gives nothing.
type HostConfig struct {
	// Serve says that the node answers others and passes on what it learns, as
	// service and bootstrap nodes do.
	Serve bool
	// Links makes links to nodes of the directory; nil means that only nodes with
	// a link are asked.
	Links Connector
	// Every is how often the directory is compared with others'; 0 means 30 s
	// for who serves, 10 minutes for others, and a few seconds while it is empty.
	Every time.Duration
	// Delay is how long news wait for more before they are passed on; 0 means
	// 200 ms.
	Delay time.Duration
	// Fanout is with how many nodes it is compared each time; 0 means 3.
	Fanout int
	// Log hears of exchanges that failed; nil means nowhere.
	Log *slog.Logger
}

// Host keeps a directory equal to those of other nodes over the links of a
// libp2p host.
type Host struct {
	host      host.Host
	directory *Directory
	cfg       HostConfig
	answering chan struct{}
	ctx       context.Context //nolint:containedctx // ends what others began
	cancel    context.CancelFunc

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

const (
	// exchangeTimeout bounds an exchange, the link included.
	exchangeTimeout = 20 * time.Second
	// maxAnswering is how many exchanges that others opened run at once.
	maxAnswering = 16
	// emptyEvery is how often a node asks that knows nobody.
	emptyEvery = 2 * time.Second
)

// Attach starts to answer, if the node serves. The caller closes it before the
// host.
func Attach(h host.Host, d *Directory, cfg HostConfig) *Host {
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Minute
		if cfg.Serve {
			cfg.Every = 30 * time.Second
		}
	}
	if cfg.Delay == 0 {
		cfg.Delay = 200 * time.Millisecond
	}
	if cfg.Fanout == 0 {
		cfg.Fanout = 3
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Host{host: h, directory: d, cfg: cfg, answering: make(chan struct{}, maxAnswering)}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if cfg.Serve {
		h.SetStreamHandler(Protocol, n.answer)
	}
	return n
}

// Close ends answering and waits for what is under way.
func (n *Host) Close() {
	n.host.RemoveStreamHandler(Protocol)
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	n.work.Wait()
}

// begin counts work of a stream that a peer opened, unless it is too late.
func (n *Host) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.work.Add(1)
	}
	return !n.closed
}

func (n *Host) answer(s network.Stream) {
	if !n.begin() {
		_ = s.Reset()
		return
	}
	defer n.work.Done()
	stop := context.AfterFunc(n.ctx, func() { _ = s.Reset() })
	defer stop()
	select {
	case n.answering <- struct{}{}:
		defer func() { <-n.answering }()
	default:
		_ = s.Reset() // the other side tries somebody else
		return
	}
	err := s.SetDeadline(time.Now().Add(exchangeTimeout))
	if err == nil {
		_, err = Answer(s, n.directory)
	}
	if err != nil {
		n.cfg.Log.Debug("exchange of node records", "peer", s.Conn().RemotePeer().String(), "error", err)
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

// Run compares the directory with others' until ctx ends: at the start, now and
// then, and if the node serves whenever something changed.
func (n *Host) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := n.directory.Changed()
		n.directory.Expire()
		n.Round(ctx)
		wait := n.cfg.Every/2 + rand.N(n.cfg.Every)
		if n.directory.Len() <= 1 {
			wait = min(wait, emptyEvery)
		}
		if !n.cfg.Serve {
			changed = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-changed:
			// News come in bunches.
			timer.Reset(n.cfg.Delay)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		timer.Stop()
	}
}

// Round compares the directory with some other nodes' once, and returns with how
// many that went well.
func (n *Host) Round(ctx context.Context) int {
	targets := n.targets()
	done := 0
	for _, t := range targets {
		if done == n.cfg.Fanout || ctx.Err() != nil {
			break
		}
		if _, err := n.With(ctx, t); err != nil {
			n.cfg.Log.Debug("exchange of node records", "peer", t.ID.String(), "error", err)
			continue
		}
		done++
	}
	return done
}

// targets are nodes to ask in random order: those with a link that speak the
// protocol, and service nodes if this one serves or has no such link.
func (n *Host) targets() []peer.AddrInfo {
	var out []peer.AddrInfo
	seen := map[peer.ID]bool{n.host.ID(): true}
	for _, p := range n.host.Network().Peers() {
		if ok, err := n.host.Peerstore().SupportsProtocols(p, Protocol); err == nil && len(ok) > 0 && !seen[p] {
			seen[p] = true
			out = append(out, peer.AddrInfo{ID: p})
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	if n.cfg.Links == nil || !n.cfg.Serve && len(out) > 0 {
		return out
	}
	var others []peer.AddrInfo
	for _, r := range n.directory.List() {
		if !seen[r.Peer()] && len(r.Addrs()) > 0 {
			others = append(others, r.AddrInfo())
		}
	}
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	// One that is linked and then some that are not, so that parts that know
	// nothing of each other don't stay so.
	return slices.Concat(out[:min(1, len(out))], others[:min(n.cfg.Fanout, len(others))], out[min(1, len(out)):])
}

// With compares the directory with that of one node.
func (n *Host) With(ctx context.Context, p peer.AddrInfo) (Exchanged, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	if n.cfg.Links != nil && len(p.Addrs) > 0 {
		if err := n.cfg.Links.Connect(ctx, p); err != nil {
			return Exchanged{}, fmt.Errorf("nodes: linking to %s: %w", p.ID, err)
		}
	}
	s, err := n.host.NewStream(network.WithNoDial(ctx, "the link stands"), p.ID, Protocol)
	if err != nil {
		return Exchanged{}, fmt.Errorf("nodes: opening a stream: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	done, err := Exchange(s, n.directory, n.cfg.Serve)
	if err != nil {
		_ = s.Reset()
		return done, err
	}
	_ = s.Close()
	return done, nil
}
