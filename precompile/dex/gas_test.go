package dex_test

import (
	"math/big"
	"runtime"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	"golang.org/x/sys/unix"
)

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
	key     = poolKey{Currency1: common.HexToAddress("0x70ce"), Fee: big.NewInt(3000), TickSpacing: big.NewInt(60)}
	dynamic = poolKey{Currency1: common.HexToAddress("0x70ce"), Fee: big.NewInt(0x800000), TickSpacing: big.NewInt(60), Hooks: trader}
	q96     = new(big.Int).Lsh(big.NewInt(1), 96)
	lowest  = big.NewInt(4295128740)
	highest = func() *big.Int {
		n, _ := new(big.Int).SetString("1461446703485210103287273052203988822378723970341", 10)
		return n
	}()
	nothing = []byte{}
)

func initialize() tx { return tx{name: "initialize", args: []any{key, q96}} }

func modify(lower, upper, liquidity int64) tx {
	return tx{name: "modifyLiquidity", args: []any{key, modifyParams{big.NewInt(lower), big.NewInt(upper), big.NewInt(liquidity), [32]byte{}}, nothing}}
}

func swap(amount int64, limit *big.Int) tx {
	return tx{name: "swap", args: []any{key, swapParams{limit.Cmp(q96) < 0, big.NewInt(amount), limit}, nothing}}
}

// scenarios are calls of every kind of function.
func scenarios() []scenario {
	pool := []tx{initialize(), modify(-600, 600, 1e15), modify(-6000, 6000, 1e15)}
	ladder := []tx{initialize(), modify(-600000, 600000, 1e15)}
	for i := int64(1); i <= 20; i++ {
		ladder = append(ladder, modify(-60*i, 60*i, 1e12))
	}
	// The fee's controller is the trader, in the state of the test.
	controlled := append([]tx{{name: "setProtocolFeeController", args: []any{trader}}}, pool...)
	fee := tx{name: "setProtocolFee", args: []any{key, big.NewInt(500<<12 | 500)}}
	money := common.Address{}
	settle := tx{name: "settle", value: 1e9}
	mint := tx{name: "mint", args: []any{trader, new(big.Int), big.NewInt(1000)}}
	slots := make([][32]byte, 8)
	return []scenario{
		{name: "initialize", tx: initialize()},
		{name: "modifyLiquidity, a new position", before: pool[:1], tx: modify(-600, 600, 1e15)},
		{name: "modifyLiquidity, out of range", before: pool[:1], tx: modify(600, 1200, 1e15)},
		{name: "modifyLiquidity, more of it", before: pool, tx: modify(-600, 600, 1e15)},
		{name: "modifyLiquidity, less of it", before: pool, tx: modify(-600, 600, -1e14)},
		{name: "modifyLiquidity, all of it", before: pool, tx: modify(-600, 600, -1e15)},
		{name: "modifyLiquidity, fees only", before: append(pool[:3:3], swap(-1e6, lowest)), tx: modify(-600, 600, 0)},
		{name: "swap, exact input", before: pool, tx: swap(-1e6, lowest)},
		{name: "swap, exact output", before: pool, tx: swap(1e6, highest)},
		{name: "swap with a protocol fee", before: append(controlled[:4:4], fee), tx: swap(-1e6, highest)},
		{name: "swap over 1 tick", before: ladder, tx: swap(-4e12, lowest)},
		{name: "swap over 20 ticks", before: ladder, tx: swap(-1e14, lowest)},
		{name: "swap over 20 ticks and empty words", before: ladder, tx: swap(-1e18, lowest)},
		{name: "donate", before: pool, tx: tx{name: "donate", args: []any{key, big.NewInt(1000), big.NewInt(1000), nothing}}},
		{name: "settle", tx: settle},
		{name: "take", before: []tx{settle}, tx: tx{name: "take", args: []any{money, quiet, big.NewInt(5)}}},
		{name: "mint", tx: mint},
		{name: "burn", before: []tx{mint}, tx: tx{name: "burn", args: []any{trader, new(big.Int), big.NewInt(10)}}},
		{name: "sync", tx: tx{name: "sync", args: []any{money}}},
		{name: "clear", tx: tx{name: "clear", args: []any{money, new(big.Int)}}},
		{name: "unlock", tx: tx{name: "unlock", args: []any{nothing}, from: quiet}, locked: true},
		{name: "unlock with 1 kB", tx: tx{name: "unlock", args: []any{make([]byte, 1024)}, from: quiet}, locked: true},
		{name: "transfer", before: []tx{mint}, tx: tx{name: "transfer", args: []any{quiet, new(big.Int), big.NewInt(10)}}},
		{name: "transferFrom", before: []tx{mint, {name: "approve", args: []any{quiet, new(big.Int), big.NewInt(10)}}}, tx: tx{name: "transferFrom", args: []any{trader, quiet, new(big.Int), big.NewInt(10)}, from: quiet}},
		{name: "approve", tx: tx{name: "approve", args: []any{quiet, new(big.Int), big.NewInt(10)}}},
		{name: "setOperator", tx: tx{name: "setOperator", args: []any{quiet, true}}},
		{name: "balanceOf", tx: tx{name: "balanceOf", args: []any{quiet, new(big.Int)}}},
		{name: "allowance", tx: tx{name: "allowance", args: []any{quiet, trader, new(big.Int)}}},
		{name: "isOperator", tx: tx{name: "isOperator", args: []any{quiet, trader}}},
		{name: "supportsInterface", tx: tx{name: "supportsInterface", args: []any{[4]byte{1}}}},
		{name: "owner", tx: tx{name: "owner"}},
		{name: "protocolFeesAccrued", tx: tx{name: "protocolFeesAccrued", args: []any{money}}},
		{name: "setProtocolFee", before: controlled, tx: fee},
		{name: "collectProtocolFees", before: append(controlled[:4:4], fee, swap(-1e9, lowest), settle), tx: tx{name: "collectProtocolFees", args: []any{quiet, money, new(big.Int)}}},
		{name: "updateDynamicLPFee", before: []tx{{name: "initialize", args: []any{dynamic, q96}}}, tx: tx{name: "updateDynamicLPFee", args: []any{dynamic, big.NewInt(100)}}},
		{name: "extsload", tx: tx{name: "extsload", args: []any{[32]byte{}}}},
		{name: "extsload of 8 in a row", tx: tx{name: "extsload0", args: []any{[32]byte{}, big.NewInt(8)}}},
		{name: "extsload of 8", tx: tx{name: "extsload1", args: []any{slots}}},
		{name: "exttload of 8", tx: tx{name: "exttload", args: []any{slots}}},
	}
}

