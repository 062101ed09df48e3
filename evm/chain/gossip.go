package chain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/ava-labs/avalanchego/network/p2p/gossip"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// pushEvery and pushStake: a new transaction goes to the validators that
	// hold this share of the stake, in batches this often.
	pushEvery = 50 * time.Millisecond
	pushStake = 0.9
	// pullEvery is how often a validator asks another for what it missed.
	pullEvery = time.Second
	// regossipEvery is how soon a transaction still in the pool is pushed again.
	regossipEvery = 5 * time.Second
	// gossipBytes is the size that messages aim at.
	gossipBytes = 64 << 10
	// maxTxBytes is the largest transaction read from a peer: the pool's limit.
	maxTxBytes = 128 << 10
	// validatorsFresh is how old the validator set may be that gossip uses.
	validatorsFresh = time.Minute
)

// gossiper carries transactions between pools.
type gossiper struct {
	set  *gossip.BloomSet[*gossipTx]
	push *gossip.PushGossiper[*gossipTx]
}

// gossipTx is a transaction on its way. local says that a client of this node
// submitted it.
type gossipTx struct {
	tx    *types.Transaction
	local bool
}

// GossipID returns the transaction's hash.
func (t *gossipTx) GossipID() ids.ID { return ids.ID(t.tx.Hash()) }

type gossipCodec struct{}

// MarshalGossip returns the canonical encoding (EIP-2718).
func (gossipCodec) MarshalGossip(t *gossipTx) ([]byte, error) { return t.tx.MarshalBinary() }

// UnmarshalGossip reads a transaction from a peer.
func (gossipCodec) UnmarshalGossip(b []byte) (*gossipTx, error) {
	if len(b) > maxTxBytes {
		return nil, fmt.Errorf("%w: got %d bytes, want at most %d", txpool.ErrOversizedData, len(b), maxTxBytes)
	}
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("gossiped transaction: %w", err)
	}
	return &gossipTx{tx: tx}, nil
}

// poolSet shows the pool to the gossip system.
type poolSet struct{ vm *VM }

// Add puts a transaction into the pool. A local one is in the journal when Add
// returns.
func (s poolSet) Add(t *gossipTx) error {
	local := t.local && !s.vm.config.Pool.NoLocals
	return s.vm.pool.Add([]*types.Transaction{t.tx}, local, t.local)[0]
}

// Has reports whether the pool holds the transaction.
func (s poolSet) Has(id ids.ID) bool { return s.vm.pool.Has(common.Hash(id)) }

// Len returns how many transactions Iterate visits.
func (s poolSet) Len() int {
	pending, _ := s.vm.pool.Stats()
	return pending
}

// Iterate visits the executable transactions.
func (s poolSet) Iterate(f func(*gossipTx) bool) {
	s.vm.poolTransactions(func(tx *types.Transaction) bool { return f(&gossipTx{tx: tx}) })
}

// startGossip joins the network and starts pushing, pulling and asking for the
// time. What the journal
// brought back is pushed again.
func (vm *VM) startGossip(sender snowcommon.AppSender) error {
	registry := prometheus.NewRegistry()
	if err := vm.sctx.Metrics.Register("pars_gossip", registry); err != nil {
		return fmt.Errorf("registering gossip metrics: %w", err)
	}
	vals := p2p.NewValidators(vm.sctx.Log, vm.sctx.SubnetID, vm.sctx.ValidatorState, validatorsFresh)
	network, err := p2p.NewNetwork(vm.sctx.Log, sender, registry, "p2p", vals)
	if err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	set, err := gossip.NewBloomSet[*gossipTx](poolSet{vm}, gossip.BloomSetConfig{MinTargetElements: 8192})
	if err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	handler, pull, push, err := gossip.NewSystem[*gossipTx](vm.sctx.NodeID, network, vals, set, gossipCodec{}, gossip.SystemConfig{
		Log: vm.sctx.Log, Registry: registry, Namespace: "gossip",
		TargetMessageSize: gossipBytes,
		RequestPeriod:     pullEvery,
		PushGossipParams:  gossip.BranchingFactor{StakePercentage: pushStake, Validators: 100},
		RegossipPeriod:    regossipEvery,
	})
	if err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	received, err := gossip.NewMetrics(registry, "gossip_received")
	if err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	vm.gossip = &gossiper{set: set, push: push}
	if err := network.AddHandler(p2p.TxGossipHandlerID, newListener(vm, handler, received)); err != nil {
		return fmt.Errorf("starting gossip: %w", err)
	}
	asker, err := vm.openClocks(network)
	if err != nil {
		return err
	}
	vm.AppHandler, vm.Connector = network, network
	vm.poolTransactions(func(tx *types.Transaction) bool {
		push.Add(&gossipTx{tx: tx})
		return true
	})

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { gossip.Every(ctx, vm.sctx.Log, push, pushEvery) })
	running.Go(func() { gossip.Every(ctx, vm.sctx.Log, pull, pullEvery) })
	running.Go(func() { vm.compareClocks(ctx, asker) })
	vm.closers = append(vm.closers, func() error {
		stop()
		running.Wait()
		return nil
	})
	return nil
}
