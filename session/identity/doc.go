// Package identity is who somebody is on the session layer: accounts made from
// a phrase of 24 words, the Session IDs that commit to their public keys, safety
// words to compare two of them, the bundles in which an account publishes its
// keys, and the forms in which a bundle travels: contact card, QR frames and
// the sealed slot of the network.
//
// Everything here is a function of its arguments: time and randomness are
// handed in, and nothing touches disk or network. The normative text is
// spec/identity.md; spec/vectors/identity.json and bundle.json hold its vectors.
package identity

// Suite is the number of the only cipher suite: X25519 + ML-KEM-1024 and
// Ed25519 + ML-DSA-87, SHA3-256, HKDF-SHA-512, XChaCha20-Poly1305.
const Suite = 1
