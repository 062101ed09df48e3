package space

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pars-network/pars/session/crdt"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

const (
	noteType = 2
	// MaxNoteName is the longest name of a note in bytes of UTF-8.
	MaxNoteName = 64
	// MaxNote is the longest text that can be given to a note, in bytes of UTF-8.
	// What several people write at once may come to more.
	MaxNote = 64 << 10
	// noteField is the one field of a note's document, a text.
	noteField = "text"
	// maxChanges bounds what one vertex changes: a payload less the frame.
	maxChanges = dag.MaxPayload - MaxName - MaxNoteName - 64
)

// errNote reports a payload that is no change of a note.
var errNote = errors.New("space: not a change of a note")

// noteChange is the payload of a data vertex that changes a note. One without a
// note and changes only joins heads (see [Service.join]).
type noteChange struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Type    uint64
	TimeMs  uint64
	Name    string // of the author
	Note    string
	Changes []byte // a payload of package crdt
}

func (n noteChange) encode() ([]byte, error) {
	n.Version, n.Type = postVersion, noteType
	if n.Changes == nil {
		n.Changes = []byte{}
	}
	return wire.Marshal(n)
}

// decodeNote reads a payload. It decides by the payload alone whether it is a
// change of a note, and not yet whether the change is valid.
func decodeNote(payload []byte) (noteChange, error) {
	var n noteChange
	if len(payload) > dag.MaxPayload {
		return n, fmt.Errorf("%w: %d bytes, want at most %d", errNote, len(payload), dag.MaxPayload)
	}
	if err := wire.Unmarshal(payload, dag.MaxPayload, &n); err != nil {
		return noteChange{}, fmt.Errorf("%w: %w", errNote, err)
	}
	joins := n.Note == "" && len(n.Changes) == 0
	if n.Version != postVersion || n.Type != noteType || n.TimeMs > maxTimeMs || !oneLine(n.Name, 0, MaxName) ||
		!joins && (!oneLine(n.Note, 1, MaxNoteName) || len(n.Changes) == 0 || len(n.Changes) > maxChanges) {
		return noteChange{}, errNote
	}
	return n, nil
}

// isNote reports whether a vertex is one of a note, valid or not.
func isNote(v *dag.Vertex) bool {
	_, err := decodeNote(v.Payload)
	return err == nil && v.Kind == dag.Data
}

// noteID is the document of the note with that name.
func noteID(name string) crdt.DocumentID { return digest.Sum("pars note v1", name) }

// ofNote reports whether changes are of the text of that note and nothing else, so
// that no vertex can use up what a document has room for beside it.
func ofNote(name string, changes []byte) bool {
	found, err := crdt.Inspect(changes)
	return err == nil && len(found) == 1 && found[0].ID == noteID(name) &&
		slices.Equal(found[0].Fields, []crdt.FieldName{{Kind: crdt.KindText, Name: noteField}})
}
