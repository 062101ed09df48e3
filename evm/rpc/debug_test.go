package rpc

import (
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/tracers"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/evm/chaintest"
)

func TestTracers(t *testing.T) {
	n := start(t, Config{})
	first, second := n.TxAt(0, 0, &chaintest.Store, 0, chaintest.Word(1)), n.TxAt(1, 0, &chaintest.Store, 0, chaintest.Word(2))
	b := n.Mine(first, second)

	steps := call[map[string]any](t, n, "debug_traceTransaction", second.Hash())
	ops := steps["structLogs"].([]any)
	if steps["failed"] != false || len(ops) != 16 || ops[len(ops)-1].(map[string]any)["op"] != "STOP" {
		t.Errorf("opcode trace = %v, want 16 steps up to STOP", steps)
	}
	calls := call[map[string]any](t, n, "debug_traceTransaction", second.Hash(), map[string]any{"tracer": "callTracer", "tracerConfig": map[string]any{"withLog": true}})
	if calls["type"] != "CALL" || calls["to"] != strings.ToLower(chaintest.Store.Hex()) || len(calls["logs"].([]any)) != 1 {
		t.Errorf("callTracer = %v, want one call to the store with one log", calls)
	}
	// The second transaction must see what the first has done.
	diff := call[map[string]map[string]any](t, n, "debug_traceTransaction", second.Hash(), map[string]any{"tracer": "prestateTracer", "tracerConfig": map[string]any{"diffMode": true}})
	store := strings.ToLower(chaintest.Store.Hex())
	slot := func(side string) any {
		return diff[side][store].(map[string]any)["storage"].(map[string]any)[common.Hash{}.Hex()]
	}
	if slot("pre") != word(1).Hex() || slot("post") != word(2).Hex() {
		t.Errorf("prestateTracer = %v, want slot 0 to go from 1 to 2", diff)
	}
	if got := call[map[string]int](t, n, "debug_traceTransaction", first.Hash(), map[string]any{"tracer": "4byteTracer"}); got["0x00000000-28"] != 1 {
		t.Errorf("4byteTracer = %v, want the first four bytes of the argument", got)
	}
	js := `{ops: 0, step: function() { this.ops++ }, fault: function() {}, result: function(ctx) { return {ops: this.ops, to: toHex(ctx.to)} }}`
	if got := call[map[string]any](t, n, "debug_traceTransaction", first.Hash(), map[string]any{"tracer": js}); got["ops"] != 16.0 || got["to"] != store {
		t.Errorf("JavaScript tracer = %v, want 16 operations in the store", got)
	}

	encoded, err := rlp.EncodeToBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	for method, arg := range map[string]any{
		"debug_traceBlockByNumber": hexutil.Uint64(1),
		"debug_traceBlockByHash":   b.Hash(),
		"debug_traceBlock":         hexutil.Bytes(encoded),
	} {
		got := call[[]map[string]any](t, n, method, arg, map[string]any{"tracer": "callTracer"})
		if len(got) != 2 || got[0]["txHash"] != first.Hash().Hex() || got[1]["txHash"] != second.Hash().Hex() || got[1]["result"] == nil {
			t.Errorf("%s = %v, want the traces of both transactions", method, got)
		}
	}
	roots := call[[]common.Hash](t, n, "debug_intermediateRoots", b.Hash())
	// The block's own root comes after what the engine records in it.
	if len(roots) != 2 || roots[0] == roots[1] || roots[1] == b.Root() {
		t.Errorf("debug_intermediateRoots = %v, want two, neither of them the block's %v", roots, b.Root())
	}
	traced := call[map[string]any](t, n, "debug_traceCall", map[string]any{"to": chaintest.Store}, "latest", map[string]any{"tracer": "callTracer"})
	if traced["output"] != word(2).Hex() {
		t.Errorf("debug_traceCall = %v, want the output 2", traced)
	}
	if got := call[map[string]any](t, n, "debug_traceCall", map[string]any{"to": chaintest.Store}, "latest"); got["returnValue"] != strings.TrimPrefix(word(2).Hex(), "0x") {
		t.Errorf("debug_traceCall without a configuration = %v, want the value 2", got)
	}
}

