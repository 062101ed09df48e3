//go:build !race

package pq_test

const raced = false
