package content

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// Limits of bodies. Lengths are in bytes of UTF-8.
const (
	// MaxText bounds the text of a post or an edit.
	MaxText = 32 << 10
	// MaxFiles is how many files a post may carry.
	MaxFiles = 16
	// MaxFileName bounds the name of a file.
	MaxFileName = 255
	// MaxMediaType bounds the media type of a file.
	MaxMediaType = 127
	// MaxFileSize bounds a file, in bytes: 64 GiB.
	MaxFileSize = 64 << 30
	// MaxSign bounds the sign of a reaction.
	MaxSign = 64
	// MaxReadRefs is how many messages one read receipt may name.
	MaxReadRefs = 256
	// MaxTimer bounds how long a disappearing message may stay.
	MaxTimer = 366 * 24 * time.Hour
	// MaxOrder is the greatest order of an event, in milliseconds since 1970.
	MaxOrder = 1 << 50
)

var (
	// ErrBody reports a body that breaks a rule of spec/content.md.
	ErrBody = errors.New("content: not a valid body")
	// ErrKind reports a message whose kind is none of this package's: from a later
	// version, or of another part of the protocol.
	ErrKind = errors.New("content: not a kind of content")
)

// Ref names a message: the ids of two authors may be the same.
type Ref struct {
	Author identity.ID
	ID     envelope.MessageID
}

