package engine

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/crypto"
	"pgregory.net/rapid"
)

// anyKey stands in for a BLS key where only its presence matters.
var anyKey = new(bls.PublicKey)

func weighted(tb testing.TB, weights ...uint64) *ValidatorSet {
	tb.Helper()
	vs := make([]Validator, len(weights))
	for i, w := range weights {
		vs[i] = Validator{NodeID: ids.NodeID{byte(i >> 8), byte(i), 0xaa}, PublicKey: anyKey, Weight: w}
	}
	set, err := NewValidatorSet(vs)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// plainOrder draws the same order once more from the specification, with a list
// in place of the tree and modulus arithmetic on 65 bits in place of wrapping.
func plainOrder(seed common.Hash, set *ValidatorSet) []ids.NodeID {
	var numbers []uint64
	var block uint64
	next := func() uint64 {
		if len(numbers) == 0 {
			b := binary.BigEndian.AppendUint64(seed.Bytes(), block)
			h := crypto.Keccak256(b)
			for i := 0; i < 32; i += 8 {
				numbers = append(numbers, binary.BigEndian.Uint64(h[i:]))
			}
			block++
		}
		x := numbers[0]
		numbers = numbers[1:]
		return x
	}
	left := set.All()
	var order []ids.NodeID
	for len(left) > 0 {
		var total uint64
		for _, v := range left {
			total += v.Weight
		}
		_, excess := bits.Div64(1%total, 0, total) // 2^64 mod total
		x := next()
		for x < excess {
			x = next()
		}
		x %= total
		i := 0
		for x >= left[i].Weight {
			x -= left[i].Weight
			i++
		}
		order = append(order, left[i].NodeID)
		left = slices.Delete(left, i, i+1)
	}
	return order
}

func TestOrderIsTheSpecifications(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(1, 9), rapid.Uint64Range(1, math.MaxUint64/64)), 0, 60).Draw(t, "weights")
		vs := make([]Validator, len(weights))
		for i, w := range weights {
			vs[i] = Validator{NodeID: ids.NodeID{byte(i)}, PublicKey: anyKey, Weight: w}
		}
		seed := common.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		set, err := NewValidatorSet(vs)
		if err != nil {
			t.Fatal(err)
		}
		order := Order(seed, set)
		if want := plainOrder(seed, set); !slices.Equal(order, want) {
			t.Fatalf("Order = %v, want %v", order, want)
		}
		// Whatever order the validators come in, the schedule is the same.
		shuffled, err := NewValidatorSet(rapid.Permutation(vs).Draw(t, "shuffled"))
		if err != nil {
			t.Fatal(err)
		}
		if again := Order(seed, shuffled); !slices.Equal(order, again) {
			t.Fatalf("Order of the shuffled set = %v, want %v", again, order)
		}
		for rank, id := range order {
			if got, ok := Rank(order, id); !ok || got != rank {
				t.Fatalf("Rank(%s) = %d, %v, want %d", id, got, ok, rank)
			}
		}
		if _, ok := Rank(order, ids.NodeID{0xff}); ok {
			t.Fatal("Rank of a stranger = true, want false")
		}
	})
}

func TestOrderAtTheEdges(t *testing.T) {
	seed := common.Hash{1}
	if got := Order(seed, weighted(t)); len(got) != 0 {
		t.Errorf("Order of nobody = %v, want nobody", got)
	}
	if got := Order(seed, weighted(t, 1)); len(got) != 1 {
		t.Errorf("Order of one = %v, want the one", got)
	}
	whole := weighted(t, math.MaxUint64-1, 1)
	if got := Order(seed, whole); !slices.Equal(got, plainOrder(seed, whole)) || len(got) != 2 {
		t.Errorf("Order with a total of 2^64-1 = %v, want %v", got, plainOrder(seed, whole))
	}
}

// With a total just above 2^63 nearly half of all draws are dropped.
func TestOrderDropsBiasedDraws(t *testing.T) {
	set := weighted(t, 1<<62, 1<<62, 1)
	for i := range byte(64) {
		seed := common.Hash{i}
		if got, want := Order(seed, set), plainOrder(seed, set); !slices.Equal(got, want) {
			t.Errorf("Order(seed %d) = %v, want %v", i, got, want)
		}
	}
}

