package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"
)

// Times of the bootstrap dialler.
const (
	firstDelay  = time.Second
	maxDelay    = 5 * time.Minute
	dialTimeout = 30 * time.Second
	// stableAfter is how long a link must have lasted for the next failure to
	// count as the first.
	stableAfter = time.Minute
)

// Connector makes links; [Service] is one.
type Connector interface {
	// Connect returns nil once the peer is up.
	Connect(ctx context.Context, p peer.AddrInfo) error
	// Gone is closed once the peer is down.
	Gone(id peer.ID) <-chan struct{}
}

// Bootstrap keeps links to a fixed list of nodes: it dials them, waits while a
// link stands, and dials again with back-off.
type Bootstrap struct {
	connector Connector
	log       *slog.Logger
	random    func(n int64) int64

	mu      sync.Mutex
	targets []*Target
}

// Target is one node to keep a link to.
type Target struct {
	ID        peer.ID
	Addrs     []ma.Multiaddr
	Connected bool
	Failures  int       // in a row
	LastError error     // of the last failure, nil while connected
	NextTry   time.Time // zero unless it waits
}

// NewBootstrap checks the addresses, each of which must end in /p2p/Qm..., and
// joins those of one node. log may be nil. random returns a number in [0, n)
// and defaults to math/rand/v2.
func NewBootstrap(c Connector, addrs []ma.Multiaddr, log *slog.Logger, random func(n int64) int64) (*Bootstrap, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if random == nil {
		random = rand.Int64N
	}
	b := &Bootstrap{connector: c, log: log, random: random}
	for _, a := range addrs {
		info, err := peer.AddrInfoFromP2pAddr(a)
		if err != nil || len(info.Addrs) == 0 {
			return nil, fmt.Errorf("control: bootstrap address %s: want an address that ends in /p2p/ and the node's peer id (Qm...), after for example /ip4/192.0.2.1/tcp/9000", a)
		}
		i := slices.IndexFunc(b.targets, func(t *Target) bool { return t.ID == info.ID })
		if i < 0 {
			b.targets = append(b.targets, &Target{ID: info.ID})
			i = len(b.targets) - 1
		}
		b.targets[i].Addrs = append(b.targets[i].Addrs, info.Addrs...)
	}
	return b, nil
}

// Run keeps the links until ctx ends and then returns.
func (b *Bootstrap) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, t := range b.targets {
		all.Go(func() { b.keep(ctx, t) })
	}
	all.Wait()
}

// Targets returns the state of every target, in the order in which they were
// given.
func (b *Bootstrap) Targets() []Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Target, len(b.targets))
	for i, t := range b.targets {
		out[i] = *t
		out[i].Addrs = slices.Clone(t.Addrs)
	}
	return out
}

func (b *Bootstrap) keep(ctx context.Context, t *Target) {
	info := peer.AddrInfo{ID: t.ID, Addrs: t.Addrs}
	failures := 0
	for {
		err := b.once(ctx, t, info, &failures)
		if ctx.Err() != nil {
			return
		}
		failures++
		delay := b.delay(failures, err)
		b.set(func() {
			t.Connected, t.Failures, t.LastError, t.NextTry = false, failures, err, time.Now().Add(delay)
		})
		b.log.Warn("bootstrap node is not linked", "peer", t.ID, "failures", failures, "next_try_in", delay.Round(time.Millisecond), "err", err)
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// once dials, and waits while the link stands. It returns why there is none.
func (b *Bootstrap) once(ctx context.Context, t *Target, info peer.AddrInfo, failures *int) error {
	dial, cancel := context.WithTimeout(ctx, dialTimeout)
	err := b.connector.Connect(dial, info)
	cancel()
	if err != nil {
		return err
	}
	up := time.Now()
	b.set(func() { t.Connected, t.Failures, t.LastError, t.NextTry = true, 0, nil, time.Time{} })
	b.log.Info("bootstrap node is linked", "peer", t.ID)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.connector.Gone(t.ID):
	}
	if time.Since(up) >= stableAfter {
		*failures = 0
	}
	return errors.New("control: the link was lost")
}

func (b *Bootstrap) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// delay doubles with every failure up to maxDelay, of which the second half is
// random, so that many nodes don't return at once. A refusal will not change
// soon, so it waits the longest from the start.
func (b *Bootstrap) delay(failures int, err error) time.Duration {
	d := maxDelay
	var refused *RefusedError
	if !errors.As(err, &refused) && failures < 10 {
		d = min(maxDelay, firstDelay<<(failures-1))
	}
	return d/2 + time.Duration(b.random(int64(d/2)+1))
}

// explainDial says in one line why a peer can't be reached. libp2p's own error
// has a paragraph for every address.
func explainDial(p peer.AddrInfo, err error) error {
	var mismatch sec.ErrPeerIDMismatch
	if errors.As(err, &mismatch) {
		return fmt.Errorf("control: the node at %s is %s, not %s; ask its operator for the right address: %w", joinAddrs(p.Addrs), mismatch.Actual, mismatch.Expected, err)
	}
	return fmt.Errorf("control: can't reach %s at %s: %w", p.ID, joinAddrs(p.Addrs), err)
}

func joinAddrs(addrs []ma.Multiaddr) string {
	var s []string
	for _, a := range addrs {
		s = append(s, a.String())
	}
	return strings.Join(s, ", ")
}
