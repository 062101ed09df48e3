package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/ava-labs/avalanchego/api/metrics"
	"github.com/ava-labs/avalanchego/database"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/version"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/rpc"
	"github.com/pars-network/pars/params"
)

// ServePlugin runs the chain alone, for an AvalancheGo that started this
// process as a plugin: an operator's choice when engine and chain shall not
// share a process. The engine hands settings over when it initializes the
// chain, see [handover]; it passes no environment on.
func ServePlugin(ctx context.Context, log io.Writer) error {
	p := &pluginVM{stderr: log, files: logging.NewFactory(logging.Config{})}
	made, err := (&chain.Factory{OnReady: p.serve}).New(nil)
	if err != nil {
		return err
	}
	vm, ok := made.(*chain.VM)
	if !ok {
		return fmt.Errorf("the chain's factory made a %T, want a *chain.VM", made)
	}
	p.VM = vm
	return rpcchainvm.Serve(ctx, p)
}

// ServeHosted is ServePlugin for a parsd whose setting plugin is on. It ends the
// process at once when that parsd is gone.
func ServeHosted(ctx context.Context, log io.Writer) error {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	go func() {
		// Nothing is ever written: reading ends when nobody can write any more.
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(int(CodeChain))
	}()
	return ServePlugin(ctx, log)
}

// pluginVM is the chain with its own JSON-RPC port.
type pluginVM struct {
	*chain.VM
	stderr io.Writer
	files  logging.Factory // of the chain's log, if one is asked for
	given  handover
	log    *slog.Logger
	// metrics is where the engine collects from.
	metrics metrics.MultiGatherer
	peers   atomic.Int64

	mu     sync.Mutex
	front  *front
	rpc    *rpc.Server
	report *reporter
	err    error // why JSON-RPC couldn't start
}

// Initialize starts the chain, and JSON-RPC where the configuration says.
func (p *pluginVM) Initialize(ctx context.Context, sctx *snow.Context, db database.Database, genesis, upgrade, config []byte, fxs []*common.Fx, sender common.AppSender) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, p.closeRPC(ctx))
		}
	}()
	if p.given, config, err = takeHandover(config); err != nil {
		return err
	}
	settings, at, err := p.given.settings()
	if err != nil {
		return err
	}
	p.log = newLogger(p.stderr, settings.LogLevel, settings.LogFormat)
	p.metrics = sctx.Metrics
	if err := p.route(sctx); err != nil {
		return err
	}
	listeners, err := claimPorts(ctx, []claim{{"http.port", at}})
	if err != nil {
		return err
	}
	p.front = newFront(listeners[0])
	if err := p.VM.Initialize(ctx, sctx, db, genesis, upgrade, config, fxs, sender); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// route sends the chain's log to a file of its own if the hand-over names a
// folder; what the engine's own plugin log would show goes to standard error.
func (p *pluginVM) route(sctx *snow.Context) error {
	if p.given.LogsDir == "" {
		return nil
	}
	level, err := logging.ToLevel(p.given.EngineLevel)
	if err != nil {
		return fmt.Errorf("the chain's log level: %w", err)
	}
	p.files = logging.NewFactory(logging.Config{
		RotatingWriterConfig: logging.RotatingWriterConfig{MaxSize: 8, MaxFiles: 7, Directory: p.given.LogsDir},
		DisplayLevel:         logging.Off, LogLevel: level, LogFormat: logging.Plain,
	})
	sctx.Log, err = p.files.Make(chainAlias + "-plugin")
	if err != nil {
		return fmt.Errorf("opening the chain's log: %w", err)
	}
	return nil
}

// serve puts JSON-RPC in front of the chain, which calls it when it is
// initialized.
func (p *pluginVM) serve(vm *chain.VM) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = p.startRPC(vm)
}

func (p *pluginVM) startRPC(vm *chain.VM) error {
	network, err := params.NetworkByID(vm.NetworkID())
	if err != nil {
		return err
	}
	settings, _, err := p.given.settings()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	p.rpc, err = newRPC(settings, p.log.With("part", "rpc"), registry, nodeFacts{
		vm: vm, network: network, peers: func() int { return int(p.peers.Load()) }, session: func() []string { return p.given.Session },
	})
	if err != nil {
		return fmt.Errorf("JSON-RPC can't start: %w", err)
	}
	if err := p.metrics.Register(rpcMetrics, registry); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	p.report = newReporter(vm, Run, p.log)
	p.front.set(p.rpc)
	p.log.Info("the chain runs in a process of its own", "pid", os.Getpid(), "rpc", addrOf(p.front.listener).String())
	return nil
}

// Connected counts peers for net_peerCount: the engine, in its own process,
// knows them. It tells of this node itself too.
func (p *pluginVM) Connected(ctx context.Context, id ids.NodeID, v *version.Application) error {
	if id != p.NodeID() {
		p.peers.Add(1)
	}
	return p.VM.Connected(ctx, id, v)
}

// Disconnected undoes Connected.
func (p *pluginVM) Disconnected(ctx context.Context, id ids.NodeID) error {
	if id != p.NodeID() {
		p.peers.Add(-1)
	}
	return p.VM.Disconnected(ctx, id)
}

// Shutdown ends JSON-RPC, then the chain.
func (p *pluginVM) Shutdown(ctx context.Context) error {
	err := errors.Join(p.closeRPC(ctx), p.VM.Shutdown(ctx))
	p.files.Close()
	return err
}

func (p *pluginVM) closeRPC(ctx context.Context) error {
	p.mu.Lock()
	front, server, report := p.front, p.rpc, p.report
	p.front, p.rpc, p.report = nil, nil, nil
	p.mu.Unlock()
	if report != nil {
		report.close()
	}
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	var errs []error
	if front != nil {
		errs = append(errs, front.close(ctx))
	}
	if server != nil {
		errs = append(errs, server.Close(ctx))
	}
	return errors.Join(errs...)
}
