package space

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pars-network/pars/session/crdt"
	"github.com/pars-network/pars/session/dag"
)

const (
	// maxHistory is how many bytes of changes one note may have to be folded here.
	maxHistory = 8 << 20
	// maxFolds is how many folded notes are kept in memory.
	maxFolds = 16
	// maxTries is how often a change is written anew that had not all it names in
	// its past, because too many heads had come meanwhile.
	maxTries = 4
	// maxJoins is how many vertices one change makes to join heads.
	maxJoins = 64
)

// Note is a text that everybody in a space can change.
type Note struct {
	Name string
	// Text is empty in a list.
	Text string
	// Changes counts the vertices that say to change it, Authors who wrote them.
	Changes, Authors int
	// LastAuthor wrote the change that came here last, under LastName, and says to
	// have done so at LastTime. Own says that it was this node.
	LastAuthor dag.Author
	LastName   string
	LastTime   time.Time
	Own        bool
	// Forked says that one of the authors has written two things under one number.
	// Not in a list.
	Forked bool
	// Position is how far this node had read the space: what [Service.SetNote] takes.
	Position uint64
}

// notes are the notes of all spaces, as far as somebody has asked for them.
type notes struct {
	mu    sync.Mutex // held for a whole call; taken before Service.mu
	index map[dag.Space]*noteIndex
	folds []*fold // the one used last is last
}

// noteIndex says which vertices of a space belong to which note. It is read off
// the vertices once, and costs 8 bytes of memory a change beside some hundred a note.
type noteIndex struct {
	read  uint64 // position
	notes map[string]*history
}

// history is what is known of a note without its text.
type history struct {
	at      []uint64 // positions of its vertices, ascending
	bytes   int      // of their changes
	authors map[dag.Author]struct{}
	author  dag.Author
	name    string
	timeMs  uint64
}

// fold is a note as its vertices make it.
type fold struct {
	space dag.Space
	name  string
	docs  crdt.Space
	taken int // vertices of its history that were taken in
}

// text returns what the note says.
func (f *fold) text() string {
	if d := f.docs.Document(noteID(f.name)); d != nil {
		return d.Text(noteField).String()
	}
	return ""
}

// vertices reads what a space has after a position, without waiting.
func (s *Service) vertices(id dag.Space, after uint64, limit int) ([]dag.Header, []*dag.Vertex, error) {
	feed, err := s.cfg.Graph.Feed(id, after)
	if err != nil {
		return nil, nil, err
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	found, err := feed.Next(now, limit)
	if errors.Is(err, context.Canceled) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	heads, out := make([]dag.Header, len(found)), make([]*dag.Vertex, len(found))
	for i, f := range found {
		data, err := f.Encoded()
		if err != nil {
			return nil, nil, err
		}
		if out[i], err = dag.Decode(data); err != nil {
			return nil, nil, err
		}
		heads[i] = f.Header
	}
	return heads, out, nil
}

// noteIndex returns the index of a space up to now; notes.mu is held.
func (s *Service) noteIndex(ctx context.Context, sp Space) (*noteIndex, error) {
	ix := s.notes.index[sp.ID]
	if ix == nil {
		ix = &noteIndex{notes: make(map[string]*history)}
		if s.notes.index == nil {
			s.notes.index = make(map[dag.Space]*noteIndex)
		}
		s.notes.index[sp.ID] = ix
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		heads, found, err := s.vertices(sp.ID, ix.read, page)
		if err != nil || len(found) == 0 {
			return ix, err
		}
		for i, v := range found {
			ix.take(heads[i], v)
		}
	}
}

// take enters a vertex.
func (ix *noteIndex) take(h dag.Header, v *dag.Vertex) {
	ix.read = h.Position
	n, err := decodeNote(v.Payload)
	if err != nil || v.Kind != dag.Data || !ofNote(n.Note, n.Changes) {
		return
	}
	x := ix.notes[n.Note]
	if x == nil {
		x = &history{authors: make(map[dag.Author]struct{})}
		ix.notes[n.Note] = x
	}
	x.at, x.bytes = append(x.at, h.Position), x.bytes+len(n.Changes)
	x.authors[v.Author] = struct{}{}
	x.author, x.name, x.timeMs = v.Author, n.Name, n.TimeMs
}

// kept returns the fold of a note that is in memory, or an empty one, as the one
// used last.
func (n *notes) kept(id dag.Space, name string) *fold {
	f := &fold{space: id, name: name}
	at := slices.IndexFunc(n.folds, func(f *fold) bool { return f.space == id && f.name == name })
	if at >= 0 {
		f = n.folds[at]
		n.folds = slices.Delete(n.folds, at, at+1)
	}
	if len(n.folds) >= maxFolds {
		n.folds = slices.Delete(n.folds, 0, 1)
	}
	n.folds = append(n.folds, f)
	return f
}

// folded returns a note up to now; notes.mu is held.
func (s *Service) folded(ctx context.Context, sp Space, name string, x *history) (*fold, error) {
	f := s.notes.kept(sp.ID, name)
	return f, s.extend(ctx, f, x, ^uint64(0))
}

// extend takes the vertices of a note into a fold, up to a position. A change that
// does not go together with what is in its vertex's past changes nothing; that is so
// everywhere. After an error it can be called again: nothing is taken in by half.
func (s *Service) extend(ctx context.Context, f *fold, x *history, last uint64) error {
	if x.bytes > maxHistory {
		return ErrNoteFull
	}
	for ; f.taken < len(x.at) && x.at[f.taken] <= last; f.taken++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := x.at[f.taken]
		heads, found, err := s.vertices(f.space, at-1, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || heads[0].Position != at {
			return fmt.Errorf("space: vertex %d of %s, which changes a note, is not there any more", at, f.space)
		}
		n, err := decodeNote(found[0].Payload)
		if err != nil {
			return err
		}
		var failed error
		past := func(o crdt.Vertex) bool {
			in, err := s.cfg.Graph.Ancestor(f.space, dag.ID(o.ID), heads[0].ID)
			if err != nil && !errors.Is(err, dag.ErrNotFound) { // what is not here is in no past
				failed = errors.Join(failed, err)
			}
			return in
		}
		_, err = f.docs.Apply(crdt.Vertex{ID: crdt.ID(heads[0].ID), Lamport: heads[0].Lamport}, n.Changes, past)
		if failed != nil {
			return failed
		}
		if err != nil && !errors.Is(err, crdt.ErrInvalid) && !errors.Is(err, crdt.ErrMissing) {
			return err
		}
	}
	return nil
}

// brief is a note without its text.
func (ix *noteIndex) brief(sp Space, name string) Note {
	x := ix.notes[name]
	return Note{
		Name: name, Changes: len(x.at), Authors: len(x.authors), LastAuthor: x.author, LastName: x.name,
		LastTime: time.UnixMilli(int64(x.timeMs)), Own: x.author == sp.Author, Position: ix.read,
	}
}

// Notes returns at most limit notes of a space whose names come after one, by name, and
// whether there are more.
func (s *Service) Notes(ctx context.Context, sp Space, after string, limit int) ([]Note, bool, error) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	ix, err := s.noteIndex(ctx, sp)
	if err != nil {
		return nil, false, err
	}
	names := slices.Sorted(maps.Keys(ix.notes))
	at, found := slices.BinarySearch(names, after)
	if found {
		at++
	}
	var out []Note
	for _, name := range names[at:min(len(names), at+limit)] {
		out = append(out, ix.brief(sp, name))
	}
	return out, at+limit < len(names), nil
}

