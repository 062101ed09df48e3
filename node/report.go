package node

import (
	"log/slog"
	"sync"
	"time"

	"github.com/ava-labs/libevm/core"

	"github.com/pars-network/pars/evm/chain"
)

// reporter writes what happened on the chain to the log: nothing while nothing
// does, one line for many blocks while much does.
type reporter struct {
	quit chan struct{}
	wg   sync.WaitGroup
}

// period is how much time one line covers.
func (m Mode) period() time.Duration {
	if m == Dev {
		return time.Second
	}
	return 30 * time.Second
}

func newReporter(vm *chain.VM, mode Mode, log *slog.Logger) *reporter {
	r := &reporter{quit: make(chan struct{})}
	heads := make(chan core.ChainEvent, 256)
	sub := vm.BlockChain().SubscribeChainEvent(heads)
	ended := sub.Err()
	tick := time.NewTicker(mode.period())
	r.wg.Go(func() {
		defer sub.Unsubscribe()
		defer tick.Stop()
		var sum tally
		for {
			select {
			case <-r.quit:
				sum.flush(log, mode)
				return
			case err := <-ended:
				if err != nil {
					log.Warn("no more reports of accepted blocks", "error", err)
				}
				return
			case <-tick.C:
				sum.flush(log, mode)
			case e := <-heads:
				sum.add(e)
			}
		}
	})
	return r
}

func (r *reporter) close() {
	close(r.quit)
	r.wg.Wait()
}

// tally is what was accepted since the last line.
type tally struct {
	blocks, txs int
	gas, height uint64
	hash        string
}

func (t *tally) add(e core.ChainEvent) {
	t.blocks++
	t.txs += len(e.Block.Transactions())
	t.gas += e.Block.GasUsed()
	t.height, t.hash = e.Block.NumberU64(), e.Hash.Hex()
}

// flush writes a line and begins anew. In a development node, empty blocks are
// only the chain's heartbeat and say nothing.
func (t *tally) flush(log *slog.Logger, mode Mode) {
	if t.txs > 0 || mode == Run && t.blocks > 0 {
		log.Info("accepted", "height", t.height, "blocks", t.blocks, "transactions", t.txs, "gas", t.gas, "hash", t.hash)
	}
	*t = tally{}
}
