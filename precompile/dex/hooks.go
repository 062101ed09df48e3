package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// The lowest 14 bits of a hook's address say what the manager calls it for.
const (
	flagBeforeInitialize = 1 << (13 - iota)
	flagAfterInitialize
	flagBeforeAddLiquidity
	flagAfterAddLiquidity
	flagBeforeRemoveLiquidity
	flagAfterRemoveLiquidity
	flagBeforeSwap
	flagAfterSwap
	flagBeforeDonate
	flagAfterDonate
	flagBeforeSwapDelta
	flagAfterSwapDelta
	flagAfterAddLiquidityDelta
	flagAfterRemoveLiquidityDelta

	flagsAll = 1<<14 - 1
)

const (
	sigKey    = "(address,address,uint24,int24,address)"
	sigModify = "(int24,int24,int256,bytes32)"
	sigSwap   = "(bool,int256,uint160)"
)

var (
	selBeforeInitialize      = selectorOf("beforeInitialize(address," + sigKey + ",uint160)")
	selAfterInitialize       = selectorOf("afterInitialize(address," + sigKey + ",uint160,int24)")
	selBeforeAddLiquidity    = selectorOf("beforeAddLiquidity(address," + sigKey + "," + sigModify + ",bytes)")
	selAfterAddLiquidity     = selectorOf("afterAddLiquidity(address," + sigKey + "," + sigModify + ",int256,int256,bytes)")
	selBeforeRemoveLiquidity = selectorOf("beforeRemoveLiquidity(address," + sigKey + "," + sigModify + ",bytes)")
	selAfterRemoveLiquidity  = selectorOf("afterRemoveLiquidity(address," + sigKey + "," + sigModify + ",int256,int256,bytes)")
	selBeforeSwap            = selectorOf("beforeSwap(address," + sigKey + "," + sigSwap + ",bytes)")
	selAfterSwap             = selectorOf("afterSwap(address," + sigKey + "," + sigSwap + ",int256,bytes)")
	selBeforeDonate          = selectorOf("beforeDonate(address," + sigKey + ",uint256,uint256,bytes)")
	selAfterDonate           = selectorOf("afterDonate(address," + sigKey + ",uint256,uint256,bytes)")
)

// permits reports whether the pool's hook has the flag.
func (k *poolKey) permits(flag int) bool {
	return int(k.hooks[18])<<8&flag|int(k.hooks[19])&flag != 0
}

// validHooks reports whether address and fee go together: no flag of a delta
// without that of its call, and a hook is there for something.
func (k *poolKey) validHooks() bool {
	for _, pair := range [][2]int{
		{flagBeforeSwapDelta, flagBeforeSwap}, {flagAfterSwapDelta, flagAfterSwap},
		{flagAfterAddLiquidityDelta, flagAfterAddLiquidity}, {flagAfterRemoveLiquidityDelta, flagAfterRemoveLiquidity},
	} {
		if k.permits(pair[0]) && !k.permits(pair[1]) {
			return false
		}
	}
	if k.hooks == (common.Address{}) {
		return k.fee != dynamicFee
	}
	return k.permits(flagsAll) || k.fee == dynamicFee
}

// calls reports whether the hook is to be called: it has the flag, and isn't the
// one that is calling the manager.
func (c *call) calls(key *poolKey, flag int) bool {
	return c.sender != key.hooks && key.permits(flag)
}

// hook calls the pool's hook: sender and key, then words, then data as the last
// argument unless it is nil. The first four bytes of the answer have to be the
// selector.
func (c *call) hook(key *poolKey, s selector, data []byte, words ...uint256.Int) ([]byte, error) {
	input := make([]byte, 0, 4+32*(9+len(words))+len(data))
	input = appendAddress(append(input, s[:]...), c.sender)
	input = append(input, key.encoded[:]...)
	for i := range words {
		input = appendWord(input, &words[i])
	}
	if data != nil {
		input = appendBytes(appendNumber(input, uint64(len(input)-4+32)), data)
	}
	if err := c.Charge(wordGas * contract.Words(len(input))); err != nil {
		return nil, err
	}
	out, err := c.Call(key.hooks, input, nil)
	if err != nil {
		return nil, err
	}
	if !out.OK {
		return nil, wrapped(key.hooks, s, out.Data, errHookCallFailed)
	}
	if len(out.Data) < 32 || selector(out.Data) != s {
		return nil, fail(errHookResponse)
	}
	return out.Data, nil
}

// hookDelta is hook for one that may return a delta as the second word.
func (c *call) hookDelta(key *poolKey, s selector, returns int, data []byte, words ...uint256.Int) (w uint256.Int, err error) {
	out, err := c.hook(key, s, data, words...)
	if err != nil || !key.permits(returns) {
		return w, err
	}
	if len(out) != 64 {
		return w, fail(errHookResponse)
	}
	w.SetBytes32(out[32:])
	return w, nil
}

// beforeSwap asks the hook. It returns the amount that is left to swap, what the
// hook took of the specified and the other currency, and its fee.
func (c *call) beforeSwap(key *poolKey, p *swapParams, data []byte) (amount uint256.Int, took delta, fee uint32, err error) {
	amount = p.amount
	if !c.calls(key, flagBeforeSwap) {
		return amount, took, 0, nil
	}
	out, err := c.hook(key, selBeforeSwap, data, p.words()...)
	if err != nil {
		return amount, took, 0, err
	}
	if len(out) != 96 {
		return amount, took, 0, fail(errHookResponse)
	}
	if key.fee == dynamicFee {
		fee = uint32(out[93])<<16 | uint32(out[94])<<8 | uint32(out[95])
	}
	if !key.permits(flagBeforeSwapDelta) {
		return amount, took, fee, nil
	}
	var w uint256.Int
	w.SetBytes32(out[32:64])
	took = deltaOf(&w)
	if took.amount0.IsZero() {
		return amount, took, fee, nil
	}
	exactIn := amount.Sign() < 0
	if amount, err = addSigned(&amount, &took.amount0); err != nil {
		return amount, took, fee, err
	}
	if exactIn && amount.Sign() > 0 || !exactIn && amount.Sign() < 0 {
		return amount, took, fee, fail(errHookDeltaExceeds)
	}
	return amount, took, fee, nil
}

// afterSwap asks the hook what it takes. It returns what is left to the sender of
// what the pool gave, and the hook's part.
func (c *call) afterSwap(key *poolKey, p *swapParams, given, took delta, data []byte) (left, hook delta, err error) {
	if c.sender == key.hooks {
		return given, hook, nil
	}
	specified, other := took.amount0, took.amount1
	if key.permits(flagAfterSwap) {
		w, err := c.hookDelta(key, selAfterSwap, flagAfterSwapDelta, data, append(p.words(), given.word())...)
		if err != nil {
			return given, hook, err
		}
		more, err := int128(&w)
		if err != nil {
			return given, hook, err
		}
		if other, err = addSigned128(&other, &more); err != nil {
			return given, hook, err
		}
	}
	if specified.IsZero() && other.IsZero() {
		return given, hook, nil
	}
	hook = delta{amount0: other, amount1: specified}
	if (p.amount.Sign() < 0) == p.zeroForOne {
		hook = delta{amount0: specified, amount1: other}
	}
	left, err = given.sub(hook)
	return left, hook, err
}
