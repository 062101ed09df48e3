package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/rpc"
)

// newRPC returns the JSON-RPC server of the chain in facts.
// Its metrics go to registry.
func newRPC(s Settings, log *slog.Logger, registry prometheus.Registerer, facts nodeFacts) (*rpc.Server, error) {
	fee, gas := s.TxFeeCap, s.GasCap
	if fee == 0 {
		fee = -1 // the server's "no limit"
	}
	if gas == 0 {
		gas = maxGasLimit // no block can use more
	}
	vm := facts.vm
	return rpc.New(rpc.Config{
		CORSOrigins: s.CORS, VHosts: s.VHosts, WSOrigins: s.WSOrigins,
		BatchItems: s.BatchRequests, BatchResponseBytes: s.BatchBytes,
		GasCap: gas, EVMTimeout: s.EVMTimeout, TxFeeCap: fee,
		Logger: log, Metrics: registry,
	}, rpc.Chain{
		BlockChain: vm.BlockChain(), DB: vm.DB(), TxPool: vm.TxPool(), Submit: vm.Submit,
		Node: facts, Consensus: consensusFacts{vm: vm},
	})
}

// front is a port of the node, for JSON-RPC or for monitoring. It is opened before anything else, so that no
// other program can take it while the engine starts; until the chain is there,
// it answers that the node is starting.
type front struct {
	listener net.Listener
	server   *http.Server
	handler  atomic.Pointer[http.Handler]
	ended    chan error
	once     sync.Once
	err      error // of close
}

// newFront takes over l. The timeouts are those of geth.
func newFront(l net.Listener) *front {
	f := &front{listener: l, ended: make(chan error, 1)}
	f.server = &http.Server{
		Handler:           f,
		ReadTimeout:       30 * time.Second,
		ReadHeaderTimeout: 30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	go func() { f.ended <- f.server.Serve(l) }()
	return f
}

// set hands requests to h from now on.
func (f *front) set(h http.Handler) { f.handler.Store(&h) }

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := f.handler.Load()
	if h == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "parsd is starting; try again in a second", http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

// close ends the port: requests in flight may finish until ctx ends. It may be
// called more than once.
func (f *front) close(ctx context.Context) error {
	f.once.Do(func() { f.err = f.shutdown(ctx) })
	return f.err
}

func (f *front) shutdown(ctx context.Context) error {
	err := f.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = f.server.Close()
	}
	if served := <-f.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