// Each validator must lead as often as its stake says, and follow as often as the
// draw without replacement says. The seeds are fixed, so the test is not random;
// 99.99 % of honest samples lie below the bound.
func TestOrderFollowsStake(t *testing.T) {
	weights := []uint64{1, 2, 3, 4, 10, 30, 50}
	set := weighted(t, weights...)
	all := set.All()
	const draws = 20_000
	first, second := make(map[ids.NodeID]int), make(map[ids.NodeID]int)
	for i := range uint64(draws) {
		order := Order(Seed(ids.ID{9}, i, common.Hash{7}), set)
		first[order[0]]++
		second[order[1]]++
	}
	total := float64(set.TotalWeight())
	var chiFirst, chiSecond float64
	for i, v := range all {
		p := float64(weights[i]) / total
		var q float64 // second: someone else led, then it was drawn
		for j := range all {
			if j != i {
				pj := float64(weights[j]) / total
				q += pj * float64(weights[i]) / (total - float64(weights[j]))
			}
		}
		chiFirst += math.Pow(float64(first[v.NodeID])-p*draws, 2) / (p * draws)
		chiSecond += math.Pow(float64(second[v.NodeID])-q*draws, 2) / (q * draws)
	}
	// The 0.9999 quantile of chi squared with 6 degrees of freedom.
	if bound := 27.86; chiFirst > bound || chiSecond > bound {
		t.Errorf("chi squared = %.1f for rank 0 and %.1f for rank 1, want below %.2f; counts %v %v", chiFirst, chiSecond, bound, first, second)
	}
}

func TestSeedDependsOnAllItsParts(t *testing.T) {
	base := Seed(ids.ID{1}, 2, common.Hash{3})
	for name, other := range map[string]common.Hash{
		"chain": Seed(ids.ID{2}, 2, common.Hash{3}), "height": Seed(ids.ID{1}, 3, common.Hash{3}), "mix": Seed(ids.ID{1}, 2, common.Hash{4}),
	} {
		if other == base {
			t.Errorf("another %s gives the same seed", name)
		}
	}
}

func TestValidatorSetRefuses(t *testing.T) {
	v := func(id byte, weight uint64) Validator {
		return Validator{NodeID: ids.NodeID{id}, PublicKey: anyKey, Weight: weight}
	}
	tooMany := make([]Validator, MaxValidators+1)
	for i := range tooMany {
		tooMany[i] = Validator{NodeID: ids.NodeID{byte(i >> 16), byte(i >> 8), byte(i)}, PublicKey: anyKey, Weight: 1}
	}
	for name, vs := range map[string][]Validator{
		"a node twice":            {v(1, 1), v(2, 1), v(1, 1)},
		"weights beyond 64 bits":  {v(1, math.MaxUint64), v(2, 1)},
		"more than MaxValidators": tooMany,
	} {
		if _, err := NewValidatorSet(vs); !errors.Is(err, ErrValidatorSet) {
			t.Errorf("NewValidatorSet(%s) = %v, want ErrValidatorSet", name, err)
		}
	}
}

