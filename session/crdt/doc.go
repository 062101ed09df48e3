// Package crdt is the replicated data of a space: seven types whose copies are
// changed anywhere, offline, and merge on any path and in any order to one and
// the same value. The normative text is spec/crdt.md.
//
// A [Document] is a set of named fields of the types [GCounter], [PNCounter],
// [GSet], [ORSet], [LWWRegister], [MVRegister], [Text] and [List]; the last two
// are one type, the replicated growable array, over characters and over
// values. A [Space] holds documents by their [DocumentID].
//
// Changes are made in a [Tx], which becomes a delta: the bytes that the payload
// of one vertex carries. The vertex's id names every dot in it, as (vertex id,
// index), so two vertices of one author with one sequence number, a fork, can't
// collide: both take effect everywhere. A document's causal context is the set
// of vertices that changed it, with everything up to one lamport number, its
// [Base], standing for itself. Two copies merge as states ([Document.Merge]) or
// vertex by vertex ([Document.Apply]); what they become is the same.
//
// The package is deterministic: no clock, randomness, disk or network, and no
// result that depends on the order of a Go map. Nothing in it is safe for use
// by several goroutines at once.
package crdt
