package nodes

import (
	"time"

	"github.com/pars-network/pars/session/digest"
)

// EpochLength is how long a placement lasts: 30 days, the longest that anything
// is stored for.
const EpochLength = 30 * 24 * time.Hour

// Epoch is what decides where nodes stand for [EpochLength].
type Epoch struct {
	// Number counts whole epochs since 1970-01-01 00:00 UTC.
	Number uint64
	// Randomness is the same for everyone; nobody knew it when the nodes of the
	// epoch made their keys.
	Randomness [32]byte
}

// EpochOf returns the number of the epoch that t is in.
func EpochOf(t time.Time) uint64 {
	return uint64(max(0, t.Unix())) / uint64(EpochLength/time.Second)
}

// Start returns when the epoch begins.
func (e Epoch) Start() time.Time {
	return time.Unix(int64(e.Number)*int64(EpochLength/time.Second), 0).UTC()
}

// Position is where a node stands in an epoch: a point in the space of keys,
// which distance by XOR orders.
type Position [32]byte

// Position returns where the node called id stands. It depends on randomness
// that was not known when the node's key was made, so keys can't be tried until
// one stands beside a certain mailbox.
func (e Epoch) Position(id ID) Position {
	return digest.Sum("pars node position v1", e.Number, e.Randomness[:], id[:])
}
