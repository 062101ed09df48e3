package dex

import (
	"math/bits"

	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// tick is one tick of a pool.
type tick struct {
	slot common.Hash
	// gross is the liquidity of all positions that end here; net is what comes
	// into range when the price rises past it (whitepaper of v3, section 6.3).
	gross, net uint256.Int
}

// tickSlot is where tick n is.
func (p *pool) tickSlot(n int32) (common.Hash, error) {
	return p.entry(tickWord(n), offset(p.base, poolTicks)), p.Charge(slotGas)
}

// tick reads the tick at slot.
func (p *pool) tick(slot common.Hash) (t tick, err error) {
	t.slot = slot
	w, err := p.word(t.slot)
	if err != nil {
		return t, err
	}
	t.gross = low128(&w)
	high := high128(&w)
	t.net = signExtend128(&high)
	return t, nil
}

// updateTick adds liquidity that begins (lower) or ends (upper) at the tick at
// slot, below tells whether the tick is at or below the price. It reports whether
// the tick came into use or fell out of it.
func (p *pool) updateTick(slot common.Hash, below bool, liquidity *uint256.Int, upper bool) (flipped bool, gross uint256.Int, err error) {
	t, err := p.tick(slot)
	if err != nil {
		return false, gross, err
	}
	if gross, err = addDelta(&t.gross, liquidity); err != nil {
		return false, gross, err
	}
	if t.gross.IsZero() && below {
		// All growth so far is taken to be below the tick.
		g, err := p.globalGrowth()
		if err != nil {
			return false, gross, err
		}
		for i := range g {
			if err := p.setWord(offset(t.slot, 1+uint64(i)), &g[i]); err != nil {
				return false, gross, err
			}
		}
	}
	change := *liquidity
	if upper {
		change.Neg(&change)
	}
	net, err := addSigned128(&t.net, &change)
	if err != nil {
		return false, gross, err
	}
	packed := uint256.Int{gross[0], gross[1], net[0], net[1]}
	return gross.IsZero() != t.gross.IsZero(), gross, p.setWord(t.slot, &packed)
}

// clearTick empties a tick that nobody uses any more.
func (p *pool) clearTick(slot common.Hash) error {
	for i := range uint64(3) {
		if err := p.Store(offset(slot, i), common.Hash{}); err != nil {
			return err
		}
	}
	return nil
}

// crossTick turns the growth outside of a tick around as the price passes it,
// and returns its net liquidity.
func (p *pool) crossTick(n int32, global growth) (net uint256.Int, err error) {
	slot, err := p.tickSlot(n)
	if err != nil {
		return net, err
	}
	t, err := p.tick(slot)
	if err != nil {
		return net, err
	}
	outside, err := p.growthAt(offset(t.slot, 1))
	if err != nil {
		return net, err
	}
	turned := global.sub(outside)
	for i := range turned {
		if err := p.setWord(offset(t.slot, 1+uint64(i)), &turned[i]); err != nil {
			return net, err
		}
	}
	return t.net, nil
}

// growthInside is the growth between the ends of a position (whitepaper of v3, 6.17 to 6.19).
func (p *pool) growthInside(c *liquidityChange, current int32) (g growth, err error) {
	below, err := p.growthAt(offset(c.lowerSlot, 1))
	if err != nil {
		return g, err
	}
	above, err := p.growthAt(offset(c.upperSlot, 1))
	if err != nil {
		return g, err
	}
	switch {
	case current < c.lower:
		return below.sub(above), nil
	case current >= c.upper:
		return above.sub(below), nil
	}
	global, err := p.globalGrowth()
	return global.sub(below).sub(above), err
}

// maxTickLiquidity is what may end at one tick, so that all ticks of the spacing
// together stay below 2^128.
func maxTickLiquidity(spacing int32) (most uint256.Int) {
	ticks := maxTick/spacing - floorDiv(minTick, spacing) + 1
	most.Div(&maxUint128, uint256.NewInt(uint64(ticks)))
	return most
}

// floorDiv is a/b, rounded down; b is positive.
func floorDiv(a, b int32) int32 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// bitmapSlot is the word of the bitmap with the bit of a compressed tick.
func (p *pool) bitmapSlot(compressed int32) common.Hash {
	return p.entry(tickWord(compressed>>8), offset(p.base, poolBitmap))
}

// flipTick turns the bit of a tick in the bitmap.
func (p *pool) flipTick(n, spacing int32) error {
	if n%spacing != 0 {
		return fail(errTickMisaligned, number(int64(n)), number(int64(spacing)))
	}
	if err := p.Charge(slotGas); err != nil {
		return err
	}
	compressed := n / spacing
	slot := p.bitmapSlot(compressed)
	w, err := p.word(slot)
	if err != nil {
		return err
	}
	bit := uint(compressed & 0xff)
	w[bit/64] ^= 1 << (bit % 64)
	return p.setWord(slot, &w)
}

// nextTick finds the next tick in use in the word of the bitmap that starts at
// tick n, downwards including n or upwards without it; or else the last tick of
// the word.
func (p *pool) nextTick(n, spacing int32, down bool) (next int32, used bool, err error) {
	compressed := floorDiv(n, spacing)
	if !down {
		compressed++
	}
	w, err := p.word(p.bitmapSlot(compressed))
	if err != nil {
		return 0, false, err
	}
	bit := compressed & 0xff
	to := int32(255)
	if down {
		to = 0
	}
	if at, ok := findBit(&w, uint(bit), down); ok {
		to, used = int32(at), true
	}
	return (compressed - bit + to) * spacing, used, nil
}

// findBit is the highest bit of w at or below from, or the lowest at or above it.
func findBit(w *uint256.Int, from uint, down bool) (uint, bool) {
	limb := from / 64
	if down {
		v := w[limb] & (^uint64(0) >> (63 - from%64))
		for {
			if v != 0 {
				return limb*64 + uint(bits.Len64(v)) - 1, true
			}
			if limb == 0 {
				return 0, false
			}
			limb--
			v = w[limb]
		}
	}
	v := w[limb] & (^uint64(0) << (from % 64))
	for {
		if v != 0 {
			return limb*64 + uint(bits.TrailingZeros64(v)), true
		}
		if limb == 3 {
			return 0, false
		}
		limb++
		v = w[limb]
	}
}
