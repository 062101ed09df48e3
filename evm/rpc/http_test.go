package rpc

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	ethrpc "github.com/ava-labs/libevm/rpc"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/chaintest"
)

func TestHostHeaderRules(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		host  string
		want  int
	}{
		{nil, "localhost:8545", 200},
		{nil, "localhost", 200},
		{nil, "LOCALHOST", 200},
		{nil, "127.0.0.1:8545", 200},
		{nil, "[::1]:8545", 200},
		{nil, "[::1]", 200},
		{nil, "203.0.113.9", 200},
		{nil, "evil.example", 403},
		{nil, "evil.example:8545", 403},
		{nil, "localhost.evil.example", 403},
		{[]string{"rpc.pars.network"}, "rpc.pars.network", 200},
		{[]string{"RPC.Pars.Network"}, "rpc.pars.network:443", 200},
		{[]string{"rpc.pars.network"}, "localhost", 403},
		{[]string{"*"}, "evil.example", 200},
	} {
		n := start(t, Config{VHosts: c.hosts})
		got, _, _ := n.post(t, request("eth_chainId"), func(r *http.Request) { r.Host = c.host })
		if got != c.want {
			t.Errorf("hosts %v, Host %q: status %d, want %d", c.hosts, c.host, got, c.want)
		}
	}
}

