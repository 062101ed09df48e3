package model

import "fmt"

// Reason says what is wrong with a model. The contract reverts with its text, so
// the texts are consensus: changing one is a fork.
type Reason string

// The reasons.
const (
	Truncated   Reason = "truncated"          // the encoding ends too early
	Trailing    Reason = "trailing bytes"     // or goes on after the last node
	Version     Reason = "version"            // or is of another version
	TooLarge    Reason = "too large"          // a limit of this package is passed
	BadInput    Reason = "input"              // the input's description contradicts itself
	BadOperator Reason = "operator"           // no operator has the number
	BadOperand  Reason = "operand"            // a value is used before it is there, or has the wrong shape
	BadField    Reason = "field"              // a field is out of its range
	Unused      Reason = "unused"             // a result that nothing uses
	Overflow    Reason = "int32 overflow"     // some input can make a sum leave int32
	OutOfTable  Reason = "index out of table" // some input can name a row that Embed's table lacks
)

// Error reports a model that can't be taken.
type Error struct {
	// Node is the operator that is wrong, from 1; 0 is the input or the whole.
	Node   int
	Reason Reason
}

func (e *Error) Error() string {
	if e.Node == 0 {
		return "model: " + string(e.Reason)
	}
	return fmt.Sprintf("model: node %d: %s", e.Node, e.Reason)
}

// InputError reports an input that the model doesn't take.
type InputError struct {
	// Size and Want are lengths in bytes. When they are equal, Element is outside
	// of the input's bounds.
	Size, Want, Element int
}

func (e *InputError) Error() string {
	if e.Size != e.Want {
		return fmt.Sprintf("model: got an input of %d bytes, want %d", e.Size, e.Want)
	}
	return fmt.Sprintf("model: element %d of the input is out of its bounds", e.Element)
}
