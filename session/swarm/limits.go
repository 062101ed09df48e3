package swarm

import (
	"time"

	"github.com/pars-network/pars/session/envelope"
)

// What the network agrees on.
const (
	// Replicas is how many nodes a key belongs to.
	Replicas = 7
	// MaxRequest is the longest request or response in bytes: an envelope of the
	// greatest size and 4 KiB around it.
	MaxRequest = envelope.MaxSize + 4<<10
	// MaxContent is the longest content of an item in bytes.
	MaxContent = envelope.MaxSize
	// MaxWait is how long a poll waits for news at most.
	MaxWait = 25 * time.Second
	// MaxRivals is how many values a slot of a bundle has at most.
	MaxRivals = 8
	// MaxDelete is how many items one request deletes at most.
	MaxDelete = 256
	// MinWork and MaxWork bound how many bits of work a stamp must have.
	MinWork = 8
	MaxWork = 22
	// MaxItemTTL is the longest that any item is kept: a bundle is published for
	// this and the next three weeks, and readers look one week back.
	MaxItemTTL = 36 * 24 * time.Hour
)

// Quorum returns at how many of n replicas a write counts as stored: more than
// half, 4 of 7.
func Quorum(n int) int { return n/2 + 1 }