// Note returns a note as it is now: [ErrNoNote], or [ErrNoteFull].
func (s *Service) Note(ctx context.Context, sp Space, name string) (Note, error) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	return s.note(ctx, sp, name)
}

func (s *Service) note(ctx context.Context, sp Space, name string) (Note, error) {
	ix, err := s.noteIndex(ctx, sp)
	if err != nil {
		return Note{}, err
	}
	x := ix.notes[name]
	if x == nil {
		return Note{}, ErrNoNote
	}
	f, err := s.folded(ctx, sp, name, x)
	if err != nil {
		return Note{}, err
	}
	n := ix.brief(sp, name)
	n.Text = f.text()
	for a := range x.authors {
		forked, err := s.cfg.Graph.Forked(sp.ID, a)
		if err != nil {
			return Note{}, err
		}
		n.Forked = n.Forked || forked
	}
	return n, nil
}

// SetNote gives a note a new text, and makes it if it is not there. What becomes of
// the note is the difference to what the writer had before them, merged with what others
// have written: that is the note as of base, a [Note.Position], 0 for nothing; nil is
// the note as it is now. It returns when the change is synced to disk.
func (s *Service) SetNote(ctx context.Context, sp Space, name, text string, base *uint64) (Note, error) {
	switch {
	case !oneLine(name, 1, MaxNoteName):
		return Note{}, ErrNoteName
	case len(text) > MaxNote || !utf8.ValidString(text):
		return Note{}, ErrNoteText
	}
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	d, err := s.draft(ctx, sp, name, base)
	if err != nil {
		return Note{}, err
	}
	for to := []rune(text); ; {
		changes, err := d.step(to)
		if err != nil {
			return Note{}, err
		}
		if changes == nil {
			return s.note(ctx, sp, name)
		}
		v, err := s.change(ctx, sp, name, changes)
		if err != nil {
			return Note{}, err
		}
		if err := d.tx.Commit(v); err != nil {
			return Note{}, err
		}
	}
}

