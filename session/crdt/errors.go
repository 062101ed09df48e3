package crdt

import "errors"

var (
	// ErrInvalid reports a delta or a state that breaks a rule of spec/crdt.md.
	// It says the same on every replica, and nothing has changed.
	ErrInvalid = errors.New("crdt: invalid")
	// ErrMissing reports a delta that names a vertex which has not been applied
	// here. With causal delivery that vertex's delta was refused, so this one is
	// to be refused too; without, apply the other first. Nothing has changed.
	ErrMissing = errors.New("crdt: a vertex is missing")
	// ErrDiverged reports two states that can't both be honest views of one
	// history: they were compacted below vertices on which they differ. Build the
	// document anew from its vertices. Nothing has changed.
	ErrDiverged = errors.New("crdt: compacted copies differ")
	// ErrOpen reports a call that must wait for [Tx.Commit].
	ErrOpen = errors.New("crdt: an edit is open; commit it first")
	// ErrLimit reports a change that would exceed a limit of this package.
	ErrLimit = errors.New("crdt: over a limit")
)
