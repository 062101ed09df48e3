package space

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/mistake"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/wire"
)

// kindSpace is the kind of our records: name "space", number: order of joining.
// They hold keys, so that they are erasable.
const kindSpace = store.Erasable | 0x10

var recordName = []byte("space")

// MaxSpaces is how many spaces a node takes part in at most.
const MaxSpaces = 64

// What callers can be told. Compare with errors.Is.
var (
	ErrNoSpace  = mistake.New(mistake.NotFound, "no-space", "there is no such space here; parsctl space list shows them")
	ErrBadLink  = mistake.New(mistake.Invalid, "space-link", "this is not a link of a public space")
	ErrTitle    = mistake.New(mistake.Invalid, "space-title", fmt.Sprintf("a title has 1 to %d bytes of text on one line", MaxTitle))
	ErrName     = mistake.New(mistake.Invalid, "space-name", fmt.Sprintf("a name has at most %d bytes of text on one line", MaxName))
	ErrText     = mistake.New(mistake.Invalid, "space-text", fmt.Sprintf("a post has 1 to %d bytes of UTF-8", MaxText))
	ErrFull     = mistake.New(mistake.Full, "space-full", fmt.Sprintf("this node takes part in %d spaces, which is as many as there can be", MaxSpaces))
	ErrExport   = mistake.New(mistake.Invalid, "space-export", "this is not an intact export of a space")
	ErrUnknown  = mistake.New(mistake.NotFound, "space-unknown", "this export is of a space that is not joined here; join it by its link first")
	ErrEarlier  = mistake.New(mistake.Refused, "space-earlier", "this export goes on from an earlier one that is missing here; import that first")
	ErrNoNote   = mistake.New(mistake.NotFound, "no-note", "there is no such note in this space; parsctl space note list shows them")
	ErrNoteName = mistake.New(mistake.Invalid, "note-name", fmt.Sprintf("a note's name has 1 to %d bytes of text on one line", MaxNoteName))
	ErrNoteText = mistake.New(mistake.Invalid, "note-text", fmt.Sprintf("a note has at most %d bytes of UTF-8", MaxNote))
	ErrNoteBase = mistake.New(mistake.Invalid, "note-base", "this node has not read that far; show the note again")
	ErrNoteFull = mistake.New(mistake.Full, "note-full", fmt.Sprintf("the changes of this note come to more than %d bytes; go on in a new one", maxHistory))
	ErrNoteBusy = mistake.New(mistake.Refused, "note-busy", "too much is written in this space at the moment; do it again")
	ErrTwo      = mistake.New(mistake.Refused, "space-two", "more than one space has that title; name it by its id")
)

// Store keeps records; *store.Store is one.
type Store interface {
	Scan(kind store.Kind, name []byte, from uint64, f func(store.Record) bool) error
	Commit(b *store.Batch) error
}

// Public spreads vertices and brings those of others; *public.Spaces is one.
type Public interface {
	Join(rules dag.Rules) (dag.Space, error)
	Append(ctx context.Context, id dag.Space, w dag.Writer, kind dag.Kind, payload []byte) (*dag.Vertex, dag.ID, error)
}

// Config is what a [Service] needs. Store and Graph are required.
type Config struct {
	Store Store
	Graph *dag.Store
	// Now is the clock that posts are stamped with; nil means time.Now.
	Now func() time.Time
	// Rand is where keys come from; nil means crypto/rand.
	Rand io.Reader
	// Log gets what goes wrong in the background; nil means nowhere.
	Log *slog.Logger
}

// Space is a public space that this node takes part in.
type Space struct {
	ID     dag.Space
	Link   Link
	Name   string // what own posts are signed with, for people; may be empty
	Author dag.Author
	Joined time.Time

	num    uint64
	writer dag.Writer
}

type record struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Auth      uint64
	Witnesses uint64
	Seed      [32]byte
	Title     string
	Name      string
	Key       []byte // seed of the author's key
	JoinedMs  uint64
}

const recordVersion = 1

