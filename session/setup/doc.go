// Package setup starts a conversation between two devices that share nothing:
// the two-stage hybrid set-up, and the answer that confirms it.
//
// [Initiate] makes the first envelope from the recipient's bundle; the recipient
// may be offline. [Accept] opens it and gives the sender's verified bundle and
// the first message. [Accepted.Answer] makes the envelope that goes back, and
// [Pending.Open] opens it, after which both sides hold one [Root] for the
// ratchet. Until a side has proof that the other holds the device key it named,
// against a quantum attacker too, [Established.Confirmed] is false and the
// conversation must be shown as "not yet confirmed".
//
// No signature covers anything of a conversation: either side could have made
// the whole exchange alone. Whatever is wrong with an envelope, the error is
// [ErrRefused] and says no more.
//
// The normative text is spec/setup.md, its vectors spec/vectors/setup.json.
package setup

import "errors"

// ErrRefused reports an envelope that is not for the one who opens it, altered,
// replayed, made with keys that are erased, or from a sender whose bundle does
// not hold. Which of these it is is never told.
var ErrRefused = errors.New("setup: envelope refused")
