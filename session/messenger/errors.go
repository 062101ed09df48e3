package messenger

import "fmt"

// Class says what kind of mistake an [Error] is.
type Class int

// The classes of errors.
const (
	// Invalid is input that no state of the node could accept.
	Invalid Class = iota + 1
	// NotFound is something that does not exist here.
	NotFound
	// Refused is understood and not done.
	Refused
	// Full is a limit that was reached.
	Full
)

// Error is a mistake of who asked, with a text that says what to do.
type Error struct {
	Class Class
	// Reason names the mistake in one word, for programs.
	Reason string
	text   string
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Is makes errors with one reason equal, whatever their text.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// with returns the error with details.
func (e *Error) with(format string, args ...any) *Error {
	return &Error{Class: e.Class, Reason: e.Reason, text: e.text + ": " + fmt.Sprintf(format, args...)}
}

// What callers can be told. Compare with errors.Is.
var (
	ErrNoIdentity     = &Error{NotFound, "no-identity", "there is no identity yet; parsctl identity create makes one, parsctl identity restore brings one back"}
	ErrIdentityExists = &Error{Refused, "identity-exists", "this data folder has an identity already; use another --datadir for another person"}
	ErrPhrase         = &Error{Invalid, "phrase", "these are not the 24 words of an identity"}
	ErrCard           = &Error{Invalid, "card", "this is not a contact card"}
	ErrCardAltered    = &Error{Refused, "card-altered", "the card was altered after it was signed; ask for it again, on another way"}
	ErrCardExpired    = &Error{Refused, "card-expired", "the card has expired; ask for a new one"}
	ErrCardFuture     = &Error{Refused, "card-future", "the card is from the future; one of the two clocks is wrong"}
	ErrOwnCard        = &Error{Refused, "own-card", "this is your own card"}
	ErrNoContact      = &Error{NotFound, "no-contact", "there is no such contact; add the person's card first: parsctl contact add FILE"}
	ErrNameTaken      = &Error{Refused, "name-taken", "another contact has that name; choose another with --name or parsctl contact rename"}
	ErrName           = &Error{Invalid, "name", "a name has 1 to 64 characters on one line and does not look like a Session ID"}
	ErrText           = &Error{Invalid, "text", "the text is empty, not UTF-8 or too long"}
	ErrFull           = &Error{Full, "full", "there is no room"}
)
