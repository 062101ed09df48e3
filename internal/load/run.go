package load

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
)

// closedLoopPace is how fast an account of a closed loop can be at most: it
// decides how many transfers it must be able to pay for.
const closedLoopPace = 5 * time.Millisecond

// maxReasons bounds the different reasons of refusals that are kept.
const maxReasons = 20

// sample is what was measured of one transaction.
type sample struct {
	due, done time.Time
	failed    bool
}

// collector gathers samples from all sides.
type collector struct {
	mu      sync.Mutex
	samples []sample
	sent    int
	errors  map[string]int
	open    int
	settled chan struct{} // gets a value when open becomes 0
}

func newCollector() *collector {
	return &collector{errors: make(map[string]int), settled: make(chan struct{}, 1)}
}

func (c *collector) began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	c.open++
}

func (c *collector) ended(s *sample, refusal error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refusal != nil {
		reason := refusal.Error()
		if _, known := c.errors[reason]; !known && len(c.errors) >= maxReasons {
			reason = "other reasons"
		}
		c.errors[reason]++
	} else {
		c.samples = append(c.samples, *s)
	}
	if c.open--; c.open == 0 {
		select {
		case c.settled <- struct{}{}:
		default:
		}
	}
}

func (c *collector) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Run does one measurement. It returns an error when it could not measure;
// refused and failed transactions are part of the result.
func Run(ctx context.Context, c Config) (*Result, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	n, err := dial(ctx, c)
	if err != nil {
		return nil, err
	}
	defer n.close()
	payer, senders, err := newSenders(c.KeySeed, c.Accounts)
	if err != nil {
		return nil, err
	}
	txs := int64(c.Duration/closedLoopPace) + 1
	if c.Rate > 0 {
		txs = int64(c.Rate*c.Duration.Seconds())/int64(c.Accounts) + 2
	}
	if err := prepare(ctx, n, c, payer, senders, txs); err != nil {
		return nil, err
	}

	following, stop := context.WithCancel(ctx)
	defer stop()
	ready, followed := make(chan struct{}), make(chan error, 1)
	go func() { followed <- n.follow(following, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-followed:
		return nil, err
	}
	col := newCollector()
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	sent := make(chan error, 1)
	var start time.Time
	if c.Rate > 0 {
		all, err := signAll(n, c, senders)
		if err != nil {
			return nil, err
		}
		c.Progress("handing in %d transactions at %g a second", len(all), c.Rate)
		start = time.Now()
		go func() { sent <- openLoop(sending, n, c, col, all, start) }()
	} else {
		c.Progress("handing in transactions of %d accounts for %s, each after the last one's receipt", c.Accounts, c.Duration)
		start = time.Now()
		go func() { sent <- closedLoop(sending, n, c, col, senders, start) }()
	}
	select {
	case err = <-sent:
	case err = <-followed:
		stopSending()
		if e := <-sent; err == nil {
			err = e
		}
	}
	if err != nil {
		return nil, err
	}
	if err := drain(ctx, c, col, followed); err != nil {
		return nil, err
	}
	stop()
	return summarize(c, n, col, start), nil
}

// drain waits for the receipts that are still to come.
func drain(ctx context.Context, c Config, col *collector, followed <-chan error) error {
	late := time.NewTimer(c.Drain)
	defer late.Stop()
	for col.pending() > 0 {
		select {
		case <-col.settled:
		case err := <-followed:
			return errors.Join(errors.New("lost the node while waiting for receipts"), err)
		case <-late.C:
			return nil // they count as lost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// signAll makes the transactions of an open loop ahead of time, so that signing
// does not disturb the clock. Senders take turns.
func signAll(n *node, c Config, senders []*sender) ([]*types.Transaction, error) {
	all := make([]*types.Transaction, 0, int(c.Rate*c.Duration.Seconds()))
	for i := range cap(all) {
		tx, err := senders[i%len(senders)].transfer(n.signer, c, recipient(i), big.NewInt(1))
		if err != nil {
			return nil, err
		}
		all = append(all, tx)
	}
	return all, nil
}

// recipient spreads transfers over addresses that nobody has the key of.
func recipient(i int) common.Address {
	return common.BigToAddress(big.NewInt(0x10ad_0000_0000 + int64(i%1000)))
}

// openLoop hands in each transaction at its time, however the node does. Its
// latency counts from when it was due: a node that stalls does not make the
// following ones look faster.
func openLoop(ctx context.Context, n *node, c Config, col *collector, all []*types.Transaction, start time.Time) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, tx := range all {
		due := start.Add(time.Duration(float64(i) / c.Rate * float64(time.Second)))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		col.began()
		wg.Go(func() {
			if err := submit(ctx, n, tx, func(r receipt) { col.ended(&sample{due, r.at, r.failed}, nil) }); err != nil {
				col.ended(nil, err)
			}
		})
	}
	return nil
}

// closedLoop lets each sender hand in its next transaction when the last one has
// its receipt, until the time is over.
func closedLoop(ctx context.Context, n *node, c Config, col *collector, senders []*sender, start time.Time) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	end := start.Add(c.Duration)
	for i, s := range senders {
		wg.Go(func() {
			for k := i; time.Now().Before(end); k += len(senders) {
				tx, err := s.transfer(n.signer, c, recipient(k), big.NewInt(1))
				if err != nil {
					col.began()
					col.ended(nil, err)
					return
				}
				col.began()
				due, got := time.Now(), make(chan struct{})
				if err := submit(ctx, n, tx, func(r receipt) { col.ended(&sample{due, r.at, r.failed}, nil); close(got) }); err != nil {
					col.ended(nil, err)
					return // its next nonces can't be used either
				}
				select {
				case <-got:
				case <-ctx.Done():
					return
				case <-time.After(time.Until(end) + c.Drain):
					return
				}
			}
		})
	}
	return nil
}

// submit hands in a transaction; done is called with its receipt, unless submit
// returns an error.
func submit(ctx context.Context, n *node, tx *types.Transaction, done func(receipt)) error {
	n.expect(tx.Hash(), done)
	if err := n.http.SendTransaction(ctx, tx); err != nil {
		if !n.forget(tx.Hash()) {
			return nil // its receipt came before the answer was lost
		}
		return fmt.Errorf("refused: %w", err)
	}
	return nil
}
