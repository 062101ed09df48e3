package gossip

import (
	"encoding/hex"
	"errors"
)

// ID names a vertex: its 32-byte hash.
type ID [32]byte

// String returns the id in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// SpaceID names a space.
type SpaceID [32]byte

// String returns the id in hex.
func (s SpaceID) String() string { return hex.EncodeToString(s[:]) }

// ErrInvalid is what [Space.Identify] and [Space.Add] wrap when the bytes
// themselves are at fault, whoever sends them: the neighbour that did is
// dropped. [ErrLater] is nobody's fault; any other error is a trouble of this
// node.
var ErrInvalid = errors.New("gossip: invalid vertex")

// ErrLater is what [Space.Add] wraps when it puts a vertex off, for example
// because its author writes too much: reconciliation brings it later.
var ErrLater = errors.New("gossip: vertex put off")

// Space is what gossip needs of the DAG of one public space. Its methods are
// called from many goroutines.
type Space interface {
	// Identify decodes a vertex, without verifying it, and returns its id and
	// something that is the same for all vertices of its author.
	Identify(vertex []byte) (id ID, author [32]byte, err error)
	// Has reports whether the vertex is stored.
	Has(id ID) (bool, error)
	// Add verifies a vertex and stores it, or keeps it until its parents come.
	// Adding what is there is no error and changes nothing.
	Add(vertex []byte) (Added, error)
	// Get returns the bytes of a stored vertex.
	Get(id ID) ([]byte, error)
}

// Added is what came of adding a vertex.
type Added struct {
	// Stored are the vertices that are stored now and were not before: the one
	// that was added, and those that waited for it, parents first. Empty when it
	// was stored already or waits.
	Stored []ID
	// Missing are parents without which the vertex waits.
	Missing []ID
}
