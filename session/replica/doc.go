// Package replica binds a space of the vertex store (package dag) to what moves
// vertices between nodes: it is the space that gossip spreads and the set that
// sync reconciles. Neither of them knows the store, nor it them.
package replica
