// Package engine decides which headers are valid: the rules of Snow++, which is
// Snowman consensus from AvalancheGo with signed soft-proposer windows. The
// normative text is spec/chain.md; its vectors are in spec/vectors.
//
// The package is pure. Clock, validator set, P-Chain height and signing key are
// arguments, so every node computes the same answer from the same bytes. Three
// groups of checks are kept apart because they may fail for different reasons:
//
//   - [Engine.CheckHeader] compares a header with its parent and nothing else.
//     What it refuses is invalid for ever, for everyone.
//   - [VerifyAuthorship] also needs the validator set at the parent's P-Chain
//     height. What it refuses is invalid for ever as well.
//   - [CheckClock] and [CheckPChainHeight] compare with what this node knows now.
//     Their errors, [ErrTooEarly] and [ErrPChainAhead], mean "try again later".
//
// [Engine] implements libevm's consensus.Engine over the first group, so that
// block insertion runs the deterministic rules even if a caller forgets them.
package engine
