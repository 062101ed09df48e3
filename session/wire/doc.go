// Package wire is the encoding of everything that the session layer sends,
// stores under a hash or signs: deterministic CBOR (RFC 8949, section 4.2.1)
// cut down to what has exactly one meaning.
//
// One value has one encoding, and only that encoding is accepted. So a hash or
// a signature over the bytes is one over the value, and nobody can make a
// second message with the same meaning and another hash. [Check] refuses, before
// anything is decoded or allocated: lengths and integers that are not in their
// shortest form, integers below -2^63, indefinite lengths, tags, floating point, simple values but
// false, true and null, text that is not UTF-8, map keys that are out of order,
// double or no integer or string, and nesting or counts above the limits below.
// [Unmarshal] adds what only the Go type knows: no unknown fields, and encoding
// the decoded value again must give the same bytes.
//
// Structs say how they are encoded with the tags of fxamacker/cbor: either
// `cbor:",toarray"` for a fixed sequence, or integer keys with
// `cbor:"1,keyasint,omitempty"`, where omitempty makes a field optional and an
// absent field mean its zero value. nil slices are encoded as empty ones, and
// byte arrays like byte slices.
//
// On a stream, every message is a frame: its length in bytes as 4 bytes
// big-endian, then the message. The normative text is spec/wire.md.
package wire
