package chain

import (
	"context"
	"fmt"
	"time"

	"github.com/pars-network/pars/evm/peerclock"
	"github.com/pars-network/pars/params"
)

// stallAfter is how long normal operation may go without an accepted block
// before the chain is unhealthy: three heartbeats.
const stallAfter = 3 * params.HeartbeatMs * time.Millisecond

// Health is what [VM.HealthCheck] reports.
type Health struct {
	Height     uint64 `json:"height"`
	Hash       string `json:"hash"`
	Normal     bool   `json:"normalOperation"`
	Processing int    `json:"processing"`
	// SinceMs is the time since a block was last accepted, or since normal
	// operation began.
	SinceMs int64 `json:"msSinceLastBlock"`
	Pending int   `json:"pendingTransactions"`
	Queued  int   `json:"queuedTransactions"`
	// Guarded says that this node may propose.
	Guarded bool `json:"guarded"`
	// Clocks compares this node's clock with the validators'; nil where it is not
	// known who they are.
	Clocks *peerclock.Report `json:"clocks,omitempty"`
}

// HealthCheck returns a [Health], and an error if no block was accepted for
// three heartbeats: a heartbeat is always due, so that is a chain at a halt.
func (vm *VM) HealthCheck(ctx context.Context) (any, error) {
	pending, queued := vm.pool.Stats()
	vm.mu.Lock()
	since := vm.Clock.Now().Sub(vm.acceptedAt)
	h := Health{
		Height: vm.accepted.Number.Uint64(), Hash: vm.accepted.Hash().Hex(), Normal: vm.normal, Processing: len(vm.processing),
		SinceMs: since.Milliseconds(), Pending: pending, Queued: queued, Guarded: vm.guard.trusted(),
	}
	vm.mu.Unlock()
	if r, err := vm.Clocks(ctx); err == nil {
		h.Clocks = &r
	}
	if h.Normal && since > stallAfter {
		return h, fmt.Errorf("no block was accepted for %s though %d transactions and a heartbeat are due; %d blocks are undecided: check the connections to the other validators and this node's clock", since.Round(time.Second), pending, h.Processing)
	}
	return h, nil
}
