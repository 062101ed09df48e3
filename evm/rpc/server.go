package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/libevm/ethapi"
	ethrpc "github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/graphql"
	"github.com/pars-network/pars/precompile"
)

// Server serves the API of one chain. Make it with [New].
type Server struct {
	cfg     Config
	rpc     *ethrpc.Server
	http    http.Handler
	graphql http.Handler
	ws      *wsHandler
	backend *backend
	logs    *logAPI
	subs    *subscribeAPI
	metrics *metrics

	mu     sync.Mutex
	served []*http.Server
	closed bool
}

var _ http.Handler = (*Server)(nil)

// New makes a server. It starts to index logs at once and answers once
// [Server.Serve] runs. The caller closes it before the chain stops.
func New(cfg Config, chain Chain) (*Server, error) {
	if err := chain.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	b := newBackend(cfg, chain)
	s := &Server{
		cfg:     cfg,
		rpc:     ethrpc.NewServer(),
		backend: b,
		logs:    newLogAPI(b),
		metrics: m,
	}
	s.rpc.SetBatchLimits(cfg.BatchItems, cfg.BatchResponseBytes)
	s.rpc.SetHTTPBodyLimit(cfg.BodyBytes)
	s.ws = newWSHandler(s.rpc, cfg, m.connections)
	s.subs = &subscribeAPI{b: b, drop: func(remote string) {
		m.dropped()
		s.ws.drop(remote)
	}}
	s.http = compress(checkHost(cfg.VHosts, allowOrigins(cfg.CORSOrigins, s.rpc)))
	s.graphql = compress(checkHost(cfg.VHosts, allowOrigins(cfg.CORSOrigins, graphql.New(s.callGraph))))
	debug := newDebugAPI(b)
	for _, api := range []struct {
		namespace string
		service   any
	}{
		{"eth", ethapi.NewEthereumAPI(b)},
		{"eth", ethapi.NewBlockChainAPI(b)},
		{"eth", ethapi.NewTransactionAPI(b, new(ethapi.AddrLocker))},
		{"eth", accountAPI{}},
		{"eth", s.logs},
		{"eth", s.subs},
		{"net", netAPI{b}},
		{"web3", web3API{}},
		{"txpool", ethapi.NewTxPoolAPI(b)},
		{"debug", debug},
		{"debug", newCallTracer(debug.limits, debug.tracer.TraceCall)},
		{"pars", parsAPI{b}},
	} {
		if err := s.rpc.RegisterName(api.namespace, api.service); err != nil {
			return nil, errors.Join(fmt.Errorf("registering %s: %w", api.namespace, err), s.Close(context.Background()))
		}
	}
	return s, nil
}

// callGraph calls the Graph contract as eth_call does, within the same limits.
func (s *Server) callGraph(ctx context.Context, input []byte) ([]byte, error) {
	client := s.Client()
	defer client.Close()
	var out hexutil.Bytes
	call := map[string]any{"to": precompile.GraphAddress, "input": hexutil.Bytes(input)}
	err := client.CallContext(ctx, &out, "eth_call", call, "latest")
	return out, err
}

// ServeHTTP answers JSON-RPC at "/", WebSocket handshakes at "/" and "/ws", and
// GraphQL at "/graphql".
// A server that runs it should have the timeouts that [Server.Serve] sets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case isWebSocket(r) && (r.URL.Path == "/" || r.URL.Path == "/ws"):
		s.ws.ServeHTTP(w, r)
	case r.URL.Path == "/":
		s.metrics.count(s.http, w, r)
	case r.URL.Path == graphql.Path || strings.HasPrefix(r.URL.Path, graphql.Path+"/"):
		s.metrics.count(s.graphql, w, r)
	default:
		http.NotFound(w, r)
	}
}

// Serve answers on l until [Server.Close], even one that came before; then it
// returns nil. It owns l.
func (s *Server) Serve(l net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadTimeout:       s.cfg.Timeouts.ReadTimeout,
		ReadHeaderTimeout: s.cfg.Timeouts.ReadHeaderTimeout,
		WriteTimeout:      s.cfg.Timeouts.WriteTimeout,
		IdleTimeout:       s.cfg.Timeouts.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return l.Close()
	}
	s.served = append(s.served, h)
	s.mu.Unlock()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving RPC on %v: %w", l.Addr(), err)
	}
	return nil
}

// Client returns a client that calls the server inside this process, without
// limits of HTTP. The caller closes it before the server.
func (s *Server) Client() *ethrpc.Client { return ethrpc.DialInProc(s.rpc) }

// Close stops taking requests, lets those that run finish, tells WebSocket
// clients that the server goes away, and ends everything that [New] started.
// When ctx ends first, it cuts the connections off, returns ctx's error, and
// waits only for calls that are still running, which have limits of their own.
// It may be called again.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	served := s.served
	s.mu.Unlock()

	var errs []error
	for _, h := range served {
		if err := h.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("waiting for requests: %w", err), h.Close())
		}
	}
	if err := s.ws.close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("waiting for WebSocket calls: %w", err))
	}
	s.rpc.Stop()
	s.subs.wait()
	s.logs.close()
	errs = append(errs, s.backend.close())
	s.metrics.close()
	return errors.Join(errs...)
}
