package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/filters"
	"github.com/ava-labs/libevm/event"
	"github.com/ava-labs/libevm/libevm/ethapi"
	ethrpc "github.com/ava-labs/libevm/rpc"
)

// feedBuffer is the channel between the chain and a subscription. The chain's
// feeds block on a full channel, so its reader must never wait for the client.
const feedBuffer = 64

// subscribeAPI is eth_subscribe. Each subscription has a queue of its own: one
// goroutine takes events from the chain and never waits, another writes to the
// client. When the queue is full the client has stopped reading, and its
// connection is closed, so that it knows that it has missed something.
type subscribeAPI struct {
	b *backend
	// drop closes the connection with that remote address.
	drop func(remote string)
	wg   sync.WaitGroup

	mu   sync.Mutex
	open int
}

// wait returns when every subscription has ended. All connections must be closed.
func (a *subscribeAPI) wait() { a.wg.Wait() }

// NewHeads notifies of every accepted block.
func (a *subscribeAPI) NewHeads(ctx context.Context) (*ethrpc.Subscription, error) {
	return subscribe(ctx, a,
		func(ch chan<- core.ChainEvent) event.Subscription { return a.b.bc.SubscribeChainEvent(ch) },
		func(ev core.ChainEvent) []any { return []any{ev.Block.Header()} })
}

// Logs notifies of every log in accepted blocks that matches c.
func (a *subscribeAPI) Logs(ctx context.Context, c filters.FilterCriteria) (*ethrpc.Subscription, error) {
	if err := checkCriteria(c); err != nil {
		return nil, err
	}
	return subscribe(ctx, a,
		func(ch chan<- []*types.Log) event.Subscription { return a.b.bc.SubscribeLogsEvent(ch) },
		func(logs []*types.Log) []any {
			var out []any
			for _, l := range logs {
				if matches(c, l) {
					out = append(out, l)
				}
			}
			return out
		})
}

// NewPendingTransactions notifies of every transaction that enters the pool: of
// its hash, or of all of it if full is true.
func (a *subscribeAPI) NewPendingTransactions(ctx context.Context, full *bool) (*ethrpc.Subscription, error) {
	return subscribe(ctx, a,
		func(ch chan<- core.NewTxsEvent) event.Subscription {
			return a.b.chain.TxPool.SubscribeTransactions(ch, true)
		},
		func(ev core.NewTxsEvent) []any {
			out := make([]any, len(ev.Txs))
			for i, tx := range ev.Txs {
				if full != nil && *full {
					out[i] = ethapi.NewRPCPendingTransaction(tx, a.b.bc.CurrentBlock(), a.b.bc.Config())
				} else {
					out[i] = tx.Hash()
				}
			}
			return out
		})
}

// Syncing notifies when the node falls behind or catches up. This chain tells
// of it in eth_syncing only, so the subscription says the present state once.
func (a *subscribeAPI) Syncing(ctx context.Context) (*ethrpc.Subscription, error) {
	notifier, ok := ethrpc.NotifierFromContext(ctx)
	if !ok {
		return nil, ethrpc.ErrNotificationsUnsupported
	}
	sub := notifier.CreateSubscription()
	if err := notifier.Notify(sub.ID, !a.b.SyncProgress().Done()); err != nil {
		return nil, fmt.Errorf("notifying: %w", err)
	}
	return sub, nil
}

// subscribe installs one subscription: follow connects a channel to the chain,
// and notes turns an event into what the client gets.
func subscribe[E any](ctx context.Context, a *subscribeAPI, follow func(chan<- E) event.Subscription, notes func(E) []any) (*ethrpc.Subscription, error) {
	notifier, ok := ethrpc.NotifierFromContext(ctx)
	if !ok {
		return nil, ethrpc.ErrNotificationsUnsupported
	}
	if err := a.enter(); err != nil {
		return nil, err
	}
	var (
		sub    = notifier.CreateSubscription()
		remote = ethrpc.PeerInfoFromContext(ctx).RemoteAddr
		events = make(chan E, feedBuffer)
		source = follow(events)
		queue  = make(chan any, a.b.cfg.SubscriberQueue)
	)
	a.wg.Go(func() { // from the chain to the queue; never waits
		defer a.leave()
		defer source.Unsubscribe()
		defer close(queue)
		for {
			select {
			case ev := <-events:
				for _, note := range notes(ev) {
					select {
					case queue <- note:
					default:
						a.b.cfg.Logger.Warn("closing a WebSocket whose client does not read", "remote", remote, "waiting", len(queue))
						a.drop(remote)
						return
					}
				}
			case err := <-source.Err():
				a.b.cfg.Logger.Debug("subscription ended with the chain", "remote", remote, "err", err)
				return
			case err := <-sub.Err():
				a.b.cfg.Logger.Debug("subscription ended by the client", "remote", remote, "err", err)
				return
			}
		}
	})
	a.wg.Go(func() { // from the queue to the client
		for note := range queue {
			if notifier.Notify(sub.ID, note) != nil {
				a.drop(remote)
				for range queue { // until the other goroutine has seen the end
					continue
				}
				return
			}
		}
	})
	return sub, nil
}

func (a *subscribeAPI) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if most := a.b.cfg.Subscriptions; most > 0 && a.open >= most {
		return errors.New("node has as many subscriptions open as it allows; end some and try again")
	}
	a.open++
	return nil
}

func (a *subscribeAPI) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
}

// matches reports whether log l meets the addresses, topics and blocks of c.
func matches(c filters.FilterCriteria, l *types.Log) bool {
	if c.FromBlock != nil && c.FromBlock.Sign() >= 0 && l.BlockNumber < c.FromBlock.Uint64() {
		return false
	}
	if c.ToBlock != nil && c.ToBlock.Sign() >= 0 && l.BlockNumber > c.ToBlock.Uint64() {
		return false
	}
	if len(c.Addresses) > 0 && !slices.Contains(c.Addresses, l.Address) {
		return false
	}
	if len(c.Topics) > len(l.Topics) {
		return false
	}
	for i, wanted := range c.Topics {
		if len(wanted) > 0 && !slices.Contains(wanted, l.Topics[i]) {
			return false
		}
	}
	return true
}
