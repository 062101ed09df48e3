package group

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
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/mistake"
	"github.com/pars-network/pars/session/store"
)

// Limits of what a device takes part in.
const (
	// MaxGroups is how many groups a device is in.
	MaxGroups = 256
	// MaxInvitations is how many invitations wait for an answer.
	MaxInvitations = 64
)

// What callers can be told. Compare with errors.Is.
var (
	ErrNoGroup   = mistake.New(mistake.NotFound, "no-group", "there is no such group here; parsctl group list shows them")
	ErrTwoGroups = mistake.New(mistake.Refused, "group-two", "more than one group has that title; name it by its id")
	ErrInvited   = mistake.New(mistake.NotFound, "no-invitation", "nobody has invited you to such a group; ask to be invited again")
	ErrTitle     = mistake.New(mistake.Invalid, "group-title", fmt.Sprintf("a title has 1 to %d bytes of text on one line", MaxTitle))
	ErrNotMember = mistake.New(mistake.Refused, "not-member", "you are not a member of this group")
	ErrRight     = mistake.New(mistake.Refused, "group-right", "your role in this group does not allow that")
	ErrNoMember  = mistake.New(mistake.NotFound, "no-member", "this person is not a member of the group")
	ErrIsMember  = mistake.New(mistake.Refused, "is-member", "this person is a member of the group already")
	ErrFull      = mistake.New(mistake.Full, "group-full", fmt.Sprintf("the group has %d members, which is as many as there can be", MaxMembers))
	ErrGroups    = mistake.New(mistake.Full, "groups-full", fmt.Sprintf("this device is in %d groups, which is as many as there can be", MaxGroups))
	ErrBusy      = mistake.New(mistake.Refused, "group-busy", "the members of this group change too fast at the moment; do it again")
)

// Mail puts an envelope into the mailbox that it names. It returns when the envelope
// is stored for others or durable in an outbox.
type Mail interface {
	PutEnvelope(ctx context.Context, envelope []byte) error
}

// Config is what a [Service] needs. All but Mail, Now, Rand and Log are required.
type Config struct {
	Store Store
	Graph *dag.Store
	// Me and Device are who this device belongs to, and which it is.
	Me       identity.ID
	Device   identity.DeviceID
	Pairwise Pairwise
	// Mail is where vertices are put for others; without one they travel by
	// reconciliation alone.
	Mail Mail
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is where keys come from; nil means crypto/rand.
	Rand io.Reader
	// Log gets what goes wrong in the background; nil means nowhere.
	Log *slog.Logger
}

// Invitation is a group that somebody has invited us to.
type Invitation struct {
	Space   dag.Space
	Title   string
	Inviter identity.ID
	Role    Role
	At      time.Time
	// Accepted says that we have answered and wait to be let in.
	Accepted bool

	record invitationRecord
}

// Service is the groups of a device. It is safe for concurrent use.
type Service struct {
	cfg Config

	mu      sync.Mutex
	groups  map[dag.Space]*Group
	invites map[dag.Space]*Invitation
}

