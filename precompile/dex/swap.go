package dex

import "github.com/holiman/uint256"

const (
	// dynamicFee as a pool's fee says that its hook sets it.
	dynamicFee = 0x800000
	// overrideFee marks the fee that a hook returns for one swap.
	overrideFee = 0x400000
)

// swapRequest is one swap. amount is negative for an exact input, positive for an
// exact output.
type swapRequest struct {
	spacing    int32
	zeroForOne bool
	amount     uint256.Int
	limit      uint256.Int
	// override is the fee for this swap with overrideFee, or anything without it.
	override uint32
}

// swapResult is what a swap came to.
type swapResult struct {
	delta     delta
	protocol  uint256.Int // fee for the protocol, in the currency that went in
	fee       uint32      // in millionths, the protocol's included
	price     uint256.Int
	tick      int32
	liquidity uint256.Int
}

// running is a swap between two steps.
type running struct {
	swapResult
	remaining, calculated uint256.Int
	growth                uint256.Int // of fees in the currency that goes in
}

// swap moves the price until the amount is used up or the limit is reached.
func (p *pool) swap(q *swapRequest) (r swapResult, err error) {
	if err := p.Charge(swapGas); err != nil {
		return r, err
	}
	start, err := p.slot0()
	if err != nil {
		return r, err
	}
	protocol := start.protocol & 0xfff
	if !q.zeroForOne {
		protocol = start.protocol >> 12
	}
	w := running{remaining: q.amount}
	w.price, w.tick = start.price, start.tick
	if w.liquidity, err = p.liquidity(); err != nil {
		return r, err
	}
	if w.fee, err = q.totalFee(start.lp, protocol); err != nil {
		return r, err
	}
	if q.amount.IsZero() {
		return w.swapResult, nil
	}
	if err := q.checkLimit(&start.price); err != nil {
		return r, err
	}
	growthSlot := offset(p.base, poolFeeGrowth0)
	if !q.zeroForOne {
		growthSlot = offset(p.base, poolFeeGrowth1)
	}
	if w.growth, err = p.word(growthSlot); err != nil {
		return r, err
	}
	before := w.liquidity
	for !w.remaining.IsZero() && !w.price.Eq(&q.limit) {
		if err := p.swapOnce(q, &w, protocol); err != nil {
			return r, err
		}
	}
	start.price, start.tick = w.price, w.tick
	if err := p.setSlot0(start); err != nil {
		return r, err
	}
	if !w.liquidity.Eq(&before) {
		if err := p.setLiquidity(&w.liquidity); err != nil {
			return r, err
		}
	}
	if err := p.setWord(growthSlot, &w.growth); err != nil {
		return r, err
	}
	w.delta, err = w.amounts(q)
	return w.swapResult, err
}

// totalFee is the fee of this swap, the protocol's included.
func (q *swapRequest) totalFee(lp, protocol uint32) (uint32, error) {
	if q.override&overrideFee != 0 {
		lp = q.override &^ overrideFee
		if lp > feeUnit {
			return 0, fail(errLPFeeTooLarge, number(int64(lp)))
		}
	}
	if protocol != 0 {
		lp = swapFee(protocol, lp)
	}
	// Where all of the input is fee, no input buys an exact output.
	if lp >= feeUnit && q.amount.Sign() > 0 {
		return 0, fail(errFeeForExactOut)
	}
	return lp, nil
}

func (q *swapRequest) checkLimit(price *uint256.Int) error {
	if q.zeroForOne {
		if !q.limit.Lt(price) {
			return fail(errLimitExceeded, *price, q.limit)
		}
		if !q.limit.Gt(&minSqrtPrice) {
			return fail(errLimitOutOfBounds, q.limit)
		}
		return nil
	}
	if !q.limit.Gt(price) {
		return fail(errLimitExceeded, *price, q.limit)
	}
	if !q.limit.Lt(&maxSqrtPrice) {
		return fail(errLimitOutOfBounds, q.limit)
	}
	return nil
}

// swapOnce swaps up to the next tick of the bitmap's word.
func (p *pool) swapOnce(q *swapRequest, w *running, protocol uint32) error {
	if err := p.Charge(stepGas); err != nil {
		return err
	}
	next, used, err := p.nextTick(w.tick, q.spacing, q.zeroForOne)
	if err != nil {
		return err
	}
	next = max(minTick, min(maxTick, next))
	start, edge := w.price, sqrtPriceAtTick(next)
	target := edge
	if q.zeroForOne == edge.Lt(&q.limit) {
		target = q.limit
	}
	s, err := swapStep(&start, &target, &w.liquidity, &w.remaining, w.fee)
	if err != nil {
		return err
	}
	w.price = s.price
	if err := w.book(q, &s); err != nil {
		return err
	}
	if protocol > 0 {
		w.takeProtocolFee(&s, protocol)
	}
	if !w.liquidity.IsZero() {
		more := perLiquidity(&s.fee, &w.liquidity)
		w.growth.Add(&w.growth, &more)
	}
	switch {
	case w.price.Eq(&edge):
		return p.pass(q, w, next, used)
	case !w.price.Eq(&start):
		if err := p.Charge(tickGas); err != nil {
			return err
		}
		w.tick, err = tickAtSqrtPrice(&w.price)
	}
	return err
}

// pass goes over the tick whose price was reached.
func (p *pool) pass(q *swapRequest, w *running, next int32, used bool) error {
	if used {
		other := offset(p.base, poolFeeGrowth1)
		if !q.zeroForOne {
			other = offset(p.base, poolFeeGrowth0)
		}
		g, err := p.word(other)
		if err != nil {
			return err
		}
		global := growth{w.growth, g}
		if !q.zeroForOne {
			global = growth{g, w.growth}
		}
		net, err := p.crossTick(next, global)
		if err != nil {
			return err
		}
		if q.zeroForOne {
			net.Neg(&net)
		}
		if w.liquidity, err = addDelta(&w.liquidity, &net); err != nil {
			return err
		}
	}
	w.tick = next
	if q.zeroForOne {
		w.tick--
	}
	return nil
}

// book counts what a step took and gave.
func (w *running) book(q *swapRequest, s *step) error {
	var in uint256.Int
	in.Add(&s.in, &s.fee)
	out := s.out
	taken, err := int256(&in)
	if err != nil {
		return err
	}
	given, err := int256(&out)
	if err != nil {
		return err
	}
	if q.amount.Sign() > 0 {
		w.remaining.Sub(&w.remaining, &given)
		taken.Neg(&taken)
		w.calculated, err = addSigned(&w.calculated, &taken)
		return err
	}
	w.remaining.Add(&w.remaining, &taken)
	w.calculated, err = addSigned(&w.calculated, &given)
	return err
}

// takeProtocolFee takes the protocol's part out of the step's fee.
func (w *running) takeProtocolFee(s *step, protocol uint32) {
	part := s.fee
	if w.fee != protocol {
		part.Add(&s.in, &s.fee)
		part.Mul(&part, uint256.NewInt(uint64(protocol)))
		part.Div(&part, &feeWhole)
	}
	s.fee.Sub(&s.fee, &part)
	w.protocol.Add(&w.protocol, &part)
}

// amounts are what the swapper is owed and owes.
func (w *running) amounts(q *swapRequest) (d delta, err error) {
	var specified uint256.Int
	specified.Sub(&q.amount, &w.remaining)
	a, b := &specified, &w.calculated
	if q.zeroForOne != (q.amount.Sign() < 0) {
		a, b = b, a
	}
	if d.amount0, err = int128(a); err != nil {
		return d, err
	}
	d.amount1, err = int128(b)
	return d, err
}
