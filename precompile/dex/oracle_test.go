package dex_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/libevm"
	"github.com/ava-labs/libevm/libevm/hookstest"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/dex"
)

var (
	trader = common.HexToAddress("0x74ade4")
	native = common.HexToAddress("0x0400")
	quiet  = common.HexToAddress("0x9e7") // answers unlockCallback with nothing
)

// beside is an EVM with the native pool manager and the published one, both of
// them unlocked, so that functions can be called without a router.
type beside struct {
	*vm.EVM
	db     *state.StateDB
	abi    abi.ABI
	oracle common.Address
	// computed is what the native manager charged for computation.
	computed uint64
	// steps is the same for the oracle: its opcodes without those on state.
	steps *steps
	// ops is what the native manager did to the state when it was recorded last.
	ops []func(vm.StateDB)
}

// recorded is a second address of the native manager, for [dex.Recorded].
var recorded = common.HexToAddress("0x0499")

// steps adds up what the computation of one contract costs.
type steps struct {
	vm.EVMLogger
	of  common.Address
	gas uint64
}

func (s *steps) CaptureStart(*vm.EVM, common.Address, common.Address, bool, []byte, uint64, *big.Int) {
}
func (s *steps) CaptureEnd([]byte, uint64, error) {}
func (s *steps) CaptureEnter(vm.OpCode, common.Address, common.Address, []byte, uint64, *big.Int) {
}
func (s *steps) CaptureExit([]byte, uint64, error) {}
func (s *steps) CaptureFault(uint64, vm.OpCode, uint64, uint64, *vm.ScopeContext, int, error) {
}
func (s *steps) CaptureState(_ uint64, op vm.OpCode, _, cost uint64, scope *vm.ScopeContext, _ []byte, _ int, _ error) {
	switch op {
	case vm.SLOAD, vm.SSTORE, vm.TLOAD, vm.TSTORE, vm.CALL, vm.STATICCALL, vm.LOG1, vm.LOG2, vm.LOG3, vm.LOG4, vm.SELFBALANCE:
	default:
		if scope.Contract.Address() == s.of {
			s.gas += cost
		}
	}
}

func newBeside(tb testing.TB) *beside {
	tb.Helper()
	var published struct {
		ABI      json.RawMessage `json:"abi"`
		Bytecode struct {
			Object string `json:"object"`
		} `json:"bytecode"`
	}
	raw, err := os.ReadFile("../../contracts/node_modules/@uniswap/v4-core/out/PoolManager.sol/PoolManager.json")
	if err != nil {
		tb.Fatalf("%v: run `make deps` first", err)
	}
	if err := json.Unmarshal(raw, &published); err != nil {
		tb.Fatal(err)
	}
	b := &beside{}
	if b.abi, err = abi.JSON(bytes.NewReader(published.ABI)); err != nil {
		tb.Fatal(err)
	}
	code, err := hex.DecodeString(strings.TrimPrefix(published.Bytecode.Object, "0x"))
	if err != nil {
		tb.Fatal(err)
	}
	(&hookstest.Stub{PrecompileOverrides: map[common.Address]libevm.PrecompiledContract{native: dex.Measured(&b.computed), recorded: dex.Recorded(&b.ops)}}).Register(tb)
	if b.db, err = state.New(types.EmptyRootHash, state.NewDatabase(rawdb.NewMemoryDatabase()), nil); err != nil {
		tb.Fatal(err)
	}
	header := &types.Header{Number: big.NewInt(2), Time: 1, Difficulty: new(big.Int), GasLimit: 30_000_000, BaseFee: big.NewInt(1), ExcessBlobGas: new(uint64)}
	ctx := core.NewEVMBlockContext(header, nil, &common.Address{})
	ctx.Random = &common.Hash{}
	b.EVM = vm.NewEVM(ctx, vm.TxContext{Origin: trader, GasPrice: big.NewInt(1)}, b.db, params.MergedTestChainConfig, vm.Config{})
	b.db.SetNonce(native, 1)
	b.db.SetCode(native, []byte{1})
	b.db.SetNonce(recorded, 1)
	b.db.SetNonce(quiet, 1)
	b.db.SetCode(quiet, common.FromHex("60205f5260405ff3"))
	b.db.SetBalance(trader, uint256.NewInt(1e18))
	if _, b.oracle, _, err = b.Create(vm.AccountRef(trader), append(code, common.LeftPadBytes(trader[:], 32)...), 10_000_000, new(uint256.Int)); err != nil {
		tb.Fatal(err)
	}
	for _, at := range []common.Address{native, recorded} {
		b.db.SetState(at, common.Hash{}, common.BytesToHash(trader[:]))
	}
	b.steps = &steps{of: b.oracle}
	b.begin(trader)
	return b
}

func (b *beside) managers() []common.Address { return []common.Address{b.oracle, native, recorded} }

// begin is a new transaction by from, with cold slots, in which both managers are
// unlocked.
func (b *beside) begin(from common.Address) {
	b.db.Finalise(true)
	rules := params.MergedTestChainConfig.Rules(big.NewInt(2), true, 1)
	b.db.Prepare(rules, from, common.Address{}, &native, append(vm.ActivePrecompiles(rules), b.managers()...), nil)
	for _, at := range b.managers() {
		b.db.SetTransientState(at, unlockedSlot(), common.Hash{31: 1})
	}
}

func unlockedSlot() common.Hash {
	n := new(big.Int).SetBytes(crypto.Keccak256([]byte("Unlocked")))
	return common.BigToHash(n.Sub(n, big.NewInt(1)))
}

// scenario is one call of the manager, after others.
type scenario struct {
	name   string
	before []tx
	tx
	locked bool
}

type tx struct {
	name  string
	args  []any
	value uint64
	from  common.Address
}

func (b *beside) input(tb testing.TB, t tx) []byte {
	tb.Helper()
	data, err := b.abi.Pack(t.name, t.args...)
	if err != nil {
		tb.Fatalf("packing %s: %v", t.name, err)
	}
	return data
}

func (b *beside) run(tb testing.TB, at common.Address, t tx, input []byte) (gas uint64) {
	tb.Helper()
	from := t.from
	if from == (common.Address{}) {
		from = trader
	}
	out, left, err := b.Call(vm.AccountRef(from), at, input, 100_000_000, uint256.NewInt(t.value))
	if err != nil {
		tb.Fatalf("%s at %s: %x, %v", t.name, at, out, err)
	}
	return 100_000_000 - left
}

// ready makes the calls before the scenario's own on both managers.
func (b *beside) ready(tb testing.TB, s *scenario) {
	tb.Helper()
	for _, t := range s.before {
		for _, at := range b.managers() {
			b.run(tb, at, t, b.input(tb, t))
		}
	}
	b.begin(trader)
	if s.locked {
		for _, at := range b.managers() {
			b.db.SetTransientState(at, unlockedSlot(), common.Hash{})
		}
	}
}
