//go:build race

package sync

// raced says that the race detector, which allocates too, is on.
const raced = true
