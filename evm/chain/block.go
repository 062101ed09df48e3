package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/engine"
)

var _ snowman.Block = (*Block)(nil)

var (
	// ErrNotExecuted reports a block that libevm let pass without executing it,
	// as it does while it stops. Such a block is never verified or accepted.
	ErrNotExecuted = errors.New("chain: block was not executed")
	// ErrOrphan reports a block whose parent is neither the last accepted block
	// nor one that is verified and undecided.
	ErrOrphan = errors.New("chain: parent is not verified")
	// ErrExecution reports a block whose execution fails or gives another result
	// than its header says.
	ErrExecution = errors.New("chain: block does not execute to what its header says")
	// ErrTooFarAhead reports a block more than [maxUndecided] above the last
	// accepted one. It is valid later, once blocks below it are accepted.
	ErrTooFarAhead = errors.New("chain: block is too far above the last accepted one")
	// ErrNotVerified reports a decision about a block that was never verified.
	ErrNotVerified = errors.New("chain: block is not verified and undecided")
)

// maxUndecided is how far above the last accepted block others may be verified.
// libevm keeps states in memory for 128 blocks below the highest one it executed
// and then drops them, accepted or not: a node that was away for longer and was
// handed all it missed at once would lose the state of the very block it has to
// accept next. Half of that also leaves recent states for those who ask.
const maxUndecided = 64

// blockTimestamp is the Snowman time of every block. It lies before
// ApricotPhase4Time, so that proposervm stays in its pre-fork state and passes
// blocks through: package engine does its work with finer times. The engine
// uses this value for metrics only.
var blockTimestamp = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// Block is a block in the engine's eyes. It is immutable; its status is the VM's.
type Block struct {
	vm     *VM
	eth    *types.Block
	header *types.Header
	id     ids.ID
	bytes  []byte
}

// newBlock wraps eth, whose RLP is raw.
func (vm *VM) newBlock(eth *types.Block, raw []byte) *Block {
	return &Block{vm: vm, eth: eth, header: eth.Header(), id: ids.ID(eth.Hash()), bytes: raw}
}

// encodeBlock wraps a block of our own or from the database.
func (vm *VM) encodeBlock(eth *types.Block) (*Block, error) {
	raw, err := rlp.EncodeToBytes(eth)
	if err != nil {
		return nil, fmt.Errorf("encoding block %d: %w", eth.NumberU64(), err)
	}
	return vm.newBlock(eth, raw), nil
}

// ID returns the hash of the header.
func (b *Block) ID() ids.ID { return b.id }

// Parent returns the hash of the parent's header.
func (b *Block) Parent() ids.ID { return ids.ID(b.header.ParentHash) }

// Height returns the block number.
func (b *Block) Height() uint64 { return b.header.Number.Uint64() }

// Timestamp returns a constant, see blockTimestamp. The block's time is
// engine.TimeMs of its header.
func (*Block) Timestamp() time.Time { return blockTimestamp }

// Bytes returns the RLP of the block. The caller must not change it.
func (b *Block) Bytes() []byte { return b.bytes }

// EthBlock returns the block as libevm has it.
func (b *Block) EthBlock() *types.Block { return b.eth }

// Verify executes the block and returns nil only if every rule holds and its
// state is there. Errors for which engine.IsTransient holds mean "not yet".
func (b *Block) Verify(ctx context.Context) error {
	start := time.Now()
	err := b.vm.verify(ctx, b)
	b.vm.metrics.verified(err, time.Since(start))
	if engine.IsTransient(err) {
		b.vm.early.add(b)
	}
	if err != nil {
		b.vm.noteRefusal(ctx, b.header, err)
	}
	return err
}

