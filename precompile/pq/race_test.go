//go:build race

package pq_test

// raced says that the race detector slows this run tenfold.
const raced = true
