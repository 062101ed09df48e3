package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// storage is what a pool is kept in: that of the pool manager, or a copy on which
// the quoter tries swaps. Errors end the call.
type storage interface {
	Charge(gas uint64) error
	Load(common.Hash) (common.Hash, error)
	Store(slot, value common.Hash) error
}

// pool is one pool's state, at base and behind it.
type pool struct {
	storage
	*hasher
	base common.Hash
}

// poolAt returns the pool with the given id.
func poolAt(s storage, h *hasher, id common.Hash) *pool {
	return &pool{storage: s, hasher: h, base: h.entry(id, slotNumber(slotPools))}
}

func (p *pool) word(slot common.Hash) (uint256.Int, error) {
	v, err := p.Load(slot)
	return wordOf(v), err
}

func (p *pool) setWord(slot common.Hash, w *uint256.Int) error { return p.Store(slot, w.Bytes32()) }

// slot0 is the first word of a pool: from its lowest bit on the root price (160
// bits), the tick (24), the protocol's fee (12 for currency 0, 12 for currency 1)
// and that of the liquidity providers (24).
type slot0 struct {
	price    uint256.Int
	tick     int32
	protocol uint32
	lp       uint32
}

func unpackSlot0(w *uint256.Int) slot0 {
	top := w[2] >> 32
	return slot0{
		price: low160(w), tick: int24(uint32(top)),
		protocol: uint32(top>>24)&0xff | uint32(w[3]&0xffff)<<8, lp: uint32(w[3]>>16) & 0xffffff,
	}
}

func (s slot0) word() uint256.Int {
	return uint256.Int{
		s.price[0], s.price[1],
		s.price[2] | uint64(uint32(s.tick)&0xffffff)<<32 | uint64(s.protocol&0xff)<<56,
		uint64(s.protocol>>8) | uint64(s.lp)<<16,
	}
}

// int24 sign-extends the low 24 bits.
func int24(n uint32) int32 { return int32(n<<8) >> 8 }

func (p *pool) slot0() (slot0, error) {
	w, err := p.word(p.base)
	return unpackSlot0(&w), err
}

func (p *pool) setSlot0(s slot0) error {
	w := s.word()
	return p.setWord(p.base, &w)
}

// initialized returns the pool's first word, and reverts when there is no pool.
func (p *pool) initialized() (slot0, error) {
	s, err := p.slot0()
	if err == nil && s.price.IsZero() {
		err = fail(errPoolNotInitialized)
	}
	return s, err
}

// initialize makes the pool, at a price.
func (p *pool) initialize(price *uint256.Int, fee uint32) (tick int32, err error) {
	s, err := p.slot0()
	if err != nil {
		return 0, err
	}
	if !s.price.IsZero() {
		return 0, fail(errPoolAlreadyInitialized)
	}
	if err := p.Charge(tickGas); err != nil {
		return 0, err
	}
	if tick, err = tickAtSqrtPrice(price); err != nil {
		return 0, err
	}
	return tick, p.setSlot0(slot0{price: *price, tick: tick, lp: fee})
}

// growth are the fees of each currency for a unit of liquidity, since ever,
// X128, modulo 2^256.
type growth [2]uint256.Int

func (p *pool) growthAt(slot common.Hash) (g growth, err error) {
	if g[0], err = p.word(slot); err != nil {
		return g, err
	}
	g[1], err = p.word(offset(slot, 1))
	return g, err
}

// globalGrowth is the pool's.
func (p *pool) globalGrowth() (growth, error) { return p.growthAt(offset(p.base, poolFeeGrowth0)) }

func (g growth) sub(o growth) (d growth) {
	d[0].Sub(&g[0], &o[0])
	d[1].Sub(&g[1], &o[1])
	return d
}

// liquidity is what is in range at the pool's price.
func (p *pool) liquidity() (uint256.Int, error) {
	w, err := p.word(offset(p.base, poolLiquidity))
	return low128(&w), err
}

func (p *pool) setLiquidity(l *uint256.Int) error { return p.setWord(offset(p.base, poolLiquidity), l) }

// setFees writes the fees in the first word.
func (p *pool) setFees(change func(*slot0)) error {
	s, err := p.initialized()
	if err != nil {
		return err
	}
	change(&s)
	return p.setSlot0(s)
}

// donate gives both amounts to the liquidity in range.
func (p *pool) donate(given0, given1 *uint256.Int) (d delta, err error) {
	l, err := p.liquidity()
	if err != nil {
		return d, err
	}
	if l.IsZero() {
		return d, fail(errNoLiquidity)
	}
	if d.amount0, err = unsignedInt128(given0); err != nil {
		return d, err
	}
	if d.amount1, err = unsignedInt128(given1); err != nil {
		return d, err
	}
	d.amount0.Neg(&d.amount0)
	d.amount1.Neg(&d.amount1)
	for i, given := range []*uint256.Int{given0, given1} {
		if given.IsZero() {
			continue
		}
		slot := offset(p.base, poolFeeGrowth0+uint64(i))
		g, err := p.word(slot)
		if err != nil {
			return d, err
		}
		more := perLiquidity(given, &l)
		g.Add(&g, &more)
		if err := p.setWord(slot, &g); err != nil {
			return d, err
		}
	}
	return d, nil
}
