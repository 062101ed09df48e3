package gossip

import (
	"cmp"
	"slices"
	"time"
)

// space is what the service knows of one space. All under Service.mu.
type space struct {
	id      SpaceID
	dag     Space
	alias   uint // our number for it
	members []*member
	seen    *lru[ID, *entry]
	authors *lru[[32]byte, branch]
	wants   map[ID]*want
	queue   wantQueue
	rate    bucket
	floods  float64 // authors whose next vertex may go everywhere

	repairAt  time.Time // the next one without reason
	repairing bool
	needs     []*link // to reconcile with soon
	turn      uint64  // number of the link that was last reconciled with
}

// member is a neighbour that takes part in the same space.
type member struct {
	link  *link
	alias uint // our number for the space: what frames to it carry
	// eager says whether the link belongs to the shared tree.
	eager bool
	// ids wait to be announced since then; by whether they came along the shared
	// tree.
	ids   map[bool][]ID
	since time.Time
}

// branch says for one author where it differs from the shared tree: by number
// of the link, whether vertices are pushed on it.
type branch map[uint64]bool

// entry is a vertex that gossip has dealt with not long ago.
type entry struct {
	id     ID
	author [32]byte
	state  entryState
	shared bool    // it came along the shared tree all the way
	from   *link   // who sent it first; nil if it began here
	has    []*link // who has it, as far as known, or was sent it
	served []*link // who asked for it and got it, once for each time
	copies []*link // who sent it after from did
}

type entryState byte

const (
	stateStored   entryState = iota // and spread
	stateChecking                   // is being verified
	stateWaiting                    // for its parents
	stateOld                        // stored by other means; its author is not known here
)

// An author of whom nothing is known yet is pushed to all neighbours once: each
// node keeps the way on which the vertex came first and prunes the others, so
// that the author's tree is one of shortest paths from the second vertex on. It
// costs as many copies as there are neighbours, so it is only for a share of all
// vertices; without a budget for it the author starts on the shared tree.
const (
	floodBurst = 64
	floodShare = 0.15
)

// flood makes an author's tree of all links, if the budget allows.
func (sp *space) flood(e *entry) {
	sp.floods = min(floodBurst, sp.floods+floodShare)
	if _, known := sp.authors.get(e.author); known || sp.floods < 1 {
		return
	}
	sp.floods--
	b := branch{}
	for _, m := range sp.members {
		b[m.link.number] = m.link != e.from
	}
	sp.authors.put(e.author, b)
}

func newSpace(id SpaceID, dag Space, alias uint, cfg Config) *space {
	return &space{
		id: id, dag: dag, alias: alias, seen: newLRU[ID, *entry](cfg.Seen), authors: newLRU[[32]byte, branch](cfg.Authors),
		wants: map[ID]*want{}, rate: newBucket(cfg.SpaceRate, cfg.SpaceBurst), floods: floodBurst,
	}
}

func (sp *space) member(l *link) *member { return l.serving[sp] }

// add makes a neighbour a member. A new link is in the shared tree until a
// duplicate shows that it is not needed.
func (sp *space) add(l *link) {
	if sp.member(l) != nil {
		return
	}
	m := &member{link: l, alias: sp.alias, eager: true, ids: map[bool][]ID{}}
	l.serving[sp] = m
	sp.members = append(sp.members, m)
	slices.SortFunc(sp.members, func(a, b *member) int { return cmp.Compare(a.link.number, b.link.number) })
}

// remove ends a membership.
func (sp *space) remove(l *link) {
	delete(l.serving, sp)
	sp.members = slices.DeleteFunc(sp.members, func(m *member) bool { return m.link == l })
	sp.needs = slices.DeleteFunc(sp.needs, func(o *link) bool { return o == l })
	sp.authors.each(func(b branch) { delete(b, l.number) })
}

// pushes reports whether what an author writes is pushed to a member, and
// whether that is by the shared tree.
func (sp *space) pushes(m *member, author [32]byte) (push, shared bool) {
	if b, ok := sp.authors.get(author); ok {
		if push, ok := b[m.link.number]; ok {
			return push, false
		}
	}
	return m.eager, true
}

// bend says for one author whether vertices are pushed to a member.
func (sp *space) bend(m *member, author [32]byte, push bool) {
	b, ok := sp.authors.get(author)
	if !ok {
		b = branch{}
		sp.authors.put(author, b)
	}
	b[m.link.number] = push
}

// share says for everything whether vertices are pushed to a member; author's
// own exception, if there is one, ends.
func (sp *space) share(m *member, author [32]byte, push bool) {
	m.eager = push
	if b, ok := sp.authors.get(author); ok {
		delete(b, m.link.number)
	}
}

// later queues an id for announcing.
func (m *member) later(shared bool, id ID) {
	if len(m.ids[true])+len(m.ids[false]) == 0 {
		m.since = m.link.s.cfg.Now()
	}
	m.ids[shared] = append(m.ids[shared], id)
}

// stored spreads vertices that are stored now; s.mu is held.
func (s *Service) stored(sp *space, ids []ID) {
	for _, id := range ids {
		s.unwant(sp, id)
		e, ok := sp.seen.get(id)
		if !ok {
			e = &entry{id: id, state: stateOld} // waited so long that it was forgotten
			sp.seen.put(id, e)
		} else if e.state != stateOld {
			e.state = stateStored
		}
		s.spread(sp, e)
	}
}

// spread pushes a stored vertex to some neighbours and announces it to others;
// s.mu is held.
func (s *Service) spread(sp *space, e *entry) {
	var vertex []byte
	if e.state != stateOld {
		sp.flood(e)
	}
	for _, m := range sp.members {
		if slices.Contains(e.has, m.link) {
			continue
		}
		push, shared := sp.pushes(m, e.author)
		if e.state == stateOld {
			push = false
		}
		if push && vertex == nil {
			var err error
			if vertex, err = sp.dag.Get(e.id); err != nil {
				s.cfg.Log.Error("gossip: reading a stored vertex", "space", sp.id, "vertex", e.id, "error", err)
				return
			}
		}
		if push && !m.link.full(len(vertex)) && m.push(vertex, shared && e.shared) {
			e.has = append(e.has, m.link)
			continue
		}
		m.later(e.shared, e.id)
		s.poke(m.since.Add(s.cfg.LazyDelay))
	}
}

// push sends a vertex and reports whether it will be sent; s.mu is held.
func (m *member) push(vertex []byte, shared bool) bool {
	return m.link.enqueue(encode(vertexFrame{Type: frameVertex, Alias: m.alias, Shared: shared, Vertex: vertex}))
}

// flush announces what a member has waited for; s.mu is held.
func (s *Service) flush(sp *space, m *member) {
	for _, shared := range []bool{true, false} {
		ids := slices.DeleteFunc(m.ids[shared], func(id ID) bool {
			e, ok := sp.seen.get(id)
			return ok && slices.Contains(e.has, m.link) // the other side was faster
		})
		m.ids[shared] = nil
		for part := range slices.Chunk(ids, MaxIDs) {
			if !m.link.enqueue(encode(idsFrame{Type: frameIDs, Alias: m.alias, Shared: shared, IDs: joinIDs(part)})) {
				s.need(sp, m.link)
				break
			}
			s.stats.Announced += uint64(len(part))
		}
	}
}