// Service is the public spaces of a node. It is safe for concurrent use.
type Service struct {
	cfg Config

	mu      sync.Mutex
	spaces  []*Space // by order of joining; never changed once in here
	next    uint64
	watches map[*Watch]struct{}
	notes   notes

	public   Public // nil until Run
	ctx      context.Context
	followed sync.WaitGroup
}

// Open reads which spaces the node takes part in.
func Open(cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: cfg, next: 1, watches: make(map[*Watch]struct{})}
	var bad error
	err := cfg.Store.Scan(kindSpace, recordName, 0, func(r store.Record) bool {
		var sp *Space
		if sp, bad = readRecord(r); bad != nil {
			return false
		}
		s.spaces, s.next = append(s.spaces, sp), r.Num+1
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	for _, sp := range s.spaces {
		// A crash may have come between the record and the graph.
		if _, err := cfg.Graph.Join(sp.Link.Rules); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readRecord(r store.Record) (*Space, error) {
	var rec record
	if err := wire.Unmarshal(r.Value, store.MaxValue, &rec); err != nil || rec.Version != recordVersion {
		return nil, fmt.Errorf("%w: record %d of a space does not decode", store.ErrCorrupt, r.Num)
	}
	key, err := sign.NewPrivateKey(rec.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: key of a space: %w", store.ErrCorrupt, err)
	}
	rules := dag.Rules{Auth: dag.AuthKind(rec.Auth), Witnesses: uint32(rec.Witnesses), Seed: rec.Seed}
	return &Space{
		ID: rules.Space(), Link: Link{Rules: rules, Title: rec.Title}, Name: rec.Name, Author: dag.AuthorOf(key.Public()),
		Joined: time.UnixMilli(int64(min(rec.JoinedMs, maxTimeMs))), num: r.Num, writer: dag.NewWriter(key),
	}, nil
}

// Create makes a space, which nobody else knows of yet, and joins it.
func (s *Service) Create(title, name string) (Space, error) {
	if !oneLine(title, 1, MaxTitle) {
		return Space{}, ErrTitle
	}
	rules := dag.Rules{Auth: dag.Signed}
	if _, err := io.ReadFull(s.cfg.Rand, rules.Seed[:]); err != nil {
		return Space{}, fmt.Errorf("space: reading randomness: %w", err)
	}
	return s.join(Link{Rules: rules, Title: title}, name)
}

// Join makes the node take part in the space of a link. Joining again changes
// nothing.
func (s *Service) Join(link, name string) (Space, error) {
	l, err := ParseLink(link)
	if err != nil {
		return Space{}, ErrBadLink.With("%v", err)
	}
	return s.join(l, name)
}

func (s *Service) join(l Link, name string) (Space, error) {
	if !oneLine(name, 0, MaxName) {
		return Space{}, ErrName
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spaces {
		if sp.ID == l.Rules.Space() {
			return *sp, nil
		}
	}
	if len(s.spaces) >= MaxSpaces {
		return Space{}, ErrFull
	}
	rec := record{
		Version: recordVersion, Auth: uint64(l.Rules.Auth), Witnesses: uint64(l.Rules.Witnesses), Seed: l.Rules.Seed,
		Title: l.Title, Name: name, Key: make([]byte, sign.SeedSize), JoinedMs: uint64(max(0, s.cfg.Now().UnixMilli())),
	}
	if _, err := io.ReadFull(s.cfg.Rand, rec.Key); err != nil {
		return Space{}, fmt.Errorf("space: reading randomness: %w", err)
	}
	data, err := wire.Marshal(rec)
	if err != nil {
		return Space{}, fmt.Errorf("space: encoding a record: %w", err)
	}
	sp, err := readRecord(store.Record{Num: s.next, Value: data})
	if err != nil {
		return Space{}, err
	}
	var b store.Batch
	b.Put(kindSpace, recordName, s.next, data)
	if err := s.cfg.Store.Commit(&b); err != nil {
		return Space{}, err
	}
	if _, err := s.cfg.Graph.Join(l.Rules); err != nil {
		return Space{}, err
	}
	s.next++
	s.spaces = append(s.spaces, sp)
	if s.public != nil {
		if err := s.take(sp); err != nil {
			return Space{}, err
		}
	}
	return *sp, nil
}

// List returns the spaces in the order in which they were joined.
func (s *Service) List() []Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Space, len(s.spaces))
	for i, sp := range s.spaces {
		out[i] = *sp
	}
	return out
}

// Find returns the space with an id, the beginning of an id (8 digits or more),
// or a title.
func (s *Service) Find(which string) (Space, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Space
	for _, sp := range s.spaces {
		if sp.Link.Title == which || (len(which) >= 8 && strings.HasPrefix(sp.ID.String(), strings.ToLower(which))) {
			found = append(found, sp)
		}
	}
	switch len(found) {
	case 0:
		return Space{}, ErrNoSpace
	case 1:
		return *found[0], nil
	default:
		return Space{}, ErrTwo
	}
}

// Post writes a text into a space and returns the entry when it is synced to
// disk. It is spread to whoever is linked now or later.
func (s *Service) Post(ctx context.Context, sp Space, text string) (Entry, error) {
	if !validText(text) {
		return Entry{}, ErrText
	}
	payload, err := post{TimeMs: uint64(max(0, s.cfg.Now().UnixMilli())), Name: sp.Name, Text: text}.encode()
	if err != nil {
		return Entry{}, fmt.Errorf("space: encoding a post: %w", err)
	}
	v, id, err := s.append(ctx, sp, payload)
	if err != nil {
		return Entry{}, err
	}
	h, _, err := s.cfg.Graph.Header(sp.ID, id)
	if err != nil {
		return Entry{}, err
	}
	return s.entry(sp, h, v), nil
}

// append makes a vertex of a space and has it spread.
func (s *Service) append(ctx context.Context, sp Space, payload []byte) (*dag.Vertex, dag.ID, error) {
	s.mu.Lock()
	write := s.cfg.Graph.Append
	if s.public != nil {
		write = s.public.Append
	}
	s.mu.Unlock()
	v, id, err := write(ctx, sp.ID, sp.writer, dag.Data, payload)
	if v == nil {
		return nil, id, err
	}
	if err != nil { // it is kept, and reconciliation brings it to others
		s.cfg.Log.Warn("a vertex could not be spread at once", "error", err)
	}
	return v, id, nil
}

// Run takes part in all spaces, those that are joined meanwhile too, until ctx ends.
func (s *Service) Run(ctx context.Context, public Public) error {
	s.mu.Lock()
	s.public, s.ctx = public, ctx
	for _, sp := range s.spaces {
		if err := s.take(sp); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.public = nil
	s.mu.Unlock()
	s.followed.Wait()
	return nil
}

// take has a space spread, and tells watchers what comes in; s.mu is held.
func (s *Service) take(sp *Space) error {
	if _, err := s.public.Join(sp.Link.Rules); err != nil {
		return fmt.Errorf("space: taking part: %w", err)
	}
	stats, err := s.cfg.Graph.Stats(sp.ID)
	if err != nil {
		return err
	}
	feed, err := s.cfg.Graph.Feed(sp.ID, stats.Last)
	if err != nil {
		return err
	}
	ctx, id := s.ctx, sp.ID
	s.followed.Go(func() {
		for {
			if _, err := feed.Next(ctx, page); err != nil {
				if ctx.Err() == nil {
					s.cfg.Log.Error("a space is not followed any more", "space", id, "error", err)
				}
				return
			}
			s.tell(id)
		}
	})
	return nil
}

// Stats counts what a space holds.
func (s *Service) Stats(sp Space) (dag.Stats, error) { return s.cfg.Graph.Stats(sp.ID) }

// Joined reports whether the node takes part in a space.
func (s *Service) Joined(id dag.Space) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.spaces, func(sp *Space) bool { return sp.ID == id })
}
