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
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

const keySize = 32

// keyTreeSize is the length of an encoded key tree: schema (2 bytes), root key,
// how many erasure keys there are (1 byte) and room for two of them.
const keyTreeSize = 2 + keySize + 1 + 2*(8+keySize)

// erasureKey encrypts records of erasable kinds while it lives.
type erasureKey struct {
	id  uint64
	key [keySize]byte
}

// keyTree is what the slot protects. From root come the keys of names and of
// ordinary values; erasure has one key, or two while an erasure is under way,
// the later one last.
type keyTree struct {
	root    [keySize]byte
	erasure []erasureKey

	names, values []byte
}

func newKeyTree(rand io.Reader) (keyTree, error) {
	var k keyTree
	if _, err := io.ReadFull(rand, k.root[:]); err != nil {
		return keyTree{}, fmt.Errorf("store: reading randomness: %w", err)
	}
	if err := k.derive(); err != nil {
		return keyTree{}, err
	}
	return k, k.addErasureKey(rand)
}

func (k *keyTree) derive() (err error) {
	if k.names, err = hkdf.Key(sha512.New, k.root[:], nil, "pars store names v1", keySize); err != nil {
		return err
	}
	k.values, err = hkdf.Key(sha512.New, k.root[:], nil, "pars store values v1", keySize)
	return err
}

func (k *keyTree) addErasureKey(rand io.Reader) error {
	next := erasureKey{id: 1}
	if n := len(k.erasure); n > 0 {
		next.id = k.erasure[n-1].id + 1
	}
	if _, err := io.ReadFull(rand, next.key[:]); err != nil {
		return fmt.Errorf("store: reading randomness: %w", err)
	}
	k.erasure = append(slices.Clone(k.erasure), next)
	return nil
}

// dropOldErasureKeys forgets all but the latest.
func (k *keyTree) dropOldErasureKeys() {
	last := k.erasure[len(k.erasure)-1]
	for i := range k.erasure {
		clear(k.erasure[i].key[:])
	}
	k.erasure = []erasureKey{last}
}

func (k *keyTree) wipe() {
	clear(k.root[:])
	clear(k.names)
	clear(k.values)
	for i := range k.erasure {
		clear(k.erasure[i].key[:])
	}
}

func (k keyTree) bytes() []byte {
	b := make([]byte, keyTreeSize)
	binary.BigEndian.PutUint16(b, Schema)
	copy(b[2:], k.root[:])
	b[2+keySize] = byte(len(k.erasure))
	at := b[3+keySize:]
	for _, e := range k.erasure {
		binary.BigEndian.PutUint64(at, e.id)
		copy(at[8:], e.key[:])
		at = at[8+keySize:]
	}
	return b
}

func parseKeyTree(b []byte) (keyTree, error) {
	var k keyTree
	if len(b) != keyTreeSize {
		return k, fmt.Errorf("%w: the key tree is %d bytes, want %d", ErrCorrupt, len(b), keyTreeSize)
	}
	if v := binary.BigEndian.Uint16(b); v != Schema {
		return k, fmt.Errorf("%w: schema %d, this program knows %d; use the version that wrote it, or a later one", ErrSchema, v, Schema)
	}
	copy(k.root[:], b[2:])
	n := int(b[2+keySize])
	if n < 1 || n > 2 {
		return k, fmt.Errorf("%w: %d erasure keys, want 1 or 2", ErrCorrupt, n)
	}
	at := b[3+keySize:]
	for range n {
		e := erasureKey{id: binary.BigEndian.Uint64(at)}
		copy(e.key[:], at[8:])
		k.erasure, at = append(k.erasure, e), at[8+keySize:]
	}
	return k, k.derive()
}

// diskKeySize is the length of a record's key in the database: its kind, 16
// bytes of hashed name and its number.
const (
	nameHashSize = 16
	diskKeySize  = 1 + nameHashSize + 8
)

// prefix is what all records of one kind and name begin with.
func (k keyTree) prefix(kind Kind, name []byte) []byte {
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, k.names)
	mac.Write([]byte{byte(kind)})
	mac.Write(name)
	return append([]byte{byte(kind)}, mac.Sum(nil)[:nameHashSize]...)
}

func (k keyTree) diskKey(kind Kind, name []byte, num uint64) []byte {
	return binary.BigEndian.AppendUint64(k.prefix(kind, name), num)
}

// seal encrypts a record's name and value for its place in the database. The
// result is, for erasable kinds, the id of the erasure key (8 bytes); then the
// nonce and the box.
func (k keyTree) seal(rand io.Reader, diskKey, name, value []byte) ([]byte, error) {
	var out []byte
	key := k.values
	if Kind(diskKey[0]).erasable() {
		e := k.erasure[len(k.erasure)-1]
		out, key = binary.BigEndian.AppendUint64(out, e.id), e.key[:]
	}
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
	return aead.Seal(append(out, nonce...), nonce, plain, diskKey), nil
}

// open is the inverse of seal.
func (k keyTree) open(diskKey, sealed []byte) (name, value []byte, err error) {
	key := k.values
	if Kind(diskKey[0]).erasable() {
		if len(sealed) < 8 {
			return nil, nil, ErrCorrupt
		}
		id := binary.BigEndian.Uint64(sealed)
		i := slices.IndexFunc(k.erasure, func(e erasureKey) bool { return e.id == id })
		if i < 0 {
			return nil, nil, fmt.Errorf("%w: a record's key was erased", ErrCorrupt)
		}
		sealed, key = sealed[8:], k.erasure[i].key[:]
	}
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
