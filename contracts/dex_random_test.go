package contracts_test

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
)

// poolKey is the PoolKey of the interface.
type poolKey struct {
	Currency0   common.Address
	Currency1   common.Address
	Fee         *big.Int
	TickSpacing *big.Int
	Hooks       common.Address
}

type modifyParams struct {
	TickLower      *big.Int
	TickUpper      *big.Int
	LiquidityDelta *big.Int
	Salt           [32]byte
}

type swapParams struct {
	ZeroForOne        bool
	AmountSpecified   *big.Int
	SqrtPriceLimitX96 *big.Int
}

var (
	minSqrtPrice    = big.NewInt(4295128739)
	maxSqrtPrice, _ = new(big.Int).SetString("1461446703485210103287273052203988822378723970342", 10)
	q96             = new(big.Int).Lsh(big.NewInt(1), 96)
)

// position is one that the sequence tried to make.
type position struct {
	lower, upper int64
	salt         byte
}

// author makes up one sequence.
type author struct {
	tb     testing.TB
	honest bool
	*stage
	*rand.Rand
	currencies []common.Address
	tokens     []common.Address
	hooks      []common.Address
	puppets    []common.Address
	pools      []poolKey
	positions  []position
}

func one[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true once in n.
func (a *author) chance(n int) bool { return a.IntN(n) == 0 }

func (a *author) address(tail int) (out common.Address) {
	for i := range out {
		out[i] = byte(a.Uint32())
	}
	if tail >= 0 {
		out[18], out[19] = out[18]&0xc0|byte(tail>>8), byte(tail)
	}
	return out
}

// write makes a stage for a sequence and the sequence. Honest tokens do what they
// should and no more.
func write(tb testing.TB, base *stage, seed, n uint64, length int, honest bool) (*author, []tx) {
	s := *base
	e := *base.EVM
	e.State = base.State.Copy()
	s.EVM = &e
	a := &author{tb: tb, honest: honest, stage: &s, Rand: rand.New(rand.NewPCG(seed, n)), puppets: []common.Address{base.router}}
	for range 2 + a.IntN(2) {
		at := a.address(-1)
		a.tokens, a.puppets = append(a.tokens, at), append(a.puppets, at)
	}
	a.currencies = append(append(a.currencies, common.Address{}), a.tokens...)
	for range 1 + a.IntN(2) {
		flags := a.IntN(1 << 14)
		if !a.chance(6) { // one whose flags go together
			for needs, returns := range map[int]int{7: 3, 6: 2, 10: 1, 8: 0} {
				if flags>>needs&1 == 0 {
					flags &^= 1 << returns
				}
			}
		}
		at := a.address(flags)
		s.account(at, "Puppet")
		a.hooks, a.puppets = append(a.hooks, at), append(a.puppets, at)
	}
	holders := append([]common.Address{evmtest.Caller}, append(a.hooks, s.router)...)
	for _, at := range a.tokens {
		mode := uint64(0)
		if !honest && a.chance(6) {
			mode = 1 << a.IntN(12) >> 1
		}
		s.tokenAt(at, mode, holders...)
	}
	s.State.Finalise(true)
	for range 1 + a.IntN(3) {
		a.pools = append(a.pools, a.newPool())
	}
	var txs []tx
	for i := range a.pools {
		txs = append(txs, a.initialize(&a.pools[i]))
	}
	if a.chance(2) {
		txs = append(txs, a.direct("setProtocolFeeController", evmtest.Caller))
	}
	for len(txs) < length {
		txs = append(txs, a.transaction())
	}
	return a, txs
}

func (a *author) newPool() poolKey {
	k := poolKey{Fee: big.NewInt(one(a.Rand, []int64{0, 1, 100, 500, 3000, 10000, 999_999, 1_000_000})), TickSpacing: big.NewInt(one(a.Rand, []int64{1, 10, 60, 200, 887, 32767}))}
	if a.chance(30) {
		k.Fee, k.TickSpacing = big.NewInt(int64(a.IntN(1<<24))), big.NewInt(int64(a.IntN(1<<17)-1<<16))
	}
	k.Currency0, k.Currency1 = one(a.Rand, a.currencies), one(a.Rand, a.currencies)
	if k.Currency0.Cmp(k.Currency1) > 0 && !a.chance(30) {
		k.Currency0, k.Currency1 = k.Currency1, k.Currency0
	}
	if a.chance(2) {
		k.Hooks = one(a.Rand, a.hooks)
		if a.chance(2) {
			k.Fee = big.NewInt(0x800000)
		}
	}
	return k
}

// size is a number of up to n bits, all lengths alike.
func (a *author) size(n int) *big.Int {
	bits := 1 + a.IntN(n)
	out := new(big.Int)
	for range (bits + 63) / 64 {
		out.Lsh(out, 64).Or(out, new(big.Int).SetUint64(a.Uint64()))
	}
	out.And(out, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
	return out
}

// amount is mostly of the order of pools, sometimes anything.
func (a *author) amount() *big.Int {
	switch a.IntN(12) {
	case 0:
		return a.size(255)
	case 1:
		if !a.chance(3) {
			break
		}
		return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(one(a.Rand, []int{127, 128, 255}))), big.NewInt(int64(a.IntN(2))))
	case 2:
		return big.NewInt(int64(a.IntN(3)))
	}
	return a.size(80)
}

