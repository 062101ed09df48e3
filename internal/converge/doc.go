// Package converge runs the session layer's public spaces (dag, crdt, sync and
// gossip together, as public.Spaces puts them) on simulated networks: random
// histories of many nodes that are cut off from each other for hours, lose
// power, or are hostile, and must in the end all have the same. It has no code
// of its own, only tests:
//
//	go test ./internal/converge                     a few small histories
//	PARS_TEST_FULL=1 go test -timeout 2h ./internal/converge    200 of them, 50 nodes, 2,000 vertices
//	PARS_SEED=7 go test ./internal/converge -run '/7$'          one again
//
// The driver's choices, the links and their faults repeat from the seed. The
// nonces of sync and the goroutines of one node don't, so two runs of a seed
// may differ in the order of arrivals; what must hold, holds in any order.
package converge
