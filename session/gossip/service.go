package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Dialer opens a stream of [Protocol] to a peer that the node has a link to.
// Closing the stream ends it in both directions, also for calls that wait.
type Dialer func(ctx context.Context, peer string) (io.ReadWriteCloser, error)

var (
	// ErrClosed reports a service that was closed.
	ErrClosed = errors.New("gossip: service is closed")
	// ErrBanned reports a peer that was dropped not long ago.
	ErrBanned = errors.New("gossip: peer is banned")
	// ErrSpace reports a space that the node has not joined, or has already.
	ErrSpace = errors.New("gossip: no such space")
)

// Service gossips for all public spaces of a node. It is safe for concurrent
// use.
type Service struct {
	cfg  Config
	self string
	dial Dialer

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	alarm  chan struct{} // something is due earlier than thought

	mu        sync.Mutex
	spaces    map[SpaceID]*space
	order     []*space // as joined
	nextAlias uint
	links     map[string]*link
	nextLink  uint64
	banned    *lru[string, time.Time]
	due       time.Time // when the clock works next; zero while it does
	stats     Stats
}

// Stats counts what a service did since it was made.
type Stats struct {
	Stored     uint64 // vertices that came by gossip and were new
	Duplicates uint64 // vertices that came again
	Announced  uint64 // ids sent
	Grafts     uint64 // vertices asked for
	Prunes     uint64 // links taken out of a tree
	Shed       uint64 // vertices dropped unverified, above the space's rate
	Invalid    uint64 // vertices refused
	Dropped    uint64 // neighbours dropped
	Repairs    uint64 // reconciliations begun
}

// New starts a service for the node with peer id self. The caller tells it of
// peers ([Service.Up], [Service.Down]) and of streams that they open
// ([Service.Serve]), and closes it.
func New(self string, dial Dialer, cfg Config) *Service {
	s := &Service{
		cfg: cfg.orDefault(), self: self, dial: dial, alarm: make(chan struct{}, 1),
		spaces: map[SpaceID]*space{}, links: map[string]*link{}, banned: newLRU[string, time.Time](1024),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.clock)
	return s
}

// Close ends all streams and waits for what the service began.
func (s *Service) Close() {
	s.cancel()
	s.mu.Lock()
	for _, l := range s.links {
		l.end()
	}
	clear(s.links)
	s.mu.Unlock()
	s.wg.Wait()
}

// Stats returns the counters.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Peers returns the neighbours that take part in a space too, sorted.
func (s *Service) Peers(id SpaceID) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	if sp, ok := s.spaces[id]; ok {
		for _, m := range sp.members {
			out = append(out, m.link.peer)
		}
	}
	slices.Sort(out)
	return out
}

// Up tells of a peer that there is a link to now. A peer that is banned is
// ignored.
func (s *Service) Up(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.linkTo(peer) // a banned one stays away
}

// linkTo returns the link to a peer and makes it if needed; s.mu is held.
func (s *Service) linkTo(peer string) (*link, error) {
	if s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if until, ok := s.banned.get(peer); ok && s.cfg.Now().Before(until) {
		return nil, ErrBanned
	}
	l, ok := s.links[peer]
	if !ok {
		s.nextLink++
		l = newLink(s, peer, s.nextLink)
		s.links[peer] = l
		s.wg.Go(l.run)
	}
	return l, nil
}

// Down tells of a peer that there is no link to any more.
func (s *Service) Down(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.links[peer]; ok {
		s.forget(l)
	}
}

// forget removes a link from everything; s.mu is held.
func (s *Service) forget(l *link) {
	for _, sp := range s.order {
		sp.remove(l)
	}
	delete(s.links, l.peer)
	l.end()
}

// drop ends a link whose peer broke the rules, and bans the peer; s.mu is held.
func (s *Service) drop(l *link, why error) {
	if l.ended {
		return
	}
	s.cfg.Log.Info("gossip: peer dropped", "peer", l.peer, "reason", why)
	s.stats.Dropped++
	s.banned.put(l.peer, s.cfg.Now().Add(s.cfg.Ban))
	s.forget(l)
}