func TestRawObjects(t *testing.T) {
	n := start(t, Config{})
	tx := n.Tx(0, &chaintest.Store, 0, chaintest.Word(1))
	b := n.Mine(tx)
	var header types.Header
	if err := rlp.DecodeBytes(call[hexutil.Bytes](t, n, "debug_getRawHeader", "latest"), &header); err != nil || header.Hash() != b.Hash() {
		t.Errorf("debug_getRawHeader = %v, %v, want %v", header.Hash(), err, b.Hash())
	}
	var block types.Block
	if err := rlp.DecodeBytes(call[hexutil.Bytes](t, n, "debug_getRawBlock", "0x1"), &block); err != nil || block.Hash() != b.Hash() {
		t.Errorf("debug_getRawBlock = %v, %v, want %v", block.Hash(), err, b.Hash())
	}
	if got := call[[]hexutil.Bytes](t, n, "debug_getRawReceipts", "0x1"); len(got) != 1 || len(got[0]) == 0 {
		t.Errorf("debug_getRawReceipts = %v, want one", got)
	}
	var got types.Transaction
	if err := got.UnmarshalBinary(call[hexutil.Bytes](t, n, "debug_getRawTransaction", tx.Hash())); err != nil || got.Hash() != tx.Hash() {
		t.Errorf("debug_getRawTransaction = %v, %v, want %v", got.Hash(), err, tx.Hash())
	}
}

func TestTracesOfDroppedStates(t *testing.T) {
	const blocks, kept = 180, 20
	n := history(t, Config{ReplayBlocks: 16}, blocks, kept)
	at := func(number uint64) common.Hash {
		return n.BlockChain.GetBlockByNumber(number).Transactions()[0].Hash()
	}
	for name, config := range map[string]map[string]any{
		"beyond the node's bound":     {"reexec": 1_000_000},
		"beyond the caller's own one": {"reexec": 2},
	} {
		number := uint64(kept + 19)
		if name != "beyond the node's bound" {
			number = kept + 5
		}
		if _, err := tryCall[any](t, n, "debug_traceTransaction", at(number), config); err == nil || !strings.Contains(err.Error(), "state is not available") {
			t.Errorf("trace %s: %v, want that the state is gone", name, err)
		}
	}
	for _, number := range []uint64{1, kept + 1, 30, kept + 17, blocks} {
		got := call[map[string]any](t, n, "debug_traceTransaction", at(number), map[string]any{"tracer": "callTracer"})
		if got["input"] != word(number).Hex() || got["error"] != nil {
			t.Errorf("trace in block %d = %v, want its call", number, got)
		}
	}
}

func TestTraceLimits(t *testing.T) {
	l := newTraceLimits(Config{TraceTimeout: time.Second, ReplayBlocks: 10}.withDefaults())
	long, short, zero := "1h", "10ms", "0s"
	many, few := uint64(1000), uint64(3)
	for name, c := range map[string]struct {
		ask     *tracers.TraceConfig
		timeout string
		replay  uint64
	}{
		"nothing":   {nil, "1s", 10},
		"too much":  {&tracers.TraceConfig{Timeout: &long, Reexec: &many}, "1s", 10},
		"less":      {&tracers.TraceConfig{Timeout: &short, Reexec: &few}, "10ms", 3},
		"unlimited": {&tracers.TraceConfig{Timeout: &zero}, "1s", 10},
	} {
		got, err := l.bound(c.ask)
		if err != nil || *got.Timeout != c.timeout || *got.Reexec != c.replay || got.Limit != traceSteps {
			t.Errorf("asking for %s: timeout %s, replay %d, steps %d, %v, want %s, %d, %d", name, *got.Timeout, *got.Reexec, got.Limit, err, c.timeout, c.replay, traceSteps)
		}
	}
	n := start(t, Config{TraceTimeout: 50 * time.Millisecond, GasCap: 1 << 62})
	loop := map[string]any{"data": "0x5b600056"}
	tracer := map[string]any{"tracer": "callTracer", "timeout": "1h"}
	if _, err := tryCall[any](t, n, "debug_traceCall", loop, "latest", tracer); err == nil || !strings.Contains(err.Error(), "execution timeout") {
		t.Errorf("trace of an endless loop: %v, want the timeout", err)
	}
	if _, err := tryCall[any](t, n, "debug_traceCall", loop, "latest", map[string]any{"timeout": "soon"}); err == nil || !strings.Contains(err.Error(), `"soon"`) {
		t.Errorf("trace with a bad timeout: %v, want an error that shows it", err)
	}
	foreign, err := rlp.EncodeToBytes(types.NewBlockWithHeader(&types.Header{Number: bigInt(1), ParentHash: n.BlockChain.CurrentBlock().Hash()}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryCall[any](t, n, "debug_traceBlock", hexutil.Bytes(foreign)); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("trace of a foreign block: %v, want not found", err)
	}
}
