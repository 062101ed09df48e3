package rpc

import (
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/chaintest"
)

// words are the topics that blocks log: block i logs word(i).
func word(i uint64) common.Hash { return common.BytesToHash(chaintest.Word(i)) }

// logChain has 40 blocks, each with one log of its number, and one more log in
// block 7, of another contract.
func logChain(t testing.TB) (*chaintest.Chain, common.Address) {
	t.Helper()
	c := chaintest.New(t)
	deploy := c.TxAt(1, 0, nil, 0, chaintest.StoreInit)
	var other common.Address
	for i := uint64(1); i <= 40; i++ {
		txs := []*types.Transaction{c.TxAt(0, i-1, &chaintest.Store, 0, chaintest.Word(i))}
		switch i {
		case 1:
			txs = append(txs, deploy)
		case 7:
			txs = append(txs, c.TxAt(1, 1, &other, 0, chaintest.Word(7)))
		}
		b := c.Mine(txs...)
		if i == 1 {
			other = c.BlockChain.GetReceiptsByHash(b.Hash())[1].ContractAddress
		}
	}
	return c, other
}

func TestGetLogs(t *testing.T) {
	c, other := logChain(t)
	for name, cfg := range map[string]Config{
		"by scanning":  {},
		"by the index": {bloomSection: 16}, // two sections are full
	} {
		n := serve(t, cfg, c)
		if cfg.bloomSection > 0 {
			waitIndexed(t, n, 2)
		}
		client := n.client(t)
		h9 := c.BlockChain.GetHeaderByNumber(9).Hash()
		for _, q := range []struct {
			name  string
			query ethereum.FilterQuery
			want  []uint64 // block numbers
		}{
			{"all", ethereum.FilterQuery{FromBlock: new(big.Int)}, upTo(40, 7)},
			{"latest", ethereum.FilterQuery{FromBlock: big.NewInt(-2), ToBlock: big.NewInt(-2)}, []uint64{40}},
			{"by address", ethereum.FilterQuery{FromBlock: new(big.Int), Addresses: []common.Address{other}}, []uint64{7}},
			{"by topic", ethereum.FilterQuery{FromBlock: new(big.Int), Topics: [][]common.Hash{{word(33)}}}, []uint64{33}},
			{"by one of topics", ethereum.FilterQuery{FromBlock: new(big.Int), Topics: [][]common.Hash{{word(3), word(36), word(99)}}}, []uint64{3, 36}},
			{"by topic and address", ethereum.FilterQuery{FromBlock: new(big.Int), Topics: [][]common.Hash{{word(7)}}, Addresses: []common.Address{chaintest.Store}}, []uint64{7}},
			{"any topic", ethereum.FilterQuery{FromBlock: big.NewInt(38), Topics: [][]common.Hash{{}}}, []uint64{38, 39, 40}},
			{"two topics, of which logs have one", ethereum.FilterQuery{FromBlock: new(big.Int), Topics: [][]common.Hash{{}, {}}}, nil},
			{"a part", ethereum.FilterQuery{FromBlock: big.NewInt(10), ToBlock: big.NewInt(12)}, []uint64{10, 11, 12}},
			{"over the head", ethereum.FilterQuery{FromBlock: big.NewInt(39), ToBlock: big.NewInt(1000)}, []uint64{39, 40}},
			{"one block by hash", ethereum.FilterQuery{BlockHash: &h9}, []uint64{9}},
		} {
			got, err := client.FilterLogs(t.Context(), q.query)
			if err != nil {
				t.Errorf("%s, %s: %v", name, q.name, err)
				continue
			}
			var numbers []uint64
			for _, l := range got {
				numbers = append(numbers, l.BlockNumber)
				if l.TxHash == (common.Hash{}) || l.BlockHash != c.BlockChain.GetHeaderByNumber(l.BlockNumber).Hash() || l.Removed {
					t.Errorf("%s, %s: log %+v lacks its place", name, q.name, l)
				}
			}
			if !slices.Equal(numbers, q.want) {
				t.Errorf("%s, %s: logs of blocks %v, want %v", name, q.name, numbers, q.want)
			}
		}
	}
}

