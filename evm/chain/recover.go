package chain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	corevm "github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/ethdb"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/evm/genesis"
)

// storeVersion is the layout of the chain's database.
const storeVersion = 1

var (
	// identityKey holds version (1), network id (4), blockchain id (32) and
	// genesis hash (32). It is the first thing written to a new database.
	identityKey = []byte("pars-identity")
	// lastAcceptedKey holds the hash of the last accepted block. Its first write
	// ends the creation of a database; each later one is what acceptance is.
	lastAcceptedKey = []byte("pars-last-accepted")

	// ErrForeign reports a database of another network, chain or program.
	ErrForeign = errors.New("chain: the data folder belongs to something else")
	// ErrCorrupt reports a database that lost what was accepted.
	ErrCorrupt = errors.New("chain: the data folder is damaged")
)

// parseGenesis reads genesis.json and checks that it is this network's.
func parseGenesis(data []byte, networkID uint32) (*core.Genesis, error) {
	extras.Register()
	g, err := genesis.Parse(data)
	if err != nil {
		return nil, err
	}
	if g.Network.ID != networkID {
		return nil, fmt.Errorf("genesis is of network %d (%s), the node runs network %d", g.Network.ID, g.Network.Name, networkID)
	}
	return g.ToEVM()
}

// openPebble opens the database in dir. Every write is flushed to stable
// storage before it returns, so what one step wrote is there before the next.
func openPebble(dir string, c Config) (ethdb.Database, error) {
	if kind := rawdb.PreexistingDatabase(dir); kind != "" && kind != "pebble" {
		return nil, fmt.Errorf("%w: %s holds a %s database; choose another data folder", ErrForeign, dir, kind)
	}
	db, err := rawdb.NewPebbleDBDatabase(dir, c.CacheMiB, c.FileHandles, "pars/chaindata/", false, false)
	if err != nil {
		return nil, fmt.Errorf("opening the chain's data in %s: %w; is another node using it?", dir, err)
	}
	return db, nil
}

// openChain opens or creates the chain and brings it to the last accepted block.
func (vm *VM) openChain(spec *core.Genesis) error {
	dir := filepath.Join(vm.sctx.ChainDataDir, "chaindata")
	open := vm.openStore
	if open == nil {
		open = openPebble
	}
	db, err := open(dir, vm.config)
	if err != nil {
		return err
	}
	vm.db = db
	vm.closers = append(vm.closers, db.Close)

	hash := spec.ToBlock().Hash()
	if err := checkIdentity(db, dir, identity(vm.sctx.NetworkID, vm.sctx.ChainID, hash)); err != nil {
		return err
	}
	last, err := readLastAccepted(db, dir)
	if err != nil {
		return err
	}
	if last != nil {
		if err := checkRules(db, spec, last.Header()); err != nil {
			return err
		}
	}
	if err := vm.openBlockChain(spec); err != nil {
		return err
	}
	if last == nil {
		last = vm.bc.Genesis()
		if err := db.Put(lastAcceptedKey, hash[:]); err != nil {
			return fmt.Errorf("finishing the new chain: %w", err)
		}
	}
	return vm.replay(last)
}

// identity is the value of identityKey.
func identity(networkID uint32, chainID ids.ID, genesisHash common.Hash) []byte {
	b := binary.BigEndian.AppendUint32([]byte{storeVersion}, networkID)
	b = append(b, chainID[:]...)
	return append(b, genesisHash[:]...)
}

// checkIdentity compares the database's identity with ours and writes it into an
// empty one. A creation that a crash cut short is started over.
func checkIdentity(db ethdb.Database, dir string, want []byte) error {
	found, err := db.Has(identityKey)
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	if !found {
		it := db.NewIterator(nil, nil)
		defer it.Release()
		if it.Next() {
			return fmt.Errorf("%w: %s holds data that no Pars node wrote; choose another data folder", ErrForeign, dir)
		}
		return db.Put(identityKey, want)
	}
	got, err := db.Get(identityKey)
	switch {
	case err != nil:
		return fmt.Errorf("reading %s: %w", dir, err)
	case len(got) != len(want) || got[0] != storeVersion:
		return fmt.Errorf("%w: %s has layout %x, this build knows %d; use the build that wrote it, or another data folder", ErrForeign, dir, got[:min(1, len(got))], storeVersion)
	case !bytes.Equal(got[:5], want[:5]):
		return fmt.Errorf("%w: %s is of network %d, want %d; choose another data folder", ErrForeign, dir, binary.BigEndian.Uint32(got[1:5]), binary.BigEndian.Uint32(want[1:5]))
	case !bytes.Equal(got[37:], want[37:]):
		return fmt.Errorf("%w: %s began with genesis 0x%x, genesis.json gives 0x%x; restore the genesis.json it began with, or choose another data folder", ErrForeign, dir, got[37:], want[37:])
	case !bytes.Equal(got, want):
		return fmt.Errorf("%w: %s is of blockchain %s, want %s; choose another data folder", ErrForeign, dir, ids.ID(got[5:37]), ids.ID(want[5:37]))
	}
	return nil
}

