// Package gossipbench holds session/gossip against gossipsub
// (go-libp2p-pubsub): the same hosts, links, neighbours and messages, from one
// seed, in one run. It has no code of its own, only tests, so that the programs
// don't carry gossipsub. `make test` runs a short one; the table of
// spec/gossip.md is of the full size:
//
//	PARS_TEST_FULL=1 go test ./internal/gossipbench -run TestAgainstGossipsub -v
package gossipbench
