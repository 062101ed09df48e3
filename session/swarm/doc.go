// Package swarm keeps sealed envelopes and sealed bundles at service nodes until
// those they are for fetch them: the storing side ([Store], [Server]), the
// repair between those who store ([Repairer]), and the client ([Client]).
//
// A key, which is a mailbox or the slot of a bundle, belongs to the [Replicas]
// service nodes that stand nearest to it in an epoch ([Map]). A write counts as
// stored once [Quorum] of them have it on disk. No node is believed alone: a
// reader asks several, checks what it gets and drops what it had before.
//
// A service node sees a mailbox, sizes from a list of four, and the hour after
// which it may forget an envelope; the owner of a mailbox proves it with a key
// that was made for that mailbox. It sees no Session ID, no plaintext and nothing of who
// wrote. docs/security/swarm.md has the table, and a test for each of its rows.
//
// The normative text is spec/swarm.md, its vectors are spec/vectors/swarm.json.
package swarm
