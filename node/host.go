package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/api/metrics"
	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm/grpcutils"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm/runtime/subprocess"

	"github.com/pars-network/pars/node/datadir"
)

// HostedArg is the one argument of a parsd that a parsd started for its chain.
const HostedArg = "hosted-chain"

// Open files of a hosted chain beside the standard ones.
const (
	// lifelineFD reads from a pipe whose other end only the host has: it ends
	// when the host does, however that dies. AvalancheGo's own means, a death
	// signal, is one that its plugins ignore until they are told to stop.
	lifelineFD = 3
	// The next one writes to a pipe that the host reads: the host sees it end.
)

// helloTime is how long a chain's process may take to say hello. AvalancheGo's
// own 5 s are not enough on a machine that starts many nodes at once.
const helloTime = time.Minute

// hostFactory makes VMs that are processes.
type hostFactory struct {
	program string
	log     io.Writer // for their standard error
	watch   watch
	hosted  func(*hostedVM) // told of every chain that runs
}

// New starts a process and returns its VM to initialize, and reports if that
// fails: the engine would go on without the chain.
func (f *hostFactory) New(log logging.Logger) (any, error) {
	vm, err := f.make(log)
	if err != nil {
		err = fmt.Errorf("starting the chain's process: %w", err)
		f.watch.failed(fmt.Errorf("%w: %w", ErrChain, err))
		return nil, err
	}
	return vm, nil
}

func (f *hostFactory) make(log logging.Logger) (*hostedVM, error) {
	life, holder, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ended, alive, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, life.Close(), holder.Close())
	}
	// No context: it ends by order or with its lifeline.
	cmd := &exec.Cmd{Path: f.program, Args: []string{f.program, HostedArg}, ExtraFiles: []*os.File{life, alive}}
	vm, err := f.start(cmd, log)
	// The child has its own; if these stayed open here, nobody would see it end.
	err = errors.Join(err, life.Close(), alive.Close())
	if err != nil {
		return nil, errors.Join(err, holder.Close(), ended.Close())
	}
	go vm.mourn(ended, holder)
	return vm, nil
}

func (f *hostFactory) start(cmd *exec.Cmd, log logging.Logger) (*hostedVM, error) {
	listener, err := grpcutils.NewListener()
	if err != nil {
		return nil, err
	}
	status, stopper, err := subprocess.Bootstrap(context.Background(), listener, cmd, &subprocess.Config{
		// AvalancheGo's own remarks about signals go to standard output.
		Stdout: io.Discard, Stderr: f.log, HandshakeTimeout: helloTime, Log: log,
	})
	if err != nil {
		return nil, err
	}
	conn, err := grpcutils.Dial(status.Addr)
	if err != nil {
		stopper.Stop(context.Background())
		return nil, err
	}
	return &hostedVM{
		VMClient: rpcchainvm.NewClient(conn, stopper, status.Pid, untracked{}, metrics.NewPrefixGatherer(), log),
		watch:    f.watch, hosted: f.hosted, pid: status.Pid, conn: conn,
	}, nil
}

// untracked leaves the chain's process out of the engine's accounts of
// processor and disk use, by which it would slow peers down: it would blame them
// for what wallets ask.
type untracked struct{}

func (untracked) TrackProcess(int)   {}
func (untracked) UntrackProcess(int) {}

// hostedVM is a chain in another process, which reports to a watch as
// [watchedVM] does.
type hostedVM struct {
	*rpcchainvm.VMClient
	watch  watch
	hosted func(*hostedVM)
	pid    int
	conn   io.Closer // to the process
	sctx   *snow.Context

	mu      sync.Mutex
	running bool
	once    sync.Once
}

// Initialize starts the chain and reports if that fails.
func (v *hostedVM) Initialize(ctx context.Context, sctx *snow.Context, db database.Database, genesis, upgrade, config []byte, fxs []*common.Fx, sender common.AppSender) error {
	v.sctx = sctx
	if err := v.VMClient.Initialize(ctx, sctx, db, genesis, upgrade, config, fxs, sender); err != nil {
		v.watch.failed(fmt.Errorf("%w: the chain in it can't start: %w; %s", datadir.ErrUnusable, err, startAnew))
		return err
	}
	v.setRunning(true)
	v.hosted(v)
	return nil
}

// setRunning returns what was before.
func (v *hostedVM) setRunning(to bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.running
	v.running = to
	return before
}

// mourn waits for the end of the process. If nobody asked for it, the node can't
// go on.
func (v *hostedVM) mourn(ended, holder *os.File) {
	_, _ = io.Copy(io.Discard, ended)
	// The engine's calls would wait for the process to come back.
	_ = v.conn.Close()
	if v.setRunning(false) {
		v.watch.closing()
		v.watch.failed(fmt.Errorf("%w: its process (pid %d) ended; the lines above may say why", ErrChain, v.pid))
	}
	// Both were only held.
	_, _ = ended.Close(), holder.Close()
}

// SetState passes the engine's state on and reports normal operation.
func (v *hostedVM) SetState(ctx context.Context, state snow.State) error {
	if err := v.VMClient.SetState(ctx, state); err != nil {
		return err
	}
	if state == snow.NormalOp {
		v.once.Do(v.watch.ready)
	}
	return nil
}

// Shutdown stops chain and process and reports that the engine wanted it.
func (v *hostedVM) Shutdown(ctx context.Context) error {
	ran := v.setRunning(false)
	if ran {
		v.watch.closing()
	}
	err := v.VMClient.Shutdown(ctx)
	if ran {
		v.watch.failed(fmt.Errorf("%w: the engine stopped it", ErrChain))
	}
	return err
}