func TestGetLogsLimits(t *testing.T) {
	c, _ := logChain(t)
	n := serve(t, Config{LogRange: 30, LogResults: 20}, c)
	address := make([]common.Address, maxCriteria+1)
	for name, q := range map[string]struct {
		query map[string]any
		want  string
	}{
		"too long a range":  {map[string]any{"fromBlock": "0x0", "toBlock": "0x1e"}, "spans 31 blocks, want at most 30"},
		"too many logs":     {map[string]any{"fromBlock": "0x1", "toBlock": "0x1e"}, "more than 20 logs"},
		"backwards":         {map[string]any{"fromBlock": "0x9", "toBlock": "0x8"}, "invalid block range"},
		"from the future":   {map[string]any{"fromBlock": "0x1000", "toBlock": "latest"}, "invalid block range"},
		"five topics":       {map[string]any{"topics": []any{nil, nil, nil, nil, nil}}, "at most 4"},
		"too many address":  {map[string]any{"address": address}, "at most 1000"},
		"hash not of block": {map[string]any{"blockHash": common.Hash{1}}, "unknown block"},
	} {
		if _, err := tryCall[any](t, n, "eth_getLogs", q.query); err == nil || !strings.Contains(err.Error(), q.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, q.want)
		}
	}
	if got := call[[]any](t, n, "eth_getLogs", map[string]any{"fromBlock": "0x1", "toBlock": "0x14", "address": chaintest.Store}); len(got) != 20 {
		t.Errorf("logs in the limit = %d, want 20", len(got))
	}
	if got := call[[]map[string]any](t, n, "eth_getLogs", map[string]any{}); len(got) != 1 || got[0]["blockNumber"] != "0x28" {
		t.Errorf("logs without blocks = %v, want those of the latest", got)
	}
	if got := call[any](t, n, "eth_getLogs", map[string]any{"address": common.Address{9}}); got == nil {
		t.Error("no logs = null, want []")
	}
	if got := call[[]any](t, n, "eth_getLogs", map[string]any{"fromBlock": "0x1000", "toBlock": "0x2000"}); len(got) != 0 {
		t.Errorf("logs of blocks to come = %v, want []", got)
	}
}

func TestPollingFilters(t *testing.T) {
	n := start(t, Config{Filters: 3})
	logs := call[string](t, n, "eth_newFilter", map[string]any{"address": chaintest.Store})
	blocks := call[string](t, n, "eth_newBlockFilter")
	txs := call[string](t, n, "eth_newPendingTransactionFilter")
	if _, err := tryCall[any](t, n, "eth_newBlockFilter"); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a fourth filter: %v, want an error about the limit", err)
	}
	tx := n.Tx(0, &chaintest.Store, 0, chaintest.Word(1))
	if err := n.client(t).SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	b := n.MinePool()
	// Filters learn of events a little after the chain; each poll takes the new ones.
	if got := poll(t, n, txs); got != tx.Hash().Hex() {
		t.Errorf("pending transaction filter = %v, want %v", got, tx.Hash())
	}
	if got := poll(t, n, blocks); got != b.Hash().Hex() {
		t.Errorf("block filter = %v, want %v", got, b.Hash())
	}
	if got := poll(t, n, logs); got.(map[string]any)["transactionHash"] != tx.Hash().Hex() {
		t.Errorf("log filter = %v, want the log of %v", got, tx.Hash())
	}
	if got := call[[]any](t, n, "eth_getFilterLogs", logs); len(got) != 1 {
		t.Errorf("eth_getFilterLogs = %v, want the one log", got)
	}
	if got := call[[]any](t, n, "eth_getFilterChanges", blocks); len(got) != 0 {
		t.Errorf("block filter, again = %v, want []", got)
	}
	if _, err := tryCall[any](t, n, "eth_getFilterLogs", blocks); err == nil {
		t.Error("eth_getFilterLogs of a block filter succeeded, want an error")
	}
	if !call[bool](t, n, "eth_uninstallFilter", blocks) || call[bool](t, n, "eth_uninstallFilter", blocks) {
		t.Error("eth_uninstallFilter twice, want true then false")
	}
	if _, err := tryCall[any](t, n, "eth_getFilterChanges", blocks); err == nil || !strings.Contains(err.Error(), "filter not found") {
		t.Errorf("changes of a removed filter: %v, want not found", err)
	}
	call[string](t, n, "eth_newBlockFilter") // there is room again
}

func TestForgottenFiltersMakeRoom(t *testing.T) {
	now := time.Unix(chaintest.GenesisTime, 0)
	n := start(t, Config{Filters: 1, Now: func() time.Time { return now }})
	call[string](t, n, "eth_newBlockFilter")
	now = now.Add(filterTTL + time.Second)
	call[string](t, n, "eth_newBlockFilter")
}

// poll asks a filter until it has something, and returns the first of it.
func poll(t *testing.T, n *node, id string) any {
	t.Helper()
	for t.Context().Err() == nil {
		if got := call[[]any](t, n, "eth_getFilterChanges", id); len(got) > 0 {
			return got[0]
		}
	}
	return nil
}

// waitIndexed returns once that many sections are indexed.
func waitIndexed(t *testing.T, n *node, want uint64) {
	t.Helper()
	for t.Context().Err() == nil {
		if _, got := n.server.backend.BloomStatus(); got >= want {
			return
		}
		time.Sleep(time.Millisecond) // the indexer has no event to wait for
	}
}

func upTo(n uint64, twice uint64) []uint64 {
	var out []uint64
	for i := uint64(1); i <= n; i++ {
		out = append(out, i)
		if i == twice {
			out = append(out, i)
		}
	}
	return out
}
