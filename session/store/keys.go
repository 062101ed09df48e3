package store

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

const keySize = 32

// secretSize is the length of the encoded keys: schema (2 bytes), root key, the
// generation of the erasure tree (8), 1 if its root is a node on disk (1), and the
// root's seed.
const secretSize = 2 + keySize + 8 + 1 + keySize

// keys is what the slot protects. From root come the keys of names and of
// ordinary values; tree is the root of the keys of erasable ones.
type keys struct {
	root       [keySize]byte
	generation uint64
	tree       seed

	names, values []byte
}

func newKeys(rand io.Reader) (keys, error) {
	k := keys{generation: 1}
	for _, b := range [][]byte{k.root[:], k.tree.key[:]} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return keys{}, fmt.Errorf("store: reading randomness: %w", err)
		}
	}
	return k, k.derive()
}

func (k *keys) derive() (err error) {
	if k.names, err = hkdf.Key(sha512.New, k.root[:], nil, "pars store names v1", keySize); err != nil {
		return err
	}
	k.values, err = hkdf.Key(sha512.New, k.root[:], nil, "pars store values v1", keySize)
	return err
}

func (k *keys) wipe() {
	clear(k.root[:])
	clear(k.tree.key[:])
	clear(k.names)
	clear(k.values)
}

func (k keys) bytes() []byte {
	b := make([]byte, 0, secretSize)
	b = binary.BigEndian.AppendUint16(b, Schema)
	b = append(b, k.root[:]...)
	b = binary.BigEndian.AppendUint64(b, k.generation)
	b = append(b, 0)
	if k.tree.stored {
		b[len(b)-1] = 1
	}
	return append(b, k.tree.key[:]...)
}

func parseKeys(b []byte) (keys, error) {
	var k keys
	if len(b) != secretSize {
		return k, fmt.Errorf("%w: the keys are %d bytes, want %d", ErrCorrupt, len(b), secretSize)
	}
	if v := binary.BigEndian.Uint16(b); v != Schema {
		return k, fmt.Errorf("%w: schema %d, this program knows %d; use the version that wrote it, or a later one", ErrSchema, v, Schema)
	}
	copy(k.root[:], b[2:])
	k.generation = binary.BigEndian.Uint64(b[2+keySize:])
	if b[10+keySize] > 1 {
		return k, fmt.Errorf("%w: the keys have a flag of %d", ErrCorrupt, b[10+keySize])
	}
	k.tree.stored = b[10+keySize] == 1
	copy(k.tree.key[:], b[11+keySize:])
	return k, k.derive()
}

// diskKeySize is the length of a record's key in the database: its kind, 16
// bytes of hashed name and its number.
const (
	nameHashSize = 16
	diskKeySize  = 1 + nameHashSize + 8
)

// prefix is what all records of one kind and name begin with.
func (k keys) prefix(kind Kind, name []byte) []byte {
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, k.names)
	mac.Write([]byte{byte(kind)})
	mac.Write(name)
	return append([]byte{byte(kind)}, mac.Sum(nil)[:nameHashSize]...)
}

func (k keys) diskKey(kind Kind, name []byte, num uint64) []byte {
	return binary.BigEndian.AppendUint64(k.prefix(kind, name), num)
}

// sealValue encrypts a record's name and value for its place in the database. The
// result is head, the nonce and the box.
func sealValue(rand io.Reader, key, head, diskKey, name, value []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("store: reading randomness: %w", err)
	}
	plain := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(name)+len(value)), uint16(len(name)))
	plain = append(append(plain, name...), value...)
	return aead.Seal(append(head, nonce...), nonce, plain, diskKey), nil
}

// openValue is the inverse of sealValue, without the head.
func openValue(key, diskKey, sealed []byte) (name, value []byte, err error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, nil, ErrCorrupt
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], diskKey)
	if err != nil || len(plain) < 2 {
		return nil, nil, fmt.Errorf("%w: a record can't be opened", ErrCorrupt)
	}
	n := int(binary.BigEndian.Uint16(plain))
	if len(plain)-2 < n {
		return nil, nil, ErrCorrupt
	}
	return plain[2 : 2+n], plain[2+n:], nil
}
