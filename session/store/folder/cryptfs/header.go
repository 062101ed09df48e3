package cryptfs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	headerSize = 64
	saltSize   = 32
	checkSize  = 16
	version    = 1
	info       = "pars cryptfs v1"
)

var magic = []byte("PARSFILE")

// stream XORs content with its key stream.
type stream struct{ block cipher.Block }

// xor works in place on bytes that lie at offset of the content.
func (s stream) xor(b []byte, offset int64) {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(offset)/aes.BlockSize)
	ctr := cipher.NewCTR(s.block, counter[:])
	if skip := offset % aes.BlockSize; skip > 0 {
		var unused [aes.BlockSize]byte
		ctr.XORKeyStream(unused[:skip], unused[:skip])
	}
	ctr.XORKeyStream(b, b)
}

// derive makes the key stream of a salt and its check.
func derive(key [KeySize]byte, salt []byte) (stream, []byte, error) {
	material, err := hkdf.Key(sha512.New, key[:], salt, info, 32+checkSize)
	if err != nil {
		return stream{}, nil, err
	}
	block, err := aes.NewCipher(material[:32])
	return stream{block}, material[32:], err
}

func newHeader(key [KeySize]byte, random io.Reader) (h [headerSize]byte, s stream, err error) {
	copy(h[:], magic)
	h[8] = version
	salt := h[16 : 16+saltSize]
	if _, err := io.ReadFull(random, salt); err != nil {
		return h, s, fmt.Errorf("reading randomness: %w", err)
	}
	s, check, err := derive(key, salt)
	copy(h[16+saltSize:], check)
	return h, s, err
}

func parseHeader(h [headerSize]byte, key [KeySize]byte) (stream, error) {
	var zero [7]byte
	if !bytes.Equal(h[:8], magic) || !bytes.Equal(h[9:16], zero[:]) {
		return stream{}, ErrFormat
	}
	if h[8] != version {
		return stream{}, fmt.Errorf("%w: version %d, want %d", ErrFormat, h[8], version)
	}
	s, check, err := derive(key, h[16:16+saltSize])
	if err != nil {
		return stream{}, err
	}
	if subtle.ConstantTimeCompare(check, h[16+saltSize:]) != 1 {
		return stream{}, ErrKey
	}
	return s, nil
}