func (a *author) price() *big.Int {
	switch a.IntN(8) {
	case 0:
		return new(big.Int).Add(minSqrtPrice, big.NewInt(int64(a.IntN(4)-1)))
	case 1:
		return new(big.Int).Sub(maxSqrtPrice, big.NewInt(int64(a.IntN(4)-1)))
	case 2:
		return a.size(160)
	}
	// Around one, mostly near.
	p := new(big.Int).Mul(q96, big.NewInt(int64(900_000+a.IntN(200_000))))
	return p.Div(p, big.NewInt(1_000_000))
}

func (a *author) direct(name string, args ...any) tx {
	return tx{from: evmtest.Caller, input: a.pack(a.tb, name, args...), what: fmt.Sprintf("%s%v", name, args)}
}

func (a *author) initialize(k *poolKey) tx { return a.direct("initialize", *k, a.price()) }

// transaction is one of a sequence.
func (a *author) transaction() tx {
	switch a.IntN(20) {
	case 0:
		return a.initialize(&a.pools[a.IntN(len(a.pools))])
	case 1:
		return a.fees()
	case 2:
		return a.claims(evmtest.Caller)
	case 3:
		return a.reads()
	case 4:
		return a.programHook()
	case 5:
		if !a.honest {
			return a.programToken()
		}
	case 6:
		return a.raw()
	}
	return a.session()
}

func (a *author) fees() tx {
	k := a.key()
	switch a.IntN(5) {
	case 0:
		return a.direct("setProtocolFeeController", one(a.Rand, []common.Address{evmtest.Caller, a.router}))
	case 1:
		return a.direct("collectProtocolFees", one(a.Rand, []common.Address{a.router, a.tokens[0], {}}), one(a.Rand, a.currencies), one(a.Rand, []*big.Int{new(big.Int), a.amount()}))
	case 2:
		return a.direct("protocolFeesAccrued", one(a.Rand, a.currencies))
	}
	fee := int64(a.IntN(1001)) | int64(a.IntN(1001))<<12
	if a.chance(8) {
		fee = int64(a.IntN(1 << 24))
	}
	return a.direct("setProtocolFee", k, big.NewInt(fee))
}

func (a *author) holder() common.Address {
	return one(a.Rand, append([]common.Address{evmtest.Caller, a.router}, a.hooks...))
}

func (a *author) id() *big.Int {
	id := one(a.Rand, a.currencies).Big()
	if a.chance(10) {
		id = a.size(256)
	}
	return id
}

func (a *author) claims(from common.Address) tx {
	var t tx
	switch a.IntN(7) {
	case 0:
		t = a.direct("transfer", a.holder(), a.id(), a.amount())
	case 1:
		t = a.direct("transferFrom", a.holder(), a.holder(), a.id(), a.amount())
	case 2:
		t = a.direct("approve", a.holder(), a.id(), one(a.Rand, []*big.Int{a.amount(), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))}))
	case 3:
		t = a.direct("setOperator", a.holder(), a.chance(2))
	case 4:
		t = a.direct("balanceOf", a.holder(), a.id())
	case 5:
		t = a.direct("allowance", a.holder(), a.holder(), a.id())
	default:
		t = a.direct("isOperator", a.holder(), a.holder())
	}
	t.from = from
	return t
}

