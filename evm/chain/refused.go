package chain

import (
	"context"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/core/types"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/engine"
)

// refusalEvery is how often refused blocks are logged for one reason. Counters
// have all of them; whoever floods us must not fill the operator's disk.
const refusalEvery = 10 * time.Second

// pacer lets one line in a while through for each key, and counts the others.
// Its zero value is ready. Keys must come from a small set.
type pacer struct {
	mu   sync.Mutex
	last map[string]time.Time
	held map[string]int
}

// due reports whether a line for key may be written now, and how many were not
// since the last one.
func (p *pacer) due(key string, now time.Time, every time.Duration) (held int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last, p.held = map[string]time.Time{}, map[string]int{}
	}
	if last, known := p.last[key]; known && now.Sub(last) < every && !now.Before(last) {
		p.held[key]++
		return 0, false
	}
	held = p.held[key]
	p.last[key], p.held[key] = now, 0
	return held, true
}

// ownAffair reports errors of Verify that say something about this node and not
// about the block.
func ownAffair(reason string) bool {
	switch reason {
	case "orphan", "too_far_ahead", "not_executed", "other":
		return true
	}
	return false
}

// noteRefusal tells the operator of a block that another node made and this one
// refused: what is wrong, whom the header names, and whether that node's own
// seal is on it. Without the seal anybody may have made it.
func (vm *VM) noteRefusal(ctx context.Context, h *types.Header, err error) {
	reason := reasonOf(err)
	if ownAffair(reason) {
		return
	}
	held, ok := vm.refusals.due(reason, vm.Clock.Now(), refusalEvery)
	if !ok {
		return
	}
	x, extraErr := engine.ExtraOf(h)
	if extraErr != nil {
		return // ParseBlock lets no such header through
	}
	fields := []zap.Field{
		zap.String("reason", reason), zap.Uint64("height", h.Number.Uint64()), zap.Stringer("hash", h.Hash()),
		zap.Stringer("names", x.Proposer), zap.Bool("sealedByIt", vm.sealedBy(ctx, h, x.Proposer)),
		zap.Int("othersSince", held), zap.Error(err),
	}
	if engine.IsTransient(err) {
		vm.sctx.Log.Info("not taking a block yet", fields...)
		return
	}
	vm.sctx.Log.Warn("refused a block", fields...)
}

// sealedBy reports whether id, a validator at the parent's P-Chain height, sealed
// h.
func (vm *VM) sealedBy(ctx context.Context, h *types.Header, id ids.NodeID) bool {
	parent := vm.bc.GetHeaderByHash(h.ParentHash) // its number may be what is wrong
	if parent == nil {
		return false
	}
	set, err := vm.sets.childrenOf(ctx, parent)
	if err != nil {
		return false
	}
	proposer, ok := set.Get(id)
	return ok && engine.VerifySeal(vm.sctx.NetworkID, vm.sctx.ChainID, h, proposer.PublicKey) == nil
}

// noteMalformed counts bytes from a peer that are no block.
func (vm *VM) noteMalformed(raw []byte, err error) {
	vm.metrics.verified(err, 0)
	reason := reasonOf(err)
	if held, ok := vm.refusals.due(reason, vm.Clock.Now(), refusalEvery); ok {
		vm.sctx.Log.Warn("refused bytes that are no block", zap.String("reason", reason), zap.Int("bytes", len(raw)),
			zap.Int("othersSince", held), zap.Error(err))
	}
}
