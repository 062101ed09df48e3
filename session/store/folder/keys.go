package folder

import (
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/pars-network/pars/session/store/folder/cryptfs"
)

const (
	keySize = 32
	schema  = 1
	// erasable is the bit of the kinds whose records are under an erasure key.
	erasable = 0x80
	// keyTreeSize is the length of an encoded key tree: schema (2 bytes), root key,
	// how many erasure keys there are (1 byte) and room for two of them.
	keyTreeSize = 2 + keySize + 1 + 2*(8+keySize)
	// recordKeySize is the length of a key in the database: kind, 16 bytes of hashed
	// name, and number.
	recordKeySize = 1 + 16 + 8
)

// erasureKey encrypts records of erasable kinds while it lives.
type erasureKey struct {
	id  uint64
	key [keySize]byte
}

// keyTree is what the slot protects.
type keyTree struct {
	root    [keySize]byte
	erasure []erasureKey
	values  []byte
}

func (k *keyTree) wipe() {
	clear(k.root[:])
	clear(k.values)
	for i := range k.erasure {
		clear(k.erasure[i].key[:])
	}
}

func parseKeyTree(b []byte) (keyTree, error) {
	var k keyTree
	if len(b) != keyTreeSize {
		return k, fmt.Errorf("%w: the key tree is %d bytes, want %d", ErrCorrupt, len(b), keyTreeSize)
	}
	if v := binary.BigEndian.Uint16(b); v != schema {
		return k, fmt.Errorf("%w: schema %d, want %d", ErrSchema, v, schema)
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
	var err error
	k.values, err = hkdf.Key(sha512.New, k.root[:], nil, "pars store values v1", keySize)
	return k, err
}

func (k keyTree) graphKey() (key [cryptfs.KeySize]byte, err error) {
	b, err := hkdf.Key(sha512.New, k.root[:], nil, "pars store graph v1", cryptfs.KeySize)
	copy(key[:], b)
	return key, err
}

// open decrypts a record.
func (k keyTree) open(diskKey, sealed []byte) (Record, error) {
	var r Record
	if len(diskKey) != recordKeySize {
		return r, fmt.Errorf("%w: a key of %d bytes", ErrCorrupt, len(diskKey))
	}
	r.Kind, r.Num = diskKey[0], binary.BigEndian.Uint64(diskKey[recordKeySize-8:])
	key := k.values
	if r.Kind&erasable != 0 {
		if len(sealed) < 8 {
			return r, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, len(sealed))
		}
		id := binary.BigEndian.Uint64(sealed)
		i := slices.IndexFunc(k.erasure, func(e erasureKey) bool { return e.id == id })
		if i < 0 {
			return r, fmt.Errorf("%w: a record's key was erased", ErrCorrupt)
		}
		sealed, key = sealed[8:], k.erasure[i].key[:]
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return r, err
	}
	if len(sealed) < aead.NonceSize() {
		return r, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, len(sealed))
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], diskKey)
	if err != nil || len(plain) < 2 || len(plain)-2 < int(binary.BigEndian.Uint16(plain)) {
		return r, fmt.Errorf("%w: a record can't be opened", ErrCorrupt)
	}
	n := int(binary.BigEndian.Uint16(plain))
	r.Name, r.Value = plain[2:2+n], plain[2+n:]
	return r, nil
}