func (vm *VM) verify(ctx context.Context, b *Block) error {
	vm.mu.Lock()
	normal := vm.normal
	parent, accepted := vm.parentOf(b), vm.accepted.Number.Uint64()
	vm.mu.Unlock()
	if b.Height() > accepted+maxUndecided {
		// The engine votes for this block's verified ancestors then, and tries
		// it again once they are accepted.
		return fmt.Errorf("%w: block %s at height %d, accepted is %d, want at most %d between them", ErrTooFarAhead, b.id, b.Height(), accepted, maxUndecided)
	}
	if normal {
		if err := engine.CheckClock(b.header, vm.nowMs()); err != nil {
			return err
		}
	}
	if parent == nil || !vm.bc.HasBlockAndState(parent.Hash(), parent.Number.Uint64()) {
		return fmt.Errorf("%w: block %s at height %d on %s", ErrOrphan, b.id, b.Height(), b.Parent())
	}
	if err := vm.engine.CheckHeader(parent, b.header); err != nil {
		return err
	}
	if normal {
		if err := vm.checkAuthor(ctx, parent, b.header); err != nil {
			return err
		}
	}
	if err := vm.execute(b.eth); err != nil {
		return err
	}
	vm.early.remove(b.id)
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.processing[b.id] = b
	return nil
}

// parentOf returns the header of b's parent if that is the last accepted block
// or verified and undecided. vm.mu is held.
func (vm *VM) parentOf(b *Block) *types.Header {
	if vm.accepted.Hash() == b.header.ParentHash {
		return vm.accepted
	}
	if p, ok := vm.processing[b.Parent()]; ok {
		return p.header
	}
	return nil
}

// checkAuthor runs the checks that need the validator set, and keeps evidence if
// the proposer sealed another block on the same parent.
func (vm *VM) checkAuthor(ctx context.Context, parent, h *types.Header) error {
	current, err := vm.sctx.ValidatorState.GetCurrentHeight(ctx)
	if err != nil {
		return fmt.Errorf("reading the P-Chain's height: %w", err)
	}
	if err := engine.CheckPChainHeight(h, current); err != nil {
		return err
	}
	set, err := vm.sets.childrenOf(ctx, parent)
	if err != nil {
		return err
	}
	if err := engine.VerifyAuthorship(vm.sctx.NetworkID, vm.sctx.ChainID, parent, h, set); err != nil {
		return err
	}
	found, err := vm.proof.observe(h)
	if err != nil {
		return err
	}
	if found != nil {
		vm.metrics.equivocations.Inc()
		vm.logEquivocation(*found)
	}
	return nil
}

// execute runs the block on its parent's state and stores it.
//
// Invariant: it returns nil only for a block whose state exists. libevm returns
// nil without executing while it stops, and inserting a known block again can
// move its head, so presence is checked before and after.
func (vm *VM) execute(eth *types.Block) error {
	hash, number := eth.Hash(), eth.NumberU64()
	if vm.bc.HasBlockAndState(hash, number) {
		return nil
	}
	if err := vm.bc.InsertBlockWithoutSetHead(eth); err != nil {
		return fmt.Errorf("%w: block %d: %w", ErrExecution, number, err)
	}
	if !vm.bc.HasBlockAndState(hash, number) {
		return fmt.Errorf("%w: %s at height %d; the chain is stopping", ErrNotExecuted, hash, number)
	}
	return nil
}

// Accept makes the block the chain's head, for ever.
//
// The order is what makes a crash harmless. Verify put the block itself on disk.
// First the last-accepted key is made durable: from then on a restart brings the
// chain at least here. Only then does the head move, which is when clients, pool
// and filters see the block. The state follows to disk every so many blocks;
// until then a restart executes the blocks again.
func (b *Block) Accept(ctx context.Context) error {
	vm, hash, number := b.vm, common.Hash(b.id), b.Height()
	start := time.Now()
	vm.mu.Lock()
	known, accepted := vm.processing[b.id], vm.accepted
	vm.mu.Unlock()
	switch {
	case known == nil:
		return fmt.Errorf("accepting %s at height %d: %w", b.id, number, ErrNotVerified)
	case b.header.ParentHash != accepted.Hash():
		return fmt.Errorf("accepting %s at height %d: its parent is %s, want the last accepted %s", b.id, number, b.header.ParentHash, accepted.Hash())
	case !vm.bc.HasBlockAndState(hash, number):
		return fmt.Errorf("accepting %s at height %d: %w", b.id, number, ErrNotExecuted)
	}
	if err := vm.db.Put(lastAcceptedKey, hash[:]); err != nil {
		return fmt.Errorf("recording the acceptance of block %d: %w", number, err)
	}
	if _, err := vm.bc.SetCanonical(known.eth); err != nil {
		return fmt.Errorf("moving the head to block %d: %w", number, err)
	}
	vm.bc.SetFinalized(known.header)
	vm.bc.SetSafe(known.header)
	if err := vm.commitState(known.header); err != nil {
		return err
	}
	return vm.afterAccept(ctx, accepted, known, time.Since(start))
}

