package contracts_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
)

// Modes of PuppetToken.
const (
	takesAFee     = 1
	balanceWrites = 16
	transferCalls = 256
	senderMatters = 512
)

// scene is a native pool manager with a pool of PARS and one token.
type scene struct {
	*author
	token, hook common.Address
	pool        poolKey
}

// scene opens one. The hook's address has the flags; without, there is no hook.
func (s *stage) scene(tb testing.TB, mode uint64, flags int, spacing int64) *scene {
	tb.Helper()
	copied, e := *s, *s.EVM
	e.State = s.State.Copy()
	copied.EVM = &e
	a := &author{tb: tb, stage: &copied}
	out := &scene{author: a, token: common.HexToAddress("0x70ce00000000000000000000000000000000aaaa")}
	out.pool = poolKey{Currency1: out.token, Fee: big.NewInt(3000), TickSpacing: big.NewInt(spacing)}
	a.puppets = []common.Address{a.router, out.token}
	if flags != 0 {
		out.hook = common.BigToAddress(big.NewInt(0x400c<<32 | int64(flags)))
		out.pool.Hooks = out.hook
		a.account(out.hook, "Puppet")
		a.puppets, a.hooks = append(a.puppets, out.hook), []common.Address{out.hook}
	}
	a.tokens, a.currencies = []common.Address{out.token}, []common.Address{{}, out.token}
	a.tokenAt(out.token, 0, a.router, out.hook, evmtest.Caller)
	a.State.Finalise(true)
	if o := a.step(a.direct("initialize", out.pool, q96)); !o.ok {
		tb.Fatalf("initialize: %x", o.out)
	}
	out.must(out.session(out.modify(-60*spacing, 60*spacing, 1e15), out.even()...))
	out.State.SetState(out.token, common.BigToHash(big.NewInt(2)), common.BigToHash(new(big.Int).SetUint64(mode)))
	return out
}

func (s *scene) even() []op { return []op{even(common.Address{}, 0), even(s.token, 0)} }

// session is an unlock by the router.
func (s *scene) session(first op, rest ...op) tx {
	return tx{from: s.router, input: s.pack(s.tb, "unlock", s.ops(s.tb, append([]op{first}, rest...)))}
}

func (s *scene) modify(lower, upper, liquidity int64) op {
	return call(s.pack(s.tb, "modifyLiquidity", s.pool, modifyParams{big.NewInt(lower), big.NewInt(upper), big.NewInt(liquidity), [32]byte{}}, []byte{}))
}

func (s *scene) swap(zero bool, amount int64) op {
	limit := new(big.Int).Sub(maxSqrtPrice, common.Big1)
	if zero {
		limit = new(big.Int).Add(minSqrtPrice, common.Big1)
	}
	return call(s.pack(s.tb, "swap", s.pool, swapParams{zero, big.NewInt(amount), limit}, []byte{}))
}

// must runs a transaction that has to succeed.
func (s *scene) must(t tx) outcome {
	s.tb.Helper()
	o := s.step(t)
	if !o.ok {
		s.tb.Fatalf("reverted with %x", o.out)
	}
	return o
}

// refuses runs one that has to revert with an error of the manager, and to leave
// its money where it was.
func (s *scene) refuses(t tx, name string) {
	s.tb.Helper()
	money, tokens := s.owns(common.Address{}), s.owns(s.token)
	o := s.step(t)
	if want := s.manager.Errors[name].ID.Bytes()[:4]; o.ok || !bytes.HasPrefix(o.out, want) {
		s.tb.Errorf("gives %t %x, want a revert with %s, %x", o.ok, o.out, name, want)
	}
	if s.owns(common.Address{}).Cmp(money) != 0 || s.owns(s.token).Cmp(tokens) != 0 {
		s.tb.Error("the manager's money moved")
	}
}

// outcomes are the results of the operations of a session that ends in them.
func (s *scene) outcomes(ops ...op) []byte {
	s.tb.Helper()
	o := s.step(s.session(ops[0], append(ops[1:], op{Kind: 2, Value: new(big.Int)})...))
	values, err := s.puppet.ABI.Errors["Outcomes"].Inputs.Unpack(o.out[4:])
	if err != nil {
		s.tb.Fatalf("%x: %v", o.out, err)
	}
	return values[0].([]byte)
}

func (s *scene) program(at common.Address, function [4]byte, a answer) {
	s.tb.Helper()
	s.must(tx{from: evmtest.Caller, to: at, input: s.packPuppet(s.tb, "program", function, a)})
}

func (s *scene) errorID(name string) []byte { return s.manager.Errors[name].ID.Bytes()[:4] }

const flagBeforeSwap = 1 << 7

// beforeSwapAnswer is that of a hook that wants nothing, after ops.
func beforeSwapAnswer(ops ...op) answer {
	data := append(append([]byte{}, hookSelectors[0][:]...), make([]byte, 92)...)
	return answer{Data: data, Ops: ops}
}