func TestValidatorSetLeavesOutWhoCannotPropose(t *testing.T) {
	set, err := ValidatorSetOf(map[ids.NodeID]*validators.GetValidatorOutput{
		{1}: {NodeID: ids.NodeID{1}, PublicKey: anyKey, Weight: 5},
		{2}: {NodeID: ids.NodeID{2}, Weight: 7},
		{3}: {NodeID: ids.NodeID{3}, PublicKey: anyKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, keyless := set.Get(ids.NodeID{2}); keyless || set.Len() != 1 || set.TotalWeight() != 5 {
		t.Errorf("the set is %+v, want only the validator with key and weight", set.All())
	}
	set.All()[0].Weight = 99
	if v, _ := set.Get(ids.NodeID{1}); v.Weight != 5 {
		t.Error("All gives access to the set's own memory, want a copy")
	}
}

type scheduleFile struct {
	Comment string           `json:"comment"`
	Cases   []scheduleVector `json:"cases"`
}

type scheduleVector struct {
	ChainID    hexutil.Bytes     `json:"chainId"`
	Height     uint64            `json:"height"`
	ParentMix  common.Hash       `json:"parentMix"`
	Seed       common.Hash       `json:"seed"`
	Validators []scheduleMember  `json:"validators"`
	Order      []hexutil.Bytes   `json:"order"`
	EarliestMs map[string]uint64 `json:"earliestMsAfterParentAt1000"`
}

type scheduleMember struct {
	NodeID hexutil.Bytes `json:"nodeId"`
	Weight uint64        `json:"weight,string"`
}

func scheduleVectors(t *testing.T) scheduleFile {
	out := scheduleFile{Comment: "Proposer orders: spec/chain.md, section 5. Written by go test ./evm/engine -rewrite; checked by a second implementation in the same tests."}
	large := make([]uint64, 21)
	for i := range large {
		large[i] = uint64(i+1) * 2_000_000_000_000
	}
	for height, weights := range [][]uint64{{1}, {1, 1}, {5, 4, 3, 2, 1}, large, {math.MaxUint64 - 2, 1, 1}, {1 << 63, 1, 2, 1 << 62}} {
		set := weighted(t, weights...)
		mix := crypto.Keccak256Hash([]byte{byte(height)})
		v := scheduleVector{ChainID: worldChain[:], Height: uint64(height), ParentMix: mix, Seed: Seed(worldChain, uint64(height), mix)}
		for _, m := range set.All() {
			v.Validators = append(v.Validators, scheduleMember{NodeID: m.NodeID[:], Weight: m.Weight})
		}
		v.EarliestMs = make(map[string]uint64)
		for rank, id := range Order(v.Seed, set) {
			v.Order = append(v.Order, id[:])
			v.EarliestMs[id.String()] = EarliestMs(1000, rank)
		}
		out.Cases = append(out.Cases, v)
	}
	return out
}

func TestScheduleVectors(t *testing.T) {
	path := filepath.Join(vectorDir, "schedule.json")
	if *rewrite {
		writeVectors(t, path, scheduleVectors(t))
	}
	var file scheduleFile
	readVectors(t, path, &file)
	if len(file.Cases) != 6 {
		t.Errorf("%d vectors, want 6", len(file.Cases))
	}
	for i, c := range file.Cases {
		var vs []Validator
		for _, m := range c.Validators {
			vs = append(vs, Validator{NodeID: ids.NodeID(m.NodeID), PublicKey: anyKey, Weight: m.Weight})
		}
		set, err := NewValidatorSet(vs)
		if err != nil {
			t.Fatal(err)
		}
		seed := Seed(ids.ID(c.ChainID), c.Height, c.ParentMix)
		if seed != c.Seed {
			t.Errorf("case %d: seed = %s, want %s", i, seed, c.Seed)
		}
		for name, order := range map[string][]ids.NodeID{"Order": Order(seed, set), "plainOrder": plainOrder(seed, set)} {
			for rank, id := range order {
				if !slices.Equal(id[:], c.Order[rank]) || EarliestMs(1000, rank) != c.EarliestMs[id.String()] {
					t.Errorf("case %d: %s rank %d = %s, want %s", i, name, rank, id, c.Order[rank])
				}
			}
		}
	}
}

func BenchmarkOrder(b *testing.B) {
	for _, n := range []int{5, 100, MaxValidators} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			weights := make([]uint64, n)
			for i := range weights {
				weights[i] = uint64(i+1) * 1_000_000_007
			}
			set := weighted(b, weights...)
			var seed common.Hash
			for b.Loop() {
				seed[0]++
				Order(seed, set)
			}
		})
	}
}

func BenchmarkVerifyAuthorship(b *testing.B) {
	w := newWorld(b, 100)
	parent := w.parent()
	h := w.child(parent, 3)
	for b.Loop() {
		if err := VerifyAuthorship(worldNetwork, worldChain, parent, h, w.set); err != nil {
			b.Fatal(err)
		}
	}
}
