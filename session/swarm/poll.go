package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
)

// maxPages is how many responses of one node one poll reads; the next poll goes
// on. A node that lies brings at most as much junk as that.
const maxPages = 16

// Poll returns the envelopes of a mailbox that the cursor has not seen, and the
// cursor that has. If there are none it waits for some, up to wait or [MaxWait].
//
// It waits at [Quorum] of the mailbox's nodes, other ones each time, so that at
// least one of them has what was stored at a quorum, and now and then asks all nodes
// of both placements. Keep the cursor together with the envelopes. Once they are
// kept, [Client.Delete] frees the nodes from them.
//
// An error that matches [ErrUnread] comes together with what there was.
func (c *Client) Poll(ctx context.Context, key *sign.PrivateKey, cursor Cursor, wait time.Duration) ([][]byte, Cursor, error) {
	mailbox := Key(identity.MailboxIDOf(key.Public()))
	now := c.cfg.Now()
	next := cursor.clone(now)
	m := c.cfg.Maps.Now()
	holders := m.Holders(mailbox)
	current := m.Current(mailbox)
	if len(current) == 0 {
		return nil, next, ErrNoNodes
	}
	plan := c.choose(mailbox, current, holders, now)
	wait = min(max(wait, 0), MaxWait)

	ctx, cancel := context.WithCancel(apart(ctx, current))
	defer cancel()
	pages := make(chan page, len(holders))
	start := func(r *nodes.Record, wait time.Duration) {
		c.work.Go(func() { pages <- c.read(ctx, r.ID(), mailbox, key, cursor.places[r.ID()], wait) })
	}
	for _, r := range plan.now {
		start(r, 0)
	}
	for _, r := range plan.wait {
		start(r, wait)
	}
	var found [][]byte
	var failures []error
	heard := 0 // of the current placement
	need := Quorum(len(current))
	var late <-chan time.Time
	began := time.Now()
	for open := len(plan.wait) + len(plan.now); open > 0; {
		select {
		case p := <-pages:
			open--
			c.note(p.node, p.err != nil, now)
			if p.err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", p.node.Short(), p.err))
				if len(plan.spare) > 0 && slices.ContainsFunc(plan.wait, func(r *nodes.Record) bool { return r.ID() == p.node }) {
					open++
					plan.wait = append(plan.wait, plan.spare[0])
					start(plan.spare[0], max(0, wait-time.Since(began)))
					plan.spare = plan.spare[1:]
				}
			} else if slices.ContainsFunc(current, func(r *nodes.Record) bool { return r.ID() == p.node }) {
				heard++
			}
			news := c.merge(&next, cursor, p, holders, key)
			found = append(found, news...)
			if late == nil && (len(found) > 0 || heard >= need && len(plan.now) == 0) {
				timer := time.NewTimer(pollGrace)
				defer timer.Stop()
				late = timer.C
			}
		case <-late:
			open = 0
		case <-ctx.Done():
			return found, next, ctx.Err()
		}
	}
	if len(found) == 0 && heard < need {
		return nil, next, fmt.Errorf("%w: %d of %d: %w", ErrUnread, heard, len(current), errors.Join(failures...))
	}
	return found, next, nil
}

// pollGrace is how long the other nodes may still answer once there is something:
// what they bring later, the next poll drops.
const pollGrace = 50 * time.Millisecond

// asked says which nodes a poll asks: those at which it waits, those in their
// place if they fail, and those that it asks besides.
type asked struct{ wait, spare, now []*nodes.Record }

// failing is how long a node that failed is asked last.
const failing = 5 * time.Minute

func (c *Client) choose(mailbox Key, current, holders []*nodes.Record, now time.Time) asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.swept[mailbox]
	turned := slices.Concat(current[s.turns%len(current):], current[:s.turns%len(current)])
	slices.SortStableFunc(turned, func(a, b *nodes.Record) int {
		return boolInt(now.Sub(c.failed[a.ID()]) < failing) - boolInt(now.Sub(c.failed[b.ID()]) < failing)
	})
	n := Quorum(len(current))
	a := asked{wait: turned[:n:n], spare: turned[n:]}
	s.turns++
	if now.Sub(s.at) >= c.cfg.Sweep || now.Before(s.at) {
		s.at = now
		a.now, a.spare = a.spare, nil
		for _, r := range holders {
			if !slices.ContainsFunc(current, func(o *nodes.Record) bool { return o.ID() == r.ID() }) {
				a.now = append(a.now, r)
			}
		}
	}
	if len(c.swept) >= maxHints {
		clear(c.swept)
	}
	c.swept[mailbox] = s
	return a
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// note remembers whether a node failed.
func (c *Client) note(id nodes.ID, failed bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !failed {
		delete(c.failed, id)
		return
	}
	if len(c.failed) >= maxHints {
		clear(c.failed)
	}
	c.failed[id] = now
}

