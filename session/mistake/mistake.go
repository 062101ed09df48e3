// Package mistake is the error of somebody who asked a session node for something
// that it can't do: what kind of mistake it is, one word for programs, and a text
// for people that says what to do.
package mistake

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

// New returns an error without details.
func New(class Class, reason, text string) *Error { return &Error{class, reason, text} }

// Error implements error.
func (e *Error) Error() string { return e.text }

// Is makes errors with one reason equal, whatever their text.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// With returns the error with details.
func (e *Error) With(format string, args ...any) *Error {
	return &Error{Class: e.Class, Reason: e.Reason, text: e.text + ": " + fmt.Sprintf(format, args...)}
}
