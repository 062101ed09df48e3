// Package contract turns Go functions into native contracts that speak the
// Solidity ABI: strict decoding of calldata, gas before work, custom errors as
// revert data, and the rules on call types, value and read-only calls that every
// native contract of Pars obeys.
//
// Everything here is on the path of consensus. What a call returns or reverts
// with, and what it costs, has to be the same on every machine.
package contract

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/core/vm"
)

// Gas of a call before its function charges anything: finding the function and
// decoding the arguments. The figures stand in docs/precompiles/gas.md.
const (
	CallGas = 300
	WordGas = 4 // for each 32 bytes of calldata, the last word counted whole
)

// The errors that any native contract may revert with, as Solidity sees them;
// contracts/src/interfaces/INativeContract.sol declares them.
const commonErrors = `[
 {"type":"error","name":"UnknownFunction","inputs":[{"name":"selector","type":"bytes4"}]},
 {"type":"error","name":"MalformedCalldata","inputs":[{"name":"offset","type":"uint256"},{"name":"reason","type":"string"}]},
 {"type":"error","name":"NotPayable","inputs":[]},
 {"type":"error","name":"DirectCallOnly","inputs":[]},
 {"type":"error","name":"ReadOnlyCall","inputs":[]}
]`

// Function is the body of one function. It returns the Go values that
// [abi.Arguments.Pack] wants for the outputs, or an error: a *[RevertError]
// reverts with the custom error it names and leaves the caller its remaining
// gas; [vm.ErrOutOfGas] and any other error consume all gas.
type Function func(*Call) (outputs []any, err error)

// Config describes a native contract.
type Config struct {
	// Name is what people call it: "ML-DSA".
	Name string
	// ABI is the JSON that solc makes of the Solidity interface.
	ABI []byte
	// Functions holds a body for each function of the ABI by signature:
	// "verify(bytes,bytes,bytes)".
	Functions map[string]Function
	// Stateful contracts keep state or logs of their own. DELEGATECALL and
	// CALLCODE to them revert with DirectCallOnly: their state would be written
	// in the name of a caller that isn't one.
	Stateful bool
}

// Contract is a native contract. It is immutable and keeps nothing between calls.
type Contract struct {
	name      string
	abi       abi.ABI
	functions map[[4]byte]function
	stateful  bool
}

type function struct {
	method abi.Method
	body   Function
	// view functions change no state, so they run inside a STATICCALL.
	view bool
	// payable functions take money.
	payable bool
}

// New builds a contract. It fails unless bodies and ABI match one to one.
func New(c Config) (*Contract, error) {
	parsed, err := abi.JSON(bytes.NewReader(c.ABI))
	if err != nil {
		return nil, fmt.Errorf("contract %s: reading ABI: %w", c.Name, err)
	}
	shared, err := abi.JSON(bytes.NewReader([]byte(commonErrors)))
	if err != nil {
		return nil, fmt.Errorf("contract %s: reading the common errors: %w", c.Name, err)
	}
	for name, e := range shared.Errors {
		parsed.Errors[name] = e
	}
	out := &Contract{name: c.Name, abi: parsed, functions: make(map[[4]byte]function), stateful: c.Stateful}
	for _, m := range parsed.Methods {
		body, ok := c.Functions[m.Sig]
		if !ok {
			return nil, fmt.Errorf("contract %s: the ABI has %s, which has no body", c.Name, m.Sig)
		}
		view := m.StateMutability == "view" || m.StateMutability == "pure"
		out.functions[[4]byte(m.ID)] = function{method: m, body: body, view: view, payable: m.StateMutability == "payable"}
	}
	if len(out.functions) != len(c.Functions) {
		return nil, fmt.Errorf("contract %s: %d bodies for the %d functions of the ABI", c.Name, len(c.Functions), len(out.functions))
	}
	return out, nil
}

// MustNew is [New] for package variables, where an error is a mistake in this
// program. It panics on one.
func MustNew(c Config) *Contract {
	out, err := New(c)
	if err != nil {
		panic(err)
	}
	return out
}

// Name is what people call the contract.
func (c *Contract) Name() string { return c.name }

// ABI returns functions and errors, those that all native contracts share included.
func (c *Contract) ABI() abi.ABI { return c.abi }

// Stateful reports whether the contract keeps state of its own.
func (c *Contract) Stateful() bool { return c.stateful }

// Precompiled returns the contract as the EVM wants it.
func (c *Contract) Precompiled() vm.PrecompiledContract { return vm.NewStatefulPrecompile(c.Run) }

// Run executes one call. input is the calldata with its selector. An error other
// than [vm.ErrExecutionReverted] has no output and consumes all gas.
func (c *Contract) Run(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
	if out, bounced, err := Bounced(env, input); bounced {
		return out, err
	}
	out, err := c.run(env, input)
	if err == nil {
		return out, nil
	}
	var revert *RevertError
	var malformed *MalformedError
	switch {
	case errors.As(err, &revert):
	case errors.As(err, &malformed):
		revert = Revert("MalformedCalldata", bigFrom(malformed.Offset), malformed.Reason)
	default:
		return nil, err
	}
	data, err := c.revertData(revert)
	if err != nil {
		return nil, err
	}
	return data, vm.ErrExecutionReverted
}

func (c *Contract) run(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
	words := (uint64(len(input)) + wordSize - 1) / wordSize
	if !env.UseGas(CallGas + WordGas*words) {
		return nil, vm.ErrOutOfGas
	}
	switch env.IncomingCallType() {
	case vm.DelegateCall, vm.CallCode:
		if c.stateful {
			return nil, Revert("DirectCallOnly")
		}
	}
	var selector [4]byte
	copy(selector[:], input)
	f, ok := c.functions[selector]
	// A DELEGATECALL shows the value of the frame around it, which moved no
	// money to or from here.
	if !f.payable && env.IncomingCallType() != vm.DelegateCall && !env.Value().IsZero() {
		return nil, Revert("NotPayable")
	}
	if !ok || len(input) < len(selector) {
		return nil, Revert("UnknownFunction", selector)
	}
	if !f.view && env.ReadOnly() {
		return nil, Revert("ReadOnlyCall")
	}
	args, err := Decode(f.method.Inputs, input[len(selector):])
	if err != nil {
		return nil, err
	}
	outputs, err := f.body(&Call{Args: args, Env: env, Input: input})
	if err != nil {
		return nil, err
	}
	out, err := f.method.Outputs.Pack(outputs...)
	if err != nil {
		return nil, fmt.Errorf("contract %s: packing the result of %s: %w", c.name, f.method.Sig, err)
	}
	return out, nil
}