func TestAHookCannotTakeWithoutPaying(t *testing.T) {
	s := newStage(t).scene(t, 0, flagBeforeSwap, 60)
	s.program(s.hook, hookSelectors[0], beforeSwapAnswer(call(s.pack(t, "take", s.token, s.hook, big.NewInt(1000)))))
	s.refuses(s.session(s.swap(true, -1000), s.even()...), "CurrencyNotSettled")
	// The same hook, when it pays back before it returns.
	s.program(s.hook, hookSelectors[0], beforeSwapAnswer(call(s.pack(t, "take", s.token, s.hook, big.NewInt(1000))), even(s.token, 0)))
	s.must(s.session(s.swap(true, -1000), s.even()...))
}

func TestAHookMayComeBackInsideASwap(t *testing.T) {
	s := newStage(t).scene(t, 0, flagBeforeSwap, 60)
	// It swaps in the same pool, which doesn't call it again, and tries to unlock.
	s.program(s.hook, hookSelectors[0], beforeSwapAnswer(s.swap(true, -500), call(s.pack(t, "unlock", []byte{})), even(common.Address{}, 0), even(s.token, 0)))
	o := s.must(s.session(s.swap(true, -1000), s.even()...))
	if swaps := bytes.Count(o.logs, s.manager.Events["Swap"].ID.Bytes()); swaps != 2 {
		t.Errorf("%d swaps, want that of the hook and that of the router", swaps)
	}
	if !bytes.Contains(o.logs, s.errorID("AlreadyUnlocked")) {
		t.Error("the hook's own unlock did not fail with AlreadyUnlocked")
	}
	if err := s.solvent(); err != nil {
		t.Error(err)
	}
}

func TestATokenCannotBeCreditedTwiceFromInsideItsTransfer(t *testing.T) {
	s := newStage(t).scene(t, transferCalls, 0, 60)
	// While the router pays, the token settles for itself and syncs anew.
	inside := []op{call(s.pack(t, "settleFor", s.token)), call(s.pack(t, "sync", s.token))}
	s.program(s.token, [4]byte{0xca, 0x11, 0xca, 0x11}, answer{Ops: inside})
	s.must(s.session(s.swap(false, -1000), s.even()...))
	if owed := s.State.GetTransientState(native, crypto.Keccak256Hash(common.LeftPadBytes(s.token[:], 32), common.LeftPadBytes(s.token[:], 32))); owed != (common.Hash{}) {
		t.Errorf("the token is owed %x", owed)
	}
	if err := s.solvent(); err != nil {
		t.Error(err)
	}
	// It takes for itself: then somebody has to pay.
	s.program(s.token, [4]byte{0xca, 0x11, 0xca, 0x11}, answer{Ops: []op{call(s.pack(t, "take", common.Address{}, s.token, big.NewInt(7)))}})
	s.refuses(s.session(s.swap(false, -1000), s.even()...), "CurrencyNotSettled")
}

func TestATokenThatTakesAFeeCreditsWhatArrives(t *testing.T) {
	s := newStage(t).scene(t, takesAFee, 0, 60)
	s.refuses(s.session(s.swap(false, -1000), s.even()...), "CurrencyNotSettled")
	// Who pays the fee on top gets even.
	pay := append(crypto.Keccak256([]byte("transfer(address,uint256)"))[:4], common.LeftPadBytes(native[:], 32)...)
	pay = append(pay, common.BigToHash(big.NewInt(1010)).Bytes()...)
	s.must(s.session(s.swap(false, -1000), call(s.pack(t, "sync", s.token)),
		op{Target: s.token, Value: new(big.Int), Data: pay}, call(s.pack(t, "settle")), even(common.Address{}, 0)))
}

func TestBalanceOfIsAskedForWithoutLeaveToWrite(t *testing.T) {
	s := newStage(t).scene(t, balanceWrites, 0, 60)
	sync := call(s.pack(t, "sync", s.token))
	if out := s.outcomes(sync, s.look()); len(out) == 0 || bytes.Contains(out, common.LeftPadBytes(s.token[:], 32)) {
		t.Errorf("after sync of a token whose balanceOf writes, transient storage is %x, want nothing synced", out)
	}
	if asked := s.State.GetState(s.token, common.BigToHash(big.NewInt(4))); asked != (common.Hash{}) {
		t.Errorf("balanceOf wrote %s", asked)
	}
	s = newStage(t).scene(t, senderMatters, 0, 60)
	if out := s.outcomes(sync, s.look()); !bytes.Contains(out, common.LeftPadBytes(s.token[:], 32)) {
		t.Errorf("a token that answers the manager alone was not synced: %x", out)
	}
}

