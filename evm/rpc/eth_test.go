package rpc

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	ethereum "github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	ethrpc "github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/chaintest"
	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

func TestNodeFacts(t *testing.T) {
	n := start(t, Config{})
	if got := call[hexutil.Uint64](t, n, "eth_chainId"); got != 1337 {
		t.Errorf("eth_chainId = %d, want 1337", got)
	}
	if got := call[string](t, n, "net_version"); got != "1337" {
		t.Errorf("net_version = %q, want 1337", got)
	}
	if !call[bool](t, n, "net_listening") {
		t.Error("net_listening = false, want true")
	}
	if got := call[hexutil.Uint](t, n, "net_peerCount"); got != 0 {
		t.Errorf("net_peerCount = %d, want 0", got)
	}
	if got := call[string](t, n, "web3_clientVersion"); got != "parsd/"+params.Version {
		t.Errorf("web3_clientVersion = %q, want parsd/%s", got, params.Version)
	}
	// Keccak-256 of the empty string, as the yellow paper has it.
	if got, want := call[string](t, n, "web3_sha3", "0x"), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"; got != want {
		t.Errorf("web3_sha3(0x) = %s, want %s", got, want)
	}
	if got := call[any](t, n, "eth_syncing"); got != false {
		t.Errorf("eth_syncing = %v, want false", got)
	}
	if got := call[[]common.Address](t, n, "eth_accounts"); len(got) != 0 {
		t.Errorf("eth_accounts = %v, want []", got)
	}
	got := call[map[string]string](t, n, "rpc_modules")
	for _, want := range []string{"eth", "net", "web3", "txpool", "debug", "pars", "rpc"} {
		if got[want] == "" {
			t.Errorf("rpc_modules = %v, want %s among them", got, want)
		}
		delete(got, want)
	}
	if len(got) > 0 {
		t.Errorf("rpc_modules has also %v, want nothing else", got)
	}
}

func TestSentTransactionIsFoundInItsBlock(t *testing.T) {
	n := start(t, Config{})
	c := n.client(t)
	tx := n.Tx(0, &chaintest.Store, 0, chaintest.Word(5))
	if err := c.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if _, pending, err := c.TransactionByHash(t.Context(), tx.Hash()); err != nil || !pending {
		t.Fatalf("TransactionByHash before the block = pending %v, %v, want pending", pending, err)
	}
	if _, err := c.TransactionReceipt(t.Context(), tx.Hash()); !errors.Is(err, ethereum.NotFound) {
		t.Fatalf("TransactionReceipt before the block = %v, want not found", err)
	}
	block := n.MinePool()
	r, err := c.TransactionReceipt(t.Context(), tx.Hash())
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != 1 || r.BlockHash != block.Hash() || len(r.Logs) != 1 {
		t.Errorf("receipt = status %d in %v with %d logs, want success in %v with one log", r.Status, r.BlockHash, len(r.Logs), block.Hash())
	}
	if got, err := c.StorageAt(t.Context(), chaintest.Store, common.Hash{}, nil); err != nil || common.BytesToHash(got) != common.BytesToHash(chaintest.Word(5)) {
		t.Errorf("StorageAt = %x, %v, want 5", got, err)
	}
	if got, err := c.CallContract(t.Context(), ethereum.CallMsg{To: &chaintest.Store}, nil); err != nil || common.BytesToHash(got) != common.BytesToHash(chaintest.Word(5)) {
		t.Errorf("CallContract = %x, %v, want 5", got, err)
	}
	receipts, err := c.BlockReceipts(t.Context(), ethrpc.BlockNumberOrHashWithHash(block.Hash(), true))
	if err != nil || len(receipts) != 1 || receipts[0].TxHash != tx.Hash() {
		t.Errorf("BlockReceipts = %v, %v, want the one receipt", receipts, err)
	}
	proof := call[map[string]any](t, n, "eth_getProof", chaintest.Store, []string{"0x0"}, "latest")
	if len(proof["accountProof"].([]any)) == 0 || proof["storageProof"].([]any)[0].(map[string]any)["value"] != "0x5" {
		t.Errorf("eth_getProof = %v, want a proof of the value 5", proof)
	}
}

