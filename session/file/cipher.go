package file

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"crypto/sha3"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/pars-network/pars/session/digest"
)

// ErrKey reports a key that does not open the file: the message was for another one.
var ErrKey = errors.New("file: the key does not open this file")

// Key decrypts one file. It prints as nothing.
type Key [32]byte

// String hides the key.
func (Key) String() string { return "file.Key(hidden)" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// chunkCipher encrypts the chunks of one file.
type chunkCipher struct {
	aead   cipher.AEAD
	nonces []byte
	padded uint64
}

func newCipher(k Key, padded uint64) (*chunkCipher, error) {
	out := digest.Derive(k[:], nil, "pars file v1", 64)
	defer clear(out[:32])
	aead, err := chacha20poly1305.NewX(out[:32])
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return &chunkCipher{aead: aead, nonces: out[32:], padded: padded}, nil
}

// bind is what each chunk authenticates besides its content.
func (c *chunkCipher) bind(index uint64) []byte {
	b := append([]byte("pars file chunk v1"), make([]byte, 16)...)
	binary.BigEndian.PutUint64(b[len(b)-16:], index)
	binary.BigEndian.PutUint64(b[len(b)-8:], c.padded)
	return b
}

// seal encrypts a chunk. The nonce depends on the content: if a file that was read once
// has changed when it is read again, no nonce serves for two contents.
func (c *chunkCipher) seal(index uint64, plain []byte) []byte {
	h := sha3.New256()
	_, _ = h.Write([]byte("pars file nonce v1"))
	_, _ = h.Write(c.nonces)
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, index))
	_, _ = h.Write(plain)
	nonce := h.Sum(nil)[:chacha20poly1305.NonceSizeX]
	return c.aead.Seal(append(make([]byte, 0, len(plain)+Overhead), nonce...), nonce, plain, c.bind(index))
}

func (c *chunkCipher) open(index uint64, chunk []byte) ([]byte, error) {
	if len(chunk) < Overhead {
		return nil, ErrKey
	}
	nonce, box := chunk[:chacha20poly1305.NonceSizeX], chunk[chacha20poly1305.NonceSizeX:]
	plain, err := c.aead.Open(nil, nonce, box, c.bind(index))
	if err != nil {
		return nil, ErrKey
	}
	return plain, nil
}
