package contracts_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

type quoteSingle struct {
	PoolKey     poolKey
	ZeroForOne  bool
	ExactAmount *big.Int
	HookData    []byte
}

// world is a random one after its transactions, on the native manager.
func world(tb testing.TB, base *stage, n uint64) *author {
	tb.Helper()
	author, txs := write(tb, base, *dexSeed, n, 30, false)
	_, _, db := author.play(native, author.puppets, txs, 1<<32)
	author.State = db
	author.Reset(vm.TxContext{Origin: evmtest.Caller, GasPrice: new(big.Int)}, db)
	return author
}

// swapped is what a swap by the router returns or reverts with, undone.
func (a *author) swapped(key poolKey, p swapParams) []byte {
	a.tb.Helper()
	ops := []op{call(a.pack(a.tb, "swap", key, p, []byte{})), {Kind: 2, Value: new(big.Int)}}
	unlock := a.pack(a.tb, "unlock", a.ops(a.tb, ops))
	snapshot := a.State.Snapshot()
	defer a.State.RevertToSnapshot(snapshot)
	out, _, err := a.Call(vm.AccountRef(a.router), native, unlock, 1<<32, new(uint256.Int))
	if !errors.Is(err, vm.ErrExecutionReverted) {
		a.tb.Fatalf("unlock: %x, %v, want a revert with the outcomes", out, err)
	}
	values, err := a.puppet.ABI.Errors["Outcomes"].Inputs.Unpack(out[4:])
	if err != nil {
		a.tb.Fatalf("unlock reverted with %x: %v", out, err)
	}
	return values[0].([]byte)
}

// A quote is what the swap gives, by whichever way it was computed, and leaves
// nothing behind.
func TestQuotesAreWhatSwapsGive(t *testing.T) {
	base := newStage(t)
	compared, hooked, refused := 0, 0, 0
	for n := range uint64(40) {
		a := world(t, base, n)
		quoter := a.Native(t, precompile.QuoterAddress)
		for range 12 {
			key, zero, exactOut := a.key(), a.chance(2), a.chance(2)
			amount := a.size(70)
			name, limit, specified := "quoteExactInputSingle", new(big.Int).Sub(maxSqrtPrice, common.Big1), new(big.Int).Neg(amount)
			if exactOut {
				name, specified = "quoteExactOutputSingle", amount
			}
			if zero {
				limit = new(big.Int).Add(minSqrtPrice, common.Big1)
			}
			want := a.swapped(key, swapParams{zero, specified, limit})
			input, err := quoter.ABI.Pack(name, quoteSingle{key, zero, amount, []byte{}})
			if err != nil {
				t.Fatal(err)
			}
			root := a.State.Copy().IntermediateRoot(true)
			out, _, err := a.Call(vm.AccountRef(evmtest.Caller), quoter.Address, input, 1<<32, new(uint256.Int))
			if a.State.Copy().IntermediateRoot(true) != root {
				t.Fatalf("world %d: a quote changed the state", n)
			}
			hasSay := key.Hooks[19]&0xc0 != 0
			if hasSay {
				hooked++
				static, _, staticErr := a.StaticCall(vm.AccountRef(evmtest.Caller), quoter.Address, input, 1<<32)
				if !errors.Is(staticErr, vm.ErrExecutionReverted) || quoter.RevertName(t, static) != "HookedPool" {
					t.Errorf("world %d: a static quote of a hooked pool: %x, %v, want HookedPool", n, static, staticErr)
				}
			}
			if len(want) != 32 {
				refused++
				if !errors.Is(err, vm.ErrExecutionReverted) || quoter.RevertName(t, out) != "UnexpectedRevertBytes" {
					t.Errorf("world %d: the quote gives %x, %v; the swap reverts with %x", n, out, err, want)
					continue
				}
				if hasSay {
					continue // the hook's revert has the quoter's data in it
				}
				values, _ := quoter.ABI.Errors["UnexpectedRevertBytes"].Inputs.Unpack(out[4:])
				if !bytes.Equal(values[0].([]byte), want) {
					t.Errorf("world %d: the quote reverts with %x, the swap with %x", n, values[0], want)
				}
				continue
			}
			exact, other := signed(want[:16]), signed(want[16:])
			if zero == exactOut {
				exact, other = other, exact
			}
			if exact.Cmp(specified) != 0 {
				refused++
				if !errors.Is(err, vm.ErrExecutionReverted) || quoter.RevertName(t, out) != "NotEnoughLiquidity" {
					t.Errorf("world %d: %x, %v of a swap that stops at %s of %s, want NotEnoughLiquidity", n, out, err, exact, specified)
				}
				continue
			}
			compared++
			if err != nil || new(big.Int).SetBytes(out[:32]).Cmp(other.Abs(other)) != 0 {
				t.Errorf("world %d: %s of %s gives %x, %v; the swap %s", n, name, amount, out, err, other)
			}
		}
	}
	t.Logf("%d quotes equal their swaps, %d of pools with a hook that has a say, %d swaps fail", compared, hooked, refused)
	if compared < 50 || hooked == 0 || refused == 0 {
		t.Error("too few of a kind to say anything")
	}
}

// signed reads 16 bytes in two's complement.
func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(common.Big1, 128))
	}
	return n
}
