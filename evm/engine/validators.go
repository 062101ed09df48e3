package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
)

// MaxValidators bounds the proposers of one set: far above any set that the
// peer network can carry, low enough to draw an order within a block's time.
const MaxValidators = 1 << 16

// ErrValidatorSet reports a set that no schedule can be drawn from.
var ErrValidatorSet = errors.New("invalid validator set")

// Validator is one node that may propose.
type Validator struct {
	NodeID    ids.NodeID
	PublicKey *bls.PublicKey
	// Weight is the stake in the P-Chain's unit; only proportions matter.
	Weight uint64
}

// ValidatorSet is the proposers at one P-Chain height, immutable and sorted by
// node id.
type ValidatorSet struct {
	sorted []Validator
	total  uint64
}

// NewValidatorSet returns a set of the given validators in any order. Those
// without a BLS key or with weight 0 can't propose and are left out. Duplicate
// node ids, more than [MaxValidators], or a sum of weights that leaves 64 bits
// give [ErrValidatorSet].
func NewValidatorSet(vs []Validator) (*ValidatorSet, error) {
	s := &ValidatorSet{sorted: make([]Validator, 0, min(len(vs), MaxValidators))}
	for _, v := range vs {
		if v.PublicKey == nil || v.Weight == 0 {
			continue
		}
		if len(s.sorted) == MaxValidators {
			return nil, fmt.Errorf("%w: more than %d proposers", ErrValidatorSet, MaxValidators)
		}
		if v.Weight > math.MaxUint64-s.total {
			return nil, fmt.Errorf("%w: the weights' sum exceeds 64 bits at %s", ErrValidatorSet, v.NodeID)
		}
		s.total += v.Weight
		s.sorted = append(s.sorted, v)
	}
	slices.SortFunc(s.sorted, func(a, b Validator) int { return a.NodeID.Compare(b.NodeID) })
	for i := 1; i < len(s.sorted); i++ {
		if id := s.sorted[i].NodeID; id == s.sorted[i-1].NodeID {
			return nil, fmt.Errorf("%w: %s is listed twice", ErrValidatorSet, id)
		}
	}
	return s, nil
}

// ValidatorSetOf converts what AvalancheGo's validators.State returns for one
// subnet and P-Chain height.
func ValidatorSetOf(out map[ids.NodeID]*validators.GetValidatorOutput) (*ValidatorSet, error) {
	vs := make([]Validator, 0, len(out))
	for id, v := range out {
		vs = append(vs, Validator{NodeID: id, PublicKey: v.PublicKey, Weight: v.Weight})
	}
	return NewValidatorSet(vs)
}

// Len returns the number of proposers.
func (s *ValidatorSet) Len() int { return len(s.sorted) }

// TotalWeight returns the sum of the proposers' weights.
func (s *ValidatorSet) TotalWeight() uint64 { return s.total }

// Get returns the validator with the given id.
func (s *ValidatorSet) Get(id ids.NodeID) (Validator, bool) {
	i, ok := slices.BinarySearchFunc(s.sorted, id, func(v Validator, id ids.NodeID) int { return v.NodeID.Compare(id) })
	if !ok {
		return Validator{}, false
	}
	return s.sorted[i], true
}

// All returns a copy of the validators, sorted by node id.
func (s *ValidatorSet) All() []Validator { return slices.Clone(s.sorted) }