// Open reads which groups the device is in.
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
	s := &Service{cfg: cfg, groups: map[dag.Space]*Group{}, invites: map[dag.Space]*Invitation{}}
	err := scan(cfg.Store, kindGroup, nil, func(_ store.Record, r *ownRecord) error {
		g, err := s.load(*r)
		if err == nil {
			s.groups[g.space] = g
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, scan(cfg.Store, kindInvitation, nil, func(_ store.Record, r *invitationRecord) error {
		i := invitation(*r)
		s.invites[i.Space] = &i
		return nil
	})
}

func invitation(r invitationRecord) Invitation {
	return Invitation{
		Space: rulesOf(r.Rules.Seed).Space(), Title: r.Title, Inviter: r.Inviter, Role: Role(r.Role), At: fromMs(r.AtMs),
		Accepted: len(r.Seed) > 0, record: r,
	}
}

func rulesOf(seed [32]byte) dag.Rules { return dag.Rules{Auth: dag.Signed, Seed: seed} }

// newKey makes a key to write with.
func (s *Service) newKey() ([]byte, dag.Author, error) {
	seed := make([]byte, sign.SeedSize)
	if _, err := io.ReadFull(s.cfg.Rand, seed); err != nil {
		return nil, dag.Author{}, fmt.Errorf("group: reading randomness: %w", err)
	}
	a, err := authorOf(seed)
	return seed, a, err
}

func authorOf(seed []byte) (dag.Author, error) {
	k, err := sign.NewPrivateKey(seed)
	if err != nil {
		return dag.Author{}, fmt.Errorf("%w: the key of a group: %w", store.ErrCorrupt, err)
	}
	return dag.AuthorOf(k.Public()), nil
}

// Create makes a group whose only member is this account, as its owner.
func (s *Service) Create(ctx context.Context, title string) (*Group, error) {
	if checkTitle(title) != nil {
		return nil, ErrTitle
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.groups) >= MaxGroups {
		return nil, ErrGroups
	}
	seed, author, err := s.newKey()
	if err != nil {
		return nil, err
	}
	g, err := s.join(ownRecord{Rules: rulesWire{Seed: founderSeed(author)}, Seed: seed, Authors: [][32]byte{author}}, store.Batch{})
	if err != nil {
		return nil, err
	}
	s.groups[g.space] = g
	return g, g.found(ctx, title, author)
}

// founderSeed ties a group to who made it: nobody else's first vertex can be taken
// for the founder's.
func founderSeed(author dag.Author) [32]byte { return digest.Sum("pars group founder v1", author) }

// join makes a group of its record and keeps it, together with b.
func (s *Service) join(r ownRecord, b store.Batch) (*Group, error) {
	r.Version = recordVersion
	g, err := s.load(r)
	if err != nil {
		return nil, err
	}
	return g, g.commit(&b)
}

// Groups returns all groups, by title and id.
func (s *Service) Groups() []*Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Group, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Group) int { return slices.Compare(a.space[:], b.space[:]) })
	return out
}

// Group returns the one with that space; nil if there is none.
func (s *Service) Group(space dag.Space) *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[space]
}

// Advance reads what has come for all groups, lets in who has accepted, and sends what is to be
// sent. What goes wrong with one group does not keep the others from going on.
func (s *Service) Advance(ctx context.Context) error {
	var errs []error
	for _, g := range s.Groups() {
		if err := g.Advance(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := g.Admit(ctx); err != nil && !errors.Is(err, ErrRight) && !errors.Is(err, ErrNotMember) {
			errs = append(errs, err)
		}
		errs = append(errs, g.Flush(ctx))
	}
	return errors.Join(errs...)
}

// Find returns the group with an id, the beginning of an id (8 digits or more), or a
// title.
func (s *Service) Find(which string) (*Group, error) {
	var found []*Group
	for _, g := range s.Groups() {
		if g.Title() == which || len(which) >= 8 && strings.HasPrefix(g.space.String(), strings.ToLower(which)) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 0:
		return nil, ErrNoGroup
	case 1:
		return found[0], nil
	default:
		return nil, ErrTwoGroups
	}
}

// Invitations returns what we were invited to and have not been let in yet.
func (s *Service) Invitations() []Invitation {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Invitation, 0, len(s.invites))
	for _, i := range s.invites {
		out = append(out, *i)
	}
	slices.SortFunc(out, func(a, b Invitation) int { return slices.Compare(a.Space[:], b.Space[:]) })
	return out
}

// Accept answers an invitation. The group is there when the inviter has let us in.
func (s *Service) Accept(ctx context.Context, space dag.Space) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.invites[space]
	if i == nil {
		return ErrInvited
	}
	if len(s.groups) >= MaxGroups {
		return ErrGroups
	}
	if !i.Accepted {
		seed, _, err := s.newKey()
		if err != nil {
			return err
		}
		i.record.Seed = seed
		var b store.Batch
		if err := put(&b, kindInvitation, space[:], 0, i.record); err != nil {
			return err
		}
		if err := s.cfg.Store.Commit(&b); err != nil {
			return err
		}
		i.Accepted = true
	}
	author, err := authorOf(i.record.Seed)
	if err != nil {
		return err
	}
	raw, err := encodeHand(hand{Type: handAccept, Space: space, Device: []bindingWire{{Device: s.cfg.Device, Author: author}}})
	if err != nil {
		return err
	}
	return s.cfg.Pairwise.SendPairwise(ctx, i.Inviter, raw)
}

