package onion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

// MaxMessage is the longest request and the longest answer in bytes: an
// envelope of 64 KiB and 4 KiB for what stands around it.
const MaxMessage = packet.MaxMessage

// ClientConfig of a [Client]. Directory, Guards and Rand are required.
type ClientConfig struct {
	// Directory has the nodes.
	Directory Directory
	// Guards are the first nodes.
	Guards *Guards
	// Weight says how likely a node is to be chosen, beside others; nil means
	// that all are alike. Values above 2^32 count as that.
	Weight func(*nodes.Record) uint64
	// Attempts is how many paths a call tries; 0 means 4.
	Attempts int
	// Time is how long a path may take if the context has no deadline before;
	// 0 means 60 s.
	Time time.Duration
	// DialTime is how long the link to the guard may take to come up; 0 means
	// 10 s.
	DialTime time.Duration
	// Stale hears of a node whose record is out of date: it no longer has the
	// key that the record names. It should fetch a newer one and not block. nil
	// means that nobody hears.
	Stale func(nodes.ID)
	// Rand is crypto/rand.Reader but in tests.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of paths that failed; nil means nowhere.
	Log *slog.Logger
}

// refreshTime is how long a call waits for a newer record.
const refreshTime = 3 * time.Second

// Client asks service nodes over paths of three nodes. It is safe for concurrent
// use.
type Client struct {
	cfg    ClientConfig
	links  Links
	choose chooser
}

// NewClient makes a client that opens streams to guards by links.
func NewClient(links Links, cfg ClientConfig) *Client {
	if cfg.Attempts == 0 {
		cfg.Attempts = 4
	}
	if cfg.Time == 0 {
		cfg.Time = 60 * time.Second
	}
	if cfg.DialTime == 0 {
		cfg.DialTime = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, links: links, choose: chooser{
		directory: cfg.Directory, guards: cfg.Guards, weight: cfg.Weight, rand: cfg.Rand, now: cfg.Now,
	}}
}

// PathError reports a path that failed.
type PathError struct {
	// Hop is which node of the path failed, from 1, and Node its ID.
	Hop  int
	Node nodes.ID
	// Reason is what the node before it said; 0 if nothing was said.
	Reason packet.Reason
	// Err is what happened here, if Reason is 0.
	Err error
	// Unsure is set if the node that was asked may have worked on the request:
	// nothing is known but that no answer came.
	Unsure bool
}

// Error says which node failed, and how.
func (e *PathError) Error() string {
	what := e.Reason.String()
	if e.Reason == 0 {
		what = e.Err.Error()
	}
	s := fmt.Sprintf("onion: node %d of 3 (%s): %s", e.Hop, e.Node.Short(), what)
	if e.Unsure {
		s += "; the request may have arrived"
	}
	return s
}

// Unwrap returns what happened here.
func (e *PathError) Unwrap() error { return e.Err }

// Call asks a node and returns its answer. It tries other paths as long as it is
// certain that the request did not arrive, so a node works on a request at most
// once. A node that said nothing until ctx ended counts as failed. Errors are
// [*PathError] of the last path, [ErrPath], [ErrGuards], [ErrDestination],
// packet.ErrSize and ctx's.
func (c *Client) Call(ctx context.Context, to nodes.ID, request []byte) ([]byte, error) {
	return c.call(ctx, to, packet.Request{Kind: packet.Deliver, Body: request})
}

// CallBehind asks a node that is in no directory through a service node to which
// it keeps a link.
func (c *Client) CallBehind(ctx context.Context, through, to nodes.ID, request []byte) ([]byte, error) {
	return c.call(ctx, through, packet.Request{Kind: packet.Forward, Node: to, Body: request})
}

func (c *Client) call(ctx context.Context, to nodes.ID, request packet.Request) ([]byte, error) {
	if len(request.Body) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", packet.ErrSize, len(request.Body), MaxMessage)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Time)
	defer cancel()
	var (
		last    *PathError
		tried   []nodes.ID // middles
		accused []nodes.ID // middles that said that the last node is to blame
	)
	for range c.cfg.Attempts {
		path, err := c.choose.path(ctx, to, tried)
		if err != nil {
			if last != nil {
				err = errors.Join(err, last)
			}
			return nil, err
		}
		answer, err := c.try(ctx, path, request)
		var failed *PathError
		if err == nil {
			c.worked(path, accused)
			return answer, nil
		}
		if !errors.As(err, &failed) {
			return nil, err
		}
		c.learn(ctx, failed)
		if last = failed; failed.Unsure || ctx.Err() != nil {
			break
		}
		c.cfg.Log.Debug("onion: trying another path", "error", failed)
		if failed.Hop > 1 {
			tried = append(tried, path[1].ID())
		}
		if failed.Hop == packet.Hops {
			if accused = append(accused, path[1].ID()); len(accused) == 2 {
				break // two that don't know of each other say so
			}
		}
		if failed.Reason == packet.ReasonKey {
			c.refresh(ctx, failed.Node)
		}
	}
	return nil, last
}