func TestLatestSafeAndFinalizedAreOneBlock(t *testing.T) {
	n := start(t, Config{})
	want := n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	for _, tag := range []string{"latest", "safe", "finalized", "0x1"} {
		got := call[map[string]any](t, n, "eth_getBlockByNumber", tag, false)
		if got["hash"] != want.Hash().Hex() {
			t.Errorf("eth_getBlockByNumber(%s) has hash %v, want %v", tag, got["hash"], want.Hash())
		}
	}
	if got := call[map[string]any](t, n, "eth_getBlockByNumber", "earliest", false); got["number"] != "0x0" {
		t.Errorf("earliest block has number %v, want 0x0", got["number"])
	}
	if got := call[any](t, n, "eth_getBlockByNumber", "0x2", false); got != nil {
		t.Errorf("a block that does not exist = %v, want null", got)
	}
}

func TestUndecidedBlocksAreInvisible(t *testing.T) {
	n := start(t, Config{})
	parent := n.BlockChain.CurrentBlock()
	chosen := n.Build(parent, n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	rival := n.Build(parent, n.Tx(1, &chaintest.Store, 0, chaintest.Word(2)))
	for _, b := range []*types.Block{chosen, rival} {
		if got := call[any](t, n, "eth_getBlockByHash", b.Hash(), true); got != nil {
			t.Errorf("undecided block %v is visible by its hash", b.Hash())
		}
		if _, err := tryCall[any](t, n, "eth_getBalance", chaintest.Address(n.Keys[0]), map[string]any{"blockHash": b.Hash()}); err == nil {
			t.Error("the state of an undecided block is visible")
		}
		if _, err := tryCall[any](t, n, "eth_getLogs", map[string]any{"blockHash": b.Hash()}); err == nil {
			t.Error("the logs of an undecided block are visible")
		}
		if got, _ := tryCall[any](t, n, "eth_getBlockReceipts", map[string]any{"blockHash": b.Hash()}); got != nil {
			t.Error("the receipts of an undecided block are visible")
		}
	}
	// The moment at which libevm has indexed the block but not yet made it the head.
	rawdb.WriteCanonicalHash(n.DB, chosen.Hash(), chosen.NumberU64())
	rawdb.WriteTxLookupEntriesByBlock(n.DB, chosen)
	tx := chosen.Transactions()[0].Hash()
	for _, method := range []string{"eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getRawTransactionByHash"} {
		if got, err := tryCall[any](t, n, method, tx); err != nil || (got != nil && got != "0x") {
			t.Errorf("%s in an undecided block = %v, %v, want nothing", method, got, err)
		}
	}
	n.Accept(chosen)
	if got := call[map[string]any](t, n, "eth_getTransactionByHash", tx); got["blockHash"] != chosen.Hash().Hex() {
		t.Errorf("the accepted transaction = %v, want it in %v", got, chosen.Hash())
	}
	if got := call[map[string]any](t, n, "eth_getBlockByHash", chosen.Hash(), true); got == nil {
		t.Error("the accepted block is not visible")
	}
	if got := call[any](t, n, "eth_getBlockByHash", rival.Hash(), true); got != nil {
		t.Error("the rejected block is visible by its hash")
	}
}

func TestPendingIsTheNextBlockWithoutTransactions(t *testing.T) {
	n := start(t, Config{})
	head := n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	// Until the pool has seen the block, nonce 1 is one too high for it.
	if err := n.Pool.Sync(); err != nil {
		t.Fatal(err)
	}
	c := n.client(t)
	me := chaintest.Address(n.Keys[0])
	for i := range 3 {
		if err := c.SendTransaction(t.Context(), n.TxAt(0, uint64(1+i), &chaintest.Store, 0, chaintest.Word(9))); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.PendingNonceAt(t.Context(), me); err != nil || got != 4 {
		t.Errorf("pending nonce = %d, %v, want 4", got, err)
	}
	if got, err := c.NonceAt(t.Context(), me, nil); err != nil || got != 1 {
		t.Errorf("latest nonce = %d, %v, want 1", got, err)
	}
	b := call[map[string]any](t, n, "eth_getBlockByNumber", "pending", true)
	if b["number"] != "0x2" || b["parentHash"] != head.Hash().Hex() || b["hash"] != nil || b["miner"] != nil || len(b["transactions"].([]any)) != 0 {
		t.Errorf("pending block = %v, want number 2 on %v without hash, miner and transactions", b, head.Hash())
	}
	want := engine.BaseFee(head.Header(), engine.TimeMs(head.Header())+params.BlockSpacingMs)
	if b["baseFeePerGas"] != hexutil.EncodeBig(want) {
		t.Errorf("pending base fee = %v, want %v", b["baseFeePerGas"], want)
	}
	// NUMBER, as returned by a call on pending: PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN.
	code := "0x4360005260206000f3"
	if got := call[common.Hash](t, n, "eth_call", map[string]any{"data": code}, "pending"); got != common.BigToHash(big.NewInt(2)) {
		t.Errorf("block.number in a call on pending = %v, want 2", got)
	}
	if got := call[common.Hash](t, n, "eth_call", map[string]any{"data": code}, "latest"); got != common.BigToHash(big.NewInt(1)) {
		t.Errorf("block.number in a call on latest = %v, want 1", got)
	}
	if got := call[hexutil.Uint](t, n, "eth_getBlockTransactionCountByNumber", "pending"); got != 0 {
		t.Errorf("transactions in pending = %d, want 0", got)
	}
	if got := call[[]any](t, n, "eth_getBlockReceipts", "pending"); len(got) != 0 {
		t.Errorf("receipts of pending = %v, want []", got)
	}
}

func TestFees(t *testing.T) {
	n := start(t, Config{})
	for i := range 4 {
		n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(uint64(i))))
	}
	n.Mine() // after an empty block, Ethereum's rule and ours differ
	c := n.client(t)
	for _, last := range []*big.Int{nil, big.NewInt(-1), big.NewInt(3)} { // latest, pending, a number
		h, err := c.FeeHistory(t.Context(), 3, last, []float64{50})
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range h.BaseFee {
			var want *big.Int
			switch number := h.OldestBlock.Uint64() + uint64(i); number {
			case 6:
				head := n.BlockChain.CurrentBlock()
				want = engine.BaseFee(head, engine.TimeMs(head)+params.BlockSpacingMs)
			case 7:
				want = h.BaseFee[i] // not a block anyone knows
			default:
				want = n.BlockChain.GetHeaderByNumber(number).BaseFee
			}
			if got.Cmp(want) != 0 {
				t.Errorf("feeHistory(last %v).baseFee[%d] = %v, want %v", last, i, got, want)
			}
		}
	}
	tip, err := c.SuggestGasTipCap(t.Context())
	if err != nil || tip.Cmp(gwei(1)) != 0 {
		t.Errorf("SuggestGasTipCap = %v, %v, want 1 gwei, what all transactions pay", tip, err)
	}
	price, err := c.SuggestGasPrice(t.Context())
	if head := n.BlockChain.CurrentBlock(); err != nil || price.Cmp(new(big.Int).Add(tip, head.BaseFee)) != 0 {
		t.Errorf("SuggestGasPrice = %v, %v, want tip and base fee", price, err)
	}
	msg := ethereum.CallMsg{From: chaintest.Address(n.Keys[0]), To: &chaintest.Store, Data: chaintest.Word(77)}
	if gas, err := c.EstimateGas(t.Context(), msg); err != nil || gas < 21_000 || gas > 60_000 {
		t.Errorf("EstimateGas = %d, %v, want some tens of thousands", gas, err)
	}
	list := call[map[string]any](t, n, "eth_createAccessList", map[string]any{"from": msg.From, "to": msg.To, "data": hexutil.Bytes(msg.Data)}, "latest")
	if keys := list["accessList"].([]any)[0].(map[string]any)["storageKeys"].([]any); len(keys) != 1 {
		t.Errorf("eth_createAccessList = %v, want slot 0", list)
	}
}

