package space

import (
	"context"
	"errors"
	"time"

	"github.com/pars-network/pars/session/dag"
)

// page is how many vertices are read at once.
const page = 256

// Entry is one post as a person sees it.
type Entry struct {
	ID     dag.ID
	Author dag.Author
	// Own says that this node wrote it.
	Own bool
	// Name is what the author calls themself: anybody can take any name.
	Name string
	// Time is when the author says it was written.
	Time time.Time
	Text string
	// Unreadable says that it is no post that this version can show.
	Unreadable bool
	// Forked says that the author has written two things under one number: a copied
	// key, or somebody who tells different people different things.
	Forked bool
	// Position is where it stands in this node's order of arrival, from 1.
	// Whatever a post answers stands before it.
	Position uint64
}

// entry shows a vertex.
func (s *Service) entry(sp Space, h dag.Header, v *dag.Vertex) Entry {
	e := Entry{ID: h.ID, Author: v.Author, Own: v.Author == sp.Author, Position: h.Position}
	p, err := decodePost(v.Payload)
	if err != nil || v.Kind != dag.Data {
		e.Unreadable = true
		return e
	}
	e.Name, e.Time, e.Text = p.Name, time.UnixMilli(int64(p.TimeMs)), p.Text
	return e
}

// Entries returns at most limit entries of a space after a position, in the order
// in which they came, and the position to go on from: that of the last vertex that
// was read, or after if there is none. Changes of notes are no entries.
func (s *Service) Entries(sp Space, after uint64, limit int) ([]Entry, uint64, error) {
	feed, err := s.cfg.Graph.Feed(sp.ID, after)
	if err != nil {
		return nil, after, err
	}
	// A feed waits when there is nothing; one that may not wait returns at once.
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var out []Entry
	forked := make(map[dag.Author]bool)
	for len(out) < limit {
		found, err := feed.Next(now, min(page, limit-len(out)))
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return nil, after, err
		}
		for _, f := range found {
			data, err := f.Encoded()
			if err != nil {
				return nil, after, err
			}
			v, err := dag.Decode(data)
			if err != nil {
				return nil, after, err
			}
			e := s.entry(sp, f.Header, v)
			after = e.Position
			if e.Unreadable && isNote(v) {
				continue
			}
			known, ok := forked[e.Author]
			if !ok {
				if known, err = s.cfg.Graph.Forked(sp.ID, e.Author); err != nil {
					return nil, after, err
				}
				forked[e.Author] = known
			}
			e.Forked = known
			out = append(out, e)
		}
	}
	return out, after, nil
}

// Watch tells that a space has something new.
type Watch struct {
	// C gets a value when there may be something new since the last one.
	C     <-chan struct{}
	c     chan struct{}
	space dag.Space
}

// Watch begins to tell. The caller must call Unwatch.
func (s *Service) Watch(sp Space) *Watch {
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, space: sp.ID}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches[w] = struct{}{}
	return w
}

// Unwatch ends it.
func (s *Service) Unwatch(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
}

func (s *Service) tell(id dag.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watches {
		if w.space != id {
			continue
		}
		select {
		case w.c <- struct{}{}:
		default: // it has not looked since the last one
		}
	}
}
