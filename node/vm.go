package node

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/utils/logging"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/node/datadir"
)

// startAnew is what to do about a folder whose databases can't be read.
const startAnew = "restore the data folder from a backup, or move it away but for its folder " + datadir.KeysFolder + " to sync anew"

// watch hears what happens to the chain's VM. Its functions are called from the
// engine's goroutines.
type watch struct {
	// ready is called once, when the chain enters normal operation.
	ready func()
	// closing is called before a running VM stops, so that nobody uses its chain
	// any more when it does. It may block for a moment.
	closing func()
	// failed is called when the chain can't start, or was stopped by the engine.
	failed func(error)
	// panicked is called with the value and the stack of a panic in a goroutine
	// in which the engine doesn't look for panics.
	panicked func(any, []byte)
}

// recover is to be deferred by what such a goroutine calls.
func (w watch) recover() {
	if r := recover(); r != nil {
		w.panicked(r, debug.Stack())
		panic(r) // if the process still runs, it must not go on
	}
}

// watchedFactory makes VMs that report to a watch.
type watchedFactory struct {
	chain.Factory
	watch watch
}

// New returns a VM to initialize. The engine calls it once more than it needs
// chains, to ask a VM for its version, and shuts that one down unused.
func (f *watchedFactory) New(log logging.Logger) (any, error) {
	made, err := f.Factory.New(log)
	if err != nil {
		return nil, err
	}
	vm, ok := made.(*chain.VM)
	if !ok {
		return nil, fmt.Errorf("the chain's factory made a %T, want a *chain.VM", made)
	}
	return &watchedVM{VM: vm, watch: f.watch}, nil
}

// watchedVM adds what AvalancheGo lacks for chains it calls not critical: for
// those it logs a failure and goes on without them.
type watchedVM struct {
	*chain.VM
	watch watch

	mu      sync.Mutex
	running bool
	once    sync.Once
}

// Initialize starts the VM and reports if that fails or panics.
func (v *watchedVM) Initialize(ctx context.Context, sctx *snow.Context, db database.Database, genesis, upgrade, config []byte, fxs []*common.Fx, sender common.AppSender) error {
	defer v.watch.recover()
	if err := v.VM.Initialize(ctx, sctx, db, genesis, upgrade, config, fxs, sender); err != nil {
		// Genesis and settings were checked before, so it is what lies on disk.
		v.watch.failed(fmt.Errorf("%w: the chain in it can't start: %w; %s", datadir.ErrUnusable, err, startAnew))
		return err
	}
	v.mu.Lock()
	v.running = true
	v.mu.Unlock()
	return nil
}

// WaitForEvent waits for work, in a goroutine of the engine's own.
func (v *watchedVM) WaitForEvent(ctx context.Context) (common.Message, error) {
	defer v.watch.recover()
	return v.VM.WaitForEvent(ctx)
}

// SetState passes the engine's state on and reports normal operation.
func (v *watchedVM) SetState(ctx context.Context, state snow.State) error {
	if err := v.VM.SetState(ctx, state); err != nil {
		return err
	}
	if state == snow.NormalOp {
		v.once.Do(v.watch.ready)
	}
	return nil
}

// Shutdown stops the VM and reports that the engine wanted it; the node knows
// whether it had asked for that.
func (v *watchedVM) Shutdown(ctx context.Context) error {
	v.mu.Lock()
	ran := v.running
	v.running = false
	v.mu.Unlock()
	if ran {
		v.watch.closing()
	}
	err := v.VM.Shutdown(ctx)
	if ran {
		v.watch.failed(fmt.Errorf("%w: the engine stopped it", ErrChain))
	}
	return err
}
