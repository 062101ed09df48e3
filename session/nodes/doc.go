// Package nodes is what the network knows about its service nodes: the signed
// record in which a node says how to reach it, which key seals a layer of an
// onion for it and what it does for others; the directory of such records; and
// the protocol /pars/nodes/1, by which two nodes make their directories equal.
//
// A record is signed with the key of the node's links, so the peer id to expect
// follows from it, and nobody can speak for another node. A record is valid for
// at most [MaxLifetime] and is renewed long before; a node that vanished leaves
// every directory when its record expires. Who may be a service node at all is
// for a [Registry] to say.
//
// Nothing here says anything about people. Records and placement are functions
// of their arguments; time is handed in. The normative text is spec/nodes.md,
// spec/vectors/nodes.json holds its vectors.
package nodes
