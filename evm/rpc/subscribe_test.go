package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/filters"
	ethrpc "github.com/ava-labs/libevm/rpc"
	"github.com/gorilla/websocket"

	"github.com/pars-network/pars/evm/chaintest"
)

func TestSubscriptions(t *testing.T) {
	n := start(t, Config{})
	c := n.wsClient(t)
	heads := make(chan *types.Header, 10)
	headSub, err := c.SubscribeNewHead(t.Context(), heads)
	if err != nil {
		t.Fatal(err)
	}
	logs := make(chan types.Log, 10)
	logSub, err := c.SubscribeFilterLogs(t.Context(), ethereum.FilterQuery{Topics: [][]common.Hash{{word(2)}}}, logs)
	if err != nil {
		t.Fatal(err)
	}
	hashes := make(chan common.Hash, 10)
	hashSub, err := c.Client().EthSubscribe(t.Context(), hashes, "newPendingTransactions")
	if err != nil {
		t.Fatal(err)
	}
	full := make(chan map[string]any, 10)
	fullSub, err := c.Client().EthSubscribe(t.Context(), full, "newPendingTransactions", true)
	if err != nil {
		t.Fatal(err)
	}
	syncing := make(chan bool, 1)
	syncSub, err := c.Client().EthSubscribe(t.Context(), syncing, "syncing")
	if err != nil {
		t.Fatal(err)
	}
	if <-syncing {
		t.Error("syncing = true, want false")
	}
	for i := uint64(1); i <= 3; i++ {
		tx := n.Tx(0, &chaintest.Store, 0, chaintest.Word(i))
		if err := c.SendTransaction(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if got := <-hashes; got != tx.Hash() {
			t.Errorf("pending hash %d = %v, want %v", i, got, tx.Hash())
		}
		if got := <-full; got["hash"] != tx.Hash().Hex() || got["to"] == nil {
			t.Errorf("pending transaction %d = %v, want all of %v", i, got, tx.Hash())
		}
		b := n.MinePool()
		if got := <-heads; got.Hash() != b.Hash() {
			t.Errorf("head %d = %v, want %v", i, got.Hash(), b.Hash())
		}
		if i == 2 {
			if got := <-logs; got.TxHash != tx.Hash() || got.BlockHash != b.Hash() {
				t.Errorf("log = %+v, want that of %v", got, tx.Hash())
			}
		}
	}
	for _, s := range []ethereum.Subscription{headSub, logSub, hashSub, fullSub, syncSub} {
		s.Unsubscribe()
	}
	if len(logs) > 0 {
		t.Errorf("%d more logs came, want only those that match", len(logs))
	}
	if _, err := c.Client().EthSubscribe(t.Context(), hashes, "nothing"); err == nil {
		t.Error("subscribing to nothing succeeded, want an error")
	}
}

func TestInProcessClientSubscribes(t *testing.T) {
	n := start(t, Config{})
	c := n.server.Client()
	defer c.Close()
	heads := make(chan *types.Header, 1)
	if _, err := c.EthSubscribe(t.Context(), heads, "newHeads"); err != nil {
		t.Fatal(err)
	}
	b := n.Mine()
	if got := <-heads; got.Hash() != b.Hash() {
		t.Errorf("head = %v, want %v", got.Hash(), b.Hash())
	}
}

func TestSubscriptionLimit(t *testing.T) {
	n := start(t, Config{Subscriptions: 1})
	c := n.wsClient(t)
	heads := make(chan *types.Header, 1)
	sub, err := c.SubscribeNewHead(t.Context(), heads)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SubscribeNewHead(t.Context(), heads); err == nil {
		t.Error("a second subscription succeeded, want an error")
	}
	sub.Unsubscribe()
	for { // the server learns of it a moment later
		sub, err := c.SubscribeNewHead(t.Context(), heads)
		if err == nil {
			sub.Unsubscribe()
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestClientThatDoesNotReadLosesItsConnection(t *testing.T) {
	warned := make(chan string, 10)
	n := start(t, Config{SubscriberQueue: 4, Logger: slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { warned <- string(b) }), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	// A pipe has no buffers: a client that doesn't read stops the server's first write.
	mine, theirs := net.Pipe()
	defer mine.Close()
	l := &oneListener{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conns <- theirs
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(l) }()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return mine, nil }}
	ws, resp, err := dialer.Dial("ws://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := ws.WriteMessage(websocket.TextMessage, request("eth_subscribe", "newHeads")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); err != nil { // the subscription's id
		t.Fatal(err)
	}
	// The chain must go on at its own pace whatever the client does.
	for i := range uint64(100) {
		n.Mine(n.TxAt(0, i, &chaintest.Store, 0, chaintest.Word(i)))
	}
	seen := 0
	for ; err == nil; seen++ {
		_, _, err = ws.ReadMessage()
	}
	if seen >= 100 {
		t.Errorf("the client got %d heads, want its connection closed before", seen)
	}
	// The full queue must have done it, not a write that timed out: until then
	// the chain would have waited.
	select {
	case got := <-warned:
		if !strings.Contains(got, "does not read") {
			t.Errorf("warning = %q, want one about the client", got)
		}
	default:
		t.Error("no warning about the client, want the full queue to close the connection")
	}
}

func TestWebSocketOriginRules(t *testing.T) {
	for _, c := range []struct {
		rules  []string
		origin string
		want   bool
	}{
		{nil, "", true},
		{nil, "http://localhost", true},
		{nil, "http://localhost:3000", true},
		{nil, "https://localhost", false},
		{nil, "http://evil.example", false},
		{[]string{"*"}, "http://evil.example", true},
		{[]string{"https://app.example"}, "https://app.example", true},
		{[]string{"https://app.example"}, "https://APP.example:8443", true},
		{[]string{"https://app.example"}, "http://app.example", false},
		{[]string{"https://app.example:8443"}, "https://app.example", false},
		{[]string{"app.example"}, "http://app.example:99", true},
		{[]string{"app.example:99"}, "http://app.example:98", false},
		{[]string{""}, "http://evil.example", false},
		{[]string{"https://app.example"}, "null", false},
		{[]string{"https://app.example"}, "http://%zz", false},
	} {
		n := start(t, Config{WSOrigins: c.rules})
		h := http.Header{}
		if c.origin != "" {
			h.Set("Origin", c.origin)
		}
		ws, resp, err := websocket.DefaultDialer.Dial("ws://"+n.addr, h)
		if got := err == nil; got != c.want {
			t.Errorf("rules %q, origin %q: %v, want allowed = %v", c.rules, c.origin, err, c.want)
		}
		if resp != nil {
			resp.Body.Close()
		}
		if ws != nil {
			ws.Close()
		}
	}
}

func TestWebSocketLimits(t *testing.T) {
	n := start(t, Config{WSConnections: 2, WSMessageBytes: 1000})
	dial := func() (*websocket.Conn, int) {
		ws, resp, _ := websocket.DefaultDialer.Dial("ws://"+n.addr+"/ws", nil)
		if resp == nil {
			return ws, 0
		}
		resp.Body.Close()
		return ws, resp.StatusCode
	}
	a, _ := dial()
	defer a.Close()
	b, _ := dial()
	if _, status := dial(); status != http.StatusServiceUnavailable {
		t.Errorf("third connection: status %d, want 503", status)
	}
	b.Close()
	for { // the server learns of it a moment later
		c, status := dial()
		if status == http.StatusSwitchingProtocols {
			c.Close()
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("no room after a connection has ended")
		}
	}
	if err := a.WriteMessage(websocket.TextMessage, request("web3_sha3", "0x"+strings.Repeat("00", 1000))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("after a message above the limit: %v, want close code 1009", err)
	}
}

func TestCloseTellsWebSocketClients(t *testing.T) {
	n := start(t, Config{})
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+n.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	defer ws.Close()
	if err := ws.WriteMessage(websocket.TextMessage, request("eth_subscribe", "newHeads")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if err := n.server.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("after Close: %v, want close code 1001", err)
	}
}

func TestMatches(t *testing.T) {
	l := &types.Log{BlockNumber: 5, Address: common.Address{1}, Topics: []common.Hash{{1}, {2}}}
	for name, c := range map[string]struct {
		q    ethereum.FilterQuery
		want bool
	}{
		"no criteria":       {ethereum.FilterQuery{}, true},
		"address":           {ethereum.FilterQuery{Addresses: []common.Address{{2}, {1}}}, true},
		"other address":     {ethereum.FilterQuery{Addresses: []common.Address{{2}}}, false},
		"first topic":       {ethereum.FilterQuery{Topics: [][]common.Hash{{{1}}}}, true},
		"second topic":      {ethereum.FilterQuery{Topics: [][]common.Hash{nil, {{9}, {2}}}}, true},
		"wrong place":       {ethereum.FilterQuery{Topics: [][]common.Hash{{{2}}}}, false},
		"three topics":      {ethereum.FilterQuery{Topics: [][]common.Hash{nil, nil, nil}}, false},
		"from this block":   {ethereum.FilterQuery{FromBlock: bigInt(5), ToBlock: bigInt(5)}, true},
		"from a later one":  {ethereum.FilterQuery{FromBlock: bigInt(6)}, false},
		"to an earlier one": {ethereum.FilterQuery{ToBlock: bigInt(4)}, false},
		"from latest":       {ethereum.FilterQuery{FromBlock: bigInt(-2)}, true},
	} {
		if got := matches(filters.FilterCriteria(c.q), l); got != c.want {
			t.Errorf("%s: matches = %v, want %v", name, got, c.want)
		}
	}
}

func TestSubscribeNeedsAConnectionThatStays(t *testing.T) {
	n := start(t, Config{})
	c := n.dial(t, "http://"+n.addr)
	if _, err := c.EthSubscribe(t.Context(), make(chan *types.Header), "newHeads"); !errors.Is(err, ethrpc.ErrNotificationsUnsupported) {
		t.Errorf("subscribing over HTTP = %v, want ErrNotificationsUnsupported", err)
	}
}

// writerFunc is a function as a writer.
type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

// oneListener hands out the connections it is given.
type oneListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }
