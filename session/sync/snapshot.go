package sync

import (
	"context"
	"iter"
)

// IDSize is the length of a vertex id and of a space's name in bytes.
const IDSize = 32

// ID is the SHA3-256 that names a vertex, or the name of a space.
type ID [IDSize]byte

// Head is a vertex without children in a snapshot.
type Head struct {
	ID      ID
	Lamport uint64 // 1 + the greatest of its parents'
}

// Snapshot is one state of one space. It doesn't change while a session uses
// it, whatever is written to the store meanwhile, and is used from one goroutine
// at a time.
//
// The prune line is a lamport number: vertices below it may be gone. Above it a
// snapshot has every ancestor of every vertex that it has. A set without causal
// order, such as a mailbox, has no heads and lamport 0 everywhere.
type Snapshot interface {
	// Line is the prune line.
	Line() uint64
	// Count is the number of vertices at or above Line.
	Count() uint64
	// Heads returns the frontier, without order.
	Heads() []Head
	// Has reports whether id is in the snapshot.
	Has(id ID) (bool, error)
	// IDs yields, ascending, the ids from from on whose lamport number is line
	// or more. line is Line() or more. A non-nil error ends the sequence.
	IDs(line uint64, from ID) iter.Seq2[ID, error]
	// Since yields, parents first, the vertices with lamport number line or more
	// that are neither one of known nor an ancestor of one. All of known are in the
	// snapshot. What it yields beyond the snapshot is left out.
	Since(known []ID, line uint64) iter.Seq2[ID, error]
	// Lamport returns the lamport number of a vertex of the snapshot.
	Lamport(id ID) (uint64, error)
	// Vertex returns the encoding of a vertex of the snapshot.
	Vertex(id ID) ([]byte, error)
}

// Outcome is what became of a vertex that was given to a [Sink].
type Outcome uint8

// Outcomes.
const (
	// Accepted means verified and durably stored, now or before.
	Accepted Outcome = iota + 1
	// Waiting means that a parent is missing.
	Waiting
	// Deferred means that the vertex may be good, but a rate or a quota of this
	// node keeps it out for now.
	Deferred
	// Refused means that no honest peer has these bytes: a wrong signature or a
	// broken rule of the space.
	Refused
)

// Sink takes vertices in.
type Sink interface {
	// ID returns the id of an encoded vertex of the space. It fails when the
	// bytes are no vertex of it; nothing that costs more than decoding and
	// hashing is checked.
	ID(vertex []byte) (ID, error)
	// Add verifies vertices, parents first, and stores the good ones durably,
	// and says what became of each, in their order. An error is a failure of this
	// node, not of a vertex. The slices are the sink's to keep.
	Add(ctx context.Context, vertices [][]byte) ([]Outcome, error)
}
