package group

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// attempts is how often a write that others' changes cross is tried.
const attempts = 4

// found writes the first vertex of a group.
func (g *Group) found(ctx context.Context, title string, author dag.Author) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := RosterMember{Account: g.cfg.Me, Role: Owner, Devices: []Binding{{g.cfg.Device, author}}}
	create := Create{Title: title, Account: g.cfg.Me, Binding: first.Devices[0]}
	return g.open(ctx, Roster{Title: title, Members: []RosterMember{first}}, nil, nil, create)
}

// Send writes what a body says and returns its message when it is durable here; [Group.Flush]
// brings it to the others.
func (g *Group) Send(ctx context.Context, body content.Body) (envelope.Message, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, err := g.ready(ctx)
	if err != nil {
		return envelope.Message{}, err
	}
	id, err := envelope.NewMessageID(g.cfg.Rand)
	if err != nil {
		return envelope.Message{}, err
	}
	now := g.cfg.Now()
	m, err := content.NewMessage(id, ConversationOf(g.space), now, g.order(now), body)
	if err != nil {
		return envelope.Message{}, err
	}
	return m, g.write(ctx, dag.Data, k, contents{message: &m}, nil, store.Batch{})
}

// order is that of a new message: after all that is known.
func (g *Group) order(now time.Time) uint64 {
	g.attribute()
	var top uint64
	for _, m := range g.messages {
		if _, order, err := content.Parse(m.Message); err == nil && !m.Outside {
			top = max(top, order)
		}
	}
	return min(max(top+1, toMs(now), 1), content.MaxOrder)
}

// ready returns the keys to write with: those of an epoch whose recipients are exactly
// the members, opened now if there is none, with a key of this device's for it.
func (g *Group) ready(ctx context.Context) (*kept, error) {
	for range attempts {
		if err := g.advance(ctx); err != nil {
			return nil, err
		}
		if g.members.Role(g.cfg.Me) == None {
			return nil, ErrNotMember
		}
		k := g.current()
		if k == nil || g.due(k) {
			if err := g.open(ctx, g.members.Roster(), nil, nil); err != nil {
				return nil, err
			}
			continue
		}
		if g.own.Epoch == k.epoch {
			return k, nil
		}
		if err := g.renew(ctx, k); err != nil {
			return nil, err
		}
	}
	return nil, ErrBusy
}

// current returns the keys of the epoch to write in, nil if there is none.
func (g *Group) current() *kept {
	id, ok := g.members.Epoch(func(e EpochID) bool { return g.keys[e] != nil })
	if !ok {
		return nil
	}
	return g.keys[id]
}

// due reports whether an epoch is over.
func (g *Group) due(k *kept) bool {
	var written uint64
	for _, c := range k.chains {
		written += c.next
	}
	return written >= MaxEpochMessages || !g.cfg.Now().Before(k.opened.Add(MaxEpochAge))
}

// renew makes a new key for an epoch, has the old one name it, and erases the old one.
func (g *Group) renew(ctx context.Context, k *kept) error {
	if len(g.own.Next) == 0 {
		seed := make([]byte, sign.SeedSize)
		if _, err := io.ReadFull(g.cfg.Rand, seed); err != nil {
			return fmt.Errorf("group: reading randomness: %w", err)
		}
		g.own.Next = seed
	}
	author, err := authorOf(g.own.Next)
	if err != nil {
		return err
	}
	if !slices.Contains(g.own.Authors, [32]byte(author)) {
		g.own.Authors = append(g.own.Authors, author)
	}
	id, err := g.put(ctx, dag.Control, k, contents{ops: []Op{Next{author}}}, nil, store.Batch{})
	if err != nil {
		return err
	}
	g.own.Seed, g.own.Next, g.own.Epoch = g.own.Next, nil, k.epoch
	g.own.Intro = OpID{id, firstOp}.wire()
	if err := g.commit(&store.Batch{}); err != nil {
		return err
	}
	return g.advance(ctx)
}

