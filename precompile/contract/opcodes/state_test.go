package opcodes_test

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/libevm"
	"github.com/ava-labs/libevm/libevm/hookstest"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

var (
	caller  = common.HexToAddress("0xca11e4")
	self    = common.HexToAddress("0x0a01") // the native contract, or the bytecode that does the same
	echo    = common.HexToAddress("0xec40") // returns its caller, and what it was called with
	writer  = common.HexToAddress("0x3417") // stores one, then returns
	reverts = common.HexToAddress("0x4e7e") // reverts with its calldata
	absent  = common.HexToAddress("0xab5e")
	nobody  = common.HexToAddress("0x0b0d")
)

var codes = map[common.Address][]byte{
	echo:    common.FromHex("335f52365f60203760203601" + "5ff3"),
	writer:  common.FromHex("60015f5560205ff3"),
	reverts: common.FromHex("365f5f37365ffd"),
	// The code of accounts that exist in both runs.
	contract.BouncerAddress: contract.BouncerCode,
}

// op is one operation on state; a and b are slots and values, or gas and money.
type op struct {
	kind byte
	a, b uint64
	to   common.Address
}

const (
	load byte = iota
	store
	loadTransient
	storeTransient
	logs
	call
	kinds
)

func slot(n uint64) common.Hash { return common.BigToHash(new(big.Int).SetUint64(n)) }