// Serve reads what a peer sends on a stream that it opened, until the stream or
// the link ends, and closes it. The error is for the log.
func (s *Service) Serve(peer string, stream io.ReadWriteCloser) error {
	defer func() { _ = stream.Close() }()
	s.mu.Lock()
	l, err := s.linkTo(peer)
	if err == nil && l.in != nil {
		if l.wasted(anotherStream); l.ended {
			err = errWaste
		} else {
			// The peer knows that the older one is dead before we do: it lost
			// power, or moved to another network.
			_ = l.in.Close()
			s.unread(l)
		}
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	l.in = stream
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	err = l.read(stream)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.in == stream {
		if errors.Is(err, ErrFrame) {
			s.drop(l, err)
		}
		s.unread(l)
	}
	return err
}

// unread forgets the stream that a peer opened, and what was announced on it;
// s.mu is held.
func (s *Service) unread(l *link) {
	l.in = nil
	for _, sp := range s.order { // its joins went with the stream
		sp.remove(l)
	}
	clear(l.tags)
	clear(l.aliases)
}

// Join takes part in a space.
func (s *Service) Join(id SpaceID, dag Space) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	if _, ok := s.spaces[id]; ok {
		return fmt.Errorf("%w: %s is joined already", ErrSpace, id)
	}
	if len(s.spaces) == MaxSpaces {
		return fmt.Errorf("%w: %d are joined, which is as many as there can be", ErrSpace, MaxSpaces)
	}
	s.nextAlias++
	sp := newSpace(id, dag, s.nextAlias, s.cfg)
	sp.repairAt = s.cfg.Now().Add(s.cfg.RepairEvery)
	s.spaces[id] = sp
	s.order = append(s.order, sp)
	for _, l := range s.inOrder() {
		l.announce(sp)
		s.match(l)
	}
	s.poke(sp.repairAt)
	return nil
}

// Leave ends taking part in a space.
func (s *Service) Leave(id SpaceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp, ok := s.spaces[id]
	if !ok {
		return
	}
	delete(s.spaces, id)
	s.order = slices.DeleteFunc(s.order, func(o *space) bool { return o == sp })
	for _, l := range s.inOrder() {
		l.enqueue(encode(leaveFrame{Type: frameLeave, Alias: sp.alias}))
		for alias, o := range l.aliases {
			if o == sp {
				delete(l.aliases, alias)
			}
		}
	}
}

// Publish adds a vertex to a space and spreads it. The error is that of
// [Space.Add].
func (s *Service) Publish(id SpaceID, vertex []byte) error {
	sp, err := s.space(id)
	if err != nil {
		return err
	}
	added, err := sp.dag.Add(vertex)
	if err != nil || len(added.Stored) == 0 {
		return err // it was there, or waits: it is spread when it is stored
	}
	return s.Spread(id, vertex)
}

// Spread pushes a vertex of this node's own, which the space has stored.
func (s *Service) Spread(id SpaceID, vertex []byte) error {
	sp, err := s.space(id)
	if err != nil {
		return err
	}
	vid, author, err := sp.dag.Identify(vertex)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwant(sp, vid)
	e, ok := sp.seen.get(vid)
	if ok && e.state == stateStored {
		return nil
	}
	if !ok {
		e = &entry{id: vid}
		sp.seen.put(vid, e)
	}
	e.author, e.shared, e.state = author, true, stateStored
	s.spread(sp, e)
	return nil
}

// Announce tells of vertices that a space has stored: by reconciliation, from a
// bundle, or because the parents came that they waited for. What gossip brought
// itself goes on as usual, the rest is announced to all neighbours. It is
// harmless to announce what was spread already, so everything that a DAG stores
// may be passed through here.
func (s *Service) Announce(id SpaceID, ids []ID) error {
	sp, err := s.space(id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.unwant(sp, id)
		e, ok := sp.seen.get(id)
		switch {
		case ok && e.state != stateWaiting:
		case ok:
			e.state = stateStored
			s.spread(sp, e)
		default:
			e = &entry{id: id, state: stateOld}
			sp.seen.put(id, e)
			s.spread(sp, e)
		}
	}
	return nil
}

func (s *Service) space(id SpaceID) (*space, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sp, ok := s.spaces[id]; ok {
		return sp, nil
	}
	return nil, fmt.Errorf("%w: %s; join it first", ErrSpace, id)
}

// inOrder returns the links in the order in which they came; s.mu is held.
func (s *Service) inOrder() []*link {
	out := make([]*link, 0, len(s.links))
	for _, l := range s.links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *link) int { return int(a.number) - int(b.number) })
	return out
}