// open writes a vertex that opens an epoch for a roster, with the ops that bring it about, and
// puts its secret on the way. joiners are those of the ops that add somebody.
func (g *Group) open(ctx context.Context, roster Roster, k *kept, joiners []identity.ID, ops ...Op) error {
	secret := make([]byte, SecretSize)
	if _, err := io.ReadFull(g.cfg.Rand, secret); err != nil {
		return fmt.Errorf("group: reading randomness: %w", err)
	}
	e := epochWire{Epoch: EpochOf(g.space, secret), Roster: roster.Digest()}
	g.own.Secrets = append(g.own.Secrets, secret)
	h := &handingRecord{Version: recordVersion, Secret: slices.Clone(secret), Epoch: e.Epoch}
	for _, m := range roster.Members {
		// To our own account, too: it may have other devices.
		if m.Account != g.cfg.Me || len(m.Devices) > 1 {
			h.To = append(h.To, m.Account)
		}
	}
	for i, a := range joiners {
		h.Roster = append(h.Roster, invitedWire{Account: a, Role: firstOp + uint64(i)})
	}
	var b store.Batch
	if len(h.To) > 0 {
		if err := put(&b, kindHanding, g.name, g.nextHand, h); err != nil {
			return err
		}
		g.handing[g.nextHand] = h
		g.nextHand++
	}
	if k == nil && len(ops) > 0 {
		// The founder's own chain of the epoch that opens here.
		k = g.keep(deriveKeys(g.space, secret, roster.Devices(), g.cfg.Now()))
		g.own.Epoch = k.epoch
	}
	_, err := g.put(ctx, dag.Control, k, contents{ops: ops}, []epochWire{e}, b)
	if err != nil {
		return err
	}
	return g.advance(ctx)
}

// keep takes the keys of an epoch in; the caller commits.
func (g *Group) keep(k *keys) *kept {
	x := &kept{keys: k, num: g.nextKeys, dirty: true}
	g.nextKeys++
	g.keys[k.epoch] = x
	return x
}

// write is put, and reads the vertex back.
func (g *Group) write(ctx context.Context, kind dag.Kind, k *kept, in contents, epochs []epochWire, b store.Batch) error {
	if _, err := g.put(ctx, kind, k, in, epochs, b); err != nil {
		return err
	}
	return g.advance(ctx)
}

// put appends a vertex of our own. Before anybody can see it, that its key is used is
// durable, and what it says too, since the key is gone.
func (g *Group) put(ctx context.Context, kind dag.Kind, k *kept, in contents, epochs []epochWire, b store.Batch) (dag.ID, error) {
	key, err := sign.NewPrivateKey(g.own.Seed)
	if err != nil {
		return dag.ID{}, fmt.Errorf("%w: the key of a group: %w", store.ErrCorrupt, err)
	}
	author := dag.AuthorOf(key.Public())
	p := payload{Epochs: epochs}
	if last, err := g.cfg.Graph.LastSeq(g.space, author); err != nil {
		return dag.ID{}, err
	} else if last == 0 {
		p.Intro = g.own.Intro
	}
	if k != nil {
		plain, err := encodeInside(in)
		if err != nil {
			return dag.ID{}, err
		}
		s, err := k.seal(g.cfg.Rand, g.space, author, Device{g.cfg.Me, g.cfg.Device}, plain)
		if err != nil {
			return dag.ID{}, err
		}
		k.dirty = true
		p.Sealed = []sealed{s}
		g.own.Drafts = append(g.own.Drafts, draftWire{Tag: s.Tag, Epoch: s.Epoch, Index: s.Index, Plain: plain})
	}
	raw, err := encodePayload(kind, p)
	if err != nil {
		return dag.ID{}, err
	}
	if err := g.commit(&b); err != nil {
		return dag.ID{}, err
	}
	_, id, err := g.cfg.Graph.Append(ctx, g.space, dag.NewWriter(key), kind, raw)
	return id, err
}

// change writes ops that change the membership, and opens the epoch that follows from
// them unless leave says that it is for others to do.
func (g *Group) change(ctx context.Context, may func(Roster) error, ops []Op, joiners []identity.ID, leave bool) error {
	k, err := g.ready(ctx)
	if err != nil {
		return err
	}
	roster := g.members.Roster()
	if err := may(roster); err != nil {
		return err
	}
	if leave {
		return g.write(ctx, dag.Control, k, contents{ops: ops}, nil, store.Batch{})
	}
	for _, op := range ops {
		roster.apply(op)
	}
	return g.open(ctx, roster, k, joiners, ops...)
}

