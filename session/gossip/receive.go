package gossip

import (
	"errors"
	"fmt"
	"slices"
)

// receive works off one frame. An error breaks the link.
func (l *link) receive(f any) error {
	s := l.s
	if f, ok := f.(*vertexFrame); ok {
		return l.vertex(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.ended {
		return l.ctx.Err()
	}
	switch f := f.(type) {
	case *joinFrame:
		if _, ok := l.tags[f.Alias]; ok || len(l.tags) == MaxSpaces {
			return fmt.Errorf("%w: number %d for a space is used twice, or more than %d spaces", ErrFrame, f.Alias, MaxSpaces)
		}
		l.tags[f.Alias] = f.Tag
		s.match(l)
	case *leaveFrame:
		if sp, ok := l.aliases[f.Alias]; ok {
			sp.remove(l)
		}
		delete(l.tags, f.Alias)
		delete(l.aliases, f.Alias)
		l.wasted(64) // joining and leaving for ever is no use
	case *idsFrame:
		if sp := l.common(f.Alias, len(f.IDs)); sp != nil {
			s.announced(sp, l, f.Shared, splitIDs(f.IDs))
		}
	case *graftFrame:
		if sp := l.common(f.Alias, len(f.IDs)); sp != nil {
			s.grafted(sp, l, f)
		}
	case *pruneFrame:
		if sp := l.common(f.Alias, 64); sp != nil {
			s.pruned(sp, l, f)
		}
	}
	return nil
}

// match finds out which of the spaces that a peer announced are joined here.
func (s *Service) match(l *link) {
	for alias, t := range l.tags {
		if l.aliases[alias] != nil {
			continue
		}
		for _, sp := range s.order {
			if t == tag(l.peer, s.self, sp.id) && sp.member(l) == nil {
				l.aliases[alias] = sp
				sp.add(l)
				if s.self < l.peer { // one side is enough
					s.need(sp, l)
				}
				break
			}
		}
	}
}

// common returns the space that a frame is about, nil if this node left it or
// never joined; the frame is charged for then.
func (l *link) common(alias uint, size int) *space {
	sp := l.aliases[alias]
	if sp == nil {
		l.wasted(size)
	}
	return sp
}

// vertex works off a vertex: verify, store, spread.
func (l *link) vertex(f *vertexFrame) error {
	s := l.s
	s.mu.Lock()
	sp := l.common(f.Alias, len(f.Vertex))
	s.mu.Unlock()
	if sp == nil {
		return l.ctx.Err()
	}
	id, author, err := sp.dag.Identify(f.Vertex)
	if err != nil {
		return s.refused(err)
	}
	fresh, err := s.first(sp, l, f, id, author)
	if !fresh || err != nil {
		return err
	}
	added, err := sp.dag.Add(f.Vertex)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := sp.seen.get(id)
	if !ok {
		e = &entry{id: id, author: author, from: l}
		sp.seen.put(id, e)
	}
	switch {
	case errors.Is(err, ErrInvalid):
		// The bytes are at fault, not the id: whoever else has it may have good ones.
		sp.seen.remove(id)
		for _, o := range e.has {
			if o != l {
				s.announced(sp, o, e.shared, []ID{id})
			}
		}
		s.stats.Invalid++
		return fmt.Errorf("%w: %w", ErrFrame, err)
	case err != nil:
		if !errors.Is(err, ErrLater) {
			s.cfg.Log.Error("gossip: adding a vertex", "space", sp.id, "vertex", id, "error", err)
		}
		sp.seen.remove(id)
		s.need(sp, l)
	case len(added.Missing) > 0:
		l.gave = s.cfg.Now()
		e.state = stateWaiting
		s.unwant(sp, id)
		s.missing(sp, l, added.Missing)
	case len(added.Stored) == 0: // stored long ago: a replay, or a very late copy
		e.state = stateOld
		s.unwant(sp, id)
		s.stats.Duplicates++
		l.wasted(len(f.Vertex))
	default:
		l.gave = s.cfg.Now()
		s.stats.Stored++
		s.improve(sp, l, e)
		s.stored(sp, added.Stored)
	}
	return nil
}

// refused is the error for a vertex that can't even be decoded.
func (s *Service) refused(err error) error {
	if !errors.Is(err, ErrInvalid) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Invalid++
	return fmt.Errorf("%w: %w", ErrFrame, err)
}

// first reports whether a vertex is to be verified, and deals with one that is
// not.
func (s *Service) first(sp *space, l *link, f *vertexFrame, id ID, author [32]byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.ended {
		return false, l.ctx.Err()
	}
	if e, ok := sp.seen.get(id); ok {
		s.duplicate(sp, l, f, e)
		return false, nil
	}
	if !sp.rate.allow(s.cfg.Now(), 1) {
		s.stats.Shed++
		s.need(sp, l)
		return false, nil
	}
	sp.seen.put(id, &entry{id: id, author: author, state: stateChecking, shared: f.Shared, from: l, has: []*link{l}})
	return true, nil
}

// duplicate deals with a vertex that came before: its way is not needed.
func (s *Service) duplicate(sp *space, l *link, f *vertexFrame, e *entry) {
	s.stats.Duplicates++
	if e.from == l || slices.Contains(e.copies, l) {
		l.wasted(len(f.Vertex))
	} else {
		e.copies = append(e.copies, l)
		l.wasted(len(f.Vertex) / crossedShare)
	}
	if !slices.Contains(e.has, l) {
		e.has = append(e.has, l)
	}
	m := sp.member(l)
	if m == nil || e.from == l || e.state == stateOld {
		return
	}
	shared := e.shared && f.Shared
	if shared {
		m.eager = false
	}
	s.stats.Prunes++
	l.enqueue(encode(pruneFrame{Type: framePrune, Alias: m.alias, Shared: shared, ID: e.id}))
}

// pruned stops pushing to a neighbour.
func (s *Service) pruned(sp *space, l *link, f *pruneFrame) {
	e, ok := sp.seen.get(f.ID)
	if !ok {
		l.wasted(64)
		return
	}
	m := sp.member(l)
	if f.Shared {
		sp.share(m, e.author, false)
	} else {
		sp.bend(m, e.author, false)
	}
}

// grafted starts pushing to a neighbour, and sends it what it wants.
func (s *Service) grafted(sp *space, l *link, f *graftFrame) {
	m := sp.member(l)
	for _, id := range splitIDs(f.IDs) {
		e, ok := sp.seen.get(id)
		switch {
		case !ok || e.state == stateOld:
		case f.Tree == treeShared:
			sp.share(m, e.author, true)
		case f.Tree == treeAuthor:
			sp.bend(m, e.author, true)
		}
		if !f.Want {
			continue
		}
		if ok && (e.state == stateChecking || e.state == stateWaiting) {
			continue
		}
		vertex, err := sp.dag.Get(id)
		if err != nil {
			l.wasted(64)
			continue
		}
		if !ok {
			e = &entry{id: id, state: stateOld}
			sp.seen.put(id, e)
		}
		for _, o := range e.served { // once is free, and reconciliation is there for more
			if o == l {
				l.wasted(len(vertex))
				break
			}
		}
		if l.ended {
			return
		}
		e.served = append(e.served, l)
		if m.push(vertex, f.Tree == treeShared && e.shared) && !slices.Contains(e.has, l) {
			e.has = append(e.has, l)
		}
	}
}
