// Package ratchet keeps a conversation of two devices secret after its set-up:
// a Double Ratchet with encrypted headers, whose Diffie-Hellman steps are joined
// by ML-KEM-1024 steps now and then.
//
// [Start] begins from what a finished set-up leaves. [State.Encrypt] makes an
// envelope and [State.Decrypt] opens one; both leave the state as it is and
// return the next one. The caller puts the next state on its disk in one
// transaction with what it did: the envelope that goes out, or the message that
// came in. So nothing is lost or used twice when the process dies anywhere.
// What was replaced must be unreadable from then on: the store deletes it by
// destroying its key.
//
// A state knows no clock, no randomness and no disk; all are handed in.
//
// The normative text is spec/ratchet.md, its vectors spec/vectors/ratchet.json,
// and what it gives and does not give is docs/security/ratchet.md.
package ratchet

import (
	"errors"
	"time"
)

// Limits and times of spec/ratchet.md.
const (
	// KEMMessages is after how many messages, sent and received, a KEM step joins
	// the next change of direction.
	KEMMessages = 20
	// KEMInterval is the time after which it does so too.
	KEMInterval = time.Hour
	// MaxSkipped is how many keys of messages that did not come are kept for one
	// chain; of more, the oldest are dropped.
	MaxSkipped = 1000
	// MaxSkippedTotal bounds them over all chains, MaxSkippedChains the chains.
	MaxSkippedTotal  = 2000
	MaxSkippedChains = 128
	// MaxJump bounds how far a message may be ahead of the last one of its chain.
	MaxJump = 10_000
	// SkippedTTL is how long the key of a message that did not come is kept.
	SkippedTTL = 30 * 24 * time.Hour
)

var (
	// ErrRefused reports an envelope that is not of this conversation, or altered.
	ErrRefused = errors.New("ratchet: envelope refused")
	// ErrOutOfStep reports an envelope that a holder of this conversation's keys
	// made, and whose key is gone here or not known yet. If the same bytes were
	// opened before, it is a duplicate. If not, one of the two sides went back to
	// an older state, or the envelope is older than what is kept for late ones:
	// the conversation needs a new set-up.
	ErrOutOfStep = errors.New("ratchet: the two sides are out of step; set up again")
	// ErrState reports stored bytes that are no state of this package: corrupt, or
	// of another version.
	ErrState = errors.New("ratchet: not a stored state")
	// ErrExhausted reports a chain of 2^31 messages without an answer.
	ErrExhausted = errors.New("ratchet: too many messages without an answer; set up again")
)
