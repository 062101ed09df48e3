package identity

import (
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// A card as text:
//
//	[pars contact card 1: 12184 bytes, check 0f3a9c21]
//	hAFZL7q...            base64, 64 characters a line
//	[end of pars contact card]
//
// No character of it is one that chat programs turn into something else, such
// as two hyphens, underscores or asterisks.
const (
	cardEnd   = "[end of pars contact card]"
	cardLine  = 64
	cardCheck = 4 // bytes of SHA3-256 over the bundle

	// MaxCard is the longest text that [ParseCard] looks at, in bytes: a card of
	// the longest bundle, and as much again for what chat programs add.
	MaxCard = 4 * MaxBundle
)

var (
	// ErrCard reports text that has no contact card in it.
	ErrCard = errors.New("no contact card found")
	// ErrCardCut reports a card whose end is missing.
	ErrCardCut = errors.New("the contact card is cut off")
	// ErrCardAltered reports a card that was changed on its way.
	ErrCardAltered = errors.New("the contact card was altered")
)

var (
	cardBegin = regexp.MustCompile(`\[pars contact card (\d{1,4}): (\d{1,6}) bytes, check ([0-9a-f]{8})\]`)
	spaces    = regexp.MustCompile(`\s+`)
)

// Card returns the bundle as a contact card: ASCII text of about 4/3 of its
// length, which ends with a newline.
func (b *Bundle) Card() string {
	var out strings.Builder
	sum := sha3.Sum256(b.raw)
	fmt.Fprintf(&out, "[pars contact card 1: %d bytes, check %x]\n", len(b.raw), sum[:cardCheck])
	for text := base64.RawStdEncoding.EncodeToString(b.raw); len(text) > 0; {
		n := min(cardLine, len(text))
		out.WriteString(text[:n])
		out.WriteByte('\n')
		text = text[n:]
	}
	out.WriteString(cardEnd + "\n")
	return out.String()
}

// ParseCard finds a contact card in text, such as a pasted chat message or a
// whole file, and verifies its signature. Space, line ends, quote marks at line
// starts, invisible characters, the case of the two bracketed lines and any text before and after do
// not matter. A file may also be the bundle itself. Errors match [ErrCard],
// [ErrCardCut], [ErrCardAltered], [ErrBundle] and [ErrSignature].
func ParseCard(text []byte) (*Bundle, error) {
	if len(text) > MaxCard {
		return nil, fmt.Errorf("%w: %d bytes of text, want at most %d", ErrCard, len(text), MaxCard)
	}
	if len(text) > 1 && text[0] == 0x83 && text[1] == bundleVersion {
		return ParseBundle(text)
	}
	raw, err := unarmor(string(text))
	if err != nil {
		return nil, err
	}
	return ParseBundle(raw)
}

func unarmor(text string) ([]byte, error) {
	clean := spaces.ReplaceAllString(strings.Map(visible, text), " ")
	lower := asciiLower(clean)
	at := cardBegin.FindStringSubmatchIndex(lower)
	if at == nil {
		return nil, fmt.Errorf("%w: want a line that starts with [pars contact card; paste the whole card, with its first and last line", ErrCard)
	}
	version, _ := strconv.Atoi(lower[at[2]:at[3]])
	want, _ := strconv.Atoi(lower[at[4]:at[5]])
	check, _ := hex.DecodeString(lower[at[6]:at[7]])
	if version != 1 {
		return nil, fmt.Errorf("%w: it has version %d, want 1; update this program", ErrCard, version)
	}
	if want > MaxBundle {
		return nil, fmt.Errorf("%w: it says %d bytes, want at most %d", ErrCardAltered, want, MaxBundle)
	}
	body, rest := clean[at[1]:], lower[at[1]:]
	end := strings.Index(rest, cardEnd)
	if end >= 0 {
		body = body[:end]
	}
	body = strings.ReplaceAll(body, " ", "")
	digits := base64.RawStdEncoding.EncodedLen(want)
	if end < 0 {
		return nil, fmt.Errorf("%w: %d of %d characters and no last line; paste or send the rest too", ErrCardCut, min(len(body), digits), digits)
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: a character in it is not base64", ErrCardAltered)
	case len(raw) < want:
		return nil, fmt.Errorf("%w in the middle: %d of %d bytes; ask for it again, as a file if the chat shortens it", ErrCardCut, len(raw), want)
	}
	if sum := sha3.Sum256(raw); len(raw) != want || string(sum[:cardCheck]) != string(check) {
		return nil, fmt.Errorf("%w: its checksum is wrong; ask for it again", ErrCardAltered)
	}
	return raw, nil
}

// visible drops what chat programs and mail add without showing it: format
// characters such as direction marks, zero-width space and byte order marks, and the > of
// quotes. Every kind of space becomes a plain one.
func visible(r rune) rune {
	switch {
	case r == '>' || unicode.Is(unicode.Cf, r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	default:
		return r
	}
}

// asciiLower lowers ASCII letters only, so that offsets stay.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
