package contract_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile/contract"
)

// environment overrides what a test wants to say about a call; anything else
// panics on the nil interface.
type environment struct {
	vm.PrecompileEnvironment
	how      vm.CallType
	readOnly bool
	value    *uint256.Int
	gas      uint64
}

func (e *environment) IncomingCallType() vm.CallType { return e.how }
func (e *environment) ReadOnly() bool                { return e.readOnly }
func (e *environment) Value() *uint256.Int           { return e.value }
func (e *environment) Gas() uint64                   { return e.gas }
func (e *environment) UseGas(n uint64) bool {
	if n > e.gas {
		return false
	}
	e.gas -= n
	return true
}

var counter = contract.MustNew(contract.Config{
	Name:     "counter",
	Stateful: true,
	ABI: []byte(`[
 {"type":"function","name":"add","stateMutability":"nonpayable","inputs":[{"name":"n","type":"uint256"}],"outputs":[{"name":"sum","type":"uint256"}]},
 {"type":"function","name":"read","stateMutability":"view","inputs":[],"outputs":[{"name":"sum","type":"uint256"}]},
 {"type":"function","name":"fail","stateMutability":"view","inputs":[],"outputs":[]}]`),
	Functions: map[string]contract.Function{
		"add(uint256)": func(c *contract.Call) ([]any, error) { return []any{c.Args.Uint256(0).ToBig()}, nil },
		"read()":       func(*contract.Call) ([]any, error) { return []any{big.NewInt(1)}, nil },
		"fail()":       func(*contract.Call) ([]any, error) { return nil, contract.Revert("Undeclared") },
	},
})

func TestRulesOfStatefulContracts(t *testing.T) {
	pack := func(name string, args ...any) []byte {
		data, err := counter.ABI().Pack(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	add, read := pack("add", big.NewInt(5)), pack("read")
	one := uint256.NewInt(1)
	for _, c := range []struct {
		name   string
		env    environment
		input  []byte
		revert string
	}{
		{"a write by CALL", environment{how: vm.Call}, add, ""},
		{"a write inside a STATICCALL further up", environment{how: vm.Call, readOnly: true}, add, "ReadOnlyCall"},
		{"a write by STATICCALL", environment{how: vm.StaticCall, readOnly: true}, add, "ReadOnlyCall"},
		{"a read by STATICCALL", environment{how: vm.StaticCall, readOnly: true}, read, ""},
		{"a read by DELEGATECALL", environment{how: vm.DelegateCall}, read, "DirectCallOnly"},
		{"a write by CALLCODE", environment{how: vm.CallCode}, add, "DirectCallOnly"},
		{"money", environment{how: vm.Call, value: one}, add, "NotPayable"},
	} {
		env := c.env
		env.gas = evmtest.Gas
		if env.value == nil {
			env.value = new(uint256.Int)
		}
		out, err := counter.Run(&env, c.input)
		if c.revert == "" {
			if err != nil {
				t.Errorf("%s: %v, want success", c.name, err)
			}
			continue
		}
		def := counter.ABI().Errors[c.revert]
		if !errors.Is(err, vm.ErrExecutionReverted) || string(out) != string(def.ID.Bytes()[:4]) {
			t.Errorf("%s: %x, %v, want a revert with %s", c.name, out, err, c.revert)
		}
	}
}

// A mistake in a contract's own code must not look like a revert, nor panic.
func TestAnUndeclaredErrorIsNoRevert(t *testing.T) {
	data, err := counter.ABI().Pack("fail")
	if err != nil {
		t.Fatal(err)
	}
	env := &environment{how: vm.Call, value: new(uint256.Int), gas: evmtest.Gas}
	out, err := counter.Run(env, data)
	if err == nil || errors.Is(err, vm.ErrExecutionReverted) || len(out) != 0 {
		t.Errorf("Run = %x, %v, want an error that is no revert, and no output", out, err)
	}
}
