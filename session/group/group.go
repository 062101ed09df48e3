package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// How long keys of epochs that are over are kept for messages that come late.
const (
	keptEpochs = 16
	keptFor    = envelope.MaxTTL
)

// Group is one group on one device. It is safe for concurrent use.
type Group struct {
	cfg   *Config
	space dag.Space
	name  []byte // of its records

	mu      sync.Mutex
	failed  error // the disk refused: what is in memory may be ahead of it
	own     ownRecord
	members *Membership
	// graphErr is what the graph said when the membership asked it.
	graphErr error
	keys     map[EpochID]*kept
	// opened is where each epoch opens.
	opened   map[EpochID]Entry
	nextKeys uint64
	handing  map[uint64]*handingRecord
	nextHand uint64
	rosters  map[dag.ID]*rosterRecord
	nextBase uint64
	intros   map[dag.Author]OpID
	waiting  map[uint64]dag.ID
	messages []Message
	raw      []messageRecord
	changed  bool // messages must be attributed anew
	// asked are the epochs whose roster we have asked for.
	asked map[EpochID]bool
	asks  []askOf
	// inviteTitle is what the invitation called the group, until its roster comes.
	inviteTitle string
}

// kept are the keys of an epoch with the number of their record.
type kept struct {
	*keys
	num   uint64
	dirty bool
}

// load makes a group of its record and reads what else is kept of it.
func (s *Service) load(r ownRecord) (*Group, error) {
	if r.Version != recordVersion {
		return nil, fmt.Errorf("%w: version %d of a group", store.ErrCorrupt, r.Version)
	}
	rules := rulesOf(r.Rules.Seed)
	space, err := s.cfg.Graph.Join(rules)
	if err != nil {
		return nil, err
	}
	g := &Group{
		cfg: &s.cfg, space: space, name: space[:], own: r, keys: map[EpochID]*kept{}, opened: map[EpochID]Entry{}, handing: map[uint64]*handingRecord{},
		rosters: map[dag.ID]*rosterRecord{}, intros: map[dag.Author]OpID{}, waiting: map[uint64]dag.ID{}, asked: map[EpochID]bool{}, changed: true,
	}
	g.members = NewMembership(g.past)
	return g, errors.Join(g.loadKeys(), g.loadHistory(), g.graphErr)
}

func (g *Group) loadKeys() error {
	err := scan(g.cfg.Store, kindKeys, g.name, func(r store.Record, k *keysRecord) error {
		g.keys[k.Epoch] = &kept{keys: k.keys(), num: r.Num}
		g.nextKeys = r.Num + 1
		return nil
	})
	if err != nil {
		return err
	}
	return scan(g.cfg.Store, kindHanding, g.name, func(r store.Record, h *handingRecord) error {
		g.handing[r.Num], g.nextHand = h, r.Num+1
		return nil
	})
}

func (g *Group) loadHistory() error {
	err := scan(g.cfg.Store, kindRoster, g.name, func(r store.Record, x *rosterRecord) error {
		g.rosters[x.Anchor], g.nextBase = x, r.Num+1
		_, err := g.base(x)
		return err
	})
	if err != nil {
		return err
	}
	err = scan(g.cfg.Store, kindOps, g.name, func(_ store.Record, r *opsRecord) error {
		all, err := r.entries()
		for _, e := range all {
			g.takeOp(e)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = scan(g.cfg.Store, kindMessage, g.name, func(_ store.Record, r *messageRecord) error {
		g.raw = append(g.raw, *r)
		return nil
	})
	if err != nil {
		return err
	}
	return g.cfg.Store.Scan(kindWaiting, g.name, 0, func(r store.Record) bool {
		g.waiting[r.Num] = dag.ID(r.Value)
		return true
	})
}

// past answers the membership's questions about the graph.
func (g *Group) past(a, b dag.ID) bool {
	is, err := g.cfg.Graph.Ancestor(g.space, a, b)
	if err != nil && g.graphErr == nil {
		g.graphErr = fmt.Errorf("group: asking the graph: %w", err)
	}
	return is
}

func (g *Group) takeOp(e Entry) {
	if c, ok := e.Op.(Create); ok && (founderSeed(c.Binding.Author) != g.own.Rules.Seed || e.Author != c.Binding.Author) {
		return // somebody else claims to have made the group
	}
	g.members.Add(e)
	if o, ok := e.Op.(OpenEpoch); ok {
		if old, known := g.opened[o.Epoch]; !known || e.ID.compare(old.ID) < 0 {
			g.opened[o.Epoch] = e
		}
	}
	g.changed = true
}

// commit writes the group's own record and changed keys together with b.
func (g *Group) commit(b *store.Batch) error {
	if g.failed != nil {
		return g.failed
	}
	err := put(b, kindGroup, g.name, 0, g.own)
	for _, k := range g.keys {
		if err == nil && k.dirty {
			err = put(b, kindKeys, g.name, k.num, k.record())
		}
	}
	if err == nil {
		err = g.cfg.Store.Commit(b)
	}
	if err != nil {
		g.failed = fmt.Errorf("group: writing: %w; start the program again", err)
		return g.failed
	}
	for _, k := range g.keys {
		k.dirty = false
	}
	return nil
}

// comeBack takes up a group that we were removed from, with a new key.
func (g *Group) comeBack(seed []byte, author dag.Author, inviter identity.ID, b store.Batch) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.own.Seed, g.own.Next, g.own.Epoch, g.own.Intro = seed, nil, EpochID{}, nil
	g.own.Authors = append(g.own.Authors, author)
	g.own.Inviter, g.own.LeftMs = inviter, 0
	return g.commit(&b)
}

// Space is the group's space in the graph, by which it is synchronised.
func (g *Group) Space() dag.Space { return g.space }

// Title is what the group is called.
func (g *Group) Title() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.members.Roster().Title; t != "" {
		return t
	}
	return g.inviteTitle
}

// Roster is who is a member.
func (g *Group) Roster() Roster {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members.Roster()
}

// Role is our own.
func (g *Group) Role() Role {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members.Role(g.cfg.Me)
}

// Mailboxes are the keys of the mailboxes to look into: those of the epochs that messages
// may still come of.
func (g *Group) Mailboxes() ([]*sign.PrivateKey, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*sign.PrivateKey
	for _, k := range g.byAge() {
		key, err := k.mailboxKey()
		if err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, nil
}

// byAge are the keys that are kept, newest first.
func (g *Group) byAge() []*kept {
	out := make([]*kept, 0, len(g.keys))
	for _, k := range g.keys {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *kept) int { return int(b.num) - int(a.num) })
	return out
}

// Messages returns what was written, in an order in which no message stands before
// one that its author knew of.
func (g *Group) Messages() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attribute()
	return slices.Clone(g.messages)
}

