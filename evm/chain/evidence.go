package chain

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethdb"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/engine"
)

const (
	// maxEquivocations is how many proofs are kept; the oldest heights go first.
	maxEquivocations = 1024
	// maxSeen bounds the headers that are compared with later ones.
	maxSeen = 4096
	// seenDepth is how far below the accepted height a header is remembered.
	seenDepth = 128
)

// evidencePrefix is followed by height (8, big-endian), parent (32) and proposer
// (20) in the chain's database; the value is engine.Equivocation's bytes.
var evidencePrefix = []byte("pars-equivocation-")

type sealKey struct {
	parent   common.Hash
	proposer ids.NodeID
}

// evidence remembers which header each proposer sealed on each parent near the
// tip, and keeps proof of those who sealed two. One proof per proposer and
// parent is kept.
type evidence struct {
	mu     sync.Mutex
	db     ethdb.Database
	seen   map[sealKey]*types.Header
	proofs []engine.Equivocation // by key, so by height
	keys   [][]byte              // of proofs, in the same order
}

func openEvidence(db ethdb.Database) (*evidence, error) {
	e := &evidence{db: db, seen: map[sealKey]*types.Header{}}
	it := db.NewIterator(evidencePrefix, nil)
	defer it.Release()
	for it.Next() && len(e.keys) < maxEquivocations {
		proof, err := engine.ParseEquivocation(it.Value())
		if err != nil {
			return nil, fmt.Errorf("reading kept evidence %x: %w", it.Key(), err)
		}
		e.proofs = append(e.proofs, proof)
		e.keys = append(e.keys, slices.Clone(it.Key()))
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("reading kept evidence: %w", err)
	}
	return e, nil
}

// observe takes a header whose seal has been verified. If its proposer sealed
// another one on the same parent before, it stores and returns the proof.
func (e *evidence) observe(h *types.Header) (*engine.Equivocation, error) {
	x, err := engine.ParseExtra(h.Extra)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := sealKey{h.ParentHash, x.Proposer}
	first, ok := e.seen[key]
	if !ok {
		if len(e.seen) < maxSeen {
			e.seen[key] = h
		}
		return nil, nil
	}
	if first.Hash() == h.Hash() {
		return nil, nil
	}
	return e.keep(engine.NewEquivocation(first, h), key)
}

func (e *evidence) keep(proof engine.Equivocation, of sealKey) (*engine.Equivocation, error) {
	key := binary.BigEndian.AppendUint64(slices.Clone(evidencePrefix), proof.First.Number.Uint64())
	key = append(append(key, of.parent[:]...), of.proposer[:]...)
	at, known := slices.BinarySearchFunc(e.keys, key, slices.Compare)
	if known {
		return nil, nil
	}
	value, err := proof.Bytes()
	if err != nil {
		return nil, err
	}
	if err := e.db.Put(key, value); err != nil {
		return nil, fmt.Errorf("keeping evidence: %w", err)
	}
	e.keys, e.proofs = slices.Insert(e.keys, at, key), slices.Insert(e.proofs, at, proof)
	for len(e.keys) > maxEquivocations {
		if err := e.db.Delete(e.keys[0]); err != nil {
			return nil, fmt.Errorf("dropping old evidence: %w", err)
		}
		e.keys, e.proofs = e.keys[1:], e.proofs[1:]
	}
	return &proof, nil
}

// prune forgets headers far below the accepted height.
func (e *evidence) prune(accepted uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, h := range e.seen {
		if h.Number.Uint64()+seenDepth < accepted {
			delete(e.seen, key)
		}
	}
}

// all returns what is kept, lowest height first.
func (e *evidence) all() []engine.Equivocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.proofs)
}

func (vm *VM) logEquivocation(proof engine.Equivocation) {
	vm.sctx.Log.Warn("a proposer sealed two blocks on one parent; the proof is kept",
		zap.Stringer("proposer", proof.Proposer()),
		zap.Uint64("height", proof.First.Number.Uint64()),
		zap.Stringer("first", proof.First.Hash()),
		zap.Stringer("second", proof.Second.Hash()))
}
