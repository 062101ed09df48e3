// Package node assembles parsd: the consensus engine, the EVM chain with its
// RPC, and a session node, in one process over one data folder. It is the only
// package that sees all of them.
package node
