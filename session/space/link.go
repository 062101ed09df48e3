package space

import (
	"crypto/sha3"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/wire"
)

const (
	// linkPrefix begins every link.
	linkPrefix  = "pars-space:"
	linkVersion = 1
	// linkCheck is how many bytes of SHA3-256 over the rest end a link.
	linkCheck = 4
	// maxLink bounds a link in bytes, before it is decoded.
	maxLink = 512
	// MaxTitle is the longest title of a space in bytes of UTF-8.
	MaxTitle = 128
)

// ErrLink reports text that is no link of a space.
var ErrLink = errors.New("space: not a link of a space")

var linkText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Link is what somebody needs to join a space.
type Link struct {
	// Rules name the space.
	Rules dag.Rules
	// Title is what whoever made the link calls it: 1 to [MaxTitle] bytes on one line.
	Title string
}

type linkFrame struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Auth      uint64
	Witnesses uint64
	Seed      [32]byte
	Title     string
}

// String is the link as text: "pars-space:" and lower-case base32.
func (l Link) String() string {
	data, err := wire.Marshal(linkFrame{Version: linkVersion, Auth: uint64(l.Rules.Auth), Witnesses: uint64(l.Rules.Witnesses), Seed: l.Rules.Seed, Title: l.Title})
	if err != nil {
		panic(fmt.Sprintf("space: encoding a link: %v", err)) // numbers, bytes and text always encode
	}
	sum := sha3.Sum256(data)
	return linkPrefix + linkText.EncodeToString(append(data, sum[:linkCheck]...))
}

// ParseLink reads a link; space around it and the case of its letters don't
// matter. Errors match [ErrLink].
func ParseLink(text string) (Link, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	code, ok := strings.CutPrefix(text, linkPrefix)
	if !ok || len(text) > maxLink {
		return Link{}, fmt.Errorf("%w: want %q and at most %d characters", ErrLink, linkPrefix+"...", maxLink)
	}
	data, err := linkText.DecodeString(code)
	if err != nil || len(data) <= linkCheck || linkText.EncodeToString(data) != code {
		return Link{}, fmt.Errorf("%w: a character is wrong or missing", ErrLink)
	}
	data, check := data[:len(data)-linkCheck], data[len(data)-linkCheck:]
	if sum := sha3.Sum256(data); string(sum[:linkCheck]) != string(check) {
		return Link{}, fmt.Errorf("%w: it was altered or is not complete; copy it again", ErrLink)
	}
	var f linkFrame
	if err := wire.Unmarshal(data, maxLink, &f); err != nil {
		return Link{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	l := Link{Rules: dag.Rules{Auth: dag.AuthKind(f.Auth), Witnesses: uint32(f.Witnesses), Seed: f.Seed}, Title: f.Title}
	switch {
	case f.Version != linkVersion:
		return Link{}, fmt.Errorf("%w: version %d, this program knows %d", ErrLink, f.Version, linkVersion)
	case l.Rules.Auth != dag.Signed || f.Witnesses > dag.MaxWitnesses:
		return Link{}, fmt.Errorf("%w: not one of a public space", ErrLink)
	case !oneLine(l.Title, 1, MaxTitle):
		return Link{}, fmt.Errorf("%w: its title is not 1 to %d bytes of text on one line", ErrLink, MaxTitle)
	}
	return l, nil
}

// oneLine reports whether s is UTF-8 of so many bytes, of characters that can be
// shown on one line.
func oneLine(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
