package rpc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/evm/chaintest"
	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/params"
)

// facts is a network of one validator that is behind.
type facts struct{ fail bool }

func (facts) NodeInfo() NodeInfo {
	return NodeInfo{NodeID: "NodeID-6ZmBHXTqjknJoZtXbnJ6x7af863rXDTwx", NetworkID: 1337, BlockchainID: "2JZ", Peers: 3}
}

func (facts) Syncing() (uint64, bool) { return 900, true }

func (f facts) Validators(_ context.Context, parent *types.Header) ([]Validator, error) {
	if f.fail {
		return nil, errors.New("P-Chain is not ready")
	}
	return []Validator{{NodeID: "NodeID-a", PublicKey: "0xaa", Weight: parent.Number.Uint64() + 1}}, nil
}

func (facts) Schedule(_ context.Context, parent *types.Header) ([]Slot, error) {
	return []Slot{{Rank: 0, NodeID: "NodeID-a", FromMs: engine.EarliestMs(engine.TimeMs(parent), 0)}}, nil
}

func (facts) Equivocations(context.Context) ([]Equivocation, error) { return nil, nil }

func TestParsNamespace(t *testing.T) {
	c := chaintest.New(t)
	submitted := make(chan common.Hash, 1)
	n := serveChain(t, Config{}, c, Chain{
		BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool,
		Submit:    func(_ context.Context, tx *types.Transaction) error { submitted <- tx.Hash(); return nil },
		Node:      facts{},
		Consensus: facts{},
	})
	b := n.Mine(n.Tx(0, &chaintest.Store, 0, chaintest.Word(1)))
	n.Mine()

	info := call[NodeInfo](t, n, "pars_nodeInfo")
	want := facts{}.NodeInfo()
	want.Version, want.Commit, want.Network, want.ChainID = params.Version, params.Commit, "pars-dev", 1337
	if info != want {
		t.Errorf("pars_nodeInfo = %+v, want %+v", info, want)
	}
	if got := call[hexutil.Uint](t, n, "net_peerCount"); got != 3 {
		t.Errorf("net_peerCount = %d, want 3", got)
	}
	if got := call[map[string]string](t, n, "eth_syncing"); got["currentBlock"] != "0x2" || got["highestBlock"] != "0x384" {
		t.Errorf("eth_syncing = %v, want 2 of 900", got)
	}
	if got := call[Parameters](t, n, "pars_parameters"); got.BlockSpacingMs != 400 || got.GasLimit != params.GenesisGasLimit || got.ChainID != 1337 {
		t.Errorf("pars_parameters = %+v, want 400 ms and 30 M gas on 1337", got)
	}

	times := call[[]BlockTime](t, n, "pars_getBlockTimes", "earliest", "latest")
	if len(times) != 3 || times[0].TimeMs != chaintest.GenesisTime*1000 || times[0].Proposer != "" || times[1].GapMs != 400 || times[2].GapMs != 10_000 {
		t.Fatalf("pars_getBlockTimes = %+v, want genesis, 400 ms, 10 s", times)
	}
	if times[1].Proposer != c.Proposer.String() || times[1].Transactions != 1 || times[1].Hash != b.Hash() || times[1].GasUsed != b.GasUsed() {
		t.Errorf("pars_getBlockTimes[1] = %+v, want block %v of %v", times[1], b.Hash(), c.Proposer)
	}
	if got := call[[]BlockTime](t, n, "pars_getBlockTimes", "0x2"); len(got) != 1 || got[0] != times[2] {
		t.Errorf("pars_getBlockTimes(2) = %+v, want the same as in the range", got)
	}
	extra := call[BlockExtra](t, n, "pars_getBlockExtra", "0x1")
	x, err := engine.ExtraOf(b.Header())
	if err != nil {
		t.Fatal(err)
	}
	if extra.TimeMs != x.TimeMs || extra.Proposer != x.Proposer.String() || hexutil.Encode(extra.Seal) != hexutil.Encode(x.Seal[:]) || hexutil.Encode(extra.Reveal) != hexutil.Encode(x.Reveal[:]) || extra.Randomness != b.MixDigest() {
		t.Errorf("pars_getBlockExtra = %+v, want what the header says", extra)
	}
	if got := call[BlockExtra](t, n, "pars_getBlockExtra", map[string]any{"blockHash": c.BlockChain.Genesis().Hash()}); got.Seal != nil || got.TimeMs != chaintest.GenesisTime*1000 {
		t.Errorf("pars_getBlockExtra of genesis = %+v, want only its time", got)
	}
	if got := call[[]Validator](t, n, "pars_validators"); len(got) != 1 || got[0].Weight != 3 {
		t.Errorf("pars_validators = %v, want the set over the latest block", got)
	}
	if got := call[[]Validator](t, n, "pars_validators", "0x1"); got[0].Weight != 2 {
		t.Errorf("pars_validators(1) = %v, want the set over block 1", got)
	}
	if got := call[[]Slot](t, n, "pars_schedule", "pending"); got[0].FromMs != times[2].TimeMs+400 {
		t.Errorf("pars_schedule = %v, want 400 ms after the latest block", got)
	}
	if _, _, body := n.post(t, request("pars_getEquivocations"), nil); !strings.Contains(string(body), `"result":[]`) {
		t.Errorf("pars_getEquivocations = %s, want []", body)
	}

	tx := n.Tx(0, &chaintest.Store, 0, chaintest.Word(1))
	if err := n.client(t).SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if got := <-submitted; got != tx.Hash() {
		t.Errorf("submitted %v, want %v", got, tx.Hash())
	}
}

func TestParsNamespaceErrors(t *testing.T) {
	n := start(t, Config{})
	for _, method := range []string{"pars_validators", "pars_schedule", "pars_getEquivocations"} {
		if _, err := tryCall[any](t, n, method); err == nil || !strings.Contains(err.Error(), "without a validator set") {
			t.Errorf("%s without a network: %v, want an error that says so", method, err)
		}
	}
	for args, want := range map[[2]string]string{
		{"0x1", "0x1"}:         "not found; the latest is 0",
		{"latest", "0x5"}:      "not found",
		{"0x0", "nonsense"}:    "invalid",
		{"pending", "pending"}: "",
	} {
		_, err := tryCall[any](t, n, "pars_getBlockTimes", args[0], args[1])
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("pars_getBlockTimes%v: %v, want an error with %q", args, err, want)
		}
	}
	c := chaintest.New(t)
	failing := serveChain(t, Config{}, c, Chain{BlockChain: c.BlockChain, DB: c.DB, TxPool: c.Pool, Consensus: facts{fail: true}})
	if _, err := tryCall[any](t, failing, "pars_validators"); err == nil || !strings.Contains(err.Error(), "P-Chain is not ready") {
		t.Errorf("pars_validators: %v, want the chain's own error", err)
	}
}
