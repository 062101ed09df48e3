// Package onion carries requests to service nodes, and their answers back, so
// that nobody on the way knows both who asks and whom.
//
// A request passes three nodes. The first, the guard, sees the client's address
// and passes on a packet that it can't read. The second sees two nodes. The
// third is the one that was asked: it reads the request, and knows of its sender
// only the second node. Every request takes a path and keys of its own, so that
// no node but the guard can tell that two requests come from one client; the
// guard stays the same for a month ([Guards]). docs/adr/0010-onion.md says why.
//
// A service node runs a [Relay] with a [Keyring] whose keys live in memory only. Whoever
// asks uses a [Client]: its Call is what packages that talk to service nodes
// want of their caller. All bounds of a relay are in [Limits]. The format is
// package packet, the normative text spec/onion.md, and docs/security/onion.md
// says what this gives and what it does not.
package onion