// small is the computation below which a function is not held to a third: what it
// costs is mostly the price of being called, which ecrecover's rate sets.
const small = 1000

// The computation of every function costs a third of the published contract's at
// most, unless that is hardly more than being called, and the whole call less.
func TestComputationCostsAThird(t *testing.T) {
	for _, s := range scenarios() {
		b := newBeside(t)
		b.ready(t, &s)
		input := b.input(t, s.tx)
		b.Config.Tracer = b.steps
		whole := b.run(t, b.oracle, s.tx, input)
		b.Config.Tracer = nil
		b.computed = 0
		ours := b.run(t, native, s.tx, input)
		t.Logf("GAS | %s | %d | %d | %.2f | %d | %d |", s.name, b.computed, b.steps.gas, float64(b.computed)/float64(b.steps.gas), ours, whole)
		if 3*b.computed > b.steps.gas && b.steps.gas > small {
			t.Errorf("%s: computation costs %d gas, that of the published contract %d, want a third at most", s.name, b.computed, b.steps.gas)
		}
		if ours >= whole {
			t.Errorf("%s costs %d gas, the published contract %d", s.name, ours, whole)
		}
	}
}

// BenchmarkComputation times each scenario on both managers, and what the native
// one does to the state by itself. It reports processor time: that of the native
// manager, of the published one, and how many times the native one's computation
// the published one's takes. Both do the same to the state, and computation is
// what is left without that.
func BenchmarkComputation(b *testing.B) {
	for _, s := range scenarios() {
		e := newBeside(b)
		e.ready(b, &s)
		input := e.input(b, s.tx)
		snapshot := e.db.Snapshot()
		e.ops = nil
		gas := e.run(b, recorded, s.tx, input)
		e.db.RevertToSnapshot(snapshot)
		b.Run(s.name, func(b *testing.B) {
			runtime.LockOSThread() // threadTime is this thread's
			defer runtime.UnlockOSThread()
			ours, whole, state := time.Hour, time.Hour, time.Hour
			for b.Loop() {
				ours = min(ours, e.timed(b, func() { e.run(b, native, s.tx, input) }))
				whole = min(whole, e.timed(b, func() { e.run(b, e.oracle, s.tx, input) }))
				state = min(state, e.timed(b, func() {
					for _, op := range e.ops {
						op(e.db)
					}
				}))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(ours), "native-ns")
			b.ReportMetric(float64(whole), "published-ns")
			b.ReportMetric(float64(state), "state-ns")
			b.ReportMetric(float64(whole-state)/float64(max(1, ours-state)), "times")
			b.ReportMetric(float64(ours)/float64(gas), "native-ns/gas")
		})
	}
}

// timed is the processor time of f, the effects of which are undone.
func (b *beside) timed(tb testing.TB, f func()) time.Duration {
	tb.Helper()
	snapshot := b.db.Snapshot()
	start := threadTime(tb)
	f()
	took := threadTime(tb) - start
	b.db.RevertToSnapshot(snapshot)
	return took
}

func threadTime(tb testing.TB) time.Duration {
	tb.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(t.Nano())
}
