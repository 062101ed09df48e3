// Package gossipbench holds session/gossip against gossipsub
// (go-libp2p-pubsub): the same hosts, links, neighbours and messages, from one
// seed, in one run. It has no code of its own, only tests, so that the programs
// don't carry gossipsub. `make` targets don't print its table; run
//
//	go test ./internal/gossipbench -run TestAgainstGossipsub -v
package gossipbench
