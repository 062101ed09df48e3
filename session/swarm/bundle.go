package swarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
)

// PutBundle stores a sealed bundle in the slot of a week, like [Client.Put]. A
// slot that is full of stronger stamps is answered with more work, up to
// [MaxWork].
func (c *Client) PutBundle(ctx context.Context, slot identity.Slot, week uint64, sealed []byte) (stored, total int, err error) {
	it, err := NewBundle(slot, week, sealed)
	if err != nil {
		return 0, 0, err
	}
	return c.put(ctx, it)
}

// GetBundle returns all values that the nodes of both placements have in a slot:
// whoever knows the Session ID decrypts them and takes the newest that verifies.
// An error that matches [ErrUnread] comes together with what there was.
func (c *Client) GetBundle(ctx context.Context, slot identity.Slot) ([][]byte, error) {
	m := c.cfg.Maps.Now()
	to := m.Holders(Key(slot))
	if len(to) == 0 {
		return nil, ErrNoNodes
	}
	type got struct {
		values [][]byte
		err    error
	}
	ctx = apart(ctx, m.Current(Key(slot)))
	values := make(chan got, len(to))
	for _, r := range to {
		c.work.Go(func() {
			v, err := c.readSlot(ctx, r.ID(), Key(slot))
			values <- got{v, err}
		})
	}
	seen := map[string]bool{}
	var out [][]byte
	var failures []error
	answered := 0
	for range to {
		g := <-values
		if g.err != nil {
			failures = append(failures, g.err)
		} else {
			answered++
		}
		for _, v := range g.values {
			if !seen[string(v)] {
				seen[string(v)] = true
				out = append(out, v)
			}
		}
	}
	if answered < Quorum(len(to)) {
		return out, fmt.Errorf("%w: %d of %d: %w", ErrUnread, answered, len(to), errors.Join(failures...))
	}
	return out, nil
}

// readSlot reads the values of a slot at one node, at most [MaxRivals].
func (c *Client) readSlot(ctx context.Context, node nodes.ID, slot Key) ([][]byte, error) {
	var out [][]byte
	for after, page := uint64(0), 0; page < MaxRivals; page++ {
		call, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		r, err := c.ask(call, node, verbGet, getBody{Slot: slot, After: after}, nil)
		cancel()
		if err != nil {
			return out, err
		}
		res := result{node: node, r: r}
		if err := res.failure(); err != nil {
			return out, err
		}
		var list listBody
		if err := parseBody(r.Body, &list); err != nil {
			return out, err
		}
		if out = append(out, list.Contents...); len(out) > MaxRivals {
			return nil, fmt.Errorf("%w: more than %d values in a slot", ErrMessage, MaxRivals)
		}
		if !list.More {
			break
		}
		after = list.Next
	}
	return out, nil
}

// PublishBundle puts a bundle into the slots of this and the next three weeks. It
// fails if any of them got no quorum. The same bundle gives the same sealed value
// each time, so that publishing it again takes no further place in a slot.
func (c *Client) PublishBundle(ctx context.Context, b *identity.Bundle, now time.Time) error {
	for _, week := range identity.PublishWeeks(now) {
		// Who does not have the bundle can't tell this from a random nonce.
		nonce := digest.Derive(b.Bytes(), []byte("pars bundle nonce v1"), strconv.FormatUint(week, 10), 24)
		sealed, err := identity.SealBundle(bytes.NewReader(nonce), b, week)
		if err != nil {
			return err
		}
		if _, _, err := c.PutBundle(ctx, identity.SlotOf(b.ID(), week), week, sealed); err != nil {
			return fmt.Errorf("publishing the bundle of week %d: %w", week, err)
		}
	}
	return nil
}

// FindBundle returns the newest valid bundle of an account that is published, or
// [ErrNotFound].
func (c *Client) FindBundle(ctx context.Context, id identity.ID, now time.Time) (*identity.Bundle, error) {
	var best *identity.Bundle
	var failures []error
	for _, week := range identity.ReadWeeks(now) {
		values, err := c.GetBundle(ctx, identity.SlotOf(id, week))
		if err != nil {
			failures = append(failures, err)
		}
		for _, sealed := range values {
			b, err := identity.OpenSealed(id, week, sealed)
			if err != nil || b.Check(now) != nil {
				continue // anyone may put anything there
			}
			if b.NewerThan(best) {
				best = b
			}
		}
	}
	if best == nil {
		return nil, errors.Join(append([]error{ErrNotFound}, failures...)...)
	}
	return best, nil
}
