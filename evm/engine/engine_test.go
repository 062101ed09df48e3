package engine

import (
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/consensus"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	ethparams "github.com/ava-labs/libevm/params"
	"github.com/ava-labs/libevm/trie"

	"github.com/pars-network/pars/params"
)

var rich, _ = crypto.ToECDSA(crypto.Keccak256([]byte("engine test account")))

// node is a libevm chain that runs our engine.
type node struct {
	*world
	chain  *core.BlockChain
	config *ethparams.ChainConfig
}

func newNode(t *testing.T) *node {
	t.Helper()
	w := newWorld(t, 4)
	config := *ethparams.MergedTestChainConfig
	config.ChainID = big.NewInt(worldNetwork)
	config.PragueTime, config.VerkleTime = nil, nil
	genesis := &core.Genesis{
		Config: &config, Timestamp: worldGenesis, GasLimit: params.GenesisGasLimit, Difficulty: new(big.Int),
		BaseFee: big.NewInt(2 * params.MinBaseFee),
		Alloc:   types.GenesisAlloc{crypto.PubkeyToAddress(rich.PublicKey): {Balance: params.Supply()}},
	}
	chain, err := core.NewBlockChain(rawdb.NewMemoryDatabase(), nil, genesis, nil, w.engine, vm.Config{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(chain.Stop)
	return &node{world: w, chain: chain, config: &config}
}

// block builds a sealed block with n transfers on parent.
func (n *node) block(t *testing.T, parent *types.Block, rank, transfers int) *types.Block {
	t.Helper()
	id := n.proposer(parent.Header(), rank)
	ms := EarliestMs(TimeMs(parent.Header()), rank)
	if transfers == 0 {
		ms = HeartbeatAt(TimeMs(parent.Header()))
	}
	h, err := n.engine.Draft(parent.Header(), Draft{
		NetworkID: worldNetwork, ChainID: worldChain, TimeMs: ms, Proposer: id, Coinbase: common.Address{0xc0},
	}, n.signer(id))
	if err != nil {
		t.Fatal(err)
	}
	st, err := n.chain.StateAt(parent.Root())
	if err != nil {
		t.Fatal(err)
	}
	txs, receipts := n.execute(t, h, st, transfers)
	assembled, err := n.engine.FinalizeAndAssemble(n.chain, h, st, txs, nil, receipts, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := SealBlock(worldNetwork, worldChain, assembled, n.signer(id))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func (n *node) execute(t *testing.T, h *types.Header, st *state.StateDB, transfers int) (txs []*types.Transaction, receipts []*types.Receipt) {
	t.Helper()
	pool := new(core.GasPool).AddGas(h.GasLimit)
	from := crypto.PubkeyToAddress(rich.PublicKey)
	core.ProcessBeaconBlockRoot(*h.ParentBeaconRoot, vm.NewEVM(core.NewEVMBlockContext(h, n.chain, nil), vm.TxContext{}, st, n.config, vm.Config{}), st)
	for range transfers {
		tx := types.MustSignNewTx(rich, types.LatestSigner(n.config), &types.DynamicFeeTx{
			ChainID: n.config.ChainID, Nonce: st.GetNonce(from), To: &common.Address{0xdd}, Value: big.NewInt(1), Gas: 21_000,
			GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1_000_000_000_000),
		})
		st.SetTxContext(tx.Hash(), len(txs))
		receipt, err := core.ApplyTransaction(n.config, n.chain, nil, pool, st, h, tx, &h.GasUsed, vm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		txs, receipts = append(txs, tx), append(receipts, receipt)
	}
	return txs, receipts
}

// insert runs libevm's whole check and reports whether the block was executed.
func (n *node) insert(b *types.Block) (executed bool, err error) {
	err = n.chain.InsertBlockWithoutSetHead(b)
	return n.chain.HasBlockAndState(b.Hash(), b.NumberU64()), err
}

func TestLibevmInsertsWhatTheBuilderMakes(t *testing.T) {
	n := newNode(t)
	parent := n.chain.Genesis()
	for i, transfers := range []int{3, 0, 1, 100, 2} {
		b := n.block(t, parent, i%4, transfers)
		if err := VerifyAuthorship(worldNetwork, worldChain, parent.Header(), b.Header(), n.set); err != nil {
			t.Fatalf("block %d: VerifyAuthorship = %v", b.NumberU64(), err)
		}
		if executed, err := n.insert(b); err != nil || !executed {
			t.Fatalf("block %d: insert = %v, %v, want executed", b.NumberU64(), executed, err)
		}
		if x, err := ExtraOf(b.Header()); err != nil || b.MixDigest() != NextMix(parent.MixDigest(), x.Reveal) {
			t.Errorf("block %d: mix digest %s does not follow from the reveal", b.NumberU64(), b.MixDigest())
		}
		parent = b
	}
	if root, err := n.chain.StateAt(parent.Root()); err != nil || root.GetBalance(common.Address{0xdd}).Uint64() != 106 {
		t.Errorf("the receiver has %v wei, %v, want 106: one for each transfer", root.GetBalance(common.Address{0xdd}), err)
	}
}

// The same broken headers, through libevm: none may be executed, and none may
// come back as nil or as ErrFutureBlock, which libevm turns into nil.
func TestLibevmExecutesNoInvalidHeader(t *testing.T) {
	n := newNode(t)
	good := n.block(t, n.chain.Genesis(), 0, 1)
	for name, spoil := range map[string]func(h *types.Header){
		"far in the future": func(h *types.Header) { edit(t, h, func(x *Extra) { x.TimeMs = MaxTimeMs }) },
		"too early":         func(h *types.Header) { edit(t, h, func(x *Extra) { x.TimeMs-- }) },
		"base fee":          func(h *types.Header) { h.BaseFee.SetInt64(1) },
		"gas limit":         func(h *types.Header) { h.GasLimit++ },
		"mix digest":        func(h *types.Header) { h.MixDigest[0] ^= 1 },
		"extra data":        func(h *types.Header) { h.Extra = nil },
		"state root":        func(h *types.Header) { h.Root[0] ^= 1 },
		"receipts":          func(h *types.Header) { h.ReceiptHash[0] ^= 1 },
		"gas used":          func(h *types.Header) { h.GasUsed++ },
		// RLP can only leave fields out from the end. libevm keeps bad blocks on
		// disk and ends the process when it can't read one back, so a header that
		// did not come off the wire must not get this far.
		"no Shanghai fields": func(h *types.Header) {
			h.WithdrawalsHash, h.BlobGasUsed, h.ExcessBlobGas, h.ParentBeaconRoot = nil, nil, nil, nil
		},
		"unknown parent": func(h *types.Header) { h.ParentHash[0] ^= 1 },
	} {
		h := good.Header()
		spoil(h)
		executed, err := n.insert(good.WithSeal(h))
		if executed || err == nil || errors.Is(err, consensus.ErrFutureBlock) {
			t.Errorf("%s: executed %v, error %v, want neither executed nor nil", name, executed, err)
		}
	}
	if executed, err := n.insert(good); err != nil || !executed {
		t.Errorf("the block they were made from: %v, %v, want executed", executed, err)
	}
}

func TestVerifyHeadersInABatch(t *testing.T) {
	n := newNode(t)
	a := n.chain.Genesis().Header()
	b := n.child(a, 0)
	c := n.child(b, 1)
	bad := n.child(c, 0)
	bad.GasLimit++
	orphan := n.child(c, 0)
	orphan.ParentHash[0] ^= 1
	strange := n.genesis()
	headers := []*types.Header{a, b, c, bad, orphan, strange, {}}
	want := []error{nil, nil, nil, ErrGasLimit, consensus.ErrUnknownAncestor, ErrNumber, ErrNumber}
	quit, results := n.engine.VerifyHeaders(n.chain, headers)
	for i := range headers {
		if err := <-results; !errors.Is(err, want[i]) {
			t.Errorf("header %d: %v, want %v", i, err, want[i])
		}
	}
	close(quit)
	if err := n.engine.VerifyHeader(n.chain, b); err != nil {
		t.Errorf("VerifyHeader = %v, want nil", err)
	}
}

func TestPrepareFillsWhatDraftFills(t *testing.T) {
	n := newNode(t)
	parent := n.chain.Genesis().Header()
	id := n.proposer(parent, 0)
	h, err := n.engine.Draft(parent, Draft{NetworkID: worldNetwork, ChainID: worldChain, TimeMs: EarliestMs(TimeMs(parent), 0), Proposer: id}, n.signer(id))
	if err != nil {
		t.Fatal(err)
	}
	bare := &types.Header{ParentHash: h.ParentHash, Number: h.Number, Extra: h.Extra}
	if err := n.engine.Prepare(n.chain, bare); err != nil || bare.Hash() != h.Hash() {
		t.Errorf("Prepare = %+v, %v, want %+v", bare, err, h)
	}
	for name, bad := range map[string]*types.Header{
		"no extra data":  {ParentHash: h.ParentHash, Number: h.Number},
		"unknown parent": {ParentHash: common.Hash{1}, Number: h.Number, Extra: h.Extra},
		"no number":      {ParentHash: h.ParentHash, Extra: h.Extra},
		"number 0":       {ParentHash: h.ParentHash, Number: new(big.Int), Extra: h.Extra},
	} {
		if err := n.engine.Prepare(n.chain, bad); err == nil {
			t.Errorf("Prepare(%s) = nil, want an error", name)
		}
	}
}

// brokenSigner returns a signature of the wrong length or an error.
type brokenSigner struct{ err error }

func (s brokenSigner) Sign(*warp.UnsignedMessage) ([]byte, error) { return []byte{1}, s.err }

func TestDraftRefuses(t *testing.T) {
	w := newWorld(t, 2)
	parent := w.parent()
	id := w.proposer(parent, 0)
	good := Draft{NetworkID: worldNetwork, ChainID: worldChain, TimeMs: EarliestMs(TimeMs(parent), 0), PChainHeight: 5, Proposer: id}
	if _, err := w.engine.Draft(parent, good, w.signer(id)); err != nil {
		t.Fatal(err)
	}
	early, low, nobody, foreign := good, good, good, good
	early.TimeMs--
	low.PChainHeight = 4
	nobody.Proposer = [20]byte{}
	foreign.ChainID[0] ^= 1
	errBroken := errors.New("the key is gone")
	torn := types.CopyHeader(parent)
	torn.Extra = torn.Extra[1:]
	for name, c := range map[string]struct {
		parent *types.Header
		draft  Draft
		signer warp.Signer
		want   error
	}{
		"too early":               {parent, early, w.signer(id), ErrTime},
		"a lower P-Chain height":  {parent, low, w.signer(id), ErrPChainHeight},
		"no proposer":             {parent, nobody, w.signer(id), ErrExtra},
		"a torn parent":           {torn, good, w.signer(id), ErrExtra},
		"another chain's signer":  {parent, foreign, w.signer(id), warp.ErrWrongSourceChainID},
		"a signer that fails":     {parent, good, brokenSigner{errBroken}, errBroken},
		"a signer that truncates": {parent, good, brokenSigner{}, nil},
	} {
		if h, err := w.engine.Draft(c.parent, c.draft, c.signer); err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("Draft(%s) = %v, %v, want %v", name, h, err, c.want)
		}
	}
	if _, err := SealBlock(worldNetwork, worldChain, types.NewBlockWithHeader(torn), w.signer(id)); !errors.Is(err, ErrExtra) {
		t.Errorf("SealBlock of torn extra data = %v, want ErrExtra", err)
	}
	if _, err := SealBlock(worldNetwork, worldChain, types.NewBlockWithHeader(parent), brokenSigner{errBroken}); !errors.Is(err, errBroken) {
		t.Errorf("SealBlock with a broken signer = %v, want its error", err)
	}
}

// Sealing twice gives the same bytes: the seal covers a zeroed seal.
func TestSealIsUnique(t *testing.T) {
	w := newWorld(t, 2)
	parent := w.parent()
	once := w.child(parent, 0)
	x, err := ExtraOf(once)
	if err != nil {
		t.Fatal(err)
	}
	if twice := w.seal(once, x.Proposer); twice.Hash() != once.Hash() {
		t.Errorf("sealing again gives %s, want %s", twice.Hash(), once.Hash())
	}
	if a, b := w.engine.SealHash(once), w.engine.SealHash(&types.Header{}); a == (common.Hash{}) || b != (common.Hash{}) {
		t.Errorf("SealHash = %s and %s, want a hash, and zeros without extra data", a, b)
	}
}

func TestWhatTheEngineDoesNotDo(t *testing.T) {
	n := newNode(t)
	e := n.engine
	if err := e.Seal(n.chain, nil, nil, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("Seal = %v, want ErrUnsupported", err)
	}
	st, err := n.chain.State()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.FinalizeAndAssemble(n.chain, n.genesis(), st, nil, nil, nil, []*types.Withdrawal{{}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("FinalizeAndAssemble with a withdrawal = %v, want ErrUnsupported", err)
	}
	withUncle := types.NewBlock(n.genesis(), nil, []*types.Header{n.genesis()}, nil, trie.NewStackTrie(nil))
	if err := e.VerifyUncles(n.chain, withUncle); !errors.Is(err, ErrUnused) {
		t.Errorf("VerifyUncles = %v, want ErrUnused", err)
	}
	if author, err := e.Author(&types.Header{Coinbase: common.Address{7}}); err != nil || author != (common.Address{7}) {
		t.Errorf("Author = %s, %v, want the coinbase", author, err)
	}
	if e.CalcDifficulty(n.chain, 0, nil).Sign() != 0 || e.APIs(n.chain) != nil || e.Close() != nil {
		t.Error("want difficulty 0, no APIs and nothing to close")
	}
}
