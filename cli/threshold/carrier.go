package threshold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Carrier moves messages between the people of a ceremony. It may lose, delay,
// repeat and alter them; it learns who takes part and when, and no secret.
type Carrier interface {
	// Get returns a message of at most [MaxMessage] bytes, or [fs.ErrNotExist].
	Get(name string) ([]byte, error)
	// Put leaves a message for the others. The same name is only ever put with
	// the same content.
	Put(name string, data []byte) error
}

// Folder is a carrier of files: a folder that all share, or one on each machine
// whose files people carry around.
type Folder string

// Get implements [Carrier].
func (f Folder) Get(name string) ([]byte, error) {
	return readBounded(filepath.Join(string(f), name), MaxMessage)
}

// Put implements [Carrier]. The file appears with all of its content.
func (f Folder) Put(name string, data []byte) error {
	if old, err := f.Get(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return fmt.Errorf("threshold: making %s: %w", string(f), err)
	}
	tmp, err := os.CreateTemp(string(f), ".pars-*")
	if err != nil {
		return fmt.Errorf("threshold: writing to %s: %w", string(f), err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(string(f), name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("threshold: writing %s: %w", name, err), os.Remove(tmp.Name()))
	}
	return nil
}

// fetch reads the message of participant from. It is nil when there is none yet,
// or one that anybody could have put there: those are counted as unreadable.
func fetch(carrier Carrier, c Ceremony, k Kind, from uint16, m Member, st *Status) (raw []byte, msg opened) {
	name := FileName(c, k, from)
	raw, err := carrier.Get(name)
	if errors.Is(err, fs.ErrNotExist) {
		st.Missing = append(st.Missing, m.Name)
		return nil, opened{}
	}
	if err == nil {
		msg, err = openMessage(raw, c, k, from, m.Key)
	}
	if err != nil {
		st.Missing = append(st.Missing, m.Name)
		st.Unreadable = append(st.Unreadable, fmt.Sprintf("%s: %v", name, err))
		return nil, opened{}
	}
	return raw, msg
}

// Status is how far a ceremony is.
type Status struct {
	// Round counts from 1; Rounds is how many there are.
	Round, Rounds int
	// Done is true when the result is there.
	Done bool
	// Missing names whose messages of this round are not there yet.
	Missing []string
	// Unreadable are files that stand in the place of a message and are none: cut
	// off by a copy, altered, or put there by somebody else.
	Unreadable []string
}

// Failure ends a ceremony. It can't be continued: start another one without the
// people that it names.
type Failure struct {
	// Blamed names who did it.
	Blamed []string
	// Proven is true when what the blamed one signed shows it to anybody. Else one
	// of the blamed, and nobody else, did it.
	Proven bool
	// Reason is what was wrong.
	Reason string
}

// Error implements error.
func (f *Failure) Error() string { return "threshold: " + f.Reason }

type failureWire struct {
	_      struct{} `cbor:",toarray"`
	Blamed []string
	Proven bool
	Reason string
}

func (f *failureWire) failure() *Failure { return &Failure{f.Blamed, f.Proven, f.Reason} }

func failed(f *Failure) []failureWire {
	return []failureWire{{Blamed: f.Blamed, Proven: f.Proven, Reason: f.Reason}}
}
