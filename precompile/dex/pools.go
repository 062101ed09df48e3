package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

var (
	topicInitialize = crypto.Keccak256Hash([]byte("Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)"))
	topicModify     = crypto.Keccak256Hash([]byte("ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)"))
	topicSwap       = crypto.Keccak256Hash([]byte("Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)"))
	topicDonate     = crypto.Keccak256Hash([]byte("Donate(bytes32,address,uint256,uint256)"))
)

// logPool writes an event about a pool by the sender.
func (c *call) logPool(topic, id common.Hash, words ...uint256.Int) error {
	return c.Log([]common.Hash{topic, id, addressKey(c.sender)}, result(words...))
}

// initialFee is the fee that a pool starts with.
func initialFee(fee uint32) (uint32, error) {
	if fee == dynamicFee {
		return 0, nil
	}
	if fee > feeUnit {
		return 0, fail(errLPFeeTooLarge, number(int64(fee)))
	}
	return fee, nil
}

func (k *poolKey) check() error {
	switch {
	case k.spacing > maxTickSpacing:
		return fail(errTickSpacingTooLarge, number(int64(k.spacing)))
	case k.spacing < minTickSpacing:
		return fail(errTickSpacingTooSmall, number(int64(k.spacing)))
	case k.currency0.Cmp(k.currency1) >= 0:
		return fail(errCurrenciesOutOfOrder, wordOf(addressKey(k.currency0)), wordOf(addressKey(k.currency1)))
	case !k.validHooks():
		return fail(errHookAddress, wordOf(addressKey(k.hooks)))
	}
	return nil
}

// initialize makes a pool. Anybody may, at any time.
func initialize(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 1); err != nil {
		return nil, err
	}
	key, price := c.poolKey(), c.uint(poolKeyWords, 160)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if err := key.check(); err != nil {
		return nil, err
	}
	fee, err := initialFee(key.fee)
	if err != nil {
		return nil, err
	}
	if c.calls(&key, flagBeforeInitialize) {
		if _, err := c.hook(&key, selBeforeInitialize, nil, price); err != nil {
			return nil, err
		}
	}
	p, id, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	tick, err := p.initialize(&price, fee)
	if err != nil {
		return nil, err
	}
	topics := []common.Hash{topicInitialize, id, addressKey(key.currency0), addressKey(key.currency1)}
	at := number(int64(tick))
	fields := append(append([]byte(nil), key.encoded[64:]...), result(price, at)...)
	if err := c.Log(topics, fields); err != nil {
		return nil, err
	}
	if c.calls(&key, flagAfterInitialize) {
		if _, err := c.hook(&key, selAfterInitialize, nil, price, at); err != nil {
			return nil, err
		}
	}
	return result(at), nil
}

// modifyLiquidity changes one of the sender's positions.
func modifyLiquidity(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 5); err != nil {
		return nil, err
	}
	key := c.poolKey()
	change := liquidityChange{
		owner: c.sender, lower: c.int24(5), upper: c.int24(6), liquidity: c.word(7),
		spacing: key.spacing, salt: c.hash32(8),
	}
	data := c.bytes(9)
	if err := c.begin(); err != nil {
		return nil, err
	}
	p, id, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	if _, err := p.initialized(); err != nil {
		return nil, err
	}
	params := []uint256.Int{number(int64(change.lower)), number(int64(change.upper)), change.liquidity, wordOf(change.salt)}
	adds := change.liquidity.Sign() > 0
	flag, function := flagBeforeRemoveLiquidity, selBeforeRemoveLiquidity
	if adds {
		flag, function = flagBeforeAddLiquidity, selBeforeAddLiquidity
	}
	if c.calls(&key, flag) {
		if _, err := c.hook(&key, function, data, params...); err != nil {
			return nil, err
		}
	}
	if _, err := int128(&change.liquidity); err != nil {
		return nil, err
	}
	principal, fees, err := p.modify(&change)
	if err != nil {
		return nil, err
	}
	owed, err := principal.add(fees)
	if err != nil {
		return nil, err
	}
	if err := c.logPool(topicModify, id, params...); err != nil {
		return nil, err
	}
	owed, err = c.afterModify(&key, adds, params, owed, fees, data)
	if err != nil {
		return nil, err
	}
	return result(owed.word(), fees.word()), nil
}

