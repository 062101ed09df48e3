// Package space keeps the public spaces that a node takes part in: rooms that
// everybody who has their link can read and write. It makes and joins them, writes posts,
// reads what came, and lets gossip, reconciliation and files bring it.
//
// Everybody in a space signs with a key that was made for this device and this
// space: it says who wrote which posts, and leads to no account. What is written in
// a public space is public, and stays with everybody who has it.
//
// The normative text of links and posts is spec/space.md.
package space
