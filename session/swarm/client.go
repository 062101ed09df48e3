package swarm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/nodes"
)

// Caller brings a request of at most [MaxRequest] bytes to a node and its
// response back: over a link, or over an onion. A call may take [MaxWait] and
// what the way takes.
type Caller interface {
	Call(ctx context.Context, to nodes.ID, request []byte) (response []byte, err error)
}

var (
	// ErrNotStored reports a write that fewer nodes than the quorum have. It may
	// be tried again; what was stored stays.
	ErrNotStored = errors.New("swarm: stored at too few nodes")
	// ErrNoNodes reports a directory that names no node for a key.
	ErrNoNodes = errors.New("swarm: no service node is known")
	// ErrUnread reports that too few nodes answered to be sure of having seen
	// everything.
	ErrUnread = errors.New("swarm: too few nodes answered")
	// ErrRefused reports a node that refuses a request for good.
	ErrRefused = errors.New("swarm: refused")
)

// ClientConfig of a [Client]. Maps and Caller are required.
type ClientConfig struct {
	Maps   *Maps
	Caller Caller
	// Timeout bounds a call that waits for nothing; 0 means 10 s. Polls get
	// [MaxWait] more.
	Timeout time.Duration
	// Attempts is how often a replica is asked to store, with pauses that double
	// from Backoff; 0 means 3 times and 500 ms.
	Attempts int
	Backoff  time.Duration
	// Grace is how long others may still answer once enough have; 0 means 300 ms.
	Grace time.Duration
	// Sweep is how often a reader asks all nodes of both placements, not only
	// those at which it waits; 0 means 2 minutes.
	Sweep time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand gives nonces; nil means crypto/rand.
	Rand io.Reader
}

// Client writes to and reads from service nodes. It believes none of them alone.
// It is safe for concurrent use.
type Client struct {
	cfg    ClientConfig
	ctx    context.Context //nolint:containedctx // ends what goes on after a call has returned
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	// known is what nodes said last.
	known map[nodes.ID]hint
	// swept is when all nodes of a mailbox were asked last, turns how often those
	// at which to wait were chosen.
	swept map[Key]sweep
	// failed is when nodes failed that have not answered since.
	failed map[nodes.ID]time.Time
}

// hint is what a node said last.
type hint struct {
	challenge challenge
	work      int
}

type sweep struct {
	at    time.Time
	turns int
}

// maxHints bounds what is remembered of nodes and mailboxes.
const maxHints = 8192

// NewClient makes a client. The caller closes it.
func NewClient(cfg ClientConfig) *Client {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&cfg.Timeout, 10 * time.Second}, {&cfg.Backoff, 500 * time.Millisecond}, {&cfg.Grace, 300 * time.Millisecond}, {&cfg.Sweep, 2 * time.Minute}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 3
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	c := &Client{cfg: cfg, known: map[nodes.ID]hint{}, swept: map[Key]sweep{}, failed: map[nodes.ID]time.Time{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends what goes on in the background and waits for it.
func (c *Client) Close() {
	c.cancel()
	c.work.Wait()
}

func (c *Client) hint(id nodes.ID) hint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[id]
}

// ask sends one request to a node and remembers what every response says. A
// signed request is signed again if the node wants it.
func (c *Client) ask(ctx context.Context, to nodes.ID, v verb, body any, key *sign.PrivateKey) (response, error) {
	for try := 0; ; try++ {
		var n nonce
		if key != nil {
			if _, err := io.ReadFull(c.cfg.Rand, n[:]); err != nil {
				return response{}, fmt.Errorf("swarm: reading randomness: %w", err)
			}
		}
		req, err := newRequest(v, body, key, to, c.hint(to).challenge, n)
		if err != nil {
			return response{}, err
		}
		raw, err := c.cfg.Caller.Call(ctx, to, req)
		if err != nil {
			return response{}, err
		}
		r, err := parseResponse(raw)
		if err != nil {
			return response{}, err
		}
		c.mu.Lock()
		if len(c.known) >= maxHints {
			clear(c.known)
		}
		c.known[to] = hint{challenge: r.Challenge, work: int(r.Work)}
		c.mu.Unlock()
		if r.Answer != answerSign || key == nil || try > 0 {
			return r, nil
		}
	}
}

// result is what one replica said.
type result struct {
	node nodes.ID
	r    response
	err  error
}

// failure puts an answer that is not OK into words.
func (r *result) failure() error {
	if r.err != nil {
		return r.err
	}
	switch r.r.Answer {
	case answerOK:
		return nil
	case answerRefused:
		return fmt.Errorf("%w: %q", ErrRefused, r.r.Reason)
	case answerFull:
		return fmt.Errorf("%w: %q", ErrFull, r.r.Reason)
	default:
		return fmt.Errorf("swarm: %s: %q", r.r.Answer, r.r.Reason)
	}
}

// all runs f for each node at once and returns a channel with what came of each.
// The calls go on when the caller stops listening, until the client is closed.
func (c *Client) all(to []*nodes.Record, f func(ctx context.Context, node nodes.ID) result) <-chan result {
	out := make(chan result, len(to))
	ctx := apart(c.ctx, to)
	for _, r := range to {
		c.work.Go(func() { out <- f(ctx, r.ID()) })
	}
	return out
}

// apart asks the caller, if it goes over other nodes, not to ask one replica
// through another: that one would learn more than its own share.
func apart(ctx context.Context, replicas []*nodes.Record) context.Context {
	ids := make([]nodes.ID, len(replicas))
	for i, r := range replicas {
		ids[i] = r.ID()
	}
	return nodes.Avoid(ctx, ids...)
}

// pause waits before an attempt, and returns false if ctx ended.
func (c *Client) pause(ctx context.Context, attempt int) bool {
	return sleep(ctx, c.cfg.Backoff<<min(attempt, 10), nil)
}