// afterModify calls the hook, and accounts for what it takes and what is left to
// the sender.
func (c *call) afterModify(key *poolKey, adds bool, params []uint256.Int, owed, fees delta, data []byte) (delta, error) {
	flag, returns, function := flagAfterRemoveLiquidity, flagAfterRemoveLiquidityDelta, selAfterRemoveLiquidity
	if adds {
		flag, returns, function = flagAfterAddLiquidity, flagAfterAddLiquidityDelta, selAfterAddLiquidity
	}
	if c.calls(key, flag) {
		w, err := c.hookDelta(key, function, returns, data, append(params, owed.word(), fees.word())...)
		if err != nil {
			return owed, err
		}
		taken := deltaOf(&w)
		if owed, err = owed.sub(taken); err != nil {
			return owed, err
		}
		if !taken.isZero() {
			if err := c.accountPair(key, taken, key.hooks); err != nil {
				return owed, err
			}
		}
	}
	return owed, c.accountPair(key, owed, c.sender)
}

// swapParams are those of a call of swap.
type swapParams struct {
	zeroForOne bool
	amount     uint256.Int
	limit      uint256.Int
}

func (p *swapParams) words() []uint256.Int {
	return []uint256.Int{boolWord(p.zeroForOne), p.amount, p.limit}
}

func swap(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 4); err != nil {
		return nil, err
	}
	key := c.poolKey()
	params := swapParams{zeroForOne: c.bool(5), amount: c.word(6), limit: c.uint(7, 160)}
	data := c.bytes(8)
	if err := c.begin(); err != nil {
		return nil, err
	}
	if params.amount.IsZero() {
		return nil, fail(errSwapAmountZero)
	}
	p, id, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	if _, err := p.initialized(); err != nil {
		return nil, err
	}
	amount, took, fee, err := c.beforeSwap(&key, &params, data)
	if err != nil {
		return nil, err
	}
	r, err := p.swap(&swapRequest{spacing: key.spacing, zeroForOne: params.zeroForOne, amount: amount, limit: params.limit, override: fee})
	if err != nil {
		return nil, err
	}
	input := key.currency0
	if !params.zeroForOne {
		input = key.currency1
	}
	if err := c.accrue(input, &r.protocol); err != nil {
		return nil, err
	}
	if err := c.logPool(topicSwap, id, r.delta.amount0, r.delta.amount1, r.price, r.liquidity, number(int64(r.tick)), number(int64(r.fee))); err != nil {
		return nil, err
	}
	left, hook, err := c.afterSwap(&key, &params, r.delta, took, data)
	if err != nil {
		return nil, err
	}
	if !hook.isZero() {
		if err := c.accountPair(&key, hook, key.hooks); err != nil {
			return nil, err
		}
	}
	return result(left.word()), c.accountPair(&key, left, c.sender)
}

// donate gives to the liquidity that is in range.
func donate(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 3); err != nil {
		return nil, err
	}
	key, given0, given1 := c.poolKey(), c.word(5), c.word(6)
	data := c.bytes(7)
	if err := c.begin(); err != nil {
		return nil, err
	}
	p, id, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	if _, err := p.initialized(); err != nil {
		return nil, err
	}
	if c.calls(&key, flagBeforeDonate) {
		if _, err := c.hook(&key, selBeforeDonate, data, given0, given1); err != nil {
			return nil, err
		}
	}
	d, err := p.donate(&given0, &given1)
	if err != nil {
		return nil, err
	}
	if err := c.accountPair(&key, d, c.sender); err != nil {
		return nil, err
	}
	if err := c.logPool(topicDonate, id, given0, given1); err != nil {
		return nil, err
	}
	if c.calls(&key, flagAfterDonate) {
		if _, err := c.hook(&key, selAfterDonate, data, given0, given1); err != nil {
			return nil, err
		}
	}
	return result(d.word()), nil
}
