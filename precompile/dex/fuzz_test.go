package dex_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/dex"
)

// Whatever calldata either manager gets while it is unlocked, both answer alike.
func FuzzCalldata(f *testing.F) {
	b := newBeside(f)
	for _, s := range scenarios() {
		f.Add(b.input(f, s.tx), false)
	}
	f.Add([]byte{}, true)
	f.Add(bytes.Repeat([]byte{0xff}, 164), false)
	ladder := scenarios()[11] // swap over 20 ticks
	b.ready(f, &ladder)
	replace := func(out []byte) []byte { return bytes.ReplaceAll(out, b.oracle[:], native[:]) }
	f.Fuzz(func(t *testing.T, input []byte, paid bool) {
		if len(input) >= 4 && [4]byte(input) == [4]byte(b.abi.Methods["extsload0"].ID) {
			return // a range of slots ends when the gas does
		}
		value := new(uint256.Int)
		if paid {
			value.SetOne()
		}
		var outs [2][]byte
		var errs [2]error
		for i, at := range []common.Address{b.oracle, native} {
			snapshot := b.db.Snapshot()
			outs[i], _, errs[i] = b.Call(vm.AccountRef(trader), at, input, 50_000_000, value)
			b.db.RevertToSnapshot(snapshot)
		}
		reverted := [2]bool{errors.Is(errs[0], vm.ErrExecutionReverted), errors.Is(errs[1], vm.ErrExecutionReverted)}
		if !bytes.Equal(replace(outs[0]), outs[1]) || reverted[0] != reverted[1] || (errs[0] == nil) != (errs[1] == nil) {
			t.Errorf("%x, paid %t: the native contract gives %x, %v; the published one %x, %v", input, paid, outs[1], errs[1], outs[0], errs[0])
		}
	})
}

// The interface in this package is the published contract's.
func TestTheInterfaceIsThePublishedOne(t *testing.T) {
	b := newBeside(t)
	ours, err := dex.ManagerABI()
	if err != nil {
		t.Fatal(err)
	}
	if len(ours.Methods) != len(b.abi.Methods) || len(ours.Events) != len(b.abi.Events) || len(ours.Errors) != len(b.abi.Errors) {
		t.Errorf("%d functions, %d events and %d errors; the published contract has %d, %d and %d", len(ours.Methods), len(ours.Events), len(ours.Errors), len(b.abi.Methods), len(b.abi.Events), len(b.abi.Errors))
	}
	for _, m := range b.abi.Methods {
		if got, err := ours.MethodById(m.ID); err != nil || got.Sig != m.Sig || got.StateMutability != m.StateMutability || len(got.Outputs) != len(m.Outputs) {
			t.Errorf("%s is missing or differs: %v", m.Sig, got)
		}
	}
	for _, e := range b.abi.Events {
		if _, err := ours.EventByID(e.ID); err != nil {
			t.Errorf("%s is missing", e.Sig)
		}
	}
	for _, e := range b.abi.Errors {
		if _, err := ours.ErrorByID([4]byte(e.ID.Bytes())); err != nil {
			t.Errorf("%s is missing", e.Sig)
		}
	}
}