func TestPositionsReachBothEndsOfThePrice(t *testing.T) {
	for _, spacing := range []int64{1, 60, 32767} {
		s := newStage(t).scene(t, 0, 0, spacing)
		last := 887272 / spacing * spacing
		s.must(s.session(s.modify(-last, last, 1e9), s.even()...))
		for _, bad := range [][2]int64{{-last - spacing, last}, {-last, last + spacing}} {
			out := s.outcomes(s.modify(bad[0], bad[1], 1e9))
			if len(out) == 0 || len(out) == 64 {
				t.Errorf("a position at %v with spacing %d: %x, want a revert", bad, spacing, out)
			}
		}
		// All liquidity a tick may have, and one more.
		low := (-887272 - spacing + 1) / spacing
		most := new(big.Int).Sub(new(big.Int).Lsh(common.Big1, 128), common.Big1)
		most.Div(most, big.NewInt(887272/spacing-low+1))
		full := func(l *big.Int) op {
			return call(s.pack(t, "modifyLiquidity", s.pool, modifyParams{big.NewInt(-last), big.NewInt(0), l, [32]byte{1}}, []byte{}))
		}
		left := new(big.Int).Sub(most, big.NewInt(1e9))
		if out := s.outcomes(full(left)); len(out) != 64 {
			t.Errorf("spacing %d: the most liquidity of a tick: %x, want it accepted", spacing, out)
		}
		if out := s.outcomes(full(left.Add(left, common.Big1))); !bytes.HasPrefix(out, crypto.Keccak256([]byte("TickLiquidityOverflow(int24)"))[:4]) {
			t.Errorf("spacing %d: one more than the most: %x, want TickLiquidityOverflow", spacing, out)
		}
	}
	// From one end of the price to the other and back.
	s := newStage(t).scene(t, 0, 0, 32767)
	s.must(s.session(s.modify(-27*32767, 27*32767, 1e6), s.even()...))
	s.must(s.session(s.swap(true, -1<<62), s.even()...))
	s.must(s.session(s.swap(false, -1<<62), s.even()...))
	if err := s.solvent(); err != nil {
		t.Error(err)
	}
}

// Rounding is in favour of the pool: however small the pieces, nobody gets out
// more than went in.
func TestDustStaysWithThePool(t *testing.T) {
	s := newStage(t).scene(t, 0, 0, 60)
	money, tokens := s.owns(common.Address{}), s.owns(s.token)
	for range 20 {
		s.must(s.session(s.modify(-60, 60, 1), append([]op{s.modify(-60, 60, -1)}, s.even()...)...))
		s.must(s.session(s.swap(true, -1), append([]op{s.swap(false, -1), s.swap(true, 1), s.swap(false, 1)}, s.even()...)...))
	}
	if s.owns(common.Address{}).Cmp(money) < 0 || s.owns(s.token).Cmp(tokens) < 0 {
		t.Errorf("the manager owns %s and %s, before %s and %s", s.owns(common.Address{}), s.owns(s.token), money, tokens)
	}
}

// A stateful contract keeps its rules on how it is called.
func TestThePoolManagerIsCalledDirectly(t *testing.T) {
	s := newStage(t)
	read := s.pack(t, "owner")
	write := s.pack(t, "setOperator", router, true)
	for how, want := range map[vm.CallType]string{vm.DelegateCall: "DelegateCallNotAllowed", vm.CallCode: "DelegateCallNotAllowed"} {
		for _, input := range [][]byte{read, write} {
			if out, _, err := s.Do(how, native, input, evmtest.Gas); !errors.Is(err, vm.ErrExecutionReverted) || !bytes.Equal(out, s.manager.Errors[want].ID.Bytes()[:4]) {
				t.Errorf("%s: %x, %v, want a revert with %s", how, out, err, want)
			}
		}
	}
	if out, _, err := s.Do(vm.StaticCall, native, read, evmtest.Gas); err != nil || len(out) != 32 {
		t.Errorf("owner() by STATICCALL: %x, %v", out, err)
	}
	if _, used, err := s.Do(vm.StaticCall, native, write, evmtest.Gas); !errors.Is(err, vm.ErrWriteProtection) || used != evmtest.Gas {
		t.Errorf("a write by STATICCALL: %v for %d gas, want %v and all of it", err, used, vm.ErrWriteProtection)
	}
	_, gas, err := s.Do(vm.Call, native, write, evmtest.Gas)
	if err != nil {
		t.Fatal(err)
	}
	for _, short := range []uint64{0, 1, gas / 2, gas - 1} {
		e := newStage(t)
		root := e.State.IntermediateRoot(true)
		if _, used, err := e.Do(vm.Call, native, write, short); !errors.Is(err, vm.ErrOutOfGas) || used != short || e.State.IntermediateRoot(true) != root {
			t.Errorf("with %d gas of %d: %v for %d, want out of gas and nothing changed", short, gas, err, used)
		}
	}
	if _, _, err := newStage(t).Do(vm.Call, native, write, gas); err != nil {
		t.Errorf("with exactly %d gas: %v", gas, err)
	}
	if _, _, err := s.Call(vm.AccountRef(evmtest.Caller), native, nil, evmtest.Gas, uint256.NewInt(1)); !errors.Is(err, vm.ErrExecutionReverted) {
		t.Errorf("bare money: %v, want a revert", err)
	}
}