// native runs ops through [contract.State].
func native(ops []op) vm.PrecompiledContract {
	return vm.NewStatefulPrecompile(func(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
		if out, bounced, err := contract.Bounced(env, input); bounced {
			return out, err
		}
		s := contract.NewState(env)
		for _, o := range ops {
			var err error
			switch o.kind {
			case load:
				_, err = s.Load(slot(o.a))
			case store:
				err = s.Store(slot(o.a), slot(o.b))
			case loadTransient:
				_, err = s.LoadTransient(slot(o.a))
			case storeTransient:
				err = s.StoreTransient(slot(o.a), slot(o.b))
			case logs:
				err = s.Log([]common.Hash{slot(o.a), slot(o.b)}, make([]byte, 32))
			case call:
				_, err = s.Call(o.to, nil, uint256.NewInt(o.b))
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// bytecode does the same with opcodes; overhead is the gas of the pushes and
// pops around them, and of the memory that the logs read.
func bytecode(ops []op) (code []byte, overhead uint64) {
	push := func(n uint64) {
		code = append(code, byte(vm.PUSH8))
		code = append(code, slot(n).Bytes()[24:]...)
		overhead += vm.GasFastestStep
	}
	code = append(code, byte(vm.PUSH0), byte(vm.PUSH0), byte(vm.MSTORE)) // 32 bytes of memory
	overhead += 2*vm.GasQuickStep + vm.GasFastestStep + params.MemoryGas
	for _, o := range ops {
		switch o.kind {
		case load, loadTransient:
			push(o.a)
			code = append(code, byte(map[byte]vm.OpCode{load: vm.SLOAD, loadTransient: vm.TLOAD}[o.kind]), byte(vm.POP))
			overhead += vm.GasQuickStep
		case store, storeTransient:
			push(o.b)
			push(o.a)
			code = append(code, byte(map[byte]vm.OpCode{store: vm.SSTORE, storeTransient: vm.TSTORE}[o.kind]))
		case logs:
			push(o.b)
			push(o.a)
			push(32)
			push(0)
			code = append(code, byte(vm.LOG2))
		case call:
			for range 4 {
				push(0)
			}
			push(o.b)
			code = append(append(code, byte(vm.PUSH20)), o.to[:]...)
			code = append(code, byte(vm.GAS), byte(vm.CALL), byte(vm.POP))
			overhead += vm.GasFastestStep + 2*vm.GasQuickStep
		}
	}
	return append(code, byte(vm.STOP)), overhead
}

// open returns an EVM in the middle of a transaction, with native at self or code.
func open(t *testing.T, run vm.PrecompiledContract, code []byte) (*vm.EVM, *state.StateDB) {
	t.Helper()
	stub := &hookstest.Stub{}
	if run != nil {
		stub.PrecompileOverrides = map[common.Address]libevm.PrecompiledContract{self: run}
	}
	stub.Register(t)
	db, err := state.New(types.EmptyRootHash, state.NewDatabase(rawdb.NewMemoryDatabase()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for address, code := range codes {
		db.SetNonce(address, 1)
		db.SetCode(address, code)
	}
	db.SetNonce(self, 1)
	db.SetCode(self, append(code, 0))
	db.SetBalance(self, uint256.NewInt(1000))
	for n := range uint64(4) {
		db.SetState(self, slot(n), slot(n+1))
	}
	db.Finalise(true)
	root, err := db.Commit(1, true)
	if err != nil {
		t.Fatal(err)
	}
	if db, err = state.New(root, db.Database(), nil); err != nil {
		t.Fatal(err)
	}
	header := &types.Header{Number: big.NewInt(2), Time: 1, Difficulty: new(big.Int), GasLimit: 30_000_000, BaseFee: big.NewInt(1), ExcessBlobGas: new(uint64)}
	ctx := core.NewEVMBlockContext(header, nil, &common.Address{})
	ctx.Random = &common.Hash{}
	config := params.MergedTestChainConfig
	evm := vm.NewEVM(ctx, vm.TxContext{Origin: caller, GasPrice: big.NewInt(1)}, db, config, vm.Config{})
	db.Prepare(config.Rules(header.Number, true, 1), caller, common.Address{}, &self, nil, nil)
	return evm, db
}

func randomOps(r *rand.Rand, n int) []op {
	ops := make([]op, n)
	for i := range ops {
		ops[i] = op{kind: byte(r.IntN(int(kinds))), a: r.Uint64N(8), b: r.Uint64N(3)}
		ops[i].to = []common.Address{echo, writer, reverts, absent, nobody}[r.IntN(5)]
	}
	return ops
}

// The same operations cost, refund, log and leave behind the same.
func TestStateCostsWhatTheOpcodesCost(t *testing.T) {
	const seed = 0x0400
	t.Logf("seed %#x", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 300 {
		ops := randomOps(r, 1+r.IntN(12))
		const gas = 2_000_000
		code, overhead := bytecode(ops)
		evm, want := open(t, nil, code)
		_, left, err := evm.Call(vm.AccountRef(caller), self, nil, gas, new(uint256.Int))
		if err != nil {
			t.Fatalf("sequence %d, %v: bytecode: %v", i, ops, err)
		}
		wantUsed := gas - left - overhead
		evm, got := open(t, native(ops), nil)
		_, left, err = evm.Call(vm.AccountRef(caller), self, nil, gas, new(uint256.Int))
		if used := gas - left; err != nil || used != wantUsed {
			t.Errorf("sequence %d, %v: native used %d gas, %v; opcodes %d", i, ops, used, err, wantUsed)
		}
		if got.GetRefund() != want.GetRefund() {
			t.Errorf("sequence %d, %v: native refunds %d, opcodes %d", i, ops, got.GetRefund(), want.GetRefund())
		}
		if a, b := got.Logs(), want.Logs(); len(a) != len(b) {
			t.Errorf("sequence %d: native wrote %d logs, opcodes %d", i, len(a), len(b))
		}
		for n := range uint64(8) {
			if a, b := got.GetState(self, slot(n)), want.GetState(self, slot(n)); a != b {
				t.Errorf("sequence %d, slot %d: native has %s, opcodes %s", i, n, a, b)
			}
			if a, b := got.GetTransientState(self, slot(n)), want.GetTransientState(self, slot(n)); a != b {
				t.Errorf("sequence %d, transient slot %d: native has %s, opcodes %s", i, n, a, b)
			}
		}
		for _, account := range []common.Address{self, echo, writer, reverts, absent, nobody} {
			if a, b := got.GetBalance(account), want.GetBalance(account); !a.Eq(b) {
				t.Errorf("sequence %d: %s owns %s after native, %s after opcodes", i, account, a, b)
			}
		}
	}
}

// With any less gas than it needs, a sequence leaves nothing behind.
func TestOutOfGasLeavesNothing(t *testing.T) {
	ops := []op{{kind: store, a: 7, b: 1}, {kind: storeTransient, a: 1, b: 1}, {kind: logs}, {kind: call, to: absent, b: 5}, {kind: load, a: 1}}
	used := func(gas uint64) (uint64, *state.StateDB, error) {
		evm, db := open(t, native(ops), nil)
		_, left, err := evm.Call(vm.AccountRef(caller), self, nil, gas, new(uint256.Int))
		return gas - left, db, err
	}
	const plenty = 1_000_000
	need, _, err := used(plenty)
	if err != nil {
		t.Fatal(err)
	}
	for gas := uint64(0); gas < need; gas += 97 {
		if _, db, err := used(gas); !errors.Is(err, vm.ErrOutOfGas) || db.GetState(self, slot(7)) != (common.Hash{}) || len(db.Logs()) > 0 || !db.GetBalance(absent).IsZero() {
			t.Errorf("with %d gas of %d: %v, want out of gas and nothing left behind", gas, need, err)
		}
	}
}

// callOnce is a native contract that calls to once and returns what came.
func callOnce(to common.Address, static bool, input []byte, value uint64, got *contract.Outcome) vm.PrecompiledContract {
	return vm.NewStatefulPrecompile(func(env vm.PrecompileEnvironment, in []byte) ([]byte, error) {
		if out, bounced, err := contract.Bounced(env, in); bounced {
			return out, err
		}
		s, err := contract.NewState(env), error(nil)
		if static {
			*got, err = s.StaticCall(to, input)
		} else {
			*got, err = s.Call(to, input, uint256.NewInt(value))
		}
		return nil, err
	})
}

func TestCallsOut(t *testing.T) {
	word := bytes.Repeat([]byte{7}, 32)
	from := append(common.LeftPadBytes(self[:], 32), word...)
	for _, c := range []struct {
		name   string
		to     common.Address
		static bool
		value  uint64
		want   contract.Outcome
	}{
		{"a call is made by the contract", echo, false, 0, contract.Outcome{OK: true, Data: from}},
		{"a static call too", echo, true, 0, contract.Outcome{OK: true, Data: from}},
		{"a call may write", writer, false, 0, contract.Outcome{OK: true, Data: make([]byte, 32)}},
		{"a static call may not", writer, true, 0, contract.Outcome{}},
		{"a revert comes with its data", reverts, false, 0, contract.Outcome{Data: word}},
		{"by a static call too", reverts, true, 0, contract.Outcome{Data: word}},
		{"an account without code returns nothing", nobody, true, 0, contract.Outcome{OK: true}},
		{"money that the contract has", nobody, false, 1000, contract.Outcome{OK: true}},
		{"money that it lacks", nobody, false, 1001, contract.Outcome{}},
	} {
		var got contract.Outcome
		evm, db := open(t, callOnce(c.to, c.static, word, c.value, &got), nil)
		if _, _, err := evm.Call(vm.AccountRef(caller), self, nil, 1_000_000, new(uint256.Int)); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got.OK != c.want.OK || !bytes.Equal(got.Data, c.want.Data) {
			t.Errorf("%s: %t %x, want %t %x", c.name, got.OK, got.Data, c.want.OK, c.want.Data)
		}
		if wrote := db.GetState(writer, common.Hash{}) != (common.Hash{}); wrote != (c.to == writer && !c.static) {
			t.Errorf("%s: the callee wrote: %t", c.name, wrote)
		}
	}
	// A call without money works inside a STATICCALL, one with money doesn't.
	var got contract.Outcome
	evm, _ := open(t, callOnce(echo, true, word, 0, &got), nil)
	if _, _, err := evm.StaticCall(vm.AccountRef(caller), self, nil, 1_000_000); err != nil || !got.OK || !bytes.Equal(got.Data, from) {
		t.Errorf("a static call in a static call: %v, %t %x", err, got.OK, got.Data)
	}
	evm, _ = open(t, callOnce(nobody, false, nil, 1, &got), nil)
	if _, _, err := evm.StaticCall(vm.AccountRef(caller), self, nil, 1_000_000); !errors.Is(err, vm.ErrWriteProtection) {
		t.Errorf("money in a static call: %v, want %v", err, vm.ErrWriteProtection)
	}
}

// Only the bouncer's own call is a bounce.
func TestABounceCannotBeForged(t *testing.T) {
	request := append(common.FromHex("b0ce0001000000000000000000000000"), append(writer[:], 1)...)
	for _, how := range []string{"CALL", "STATICCALL"} {
		var reached contract.Outcome
		evm, db := open(t, callOnce(echo, false, nil, 0, &reached), nil)
		if how == "CALL" {
			_, _, _ = evm.Call(vm.AccountRef(caller), self, request, 1_000_000, new(uint256.Int))
		} else {
			_, _, _ = evm.StaticCall(vm.AccountRef(caller), self, request, 1_000_000)
		}
		if !reached.OK || db.GetState(writer, common.Hash{}) != (common.Hash{}) {
			t.Errorf("a request by %s from outside was taken for a bounce", how)
		}
	}
}

func TestWritesInAStaticCallFail(t *testing.T) {
	for _, kind := range []byte{store, storeTransient, logs} {
		evm, _ := open(t, native([]op{{kind: kind}}), nil)
		if _, left, err := evm.StaticCall(vm.AccountRef(caller), self, nil, 100_000); !errors.Is(err, vm.ErrWriteProtection) || left != 0 {
			t.Errorf("operation %d in a STATICCALL: %v with %d gas left, want %v and none", kind, err, left, vm.ErrWriteProtection)
		}
	}
	// Reading warms slots there as anywhere.
	evm, _ := open(t, native([]op{{kind: load}, {kind: load}}), nil)
	if _, left, err := evm.StaticCall(vm.AccountRef(caller), self, nil, 100_000); err != nil || 100_000-left != 2200 {
		t.Errorf("two reads of a slot in a STATICCALL used %d gas, %v, want 2,200", 100_000-left, err)
	}
}