func TestFeeHistoryOfAnIdleChain(t *testing.T) {
	n := start(t, Config{})
	tip, err := n.client(t).SuggestGasTipCap(t.Context())
	if err != nil || tip.Cmp(big.NewInt(params.MinBaseFee/10)) != 0 {
		t.Errorf("SuggestGasTipCap at genesis = %v, %v, want the default", tip, err)
	}
}

func TestRefusedTransactions(t *testing.T) {
	n := start(t, Config{TxFeeCap: 0.001})
	sign := func(data types.TxData) *types.Transaction {
		tx, err := types.SignNewTx(n.Keys[0], types.LatestSigner(n.BlockChain.Config()), data)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	unprotected, err := types.SignNewTx(n.Keys[0], types.HomesteadSigner{}, &types.LegacyTx{GasPrice: gwei(2), Gas: 21000, To: &chaintest.Store})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tx   *types.Transaction
		want string
	}{
		"fee above the cap":       {sign(&types.LegacyTx{GasPrice: gwei(100), Gas: 100_000, To: &chaintest.Store}), "exceeds the configured cap"},
		"not replay-protected":    {unprotected, "replay-protected"},
		"too little gas":          {sign(&types.LegacyTx{GasPrice: gwei(2), Gas: 20_000, To: &chaintest.Store}), "intrinsic gas"},
		"more value than balance": {sign(&types.LegacyTx{GasPrice: gwei(2), Gas: 21_000, To: &chaintest.Store, Value: new(big.Int).Lsh(big.NewInt(1), 200)}), "insufficient funds"},
	} {
		raw, err := c.tx.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		_, err = tryCall[any](t, n, "eth_sendRawTransaction", hexutil.Bytes(raw))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	for _, raw := range []string{"0x", "0x00", "0x02", "0xf8", "0x02c0"} {
		if _, err := tryCall[any](t, n, "eth_sendRawTransaction", raw); err == nil {
			t.Errorf("eth_sendRawTransaction(%s) succeeded, want an error", raw)
		}
	}
}

func TestTxPoolNamespace(t *testing.T) {
	n := start(t, Config{})
	c := n.client(t)
	me := chaintest.Address(n.Keys[0])
	for _, nonce := range []uint64{0, 1, 5} {
		if err := c.SendTransaction(t.Context(), n.TxAt(0, nonce, &chaintest.Store, 0, chaintest.Word(1))); err != nil {
			t.Fatal(err)
		}
	}
	if got := call[map[string]hexutil.Uint](t, n, "txpool_status"); got["pending"] != 2 || got["queued"] != 1 {
		t.Errorf("txpool_status = %v, want 2 pending and 1 queued", got)
	}
	content := call[map[string]map[string]map[string]any](t, n, "txpool_content")
	if len(content["pending"][me.Hex()]) != 2 || len(content["queued"][me.Hex()]) != 1 {
		t.Errorf("txpool_content = %v, want 2 pending and 1 queued", content)
	}
	from := call[map[string]map[string]any](t, n, "txpool_contentFrom", me)
	if len(from["pending"]) != 2 || from["queued"]["5"] == nil {
		t.Errorf("txpool_contentFrom = %v, want 2 pending and nonce 5 queued", from)
	}
	inspect := call[map[string]map[string]map[string]string](t, n, "txpool_inspect")
	if len(inspect["pending"][me.Hex()]) != 2 {
		t.Errorf("txpool_inspect = %v, want 2 pending", inspect)
	}
}

func TestCallLimits(t *testing.T) {
	n := start(t, Config{GasCap: 100_000, EVMTimeout: 300 * time.Millisecond})
	// GAS, returned: the gas cap holds whatever the caller offers.
	got := call[common.Hash](t, n, "eth_call", map[string]any{"data": "0x5a60005260206000f3", "gas": "0x7fffffffffffffff"}, "latest")
	if got.Big().Uint64() >= 100_000 {
		t.Errorf("gas in a call = %v, want less than the cap of 100000", got.Big())
	}
	loop := map[string]any{"data": "0x5b600056"} // JUMPDEST, PUSH1 0, JUMP
	if _, err := tryCall[any](t, n, "eth_call", loop, "latest"); err == nil || !strings.Contains(err.Error(), "out of gas") {
		t.Errorf("endless loop under the gas cap: %v, want out of gas", err)
	}
	slow := start(t, Config{GasCap: 1 << 62, EVMTimeout: 50 * time.Millisecond})
	if _, err := tryCall[any](t, slow, "eth_call", loop, "latest"); err == nil || !strings.Contains(err.Error(), "execution aborted (timeout = 50ms)") {
		t.Errorf("endless loop without a gas cap: %v, want the timeout", err)
	}
}

func TestRevertReasonReachesTheClient(t *testing.T) {
	n := start(t, Config{})
	// Returns Error("no") as Solidity encodes it, from calldata, as revert data:
	// CALLDATASIZE, PUSH0, PUSH0, CALLDATACOPY, CALLDATASIZE, PUSH0, REVERT.
	at := common.HexToAddress("0xdead")
	override := map[string]any{at.Hex(): map[string]any{"code": "0x365f5f37365ffd"}}
	reason := "0x08c379a0" + fmt.Sprintf("%064x%064x%-64s", 32, 2, "6e6f")
	reason = strings.ReplaceAll(reason, " ", "0")
	_, err := tryCall[any](t, n, "eth_call", map[string]any{"to": at, "data": reason}, "latest", override)
	var data ethrpc.DataError
	if !errors.As(err, &data) || data.ErrorData() != reason || !strings.Contains(err.Error(), "execution reverted: no") {
		t.Errorf("revert = %v, want the reason in message and data", err)
	}
	var code ethrpc.Error
	if !errors.As(err, &code) || code.ErrorCode() != 3 {
		t.Errorf("revert has error %v, want code 3", err)
	}
}
