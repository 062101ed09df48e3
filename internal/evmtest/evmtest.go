// Package evmtest gives tests a real libevm EVM with the native contracts of
// Pars, and calls to them by every call type with an exact amount of gas.
package evmtest

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/precompile"
)

// Caller is the account that calls, and Origin the one that sent the transaction.
var (
	Caller = common.HexToAddress("0xca11e400000000000000000000000000000000aa")
	Origin = common.HexToAddress("0x0419140000000000000000000000000000000bbb")
)

// Gas is more than any single call needs.
const Gas = 30_000_000

// EVM is one block's EVM over a state of its own, in memory.
type EVM struct {
	*vm.EVM
	State *state.StateDB
}

// Block is what a test may want to say about the block around its calls. The
// zero value is block 7 of chain 1337.
type Block struct {
	Number uint64
	Time   uint64
	Parent common.Hash
}

// New is [Open] for tests.
func New(tb testing.TB, b Block) *EVM {
	tb.Helper()
	e, err := Open(b)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Open returns an EVM with Cancun rules whose state holds what
// [precompile.Alloc] puts into genesis, and 10^18 wei for [Caller].
func Open(b Block) (*EVM, error) {
	extras.Register()
	db, err := state.New(types.EmptyRootHash, state.NewDatabase(rawdb.NewMemoryDatabase()), nil)
	if err != nil {
		return nil, fmt.Errorf("opening an empty state: %w", err)
	}
	for address, account := range precompile.Alloc() {
		db.SetNonce(address, account.Nonce)
		db.SetCode(address, account.Code)
	}
	db.SetBalance(Caller, uint256.NewInt(1e18))
	db.Finalise(true)
	if b.Number == 0 {
		b.Number = 7
	}
	header := &types.Header{
		ParentHash: b.Parent, Number: new(big.Int).SetUint64(b.Number), Time: b.Time,
		Difficulty: new(big.Int), GasLimit: Gas, BaseFee: big.NewInt(1e9), ExcessBlobGas: new(uint64),
	}
	ctx := core.NewEVMBlockContext(header, nil, &common.Address{})
	ctx.Random = &common.Hash{}
	return &EVM{
		EVM:   vm.NewEVM(ctx, vm.TxContext{Origin: Origin, GasPrice: big.NewInt(1e9)}, db, Config(), vm.Config{}),
		State: db,
	}, nil
}

// Config is a chain configuration with every fork up to Cancun from genesis on
// and the chain id of the development network.
func Config() *params.ChainConfig {
	c := *params.MergedTestChainConfig
	c.ChainID = big.NewInt(1337)
	return &c
}

// NextTransaction ends the transaction that all calls so far belong to: what it
// wrote is committed, its refunds are gone and no account or slot is warm.
func (e *EVM) NextTransaction() {
	e.State.Finalise(true)
	rules := e.ChainConfig().Rules(e.Context.BlockNumber, true, e.Context.Time)
	e.State.Prepare(rules, Origin, e.Context.Coinbase, nil, vm.ActivePrecompiles(rules), nil)
}

// CallTypes are the four ways to call.
var CallTypes = []vm.CallType{vm.Call, vm.StaticCall, vm.DelegateCall, vm.CallCode}

// Do calls address by the given type with gas, and reports output, gas used and
// error as the EVM gives them to the caller.
func (e *EVM) Do(how vm.CallType, address common.Address, input []byte, gas uint64) (out []byte, used uint64, err error) {
	frame := vm.NewContract(vm.NewContract(vm.AccountRef(Origin), vm.AccountRef(Caller), new(uint256.Int), gas), vm.AccountRef(Caller), new(uint256.Int), gas)
	frame.CallerAddress = Origin
	var left uint64
	switch how {
	case vm.Call:
		out, left, err = e.Call(frame, address, input, gas, new(uint256.Int))
	case vm.StaticCall:
		out, left, err = e.StaticCall(frame, address, input, gas)
	case vm.DelegateCall:
		out, left, err = e.DelegateCall(frame, address, input, gas)
	case vm.CallCode:
		out, left, err = e.CallCode(frame, address, input, gas, new(uint256.Int))
	}
	return out, gas - left, err
}