// draft copies a note as of a position, for an edit.
func (s *Service) draft(ctx context.Context, sp Space, name string, base *uint64) (*draft, error) {
	ix, err := s.noteIndex(ctx, sp)
	if err != nil {
		return nil, err
	}
	last := ix.read
	if base != nil {
		last = *base
	}
	d := &draft{fold: fold{space: sp.ID, name: name}}
	x := ix.notes[name]
	switch {
	case last > ix.read:
		return nil, ErrNoteBase
	case x == nil:
		return d, nil
	case last < x.at[len(x.at)-1]:
		return d, s.extend(ctx, &d.fold, x, last)
	}
	f, err := s.folded(ctx, sp, name, x)
	if err != nil {
		return nil, err
	}
	state, err := f.state()
	if err != nil {
		return nil, err
	}
	return d, d.load(state)
}

// draft is a copy of a note in which somebody edits. It takes in its own changes only, so
// that others' can't be taken for something that the writer wants gone.
type draft struct {
	fold
	tx *crdt.SpaceTx
}

// state encodes a note; nil if there is nothing.
func (f *fold) state() ([]byte, error) {
	d := f.docs.Document(noteID(f.name))
	if d == nil {
		return nil, nil
	}
	return d.Encode()
}

func (d *draft) load(state []byte) error {
	d.docs = crdt.Space{}
	if state == nil {
		return nil
	}
	return d.docs.Put(noteID(d.name), state)
}

// step makes as much of an edit as one vertex can carry; nil when there is nothing
// left to do. The edit stays open.
func (d *draft) step(to []rune) ([]byte, error) {
	todo := splices([]rune(d.text()), to)
	if len(todo) == 0 {
		return nil, nil
	}
	state, err := d.state()
	if err != nil {
		return nil, err
	}
	for todo != nil {
		changes, err := d.try(todo)
		if err == nil && len(changes) <= maxChanges {
			return changes, nil
		}
		if err != nil && !errors.Is(err, crdt.ErrLimit) {
			return nil, err
		}
		todo = fewer(todo)
		if err := d.load(state); err != nil {
			return nil, err
		}
	}
	return nil, ErrNoteFull
}

// try edits, from the end so that places stay what they are.
func (d *draft) try(todo []splice) ([]byte, error) {
	tx, err := d.docs.Begin()
	if err != nil {
		return nil, err
	}
	doc, err := tx.Document(noteID(d.name))
	if err != nil {
		return nil, err
	}
	text, err := doc.Text(noteField)
	if err != nil {
		return nil, err
	}
	for _, x := range slices.Backward(todo) {
		if err := text.Splice(x.at, x.del, string(x.ins)); err != nil {
			return nil, err
		}
	}
	d.tx = tx
	return tx.Payload()
}

// change writes a vertex that changes a note, and returns it when it has taken
// effect here, and so everywhere.
func (s *Service) change(ctx context.Context, sp Space, name string, changes []byte) (crdt.Vertex, error) {
	payload, err := s.frame(sp, name, changes)
	if err != nil {
		return crdt.Vertex{}, err
	}
	for range maxTries {
		ix, err := s.noteIndex(ctx, sp)
		if err != nil {
			return crdt.Vertex{}, err
		}
		if x := ix.notes[name]; x != nil && x.bytes+len(changes) > maxHistory {
			return crdt.Vertex{}, ErrNoteFull
		}
		if err := s.joinHeads(ctx, sp); err != nil {
			return crdt.Vertex{}, err
		}
		made, id, err := s.append(ctx, sp, payload)
		if err != nil {
			return crdt.Vertex{}, err
		}
		if ix, err = s.noteIndex(ctx, sp); err != nil {
			return crdt.Vertex{}, err
		}
		f, err := s.folded(ctx, sp, name, ix.notes[name])
		if err != nil {
			return crdt.Vertex{}, err
		}
		v := crdt.Vertex{ID: crdt.ID(id), Lamport: made.Lamport}
		if d := f.docs.Document(noteID(name)); d != nil && d.Has(v) {
			return v, nil
		}
	}
	return crdt.Vertex{}, ErrNoteBusy
}

// joinHeads makes vertices on top of others until the next one can have all heads
// as parents, and with them all that a change may name in its past.
func (s *Service) joinHeads(ctx context.Context, sp Space) error {
	for range maxJoins {
		heads, err := s.cfg.Graph.Frontier(sp.ID)
		if err != nil || len(heads) < dag.MaxParents { // the author's own last vertex is a parent too
			return err
		}
		payload, err := s.frame(sp, "", nil)
		if err != nil {
			return err
		}
		if _, _, err := s.append(ctx, sp, payload); err != nil {
			return err
		}
	}
	return ErrNoteBusy
}

func (s *Service) frame(sp Space, name string, changes []byte) ([]byte, error) {
	payload, err := noteChange{TimeMs: uint64(max(0, s.cfg.Now().UnixMilli())), Name: sp.Name, Note: name, Changes: changes}.encode()
	if err != nil {
		return nil, fmt.Errorf("space: encoding a change of a note: %w", err)
	}
	return payload, nil
}
