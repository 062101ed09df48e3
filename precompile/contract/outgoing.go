package contract

import (
	"errors"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"
)

// BouncerAddress is the account through which native contracts make STATICCALLs,
// which libevm does not offer them. Its code, [BouncerCode], calls its caller
// back by STATICCALL with the input it was given, and ends as that call ends.
// From inside that read-only frame the native contract calls its target, which
// therefore sees the native contract as its caller and can write nothing.
var BouncerAddress = common.BytesToAddress([]byte{0x02, 0x00})

// BouncerCode is the code that genesis puts there:
//
//	calldatacopy(0, 0, calldatasize)
//	ok := staticcall(gas, caller, 0, calldatasize, 0, 0)
//	returndatacopy(0, 0, returndatasize)
//	if ok { return(0, returndatasize) }
//	revert(0, returndatasize)
var BouncerCode = common.FromHex("365f5f375f5f365f335afa3d5f5f3e6015573d5ffd5b3d5ff3")

// bounceHeader starts the input of a bounce; 12 zero bytes and the target follow.
// No ABI has a function with this selector.
var bounceHeader = [4]byte{0xb0, 0xce, 0x00, 0x01}

const bounceTarget = len(bounceHeader) + 12

// Outcome is how a call to another contract ended.
type Outcome struct {
	// OK is false when the callee reverted, failed or could not be paid.
	OK bool
	// Data is what it returned or reverted with; empty after any other failure.
	Data []byte
}

// Call calls another contract with value wei of the contract's own money and all
// but a 64th of the gas that is left (EIP-150): CALL, with the prices of the
// account (EIP-2929), of the money and of a new account. value may be nil.
//
// The callee may call this contract again before Call returns: leave state as it
// has to be before every call.
func (s *State) Call(to common.Address, input []byte, value *uint256.Int) (Outcome, error) {
	if value == nil {
		value = new(uint256.Int)
	}
	if !value.IsZero() && s.db == nil {
		return Outcome{}, vm.ErrWriteProtection
	}
	if err := s.touch(to); err != nil {
		return Outcome{}, err
	}
	// The stipend is a part of the 9,000 gas that moving money costs.
	var stipend uint64
	if !value.IsZero() {
		gas := params.CallValueTransferGas
		if s.reader.Empty(to) {
			gas += params.CallNewAccountGas
		}
		if s.env.Gas() < gas {
			return Outcome{}, vm.ErrOutOfGas
		}
		stipend = params.CallStipend
		if err := s.take(gas - stipend); err != nil {
			return Outcome{}, err
		}
	}
	out, err := s.env.Call(to, input, allBut64th(s.env.Gas()-stipend)+stipend, value)
	return outcome(out, err), nil
}

// StaticCall calls another contract, which can change nothing, by way of the
// [BouncerAddress]: the price of the account (EIP-2929), and the bouncer's few
// hundred gas. The callee gets all but a 32nd of the gas that is left.
func (s *State) StaticCall(to common.Address, input []byte) (Outcome, error) {
	if err := s.touch(to); err != nil {
		return Outcome{}, err
	}
	if s.ReadOnly() {
		out, err := s.env.Call(to, input, allBut64th(s.env.Gas()), new(uint256.Int))
		return outcome(out, err), nil
	}
	request := make([]byte, 0, bounceTarget+common.AddressLength+len(input))
	request = append(request, bounceHeader[:]...)
	request = append(request, make([]byte, bounceTarget-len(bounceHeader))...)
	request = append(append(request, to[:]...), input...)
	out, err := s.env.Call(BouncerAddress, request, allBut64th(s.env.Gas()), new(uint256.Int))
	return outcome(out, err), nil
}

// Bounced makes the call that [State.StaticCall] asked for, if input is such a
// request and came by the bouncer. Every native contract that uses StaticCall has
// to ask it first; [Contract.Run] does.
func Bounced(env vm.PrecompileEnvironment, input []byte) (out []byte, bounced bool, err error) {
	if len(input) < bounceTarget+common.AddressLength || [4]byte(input) != bounceHeader ||
		env.IncomingCallType() != vm.StaticCall || env.Addresses().Raw.Caller != BouncerAddress {
		return nil, false, nil
	}
	to := common.BytesToAddress(input[bounceTarget : bounceTarget+common.AddressLength])
	out, err = env.Call(to, input[bounceTarget+common.AddressLength:], env.Gas(), new(uint256.Int))
	if err != nil && !errors.Is(err, vm.ErrExecutionReverted) {
		return nil, true, vm.ErrExecutionReverted
	}
	return out, true, err
}

// allBut64th is EIP-150's limit on the gas of a call.
func allBut64th(gas uint64) uint64 { return gas - gas/64 }

func outcome(out []byte, err error) Outcome {
	if err != nil && !errors.Is(err, vm.ErrExecutionReverted) {
		return Outcome{}
	}
	return Outcome{OK: err == nil, Data: out}
}