// Decline forgets an invitation.
func (s *Service) Decline(space dag.Space) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.invites[space] == nil {
		return ErrInvited
	}
	var b store.Batch
	b.Delete(kindInvitation, space[:], 0)
	if err := s.cfg.Store.Commit(&b); err != nil {
		return err
	}
	delete(s.invites, space)
	return nil
}

// HandlePairwise takes what another device has sent through the ratchet. An error that is
// not one of the store's says that the payload was of no use, and nothing has changed.
func (s *Service) HandlePairwise(ctx context.Context, from Device, raw []byte) error {
	h, err := decodeHand(raw)
	if err != nil {
		return err
	}
	s.mu.Lock()
	g, i := s.groups[h.Space], s.invites[h.Space]
	switch {
	case h.Type == handInvite && (g == nil || g.Role() == None):
		defer s.mu.Unlock()
		return s.invited(from.Account, h)
	case i != nil && i.Accepted && i.Inviter == from.Account && (h.Type == handSecret || h.Type == handRoster):
		g, err = s.letIn(i, g)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		return g.handle(ctx, from, h)
	case g != nil:
		s.mu.Unlock()
		return g.handle(ctx, from, h)
	default:
		s.mu.Unlock()
		return ErrNoGroup
	}
}

func (s *Service) invited(from identity.ID, h hand) error {
	rules := rulesWire{Seed: [32]byte(h.Seed)}
	if rulesOf(rules.Seed).Space() != h.Space {
		return fmt.Errorf("%w: an invitation to another group than it names", errHand)
	}
	if len(s.invites) >= MaxInvitations && s.invites[h.Space] == nil {
		return ErrFull
	}
	if old := s.invites[h.Space]; old != nil && old.Accepted && old.Inviter == from {
		return nil
	}
	r := invitationRecord{Version: recordVersion, Inviter: from, Rules: rules, Title: h.Title, Role: h.Role, AtMs: toMs(s.cfg.Now())}
	var b store.Batch
	if err := put(&b, kindInvitation, h.Space[:], 0, r); err != nil {
		return err
	}
	if err := s.cfg.Store.Commit(&b); err != nil {
		return err
	}
	i := invitation(r)
	s.invites[i.Space] = &i
	return nil
}

// letIn makes a group of an invitation whose inviter hands us its keys.
// g is the group if we were in it before.
func (s *Service) letIn(i *Invitation, g *Group) (*Group, error) {
	author, err := authorOf(i.record.Seed)
	if err != nil {
		return nil, err
	}
	var b store.Batch
	b.Delete(kindInvitation, i.Space[:], 0)
	if g != nil {
		err = g.comeBack(i.record.Seed, author, i.Inviter, b)
	} else {
		g, err = s.join(ownRecord{Rules: i.record.Rules, Seed: i.record.Seed, Authors: [][32]byte{author}, Inviter: i.Inviter}, b)
	}
	if err != nil {
		return nil, err
	}
	g.inviteTitle = i.Title
	s.groups[i.Space] = g
	delete(s.invites, i.Space)
	return g, nil
}

// FindInvitation returns the invitation to a group with an id, the beginning of an id (8
// digits or more), or a title.
func (s *Service) FindInvitation(which string) (Invitation, error) {
	var found []Invitation
	for _, i := range s.Invitations() {
		if i.Title == which || len(which) >= 8 && strings.HasPrefix(i.Space.String(), strings.ToLower(which)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return Invitation{}, ErrInvited
	case 1:
		return found[0], nil
	default:
		return Invitation{}, ErrTwoGroups
	}
}
