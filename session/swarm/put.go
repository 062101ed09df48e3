package swarm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pars-network/pars/session/nodes"
)

// Put stores an envelope at the nodes that hold its mailbox now, and returns how many
// of them said that they have it, and how many there are. err is nil if it is
// [Quorum] of them. Those that answer later get it all the same.
func (c *Client) Put(ctx context.Context, envelope []byte) (stored, total int, err error) {
	it, err := NewEnvelope(envelope)
	if err != nil {
		return 0, 0, err
	}
	return c.put(ctx, it)
}

func (c *Client) put(ctx context.Context, it Item) (stored, total int, err error) {
	to := c.cfg.Maps.Now().Current(it.Key)
	if len(to) == 0 {
		return 0, 0, ErrNoNodes
	}
	from, err := c.randomStamp()
	if err != nil {
		return 0, len(to), err
	}
	stamps := &stamps{it: it, from: from}
	// One stamp is for all: begin with what a quorum is content with, as far as is
	// known. Nodes that want more don't keep the others waiting, and what they want is
	// not searched for longer than this call lasts.
	var wants []int
	for _, r := range to {
		wants = append(wants, max(MinWork, min(c.hint(r.ID()).work, MaxWork)))
	}
	slices.Sort(wants)
	work := wants[Quorum(len(to))-1]
	if _, err := stamps.encoded(ctx, work); err != nil {
		return 0, len(to), err
	}
	searching, cancel := context.WithCancel(ctx)
	defer cancel()
	results := c.all(to, func(ctx context.Context, node nodes.ID) result {
		return c.putAt(ctx, searching, node, stamps, work)
	})
	stored, failures := c.gather(ctx, results, len(to), Quorum(len(to)))
	if stored < Quorum(len(to)) {
		return stored, len(to), fmt.Errorf("%w, %d of %d: %w", ErrNotStored, stored, len(to), failures)
	}
	return stored, len(to), nil
}

// gather counts successes until all have answered, or enough have and the grace
// of the others is over.
func (c *Client) gather(ctx context.Context, results <-chan result, total, enough int) (done int, failures error) {
	var all []error
	var late <-chan time.Time
	for range total {
		if done >= enough && late == nil {
			timer := time.NewTimer(c.cfg.Grace)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case r := <-results:
			if f := r.failure(); f != nil {
				all = append(all, fmt.Errorf("%s: %w", r.node.Short(), f))
				continue
			}
			done++
		case <-late:
			return done, nil
		case <-ctx.Done():
			return done, errors.Join(append(all, ctx.Err())...)
		}
	}
	return done, errors.Join(all...)
}

// putAt stores at one node, which may want more work, or may have to be asked
// again.
func (c *Client) putAt(ctx, searching context.Context, node nodes.ID, s *stamps, work int) result {
	out := result{node: node}
	for attempt := range c.cfg.Attempts {
		if attempt > 0 && !c.pause(ctx, attempt-1) {
			break
		}
		for more := true; more; {
			more = false
			var body []byte
			if body, out.err = s.encoded(searching, work); out.err != nil {
				return out
			}
			call, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
			out.r, out.err = c.ask(call, node, verbPut, body, nil)
			cancel()
			wants := out.err == nil && (out.r.Answer == answerWork || out.r.Answer == answerFull && s.it.Kind == Bundle)
			if wants && int(out.r.Work) > work && int(out.r.Work) <= MaxWork {
				work, more = int(out.r.Work), true
			}
		}
		if out.err == nil && (out.r.Answer == answerOK || out.r.Answer == answerRefused) {
			break
		}
	}
	return out
}

// stamps searches the stamps of one item, each strength once for all replicas.
type stamps struct {
	it   Item
	from Stamp

	mu   sync.Mutex
	work int
	raw  []byte
}

// encoded returns the item with a stamp of at least so many bits of work.
func (s *stamps) encoded(ctx context.Context, work int) ([]byte, error) {
	s.mu.Lock()
	raw := s.raw
	if s.work < work {
		raw = nil
	}
	s.mu.Unlock()
	if raw != nil {
		return raw, nil
	}
	it := s.it
	id := it.ID()
	var err error
	if it.Stamp, err = Search(ctx, id, work, s.from); err != nil {
		return nil, err
	}
	if raw, err = it.Bytes(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := StrengthOf(id, it.Stamp).Work(); s.raw == nil || got > s.work {
		s.raw, s.work = raw, got
	}
	return raw, nil
}

// randomStamp is where a search begins: counting from 0 would show how long it
// took, which tells phones from servers.
func (c *Client) randomStamp() (Stamp, error) {
	var b [8]byte
	if _, err := io.ReadFull(c.cfg.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("swarm: reading randomness: %w", err)
	}
	return Stamp(binary.BigEndian.Uint64(b[:])), nil
}
