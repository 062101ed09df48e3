package dex

import (
	"math/bits"

	"github.com/holiman/uint256"
)

// A tick is a price of 1.0001^tick of currency 1 for one of currency 0. Pools
// keep its square root, a Q64.96 number.
const (
	minTick = -887272
	maxTick = 887272

	minTickSpacing = 1
	maxTickSpacing = 1<<15 - 1
)

// minSqrtPrice is the root price at minTick, and maxSqrtPrice that at maxTick,
// which no pool reaches.
var (
	minSqrtPrice = *uint256.NewInt(4295128739)
	maxSqrtPrice = *uint256.MustFromDecimal("1461446703485210103287273052203988822378723970342")
)

// u128 is an unsigned 128-bit number.
type u128 struct{ hi, lo uint64 }

// inverseRoots[i] is 2^128 / sqrt(1.0001)^(2^i), rounded as the definition of
// the root price at a tick has it (TickMath of Uniswap v3).
var inverseRoots = [20]u128{
	{0xfffcb933bd6fad37, 0xaa2d162d1a594001},
	{0xfff97272373d4132, 0x59a46990580e213a},
	{0xfff2e50f5f656932, 0xef12357cf3c7fdcc},
	{0xffe5caca7e10e4e6, 0x1c3624eaa0941cd0},
	{0xffcb9843d60f6159, 0xc9db58835c926644},
	{0xff973b41fa98c081, 0x472e6896dfb254c0},
	{0xff2ea16466c96a38, 0x43ec78b326b52861},
	{0xfe5dee046a99a2a8, 0x11c461f1969c3053},
	{0xfcbe86c7900a88ae, 0xdcffc83b479aa3a4},
	{0xf987a7253ac41317, 0x6f2b074cf7815e54},
	{0xf3392b0822b70005, 0x940c7a398e4b70f3},
	{0xe7159475a2c29b74, 0x43b29c7fa6e889d9},
	{0xd097f3bdfd2022b8, 0x845ad8f792aa5825},
	{0xa9f746462d870fdf, 0x8a65dc1f90e061e5},
	{0x70d869a156d2a1b8, 0x90bb3df62baf32f7},
	{0x31be135f97d08fd9, 0x81231505542fcfa6},
	{0x09aa508b5b7a84e1, 0xc677de54f3e99bc9},
	{0x005d6af8dedb8119, 0x6699c329225ee604},
	{0x00002216e584f5fa, 0x1ea926041bedfe98},
	{0x00000000048a1703, 0x91f7dc42444e8fa2},
}

// mulHigh is floor(a*b/2^128).
func mulHigh(a, b u128) u128 {
	h0, _ := bits.Mul64(a.lo, b.lo)
	h1, l1 := bits.Mul64(a.hi, b.lo)
	h2, l2 := bits.Mul64(a.lo, b.hi)
	h3, l3 := bits.Mul64(a.hi, b.hi)
	middle, c1 := bits.Add64(h0, l1, 0)
	_, c2 := bits.Add64(middle, l2, 0)
	lo, c3 := bits.Add64(l3, h1, c1)
	lo, c4 := bits.Add64(lo, h2, c2)
	return u128{hi: h3 + c3 + c4, lo: lo}
}

// sqrtPriceAtTick is sqrt(1.0001^tick) * 2^96, rounded up as the definition has
// it. tick is between minTick and maxTick.
func sqrtPriceAtTick(tick int32) (price uint256.Int) {
	n := uint32(tick)
	if tick < 0 {
		n = uint32(-tick)
	}
	if n == 0 {
		return q96
	}
	first := bits.TrailingZeros32(n)
	ratio := inverseRoots[first]
	for n &= n - 1; n != 0; n &= n - 1 {
		ratio = mulHigh(ratio, inverseRoots[bits.TrailingZeros32(n)])
	}
	price = uint256.Int{ratio.lo, ratio.hi}
	if tick > 0 {
		var all uint256.Int
		all.SetAllOne()
		price.Div(&all, &price)
	}
	price.AddUint64(&price, 1<<32-1)
	return *price.Rsh(&price, 32)
}

const (
	// logBits is how many fractional bits of the logarithm are computed: enough
	// to miss the tick by one at most.
	logBits = 16
	// ticksPerLog is 2^20 / log2(sqrt(1.0001)).
	ticksPerLog = 14537076765
)

// tickAtSqrtPrice is the greatest tick whose root price is at most price. It
// reverts unless price is at least minSqrtPrice and below maxSqrtPrice.
func tickAtSqrtPrice(price *uint256.Int) (int32, error) {
	if price.Lt(&minSqrtPrice) || !price.Lt(&maxSqrtPrice) {
		return 0, fail(errInvalidSqrtPrice, *price)
	}
	// The logarithm to base 2: the place of the highest bit, then one more bit
	// with each squaring of the mantissa.
	length := price.BitLen()
	var mantissa uint256.Int
	if length > 64 {
		mantissa.Rsh(price, uint(length-64))
	} else {
		mantissa.Lsh(price, uint(64-length))
	}
	m := mantissa.Uint64()
	log := int64(length - 1 - 96)
	for range logBits {
		hi, lo := bits.Mul64(m, m)
		log <<= 1
		if hi>>63 == 1 {
			log |= 1
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	tick := int32(log * ticksPerLog >> (logBits + 20))
	for tick < maxTick {
		if next := sqrtPriceAtTick(tick + 1); next.Gt(price) {
			break
		}
		tick++
	}
	for tick > minTick {
		if at := sqrtPriceAtTick(tick); !at.Gt(price) {
			break
		}
		tick--
	}
	return tick, nil
}
