package main

import (
	"math/big"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

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
	swapParams struct {
		ZeroForOne        bool
		AmountSpecified   *big.Int
		SqrtPriceLimitX96 *big.Int
	}
	quoteSingle struct {
		PoolKey     poolKey
		ZeroForOne  bool
		ExactAmount *big.Int
		HookData    []byte
	}
)

// dex has calls of the pool manager on slots that are warm, when storage is
// cheapest: each is made once before it is measured.
func (b *builder) dex() {
	manager, err := dex.ManagerABI()
	if err != nil {
		b.fail(err)
		return
	}
	to := precompile.PoolManagerAddress
	key := poolKey{Currency1: common.HexToAddress("0x70ce"), Fee: big.NewInt(3000), TickSpacing: big.NewInt(60)}
	one := new(big.Int).Lsh(common.Big1, 96)
	unlocked := new(big.Int).SetBytes(crypto.Keccak256([]byte("Unlocked")))
	unlocked.Sub(unlocked, common.Big1)
	b.before = append(b.before, call{setUp: func(e *evmtest.EVM) {
		e.State.SetTransientState(to, common.BigToHash(unlocked), common.Hash{31: 1})
	}})
	ready := func(name string, args ...any) []byte {
		input := b.packWith(manager, name, args...)
		b.before = append(b.before, call{address: to, input: input})
		return input
	}
	measured := func(name, function string, args ...any) {
		b.calls = append(b.calls, call{name: "DEX " + name, address: to, input: ready(function, args...)})
	}
	modify := func(ticks, liquidity int64) []any {
		return []any{key, modifyParams{big.NewInt(-ticks), big.NewInt(ticks), big.NewInt(liquidity), [32]byte{}}, []byte{}}
	}
	ready("initialize", key, one)
	ready("modifyLiquidity", modify(600_000, 1e18)...)
	for i := int64(1); i <= 20; i++ {
		ready("modifyLiquidity", modify(60*i, 1e12)...)
	}
	lowest := big.NewInt(4295128740)
	measured("swap, exact input", "swap", key, swapParams{true, big.NewInt(-1e6), lowest}, []byte{})
	measured("swap, exact output", "swap", key, swapParams{true, big.NewInt(1e6), lowest}, []byte{})
	measured("modifyLiquidity, more", "modifyLiquidity", modify(600, 1)...)
	measured("modifyLiquidity, fees only", "modifyLiquidity", modify(600, 0)...)
	measured("donate", "donate", key, big.NewInt(10), big.NewInt(10), []byte{})
	measured("mint", "mint", evmtest.Caller, new(big.Int), big.NewInt(10))
	measured("sync", "sync", common.Address{})
	measured("settle of nothing", "settle")
	measured("clear of nothing", "clear", precompile.PoolManagerAddress, new(big.Int))
	measured("setOperator", "setOperator", evmtest.Caller, true)
	measured("approve", "approve", evmtest.Caller, new(big.Int), common.Big1)
	measured("balanceOf", "balanceOf", evmtest.Caller, new(big.Int))
	measured("supportsInterface", "supportsInterface", [4]byte{1})
	measured("owner", "owner")
	measured("extsload", "extsload", [32]byte{})
	measured("extsload of 64", "extsload0", [32]byte{}, big.NewInt(64))
	measured("exttload", "exttload0", [32]byte{})
	b.calls = append(b.calls,
		call{name: "revert: DEX, no function", address: to, reverts: true},
		call{name: "revert: DEX initialize again", address: to, reverts: true, input: b.packWith(manager, "initialize", key, one)},
	)
	quote := func(name string, amount int64) {
		const single = "quoteExactInputSingle(((address,address,uint24,int24,address),bool,uint128,bytes))"
		b.add(name, precompile.QuoterAddress, false, single, quoteSingle{key, true, big.NewInt(amount), []byte{}})
		b.before = append(b.before, call{address: precompile.QuoterAddress, input: b.calls[len(b.calls)-1].input})
	}
	quote("DEX quote", 1e6)
	quote("DEX quote over 20 ticks and empty words", 5e18)
}

func (b *builder) packWith(a abi.ABI, name string, args ...any) []byte {
	input, err := a.Pack(name, args...)
	if err != nil {
		b.fail(err)
	}
	return input
}
