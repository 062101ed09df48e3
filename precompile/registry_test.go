package precompile_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

var oneWei = uint256.NewInt(1)

func TestEntriesRiseAndAreNotEthereums(t *testing.T) {
	entries := precompile.Entries()
	for i, e := range entries {
		if e.Name == "" || e.Run == nil {
			t.Errorf("entry %s has name %q and code %v, want both", e.Address, e.Name, e.Run)
		}
		if i > 0 && bytes.Compare(entries[i-1].Address[:], e.Address[:]) >= 0 {
			t.Errorf("%s comes after %s, want rising addresses", e.Address, entries[i-1].Address)
		}
		if slices.Contains(vm.PrecompiledAddressesCancun, e.Address) {
			t.Errorf("%s is at %s, which Cancun uses", e.Name, e.Address)
		}
	}
}

func TestAtAgreesWithActive(t *testing.T) {
	for _, time := range []uint64{0, 1, 1 << 62} {
		active := precompile.Active(time)
		for _, e := range precompile.Entries() {
			_, ok := precompile.At(e.Address, time)
			if ok != slices.Contains(active, e.Address) {
				t.Errorf("At(%s, %d) = %t, but Active lists %v", e.Name, time, ok, active)
			}
		}
	}
	if _, ok := precompile.At(common.Address{19: 1}, 0); ok {
		t.Error("At(0x01, 0) = true, want ecrecover left to libevm")
	}
}

func TestAllocMakesAccountsThatLive(t *testing.T) {
	alloc := precompile.Alloc()
	for _, e := range precompile.Entries() {
		account, ok := alloc[e.Address]
		if ok != e.Predeployed {
			t.Errorf("%s is in the allocation: %t, want %t", e.Name, ok, e.Predeployed)
		}
		if ok && (account.Nonce != 1 || !bytes.Equal(account.Code, []byte{1}) || account.Balance == nil || account.Balance.Sign() != 0) {
			t.Errorf("%s is allocated %+v, want nonce 1, code 0x01, balance 0", e.Name, account)
		}
	}
}

func TestPredeploysAreInTheAllocation(t *testing.T) {
	alloc := precompile.Alloc()
	for _, p := range precompile.Predeploys() {
		account, ok := alloc[p.Address]
		if _, native := precompile.At(p.Address, 1<<62); !ok || native || account.Nonce != 1 || !bytes.Equal(account.Code, p.Code) || len(p.Code) == 0 {
			t.Errorf("%s at %s is allocated %t, %+v, native %t; want nonce 1 and its code", p.Name, p.Address, ok, account, native)
		}
	}
}

func TestContractsStartAtTheirTime(t *testing.T) {
	e := precompile.Entry{Since: 1_800_000_000}
	for time, want := range map[uint64]bool{0: false, e.Since - 1: false, e.Since: true, e.Since + 1: true} {
		if got := e.ActiveAt(time); got != want {
			t.Errorf("ActiveAt(%d) = %t, want %t for one that starts at %d", time, got, want, e.Since)
		}
	}
}

func TestValueIsRefused(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	for _, entry := range precompile.Entries() {
		if entry.ABI == nil {
			continue
		}
		out, _, err := e.Call(vm.AccountRef(evmtest.Caller), entry.Address, nil, evmtest.Gas, oneWei)
		if want := entry.ABI.Errors["NotPayable"].ID.Bytes()[:4]; !errors.Is(err, vm.ErrExecutionReverted) || !bytes.Equal(out, want) {
			t.Errorf("%s called with one wei: %x, %v; want a revert with NotPayable, %x", entry.Name, out, err, want)
		}
		if got := e.State.GetBalance(entry.Address); !got.IsZero() {
			t.Errorf("%s owns %s wei after a refused call, want none", entry.Name, got)
		}
	}
}
