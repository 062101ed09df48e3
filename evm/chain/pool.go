package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/txpool/legacypool"
	"github.com/ava-labs/libevm/core/types"
)

// openPool starts the transaction pool. It follows accepted heads only, and
// reads back the journal of transactions that were submitted here.
func (vm *VM) openPool() error {
	cfg := vm.config.Pool.legacy(vm.sctx.ChainDataDir)
	pool, err := txpool.New(cfg.PriceLimit, vm.bc, []txpool.SubPool{legacypool.New(cfg, vm.bc)})
	if err != nil {
		return fmt.Errorf("opening the transaction pool: %w", err)
	}
	vm.pool = pool
	vm.metrics.watchPool(pool.Stats)
	vm.closers = append(vm.closers, func() error {
		// libevm's pool leaks the goroutine of a reset that runs while it closes,
		// so let the last one finish first.
		return errors.Join(pool.Sync(), pool.Close())
	})

	added := make(chan core.NewTxsEvent, 1024)
	sub := pool.SubscribeTransactions(added, true)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-added:
				vm.noteArrival()
			case <-quit:
				return
			}
		}
	}()
	vm.closers = append(vm.closers, func() error {
		sub.Unsubscribe()
		close(quit)
		<-done
		return nil
	})
	return nil
}

// Submit adds a transaction that was handed to this node. When it returns nil,
// the transaction is in the pool and in the journal, so it outlives a killed
// process, and gossip will push it. The journal is not flushed to stable storage
// for each transaction: a power cut may lose the last ones.
func (vm *VM) Submit(_ context.Context, tx *types.Transaction) error {
	t := &gossipTx{tx: tx, local: true}
	if err := vm.gossip.set.Add(t); err != nil {
		return err
	}
	vm.gossip.push.Add(t)
	return nil
}

// poolTransactions calls f with the pool's executable transactions until f
// returns false.
func (vm *VM) poolTransactions(f func(*types.Transaction) bool) {
	for _, list := range vm.pool.Pending(txpool.PendingFilter{}) {
		for _, lazy := range list {
			if tx := lazy.Resolve(); tx != nil && !f(tx) {
				return
			}
		}
	}
}
