package ratchet

import (
	"encoding/binary"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
)

// A message, inside an envelope's ciphertext:
//
//	nonce        24
//	header box   57     ratchet key, numbers, whether a KEM box follows
//	marker box   24     index of the chain and number
//	KEM box      3152   if the header says so: ciphertext, encapsulation key
//	body box     the rest: the padded payload
//
// The associated data of each box are all bytes of the envelope before it.
const (
	headerPlain = kem.XSize + 4 + 4 + 1
	headerSize  = headerPlain + tagSize
	markerPlain = 4 + 4
	markerSize  = markerPlain + tagSize
	kemPlain    = kem.CiphertextSize + kem.PQPublicKeySize
	kemSize     = kemPlain + tagSize

	offNonce  = envelope.HeaderSize
	offHeader = offNonce + nonceSize
	offMarker = offHeader + headerSize
	offRest   = offMarker + markerSize
)

// Overhead is what an envelope of a conversation adds to a payload, in bytes, if
// a KEM step is in it. The size of an envelope is chosen as if it always were.
const Overhead = offRest + kemSize + envelope.PadOverhead + tagSize

// MaxPayload is the longest payload of a message, in bytes.
const MaxPayload = envelope.MaxSize - Overhead

// maxNumber bounds the number of a message in its chain.
const maxNumber = 1 << 31

// header is what the header box seals.
type header struct {
	dh [kem.XSize]byte
	// previous is how many messages the sender's chain before this one had.
	previous uint32
	number   uint32
	kem      bool
}

func (h header) bytes() []byte {
	out := make([]byte, 0, headerSize)
	out = append(out, h.dh[:]...)
	out = binary.BigEndian.AppendUint32(out, h.previous)
	out = binary.BigEndian.AppendUint32(out, h.number)
	if h.kem {
		return append(out, 1)
	}
	return append(out, 0)
}

// parseHeader reads the plaintext of a header box, [headerPlain] bytes.
func parseHeader(b []byte) (h header, ok bool) {
	copy(h.dh[:], b)
	h.previous = binary.BigEndian.Uint32(b[kem.XSize:])
	h.number = binary.BigEndian.Uint32(b[kem.XSize+4:])
	flag := b[headerPlain-1]
	h.kem = flag == 1
	return h, flag <= 1 && h.number < maxNumber && h.previous <= maxNumber
}

// openHeader tries a header key.
func openHeader(raw []byte, k *key) (header, bool) {
	aead, err := newAEAD(k)
	if err != nil {
		return header{}, false
	}
	var buf [headerPlain]byte
	plain, err := aead.Open(buf[:0], raw[offNonce:offHeader], raw[offHeader:offMarker], raw[:offHeader])
	if err != nil {
		return header{}, false
	}
	return parseHeader(plain)
}