func (a *author) key() poolKey { return a.pools[a.IntN(len(a.pools))] }

func id(tb testing.TB, s *stage, k poolKey) common.Hash {
	tb.Helper()
	return crypto.Keccak256Hash(s.pack(tb, "initialize", k, new(big.Int))[4:164])
}

func (a *author) reads() tx {
	base := crypto.Keccak256Hash(id(a.tb, a.stage, a.key()).Bytes(), common.LeftPadBytes([]byte{6}, 32))
	switch a.IntN(4) {
	case 0:
		return a.direct("extsload0", base, big.NewInt(int64(a.IntN(8))))
	case 1:
		slots := make([][32]byte, a.IntN(5))
		for i := range slots {
			slots[i] = base
			slots[i][31] += byte(i)
		}
		return a.direct("extsload1", slots)
	case 2:
		return a.direct("supportsInterface", one(a.Rand, [][4]byte{{0x01, 0xff, 0xc9, 0xa7}, {0x0f, 0x63, 0x2f, 0xb3}, {1, 2, 3, 4}}))
	}
	return a.direct("extsload", [32]byte(base))
}

// raw is calldata that solc may refuse, or a function called with money.
func (a *author) raw() tx {
	t := one(a.Rand, []func() tx{a.session, a.fees, a.reads, func() tx { return a.claims(evmtest.Caller) }, func() tx { return a.initialize(&a.pools[0]) }})()
	if t.to != (common.Address{}) {
		t = tx{from: t.from, input: a.pack(a.tb, "unlock", []byte{1, 2, 3}), what: "unlock"}
	}
	t.input = bytes.Clone(t.input)
	switch a.IntN(5) {
	case 0:
		t.input = t.input[:a.IntN(len(t.input)+1)]
	case 1:
		t.input = append(t.input, make([]byte, a.IntN(70))...)
	case 2:
		// A range of slots that ends beyond all gas takes long to say so.
		if len(t.input) > 0 && !bytes.HasPrefix(t.input, a.manager.Methods["extsload0"].ID) {
			t.input[a.IntN(len(t.input))] ^= 1 << a.IntN(8)
		}
	case 3:
		t.value = uint256.NewInt(uint64(a.IntN(3)))
	case 4:
		t.from = a.router
	}
	t.what = fmt.Sprintf("raw %x of %s", t.input, t.what)
	return t
}

// hookSelectors are the functions of a hook.
var hookSelectors = func() (out [][4]byte) {
	const key, modify, swap = "(address,address,uint24,int24,address)", "(int24,int24,int256,bytes32)", "(bool,int256,uint160)"
	for _, s := range []string{
		"beforeSwap(address," + key + "," + swap + ",bytes)", "afterSwap(address," + key + "," + swap + ",int256,bytes)",
		"beforeInitialize(address," + key + ",uint160)", "afterInitialize(address," + key + ",uint160,int24)",
		"beforeAddLiquidity(address," + key + "," + modify + ",bytes)", "afterAddLiquidity(address," + key + "," + modify + ",int256,int256,bytes)",
		"beforeRemoveLiquidity(address," + key + "," + modify + ",bytes)", "afterRemoveLiquidity(address," + key + "," + modify + ",int256,int256,bytes)",
		"beforeDonate(address," + key + ",uint256,uint256,bytes)", "afterDonate(address," + key + ",uint256,uint256,bytes)",
	} {
		out = append(out, [4]byte(crypto.Keccak256([]byte(s))[:4]))
	}
	return out
}()

// deltaWord packs two small signed amounts, or anything.
func (a *author) deltaWord() []byte {
	if a.chance(12) {
		return a.size(256).FillBytes(make([]byte, 32))
	}
	half := func() *big.Int {
		n := big.NewInt(int64(a.IntN(2001) - 1000))
		if a.chance(2) {
			n.SetInt64(0)
		}
		return n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
	}
	w := half()
	if a.chance(2) {
		return w.FillBytes(make([]byte, 32))
	}
	return w.Lsh(w, 128).Or(w, half()).FillBytes(make([]byte, 32))
}

