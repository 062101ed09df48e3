package gossip

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

const (
	// wantTime is how long an announced vertex is waited for.
	wantTime = 30 * time.Second
	// repairTime bounds one reconciliation.
	repairTime = 10 * time.Minute
	// needDelay lets some reasons for a reconciliation come together.
	needDelay = 200 * time.Millisecond
)

// want is a vertex that somebody has and this node does not.
type want struct {
	id    ID
	from  []announcer
	asked int   // how many of from
	busy  *link // who was asked and has not answered yet
	due   time.Time
	until time.Time
	gone  bool // came, or was given up
}

// announcer is who said that it has a vertex.
type announcer struct {
	link *link
	at   time.Time
	// tree is the one that should have brought the vertex; none if the
	// announcement was that a vertex here waits for it.
	tree tree
}

// wantQueue is a heap by due.
type wantQueue []*want

func (q wantQueue) Len() int           { return len(q) }
func (q wantQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q wantQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is for container/heap only.
func (q *wantQueue) Push(x any) { *q = append(*q, x.(*want)) } //nolint:errcheck // nothing else is pushed

// Pop is for container/heap only.
func (q *wantQueue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return w
}

// announced notes who has which vertices; s.mu is held.
func (s *Service) announced(sp *space, l *link, shared bool, ids []ID) {
	now := s.cfg.Now()
	for _, id := range ids {
		if e, ok := sp.seen.get(id); ok {
			if !slices.Contains(e.has, l) {
				e.has = append(e.has, l)
			}
			continue
		}
		t := treeAuthor
		if shared {
			t = treeShared
		}
		s.want(sp, id, announcer{link: l, at: now, tree: t}, now.Add(s.cfg.GraftDelay))
	}
}

// missing asks the sender of a vertex for its parents, at once; s.mu is held.
func (s *Service) missing(sp *space, l *link, parents []ID) {
	now := s.cfg.Now()
	for _, id := range parents {
		if e, ok := sp.seen.get(id); ok && e.state != stateOld {
			continue // on its way through here
		}
		s.want(sp, id, announcer{link: l, at: now}, now)
	}
}

func (s *Service) want(sp *space, id ID, a announcer, due time.Time) {
	w, ok := sp.wants[id]
	if !ok {
		has, err := sp.dag.Has(id)
		if err != nil {
			s.cfg.Log.Error("gossip: looking for a vertex", "space", sp.id, "vertex", id, "error", err)
			return
		}
		if has {
			sp.seen.put(id, &entry{id: id, state: stateOld, has: []*link{a.link}})
			return
		}
		if len(sp.wants) >= s.cfg.Wants || a.link.wanted >= s.cfg.Wants/4 {
			s.need(sp, a.link)
			return
		}
		w = &want{id: id, due: due, until: a.at.Add(wantTime)}
		sp.wants[id] = w
		heap.Push(&sp.queue, w)
	} else if slices.ContainsFunc(w.from, func(o announcer) bool { return o.link == a.link }) {
		return
	}
	a.link.wanted++
	w.from = append(w.from, a)
	s.poke(w.due)
}

// unwant ends waiting for a vertex; s.mu is held.
func (s *Service) unwant(sp *space, id ID) {
	if w, ok := sp.wants[id]; ok {
		w.gone = true
		for _, a := range w.from {
			a.link.wanted--
		}
		delete(sp.wants, id)
	}
}

// improve moves this node to another place in the tree of a vertex's author if
// somebody announced the vertex clearly before l sent it; s.mu is held.
func (s *Service) improve(sp *space, l *link, e *entry) {
	w, ok := sp.wants[e.id]
	if !ok {
		return
	}
	for _, a := range w.from {
		if !slices.Contains(e.has, a.link) {
			e.has = append(e.has, a.link)
		}
	}
	m := sp.member(l)
	if w.asked > 0 || m == nil || len(w.from) == 0 {
		return
	}
	first := w.from[0]
	q := sp.member(first.link)
	if q == nil || first.tree == treeNone || first.link == l || s.cfg.Now().Sub(first.at)+s.cfg.LazyDelay < s.cfg.Better {
		return
	}
	s.stats.Grafts++
	s.stats.Prunes++
	q.link.enqueue(encode(graftFrame{Type: frameGraft, Alias: q.alias, Tree: treeAuthor, IDs: e.id[:]}))
	l.enqueue(encode(pruneFrame{Type: framePrune, Alias: m.alias, ID: e.id}))
}

// ask sends for the vertices that are due; s.mu is held.
func (s *Service) ask(sp *space, now time.Time) {
	type call struct {
		m    *member
		tree tree
	}
	var order []call
	calls := map[call][]ID{}
	for len(sp.queue) > 0 && (sp.queue[0].gone || !sp.queue[0].due.After(now)) {
		w, ok := heap.Pop(&sp.queue).(*want)
		if !ok || w.gone {
			continue
		}
		if w.busy != nil {
			if w.busy.gave.Before(w.due.Add(-s.cfg.AnswerDelay)) { // else it may not have come to this one yet
				w.busy.wasted(brokenPromise)
			}
			w.busy = nil
		}
		for w.asked < len(w.from) && sp.member(w.from[w.asked].link) == nil {
			w.asked++
		}
		if w.asked == len(w.from) || now.After(w.until) {
			for _, a := range w.from {
				s.need(sp, a.link)
			}
			s.unwant(sp, w.id)
			continue
		}
		a := w.from[w.asked]
		w.asked++
		w.busy = a.link
		w.due = now.Add(s.cfg.AnswerDelay)
		heap.Push(&sp.queue, w)
		c := call{sp.member(a.link), a.tree}
		if calls[c] == nil {
			order = append(order, c)
		}
		calls[c] = append(calls[c], w.id)
	}
	for _, c := range order {
		if c.tree == treeShared {
			c.m.eager = true
		}
		for ids := range slices.Chunk(calls[c], MaxIDs) {
			s.stats.Grafts += uint64(len(ids))
			c.m.link.enqueue(encode(graftFrame{Type: frameGraft, Alias: c.m.alias, Tree: c.tree, Want: true, IDs: joinIDs(ids)}))
		}
	}
}

// need notes that a neighbour has what gossip won't bring; s.mu is held.
func (s *Service) need(sp *space, l *link) {
	if s.cfg.Repair == nil || sp.member(l) == nil || slices.Contains(sp.needs, l) {
		return
	}
	sp.needs = append(sp.needs, l)
	s.poke(s.cfg.Now().Add(needDelay))
}

// repair reconciles with a neighbour if it is time; s.mu is held.
func (s *Service) repair(sp *space, now time.Time) {
	if s.cfg.Repair == nil || sp.repairing {
		return
	}
	var l *link
	switch {
	case len(sp.needs) > 0:
		l = sp.needs[0]
		sp.needs = sp.needs[1:]
	case s.cfg.RepairEvery > 0 && !now.Before(sp.repairAt):
		sp.repairAt = now.Add(s.cfg.RepairEvery)
		if len(sp.members) == 0 {
			return
		}
		i := max(0, slices.IndexFunc(sp.members, func(m *member) bool { return m.link.number > sp.turn }))
		l = sp.members[i].link
		sp.turn = l.number
	default:
		return
	}
	sp.repairing = true
	s.stats.Repairs++
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(l.ctx, repairTime)
		err := s.cfg.Repair(ctx, l.peer, sp.id)
		cancel()
		if err != nil {
			s.cfg.Log.Debug("gossip: reconciliation failed", "space", sp.id, "peer", l.peer, "error", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		sp.repairing = false
		if len(sp.needs) > 0 {
			s.poke(s.cfg.Now().Add(needDelay))
		}
	})
}

// clock does what is due.
func (s *Service) clock() {
	for {
		s.mu.Lock()
		now := s.cfg.Now()
		s.due = time.Time{}
		next := now.Add(time.Minute)
		for _, sp := range s.order {
			next = s.work(sp, now, next)
		}
		s.due = next
		s.mu.Unlock()
		t := time.NewTimer(next.Sub(now))
		select {
		case <-s.ctx.Done():
			t.Stop()
			return
		case <-s.alarm:
			t.Stop()
		case <-t.C:
		}
	}
}

// work does what is due for a space and returns the earlier of next and when
// there is more to do; s.mu is held.
func (s *Service) work(sp *space, now, next time.Time) time.Time {
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	s.ask(sp, now)
	for _, m := range slices.Clone(sp.members) {
		if len(m.ids[true])+len(m.ids[false]) == 0 {
			continue
		}
		if at := m.since.Add(s.cfg.LazyDelay); at.After(now) {
			earlier(at)
		} else {
			s.flush(sp, m)
		}
	}
	s.repair(sp, now)
	if len(sp.queue) > 0 {
		earlier(sp.queue[0].due)
	}
	if s.cfg.Repair != nil && !sp.repairing {
		if len(sp.needs) > 0 {
			earlier(now.Add(needDelay))
		}
		if s.cfg.RepairEvery > 0 {
			earlier(sp.repairAt)
		}
	}
	return next
}

// poke makes the clock work at a time if it would sleep longer; s.mu is held.
func (s *Service) poke(at time.Time) {
	if !s.due.IsZero() && at.Before(s.due) {
		s.due = at
		select {
		case s.alarm <- struct{}{}:
		default:
		}
	}
}
