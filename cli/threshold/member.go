package threshold

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

const (
	// MaxMembers bounds a group, as the contract at 0x0800 does.
	MaxMembers = 64
	// MaxName is the longest name of a member or label of a group, in bytes.
	MaxName = 64
	// MaxCard is the longest member card in bytes.
	MaxCard = 8 << 10

	cardContext = "pars threshold member v1"
	cardVersion = 1
)

var (
	// ErrCard reports bytes that are no member card.
	ErrCard = errors.New("threshold: not a member card")
	// ErrName reports a name or label that can't be used.
	ErrName = errors.New("threshold: unusable name")
)

// Member is a person as others know them: a name that the person chose and the
// key that signs their messages.
type Member struct {
	Name string
	Key  *sign.PublicKey
}

type cardWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Name      string
	Key       []byte
	Signature []byte
}

// ParseMember reads a member card and checks that its owner signed it. Errors
// match [ErrCard].
func ParseMember(raw []byte) (Member, error) {
	var w cardWire
	if err := wire.Unmarshal(raw, MaxCard, &w); err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	if w.Version != cardVersion {
		return Member{}, fmt.Errorf("%w: version %d, want %d; update this program", ErrCard, w.Version, cardVersion)
	}
	if err := checkName(w.Name); err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	key, err := sign.ParsePublicKey(w.Key)
	if err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	if !key.Verify(cardContext, []byte(w.Name), w.Signature) {
		return Member{}, fmt.Errorf("%w: its signature is wrong, it was altered; ask for it again", ErrCard)
	}
	return Member{w.Name, key}, nil
}

// Fingerprint is 128 bits of a hash of the key, for people to compare: eight
// groups of four hexadecimal digits.
func (m Member) Fingerprint() string {
	sum := digest.Sum("pars threshold fingerprint v1", m.Key.Bytes())
	return grouped(sum[:16])
}

func grouped(b []byte) string {
	var parts []string
	for pair := range slices.Chunk(b, 2) {
		parts = append(parts, fmt.Sprintf("%x", pair))
	}
	return strings.Join(parts, "-")
}

// checkName accepts what people can read aloud and a file name can hold.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrName, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: not UTF-8", ErrName)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("%w: it begins or ends with a space", ErrName)
	case strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\u200c' || strings.ContainsRune(`/\:*?"<>|,`, r)
	}):
		return fmt.Errorf(`%w: a character in it is invisible or one of / \ : * ? " < > | and the comma`, ErrName)
	}
	return nil
}

// arrange sorts members by key, which gives everybody the same identifiers, and
// refuses a key or name that is there twice.
func arrange(members []Member) ([]Member, error) {
	if len(members) < 2 || len(members) > MaxMembers {
		return nil, fmt.Errorf("%w: %d members, want 2 to %d", ErrSetup, len(members), MaxMembers)
	}
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int { return bytes.Compare(a.Key.Bytes(), b.Key.Bytes()) })
	names := make(map[string]bool)
	for i, m := range sorted {
		if err := checkName(m.Name); err != nil {
			return nil, err
		}
		if i > 0 && m.Key.Equal(sorted[i-1].Key) {
			return nil, fmt.Errorf("%w: the card of %s is there twice", ErrSetup, m.Name)
		}
		if names[m.Name] {
			return nil, fmt.Errorf("%w: two members are called %s; one makes new keys under another name", ErrSetup, m.Name)
		}
		names[m.Name] = true
	}
	return sorted, nil
}
