package engine

import (
	"math"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/ava-labs/libevm/core/types"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/params"
)

const feeLimit = 30_000_000

// feeParent is a genesis-like parent at time 0 with the given fee and gas.
func feeParent(fee *big.Int, used, limit uint64) *types.Header {
	return &types.Header{Number: new(big.Int), BaseFee: fee, GasUsed: used, GasLimit: limit}
}

// drawFee draws fees of all sizes from the floor up to 256 bits.
func drawFee(t *rapid.T) *big.Int {
	raw := rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "fee above the floor")
	fee := new(big.Int).SetBytes(raw)
	if fee.Add(fee, big.NewInt(params.MinBaseFee)); fee.BitLen() > 256 {
		fee.Sub(fee, big.NewInt(params.MinBaseFee))
	}
	return fee
}

func drawParent(t *rapid.T) *types.Header {
	limit := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "limit")
	return feeParent(drawFee(t), rapid.Uint64Range(0, limit).Draw(t, "used"), limit)
}

func TestBaseFeeByHand(t *testing.T) {
	const gwei = 1_000_000_000
	for _, c := range []struct {
		name       string
		fee        int64
		used       uint64
		ms         uint64
		want       int64
		whichIsDue string
	}{
		{"half full in one slot keeps it", 16_800 * gwei, feeLimit / 2, 400, 16_800 * gwei, "400 ms paid, 400 elapsed"},
		{"full in one slot adds one part in 42", 16_800 * gwei, feeLimit, 400, 17_200 * gwei, "400 ms owed"},
		{"full in a slot and a half adds half of that", 16_800 * gwei, feeLimit, 600, 17_000 * gwei, "200 ms owed"},
		{"full in two slots keeps it", 16_800 * gwei, feeLimit, 800, 16_800 * gwei, "nothing owed"},
		{"empty in one slot takes one part in 40", 16_000 * gwei, 0, 400, 15_600 * gwei, "400 ms idle"},
		{"empty for two seconds takes one eighth", 16_000 * gwei, 0, 2_000, 14_000 * gwei, "2000 ms idle"},
		{"empty for four seconds compounds", 16_000 * gwei, 0, 4_000, 12_250 * gwei, "4000 ms idle"},
		{"the floor holds", gwei, 0, 10_000, gwei, "10 s idle"},
		{"just above the floor falls to it", gwei + 1, 0, 2_000, gwei, "2 s idle"},
		{"less than a slot counts as a slot", 16_800 * gwei, feeLimit, 0, 17_200 * gwei, "400 ms owed"},
	} {
		got := BaseFee(feeParent(big.NewInt(c.fee), c.used, feeLimit), c.ms)
		if got.Cmp(big.NewInt(c.want)) != 0 {
			t.Errorf("%s (%s): BaseFee = %s, want %d", c.name, c.whichIsDue, got, c.want)
		}
	}
}

func TestBaseFeeOfOddParents(t *testing.T) {
	floor := big.NewInt(params.MinBaseFee)
	for name, parent := range map[string]*types.Header{
		"no base fee":          feeParent(nil, 0, feeLimit),
		"a fee of zero":        feeParent(new(big.Int), feeLimit, feeLimit),
		"a fee below":          feeParent(big.NewInt(params.MinBaseFee-1), feeLimit, feeLimit),
		"no gas limit, at 400": feeParent(floor, 0, 0),
	} {
		got := BaseFee(parent, 900)
		if got.Cmp(floor) < 0 {
			t.Errorf("BaseFee(%s) = %s, want at least the floor", name, got)
		}
	}
	parent := feeParent(big.NewInt(5*params.MinBaseFee), 0, feeLimit)
	BaseFee(parent, 1_000_000).SetInt64(7)
	if parent.BaseFee.Int64() != 5*params.MinBaseFee {
		t.Error("changing the result changes the parent's fee, want a copy")
	}
}