// Compare orders references by author, then id.
func (r Ref) Compare(o Ref) int {
	if c := r.Author.Compare(o.Author); c != 0 {
		return c
	}
	return strings.Compare(string(r.ID[:]), string(o.ID[:]))
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Body is what one message says: one of the types of this package that are
// named like a kind.
type Body interface {
	// Kind is the envelope's kind of the body.
	Kind() envelope.Kind
	// check reports what is wrong with the body.
	check() error
	// pack returns the body in the shape in which it is encoded.
	pack(order uint64) any
}

// Post is a text, files or both.
type Post struct {
	Text string
	// Reply is the message that is answered; zero if none is.
	Reply Ref
	Files []File
	// Timer is how long this post stays.
	Timer Timer
}

// File names a file that the post carries, and has the key to it.
type File struct {
	// Root is the Merkle root of the encrypted file (spec/file.md).
	Root [32]byte
	// Key decrypts the file.
	Key [32]byte
	// Size is the length in bytes before encryption and padding.
	Size uint64
	// Name is the last part of the file's name where it came from, MediaType its
	// type if known. Both are the sender's word.
	Name, MediaType string
}

// Reaction sets the person's one sign at a message; an empty sign takes it away.
type Reaction struct {
	Target Ref
	Sign   string
}

// Edit replaces the text of a message of the same author.
type Edit struct {
	Target envelope.MessageID
	Text   string
}

// Delete takes back a message of the same author, for everyone.
type Delete struct{ Target envelope.MessageID }

// Read tells which messages the person has seen. References ascend.
type Read struct{ Messages []Ref }

// Typing tells that the person has begun or stopped writing.
type Typing struct{ Active bool }

// TimerMode says from when on a disappearing message counts.
type TimerMode uint64

// The modes. Their numbers are part of the format.
const (
	// Off means that messages stay.
	Off TimerMode = 0
	// FromSent counts from when the message was sent, by its sender's clock.
	FromSent TimerMode = 1
	// FromRead counts from when a person has read it, and at its author's from
	// when it was sent.
	FromRead TimerMode = 2
)

// Timer is how long messages stay. As a body it changes what the conversation's
// new posts carry; the timer of a post is its own.
type Timer struct {
	Mode TimerMode
	// After is in whole seconds, at least one, at most [MaxTimer]; 0 if Mode is
	// [Off].
	After time.Duration
}

// Group is opaque here; package group reads it.
type Group struct{ Data []byte }

// Kind implements [Body].
func (Post) Kind() envelope.Kind { return envelope.Post }

// Kind implements [Body].
func (Reaction) Kind() envelope.Kind { return envelope.Reaction }

// Kind implements [Body].
func (Edit) Kind() envelope.Kind { return envelope.Edit }

// Kind implements [Body].
func (Delete) Kind() envelope.Kind { return envelope.Delete }

// Kind implements [Body].
func (Read) Kind() envelope.Kind { return envelope.Read }

// Kind implements [Body].
func (Typing) Kind() envelope.Kind { return envelope.Typing }

// Kind implements [Body].
func (Timer) Kind() envelope.Kind { return envelope.Timer }

// Kind implements [Body].
func (Group) Kind() envelope.Kind { return envelope.Group }

func (p Post) check() error {
	if p.Text == "" && len(p.Files) == 0 {
		return fmt.Errorf("%w: a post without text and files", ErrBody)
	}
	if err := checkText(p.Text, 0); err != nil {
		return err
	}
	if len(p.Files) > MaxFiles {
		return fmt.Errorf("%w: %d files, want at most %d", ErrBody, len(p.Files), MaxFiles)
	}
	for i := range p.Files {
		if err := p.Files[i].check(); err != nil {
			return err
		}
	}
	return p.Timer.check()
}

func (f *File) check() error {
	switch {
	case f.Size > MaxFileSize:
		return fmt.Errorf("%w: a file of %d bytes, want at most %d", ErrBody, f.Size, int64(MaxFileSize))
	case !fileName(f.Name):
		return fmt.Errorf("%w: a file's name has 1 to %d bytes on one line, no slash, and does not mean a folder", ErrBody, MaxFileName)
	case len(f.MediaType) > MaxMediaType || !line(f.MediaType):
		return fmt.Errorf("%w: a media type has at most %d bytes on one line", ErrBody, MaxMediaType)
	}
	return nil
}

// fileName reports whether a name can be given to a file in any folder on any
// system without meaning another folder, and shows as what it is.
func fileName(s string) bool {
	return s != "" && len(s) <= MaxFileName && s != "." && s != ".." && line(s) && !strings.ContainsAny(s, `/\:`)
}

// line reports whether s is text without control characters, line breaks and
// the signs that turn the direction of what follows, which make one name look
// like another.
func line(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}

func checkText(s string, least int) error {
	if len(s) < least || len(s) > MaxText || !utf8.ValidString(s) {
		return fmt.Errorf("%w: a text of %d bytes, want %d to %d of UTF-8", ErrBody, len(s), least, MaxText)
	}
	return nil
}

func (r Reaction) check() error {
	if r.Target.IsZero() {
		return fmt.Errorf("%w: a reaction to nothing", ErrBody)
	}
	if len(r.Sign) > MaxSign || !line(r.Sign) {
		return fmt.Errorf("%w: a sign of %d bytes, want at most %d on one line", ErrBody, len(r.Sign), MaxSign)
	}
	return nil
}

func (e Edit) check() error { return checkText(e.Text, 1) }

func (Delete) check() error { return nil }

func (r Read) check() error {
	if len(r.Messages) == 0 || len(r.Messages) > MaxReadRefs {
		return fmt.Errorf("%w: a receipt for %d messages, want 1 to %d", ErrBody, len(r.Messages), MaxReadRefs)
	}
	for i := 1; i < len(r.Messages); i++ {
		if r.Messages[i-1].Compare(r.Messages[i]) >= 0 {
			return fmt.Errorf("%w: message %d of a receipt is double or out of order", ErrBody, i)
		}
	}
	return nil
}

func (Typing) check() error { return nil }

func (t Timer) check() error {
	switch {
	case t.Mode > FromRead:
		return fmt.Errorf("%w: timer mode %d, want 0 to 2", ErrBody, t.Mode)
	case t.Mode == Off && t.After != 0:
		return fmt.Errorf("%w: a timer that is off after %v", ErrBody, t.After)
	case t.Mode != Off && (t.After < time.Second || t.After > MaxTimer || t.After%time.Second != 0):
		return fmt.Errorf("%w: a timer of %v, want whole seconds, 1s to %v", ErrBody, t.After, MaxTimer)
	}
	return nil
}

func (g Group) check() error {
	if len(g.Data) == 0 || len(g.Data) > envelope.MaxPayload {
		return fmt.Errorf("%w: %d bytes for a group, want 1 to %d", ErrBody, len(g.Data), envelope.MaxPayload)
	}
	return nil
}