// apply changes a roster as an op does whose author knows of everything.
func (r *Roster) apply(op Op) {
	switch x := op.(type) {
	case Add:
		i, _ := r.find(x.Account)
		r.Members = slices.Insert(r.Members, i, RosterMember(x))
	case Remove:
		if i, ok := r.find(x.Account); ok {
			r.Members = slices.Delete(r.Members, i, i+1)
		}
	case SetRole:
		if i, ok := r.find(x.Account); ok {
			r.Members[i].Role = x.Role
		}
	}
}

// Admit lets in those who have accepted our invitations, at most [MaxOps] at once,
// and reports how many.
func (g *Group) Admit(ctx context.Context) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.own.Accepted) == 0 {
		return 0, nil
	}
	if err := g.advance(ctx); err != nil {
		return 0, err
	}
	roster := g.members.Roster()
	var ops []Op
	var joiners []identity.ID
	done := map[identity.ID]bool{}
	size := 0
	for _, a := range g.own.Accepted {
		i := invitedIndex(g.own.Invited, a.Account)
		if i < 0 || roster.Role(a.Account) != None || done[a.Account] {
			done[a.Account] = true
			continue
		}
		if len(ops) == MaxOps || len(roster.Members)+len(ops) >= MaxMembers || size > dag.MaxControlPayload/2 {
			break
		}
		done[a.Account] = true
		size += 160
		ops = append(ops, Add{Account: a.Account, Role: Role(g.own.Invited[i].Role), Devices: []Binding{{a.Device.Device, a.Device.Author}}})
		joiners = append(joiners, a.Account)
	}
	forget := func() {
		g.own.Accepted = slices.DeleteFunc(g.own.Accepted, func(a acceptedWire) bool { return done[a.Account] })
		g.own.Invited = slices.DeleteFunc(g.own.Invited, func(a invitedWire) bool { return done[a.Account] })
	}
	if len(ops) == 0 {
		forget()
		return 0, g.commit(&store.Batch{})
	}
	may := func(r Roster) error {
		if r.Role(g.cfg.Me) < Admin {
			return ErrRight
		}
		return nil
	}
	if err := g.change(ctx, may, ops, joiners, false); err != nil {
		return 0, err
	}
	forget()
	return len(ops), g.commit(&store.Batch{})
}

// Remove takes an account out of the group, for all.
func (g *Group) Remove(ctx context.Context, account identity.ID) error {
	if account == g.cfg.Me {
		return g.Leave(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	may := func(r Roster) error {
		mine, theirs := r.Role(g.cfg.Me), r.Role(account)
		switch {
		case theirs == None:
			return ErrNoMember
		case mine == Owner || mine == Admin && theirs == Member:
			return nil
		default:
			return ErrRight
		}
	}
	return g.change(ctx, may, []Op{Remove{account}}, nil, false)
}

// Leave takes ourselves out. Whoever writes next opens an epoch without us.
func (g *Group) Leave(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.own.LeftMs = toMs(g.cfg.Now())
	return g.change(ctx, func(Roster) error { return nil }, []Op{Remove{g.cfg.Me}}, nil, true)
}

// SetRole gives a member another role.
func (g *Group) SetRole(ctx context.Context, account identity.ID, role Role) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	op := SetRole{account, role}
	if err := op.check(); err != nil {
		return err
	}
	may := func(r Roster) error {
		switch {
		case r.Role(account) == None:
			return ErrNoMember
		case r.Role(g.cfg.Me) < Owner:
			return ErrRight
		default:
			return nil
		}
	}
	return g.change(ctx, may, []Op{op}, nil, true)
}

// SetTitle changes what the group is called.
func (g *Group) SetTitle(ctx context.Context, title string) error {
	if checkTitle(title) != nil {
		return ErrTitle
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	may := func(r Roster) error {
		if r.Role(g.cfg.Me) < Admin {
			return ErrRight
		}
		return nil
	}
	return g.change(ctx, may, []Op{SetTitle{title}}, nil, true)
}

// Rotate opens a new epoch for the same members.
func (g *Group) Rotate(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.ready(ctx); err != nil {
		return err
	}
	return g.open(ctx, g.members.Roster(), nil, nil)
}