func TestBaseFeeProperties(t *testing.T) {
	floor := big.NewInt(params.MinBaseFee)
	rapid.Check(t, func(t *rapid.T) {
		p := drawParent(t)
		ms := rapid.Uint64Range(0, MaxTimeMs).Draw(t, "ms")
		fee := BaseFee(p, ms)
		if fee.Cmp(floor) < 0 {
			t.Fatalf("BaseFee = %s, below the floor", fee)
		}
		// One block: up by at most 1/42, and in one slot down by at most 1/40.
		if grown := new(big.Int).Sub(fee, p.BaseFee); grown.Mul(grown, big.NewInt(42)).Cmp(p.BaseFee) > 0 {
			t.Fatalf("BaseFee = %s from %s, grew by more than 1/42", fee, p.BaseFee)
		}
		slot := BaseFee(p, params.BlockSpacingMs)
		if lost := new(big.Int).Sub(p.BaseFee, slot); lost.Mul(lost, big.NewInt(40)).Cmp(p.BaseFee) > 0 {
			t.Fatalf("BaseFee = %s from %s after one slot, fell by more than 1/40", slot, p.BaseFee)
		}
		// Monotone: later is never dearer, more gas never cheaper.
		later := BaseFee(p, rapid.Uint64Range(ms, MaxTimeMs).Draw(t, "later"))
		if later.Cmp(fee) > 0 {
			t.Fatalf("BaseFee rises with time, from %s to %s", fee, later)
		}
		more := *p
		more.GasUsed = rapid.Uint64Range(p.GasUsed, p.GasLimit).Draw(t, "more gas")
		if dearer := BaseFee(&more, ms); dearer.Cmp(fee) < 0 {
			t.Fatalf("BaseFee falls with gas, from %s to %s", fee, dearer)
		}
	})
}

// Over every stretch of at most two seconds of any history the fee moves by at
// most one eighth either way.
func TestBaseFeeMovesAtMostAnEighthInTwoSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type point struct {
			ms  uint64
			fee *big.Int
		}
		fee := drawFee(t)
		history := []point{{0, fee}}
		var ms uint64
		for range rapid.IntRange(1, 30).Draw(t, "blocks") {
			parent := feeParent(fee, rapid.Uint64Range(0, feeLimit).Draw(t, "used"), feeLimit)
			gap := rapid.Uint64Range(params.BlockSpacingMs, params.BaseFeePeriodMs).Draw(t, "gap")
			fee, ms = BaseFee(parent, gap), ms+gap
			for _, was := range history {
				if ms-was.ms > params.BaseFeePeriodMs {
					continue
				}
				high := new(big.Int).Mul(was.fee, big.NewInt(9))
				low := new(big.Int).Mul(was.fee, big.NewInt(7))
				now := new(big.Int).Mul(fee, big.NewInt(8))
				if now.Cmp(high) > 0 || now.Cmp(low) < 0 {
					t.Fatalf("from %s to %s in %d ms: more than one eighth", was.fee, fee, ms-was.ms)
				}
			}
			history = append(history, point{ms, fee})
		}
	})
}

// The same idle time costs about the same however it is cut into blocks: cut at
// whole periods exactly the same.
func TestBaseFeeDecaysByTimeNotByBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := drawFee(t)
		periods := rapid.Uint64Range(2, 40).Draw(t, "periods")
		once := BaseFee(feeParent(start, 0, feeLimit), periods*params.BaseFeePeriodMs)
		fee := start
		for range periods {
			fee = BaseFee(feeParent(fee, 0, feeLimit), params.BaseFeePeriodMs)
		}
		if fee.Cmp(once) != 0 {
			t.Fatalf("%d blocks of two seconds give %s, one pause gives %s", periods, fee, once)
		}
	})
}

func TestBaseFeeReachesTheFloor(t *testing.T) {
	highest := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for _, ms := range []uint64{3_600_000, MaxTimeMs, math.MaxUint64} {
		if got := BaseFee(feeParent(highest, feeLimit, feeLimit), ms); got.Int64() != params.MinBaseFee || !got.IsInt64() {
			t.Errorf("BaseFee of 2^256-1 after %d ms = %s, want the floor", ms, got)
		}
	}
}

// TestTargetIsHalfTheLimitInASlot runs a chain at the target and one 10 % above.
func TestTargetIsHalfTheLimitInASlot(t *testing.T) {
	start := big.NewInt(20 * params.MinBaseFee)
	steady, rising := start, start
	for range 150 {
		steady = BaseFee(feeParent(steady, feeLimit/2, feeLimit), params.BlockSpacingMs)
		rising = BaseFee(feeParent(rising, feeLimit/10*6, feeLimit), params.BlockSpacingMs)
	}
	if steady.Cmp(start) != 0 || rising.Cmp(start) <= 0 {
		t.Errorf("after a minute: %s at the target, %s above it, want %s and more", steady, rising, start)
	}
}

