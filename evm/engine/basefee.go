package engine

import (
	"math/big"

	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/params"
)

const (
	// fullBlockMs is the time that a full block pays for: at the target, half
	// of the gas limit in every params.BlockSpacingMs, it is two slots.
	fullBlockMs = 2 * params.BlockSpacingMs
	// decayDenominator turns idle milliseconds into a falling share: one eighth
	// over params.BaseFeePeriodMs.
	decayDenominator = 8 * params.BaseFeePeriodMs
	// riseDenominator turns owed milliseconds into a rising share. It is one
	// forty-second per slot of 400 ms, the smallest whole number n for which
	// (1+1/n)^5 <= 9/8: five full blocks in 2 s stay within one eighth.
	riseDenominator = 42 * params.BlockSpacingMs
)

// BaseFee returns the base fee in wei of a child of parent at the time ms
// (spec/chain.md, section 4).
//
// Gas is counted as time: the target is half of the gas limit every 400 ms, so
// the parent's gas pays for gasUsed*800/gasLimit milliseconds. If less time than
// that has passed, the fee rises by 1/16,800 for each millisecond owed; else it
// falls by 1/16,000 for each millisecond idle, compounded every 2 s. So over any
// span of D ms it grows at most by (9/8)^(D/2000) and shrinks at most by
// (7/8)^(D/2000), rounding aside, and never below params.MinBaseFee.
//
// A time less than params.BlockSpacingMs after the parent counts as that
// spacing, so BaseFee(parent, 0) is what the earliest possible child pays, the
// highest of all. The work is bounded: a loop ends at the floor, after at most
// some 1,200 rounds for a fee of 256 bits.
func BaseFee(parent *types.Header, ms uint64) *big.Int {
	floor := big.NewInt(params.MinBaseFee)
	if parent.BaseFee == nil || parent.BaseFee.Cmp(floor) < 0 {
		return floor
	}
	elapsed := uint64(params.BlockSpacingMs)
	if parentMs := TimeMs(parent); ms > parentMs && ms-parentMs > elapsed {
		elapsed = ms - parentMs
	}
	paid := gasMs(parent.GasUsed, parent.GasLimit)
	if paid > elapsed {
		return rise(parent.BaseFee, paid-elapsed)
	}
	return decay(parent.BaseFee, elapsed-paid, floor)
}

// gasMs returns the milliseconds that gas pays for, rounded down and at most
// fullBlockMs.
func gasMs(used, limit uint64) uint64 {
	if used >= limit {
		return fullBlockMs
	}
	ms := new(big.Int).SetUint64(used)
	ms.Mul(ms, big.NewInt(fullBlockMs))
	return ms.Div(ms, new(big.Int).SetUint64(limit)).Uint64()
}

// rise returns fee + floor(fee*owed/16800).
func rise(fee *big.Int, owed uint64) *big.Int {
	return new(big.Int).Add(fee, share(fee, owed, riseDenominator))
}

// decay takes one eighth off fee for each whole period of idle time, then the
// rest's share, and stops at the floor.
func decay(fee *big.Int, idle uint64, floor *big.Int) *big.Int {
	next := new(big.Int).Set(fee)
	for ; idle >= params.BaseFeePeriodMs; idle -= params.BaseFeePeriodMs {
		next.Sub(next, share(next, params.BaseFeePeriodMs, decayDenominator))
		if next.Cmp(floor) <= 0 {
			return new(big.Int).Set(floor)
		}
	}
	next.Sub(next, share(next, idle, decayDenominator))
	if next.Cmp(floor) < 0 {
		next.Set(floor)
	}
	return next
}

// share returns floor(fee*part/whole).
func share(fee *big.Int, part, whole uint64) *big.Int {
	s := new(big.Int).Mul(fee, new(big.Int).SetUint64(part))
	return s.Div(s, new(big.Int).SetUint64(whole))
}
