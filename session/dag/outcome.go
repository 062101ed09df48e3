package dag

import (
	"errors"
	"fmt"
)

// Source says where vertices come from.
type Source struct {
	// Peer names the peer whose budget they use, and whose share of the buffer if
	// they wait. Empty is the node itself: budgets do not apply.
	Peer string
	// Pulled says that we asked for them (reconciliation, import): the
	// peer's and the authors' rates do not apply, the buffer's bounds do.
	Pulled bool
}

// Status says what became of a vertex.
type Status int

const (
	// Accepted says: it is valid, indexed, and synced to disk.
	Accepted Status = iota + 1
	// Known says: it was accepted before. Its auth was not looked at.
	Known
	// Waiting says: it is in the buffer until its parents or its verdict come, and may
	// be thrown out before.
	Waiting
	// Deferred says: it was not looked at closely or found no room; it may be sent
	// again later. Says nothing about the vertex.
	Deferred
	// Refused says: these bytes are wrong and will always be; Err says how.
	Refused
)

var statusNames = [...]string{Accepted: "accepted", Known: "known", Waiting: "waiting", Deferred: "deferred", Refused: "refused"}

// String is the status as a word.
func (s Status) String() string {
	if s < Accepted || s > Refused {
		return fmt.Sprintf("dag.Status(%d)", int(s))
	}
	return statusNames[s]
}

var (
	// ErrRate reports that a peer's or an author's budget is used up.
	ErrRate = errors.New("dag: too many vertices for now")
	// ErrBuffer reports that there was no room to wait in.
	ErrBuffer = errors.New("dag: no room for vertices that wait")
)

// Outcome is what became of one vertex that was given to [Store.Add].
type Outcome struct {
	// ID is the vertex's; zero if the bytes could not be read.
	ID     ID
	Status Status
	// Err says why, for [Deferred] and [Refused]. Of what is refused, [ErrEncoding],
	// [ErrInvalid] and [ErrAuth] are the sender's fault; [ErrSpace] is not.
	Err error
	// Missing are the parents that a [Waiting] vertex waits for, those that the
	// store does not have; empty if it waits for its verdict alone.
	Missing []ID
	// Fork says that an [Accepted] vertex is not the author's first with its seq.
	Fork bool
}

// SendersFault reports whether no honest sender has these bytes: they were
// refused, and not because the store has not joined their space.
func (o Outcome) SendersFault() bool { return o.Status == Refused && !errors.Is(o.Err, ErrSpace) }
