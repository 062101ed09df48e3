package engine

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/core/types"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/params"
)

func TestCheckClock(t *testing.T) {
	w := newWorld(t, 1)
	h := w.child(w.genesis(), 0)
	ms := TimeMs(h)
	for _, c := range []struct {
		name string
		now  uint64
		want error
	}{
		{"a clock at the block's time", ms, nil},
		{"a clock 100 ms behind", ms - params.ClockToleranceMs, nil},
		{"a clock 101 ms behind", ms - params.ClockToleranceMs - 1, ErrTooEarly},
		{"a clock at zero", 0, ErrTooEarly},
		{"a clock far ahead", ms + 1_000_000_000, nil},
		{"a clock at the end of time", math.MaxUint64, nil},
	} {
		err := CheckClock(h, c.now)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: CheckClock = %v, want %v", c.name, err, c.want)
		}
		if c.want != nil && !IsTransient(err) {
			t.Errorf("%s: IsTransient(%v) = false, want true", c.name, err)
		}
	}
}

func TestCheckPChainHeight(t *testing.T) {
	w := newWorld(t, 1)
	parent := w.parent()
	h := w.child(parent, 0) // at height 5
	if err := CheckPChainHeight(h, 5); err != nil {
		t.Errorf("CheckPChainHeight(5 at 5) = %v, want nil", err)
	}
	if err := CheckPChainHeight(h, 4); !errors.Is(err, ErrPChainAhead) || !IsTransient(err) {
		t.Errorf("CheckPChainHeight(5 at 4) = %v, want ErrPChainAhead", err)
	}
	if err := CheckPChainHeight(w.genesis(), 0); err != nil {
		t.Errorf("CheckPChainHeight(genesis) = %v, want nil", err)
	}
	if err := CheckPChainHeight(&types.Header{Number: big.NewInt(1)}, 9); !errors.Is(err, ErrExtra) {
		t.Errorf("CheckPChainHeight(no extra data) = %v, want ErrExtra", err)
	}
}

func TestWindows(t *testing.T) {
	for rank, want := range []uint64{1_400, 1_650, 1_900} {
		if got := EarliestMs(1_000, rank); got != want {
			t.Errorf("EarliestMs(1000, %d) = %d, want %d", rank, got, want)
		}
	}
	if got := HeartbeatAt(1_000); got != 11_000 {
		t.Errorf("HeartbeatAt(1000) = %d, want 11000", got)
	}
}

func TestBuildAt(t *testing.T) {
	const parent = 100_000
	for _, c := range []struct {
		name      string
		now, seen uint64
		rank      int
		want      uint64
	}{
		{"under load rank 0 builds when the spacing has passed", parent + 20, parent - 50, 0, parent + 400},
		{"under load rank 2 waits for its window", parent + 20, parent - 50, 2, parent + 900},
		{"work during the spacing changes nothing", parent + 399, parent + 399, 1, parent + 650},
		{"after a pause rank 0 builds at once", parent + 5_000, parent + 5_000, 0, parent + 5_000},
		{"after a pause rank 1 waits one window from the work", parent + 5_000, parent + 5_000, 1, parent + 5_250},
		{"after a pause rank 3 waits three", parent + 5_000, parent + 5_000, 3, parent + 5_750},
		{"without work rank 0 beats the heart", parent + 1_000, NoWork, 0, parent + 10_000},
		{"without work rank 2 stands in for a dead heart", parent + 1_000, NoWork, 2, parent + 10_500},
		{"work after the heartbeat does not put it off", parent + 10_100, parent + 10_100, 1, parent + 10_250},
		{"a builder that is late builds now", parent + 20_000, parent + 5_000, 1, parent + 20_000},
	} {
		if got := BuildAt(parent, c.now, c.seen, c.rank); got != c.want {
			t.Errorf("%s: BuildAt = parent + %d, want parent + %d", c.name, got-parent, c.want-parent)
		}
	}
}

// A builder that keeps the idle rule never makes a block out of turn, and no two
// ranks that saw the same work wake within one window of each other.
func TestBuildAtNeverBreaksTheWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent := rapid.Uint64Range(0, MaxTimeMs).Draw(t, "parent")
		seen := rapid.OneOf(rapid.Uint64Range(0, MaxTimeMs), rapid.Just(NoWork)).Draw(t, "seen")
		rank := rapid.IntRange(0, MaxValidators).Draw(t, "rank")
		at := BuildAt(parent, 0, seen, rank)
		if at < EarliestMs(parent, rank) {
			t.Fatalf("BuildAt = %d, before the window at %d", at, EarliestMs(parent, rank))
		}
		if next := BuildAt(parent, 0, seen, rank+1); next-at != params.WindowMs {
			t.Fatalf("rank %d builds %d ms after rank %d, want one window", rank+1, next-at, rank)
		}
		if seen == NoWork && at < HeartbeatAt(parent) {
			t.Fatalf("an empty block at %d, before the heartbeat", at)
		}
	})
}
