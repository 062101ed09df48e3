package load

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/core"

	"github.com/pars-network/pars/evm/chaintest"
	"github.com/pars-network/pars/evm/rpc"
)

// testNode serves a chain that makes a block whenever its pool has something.
func testNode(t *testing.T, cfg rpc.Config) string {
	t.Helper()
	c := chaintest.New(t)
	s, err := rpc.New(cfg, rpc.Chain{BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	news := make(chan core.NewTxsEvent, 1024)
	sub := c.Pool.SubscribeTransactions(news, true)
	mined := make(chan struct{})
	go func() {
		defer close(mined)
		for {
			select {
			case <-news:
				if pending, _ := c.Pool.Stats(); pending > 0 {
					c.MinePool()
				}
			case <-sub.Err():
				return
			}
		}
	}()
	t.Cleanup(func() {
		sub.Unsubscribe()
		<-mined
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func TestOpenLoopCountsEveryTransaction(t *testing.T) {
	r, err := Run(t.Context(), Config{HTTP: testNode(t, rpc.Config{}), Rate: 200, Duration: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 100 || r.Done != 100 || r.Lost+r.Refused+r.Failed != 0 || r.Mode != "open" || r.ChainID != 1337 {
		t.Errorf("result = %+v, want 100 of 100 done on 1337", r)
	}
	if r.Latency.P50 <= 0 || r.Latency.P95 < r.Latency.P50 || r.Latency.P99 < r.Latency.P95 || r.Latency.Max < r.Latency.P99 {
		t.Errorf("latency = %+v, want rising quantiles above 0", r.Latency)
	}
	if r.GapFrom != "header" || r.Gap.P50 < 400 || r.Blocks < 2 {
		t.Errorf("gap = %+v from %s over %d blocks, want at least 400 ms from headers", r.Gap, r.GapFrom, r.Blocks)
	}
	var table, file bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "100 sent, 100 done") {
		t.Errorf("table = %s, %v, want the counts in it", &table, err)
	}
	var back Result
	if err := r.WriteJSON(&file); err != nil || json.Unmarshal(file.Bytes(), &back) != nil || back.Latency != r.Latency {
		t.Errorf("JSON = %s, %v, want what the result says", &file, err)
	}
}

func TestClosedLoopWithAccountsThatHaveNothing(t *testing.T) {
	r, err := Run(t.Context(), Config{HTTP: testNode(t, rpc.Config{}), Duration: 300 * time.Millisecond, Accounts: 12, KeySeed: "some test"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent < 12 || r.Done != r.Sent || r.Mode != "closed" {
		t.Errorf("result = %+v, want at least one transaction for each account, all done", r)
	}
}

func TestRefusedTransactionsAreCounted(t *testing.T) {
	// The node refuses fees above its cap and says so, and the run goes on.
	r, err := Run(t.Context(), Config{HTTP: testNode(t, rpc.Config{TxFeeCap: 0.001}), Rate: 100, Duration: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Refused != 10 || r.Done != 0 || len(r.Refusals) == 0 {
		t.Errorf("result = %+v, want all 10 refused and why", r)
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]Config{
		"negative rate":     {Rate: -1},
		"negative duration": {Duration: -1},
		"too much":          {Rate: 1e9, Duration: time.Hour},
		"too many accounts": {Accounts: maxAccounts + 1},
		"tip above cap":     {Tip: big.NewInt(2), FeeCap: big.NewInt(1)},
		"not http":          {HTTP: "ftp://127.0.0.1"},
		"not an address":    {HTTP: "http://%zz"},
	} {
		if _, err := c.withDefaults(); err == nil {
			t.Errorf("%s: accepted, want an error", name)
		}
	}
	if c, err := (Config{HTTP: "https://rpc.example/x"}).withDefaults(); err != nil || c.WS != "wss://rpc.example/x" {
		t.Errorf("WebSocket address = %q, %v, want wss://rpc.example/x", c.WS, err)
	}
	if _, err := Run(t.Context(), Config{HTTP: "http://127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "is a node running there?") {
		t.Errorf("no node: %v, want an error that asks for one", err)
	}
}

func TestKeys(t *testing.T) {
	payer, senders, err := newSenders("", 12)
	if err != nil {
		t.Fatal(err)
	}
	if payer.addr != senders[0].addr || payer.addr.Hex() != "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" {
		t.Errorf("payer = %v, first sender = %v, want the first well-known account", payer.addr, senders[0].addr)
	}
	_, seeded, err := newSenders("a", 12)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := newSenders("b", 12)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range slices.Concat(senders, seeded, other) {
		if seen[s.addr.Hex()] {
			t.Errorf("address %v comes twice", s.addr)
		}
		seen[s.addr.Hex()] = true
	}
}

func TestQuantiles(t *testing.T) {
	var hundred []float64
	for i := 100; i > 0; i-- {
		hundred = append(hundred, float64(i))
	}
	for _, c := range []struct {
		values []float64
		want   Quantiles
	}{
		{nil, Quantiles{}},
		{[]float64{7}, Quantiles{7, 7, 7, 7}},
		{[]float64{2, 1}, Quantiles{1, 2, 2, 2}},
		{hundred, Quantiles{50, 95, 99, 100}},
	} {
		if got := newQuantiles(c.values); got != c.want {
			t.Errorf("newQuantiles(%v) = %+v, want %+v", c.values, got, c.want)
		}
	}
}

func TestGapsSkipHeartbeats(t *testing.T) {
	at := time.Unix(0, 0)
	blocks := []block{
		{number: 3, ms: 1800, seen: at.Add(1900 * time.Millisecond), txs: 1},
		{number: 1, ms: 1000, seen: at.Add(1050 * time.Millisecond), txs: 1},
		{number: 2, ms: 1400, seen: at.Add(1450 * time.Millisecond), txs: 2},
		{number: 4, ms: 11800, seen: at.Add(11800 * time.Millisecond), txs: 0},
		{number: 5, ms: 12500, seen: at.Add(12500 * time.Millisecond), txs: 1},
	}
	if got, from := gapsOf(slices.Clone(blocks)); !slices.Equal(got, []float64{400, 400}) || from != "header" {
		t.Errorf("gaps = %v from %s, want 400, 400 from headers", got, from)
	}
	blocks[0].ms = 0 // a chain without milliseconds
	if got, from := gapsOf(blocks); !slices.Equal(got, []float64{400, 450}) || from != "arrival" {
		t.Errorf("gaps = %v from %s, want 400, 450 by arrival", got, from)
	}
}

func TestRecipientsHaveNoCode(t *testing.T) {
	if a := recipient(5); a == recipient(6) || a != recipient(1005) || a.Big().Cmp(big.NewInt(0x10000)) < 0 {
		t.Errorf("recipient(5) = %v, want one of a thousand outside the native contracts", a)
	}
}