func TestCORSRules(t *testing.T) {
	for _, c := range []struct {
		origins []string
		origin  string
		want    string
	}{
		{nil, "https://app.example", ""},
		{[]string{"https://app.example"}, "https://app.example", "https://app.example"},
		{[]string{"https://app.example"}, "https://evil.example", ""},
		{[]string{"*"}, "https://evil.example", "*"},
	} {
		n := start(t, Config{CORSOrigins: c.origins})
		_, h, _ := n.post(t, request("eth_chainId"), func(r *http.Request) { r.Header.Set("Origin", c.origin) })
		if got := h.Get("Access-Control-Allow-Origin"); got != c.want {
			t.Errorf("origins %v, Origin %s: allowed %q, want %q", c.origins, c.origin, got, c.want)
		}
		// A browser asks first, since the content type is JSON.
		status, h, _ := n.post(t, nil, func(r *http.Request) {
			r.Method = http.MethodOptions
			r.Header.Set("Origin", c.origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
			r.Header.Set("Access-Control-Request-Headers", "content-type")
		})
		if got := h.Get("Access-Control-Allow-Origin"); got != c.want || (c.want != "" && status >= 300) {
			t.Errorf("origins %v, preflight from %s: status %d, allowed %q, want %q", c.origins, c.origin, status, got, c.want)
		}
	}
}

func TestHTTPRules(t *testing.T) {
	n := start(t, Config{BodyBytes: 1000})
	for name, c := range map[string]struct {
		body   []byte
		change func(*http.Request)
		want   int
	}{
		"a call":                 {request("eth_chainId"), nil, 200},
		"another content type":   {request("eth_chainId"), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"no content type":        {request("eth_chainId"), func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		"charset":                {request("eth_chainId"), func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		"PUT":                    {request("eth_chainId"), func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"health check":           {nil, func(r *http.Request) { r.Method = http.MethodGet; r.Header.Del("Content-Type") }, 200},
		"another path":           {request("eth_chainId"), func(r *http.Request) { r.URL.Path = "/admin" }, 404},
		"body above the limit":   {request("web3_sha3", "0x"+strings.Repeat("00", 1000)), nil, 413},
		"body just in the limit": {request("web3_sha3", "0x"+strings.Repeat("00", 400)), nil, 200},
	} {
		if got, _, body := n.post(t, c.body, c.change); got != c.want {
			t.Errorf("%s: status %d (%s), want %d", name, got, body, c.want)
		}
	}
	// Without a length the body is cut at the limit, which leaves broken JSON.
	status, _, body := n.post(t, request("web3_sha3", "0x"+strings.Repeat("00", 1000)), func(r *http.Request) { r.ContentLength = -1 })
	if status != 200 || !bytes.Contains(body, []byte("-32700")) {
		t.Errorf("long body without a length: status %d, %s, want a parse error", status, body)
	}
}

func TestGzip(t *testing.T) {
	n := start(t, Config{})
	_, h, body := n.post(t, request("eth_chainId"), func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	if h.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers = %v, want gzip", h)
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || !bytes.Contains(plain, []byte(`"0x539"`)) {
		t.Errorf("unpacked answer = %s, %v, want chain id 0x539", plain, err)
	}
	_, h, body = n.post(t, request("eth_chainId"), func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") })
	if h.Get("Content-Encoding") != "" || !bytes.Contains(body, []byte(`"0x539"`)) {
		t.Errorf("answer to a client without gzip = %v %s, want it plain", h, body)
	}
}

func TestMalformedRequests(t *testing.T) {
	n := start(t, Config{})
	for body, want := range map[string]int{
		``:                  0, // an empty body is a health check
		`{`:                 -32700,
		`nonsense`:          -32700,
		`[]`:                -32600,
		`[1,2]`:             -32600,
		`{"jsonrpc":"2.0"}`: -32600,
		`{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}`:                                                     -32600,
		`{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}`:                                                     -32601,
		`{"jsonrpc":"2.0","id":1,"method":"nothing"}`:                                                         -32601,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}`:                                                  -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"a":1}}`:                                 -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12","latest"]}`:                       -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x01",false]}`:                    -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["-0x1",false]}`:                    -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x1",false,1]}`:                   -32602,
		`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}`:                             -32601,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","blockHash":"0x1234"}]}`: -32602,
	} {
		_, _, got := n.post(t, []byte(body), nil)
		var one struct {
			Error struct{ Code int }
		}
		if bytes.HasPrefix(bytes.TrimSpace(got), []byte("[")) {
			var all []json.RawMessage
			if err := json.Unmarshal(got, &all); err != nil || len(all) == 0 {
				t.Errorf("%s: answer %s, want JSON", body, got)
				continue
			}
			got = all[0]
		}
		if want == 0 && len(got) == 0 {
			continue
		}
		if err := json.Unmarshal(got, &one); err != nil || one.Error.Code != want {
			t.Errorf("%s: answer %s, want error %d", body, got, want)
		}
	}
}

func TestBatchLimits(t *testing.T) {
	n := start(t, Config{BatchItems: 5, BatchResponseBytes: 2000})
	batch := func(k int, call []byte) []json.RawMessage {
		body := []byte("[" + strings.TrimSuffix(strings.Repeat(string(call)+",", k), ",") + "]")
		_, _, out := n.post(t, body, nil)
		var all []json.RawMessage
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatalf("answer to a batch of %d = %s: %v", k, out, err)
		}
		return all
	}
	if got := batch(5, request("eth_chainId")); len(got) != 5 || bytes.Contains(got[4], []byte("error")) {
		t.Errorf("batch of 5 = %s, want 5 results", got)
	}
	if got := batch(6, request("eth_chainId")); len(got) != 1 || !bytes.Contains(got[0], []byte("batch too large")) {
		t.Errorf("batch of 6 = %s, want one error", got)
	}
	got := batch(5, request("eth_getBlockByNumber", "0x0", true))
	if len(got) != 5 || !bytes.Contains(got[4], []byte("response too large")) {
		t.Errorf("big batch = %s, want the last calls to fail as too large", got)
	}
	defaults := Config{}.withDefaults()
	if defaults.BatchItems != 1000 || defaults.BatchResponseBytes != 25_000_000 || defaults.BodyBytes != 5<<20 {
		t.Errorf("default limits = %+v, want geth's 1000 calls, 25 MB and 5 MiB", defaults)
	}
	if free := (Config{BatchItems: -1, BodyBytes: -1}).withDefaults(); free.BatchItems != 0 || free.BodyBytes != 5<<20 {
		t.Errorf("negative limits = %+v, want batches free and bodies bounded", free)
	}
}

func TestDangerousMethodsAreNotServed(t *testing.T) {
	n := start(t, Config{})
	for _, method := range []string{
		"debug_setHead", "debug_chaindbCompact", "debug_chaindbProperty", "debug_dbGet", "debug_dbAncient",
		"debug_printBlock", "debug_traceBlockFromFile", "debug_standardTraceBlockToFile", "debug_standardTraceBadBlockToFile",
		"debug_traceBadBlock", "personal_listAccounts", "personal_unlockAccount", "admin_addPeer", "miner_start",
		"engine_newPayloadV3",
	} {
		_, err := tryCall[any](t, n, method, "0x0")
		var code ethrpc.Error
		if !errors.As(err, &code) || code.ErrorCode() != -32601 {
			t.Errorf("%s: %v, want method not found", method, err)
		}
	}
	for _, method := range []string{"eth_sign", "eth_sendTransaction"} { // no keys in the node
		args := []any{chaintest.Address(n.Keys[0]), "0x00"}
		if method == "eth_sendTransaction" {
			args = []any{map[string]any{"from": chaintest.Address(n.Keys[0]), "to": common.Address{}}}
		}
		if _, err := tryCall[any](t, n, method, args...); err == nil || !strings.Contains(err.Error(), "unknown account") {
			t.Errorf("%s: %v, want unknown account", method, err)
		}
	}
}

func TestTimeouts(t *testing.T) {
	got := Config{Timeouts: ethrpc.HTTPTimeouts{IdleTimeout: time.Millisecond, ReadTimeout: 7 * time.Second}}.withDefaults().Timeouts
	want := ethrpc.HTTPTimeouts{ReadTimeout: 7 * time.Second, ReadHeaderTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second}
	if got != want {
		t.Errorf("timeouts = %+v, want %+v", got, want)
	}
}

func TestCloseLetsRequestsFinish(t *testing.T) {
	c := chaintest.New(t)
	n := serve(t, Config{}, c)
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := request("eth_chainId")
	// The server has begun to read this request when it sees the first bytes of
	// the body, and Close must wait for the rest.
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("answer to the head = %q, %v, want 100 Continue", line, err)
	}
	closed := make(chan error, 1)
	go func() { closed <- n.server.Close(context.Background()) }()
	// The listener closes first; then the request is still open.
	for {
		probe, err := net.Dial("tcp", n.addr)
		if err != nil {
			break
		}
		probe.Close()
	}
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadString('\n'); err != nil { // the blank line of 100 Continue
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if out, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(out, []byte(`"0x539"`)) {
		t.Errorf("answer during Close = %s, %v, want the chain id", out, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.server.Serve(l); err != nil {
		t.Errorf("Serve after Close = %v, want nil at once", err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("the listener is open after Serve on a closed server")
	}
}

func TestCloseGivesUpOnStuckRequests(t *testing.T) {
	n := start(t, Config{})
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.server.Close(ctx); err == nil {
		t.Error("Close() with a request that never ends and no time = nil, want an error")
	}
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	c := chaintest.New(t)
	n := serve(t, Config{Metrics: r}, c)
	n.post(t, request("eth_chainId"), nil)
	n.post(t, request("eth_chainId"), func(r *http.Request) { r.Host = "evil.example" })
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	if got["pars_rpc_http_requests_total/200"] != 1 || got["pars_rpc_http_requests_total/403"] != 1 {
		t.Errorf("metrics = %v, want one request with 200 and one with 403", got)
	}
	if _, err := New(Config{Metrics: r}, Chain{BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool}); err == nil {
		t.Error("two servers on one registry succeeded, want an error")
	}
}

func TestMissingPartsOfTheChain(t *testing.T) {
	c := chaintest.New(t)
	full := Chain{BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool}
	for name, cut := range map[string]func(*Chain){
		"BlockChain": func(x *Chain) { x.BlockChain = nil },
		"DB":         func(x *Chain) { x.DB = nil },
		"TxPool":     func(x *Chain) { x.TxPool = nil },
	} {
		chain := full
		cut(&chain)
		if _, err := New(Config{}, chain); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New without %s = %v, want an error that names it", name, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`,
		`[{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"},{"jsonrpc":"2.0","method":"eth_chainId"}]`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","topics":[null,["0x00"]]}]}`,
		`{"jsonrpc":"2.0","id":1,"method":"debug_traceCall","params":[{},"latest",{"tracer":"callTracer"}]}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x400","pending",[1,99]]}`,
		`{"jsonrpc":"2.0","id":1,"method":"pars_getBlockTimes","params":["0x0","latest"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"data":"0x5b600056"},"pending",{},{"number":"0xffff"}]}`,
		`{"jsonrpc":"2.0","id":1,"method":"debug_traceBlock","params":["0xc0"]}`,
		`[[[[`, `{"id":`, ``, `null`, "\x00",
	} {
		f.Add([]byte(s))
	}
	n := start(f, Config{EVMTimeout: 50 * time.Millisecond, TraceTimeout: 50 * time.Millisecond, GasCap: 1_000_000})
	n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	f.Fuzz(func(t *testing.T, body []byte) {
		status, _, out := n.post(t, body, nil)
		if status != http.StatusOK {
			t.Fatalf("status %d for %q, want 200", status, body)
		}
		if len(bytes.TrimSpace(out)) > 0 && !json.Valid(out) {
			t.Fatalf("answer to %q is not JSON: %q", body, out)
		}
		if bytes.Contains(out, []byte("method handler crashed")) {
			t.Fatalf("handler crashed on %q", body)
		}
	})
}
