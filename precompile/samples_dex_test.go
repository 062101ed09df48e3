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
