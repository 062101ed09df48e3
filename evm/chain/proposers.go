package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ava-labs/avalanchego/cache/lru"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/engine"
)

// cachedSets is how many validator sets and schedules are kept. Blocks near the
// tip share a handful.
const cachedSets = 64

// errNotProposer reports that this node is not in the validator set.
var errNotProposer = errors.New("chain: this node is not among the proposers")

// validatorSets reads validator sets from the P-Chain and keeps the recent ones.
// It is safe for concurrent use.
type validatorSets struct {
	state  validators.State
	subnet ids.ID
	sets   *lru.Cache[uint64, *engine.ValidatorSet]
	orders *lru.Cache[common.Hash, []ids.NodeID]
}

func newValidatorSets(state validators.State, subnet ids.ID) *validatorSets {
	return &validatorSets{
		state: state, subnet: subnet,
		sets:   lru.NewCache[uint64, *engine.ValidatorSet](cachedSets),
		orders: lru.NewCache[common.Hash, []ids.NodeID](cachedSets),
	}
}

// childrenOf returns who may propose on parent: the set at the P-Chain height
// that parent carries.
func (s *validatorSets) childrenOf(ctx context.Context, parent *types.Header) (*engine.ValidatorSet, error) {
	height, err := engine.PChainHeight(parent)
	if err != nil {
		return nil, err
	}
	if set, ok := s.sets.Get(height); ok {
		return set, nil
	}
	out, err := s.state.GetValidatorSet(ctx, height, s.subnet)
	if err != nil {
		return nil, fmt.Errorf("reading the validators at P-Chain height %d: %w", height, err)
	}
	set, err := engine.ValidatorSetOf(out)
	if err != nil {
		return nil, fmt.Errorf("reading the validators at P-Chain height %d: %w", height, err)
	}
	s.sets.Put(height, set)
	return set, nil
}

// orderOn returns the proposers of the child of parent, rank 0 first.
func (s *validatorSets) orderOn(ctx context.Context, chainID ids.ID, parent *types.Header) ([]ids.NodeID, error) {
	hash := parent.Hash()
	if order, ok := s.orders.Get(hash); ok {
		return order, nil
	}
	set, err := s.childrenOf(ctx, parent)
	if err != nil {
		return nil, err
	}
	order := engine.Order(engine.Seed(chainID, parent.Number.Uint64()+1, parent.MixDigest), set)
	s.orders.Put(hash, order)
	return order, nil
}

// rankOn returns this node's rank for the child of parent, and how many
// proposers there are.
func (vm *VM) rankOn(ctx context.Context, parent *types.Header) (rank, of int, err error) {
	order, err := vm.sets.orderOn(ctx, vm.sctx.ChainID, parent)
	if err != nil {
		return 0, 0, err
	}
	rank, ok := engine.Rank(order, vm.sctx.NodeID)
	if !ok {
		return 0, len(order), fmt.Errorf("%w: %s", errNotProposer, vm.sctx.NodeID)
	}
	return rank, len(order), nil
}
