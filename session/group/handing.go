package group

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/wire"
)

// Pairwise sends what only one account may read to all of its devices but this one,
// each through its own ratchet. It returns when the payload is durable in an outbox;
// it may be called again with the same after a crash. payload is at most
// [MaxPairwise] bytes.
type Pairwise interface {
	SendPairwise(ctx context.Context, to identity.ID, payload []byte) error
}

// MaxPairwise bounds what goes through a ratchet, in bytes.
const MaxPairwise = 32 << 10

// rosterPart is how many bytes of a roster go into one pairwise message.
const rosterPart = 28 << 10

// maxRosterParts bounds the parts of a roster.
const maxRosterParts = (maxRoster + rosterPart - 1) / rosterPart

// The types of pairwise messages.
const (
	handInvite = 1
	handAccept = 2
	handSecret = 3
	handRoster = 4
	handAsk    = 5
)

// hand is a pairwise message: fields that a type does not have are empty.
type hand struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Type    uint64
	Space   [32]byte
	// Seed, Title and Role are of an invitation.
	Seed  []byte
	Title string
	Role  uint64
	// Device is that of an acceptance.
	Device []bindingWire
	// Secret is an epoch's.
	Secret []byte
	// Anchor is where a roster stands; Intro the place of the receiver's own op there.
	Anchor []byte
	Intro  uint64
	// Part of Parts of the encoded roster.
	Part, Parts uint64
	Roster      []byte
}

// errHand reports bytes that are no pairwise message of a group.
var errHand = errors.New("group: not a pairwise message of a group")

func encodeHand(h hand) ([]byte, error) {
	h.Version = 1
	raw, err := wire.Marshal(h)
	if err == nil && len(raw) > MaxPairwise {
		err = fmt.Errorf("%w: %d bytes, want at most %d", errHand, len(raw), MaxPairwise)
	}
	return raw, err
}

func decodeHand(raw []byte) (hand, error) {
	var h hand
	if err := wire.Unmarshal(raw, MaxPairwise, &h); err != nil {
		return hand{}, fmt.Errorf("%w: %w", errHand, err)
	}
	ok := h.Version == 1
	switch h.Type {
	case handInvite:
		ok = ok && len(h.Seed) == 32 && checkTitle(h.Title) == nil && h.Role >= uint64(Member) && h.Role <= uint64(Owner)
	case handAccept:
		ok = ok && len(h.Device) == 1
	case handSecret:
		ok = ok && len(h.Secret) == SecretSize
	case handRoster:
		ok = ok && len(h.Anchor) == 32 && h.Part < h.Parts && h.Parts <= maxRosterParts && len(h.Roster) > 0 && len(h.Roster) <= rosterPart && h.Intro < baseIndex
	case handAsk:
		ok = ok && len(h.Anchor) == 32
	default:
		ok = false
	}
	if !ok {
		return hand{}, fmt.Errorf("%w: type %d of version %d", errHand, h.Type, h.Version)
	}
	return h, nil
}

