package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ava-labs/libevm/ethclient"
	ethlog "github.com/ava-labs/libevm/log"
	ethrpc "github.com/ava-labs/libevm/rpc"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/evm/chaintest"
)

func TestMain(m *testing.M) {
	ethlog.SetDefault(ethlog.NewLogger(ethlog.DiscardHandler()))
	goleak.VerifyTestMain(m,
		// libevm starts these when the package is loaded, for ever.
		goleak.IgnoreTopFunction("github.com/ava-labs/libevm/core.(*txSenderCacher).cache"),
		goleak.IgnoreTopFunction("github.com/ava-labs/libevm/metrics.(*meterArbiter).tick"),
		// A pool that is closed while it follows a new head leaves this behind.
		goleak.IgnoreTopFunction("github.com/ava-labs/libevm/core/txpool.(*TxPool).loop.func2"),
	)
}

// node is a chain with its API on a loopback port.
type node struct {
	*chaintest.Chain
	server *Server
	addr   string
}

// start serves a new chain until the test ends. Pending blocks see the chain's
// own clock.
func start(t testing.TB, cfg Config) *node {
	t.Helper()
	return serve(t, cfg, chaintest.New(t))
}

func serve(t testing.TB, cfg Config, c *chaintest.Chain) *node {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return time.UnixMilli(int64(c.NowMs())) }
	}
	return serveChain(t, cfg, c, Chain{BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool})
}

func serveChain(t testing.TB, cfg Config, c *chaintest.Chain, chain Chain) *node {
	t.Helper()
	s, err := New(cfg, chain)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v, want nil after Close", err)
		}
	})
	return &node{Chain: c, server: s, addr: l.Addr().String()}
}

func (n *node) client(t testing.TB) *ethclient.Client {
	t.Helper()
	return ethclient.NewClient(n.dial(t, "http://"+n.addr))
}

func (n *node) wsClient(t testing.TB) *ethclient.Client {
	t.Helper()
	return ethclient.NewClient(n.dial(t, "ws://"+n.addr))
}

func (n *node) dial(t testing.TB, url string) *ethrpc.Client {
	t.Helper()
	c, err := ethrpc.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// call calls a method and decodes its result into a new T.
func call[T any](t testing.TB, n *node, method string, args ...any) T {
	t.Helper()
	out, err := tryCall[T](t, n, method, args...)
	if err != nil {
		t.Fatalf("%s%v = %v", method, args, err)
	}
	return out
}

func tryCall[T any](t testing.TB, n *node, method string, args ...any) (T, error) {
	t.Helper()
	var out T
	c, err := ethrpc.Dial("http://" + n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.CallContext(t.Context(), &out, method, args...)
	return out, err
}

// post sends a raw body and returns the status and the answer.
func (n *node) post(t testing.TB, body []byte, change func(*http.Request)) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.addr, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, out
}

// request returns the JSON of a call.
func request(method string, args ...any) []byte {
	if args == nil {
		args = []any{}
	}
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": args})
	if err != nil {
		panic(err)
	}
	return b
}

func gwei(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e9)) }

func bigInt(n int64) *big.Int { return big.NewInt(n) }
