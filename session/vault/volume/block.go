package volume

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// BlockSize is what is read and written at once, in bytes.
	BlockSize = 4096
	// KeySize is the length of a volume's key in bytes.
	KeySize = chacha20poly1305.KeySize

	nonceSize = chacha20poly1305.NonceSizeX
	// plainSize is what a block's box holds: the length of the payload in 2
	// bytes, big-endian, the payload, and zeros.
	plainSize = BlockSize - nonceSize - chacha20poly1305.Overhead
	// payloadSize is the most that a block carries.
	payloadSize = plainSize - 2
)

// errBlock reports a block that the key, the use or the place does not open.
var errBlock = errors.New("volume: a block can't be opened")

// use is what a block is for. Its values are part of the format.
type use byte

const (
	useSuper use = 'S' // id 0, index 0
	useLog   use = 'L' // id of the log, index in the log
	useData  use = 'D' // id of the file, index in the file
	useTail  use = 'T' // the same, a block that is not full
)

// label is what a block is bound to.
func label(u use, id, index uint64) (l [17]byte) {
	l[0] = byte(u)
	binary.BigEndian.PutUint64(l[1:], id)
	binary.BigEndian.PutUint64(l[9:], index)
	return l
}

// sealer encrypts and decrypts blocks. It is safe for concurrent use.
type sealer struct {
	aead cipher.AEAD
	mu   sync.Mutex // guards rand
	rand io.Reader
}

func newSealer(key [KeySize]byte, rand io.Reader) (*sealer, error) {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, rand: rand}, nil
}

// seal encrypts payload into block, which has BlockSize bytes.
func (s *sealer) seal(block []byte, u use, id, index uint64, payload []byte) error {
	if len(payload) > payloadSize {
		return fmt.Errorf("volume: %d bytes for a block, at most %d", len(payload), payloadSize)
	}
	s.mu.Lock()
	_, err := io.ReadFull(s.rand, block[:nonceSize])
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("volume: reading randomness: %w", err)
	}
	plain := block[nonceSize : nonceSize+plainSize]
	binary.BigEndian.PutUint16(plain, uint16(len(payload)))
	clear(plain[2+copy(plain[2:], payload):])
	l := label(u, id, index)
	s.aead.Seal(plain[:0], block[:nonceSize], plain, l[:])
	return nil
}

// open decrypts block in place and returns the payload, which lies in it.
func (s *sealer) open(block []byte, u use, id, index uint64) ([]byte, error) {
	l := label(u, id, index)
	plain, err := s.aead.Open(block[nonceSize:nonceSize], block[:nonceSize], block[nonceSize:], l[:])
	if err != nil {
		return nil, errBlock
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > payloadSize {
		return nil, errBlock
	}
	return plain[2 : 2+n], nil
}
