package onion

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/pars-network/pars/session/onion/packet"
)

// Cover sends requests that mean nothing, at random times (a Poisson process of
// rate a second on average), to random nodes, until ctx ends. To the wire and to
// the first two nodes they look like a request of one packet whose answer is one
// cell, such as storing a short message; the last node knows. It hides when
// somebody writes only as far as rate is well above how often they do.
//
// A rate of 1/60 costs about 2 MB an hour in both directions together.
func (c *Client) Cover(ctx context.Context, rate float64) error {
	if !(rate > 0) || rate > maxCover {
		return fmt.Errorf("onion: cover traffic of %v requests a second, want more than 0 and at most %v", rate, float64(maxCover))
	}
	var work sync.WaitGroup
	defer work.Wait()
	for {
		wait, err := c.exponential(rate)
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		work.Go(func() { // how long one takes must not move the next
			if err := c.cover(ctx); err != nil {
				c.cfg.Log.Debug("onion: cover traffic", "error", err)
			}
		})
	}
}

// maxCover is the highest rate of cover traffic, in requests a second.
const maxCover = 10

func (c *Client) cover(ctx context.Context) error {
	to, err := c.choose.draw(c.choose.candidates())
	if err != nil {
		return err
	}
	_, err = c.call(ctx, to.ID(), packet.Request{Kind: packet.Cover})
	return err
}

// exponential draws the time until the next event of a Poisson process.
func (c *Client) exponential(rate float64) (time.Duration, error) {
	v, err := below(c.cfg.Rand, 1<<53)
	if err != nil {
		return 0, err
	}
	seconds := -math.Log((float64(v)+0.5)/(1<<53)) / rate // never 0, at most 38 / rate
	return time.Duration(min(seconds, 1e9) * float64(time.Second)), nil
}