// readLastAccepted returns the last accepted block, or nil for a database whose
// creation did not finish. It must run before libevm opens the database, because
// libevm starts over from genesis when it misses its head.
func readLastAccepted(db ethdb.Database, dir string) (*types.Block, error) {
	created, err := db.Has(lastAcceptedKey)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	if !created {
		// With block 0 unknown, libevm writes all of genesis again.
		rawdb.DeleteCanonicalHash(db, 0)
		return nil, nil
	}
	value, err := db.Get(lastAcceptedKey)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	hash := common.BytesToHash(value)
	number := rawdb.ReadHeaderNumber(db, hash)
	if number == nil {
		return nil, fmt.Errorf("%w: %s lacks the last accepted block %s; restore a backup, or remove the folder to fetch the chain again", ErrCorrupt, dir, hash)
	}
	last := rawdb.ReadBlock(db, hash, *number)
	if last == nil {
		return nil, fmt.Errorf("%w: %s lacks the body of the last accepted block %d; restore a backup, or remove the folder to fetch the chain again", ErrCorrupt, dir, *number)
	}
	for _, head := range []common.Hash{rawdb.ReadHeadBlockHash(db), rawdb.ReadHeadHeaderHash(db)} {
		at := rawdb.ReadHeaderNumber(db, head)
		if at == nil || *at > *number || rawdb.ReadBlock(db, head, *at) == nil {
			return nil, fmt.Errorf("%w: the head %s in %s is not at or below the last accepted block %d; restore a backup, or remove the folder to fetch the chain again", ErrCorrupt, head, dir, *number)
		}
	}
	return last, nil
}

// checkRules refuses a genesis.json that changes the rules of blocks already
// accepted. libevm would rewind the chain instead.
func checkRules(db ethdb.Database, spec *core.Genesis, last *types.Header) error {
	stored := rawdb.ReadChainConfig(db, spec.ToBlock().Hash())
	if stored == nil {
		return nil
	}
	if err := stored.CheckCompatible(spec.Config, last.Number.Uint64(), last.Time); err != nil {
		return fmt.Errorf("genesis.json changes the rules of blocks that are accepted already: %w; an activation time must lie in the future", err)
	}
	return nil
}

func (vm *VM) openBlockChain(spec *core.Genesis) error {
	cache := &core.CacheConfig{
		TrieCleanLimit:    vm.config.CacheMiB,
		TrieDirtyLimit:    4 * vm.config.CacheMiB,
		TrieDirtyDisabled: vm.config.Archive,
		TrieTimeLimit:     365 * 24 * time.Hour, // states are written by commitState
		StateScheme:       rawdb.HashScheme,
	}
	var everyTransaction uint64 // no limit to the index
	if rawdb.ReadHeadBlockHash(vm.db) == (common.Hash{}) {
		// libevm marks the index complete only at the first block; until then it
		// answers "transaction indexing is in progress" to whoever asks for a
		// receipt. Genesis has no transactions, so the index is complete.
		rawdb.WriteTxIndexTail(vm.db, 0)
	}
	bc, err := core.NewBlockChain(vm.db, cache, spec, nil, vm.engine, corevm.Config{}, nil, &everyTransaction)
	if err != nil {
		return fmt.Errorf("opening the chain: %w", err)
	}
	vm.bc = bc
	vm.closers = append(vm.closers, func() error {
		bc.Stop()
		return nil
	})
	return nil
}

// replay executes again the blocks between the last state on disk and the last
// accepted block, and makes that the head.
func (vm *VM) replay(last *types.Block) error {
	start := time.Now()
	var blocks []*types.Block // newest first
	for b := last; !vm.bc.HasState(b.Root()); {
		blocks = append(blocks, b)
		parent := vm.bc.GetBlock(b.ParentHash(), b.NumberU64()-1)
		if parent == nil {
			return fmt.Errorf("%w: block %d is missing, and no state at or above it is on disk; restore a backup, or remove the folder to fetch the chain again", ErrCorrupt, b.NumberU64()-1)
		}
		b = parent
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		if err := vm.execute(blocks[i]); err != nil {
			return fmt.Errorf("executing accepted blocks again: %w", err)
		}
		if err := vm.commitState(blocks[i].Header()); err != nil {
			return err
		}
	}
	if vm.bc.CurrentBlock().Hash() != last.Hash() {
		if _, err := vm.bc.SetCanonical(last); err != nil {
			return fmt.Errorf("moving the head to the last accepted block %d: %w", last.NumberU64(), err)
		}
	}
	if !vm.bc.HasBlockAndState(last.Hash(), last.NumberU64()) {
		return fmt.Errorf("executing accepted blocks again: %w: block %d", ErrNotExecuted, last.NumberU64())
	}
	vm.accepted = vm.bc.CurrentBlock()
	vm.bc.SetFinalized(vm.accepted)
	vm.bc.SetSafe(vm.accepted)
	vm.metrics.replayed.Set(float64(len(blocks)))
	vm.metrics.head(vm.accepted)
	vm.sctx.Log.Info("the chain is open",
		zap.Uint64("height", last.NumberU64()), zap.Stringer("hash", last.Hash()),
		zap.Int("replayed", len(blocks)), zap.Duration("took", time.Since(start)))
	return nil
}

// commitState writes the state of an accepted block to disk once enough blocks
// or gas lie between it and the last one written.
func (vm *VM) commitState(h *types.Header) error {
	vm.sinceGas += h.GasUsed
	if vm.config.Archive || (h.Number.Uint64()%vm.config.CommitEvery != 0 && vm.sinceGas < vm.config.CommitGas) {
		return nil
	}
	start := time.Now()
	if err := vm.bc.TrieDB().Commit(h.Root, false); err != nil {
		return fmt.Errorf("writing the state of block %d: %w", h.Number, err)
	}
	vm.sinceGas = 0
	vm.metrics.commitSeconds.Observe(time.Since(start).Seconds())
	return nil
}
