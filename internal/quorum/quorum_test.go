package quorum

import (
	"bytes"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	ours      = Alternatives[0].Settings
	prototype = Alternatives[2].Settings
)

// The figures that the settings were chosen by, to their one digit.
func TestFiguresOfTheDesign(t *testing.T) {
	for _, c := range []struct {
		s        Settings
		num, den int64
		want     float64
	}{
		{ours, 1, 5, 2e-14},
		{ours, 1, 4, 7e-11},
		{ours, 1, 3, 3e-6},
		{prototype, 1, 3, 7e-3},
	} {
		got, _ := c.s.Apart(WorstLimit(c.num, c.den)).Lesser.Float64()
		unit := math.Pow(10, math.Floor(math.Log10(c.want)))
		if math.Round(got/unit) != math.Round(c.want/unit) {
			t.Errorf("%+v with %d/%d adversarial: %g, want %g", c.s, c.num, c.den, got, c.want)
		}
	}
}

// 3 of 4 units with a fair coin: 5/16; a run of two: 25/256. Small enough to
// count by hand, with and without replacement.
func TestByHand(t *testing.T) {
	s := Settings{K: 4, Alpha: 3, Beta: 2}
	half := big.NewRat(1, 2)
	if got := s.Poll(half); got.Cmp(big.NewRat(5, 16)) != 0 {
		t.Errorf("Poll(1/2) = %v, want 5/16", got)
	}
	if got := s.Run(s.Poll(half)); got.Cmp(big.NewRat(25, 256)) != 0 {
		t.Errorf("Run = %v, want 25/256", got)
	}
	// Heads twice in a row takes 6 throws on average.
	if got := s.Polls(half); got.Cmp(big.NewRat(6, 1)) != 0 {
		t.Errorf("Polls(1/2) = %v, want 6", got)
	}
	if got := s.Polls(one()); got.Cmp(big.NewRat(2, 1)) != 0 {
		t.Errorf("Polls(1) = %v, want 2", got)
	}
	// Of 6 units, 3 ours, draw 4: exactly 3 ours in 3 of 15 draws.
	if got := s.Drawn(3, 6); got.Cmp(big.NewRat(3, 15)) != 0 {
		t.Errorf("Drawn(3, 6) = %v, want 1/5", got)
	}
	if got := s.Drawn(2, 6); got.Sign() != 0 {
		t.Errorf("Drawn(2, 6) = %v, want 0: there are not three units", got)
	}
}

// With stakes as large as ours, drawing without replacement is binomial for all
// purposes; with one unit a validator it is not.
func TestReplacementDoesNotMatterForLargeStakes(t *testing.T) {
	const unit = 2_000_000_000_000 // the default weight of a validator
	const most = 60.0 * 59 / 2 / (5 * unit)
	share := big.NewRat(3, 5)
	binomial, _ := ours.Poll(share).Float64()
	drawn, _ := ours.Drawn(3*unit, 5*unit).Float64()
	if math.Abs(drawn-binomial) > most {
		t.Errorf("drawn %.17g, binomial %.17g: they differ by more than %g", drawn, binomial, most)
	}
	if small, _ := ours.Drawn(60, 100).Float64(); math.Abs(small-binomial) < 0.01 {
		t.Errorf("with 100 units the poll is %g, binomial %g: want a difference that shows", small, binomial)
	}
}

// Worst must be at least as bad as every other split.
func TestNoSplitIsWorseThanWorst(t *testing.T) {
	for _, n := range sizes {
		for _, sh := range shares {
			bad := Adversary(n, sh.num, sh.den)
			worst := ours.Apart(Worst(n, bad))
			for a := (n - bad + 1) / 2; a <= n-bad; a++ {
				other := ours.Apart(Split{A: a, B: n - bad - a, Bad: bad})
				if other.Both.Cmp(worst.Both) > 0 || other.Lesser.Cmp(worst.Lesser) > 0 {
					t.Errorf("%d validators, %d bad: split %d|%d is worse than Worst", n, bad, a, n-bad-a)
				}
			}
		}
	}
}

func TestPollIsAProbabilityThatGrowsWithTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 40).Draw(t, "k")
		s := Settings{K: k, Alpha: rapid.IntRange(k/2+1, k).Draw(t, "alpha"), Beta: rapid.IntRange(1, 5).Draw(t, "beta")}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		den := rapid.Int64Range(int64(k), 200).Draw(t, "den")
		num := rapid.Int64Range(0, den-1).Draw(t, "num")
		low, high := s.Poll(big.NewRat(num, den)), s.Poll(big.NewRat(num+1, den))
		if low.Sign() < 0 || high.Cmp(one()) > 0 || low.Cmp(high) >= 0 {
			t.Fatalf("%+v: polls of %d/%d and %d/%d are %v and %v", s, num, den, num+1, den, low, high)
		}
		if d := s.Drawn(num, den); d.Sign() < 0 || d.Cmp(s.Drawn(num+1, den)) > 0 {
			t.Fatalf("%+v: Drawn(%d, %d) = %v is not below that of one more unit", s, num, den, d)
		}
	})
}

func TestSettingsThatDecideNothingAreRefused(t *testing.T) {
	for _, s := range []Settings{{}, {K: 60, Alpha: 30, Beta: 12}, {K: 60, Alpha: 61, Beta: 12}, {K: 60, Alpha: 42}} {
		if s.Check() == nil {
			t.Errorf("%+v passes, want an error", s)
		}
	}
	for _, a := range Alternatives {
		if err := a.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestNearestWholeValidators(t *testing.T) {
	for _, c := range [][4]int64{{5, 1, 5, 1}, {5, 1, 4, 1}, {5, 1, 3, 2}, {21, 1, 5, 4}, {21, 1, 4, 5}, {21, 1, 3, 7}, {100, 1, 3, 33}} {
		if got := Adversary(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("Adversary(%d, %d, %d) = %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

// The decision record shows what the code computes.
func TestTheDecisionRecordHasThisTable(t *testing.T) {
	var table bytes.Buffer
	if err := WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/adr/0005-consensus-parameters.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/adr/0005-consensus-parameters.md lacks this table:\n%s", table.String())
	}
}