// refresh asks for a newer record of a node and waits for it a little.
func (c *Client) refresh(ctx context.Context, id nodes.ID) {
	if c.cfg.Stale == nil {
		return
	}
	changed := c.cfg.Directory.Changed()
	c.cfg.Stale(id)
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// worked remembers that a path answered. Who said that its last node can't be
// reached was wrong.
func (c *Client) worked(path [3]*nodes.Record, accused []nodes.ID) {
	if err := c.choose.guards.worked(path[0].ID()); err != nil {
		c.cfg.Log.Warn("onion: keeping the guards", "error", err)
	}
	c.choose.health.worked(path[1].ID(), path[2].ID())
	for _, id := range accused {
		c.choose.health.failed(id, c.cfg.Now())
	}
}

// learn remembers what a path that failed showed about its nodes.
func (c *Client) learn(ctx context.Context, f *PathError) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return // it is the caller who gave up
	}
	switch f.Hop {
	case 1:
		c.choose.guards.failed(f.Node)
	case 2:
		c.choose.health.failed(f.Node, c.cfg.Now())
	}
}

// try sends a request along a path.
func (c *Client) try(ctx context.Context, path [3]*nodes.Record, request packet.Request) ([]byte, error) {
	var hops packet.Path
	for i, r := range path {
		hops[i] = packet.Hop{ID: r.ID(), Key: packet.NewPublicKey(r.Onion().Key)}
	}
	here := func(err error, unsure bool) *PathError {
		return &PathError{Hop: 1, Node: path[0].ID(), Err: err, Unsure: unsure}
	}
	packets, keys, err := packet.Build(c.cfg.Rand, hops, request)
	if err != nil {
		return nil, err
	}
	dial, cancel := context.WithTimeout(ctx, c.cfg.DialTime)
	defer cancel()
	s, err := c.links.Open(dial, path[0].ID())
	if err != nil {
		return nil, here(err, false)
	}
	defer func() { _ = s.Reset() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	out := append(make([]byte, 0, 1+len(packets)*packet.Size), byte(len(packets)))
	for i := range packets {
		out = append(out, packets[i][:]...)
	}
	if _, err := s.Write(out); err != nil {
		return nil, here(fmt.Errorf("sending: %w", err), true)
	}
	answer, failed := c.read(s, keys, path)
	switch {
	case failed == nil:
		return answer, nil
	case failed.Reason == 0 && ctx.Err() != nil:
		// Silence: any of the three may be to blame, the second is taken.
		return nil, &PathError{Hop: 2, Node: path[1].ID(), Err: fmt.Errorf("no answer came: %w", ctx.Err()), Unsure: true}
	default:
		return nil, failed
	}
}

// read reads the answer from the guard.
func (c *Client) read(s Stream, keys *packet.Keys, path [3]*nodes.Record) ([]byte, *PathError) {
	fail := func(hop int, reason packet.Reason, err error, unsure bool) ([]byte, *PathError) {
		return nil, &PathError{Hop: hop + 1, Node: path[hop].ID(), Reason: reason, Err: err, Unsure: unsure}
	}
	n, err := readCount(s)
	var refused refusedError
	if errors.As(err, &refused) {
		return fail(0, refused.reason, nil, !refused.reason.NotDelivered())
	}
	if err != nil {
		return fail(0, 0, fmt.Errorf("waiting for the answer: %w", err), true)
	}
	parts := make([]packet.Part, 0, n)
	cell := new(packet.Cell)
	for i := range n {
		if _, err := io.ReadFull(s, cell[:]); err != nil {
			return fail(0, 0, fmt.Errorf("reading cell %d of %d of the answer: %w", i+1, n, err), true)
		}
		reply, err := keys.OpenCell(i, cell)
		switch {
		case err != nil:
			return fail(0, 0, err, true)
		case reply.Failure != 0 && n != 1:
			return fail(0, 0, fmt.Errorf("%w: a failure among %d cells", errProtocol, n), true)
		case reply.Failure == packet.ReasonFailed || reply.Failure != 0 && reply.From == packet.Hops-1:
			return fail(reply.From, reply.Failure, nil, true)
		case reply.Failure != 0: // a node speaks of the one after it
			return fail(reply.From+1, reply.Failure, nil, !reply.Failure.NotDelivered())
		}
		parts = append(parts, reply.Part)
	}
	answer, err := packet.Join(parts)
	if err != nil {
		return fail(packet.Hops-1, 0, err, true)
	}
	return answer, nil
}
