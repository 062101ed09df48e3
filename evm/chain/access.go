package chain

import (
	"context"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethdb"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/engine"
)

// BlockChain returns libevm's chain for reading. Its head is the last accepted
// block. Only the VM may write to it.
func (vm *VM) BlockChain() *core.BlockChain { return vm.bc }

// DB returns the chain's database for reading.
func (vm *VM) DB() ethdb.Database { return vm.db }

// TxPool returns the transaction pool. Add through [VM.Submit].
func (vm *VM) TxPool() *txpool.TxPool { return vm.pool }

// Engine returns the header rules.
func (vm *VM) Engine() *engine.Engine { return vm.engine }

// Metrics returns the chain's own series, named pars_chain_* and pars_schedule_*.
// The engine's registry has them too, behind its own prefix.
func (vm *VM) Metrics() prometheus.Gatherer { return vm.metrics.registry }

// NodeID returns this node's identity among validators.
func (vm *VM) NodeID() ids.NodeID { return vm.sctx.NodeID }

// NetworkID returns the id of the peer protocol.
func (vm *VM) NetworkID() uint32 { return vm.sctx.NetworkID }

// BlockchainID returns the chain's id at the engine, which seals are bound to.
func (vm *VM) BlockchainID() ids.ID { return vm.sctx.ChainID }

// Bootstrapped reports whether the engine is in normal operation: the node has
// caught up with the network.
func (vm *VM) Bootstrapped() bool {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.normal
}

// Preferred returns the header that the next block of this node will extend. It
// may be undecided.
func (vm *VM) Preferred() *types.Header {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return types.CopyHeader(vm.preferred)
}

// ValidatorsOn returns who may propose children of parent.
func (vm *VM) ValidatorsOn(ctx context.Context, parent *types.Header) (*engine.ValidatorSet, error) {
	return vm.sets.childrenOf(ctx, parent)
}

// Slot is a proposer's place in the schedule of one block.
type Slot struct {
	// Rank counts from 0.
	Rank   int
	NodeID ids.NodeID
	// FromMs is the earliest time that the proposer may stamp, in milliseconds
	// since 1970.
	FromMs uint64
}

// Schedule returns who may propose the child of parent and from when.
func (vm *VM) Schedule(ctx context.Context, parent *types.Header) ([]Slot, error) {
	order, err := vm.sets.orderOn(ctx, vm.sctx.ChainID, parent)
	if err != nil {
		return nil, err
	}
	slots := make([]Slot, len(order))
	for rank, id := range order {
		slots[rank] = Slot{Rank: rank, NodeID: id, FromMs: engine.EarliestMs(engine.TimeMs(parent), rank)}
	}
	return slots, nil
}

// Equivocations returns the proofs that this node has kept, lowest height first,
// at most 1,024.
func (vm *VM) Equivocations() []engine.Equivocation { return vm.proof.all() }