// page is what one node brought.
type page struct {
	node  nodes.ID
	items []Item
	at    place1
	moved bool
	err   error
}

// read reads what a node has after a position, page by page.
func (c *Client) read(ctx context.Context, node nodes.ID, mailbox Key, key *sign.PrivateKey, at place1, wait time.Duration) page {
	p := page{node: node, at: at}
	for range maxPages {
		call, cancel := context.WithTimeout(ctx, c.cfg.Timeout+wait)
		r, err := c.ask(call, node, verbPoll, pollBody{Run: p.at.run, After: p.at.after, Wait: uint64(wait / time.Second)}, key)
		cancel()
		if p.err = err; err != nil {
			return p
		}
		res := result{node: node, r: r}
		if p.err = res.failure(); p.err != nil {
			return p
		}
		var list listBody
		if p.err = parseBody(r.Body, &list); p.err != nil {
			return p
		}
		for _, raw := range list.Contents {
			it, err := NewEnvelope(raw)
			if err != nil || it.Key != mailbox {
				p.err = fmt.Errorf("%w: a node sent what belongs into no mailbox, or another", ErrMessage)
				return p
			}
			p.items = append(p.items, it)
		}
		if list.Run == p.at.run && list.Next < p.at.after {
			p.err = fmt.Errorf("%w: a node went back from %d to %d", ErrMessage, p.at.after, list.Next)
			return p
		}
		p.at, p.moved, wait = place1{run: list.Run, after: list.Next}, true, 0
		if !list.More {
			break
		}
	}
	return p
}

// merge takes what a node brought into the cursor and returns what is new. What
// the caller had seen before is deleted there.
func (c *Client) merge(next *Cursor, before Cursor, p page, holders []*nodes.Record, key *sign.PrivateKey) (found [][]byte) {
	now := c.cfg.Now()
	var again []ID
	for _, it := range p.items {
		id := it.ID()
		switch {
		case before.has(id):
			if len(again) < MaxDelete {
				again = append(again, id)
			}
		case next.has(id) || !now.Before(forget(it.Hour)):
		default:
			next.add(id, it.Hour)
			found = append(found, it.Content)
		}
	}
	if p.moved {
		next.move(p.node, p.at, holders)
	}
	if len(again) > 0 {
		c.work.Go(func() { _ = c.deleteAt(c.ctx, p.node, key, again) }) // else the next time
	}
	return found
}

// Delete deletes envelopes that were kept from all nodes of their mailbox, and
// returns how many of those nodes have done so. Nodes that could not be reached
// bring them again at most until they expire, and a cursor drops them.
func (c *Client) Delete(ctx context.Context, key *sign.PrivateKey, envelopes [][]byte) (done, total int, err error) {
	mailbox := Key(identity.MailboxIDOf(key.Public()))
	var ids []ID
	for _, raw := range envelopes {
		it, err := NewEnvelope(raw)
		if err != nil {
			return 0, 0, err
		}
		ids = append(ids, it.ID())
	}
	to := c.cfg.Maps.Now().Holders(mailbox)
	if len(to) == 0 {
		return 0, 0, ErrNoNodes
	}
	results := c.all(to, func(ctx context.Context, node nodes.ID) result {
		return result{node: node, err: c.deleteAt(ctx, node, key, ids)}
	})
	done, failures := c.gather(ctx, results, len(to), Quorum(len(to)))
	if done == 0 {
		return 0, len(to), failures
	}
	return done, len(to), nil
}

func (c *Client) deleteAt(ctx context.Context, node nodes.ID, key *sign.PrivateKey, ids []ID) error {
	for part := range slices.Chunk(ids, MaxDelete) {
		call, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		r, err := c.ask(call, node, verbDelete, deleteBody{IDs: part}, key)
		cancel()
		if err != nil {
			return err
		}
		res := result{node: node, r: r}
		if err := res.failure(); err != nil {
			return err
		}
	}
	return nil
}
