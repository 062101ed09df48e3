package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
)

const (
	// IDPrefix starts the text of every Session ID.
	IDPrefix = "07"
	// IDLength is the length of a Session ID as text: [IDPrefix] and 64 hex digits.
	IDLength = len(IDPrefix) + 2*32
	// Scheme starts a Session ID as a link.
	Scheme = "pars:"

	idLabel = "pars session id v1"
)

// ErrID reports text that is not a Session ID, and why.
var ErrID = errors.New("not a Session ID")

// ID is a Session ID without its prefix: SHA3-256 over suite and public keys of
// an account. It commits to every key, so an ID is all that has to be compared.
type ID [32]byte

// IDOf returns the ID of the account with these public keys.
func IDOf(signing *sign.PublicKey, agreement *kem.PublicKey) ID {
	s, k := signing.Bytes(), agreement.Bytes()
	// All four public keys, each a field of its own. The composite signature
	// key has its Ed25519 half last, the agreement key its X25519 half first.
	const ed = 32
	return digest.Sum(idLabel, uint64(Suite), s[len(s)-ed:], s[:len(s)-ed], k[:kem.XSize], k[kem.XSize:])
}

// ParseID reads a Session ID: 66 characters, hex digits of either case, with or
// without the scheme of a link and surrounding space. Errors match [ErrID].
func ParseID(s string) (ID, error) {
	text := strings.TrimSpace(s)
	if len(text) >= len(Scheme) && strings.EqualFold(text[:len(Scheme)], Scheme) {
		text = text[len(Scheme):]
	}
	if len(text) != IDLength {
		return ID{}, fmt.Errorf("%w: got %d characters, want %d that start with %s", ErrID, len(text), IDLength, IDPrefix)
	}
	if text[:len(IDPrefix)] != IDPrefix {
		return ID{}, fmt.Errorf("%w: it starts with %q, want %q", ErrID, text[:len(IDPrefix)], IDPrefix)
	}
	var id ID
	if _, err := hex.Decode(id[:], []byte(text[len(IDPrefix):])); err != nil {
		var bad hex.InvalidByteError
		if errors.As(err, &bad) {
			at := strings.IndexByte(text, byte(bad))
			return ID{}, fmt.Errorf("%w: character %d is %q, want a hex digit", ErrID, at+1, text[at])
		}
		return ID{}, fmt.Errorf("%w: %w", ErrID, err)
	}
	return id, nil
}

// String returns the 66 characters that people exchange.
func (id ID) String() string { return IDPrefix + hex.EncodeToString(id[:]) }

// Link returns the ID as a link, pars:07...
func (id ID) Link() string { return Scheme + id.String() }

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes.
func (id ID) Compare(o ID) int { return bytes.Compare(id[:], o[:]) }

// MarshalText makes IDs readable in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is [ParseID].
func (id *ID) UnmarshalText(text []byte) error {
	got, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = got
	return nil
}
