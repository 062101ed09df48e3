package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// liquidityChange is a change of one position.
type liquidityChange struct {
	owner        common.Address
	lower, upper int32
	liquidity    uint256.Int // signed, 128 bits
	spacing      int32
	salt         common.Hash

	// Where both ticks are; modify fills them in.
	lowerSlot, upperSlot common.Hash
}

// positionKey is keccak256(owner . lower . upper . salt), packed.
func (c *liquidityChange) key(h *hasher) common.Hash {
	var b [20 + 3 + 3 + 32]byte
	copy(b[:], c.owner[:])
	b[20], b[21], b[22] = byte(c.lower>>16), byte(c.lower>>8), byte(c.lower)
	b[23], b[24], b[25] = byte(c.upper>>16), byte(c.upper>>8), byte(c.upper)
	copy(b[26:], c.salt[:])
	return h.hash(b[:])
}

func (c *liquidityChange) checkTicks() error {
	switch {
	case c.lower >= c.upper:
		return fail(errTicksMisordered, number(int64(c.lower)), number(int64(c.upper)))
	case c.lower < minTick:
		return fail(errTickLowerOutOfBounds, number(int64(c.lower)))
	case c.upper > maxTick:
		return fail(errTickUpperOutOfBounds, number(int64(c.upper)))
	}
	return nil
}

// modify changes a position and returns what its owner is owed, negative for
// liquidity that has to be paid, and the fees that the position earned since it
// was changed last.
func (p *pool) modify(c *liquidityChange) (principal, fees delta, err error) {
	if err := c.checkTicks(); err != nil {
		return principal, fees, err
	}
	if err := p.Charge(positionGas); err != nil {
		return principal, fees, err
	}
	if c.lowerSlot, err = p.tickSlot(c.lower); err != nil {
		return principal, fees, err
	}
	if c.upperSlot, err = p.tickSlot(c.upper); err != nil {
		return principal, fees, err
	}
	s, err := p.slot0()
	if err != nil {
		return principal, fees, err
	}
	flippedLower, flippedUpper, err := p.updateTicks(c, s.tick)
	if err != nil {
		return principal, fees, err
	}
	inside, err := p.growthInside(c, s.tick)
	if err != nil {
		return principal, fees, err
	}
	if fees, err = p.updatePosition(c, inside); err != nil {
		return principal, fees, err
	}
	if c.liquidity.Sign() < 0 {
		if flippedLower {
			if err := p.clearTick(c.lowerSlot); err != nil {
				return principal, fees, err
			}
		}
		if flippedUpper {
			if err := p.clearTick(c.upperSlot); err != nil {
				return principal, fees, err
			}
		}
	}
	if !c.liquidity.IsZero() {
		principal, err = p.principal(c, s)
	}
	return principal, fees, err
}

// updateTicks changes both ends of the position.
func (p *pool) updateTicks(c *liquidityChange, current int32) (flippedLower, flippedUpper bool, err error) {
	if c.liquidity.IsZero() {
		return false, false, nil
	}
	flippedLower, grossLower, err := p.updateTick(c.lowerSlot, c.lower <= current, &c.liquidity, false)
	if err != nil {
		return false, false, err
	}
	flippedUpper, grossUpper, err := p.updateTick(c.upperSlot, c.upper <= current, &c.liquidity, true)
	if err != nil {
		return false, false, err
	}
	if c.liquidity.Sign() > 0 {
		most := maxTickLiquidity(c.spacing)
		if grossLower.Gt(&most) {
			return false, false, fail(errTickLiquidityOverflow, number(int64(c.lower)))
		}
		if grossUpper.Gt(&most) {
			return false, false, fail(errTickLiquidityOverflow, number(int64(c.upper)))
		}
	}
	if flippedLower {
		if err := p.flipTick(c.lower, c.spacing); err != nil {
			return false, false, err
		}
	}
	if flippedUpper {
		err = p.flipTick(c.upper, c.spacing)
	}
	return flippedLower, flippedUpper, err
}

// updatePosition changes the position's liquidity and returns the fees that the
// old liquidity earned.
func (p *pool) updatePosition(c *liquidityChange, inside growth) (fees delta, err error) {
	if err := p.Charge(slotGas); err != nil {
		return fees, err
	}
	slot := p.entry(c.key(p.hasher), offset(p.base, poolPositions))
	w, err := p.word(slot)
	if err != nil {
		return fees, err
	}
	liquidity := low128(&w)
	if c.liquidity.IsZero() {
		if liquidity.IsZero() {
			return fees, fail(errEmptyPosition)
		}
	} else {
		after, err := addDelta(&liquidity, &c.liquidity)
		if err != nil {
			return fees, err
		}
		if err := p.setWord(slot, &after); err != nil {
			return fees, err
		}
	}
	last, err := p.growthAt(offset(slot, 1))
	if err != nil {
		return fees, err
	}
	since := inside.sub(last)
	owed := [2]*uint256.Int{&fees.amount0, &fees.amount1}
	for i := range since {
		if *owed[i], err = mulDiv(&since[i], &liquidity, &q128); err != nil {
			return fees, err
		}
		if err := p.setWord(offset(slot, 1+uint64(i)), &inside[i]); err != nil {
			return fees, err
		}
	}
	for i := range owed {
		if _, err := unsignedInt128(owed[i]); err != nil {
			return fees, err
		}
	}
	return fees, nil
}

// principal is what the change of liquidity is worth at the pool's price, and
// brings liquidity that is in range into the pool's.
func (p *pool) principal(c *liquidityChange, s slot0) (d delta, err error) {
	if err := p.Charge(2 * tickGas); err != nil {
		return d, err
	}
	low, high := sqrtPriceAtTick(c.lower), sqrtPriceAtTick(c.upper)
	switch {
	case s.tick < c.lower:
		d.amount0, err = signedAmount0(&low, &high, &c.liquidity)
	case s.tick >= c.upper:
		d.amount1, err = signedAmount1(&low, &high, &c.liquidity)
	default:
		if d.amount0, err = signedAmount0(&s.price, &high, &c.liquidity); err != nil {
			return d, err
		}
		if d.amount1, err = signedAmount1(&low, &s.price, &c.liquidity); err != nil {
			return d, err
		}
		var l uint256.Int
		if l, err = p.liquidity(); err != nil {
			return d, err
		}
		if l, err = addDelta(&l, &c.liquidity); err != nil {
			return d, err
		}
		err = p.setLiquidity(&l)
	}
	return d, err
}
