package rpc

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/ethdb/memorydb"
	"github.com/ava-labs/libevm/trie"

	"github.com/pars-network/pars/evm/chaintest"
)

// history is a chain whose old states are dropped, but for the one after block
// kept: block i has written i to the store.
func history(t testing.TB, cfg Config, blocks, kept uint64) *node {
	t.Helper()
	c := chaintest.New(t)
	for i := uint64(1); i <= blocks; i++ {
		b := c.Mine(c.TxAt(0, i-1, &chaintest.Store, 0, chaintest.Word(i)))
		if i == kept {
			if err := c.BlockChain.TrieDB().Commit(b.Root(), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	return serve(t, cfg, c)
}

func (n *node) stored(t testing.TB, block int64) (common.Hash, error) {
	t.Helper()
	got, err := n.client(t).CallContract(t.Context(), ethereum.CallMsg{To: &chaintest.Store}, big.NewInt(block))
	return common.BytesToHash(got), err
}

func TestOldStatesAreReplayed(t *testing.T) {
	const blocks, kept = 180, 20
	n := history(t, Config{ReplayBlocks: 16}, blocks, kept)
	_, err := n.stored(t, kept+17)
	if err == nil || !strings.Contains(err.Error(), "state is not available") || !strings.Contains(err.Error(), "--archive") {
		t.Errorf("store after block %d = %v, want an error that names the archive flag", kept+17, err)
	}
	if _, _, err := n.server.backend.StateAndHeaderByNumber(t.Context(), kept+17); !errors.Is(err, ErrStateGone) {
		t.Errorf("state after block %d = %v, want ErrStateGone", kept+17, err)
	}
	if n.BlockChain.HasState(n.BlockChain.GetHeaderByNumber(30).Root) {
		t.Fatal("block 30 still has its state; the test wants it dropped")
	}
	for _, block := range []int64{0, kept, kept + 1, 30, kept + 16, 120, blocks} {
		want := common.BigToHash(big.NewInt(block))
		if got, err := n.stored(t, block); err != nil || got != want {
			t.Errorf("store after block %d = %v, %v, want %v", block, got, err, want)
		}
	}
	// The second answer comes from the cache and must not see the first's changes.
	if got, err := n.stored(t, 30); err != nil || got != common.BigToHash(big.NewInt(30)) {
		t.Errorf("store after block 30, again = %v, %v, want 30", got, err)
	}
	// That answer also shortens the way to later blocks.
	if got, err := n.stored(t, kept+17); err != nil || got != common.BigToHash(big.NewInt(kept+17)) {
		t.Errorf("store after block %d = %v, %v, want it from the cached block before it", kept+17, got, err)
	}
	if _, err := n.stored(t, blocks+1); err == nil || !strings.Contains(err.Error(), "header not found") {
		t.Errorf("store after a block that does not exist = %v, want header not found", err)
	}
}

func TestReplayStopsWithItsContext(t *testing.T) {
	n := history(t, Config{}, 160, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := n.BlockChain.GetHeaderByNumber(20)
	if _, err := n.server.backend.stateOf(ctx, h, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("replay with a dead context = %v, want context.Canceled", err)
	}
}

func TestReplayedStatesAreIndependent(t *testing.T) {
	n := history(t, Config{}, 160, 0)
	h := n.BlockChain.GetHeaderByNumber(20)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			st, err := n.server.backend.stateOf(context.Background(), h, 100)
			if err != nil {
				t.Error(err)
				return
			}
			if got := st.GetState(chaintest.Store, common.Hash{}); got != common.BigToHash(big.NewInt(20)) {
				t.Errorf("slot 0 = %v, want 20", got)
			}
			st.SetState(chaintest.Store, common.Hash{}, common.BigToHash(big.NewInt(int64(1000+i))))
			st.Finalise(true)
			if got := st.IntermediateRoot(true); got == h.Root {
				t.Error("root after a change = the block's root, want another")
			}
		})
	}
	wg.Wait()
}

func TestDamagedDatabaseIsNoticed(t *testing.T) {
	n := history(t, Config{}, 160, 0)
	// Other code under the contract's hash, as a failing disk might leave it.
	rawdb.WriteCode(n.DB, crypto.Keccak256Hash(chaintest.StoreCode), []byte{0x00})
	if _, err := n.stored(t, 10); err == nil || !strings.Contains(err.Error(), "database may be damaged") {
		t.Errorf("replay over a damaged database = %v, want an error that says so", err)
	}
}

func TestProofsOfReplayedStates(t *testing.T) {
	n := history(t, Config{}, 160, 0)
	for _, number := range []uint64{12, 13, 159} {
		var proof struct {
			StorageHash  common.Hash
			AccountProof []hexutil.Bytes
			StorageProof []struct {
				Value hexutil.Big
				Proof []hexutil.Bytes
			}
		}
		if err := n.dial(t, "http://"+n.addr).CallContext(t.Context(), &proof, "eth_getProof", chaintest.Store, []string{"0x0"}, hexutil.Uint64(number)); err != nil {
			t.Errorf("proof in block %d: %v", number, err)
			continue
		}
		if got := proof.StorageProof[0].Value.ToInt().Uint64(); got != number {
			t.Errorf("proved value in block %d = %d, want %d", number, got, number)
		}
		// The proof leads from the block's own state root to the account.
		nodes := memorydb.New()
		for _, node := range proof.AccountProof {
			if err := nodes.Put(crypto.Keccak256(node), node); err != nil {
				t.Fatal(err)
			}
		}
		root := n.BlockChain.GetHeaderByNumber(number).Root
		account, err := trie.VerifyProof(root, crypto.Keccak256(chaintest.Store.Bytes()), nodes)
		if err != nil || len(account) == 0 {
			t.Errorf("account proof in block %d: %x, %v, want the account", number, account, err)
		}
	}
}
