package engine

import (
	"fmt"
	"math"

	"github.com/ava-labs/libevm/core/types"

	"github.com/pars-network/pars/params"
)

// NoWork stands for "no work has been seen" in [BuildAt].
const NoWork uint64 = math.MaxUint64

// CheckClock returns [ErrTooEarly] if h is more than params.ClockToleranceMs
// ahead of nowMs, the node's clock in milliseconds since 1970. Call it first and
// in normal operation only: an error while bootstrapping stops the chain.
func CheckClock(h *types.Header, nowMs uint64) error {
	if ms := TimeMs(h); ms > nowMs && ms-nowMs > params.ClockToleranceMs {
		return fmt.Errorf("%w: got %d ms, want at most %d ms past this node's %d ms", ErrTooEarly, ms, params.ClockToleranceMs, nowMs)
	}
	return nil
}

// CheckPChainHeight returns [ErrPChainAhead] if h refers to a P-Chain height
// above current, the height this node has accepted.
func CheckPChainHeight(h *types.Header, current uint64) error {
	height, err := PChainHeight(h)
	if err != nil {
		return err
	}
	if height > current {
		return fmt.Errorf("%w: got height %d, this node is at %d", ErrPChainAhead, height, current)
	}
	return nil
}

// EarliestMs returns the first millisecond at which the proposer of the given
// rank (0 is first) may stamp a child of a block of parentMs.
func EarliestMs(parentMs uint64, rank int) uint64 {
	return parentMs + params.BlockSpacingMs + uint64(rank)*params.WindowMs
}

// HeartbeatAt returns the first millisecond at which an empty child of a block
// of parentMs is valid.
func HeartbeatAt(parentMs uint64) uint64 { return parentMs + params.HeartbeatMs }

// BuildAt returns when, in milliseconds since 1970 and never before nowMs, a
// builder of the given rank should build on a block of parentMs.
//
// seenMs is when it first saw work for this block, something includable, or
// [NoWork]. Rank r waits r windows from the moment when both the spacing has
// passed and there is work; otherwise one transaction after a pause, when the
// windows of all ranks are open, would wake every validator at once. A heartbeat
// is work first seen at [HeartbeatAt]. The rule is a builder's courtesy: headers
// are judged by [EarliestMs], which is never later than BuildAt.
func BuildAt(parentMs, nowMs, seenMs uint64, rank int) uint64 {
	start := max(EarliestMs(parentMs, 0), min(seenMs, HeartbeatAt(parentMs)))
	return max(nowMs, start+uint64(rank)*params.WindowMs)
}
