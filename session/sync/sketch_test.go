package sync

import (
	"errors"
	"iter"
	"math/big"
	"math/rand/v2"
	"testing"
)

func randomIDs(r *rand.Rand, n int) []ID {
	ids := make([]ID, n)
	for i := range ids {
		for j := 0; j < IDSize; j += 8 {
			v := r.Uint64()
			for k := range 8 {
				ids[i][j+k] = byte(v >> (8 * k))
			}
		}
	}
	return ids
}

func each(ids []ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestJumpIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(i uint32, u uint64) {
		got := jump(i, u)
		want := uint64(i) + 1
		limit := new(big.Int).Lsh(big.NewInt(int64(i+1)*int64(i+2)), 32)
		// The least j by bisection over exact integers.
		lo, hi := want, uint64(maxSymbols)
		for lo < hi {
			mid := (lo + hi) / 2
			p := new(big.Int).Mul(big.NewInt(int64((mid+1)*(mid+2))), new(big.Int).SetUint64(u))
			if p.Cmp(limit) >= 0 {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		if uint64(got) != lo {
			t.Fatalf("jump(%d, %d) = %d, want %d", i, u, got, lo)
		}
	}
	for _, i := range []uint32{0, 1, 2, 100, maxSymbols - 2, maxSymbols - 1} {
		for _, u := range []uint64{1, 2, 3, 1 << 8, 1 << 16, 1 << 31, 1<<32 - 1, 1 << 32} {
			check(i, u)
		}
	}
	for range 20000 {
		check(r.Uint32N(maxSymbols), r.Uint64N(1<<32>>r.IntN(32))+1)
	}
}

func BenchmarkSketch100k(b *testing.B) {
	ids := randomIDs(rand.New(rand.NewPCG(1, 1)), 100_000)
	k := newKey(ID{}, [16]byte{}, [16]byte{}, 1)
	before := cpuTime()
	for b.Loop() {
		s, _ := newSketch(&k, len(ids), each(ids))
		s.extend(256)
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

func TestSketchOverhead(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, d := range []int{1, 2, 10, 50, 100, 150, 170, 1000, 8000, 11000} {
		var worst, sum int
		for run := range 5 {
			k := newKey(ID{byte(run)}, [16]byte{byte(d)}, [16]byte{}, 1)
			ids := randomIDs(r, 2000+d)
			a, _ := newSketch(&k, 0, each(ids[:2000+d/2]))
			bb, _ := newSketch(&k, 0, each(ids[d/2:]))
			dec := newDecoder(&k, bb)
			n := 0
			for {
				a.extend(n + 1 + n/64)
				ok, err := dec.add(a.appendSymbols(nil, n))
				n = len(a.symbols)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					break
				}
			}
			sum += n
			worst = max(worst, n)
			if want := d/2 + d - d/2; len(dec.recovered) != want {
				t.Fatalf("%d differences: recovered %d", want, len(dec.recovered))
			}
		}
		t.Logf("d %d: mean %.2f worst %.2f symbols a difference", d, float64(sum)/5/float64(d), float64(worst)/float64(d))
	}
}

// An item in symbol 0 that is in none of its other symbols moves to those when it
// is taken out, and back. Decoding must see that no set gives such symbols.
func TestInconsistentSymbolsEnd(t *testing.T) {
	k := newKey(testSpace, [nonceSize]byte{}, [nonceSize]byte{}, 1)
	forged := &sketch{symbols: make([]symbol, minSymbols)}
	forged.symbols[0] = symbol{1, k.check(1)}
	d := newDecoder(&k, &sketch{})
	if whole, err := d.add(forged.appendSymbols(nil, 0)); whole || !errors.Is(err, errSketch) {
		t.Errorf("add = %v, %v with %d items from %d symbols, want errSketch", whole, err, len(d.recovered), minSymbols)
	}
}