type feeVector struct {
	Fee      string `json:"baseFee"`
	GasUsed  uint64 `json:"gasUsed"`
	GasLimit uint64 `json:"gasLimit"`
	Elapsed  uint64 `json:"elapsedMs"`
	Want     string `json:"childBaseFee"`
}

type feeFile struct {
	Comment string      `json:"comment"`
	Cases   []feeVector `json:"cases"`
}

func feeVectors() feeFile {
	out := feeFile{Comment: "Base fee of a child in wei: spec/chain.md, section 4. Written by go test ./evm/engine -rewrite; checked by an independent computation in the same tests."}
	huge := new(big.Int).Lsh(big.NewInt(1), 255)
	for _, fee := range []*big.Int{big.NewInt(params.MinBaseFee), big.NewInt(params.MinBaseFee + 1), big.NewInt(1_234_567_891), big.NewInt(33_333_333_333), huge} {
		for _, used := range []uint64{0, 21_000, 37_499, 37_500, 14_999_999, 15_000_000, 29_999_999, 30_000_000} {
			for _, elapsed := range []uint64{400, 401, 650, 799, 800, 2_000, 2_001, 9_999, 10_000, 3_600_000, MaxTimeMs} {
				got := BaseFee(feeParent(fee, used, feeLimit), elapsed)
				out.Cases = append(out.Cases, feeVector{Fee: fee.String(), GasUsed: used, GasLimit: feeLimit, Elapsed: elapsed, Want: got.String()})
			}
		}
	}
	return out
}

func TestBaseFeeVectors(t *testing.T) {
	path := filepath.Join(vectorDir, "basefee.json")
	if *rewrite {
		writeVectors(t, path, feeVectors())
	}
	var file feeFile
	readVectors(t, path, &file)
	for _, c := range file.Cases {
		fee, ok := new(big.Int).SetString(c.Fee, 10)
		if !ok {
			t.Fatalf("%+v: not a number", c)
		}
		if got := BaseFee(feeParent(fee, c.GasUsed, c.GasLimit), c.Elapsed); got.String() != c.Want {
			t.Errorf("BaseFee(%+v) = %s, want %s", c, got, c.Want)
		}
		if got := plainBaseFee(fee, c.GasUsed, c.GasLimit, c.Elapsed); got.String() != c.Want {
			t.Errorf("plainBaseFee(%+v) = %s, want %s", c, got, c.Want)
		}
	}
	if len(file.Cases) < 400 {
		t.Errorf("%d vectors, want 440", len(file.Cases))
	}
}

// plainBaseFee is the formula once more, written from the specification with
// fractions instead of rounding in between, and rounded where the text says so.
func plainBaseFee(fee *big.Int, used, limit, elapsed uint64) *big.Int {
	round := func(r *big.Rat) *big.Int { return new(big.Int).Quo(r.Num(), r.Denom()) }
	paid := round(new(big.Rat).Mul(big.NewRat(800, 1), new(big.Rat).SetFrac(new(big.Int).SetUint64(used), new(big.Int).SetUint64(limit))))
	balance := new(big.Int).Sub(new(big.Int).SetUint64(elapsed), paid)
	f := new(big.Int).Set(fee)
	part := func(ms *big.Int, of int64) *big.Int {
		return round(new(big.Rat).Mul(new(big.Rat).SetInt(f), new(big.Rat).SetFrac(ms, big.NewInt(of))))
	}
	if balance.Sign() < 0 {
		return f.Add(f, part(new(big.Int).Neg(balance), 16_800))
	}
	floor := big.NewInt(1_000_000_000)
	period := big.NewInt(2_000)
	for balance.Cmp(period) >= 0 && f.Cmp(floor) > 0 {
		f.Sub(f, part(period, 16_000))
		balance.Sub(balance, period)
	}
	if f.Cmp(floor) > 0 {
		f.Sub(f, part(balance, 16_000))
	}
	if f.Cmp(floor) < 0 {
		return floor
	}
	return f
}

func BenchmarkBaseFee(b *testing.B) {
	for name, ms := range map[string]uint64{"slot": 400, "pause": 600_000} {
		b.Run(name, func(b *testing.B) {
			parent := feeParent(new(big.Int).Lsh(big.NewInt(1), 60), feeLimit, feeLimit)
			for b.Loop() {
				BaseFee(parent, ms)
			}
		})
	}
}