func (a *author) programHook() tx {
	at := a.IntN(len(hookSelectors))
	if a.chance(2) {
		at = a.IntN(2)
	}
	s := hookSelectors[at]
	var ans answer
	ans.Data = append(append(ans.Data, s[:]...), make([]byte, 28)...)
	switch at {
	case 0:
		fee := make([]byte, 32)
		f := uint32(a.IntN(1_000_001))
		if a.chance(2) {
			f |= 0x400000
		}
		if a.chance(8) {
			f = a.Uint32()
		}
		copy(fee[28:], []byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)})
		ans.Data = append(append(ans.Data, a.deltaWord()...), fee...)
	default:
		ans.Data = append(ans.Data, a.deltaWord()...)
	}
	switch a.IntN(12) {
	case 0:
		ans.Data = ans.Data[:a.IntN(len(ans.Data)+1)]
	case 1:
		ans.Data = append(ans.Data, make([]byte, a.IntN(40))...)
	case 2:
		ans.Reverts, ans.Data = true, ans.Data[:a.IntN(len(ans.Data)+1)]
	case 3:
		ans.Data[0] ^= 1
	}
	if a.chance(3) {
		ans.Ops = a.inner(2)
	}
	at2 := one(a.Rand, a.hooks)
	return tx{from: evmtest.Caller, to: at2, input: a.packPuppet(a.tb, "program", s, ans), what: fmt.Sprintf("program hook %x %+v", s, ans)}
}

func (a *author) programToken() tx {
	token := one(a.Rand, a.tokens)
	if a.chance(2) {
		input := append(crypto.Keccak256([]byte("setMode(uint256)"))[:4], common.BigToHash(big.NewInt(1<<a.IntN(12)>>1)).Bytes()...)
		return tx{from: evmtest.Caller, to: token, input: input, what: fmt.Sprintf("token mode %x", input)}
	}
	ans := answer{Ops: a.inner(2)}
	return tx{from: evmtest.Caller, to: token, input: a.packPuppet(a.tb, "program", [4]byte{0xca, 0x11, 0xca, 0x11}, ans), what: fmt.Sprintf("program token %+v", ans)}
}

// session is an unlock by the router with some operations, after which mostly all
// are even.
func (a *author) session() tx {
	ops := a.inner(1 + a.IntN(5))
	if a.chance(12) {
		ops = append(ops, a.look(), op{Kind: 2, Value: new(big.Int)})
	} else if !a.chance(30) {
		for _, hook := range a.hooks {
			var evens []op
			for _, c := range a.currencies {
				evens = append(evens, even(c, uint8(a.IntN(8)/6)))
			}
			ops = append(ops, op{Target: hook, Value: new(big.Int), Data: a.packPuppet(a.tb, "run", evens)})
		}
		for _, c := range a.currencies {
			ops = append(ops, even(c, uint8(a.IntN(12)/8)))
		}
	}
	ops = append(ops, a.look())
	unlock := a.pack(a.tb, "unlock", a.ops(a.tb, ops))
	return tx{from: evmtest.Caller, to: a.router, input: a.packPuppet(a.tb, "run", []op{call(unlock)}), what: "unlock", ops: ops}
}

// text shows operations by the names of the manager's functions.
func (s *stage) text(ops []op) string {
	text := ""
	for _, o := range ops {
		name := "even"
		if o.Kind == 0 {
			name = fmt.Sprintf("%x", o.Data[:min(4, len(o.Data))])
			if m, err := s.manager.MethodById(o.Data); err == nil {
				args, _ := m.Inputs.Unpack(o.Data[4:])
				name = fmt.Sprintf("%s%v", m.Name, args)
			}
		}
		text += fmt.Sprintf("\n    %s %s value %s", o.Target, name, o.Value)
	}
	return text
}

// look reads the transient slots that matter.
func (a *author) look() op {
	var slots [][32]byte
	for _, name := range []string{"Unlocked", "NonzeroDeltaCount", "Currency", "ReservesOf"} {
		n := new(big.Int).Sub(new(big.Int).SetBytes(crypto.Keccak256([]byte(name))), big.NewInt(1))
		slots = append(slots, common.BigToHash(n))
	}
	for _, who := range append([]common.Address{a.router}, a.hooks...) {
		for _, c := range a.currencies {
			slots = append(slots, crypto.Keccak256Hash(common.LeftPadBytes(who[:], 32), common.LeftPadBytes(c[:], 32)))
		}
	}
	return call(a.pack(a.tb, "exttload", slots))
}

