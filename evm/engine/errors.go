package engine

import "errors"

// Transient results: the same header may be valid a moment later. Everything
// else this package returns about a header is final.
var (
	// ErrTooEarly reports a header whose time is more than
	// params.ClockToleranceMs ahead of the node's clock.
	ErrTooEarly = errors.New("header is too early: its time is ahead of this node's clock, try again later")
	// ErrPChainAhead reports a header that refers to a P-Chain height this node
	// has not reached.
	ErrPChainAhead = errors.New("header refers to a P-Chain height above this node's, try again later")
)

// Reasons for which a header is invalid for ever. Errors of this package wrap
// one of them and add what was got and what was wanted.
var (
	// ErrExtra reports an Extra field that is not the 229 bytes of version 1,
	// or that holds a reserved form.
	ErrExtra = errors.New("invalid extra data")
	// ErrNumber reports a number that is not the parent's plus one.
	ErrNumber = errors.New("invalid block number")
	// ErrParent reports a parent hash that is not the given parent's.
	ErrParent = errors.New("header does not extend this parent")
	// ErrTime reports a Time field that is not the milliseconds' whole seconds,
	// or a block less than params.BlockSpacingMs after its parent.
	ErrTime = errors.New("invalid block time")
	// ErrEmptyBlock reports a block without transactions before its parent is
	// params.HeartbeatMs old.
	ErrEmptyBlock = errors.New("empty block before the heartbeat")
	// ErrGasLimit reports a gas limit that differs from genesis, or more gas
	// used than the limit.
	ErrGasLimit = errors.New("invalid gas limit or gas used")
	// ErrBaseFee reports a base fee that is not [BaseFee] of the parent.
	ErrBaseFee = errors.New("invalid base fee")
	// ErrMix reports a MixDigest that is not [NextMix] of the parent's.
	ErrMix = errors.New("mix digest does not follow from parent and reveal")
	// ErrPChainHeight reports a P-Chain height below the parent's.
	ErrPChainHeight = errors.New("invalid P-Chain height")
	// ErrUnused reports a header field of proof of work, withdrawals, blobs or
	// the beacon chain that is not at its one permitted value.
	ErrUnused = errors.New("unused header field is not at its fixed value")
	// ErrProposer reports a proposer that was no validator with a BLS key at
	// the parent's P-Chain height.
	ErrProposer = errors.New("proposer is not a validator")
	// ErrOutOfTurn reports a block before its proposer's window opens.
	ErrOutOfTurn = errors.New("proposer's window is not open yet")
	// ErrSignature reports a reveal or a seal that does not verify under the
	// proposer's key. It never says which of the two.
	ErrSignature = errors.New("reveal or seal does not verify")
)

// IsTransient reports whether err says "try again later" rather than "invalid".
func IsTransient(err error) bool {
	return errors.Is(err, ErrTooEarly) || errors.Is(err, ErrPChainAhead)
}
