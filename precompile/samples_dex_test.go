package precompile_test

import (
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/dex"
)

// The parameters of the pool manager and the quoter, as the ABI packs them.
type (
	poolKey struct {
		Currency0   common.Address
		Currency1   common.Address
		Fee         *big.Int
		TickSpacing *big.Int
		Hooks       common.Address
	}
	modifyParams struct {
		TickLower      *big.Int
		TickUpper      *big.Int
		LiquidityDelta *big.Int
		Salt           [32]byte
	}
	quoteSingle struct {
		PoolKey     poolKey
		ZeroForOne  bool
		ExactAmount *big.Int
		HookData    []byte
	}
	pathKey struct {
		IntermediateCurrency common.Address
		Fee                  *big.Int
		TickSpacing          *big.Int
		Hooks                common.Address
		HookData             []byte
	}
	quotePath struct {
		ExactCurrency common.Address
		Path          []pathKey
		ExactAmount   *big.Int
	}
)

// tokens are the currencies of two pools: PARS and the first, the first and the
// second.
var tokens = []common.Address{{}, common.HexToAddress("0x70ce01"), common.HexToAddress("0x70ce02")}

func pool(i int) poolKey {
	return poolKey{Currency0: tokens[i], Currency1: tokens[i+1], Fee: big.NewInt(3000), TickSpacing: big.NewInt(60)}
}

// twoPools makes the pools, with liquidity that nobody paid for: the manager is
// made to believe that it is unlocked.
func twoPools(tb testing.TB, e *evmtest.EVM) {
	tb.Helper()
	ABI, err := dex.ManagerABI()
	if err != nil {
		tb.Fatal(err)
	}
	manager := precompile.PoolManagerAddress
	name := new(big.Int).SetBytes(crypto.Keccak256([]byte("Unlocked")))
	unlocked := common.BigToHash(name.Sub(name, common.Big1))
	e.State.SetTransientState(manager, unlocked, common.Hash{31: 1})
	do := func(name string, args ...any) {
		input, err := ABI.Pack(name, args...)
		if err != nil {
			tb.Fatal(err)
		}
		if out, _, err := e.Call(vm.AccountRef(evmtest.Caller), manager, input, evmtest.Gas, new(uint256.Int)); err != nil {
			tb.Fatalf("%s: %x, %v", name, out, err)
		}
	}
	for i := range 2 {
		do("initialize", pool(i), new(big.Int).Lsh(common.Big1, 96))
		do("modifyLiquidity", pool(i), modifyParams{big.NewInt(-6000), big.NewInt(6000), big.NewInt(1e15), [32]byte{}}, []byte{})
		do("modifyLiquidity", pool(i), modifyParams{big.NewInt(-60), big.NewInt(60), big.NewInt(1e15), [32]byte{}}, []byte{})
	}
	e.State.SetTransientState(manager, unlocked, common.Hash{})
}

// hops is a path over both pools, from one end or to the other.
func hops(exactOut bool) quotePath {
	p := quotePath{ExactAmount: big.NewInt(1e12), ExactCurrency: tokens[0]}
	through := []common.Address{tokens[1], tokens[2]}
	if exactOut {
		p.ExactCurrency = tokens[2]
		through = []common.Address{tokens[0], tokens[1]}
	}
	for _, t := range through {
		p.Path = append(p.Path, pathKey{IntermediateCurrency: t, Fee: big.NewInt(3000), TickSpacing: big.NewInt(60), HookData: []byte{}})
	}
	return p
}

func sampleQuoter() []sample {
	const single, path = "(((address,address,uint24,int24,address),bool,uint128,bytes))", "((address,(address,uint24,int24,address,bytes)[],uint128))"
	before := []sample{{setUp: twoPools}}
	one := quoteSingle{PoolKey: pool(0), ZeroForOne: true, ExactAmount: big.NewInt(1e13), HookData: []byte{}}
	return []sample{
		{signature: "quoteExactInputSingle" + single, args: []any{one}, before: before},
		{signature: "quoteExactOutputSingle" + single, args: []any{one}, before: before},
		{signature: "quoteExactInput" + path, args: []any{hops(false)}, before: before},
		{signature: "quoteExactOutput" + path, args: []any{hops(true)}, before: before},
	}
}

// A quote over several pools is the quotes of each, one after the other.
func TestAPathIsItsPoolsOneAfterAnother(t *testing.T) {
	const single, path = "(((address,address,uint24,int24,address),bool,uint128,bytes))", "((address,(address,uint24,int24,address,bytes)[],uint128))"
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.QuoterAddress)
	twoPools(t, n.EVM)
	quote := func(function string, args ...any) *big.Int {
		t.Helper()
		r := n.Do(t, function, args...)
		if r.Err != nil || r.Revert != "" {
			t.Fatalf("%s: %v %q", function, r.Err, r.Revert)
		}
		amount, _ := r.Out[0].(*big.Int)
		return amount
	}
	one := func(function string, i int, amount *big.Int) *big.Int {
		return quote(function+single, quoteSingle{PoolKey: pool(i), ZeroForOne: true, ExactAmount: amount, HookData: []byte{}})
	}
	in := hops(false)
	if got, want := quote("quoteExactInput"+path, in), one("quoteExactInputSingle", 1, one("quoteExactInputSingle", 0, in.ExactAmount)); got.Cmp(want) != 0 {
		t.Errorf("an input over two pools gives %s, one after the other %s", got, want)
	}
	out := hops(true)
	if got, want := quote("quoteExactOutput"+path, out), one("quoteExactOutputSingle", 0, one("quoteExactOutputSingle", 1, out.ExactAmount)); got.Cmp(want) != 0 {
		t.Errorf("an output over two pools costs %s, one after the other %s", got, want)
	}
	// There and back in one quote sees what it did on the way there.
	back := in
	back.Path = append([]pathKey{}, in.Path[0], in.Path[0])
	back.Path[1].IntermediateCurrency = tokens[0]
	if got := quote("quoteExactInput"+path, back); got.Cmp(in.ExactAmount) >= 0 {
		t.Errorf("%s there and back gives %s, want less", in.ExactAmount, got)
	}
	for _, length := range []int{0, 17} {
		long := in
		long.Path = make([]pathKey, length)
		for i := range long.Path {
			long.Path[i] = in.Path[0]
		}
		if r := n.Do(t, "quoteExactInput"+path, long); r.Revert != "PathLength" {
			t.Errorf("a path of %d pools reverts with %q, want PathLength", length, r.Revert)
		}
	}
}
