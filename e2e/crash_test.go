package e2e

import (
	"context"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/rlp"
	"github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/internal/testutil"
)

// TestKilledUnderLoadLosesNothing kills a node again and again while it takes
// 100 transactions a second. Whatever it showed as accepted must still be there
// after the restart, and in the end the state must be what an uninterrupted
// execution of the blocks gives.
func TestKilledUnderLoadLosesNothing(t *testing.T) {
	kills := 10
	if testutil.Full() {
		kills = 50
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	seen := &witness{blocks: map[uint64]*types.Header{}, receipts: map[common.Hash]common.Hash{}}

	var slowest time.Duration
	for range kills {
		p := startDev(t, "--datadir", dir)
		if len(seen.blocks) > 0 {
			slowest = max(slowest, p.took)
		}
		seen.check(t, p)
		seen.loadAndKill(t, p, time.Duration(200+random.IntN(1500))*time.Millisecond)
	}
	last := startDev(t, "--datadir", dir)
	slowest = max(slowest, last.took)
	seen.check(t, last)
	t.Logf("%d kills: %d blocks and %d receipts were seen and are there; slowest restart %s", kills, len(seen.blocks), len(seen.receipts), slowest.Round(time.Millisecond))
	if len(seen.receipts) < 10*kills {
		t.Errorf("only %d receipts were seen in %d rounds; the load didn't load", len(seen.receipts), kills)
	}
	replay(t, last, dir)
}

// witness is what a client was shown: accepted blocks and receipts.
type witness struct {
	mu       sync.Mutex
	blocks   map[uint64]*types.Header
	receipts map[common.Hash]common.Hash // transaction -> block
	top      uint64
}

// loadAndKill sends transactions and watches blocks, and kills the node that
// long after the first new block.
func (w *witness) loadAndKill(t *testing.T, p *parsd, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*startTime)
	defer cancel()
	first := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { send(ctx, t, p) })
	wg.Go(func() { w.watch(ctx, p, first) })
	select {
	case <-first:
	case <-ctx.Done():
		t.Fatal("no block under load")
	}
	// A moment that no event marks is what this test is about.
	<-time.After(after)
	p.Kill()
	cancel()
	wg.Wait()
}

// send hands in 100 transfers a second, in turn from all accounts, until the
// node is gone.
func send(ctx context.Context, t *testing.T, p *parsd) {
	accounts := make([]*account, len(p.banner.Accounts))
	for i := range accounts {
		accounts[i] = p.account(t, i)
		nonce, err := p.client.NonceAt(ctx, accounts[i].addr, nil)
		if err != nil {
			t.Errorf("nonce of account %d: %v", i, err)
			return
		}
		accounts[i].nonce = nonce
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// The same nonce always gives the same transaction, so that one which
		// the pool's journal brought back is known, not a conflict.
		tx := accounts[i%len(accounts)].transfer(t, p.banner.ChainID, common.BigToAddress(big.NewInt(int64(1000+i%50))))
		if err := p.client.SendTransaction(ctx, tx); err != nil && !known(err) {
			return // killed
		}
	}
}

// known reports whether the node refused a transaction because it, or a later
// one of the account, is there already.
func known(err error) bool {
	return strings.Contains(err.Error(), "already known") || strings.Contains(err.Error(), "nonce too low") || strings.Contains(err.Error(), "underpriced")
}

// watch writes down every accepted block with its receipts, until the node is
// gone.
func (w *witness) watch(ctx context.Context, p *parsd, first chan struct{}) {
	var once sync.Once
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := w.top
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		head, err := p.client.BlockNumber(ctx)
		if err != nil {
			return
		}
		for n := w.top + 1; n <= head; n++ {
			header, err := p.client.HeaderByNumber(ctx, new(big.Int).SetUint64(n))
			if err != nil {
				return
			}
			receipts, err := p.client.BlockReceipts(ctx, rpc.BlockNumberOrHashWithNumber(rpc.BlockNumber(n)))
			if err != nil {
				return
			}
			w.mu.Lock()
			w.top, w.blocks[n] = n, header
			for _, r := range receipts {
				w.receipts[r.TxHash] = r.BlockHash
			}
			w.mu.Unlock()
		}
		if w.top > began {
			once.Do(func() { close(first) })
		}
	}
}

// check compares what was seen with what the node has now.
func (w *witness) check(t *testing.T, p *parsd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*startTime)
	defer cancel()
	for n, want := range w.blocks {
		got, err := p.client.HeaderByNumber(ctx, new(big.Int).SetUint64(n))
		if err != nil || got.Hash() != want.Hash() {
			t.Fatalf("block %d after the kill = %v, %v, want the one that was accepted: %s", n, got, err, want.Hash())
		}
	}
	for tx, block := range w.receipts {
		r, err := p.client.TransactionReceipt(ctx, tx)
		if err != nil || r.BlockHash != block {
			t.Fatalf("receipt of %s after the kill = %+v, %v, want the one that was seen, in block %s", tx, r, err, block)
		}
	}
}

// replay executes the node's blocks on a fresh chain in memory and compares the
// state.
func replay(t *testing.T, p *parsd, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*startTime)
	defer cancel()
	head, err := p.client.HeaderByNumber(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks := make([]*types.Block, 0, head.Number.Uint64())
	for n := uint64(1); n <= head.Number.Uint64(); n++ {
		var raw hexutil.Bytes
		if err := p.client.Client().CallContext(ctx, &raw, "debug_getRawBlock", hexutil.Uint64(n)); err != nil {
			t.Fatal(err)
		}
		b := new(types.Block)
		if err := rlp.DecodeBytes(raw, b); err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
	text, err := os.ReadFile(filepath.Join(dir, "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	extras.Register()
	g, err := genesis.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := g.ToEVM()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := core.NewBlockChain(rawdb.NewMemoryDatabase(), nil, spec, nil, engine.New(g.EngineConfig()), vm.Config{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Stop()
	if n, err := fresh.InsertChain(blocks); err != nil {
		t.Fatalf("executing block %d of the node again: %v", n+1, err)
	}
	if got := fresh.CurrentBlock(); got.Hash() != head.Hash() || got.Root != head.Root {
		t.Fatalf("replay ends at %s with root %s, want the node's %s with %s", got.Hash(), got.Root, head.Hash(), head.Root)
	}
	state, err := fresh.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.banner.Accounts {
		addr := common.HexToAddress(a.Address)
		balance, err := p.client.BalanceAt(ctx, addr, head.Number)
		if err != nil || balance.Cmp(state.GetBalance(addr).ToBig()) != 0 {
			t.Errorf("balance of %s = %v, %v, want the replay's %s", addr, balance, err, state.GetBalance(addr))
		}
		nonce, err := p.client.NonceAt(ctx, addr, head.Number)
		if err != nil || nonce != state.GetNonce(addr) {
			t.Errorf("nonce of %s = %d, %v, want the replay's %d", addr, nonce, err, state.GetNonce(addr))
		}
	}
	t.Logf("replay of %d blocks gives the node's state root %s", len(blocks), head.Root)
}
