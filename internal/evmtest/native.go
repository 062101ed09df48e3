package evmtest

import (
	"errors"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/precompile"
)

// Native calls one native contract through its ABI.
type Native struct {
	*EVM
	precompile.Entry
}

// Result is what a call came to.
type Result struct {
	// Out are the outputs as libevm's ABI unpacks them; nil after a revert.
	Out []any
	// Revert is the name of the custom error, "" when the call succeeded.
	Revert string
	// Used is the gas used.
	Used uint64
	// Err is an error other than a revert: the call took all gas.
	Err error
}

// Native returns the native contract at address.
func (e *EVM) Native(tb testing.TB, address common.Address) *Native {
	tb.Helper()
	for _, entry := range precompile.Entries() {
		if entry.Address == address && entry.ABI != nil {
			return &Native{EVM: e, Entry: entry}
		}
	}
	tb.Fatalf("no native contract with an ABI at %s", address)
	return nil
}

// Pack is the calldata for the function with the given signature.
func (n *Native) Pack(tb testing.TB, signature string, args ...any) []byte {
	tb.Helper()
	for _, m := range n.ABI.Methods {
		if m.Sig == signature {
			data, err := m.Inputs.Pack(args...)
			if err != nil {
				tb.Fatalf("packing %s: %v", signature, err)
			}
			return append(append([]byte(nil), m.ID...), data...)
		}
	}
	tb.Fatalf("%s has no function %s", n.Name, signature)
	return nil
}

// Do calls a function by CALL with plenty of gas.
func (n *Native) Do(tb testing.TB, signature string, args ...any) Result {
	tb.Helper()
	return n.DoAs(tb, vm.Call, Gas, signature, args...)
}

// DoAs calls a function by the given call type with the given gas.
func (n *Native) DoAs(tb testing.TB, how vm.CallType, gas uint64, signature string, args ...any) Result {
	tb.Helper()
	out, used, err := n.EVM.Do(how, n.Address, n.Pack(tb, signature, args...), gas)
	r := Result{Used: used}
	switch {
	case errors.Is(err, vm.ErrExecutionReverted):
		r.Revert = n.RevertName(tb, out)
	case err != nil:
		r.Err = err
	default:
		for _, m := range n.ABI.Methods {
			if m.Sig == signature {
				if r.Out, err = m.Outputs.Unpack(out); err != nil {
					tb.Fatalf("unpacking the result of %s: %v", signature, err)
				}
			}
		}
	}
	return r
}

// RevertName is the name of the custom error that data starts with.
func (n *Native) RevertName(tb testing.TB, data []byte) string {
	tb.Helper()
	if len(data) >= 4 {
		e, err := n.ABI.ErrorByID([4]byte(data))
		if err == nil {
			if _, err := e.Inputs.Unpack(data[4:]); err != nil {
				tb.Fatalf("unpacking the arguments of %s: %v", e.Name, err)
			}
			return e.Name
		}
	}
	tb.Fatalf("%s reverted with %x, which its ABI does not declare", n.Name, data)
	return ""
}
