// Package chain is the EVM chain of Pars Network as a virtual machine for
// AvalancheGo's Snowman consensus. It builds, parses, executes, accepts and
// recovers blocks; which headers are valid is package engine's business, and
// JSON-RPC is package rpc's.
//
// One file holds one stage of a life: vm.go starts and stops, block.go takes a
// block from bytes to its decision, builder.go makes blocks and work.go says
// when, pool.go and gossip.go carry transactions, guard.go keeps this node from
// signing twice, recover.go brings a killed node back. docs/chain.md lists what
// is on disk at which moment.
//
// # Locking
//
// The engine calls the VM from one goroutine at a time, but WaitForEvent, gossip
// and JSON-RPC run beside it. VM.mu guards the fields that both sides use; it is
// never held while executing a block.
package chain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/snow/engine/snowman/block"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethdb"
	"go.uber.org/zap"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/peerclock"
	"github.com/pars-network/pars/params"
)

var _ block.ChainVM = (*VM)(nil)

// Clock is the time that a VM lives by.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// At delivers the time once it is t or later.
	At(t time.Time) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                  { return time.Now() }
func (systemClock) At(t time.Time) <-chan time.Time { return time.After(time.Until(t)) }

// VM is one chain. The zero value is ready for Initialize.
type VM struct {
	// AppHandler and Connector are the gossip network, set by Initialize.
	snowcommon.AppHandler
	validators.Connector

	// Clock is the system's if nil. Set it before Initialize.
	Clock Clock

	onReady func(*VM)
	// openStore opens the database; nil means pebble in the data directory.
	openStore func(dir string, c Config) (ethdb.Database, error)

	sctx   *snow.Context
	config Config
	engine *engine.Engine
	db     ethdb.Database
	bc     *core.BlockChain
	pool   *txpool.TxPool
	gossip *gossiper
	guard  *guard
	sets   *validatorSets
	early  earlyCache
	proof  *evidence
	clocks *peerclock.Comparer
	// refusals paces log lines about what peers send.
	refusals pacer
	metrics  *metrics
	// sinceGas is the accepted gas whose state is not on disk. Only Initialize
	// and Accept touch it.
	sinceGas uint64
	// closers undo Initialize, last first.
	closers []func() error

	wake chan struct{} // one token: something WaitForEvent looks at has changed

	arrived atomic.Bool // a transaction came since hasWork last began to look

	mu         sync.Mutex // guards all below
	accepted   *types.Header
	acceptedAt time.Time // when this process accepted last, or entered normal operation
	preferred  *types.Header
	recalled   recollection
	processing map[ids.ID]*Block // verified, not decided
	normal     bool
	startTip   uint64      // accepted height on entering normal operation
	workOn     common.Hash // parent on which work has been found
	seenMs     uint64      // when work was first seen, or engine.NoWork
	retryAt    time.Time   // a failed build is not tried again before
	warnedAt   time.Time   // when a failed build was last logged
}

// Initialize opens the chain in sctx.ChainDataDir, executes again what a crash
// took from memory, and starts pool and gossip. genesis is genesis.json, config
// a JSON [Config] or nothing. The engine's database is not used: state and
// blocks have their own, in the layout that libevm knows.
func (vm *VM) Initialize(_ context.Context, sctx *snow.Context, _ database.Database, genesis, _, config []byte, _ []*snowcommon.Fx, sender snowcommon.AppSender) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, vm.close())
		}
	}()
	vm.sctx, vm.wake = sctx, make(chan struct{}, 1)
	if vm.Clock == nil {
		vm.Clock = systemClock{}
	}
	if sctx.NetworkUpgrades.IsApricotPhase4Activated(blockTimestamp) {
		return fmt.Errorf("the network's ApricotPhase4Time %s is not after %s: proposervm would wrap the blocks of this chain; set it later", sctx.NetworkUpgrades.ApricotPhase4Time, blockTimestamp)
	}
	if vm.config, err = ParseConfig(config); err != nil {
		return err
	}
	vm.config = vm.config.withDefaults(sctx.ChainDataDir)
	if err := routeLogs(sctx.Log, vm.config.LogLevel); err != nil {
		return err
	}
	spec, err := parseGenesis(genesis, sctx.NetworkID)
	if err != nil {
		return err
	}
	vm.engine = engine.New(engine.Config{GasLimit: spec.GasLimit})
	if vm.metrics, err = newMetrics(sctx.Metrics); err != nil {
		return err
	}
	if err := vm.openChain(spec); err != nil {
		return err
	}
	if err := vm.recall(); err != nil {
		return err
	}
	if vm.guard, err = openGuard(vm.config.GuardDir, sctx.ChainID); err != nil {
		return err
	}
	vm.closers = append(vm.closers, vm.guard.close)
	if !vm.guard.trusted() {
		sctx.Log.Warn("no guard for this node's BLS key: it proposes only after a block above its start-up tip is accepted, or if it is the only validator", zap.String("guardDir", vm.config.GuardDir))
	}
	if vm.proof, err = openEvidence(vm.db); err != nil {
		return err
	}
	vm.sets = newValidatorSets(sctx.ValidatorState, sctx.SubnetID)
	vm.processing = map[ids.ID]*Block{}
	vm.preferred, vm.seenMs, vm.acceptedAt = vm.accepted, engine.NoWork, vm.Clock.Now()
	if err := vm.openPool(); err != nil {
		return err
	}
	if err := vm.startGossip(sender); err != nil {
		return err
	}
	if vm.onReady != nil {
		vm.onReady(vm)
	}
	return nil
}

// SetState follows the engine through bootstrapping into normal operation.
func (vm *VM) SetState(ctx context.Context, state snow.State) error {
	vm.mu.Lock()
	vm.normal = state == snow.NormalOp
	if vm.normal {
		vm.startTip, vm.acceptedAt = vm.accepted.Number.Uint64(), vm.Clock.Now()
	}
	tip := vm.accepted
	vm.mu.Unlock()
	if state == snow.NormalOp {
		if err := vm.showNext(ctx, tip); err != nil {
			vm.sctx.Log.Debug("looking at the schedule", zap.Error(err))
		}
	}
	vm.stir()
	return nil
}

// Shutdown stops gossip and pool, writes the state of the last blocks and closes
// the database. It may be called more than once, and without Initialize.
func (vm *VM) Shutdown(context.Context) error { return vm.close() }

func (vm *VM) close() error {
	var errs []error
	for _, f := range slices.Backward(vm.closers) {
		errs = append(errs, f())
	}
	vm.closers = nil
	return errors.Join(errs...)
}

// Version returns the build's version.
func (*VM) Version(context.Context) (string, error) { return params.Version, nil }

// CreateHandlers returns none: JSON-RPC has its own port, see package rpc.
func (*VM) CreateHandlers(context.Context) (map[string]http.Handler, error) { return nil, nil }

// NewHTTPHandler returns none.
func (*VM) NewHTTPHandler(context.Context) (http.Handler, error) { return nil, nil }

// stir makes WaitForEvent look again.
func (vm *VM) stir() {
	select {
	case vm.wake <- struct{}{}:
	default:
	}
}

// nowMs returns the clock in milliseconds since 1970.
func (vm *VM) nowMs() uint64 { return uint64(max(0, vm.Clock.Now().UnixMilli())) }