func (a *author) inner(n int) []op {
	ops := make([]op, 0, n)
	for range n {
		ops = append(ops, a.operation())
	}
	return ops
}

func (a *author) tick(spacing int64) int64 {
	switch a.IntN(10) {
	case 0:
		return 887272 / spacing * spacing * int64(1-2*a.IntN(2))
	case 1:
		return int64(a.IntN(2*887272+3) - 887273)
	}
	n := int64(a.IntN(41)-20) * spacing
	if a.chance(20) {
		n++
	}
	return n
}

func (a *author) operation() op {
	k := a.key()
	cur := one(a.Rand, a.currencies)
	data := make([]byte, one(a.Rand, []int{0, 0, 1, 40}))
	pack := func(name string, args ...any) op { return call(a.pack(a.tb, name, args...)) }
	switch a.IntN(26) {
	case 0, 1, 2, 3, 4, 5, 6:
		limit := a.price()
		zero := a.chance(2)
		if a.chance(2) {
			limit = new(big.Int).Add(minSqrtPrice, big.NewInt(1))
			if !zero {
				limit = new(big.Int).Sub(maxSqrtPrice, big.NewInt(1))
			}
			// With a small spacing an empty pool has thousands of words to cross.
			if k.TickSpacing.Int64() < 60 && !a.chance(10) {
				limit = a.price()
			}
		}
		amount := a.amount()
		if a.chance(2) {
			amount.Neg(amount)
		}
		return pack("swap", k, swapParams{zero, amount, limit}, data)
	case 7, 8, 9, 10, 11, 12:
		spacing := max(1, k.TickSpacing.Int64())
		p := position{lower: a.tick(spacing), upper: a.tick(spacing), salt: byte(a.IntN(2))}
		if p.lower > p.upper && !a.chance(15) {
			p.lower, p.upper = p.upper, p.lower
		}
		a.positions = append(a.positions, p)
		return pack("modifyLiquidity", k, modifyParams{big.NewInt(p.lower), big.NewInt(p.upper), a.liquidity(spacing), [32]byte{p.salt}}, data)
	case 13, 14, 15:
		if len(a.positions) == 0 {
			break
		}
		p := one(a.Rand, a.positions)
		l := a.liquidity(max(1, k.TickSpacing.Int64()))
		if a.chance(2) {
			l.SetInt64(0)
		}
		return pack("modifyLiquidity", k, modifyParams{big.NewInt(p.lower), big.NewInt(p.upper), l.Neg(l), [32]byte{p.salt}}, data)
	case 16:
		return pack("donate", k, a.amount(), a.amount(), data)
	case 17:
		return pack("take", cur, a.holder(), a.amount())
	case 18:
		return pack("mint", a.holder(), a.id(), a.amount())
	case 19:
		return pack("burn", a.holder(), a.id(), a.amount())
	case 20:
		return pack("clear", cur, a.amount())
	case 21:
		return pack("sync", cur)
	case 22:
		o := pack("settle")
		if a.chance(2) {
			o = pack("settleFor", a.holder())
		}
		if a.chance(2) {
			o.Value = a.size(60)
		}
		return o
	case 23:
		return pack("updateDynamicLPFee", k, big.NewInt(int64(a.IntN(1_100_000))))
	case 24:
		if a.chance(3) {
			return a.look()
		}
		return even(cur, uint8(a.IntN(3)))
	case 25:
		if a.chance(3) {
			return pack("unlock", []byte{})
		}
		return call(a.claims(a.router).input)
	}
	return a.look()
}

// liquidity is mostly moderate, sometimes around the most that a tick may have.
func (a *author) liquidity(spacing int64) *big.Int {
	switch a.IntN(10) {
	case 0:
		low := (-887272 - spacing + 1) / spacing
		ticks := 887272/spacing - low + 1
		most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
		most.Div(most, big.NewInt(ticks))
		return most.Add(most, big.NewInt(int64(a.IntN(3)-1)))
	case 1:
		return a.amount()
	}
	return a.size(90)
}
