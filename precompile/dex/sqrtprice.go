package dex

import "github.com/holiman/uint256"

// What follows is the whitepaper of Uniswap v3, section 6.2, in root prices: with
// liquidity L, an amount of currency 0 is L * (1/low - 1/high), one of currency 1
// L * (high - low). Rounding is always in favour of the pool.

func ordered(a, b *uint256.Int) (low, high *uint256.Int) {
	if a.Gt(b) {
		return b, a
	}
	return a, b
}

// amount0 is how much of currency 0 lies between two root prices.
func amount0(a, b, liquidity *uint256.Int, up bool) (out uint256.Int, err error) {
	low, high := ordered(a, b)
	if low.IsZero() {
		return out, fail(errInvalidPrice)
	}
	var shifted, span uint256.Int
	shifted.Lsh(liquidity, 96)
	span.Sub(high, low)
	if up {
		if out, err = mulDivUp(&shifted, &span, high); err != nil {
			return out, err
		}
		return divUp(&out, low), nil
	}
	if out, err = mulDiv(&shifted, &span, high); err != nil {
		return out, err
	}
	out.Div(&out, low)
	return out, nil
}

// amount1 is how much of currency 1 lies between two root prices. It fits 192
// bits.
func amount1(a, b, liquidity *uint256.Int, up bool) (out uint256.Int) {
	low, high := ordered(a, b)
	var span uint256.Int
	span.Sub(high, low)
	// The product has 288 bits at most; its low word tells whether it is whole.
	var rest uint256.Int
	rest.Mul(liquidity, &span)
	_, _ = out.MulDivOverflow(liquidity, &span, &q96)
	if up && (rest[0] != 0 || uint32(rest[1]) != 0) {
		out.AddUint64(&out, 1)
	}
	return out
}

// signedAmount0 is amount0 for a change of liquidity, negative for an increase,
// which has to be paid.
func signedAmount0(a, b, liquidityDelta *uint256.Int) (uint256.Int, error) {
	var size uint256.Int
	size.Abs(liquidityDelta)
	taken := liquidityDelta.Sign() < 0
	out, err := amount0(a, b, &size, !taken)
	if err != nil {
		return out, err
	}
	return signedAmount(&out, taken)
}

// signedAmount1 is the same for currency 1.
func signedAmount1(a, b, liquidityDelta *uint256.Int) (uint256.Int, error) {
	var size uint256.Int
	size.Abs(liquidityDelta)
	taken := liquidityDelta.Sign() < 0
	out := amount1(a, b, &size, !taken)
	return signedAmount(&out, taken)
}

// signedAmount gives amount its sign, as a 128-bit number.
func signedAmount(amount *uint256.Int, taken bool) (uint256.Int, error) {
	out, err := int256(amount)
	if err != nil {
		return out, err
	}
	if !taken {
		out.Neg(&out)
	}
	return int128(&out)
}

// priceAfterInput is the root price after amount of the one currency came in.
func priceAfterInput(price, liquidity, amount *uint256.Int, zeroForOne bool) (out uint256.Int, err error) {
	if price.IsZero() || liquidity.IsZero() {
		return out, fail(errInvalidPriceOrLiquidity)
	}
	if zeroForOne {
		return priceAfterAdding0(price, liquidity, amount)
	}
	quotient, err := mulDiv(amount, &q96, liquidity)
	if err != nil {
		return out, err
	}
	return addToPrice(price, &quotient)
}

// addToPrice reverts when the sum is no root price of 160 bits, as checked
// arithmetic and the cast do.
func addToPrice(price, amount *uint256.Int) (out uint256.Int, err error) {
	if _, overflow := out.AddOverflow(price, amount); overflow {
		return out, panicked(panicArithmetic)
	}
	return uint160(&out)
}

func uint160(x *uint256.Int) (uint256.Int, error) {
	if x.BitLen() > 160 {
		return *x, fail(errSafeCast)
	}
	return *x, nil
}

// priceAfterOutput is the root price after amount of the other currency went out.
func priceAfterOutput(price, liquidity, amount *uint256.Int, zeroForOne bool) (out uint256.Int, err error) {
	if price.IsZero() || liquidity.IsZero() {
		return out, fail(errInvalidPriceOrLiquidity)
	}
	if !zeroForOne {
		return priceAfterTaking0(price, liquidity, amount)
	}
	quotient, err := mulDivUp(amount, &q96, liquidity)
	if err != nil {
		return out, err
	}
	if !price.Gt(&quotient) {
		return out, fail(errNotEnoughLiquidity)
	}
	out.Sub(price, &quotient)
	return out, nil
}

// priceAfterAdding0 is L*p / (L + amount*p), rounded up, and L / (L/p + amount)
// where the first would overflow.
func priceAfterAdding0(price, liquidity, amount *uint256.Int) (out uint256.Int, err error) {
	if amount.IsZero() {
		return *price, nil
	}
	var shifted, product, sum uint256.Int
	shifted.Lsh(liquidity, 96)
	if _, overflow := product.MulOverflow(amount, price); !overflow {
		if _, overflow := sum.AddOverflow(&shifted, &product); !overflow {
			if out, err = mulDivUp(&shifted, price, &sum); err != nil {
				return out, err
			}
			return low160(&out), nil
		}
	}
	sum.Div(&shifted, price)
	if _, overflow := sum.AddOverflow(&sum, amount); overflow {
		return out, panicked(panicArithmetic)
	}
	out = divUp(&shifted, &sum)
	return low160(&out), nil
}

// priceAfterTaking0 is L*p / (L - amount*p), rounded up.
func priceAfterTaking0(price, liquidity, amount *uint256.Int) (out uint256.Int, err error) {
	if amount.IsZero() {
		return *price, nil
	}
	var shifted, product uint256.Int
	shifted.Lsh(liquidity, 96)
	if _, overflow := product.MulOverflow(amount, price); overflow || !shifted.Gt(&product) {
		return out, fail(errPriceOverflow)
	}
	var rest uint256.Int
	rest.Sub(&shifted, &product)
	if out, err = mulDivUp(&shifted, price, &rest); err != nil {
		return out, err
	}
	return uint160(&out)
}

func low160(x *uint256.Int) uint256.Int {
	return uint256.Int{x[0], x[1], uint64(uint32(x[2])), 0}
}
