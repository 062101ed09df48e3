// Package sync makes two peers' sets of vertices of one space equal, over any
// byte stream: it finds out what each lacks with few bytes, moves exactly that
// in both directions in causal order, and ends with a digest over both sets, so
// that nothing is ever missed silently. The normative text is spec/sync.md.
//
// Each side works on a [Snapshot]. Frontiers come first: they settle equal sets
// and those of which one contains the other. Scattered differences are found
// with a rateless IBLT (Yang, Gilad, Alizadeh: "Practical Rateless Set
// Reconciliation", SIGCOMM 2024) over short tags of ids, large ones with
// fingerprints of ranges (Meyer: "Range-Based Set Reconciliation", SRDS 2023).
// Tags and fingerprints are keyed by random numbers of both sides, because who
// writes a space can choose ids, and sums without a key can be forged.
//
// A session is used up when it ends; whatever was stored before a cut stays,
// and the next session moves the rest. Errors that match [ErrPeer] are the
// other side's fault: drop it. [Export] and [Import] do without an answer, for
// files that people carry.
package sync
