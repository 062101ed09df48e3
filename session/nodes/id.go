package nodes

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
)

// ErrID reports text that is no node ID.
var ErrID = errors.New("not a node ID")

// ID names a node: a hash of the key of its links.
type ID [32]byte

// IDOf returns the ID of the node whose links key signs.
func IDOf(key *sign.PublicKey) ID {
	return idOfBytes(key.Bytes())
}

func idOfBytes(key []byte) ID {
	return digest.Sum("pars node id v1", uint64(identity.Suite), key)
}

// ParseID reads the 64 hex digits of an ID. Errors match [ErrID].
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("%w: %d characters, want %d", ErrID, len(s), hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%w: %w", ErrID, err)
	}
	return id, nil
}

// String returns the ID as hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first eight hex digits, for logs.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// Compare orders IDs by their bytes.
func (id ID) Compare(o ID) int { return bytes.Compare(id[:], o[:]) }
