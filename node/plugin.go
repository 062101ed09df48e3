package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/ava-labs/avalanchego/vms/rpcchainvm"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/rpc"
	"github.com/pars-network/pars/node/config"
	"github.com/pars-network/pars/params"
)

// ServePlugin runs the chain alone, for an AvalancheGo that started this
// process as a plugin: an operator's choice when engine and chain shall not
// share a process. Settings come from the environment, which the engine passes
// on; JSON-RPC listens where http.addr and http.port say.
func ServePlugin(ctx context.Context, environ []string, log io.Writer) error {
	var s Settings
	if _, err := config.Load(s.Flags(Run), SettingNames(), config.Source{Environ: environ}); err != nil {
		return Usage(err)
	}
	s.StakingAddr = "127.0.0.1" // peers are the engine's business
	at, err := s.resolve(Run)
	if err != nil {
		return err
	}
	listeners, err := claimPorts(ctx, []claim{{"http.port", at.http}})
	if err != nil {
		return err
	}
	p := &pluginVM{settings: s, front: newFront(listeners[0]), log: newLogger(log, s.LogLevel, s.LogFormat)}
	made, err := (&chain.Factory{OnReady: p.serve}).New(nil)
	if err != nil {
		return errors.Join(err, p.front.close(ctx))
	}
	vm, ok := made.(*chain.VM)
	if !ok {
		return fmt.Errorf("the chain's factory made a %T, want a *chain.VM", made)
	}
	p.VM = vm
	return rpcchainvm.Serve(ctx, p)
}

// pluginVM is the chain with its own JSON-RPC port.
type pluginVM struct {
	*chain.VM
	settings Settings
	front    *front
	log      *slog.Logger

	mu  sync.Mutex
	rpc *rpc.Server
}

func (p *pluginVM) serve(vm *chain.VM) {
	network, err := params.NetworkByID(vm.NetworkID())
	if err != nil {
		p.log.Error("JSON-RPC can't start", "error", err)
		return
	}
	server, err := newRPC(p.settings, p.log, nil, nodeFacts{
		vm: vm, network: network,
		// The engine, in its own process, knows the peers.
		peers:   func() int { return 0 },
		session: func() []string { return nil },
	})
	if err != nil {
		p.log.Error("JSON-RPC can't start", "error", err)
		return
	}
	p.mu.Lock()
	p.rpc = server
	p.mu.Unlock()
	p.front.set(server)
}

// Shutdown ends JSON-RPC, then the chain.
func (p *pluginVM) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	server := p.rpc
	p.rpc = nil
	p.mu.Unlock()
	var errs []error
	if server != nil {
		grace, cancel := context.WithTimeout(ctx, closeGrace)
		defer cancel()
		errs = append(errs, p.front.close(grace), server.Close(grace))
	}
	return errors.Join(append(errs, p.VM.Shutdown(ctx))...)
}
