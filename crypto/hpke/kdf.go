package hpke

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// KDF identifies a key derivation function (RFC 9180, section 7.2, and
// draft-ietf-hpke-pq).
type KDF uint16

// The functions.
const (
	HKDFSHA256 KDF = 1
	HKDFSHA384 KDF = 2
	HKDFSHA512 KDF = 3
	SHAKE128   KDF = 0x10
	SHAKE256   KDF = 0x11
)

func (k KDF) known() bool { return (k >= HKDFSHA256 && k <= HKDFSHA512) || k.oneStage() }

// oneStage reports whether the function derives without extracting first.
func (k KDF) oneStage() bool { return k == SHAKE128 || k == SHAKE256 }

// size is Nh, in bytes.
func (k KDF) size() int {
	switch k {
	case HKDFSHA256, SHAKE128:
		return 32
	case HKDFSHA384:
		return 48
	}
	return 64
}

func (k KDF) hash() func() hash.Hash {
	switch k {
	case HKDFSHA384:
		return sha512.New384
	case HKDFSHA512:
		return sha512.New
	}
	return sha256.New
}

// labels derives under a suite's name.
type labels struct {
	kdf   KDF
	suite []byte
}

const version = "HPKE-v1"

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// extract is LabeledExtract (RFC 9180, section 4).
func (l labels) extract(salt []byte, label string, ikm []byte) []byte {
	out, err := hkdf.Extract(l.kdf.hash(), join([]byte(version), l.suite, []byte(label), ikm), salt)
	if err != nil {
		panic("hpke: " + err.Error()) // only in FIPS mode, for keys below 112 bits
	}
	return out
}

// expand is LabeledExpand. length is at most 255 hashes.
func (l labels) expand(prk []byte, label string, info []byte, length int) []byte {
	labeled := join(binary.BigEndian.AppendUint16(nil, uint16(length)), []byte(version), l.suite, []byte(label), info)
	out, err := hkdf.Expand(l.kdf.hash(), prk, string(labeled), length)
	if err != nil {
		panic("hpke: " + err.Error())
	}
	return out
}

// derive is LabeledDerive of the one-stage functions.
func (l labels) derive(ikm []byte, label string, context []byte, length int) []byte {
	h := sha3.NewSHAKE128()
	if l.kdf == SHAKE256 {
		h = sha3.NewSHAKE256()
	}
	_, _ = h.Write(join(ikm, []byte(version), l.suite, lengthPrefixed([]byte(label)), binary.BigEndian.AppendUint16(nil, uint16(length)), context))
	out := make([]byte, length)
	_, _ = h.Read(out) // a SHAKE never fails
	return out
}