// afterAccept moves the VM's own view from parent to the accepted block.
func (vm *VM) afterAccept(ctx context.Context, parent *types.Header, b *Block, took time.Duration) error {
	vm.mu.Lock()
	delete(vm.processing, b.id)
	vm.accepted, vm.acceptedAt = b.header, vm.Clock.Now()
	if vm.preferred.Number.Cmp(b.header.Number) < 0 {
		vm.preferred = b.header
	}
	vm.forgetRecalled(b.Height())
	above := vm.normal && b.Height() > vm.startTip
	vm.mu.Unlock()

	vm.early.remove(b.id)
	vm.proof.prune(b.Height())
	vm.metrics.accepted(parent, b.header, len(b.eth.Transactions()), took)
	vm.noteSchedule(ctx, parent, b.header)
	if err := vm.guard.prune(b.Height()); err != nil {
		return err
	}
	if above && !vm.guard.trusted() {
		if err := vm.guard.trust(b.Height()); err != nil {
			return err
		}
		vm.sctx.Log.Info("a block above the start-up tip is accepted: this node may propose again")
	}
	vm.stir()
	return nil
}

// Reject deletes the block. It refuses to delete an accepted one.
func (b *Block) Reject(context.Context) error {
	vm, hash, number := b.vm, common.Hash(b.id), b.Height()
	vm.mu.Lock()
	_, known := vm.processing[b.id]
	delete(vm.processing, b.id)
	vm.mu.Unlock()
	if !known {
		return fmt.Errorf("rejecting %s at height %d: %w", b.id, number, ErrNotVerified)
	}
	if vm.bc.GetCanonicalHash(number) == hash {
		return fmt.Errorf("rejecting %s at height %d: it is accepted", b.id, number)
	}
	batch := vm.db.NewBatch()
	rawdb.DeleteBlock(batch, hash, number)
	if err := batch.Write(); err != nil {
		return fmt.Errorf("deleting rejected block %d: %w", number, err)
	}
	vm.metrics.rejected.Inc()
	vm.stir()
	return nil
}

// GetBlock returns a verified, an early or an accepted block.
func (vm *VM) GetBlock(_ context.Context, id ids.ID) (snowman.Block, error) {
	vm.mu.Lock()
	b, ok := vm.processing[id]
	vm.mu.Unlock()
	if ok {
		return b, nil
	}
	if b := vm.early.get(id); b != nil {
		return b, nil
	}
	eth := vm.bc.GetBlockByHash(common.Hash(id))
	if eth == nil {
		return nil, database.ErrNotFound
	}
	return vm.encodeBlock(eth)
}

// SetPreference tells on which block to build.
func (vm *VM) SetPreference(_ context.Context, id ids.ID) error {
	vm.mu.Lock()
	before := vm.preferred
	switch b, ok := vm.processing[id]; {
	case ok:
		vm.preferred = b.header
	case id == ids.ID(vm.accepted.Hash()):
		vm.preferred = vm.accepted
	default:
		vm.mu.Unlock()
		return fmt.Errorf("preferring %s: %w", id, ErrNotVerified)
	}
	undecided := vm.preferred != vm.accepted
	vm.mu.Unlock()
	// The engine calls this before it answers with the preference. What is
	// accepted is known without it.
	if undecided && common.Hash(id) != before.Hash() {
		if err := vm.writePreferred(common.Hash(id)); err != nil {
			return err
		}
	}
	vm.stir()
	return nil
}

// LastAccepted returns the id of the last accepted block, genesis at first.
func (vm *VM) LastAccepted(context.Context) (ids.ID, error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return ids.ID(vm.accepted.Hash()), nil
}

// GetBlockIDAtHeight returns the id of the block accepted at the height, or
// database.ErrNotFound.
func (vm *VM) GetBlockIDAtHeight(_ context.Context, height uint64) (ids.ID, error) {
	vm.mu.Lock()
	accepted := vm.accepted.Number.Uint64()
	vm.mu.Unlock()
	if hash := vm.bc.GetCanonicalHash(height); height <= accepted && hash != (common.Hash{}) {
		return ids.ID(hash), nil
	}
	return ids.Empty, database.ErrNotFound
}
