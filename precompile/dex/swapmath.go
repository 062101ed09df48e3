package dex

import "github.com/holiman/uint256"

// feeUnit is a fee of everything, in millionths (hundredths of a basis point).
const feeUnit = 1_000_000

var feeWhole = *uint256.NewInt(feeUnit)

// step is what one stretch of a swap within constant liquidity came to.
type step struct {
	price uint256.Int // the root price it ended at
	in    uint256.Int // what went in, without the fee
	out   uint256.Int
	fee   uint256.Int // what was taken in addition, in the currency that went in
}

// swapStep swaps towards target with what remains: negative is input that is
// left, positive output that is wanted. fee is in millionths of the input.
func swapStep(price, target, liquidity, remaining *uint256.Int, fee uint32) (s step, err error) {
	zeroForOne := !price.Lt(target)
	feePart := *uint256.NewInt(uint64(fee))
	var rest uint256.Int // what the fee leaves of the whole
	rest.Sub(&feeWhole, &feePart)
	if remaining.Sign() < 0 {
		return exactIn(price, target, liquidity, remaining, &feePart, &rest, zeroForOne)
	}
	if zeroForOne {
		s.out = amount1(target, price, liquidity, false)
	} else if s.out, err = amount0(price, target, liquidity, false); err != nil {
		return s, err
	}
	if !remaining.Lt(&s.out) {
		s.price = *target
	} else {
		s.out = *remaining
		if s.price, err = priceAfterOutput(price, liquidity, &s.out, zeroForOne); err != nil {
			return s, err
		}
	}
	if s.in, err = inputBetween(price, &s.price, liquidity, zeroForOne); err != nil {
		return s, err
	}
	s.fee, err = mulDivUp(&s.in, &feePart, &rest)
	return s, err
}

func exactIn(price, target, liquidity, remaining, feePart, rest *uint256.Int, zeroForOne bool) (s step, err error) {
	var given uint256.Int
	given.Neg(remaining)
	afterFee, err := mulDiv(&given, rest, &feeWhole)
	if err != nil {
		return s, err
	}
	if s.in, err = inputBetween(price, target, liquidity, zeroForOne); err != nil {
		return s, err
	}
	if !afterFee.Lt(&s.in) {
		s.price = *target
		if rest.IsZero() {
			s.fee = s.in // nothing: all of the input is fee, and it bought no way
		} else if s.fee, err = mulDivUp(&s.in, feePart, rest); err != nil {
			return s, err
		}
	} else {
		s.in = afterFee
		if s.price, err = priceAfterInput(price, liquidity, &afterFee, zeroForOne); err != nil {
			return s, err
		}
		s.fee.Sub(&given, &s.in)
	}
	if zeroForOne {
		s.out = amount1(&s.price, price, liquidity, false)
	} else {
		s.out, err = amount0(price, &s.price, liquidity, false)
	}
	return s, err
}

// inputBetween is the input that moves the root price from one to the other.
func inputBetween(from, to, liquidity *uint256.Int, zeroForOne bool) (uint256.Int, error) {
	if zeroForOne {
		return amount0(to, from, liquidity, true)
	}
	return amount1(from, to, liquidity, true), nil
}

// swapFee is the fee of the liquidity providers and the protocol's together: the
// protocol takes its part of the input first, they take theirs of the rest.
func swapFee(protocol, lp uint32) uint32 {
	return protocol + lp - uint32(uint64(protocol)*uint64(lp)/feeUnit)
}
