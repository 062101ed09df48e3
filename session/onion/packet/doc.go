// Package packet is the format of the onion: what a request looks like on its
// way through three nodes, and its answer on the way back. It is pure: keys,
// randomness and bytes come in, bytes go out.
//
// A request is cut into one to [MaxParts] packets of [Size] bytes ([Build]),
// each with an X25519 share and an ML-KEM-1024 ciphertext for every hop. A node
// takes its layer off ([Open]) and holds another packet of the same size for
// the next node, or, at the third node, a part of the request ([Join]). Every
// byte of a packet is authenticated at every hop: what was changed anywhere is
// refused by the next honest node, so nobody can mark a packet and recognise it
// further on.
//
// The answer comes back as one to [MaxParts] cells of [CellSize] bytes, under
// keys that the first packet of the request gave to each hop ([HopKeys],
// [Keys.OpenCell]). A hop that must report a failure makes such a cell itself, so that a
// failure looks like an answer to everybody but the client.
//
// The normative text is spec/onion.md, its vectors are spec/vectors/onion.json.
package packet
