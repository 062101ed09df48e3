package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/group"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/messenger"
	"github.com/pars-network/pars/session/store"
)

// kindHandIn are pairwise messages of groups that were not read yet: name "in", number
// order of coming. They hold secrets.
const kindHandIn = store.Erasable | 0x25

var nameHandIn = []byte("in")

// groupPace is how often groups are looked after when nothing wakes them: for what could
// not be sent before.
const groupPace = 15 * time.Second

// groups is the node's side of private groups: pairwise messages go through the
// ratchets, vertices over links among members who are linked.
type groups struct {
	d    *Daemon
	wake chan struct{}

	mu      sync.Mutex // guards service, next and joined
	service *group.Service
	next    uint64
	joined  map[dag.Space]bool
	follow  sync.WaitGroup
	ctx     context.Context
}

func newGroups(d *Daemon) *groups {
	g := &groups{d: d, wake: make(chan struct{}, 1), next: 1, joined: map[dag.Space]bool{}}
	d.messenger.Handle(envelope.Group, g.handIn)
	return g
}

func (g *groups) load() error {
	last, ok, err := g.d.store.Last(kindHandIn, nameHandIn)
	if err == nil && ok {
		g.next = last + 1
	}
	return err
}

// handIn keeps a pairwise message, with the envelope's other effects, until the groups
// read it. The messenger is locked while this runs.
func (g *groups) handIn(b *store.Batch, in messenger.Incoming) (func(), error) {
	body, _, err := content.Parse(in.Message)
	if err != nil {
		return nil, err
	}
	data, ok := body.(content.Group)
	if !ok {
		return nil, errors.New("not a message for groups")
	}
	g.mu.Lock()
	num := g.next
	g.next++
	g.mu.Unlock()
	value := append(append(append([]byte{}, in.From[:]...), in.Device[:]...), data.Data...)
	b.Put(kindHandIn, nameHandIn, num, value)
	return g.poke, nil
}

// poke has the groups looked after soon.
func (g *groups) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// open returns the groups of the identity, once there is one.
func (g *groups) open() (*group.Service, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.service != nil {
		return g.service, nil
	}
	me, err := g.d.messenger.Identity()
	if err != nil {
		return nil, err
	}
	device, err := g.d.messenger.Device()
	if err != nil {
		return nil, err
	}
	s, err := group.Open(group.Config{
		Store: g.d.store, Graph: g.d.spaces.graph, Me: me.ID, Device: device, Pairwise: pairwise{g.d.messenger},
		Now: g.d.cfg.Clock.Now, Rand: g.d.cfg.Rand, Log: g.d.cfg.Logger,
	})
	if err == nil {
		g.service = s
	}
	return s, err
}

// run looks after the groups until ctx ends.
func (g *groups) run(ctx context.Context) {
	g.mu.Lock()
	g.ctx = ctx
	g.mu.Unlock()
	defer g.follow.Wait()
	for {
		if err := g.advance(ctx); err != nil && ctx.Err() == nil {
			g.d.cfg.Logger.Warn("groups", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		case <-g.d.cfg.Clock.After(groupPace):
		}
	}
}

func (g *groups) advance(ctx context.Context) error {
	s, err := g.open()
	if errors.Is(err, messenger.ErrNoIdentity) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := g.readIn(ctx, s); err != nil {
		return err
	}
	for _, x := range s.Groups() {
		if err := g.takePart(x); err != nil {
			return err
		}
	}
	return s.Advance(ctx)
}

// readIn gives the groups what came through ratchets.
func (g *groups) readIn(ctx context.Context, s *group.Service) error {
	for {
		var num uint64
		var value []byte
		err := g.d.store.Scan(kindHandIn, nameHandIn, 0, func(r store.Record) bool {
			num, value = r.Num, r.Value
			return false
		})
		if err != nil || value == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		var from group.Device
		n := copy(from.Account[:], value)
		n += copy(from.Device[:], value[n:])
		if err := s.HandlePairwise(ctx, from, value[n:]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			g.d.cfg.Logger.Debug("a pairwise message of a group was of no use", "error", err)
		}
		var b store.Batch
		b.Delete(kindHandIn, nameHandIn, num)
		if err := g.d.store.Commit(&b); err != nil {
			return err
		}
	}
}

// takePart has a group's vertices exchanged with linked members, and reads them as
// they come.
func (g *groups) takePart(x *group.Group) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joined[x.Space()] {
		return nil
	}
	if _, err := g.d.spaces.public.Join(x.Rules()); err != nil {
		return err
	}
	stats, err := g.d.spaces.graph.Stats(x.Space())
	if err != nil {
		return err
	}
	feed, err := g.d.spaces.graph.Feed(x.Space(), stats.Last)
	if err != nil {
		return err
	}
	g.joined[x.Space()] = true
	ctx := g.ctx
	g.follow.Go(func() {
		for {
			if _, err := feed.Next(ctx, 64); err != nil {
				return // the node stops, or its disk has failed and others say so
			}
			g.poke()
		}
	})
	return nil
}

// pairwise hands groups' secrets through the ratchets.
type pairwise struct{ m *messenger.Messenger }

// SendPairwise implements [group.Pairwise].
func (p pairwise) SendPairwise(_ context.Context, to identity.ID, payload []byte) error {
	_, err := p.m.SendContent(to.String(), envelope.Group, payload)
	return err
}

// names gives people the names that they have among the contacts.
func (d *Daemon) names() (map[identity.ID]string, error) {
	all, err := d.messenger.Contacts()
	if err != nil {
		return nil, err
	}
	out := make(map[identity.ID]string, len(all))
	for _, c := range all {
		out[c.ID] = c.Name
	}
	return out, nil
}

// person finds who is meant: a contact, or a Session ID.
func (d *Daemon) person(who string) (identity.ID, error) {
	if id, err := identity.ParseID(who); err == nil {
		return id, nil
	}
	c, err := d.messenger.Contact(who)
	return c.ID, err
}

// beginsWith reports whether an id in hexadecimal begins with some digits, of which there
// must be enough.
func beginsWith(id envelope.MessageID, digits string) bool {
	return len(digits) >= 4 && len(digits) <= 32 && id.String()[:len(digits)] == digits
}
