package dex

import "github.com/holiman/uint256"

// Numbers are Solidity's: 256 bits, two's complement where they are signed.
// Those named x96 and x128 are fixed-point with as many fractional bits.

var (
	q96  = *new(uint256.Int).Lsh(uint256.NewInt(1), 96)
	q128 = *new(uint256.Int).Lsh(uint256.NewInt(1), 128)
	// maxUint128 is 2^128-1 and maxInt128 is 2^127-1.
	maxUint128 = *new(uint256.Int).Sub(&q128, uint256.NewInt(1))
	maxInt128  = *new(uint256.Int).Rsh(&maxUint128, 1)
)

// number is n, sign-extended when it is negative.
func number(n int64) (out uint256.Int) {
	if n < 0 {
		out.Neg(uint256.NewInt(uint64(-n)))
		return out
	}
	out.SetUint64(uint64(n))
	return out
}

// mulDiv is floor(a*b/d), or an empty revert when that takes more than 256 bits or
// d is zero.
func mulDiv(a, b, d *uint256.Int) (q uint256.Int, err error) {
	if d.IsZero() {
		return q, errEmpty
	}
	if _, overflow := q.MulDivOverflow(a, b, d); overflow {
		return q, errEmpty
	}
	return q, nil
}

// mulDivUp is ceil(a*b/d), with mulDiv's reverts.
func mulDivUp(a, b, d *uint256.Int) (q uint256.Int, err error) {
	if q, err = mulDiv(a, b, d); err != nil {
		return q, err
	}
	// The remainder is below d, so its low 256 bits are all of it.
	var product, back uint256.Int
	product.Mul(a, b)
	back.Mul(&q, d)
	if product.Eq(&back) {
		return q, nil
	}
	if q.AddUint64(&q, 1); q.IsZero() {
		return q, errEmpty
	}
	return q, nil
}

// divUp is ceil(a/d), and zero when d is.
func divUp(a, d *uint256.Int) (q uint256.Int) {
	var rest uint256.Int
	q.DivMod(a, d, &rest)
	if !rest.IsZero() {
		q.AddUint64(&q, 1)
	}
	return q
}

// perLiquidity is amount*2^128/liquidity on 256 bits: amounts stay below 2^128.
func perLiquidity(amount, liquidity *uint256.Int) (q uint256.Int) {
	q.Lsh(amount, 128)
	q.Div(&q, liquidity)
	return q
}

// int128 reverts unless the signed number x fits 128 bits.
func int128(x *uint256.Int) (uint256.Int, error) {
	var y uint256.Int
	if y = signExtend128(x); !y.Eq(x) {
		return y, fail(errSafeCast)
	}
	return y, nil
}

// unsignedInt128 reverts unless the unsigned number x is below 2^127.
func unsignedInt128(x *uint256.Int) (uint256.Int, error) {
	if x.Gt(&maxInt128) {
		return uint256.Int{}, fail(errSafeCast)
	}
	return *x, nil
}

// int256 reverts unless the unsigned number x is below 2^255.
func int256(x *uint256.Int) (uint256.Int, error) {
	if x.Sign() < 0 {
		return uint256.Int{}, fail(errSafeCast)
	}
	return *x, nil
}

// signExtend128 reads the low 128 bits of x as a signed number.
func signExtend128(x *uint256.Int) uint256.Int {
	y := uint256.Int{x[0], x[1], 0, 0}
	if int64(x[1]) < 0 {
		y[2], y[3] = ^uint64(0), ^uint64(0)
	}
	return y
}

// low128 is the low half of x.
func low128(x *uint256.Int) uint256.Int { return uint256.Int{x[0], x[1], 0, 0} }

// high128 is the high half of x.
func high128(x *uint256.Int) uint256.Int { return uint256.Int{x[2], x[3], 0, 0} }

// addDelta adds the signed y to the unsigned 128-bit x, or reverts when the sum is
// no unsigned 128-bit number.
func addDelta(x, y *uint256.Int) (z uint256.Int, err error) {
	z.Add(x, y)
	if z[2]|z[3] != 0 {
		return z, fail(errSafeCast)
	}
	return z, nil
}

// addSigned is a+b, or a panic when it leaves the signed 256-bit numbers.
func addSigned(a, b *uint256.Int) (sum uint256.Int, err error) {
	sum.Add(a, b)
	if b.Sign() < 0 != sum.Slt(a) && !b.IsZero() {
		return sum, panicked(panicArithmetic)
	}
	return sum, nil
}

// addSigned128 is a+b, or a panic when it leaves the signed 128-bit numbers.
func addSigned128(a, b *uint256.Int) (sum uint256.Int, err error) {
	sum.Add(a, b)
	if short := signExtend128(&sum); !short.Eq(&sum) {
		return sum, panicked(panicArithmetic)
	}
	return sum, nil
}

// delta is a pair of signed 128-bit amounts of a pool's two currencies: what
// somebody is owed, or owes when negative.
type delta struct{ amount0, amount1 uint256.Int }

// deltaOf unpacks a word: currency 0 in the high half.
func deltaOf(w *uint256.Int) delta {
	high := high128(w)
	return delta{amount0: signExtend128(&high), amount1: signExtend128(w)}
}

// word packs both amounts.
func (d delta) word() uint256.Int {
	return uint256.Int{d.amount1[0], d.amount1[1], d.amount0[0], d.amount0[1]}
}

func (d delta) isZero() bool { return d.amount0.IsZero() && d.amount1.IsZero() }

func (d delta) add(o delta) (sum delta, err error) {
	sum.amount0.Add(&d.amount0, &o.amount0)
	sum.amount1.Add(&d.amount1, &o.amount1)
	return sum.checked()
}

func (d delta) sub(o delta) (diff delta, err error) {
	diff.amount0.Sub(&d.amount0, &o.amount0)
	diff.amount1.Sub(&d.amount1, &o.amount1)
	return diff.checked()
}

func (d delta) checked() (delta, error) {
	if _, err := int128(&d.amount0); err != nil {
		return d, err
	}
	_, err := int128(&d.amount1)
	return d, err
}