// rosterHands cuts a roster into pairwise messages.
func rosterHands(space, anchor [32]byte, intro uint32, r Roster) ([][]byte, error) {
	raw, err := r.encode()
	if err != nil {
		return nil, err
	}
	n := (len(raw) + rosterPart - 1) / rosterPart
	out := make([][]byte, n)
	for i := range n {
		part := raw[i*rosterPart : min(len(raw), (i+1)*rosterPart)]
		if out[i], err = encodeHand(hand{Type: handRoster, Space: space, Anchor: anchor[:], Intro: uint64(intro), Part: uint64(i), Parts: uint64(n), Roster: part}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// askOf is a question to be sent.
type askOf struct {
	to     identity.ID
	anchor dag.ID
}

// handle takes a pairwise message for this group.
func (g *Group) handle(ctx context.Context, from Device, h hand) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.advance(ctx); err != nil {
		return err
	}
	switch h.Type {
	case handAccept:
		return g.accepted(from, h)
	case handSecret:
		return g.secret(ctx, from, h)
	case handRoster:
		return g.roster(ctx, from, h)
	case handAsk:
		if g.members.Role(from.Account) == None {
			return ErrNotMember
		}
		return g.answer(ctx, from.Account, dag.ID(h.Anchor))
	default:
		return nil // an invitation to where we are
	}
}

// accepted notes that somebody whom we invited has said yes.
func (g *Group) accepted(from Device, h hand) error {
	if invitedIndex(g.own.Invited, from.Account) < 0 {
		return fmt.Errorf("%w: an acceptance of who was not invited", errHand)
	}
	if h.Device[0].Device != from.Device {
		return fmt.Errorf("%w: an acceptance for another device", errHand)
	}
	if slices.ContainsFunc(g.own.Accepted, func(a acceptedWire) bool { return a.Account == from.Account }) {
		return nil
	}
	g.own.Accepted = append(g.own.Accepted, acceptedWire{Account: from.Account, Device: h.Device[0]})
	return g.commit(&store.Batch{})
}

// secret keeps an epoch's secret until its opening is here.
func (g *Group) secret(ctx context.Context, from Device, h hand) error {
	epoch := EpochOf(g.space, h.Secret)
	known := g.keys[epoch] != nil || slices.ContainsFunc(g.own.Secrets, func(s []byte) bool { return EpochOf(g.space, s) == epoch })
	if known {
		return nil
	}
	if g.members.Role(from.Account) == None && from.Account != g.own.Inviter {
		return ErrNotMember
	}
	if len(g.own.Secrets) >= maxSecrets {
		clear(g.own.Secrets[0])
		g.own.Secrets = g.own.Secrets[1:]
	}
	g.own.Secrets = append(g.own.Secrets, h.Secret)
	if err := g.commit(&store.Batch{}); err != nil {
		return err
	}
	return g.advance(ctx)
}

// roster keeps a part of who is in the group, as of a vertex.
func (g *Group) roster(ctx context.Context, from Device, h hand) error {
	if !g.trusts(from.Account) {
		return fmt.Errorf("%w: a roster from who may not add members", errHand)
	}
	anchor := dag.ID(h.Anchor)
	x := g.rosters[anchor]
	if x == nil {
		if len(g.rosters) >= maxRosters {
			return ErrFull
		}
		x = &rosterRecord{Version: recordVersion, Anchor: anchor, Intro: h.Intro, Num: g.nextBase, Have: make([][]byte, h.Parts)}
		g.nextBase++
		g.rosters[anchor] = x
	}
	if h.Parts != uint64(len(x.Have)) {
		return fmt.Errorf("%w: part of a roster in %d parts, want %d", errHand, h.Parts, len(x.Have))
	}
	if len(x.Have[h.Part]) > 0 {
		return nil
	}
	x.Have[h.Part] = h.Roster
	var b store.Batch
	if err := put(&b, kindRoster, g.name, x.Num, x); err != nil {
		return err
	}
	if err := g.commit(&b); err != nil {
		return err
	}
	if done, err := g.base(x); err != nil || !done {
		return err
	}
	return g.advance(ctx)
}

// maxRosters bounds the rosters that a device is told over the years.
const maxRosters = 256

// base makes a roster part of the membership, once all of it and its vertex are here.
func (g *Group) base(x *rosterRecord) (bool, error) {
	var raw []byte
	for _, part := range x.Have {
		if len(part) == 0 {
			return false, nil
		}
		raw = append(raw, part...)
	}
	head, found, err := g.cfg.Graph.Header(g.space, x.Anchor)
	if err != nil || !found {
		return false, err
	}
	r, err := decodeRoster(raw)
	if err != nil {
		g.cfg.Log.Warn("a roster does not decode", "error", err)
		return false, nil
	}
	g.members.AddRoster(x.Anchor, head.Lamport, r)
	g.changed = true
	return true, nil
}

// trusts reports whether we take a roster from an account: from who invited us, and from
// those who may add members. Who was in the group from its start needs none.
func (g *Group) trusts(account identity.ID) bool {
	return g.own.Inviter != [32]byte{} && (account == g.own.Inviter || g.members.Role(account) >= Admin)
}

// ask notes that we need to be told who an epoch is for.
func (g *Group) ask(e Entry) {
	o, ok := e.Op.(OpenEpoch)
	if !ok || g.asked[o.Epoch] || g.own.Inviter == [32]byte{} {
		return
	}
	g.asked[o.Epoch] = true
	to := identity.ID(g.own.Inviter)
	if d, _, ok := g.members.Writer(e.ID.Vertex, e.Author, e.Intro); ok && g.trusts(d.Account) {
		to = d.Account
	}
	g.asks = append(g.asks, askOf{to, e.ID.Vertex})
}

// answer tells a member who is in the group as of a vertex that opens an epoch, if we
// see it as its author did.
func (g *Group) answer(ctx context.Context, to identity.ID, anchor dag.ID) error {
	for _, e := range g.opened {
		o, _ := e.Op.(OpenEpoch)
		if e.ID.Vertex != anchor {
			continue
		}
		roster := g.members.RosterAfter(anchor)
		if roster.Digest() != o.Roster || roster.Role(to) == None {
			return fmt.Errorf("%w: the roster of this epoch is not known here", errHand)
		}
		return g.sendRoster(ctx, to, anchor, firstOp, roster)
	}
	return fmt.Errorf("%w: no epoch opens there", errHand)
}

func (g *Group) sendRoster(ctx context.Context, to identity.ID, anchor dag.ID, intro uint32, r Roster) error {
	parts, err := rosterHands(g.space, anchor, intro, r)
	for _, p := range parts {
		if err == nil {
			err = g.cfg.Pairwise.SendPairwise(ctx, to, p)
		}
	}
	return err
}

// handBatch is after how many secrets it is noted who has theirs.
const handBatch = 32

// Flush brings what we have written to the others: secrets through the ratchet, vertices into
// the mailboxes. What fails stays, and the next call tries again.
func (g *Group) Flush(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.advance(ctx); err != nil {
		return err
	}
	for _, q := range g.asks {
		raw, err := encodeHand(hand{Type: handAsk, Space: g.space, Anchor: q.anchor[:]})
		if err == nil {
			err = g.cfg.Pairwise.SendPairwise(ctx, q.to, raw)
		}
		if err != nil {
			return err
		}
	}
	g.asks = nil
	for num, h := range g.handing {
		if err := g.handOver(ctx, num, h); err != nil {
			return err
		}
	}
	return g.mail(ctx)
}

// handOver sends one epoch's secret to those who do not have it yet.
func (g *Group) handOver(ctx context.Context, num uint64, h *handingRecord) error {
	e, opened := g.opened[h.Epoch]
	var roster Roster
	if opened && len(h.Roster) > 0 {
		roster = g.members.RosterAfter(e.ID.Vertex)
	}
	raw, err := encodeHand(hand{Type: handSecret, Space: g.space, Secret: h.Secret})
	if err != nil {
		return err
	}
	// Who can't be reached must not keep others from being told.
	var unreached [][32]byte
	var failed error
	for n := 1; opened && len(h.To) > 0; n++ {
		to := identity.ID(h.To[0])
		err := ctx.Err()
		if i := invitedIndex(h.Roster, to); err == nil && i >= 0 {
			err = g.sendRoster(ctx, to, e.ID.Vertex, uint32(h.Roster[i].Role), roster)
		}
		if err == nil {
			err = g.cfg.Pairwise.SendPairwise(ctx, to, raw)
		}
		if err != nil {
			unreached, failed = append(unreached, h.To[0]), err
		}
		h.To = h.To[1:]
		if n%handBatch == 0 {
			rest := h.To
			h.To = append(slices.Clone(unreached), rest...)
			if err := g.handed(num, h); err != nil {
				return err
			}
			h.To = rest
		}
	}
	if len(unreached) > 0 {
		h.To = unreached
		g.cfg.Log.Warn("some members could not be given an epoch's secret; it is tried again", "members", len(unreached), "error", failed)
		return g.handed(num, h)
	}
	// An epoch that was never opened, because of a crash, is for nobody.
	h.To = nil
	clear(h.Secret)
	return g.handed(num, h)
}

// Waiting are the members who have not been given the secret of an epoch yet: what is written in it they
// can't read.
func (g *Group) Waiting() []identity.ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []identity.ID
	for _, h := range g.handing {
		for _, a := range h.To {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, identity.ID.Compare)
	return slices.Compact(out)
}

// handed notes who still has to get a secret, and forgets it when nobody has.
func (g *Group) handed(num uint64, h *handingRecord) error {
	var b store.Batch
	if len(h.To) > 0 {
		if err := put(&b, kindHanding, g.name, num, h); err != nil {
			return err
		}
	} else {
		delete(g.handing, num)
		b.Delete(kindHanding, g.name, num)
	}
	return g.commit(&b)
}

// mail puts our own vertices into the mailboxes of those who can read them.
func (g *Group) mail(ctx context.Context) error {
	if g.cfg.Mail == nil {
		return nil
	}
	for e, err := range g.unmailed() {
		if err != nil {
			return err
		}
		for _, raw := range e.envelopes {
			if err := g.cfg.Mail.PutEnvelope(ctx, raw); err != nil {
				return err
			}
		}
		if g.own.Mailed = e.position; len(e.envelopes) > 0 {
			if err := g.commit(&store.Batch{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// letter is a vertex on its way into mailboxes.
type letter struct {
	position  uint64
	envelopes [][]byte
}

// unmailed yields what was written here and not put into mailboxes.
func (g *Group) unmailed() iter.Seq2[letter, error] {
	return func(yield func(letter, error) bool) {
		feed, err := g.cfg.Graph.Feed(g.space, g.own.Mailed)
		if err != nil {
			yield(letter{}, err)
			return
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		for {
			list, err := feed.Next(now, page)
			if errors.Is(err, context.Canceled) {
				return
			}
			if err != nil {
				yield(letter{}, err)
				return
			}
			for _, e := range list {
				raw, err := e.Encoded()
				var l letter
				if err == nil {
					l.position = e.Position
					l.envelopes, err = g.lettersOf(raw)
				}
				if !yield(l, err) || err != nil {
					return
				}
			}
		}
	}
}

// lettersOf are the envelopes of a vertex, none if it is not ours: one for the epoch that it
// is sealed in, one for the epoch that it opens, and where it says nothing else one for
// the epoch before.
func (g *Group) lettersOf(raw []byte) ([][]byte, error) {
	v, err := dag.Decode(raw)
	if err != nil || !slices.Contains(g.own.Authors, [32]byte(v.Author)) {
		return nil, err
	}
	p, err := decodePayload(v.Kind, v.Payload)
	if err != nil {
		return nil, err
	}
	to := map[EpochID]bool{}
	for _, s := range p.Sealed {
		to[s.Epoch] = true
	}
	for _, e := range p.Epochs {
		to[e.Epoch] = true
		for _, k := range g.byAge() {
			if k.epoch != e.Epoch && len(p.Sealed) == 0 {
				to[k.epoch] = true
				break
			}
		}
	}
	var out [][]byte
	for _, k := range g.byAge() {
		if !to[k.epoch] {
			continue
		}
		env, err := k.envelope(g.cfg.Rand, g.cfg.Now(), raw)
		if err != nil {
			return nil, err
		}
		out = append(out, env)
	}
	return out, nil
}
