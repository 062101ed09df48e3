// Package digest is how the session layer hashes and derives: SHA3-256 over
// labelled deterministic CBOR, HKDF-SHA-512 with labels. Every hash and every
// key has a label of its own, so that none can stand in for another.
package digest

import (
	"crypto/hkdf"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"

	"github.com/pars-network/pars/session/wire"
)

// Size is the length of a hash in bytes.
const Size = 32

// Sum is SHA3-256 over the deterministic CBOR array of label and fields. The
// array says where each field ends, so two different inputs never have one
// encoding. Fields are unsigned integers, byte strings, byte arrays or text;
// anything that CBOR of [wire] can't hold panics.
func Sum(label string, fields ...any) [Size]byte {
	data, err := wire.Marshal(append([]any{label}, fields...))
	if err != nil {
		panic(fmt.Sprintf("digest: %q over a field that has no encoding: %v", label, err))
	}
	return sha3.Sum256(data)
}

// Derive is HKDF-SHA-512 (RFC 5869): n bytes from secret, at most 255 * 64; a
// greater n panics.
func Derive(secret, salt []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha512.New, secret, salt, info, n)
	if err != nil {
		panic(fmt.Sprintf("digest: deriving %d bytes for %q: %v", n, info, err))
	}
	return out
}