// attribute finds out who wrote what; a removal may change the answer for what was
// read before.
func (g *Group) attribute() {
	if !g.changed && len(g.messages) == len(g.raw) {
		return
	}
	from := len(g.messages)
	if g.changed {
		from, g.messages = 0, nil
	}
	for _, r := range g.raw[from:] {
		parsed, err := envelope.ParseMessage(r.Message)
		if err != nil {
			g.cfg.Log.Error("a message of a group does not decode", "error", err)
		}
		m := Message{Vertex: r.Vertex, Lamport: r.Lamport, Message: parsed}
		d, counts, ok := g.members.Writer(r.Vertex, r.Author, payload{Intro: r.Intro}.introduced())
		if ok {
			m.From = d
		}
		m.Outside = !counts
		g.messages = append(g.messages, m)
	}
	slices.SortFunc(g.messages, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Lamport, b.Lamport), a.Vertex.Compare(b.Vertex))
	})
	g.changed = false
}

// Conversation folds the messages that count into what a person sees. Those of
// [Message.Outside] are not in it.
func (g *Group) Conversation() *content.Conversation {
	c := &content.Conversation{}
	for _, m := range g.Messages() {
		if m.Outside {
			continue
		}
		e, err := content.ReadEvent(m.From.Account, m.From.Device, identity.ID{}, m.Message)
		if err != nil {
			g.cfg.Log.Debug("a message of a group says nothing", "error", err)
			continue
		}
		c.Add(e)
	}
	return c
}

// forgetOld drops the keys of epochs that nothing can come of any more.
func (g *Group) forgetOld(b *store.Batch, now time.Time) {
	for i, k := range g.byAge() {
		if i > 0 && (i >= keptEpochs || k.opened.Before(now.Add(-keptFor))) {
			b.Delete(kindKeys, g.name, k.num)
			delete(g.keys, k.epoch)
		}
	}
}

// Invite asks an account to join with a role. Who accepts is let in by [Group.Admit].
func (g *Group) Invite(ctx context.Context, account identity.ID, role Role) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	roster := g.members.Roster()
	mine := roster.Role(g.cfg.Me)
	switch {
	case mine == None:
		return ErrNotMember
	case role < Member || role > Owner || mine < Admin || role > Member && mine < Owner:
		return ErrRight
	case roster.Role(account) != None:
		return ErrIsMember
	case len(roster.Members)+len(g.own.Accepted) >= MaxMembers:
		return ErrFull
	}
	w := invitedWire{Account: account, Role: uint64(role)}
	if i := invitedIndex(g.own.Invited, account); i >= 0 {
		g.own.Invited[i] = w
	} else if len(g.own.Invited) >= MaxMembers {
		return ErrFull
	} else {
		g.own.Invited = append(g.own.Invited, w)
	}
	if err := g.commit(&store.Batch{}); err != nil {
		return err
	}
	raw, err := encodeHand(hand{Type: handInvite, Space: g.space, Seed: g.own.Rules.Seed[:], Title: roster.Title, Role: uint64(role)})
	if err != nil {
		return err
	}
	return g.cfg.Pairwise.SendPairwise(ctx, account, raw)
}

// Rules are those of the group's space.
func (g *Group) Rules() dag.Rules { return rulesOf(g.own.Rules.Seed) }
