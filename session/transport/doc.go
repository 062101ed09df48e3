// Package transport makes the links of the session network: libp2p over TCP
// with one security protocol, /pars/pq-sigma/1, and no other.
//
// A node is known by a composite key, ML-DSA-87 and Ed25519 ([NodeKey]), and by
// the peer id made from it, a "Qm..." multihash. Two nodes agree on keys with
// SIGMA-I over ephemeral X25519 and ML-KEM-1024 in one and a half round trips:
// both secrets enter every key, both signatures must hold, and nothing is
// negotiated, so an attacker must break both the classical and the
// post-quantum half, and can't talk anyone down to less. A peer that offers
// Noise, TLS, QUIC or a classical identity is refused in both directions.
//
// [NewHost] builds the libp2p host; [New] is the security protocol alone. The
// normative text is spec/link.md, its vectors are spec/vectors/pq-sigma.json,
// and docs/adr/0004-pq-only-links.md says why it is so.
package transport
