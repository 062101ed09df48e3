package group

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/store"
)

const (
	// page is how many vertices are read at once, and committed together.
	page = 64
	// maxWaiting is how many vertices wait for keys.
	maxWaiting = 4096
	// maxSecrets is how many secrets wait for the vertex that opens their epoch.
	maxSecrets = 32
)

// Deliver takes an envelope from a mailbox of the group: [ErrNoEpoch] if it is of none of
// ours. The vertex in it may wait for others; [Group.Advance] reads what is there.
func (g *Group) Deliver(ctx context.Context, raw []byte) (dag.Outcome, error) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return dag.Outcome{}, err
	}
	vertex, err := g.unwrap(e)
	if err != nil {
		return dag.Outcome{}, err
	}
	out, err := g.cfg.Graph.Add(ctx, [][]byte{vertex}, dag.Source{Pulled: true})
	if err != nil {
		return dag.Outcome{}, err
	}
	return out[0], g.Advance(ctx)
}

func (g *Group) unwrap(e envelope.Envelope) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range g.keys {
		box, err := k.mailboxID()
		if err != nil {
			return nil, err
		}
		if box == e.Mailbox {
			return k.unwrap(e)
		}
	}
	return nil, ErrNoEpoch
}

// Advance reads what has come into the graph since.
func (g *Group) Advance(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.advance(ctx)
}

func (g *Group) advance(ctx context.Context) error {
	if g.failed != nil {
		return g.failed
	}
	feed, err := g.cfg.Graph.Feed(g.space, g.own.Read)
	if err != nil {
		return err
	}
	// A feed waits for what is to come; what is there it gives at once.
	now, cancel := context.WithCancel(ctx)
	cancel()
	for {
		list, err := feed.Next(now, page)
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			break
		}
		if err != nil {
			return err
		}
		var b store.Batch
		for _, e := range list {
			if err := g.read(&b, e.ID, e.Position); err != nil {
				return err
			}
			g.own.Read = e.Position
		}
		if err := g.settle(&b, true); err != nil {
			return err
		}
	}
	if err := g.settle(&store.Batch{}, false); err != nil {
		return err
	}
	return g.graphErr
}

// settle does what new ops and keys make possible, until nothing more is, and commits
// with what else there is in b.
func (g *Group) settle(b *store.Batch, must bool) error {
	for {
		derived := g.derive(b)
		read, err := g.retry(b)
		if err != nil {
			return err
		}
		if !derived && !read {
			break
		}
		must = true
	}
	if !must {
		return nil
	}
	return g.commit(b)
}

// read takes one vertex in. An error is one of the store's or the graph's.
func (g *Group) read(b *store.Batch, id dag.ID, position uint64) error {
	v, err := g.cfg.Graph.Get(g.space, id)
	if err != nil {
		return err
	}
	p, err := decodePayload(v.Kind, v.Payload)
	if err != nil {
		g.cfg.Log.Debug("a vertex of a group says nothing", "error", err)
		return nil
	}
	if v.Seq == 1 {
		g.introduce(v.Author, p.introduced())
	}
	if x := g.rosters[id]; x != nil {
		if _, err := g.base(x); err != nil {
			return err
		}
	}
	done, err := g.take(b, id, v, p, position)
	if err != nil || done {
		return err
	}
	if len(g.waiting) >= maxWaiting {
		g.cfg.Log.Warn("too much of a group waits for keys; a vertex is passed over")
		return nil
	}
	g.waiting[position] = id
	b.Put(kindWaiting, g.name, position, id[:])
	if len(p.Epochs) > 0 {
		// That an epoch opens can be read before what else the vertex says.
		return g.takeOps(b, id, v, payload{Intro: p.Intro, Epochs: p.Epochs}, contents{}, position)
	}
	return nil
}

// introduce remembers which op a key says has introduced it. Of a key that says two
// things the lesser counts, everywhere.
func (g *Group) introduce(a dag.Author, intro OpID) {
	if old, ok := g.intros[a]; !ok || intro.compare(old) < 0 {
		g.intros[a] = intro
	}
}

// introOf is what the first vertex of a key names.
func (g *Group) introOf(a dag.Author) (OpID, error) {
	if intro, ok := g.intros[a]; ok {
		return intro, nil
	}
	firsts, err := g.cfg.Graph.ByAuthor(g.space, a, 1, 1)
	if err != nil {
		return OpID{}, err
	}
	for _, h := range firsts {
		v, err := g.cfg.Graph.Get(g.space, h.ID)
		if err != nil {
			return OpID{}, err
		}
		if p, err := decodePayload(v.Kind, v.Payload); err == nil {
			g.introduce(a, p.introduced())
		}
	}
	return g.intros[a], nil
}

// take reads what a vertex says; false if its keys or its author's are not here yet.
func (g *Group) take(b *store.Batch, id dag.ID, v *dag.Vertex, p payload, position uint64) (bool, error) {
	var c contents
	if len(p.Sealed) == 1 {
		plain, ok, err := g.plaintext(v, p.Sealed[0])
		if err != nil || !ok {
			return err != nil && !errors.Is(err, errGraph), graphOnly(err)
		}
		if c, err = decodeInside(v.Kind, plain); err != nil {
			g.cfg.Log.Debug("a vertex of a group says nothing", "error", err)
			return true, nil
		}
	}
	if c.message != nil {
		return true, g.takeMessage(b, id, v, *c.message, position)
	}
	return true, g.takeOps(b, id, v, p, c, position)
}

// errGraph marks an error of the graph, as opposed to one about a vertex.
var errGraph = errors.New("group: reading the graph")

func graphOnly(err error) error {
	if errors.Is(err, errGraph) {
		return err
	}
	return nil
}

// plaintext opens the sealed part of a vertex. ok is false if that may become possible
// later; an error that is not the graph's says that it never will.
func (g *Group) plaintext(v *dag.Vertex, s sealed) (plain []byte, ok bool, err error) {
	if i := slices.IndexFunc(g.own.Drafts, func(d draftWire) bool { return d.Epoch == s.Epoch && d.Tag == s.Tag && d.Index == s.Index }); i >= 0 && slices.Contains(g.own.Authors, [32]byte(v.Author)) {
		plain = g.own.Drafts[i].Plain
		g.own.Drafts = slices.Delete(g.own.Drafts, i, i+1)
		return plain, true, nil
	}
	k := g.keys[s.Epoch]
	if k == nil {
		return nil, false, nil
	}
	owner, err := k.owner(s)
	if err != nil {
		return nil, false, err
	}
	if _, err := g.introOf(v.Author); err != nil {
		return nil, false, fmt.Errorf("%w: %w", errGraph, err)
	}
	// Who had the secret can make any member's keys, so a key is used up only for a vertex
	// that the chain's owner has signed.
	if !g.members.MayWriteWith(v.Author, owner) {
		return nil, false, nil
	}
	plain, err = k.open(g.space, v.Author, s)
	if err != nil {
		g.cfg.Log.Debug("a vertex of a group does not open", "error", err)
		return nil, false, err
	}
	k.dirty = true
	return plain, true, nil
}

func (g *Group) takeOps(b *store.Batch, id dag.ID, v *dag.Vertex, p payload, c contents, position uint64) error {
	intro, err := g.introOf(v.Author)
	if err != nil {
		return err
	}
	r := opsRecord{Version: recordVersion, Vertex: id, Lamport: v.Lamport, Author: v.Author, Intro: intro.wire(), Epochs: p.Epochs}
	for _, op := range c.ops {
		w, err := packOp(op)
		if err != nil {
			return err
		}
		r.Ops = append(r.Ops, w)
	}
	for _, e := range entries(id, v, intro, p, c) {
		g.takeOp(e)
	}
	return put(b, kindOps, g.name, position, r)
}

func (g *Group) takeMessage(b *store.Batch, id dag.ID, v *dag.Vertex, m envelope.Message, position uint64) error {
	if m.Conversation != ConversationOf(g.space) {
		g.cfg.Log.Debug("a message of a group is of another conversation")
		return nil
	}
	intro, err := g.introOf(v.Author)
	if err != nil {
		return err
	}
	raw, err := m.Bytes()
	if err != nil {
		return err
	}
	r := messageRecord{Version: recordVersion, Vertex: id, Lamport: v.Lamport, Author: v.Author, Intro: intro.wire(), Message: raw}
	g.raw = append(g.raw, r)
	return put(b, kindMessage, g.name, position, r)
}

// retry takes in what waited and can be read now.
func (g *Group) retry(b *store.Batch) (bool, error) {
	moved := false
	positions := make([]uint64, 0, len(g.waiting))
	for n := range g.waiting {
		positions = append(positions, n)
	}
	slices.Sort(positions)
	for _, n := range positions {
		id := g.waiting[n]
		v, err := g.cfg.Graph.Get(g.space, id)
		if err != nil {
			return moved, err
		}
		p, err := decodePayload(v.Kind, v.Payload)
		done := err != nil
		if !done {
			if done, err = g.take(b, id, v, p, n); err != nil {
				return moved, err
			}
		}
		if done {
			delete(g.waiting, n)
			b.Delete(kindWaiting, g.name, n)
			moved = true
		}
	}
	return moved, nil
}

// derive makes the keys of epochs whose secret and opening are both here, and erases
// the secret.
func (g *Group) derive(b *store.Batch) bool {
	moved := false
	for i := 0; i < len(g.own.Secrets); {
		secret := g.own.Secrets[i]
		e, ok := g.opened[EpochOf(g.space, secret)]
		if !ok {
			i++
			continue
		}
		o, _ := e.Op.(OpenEpoch)
		roster := g.members.RosterAfter(e.ID.Vertex)
		if roster.Digest() != o.Roster {
			// Somebody opened an epoch for other people than we know of: a lie, or we can't
			// read what changed. Who joined late asks those who let people in.
			g.ask(e)
			i++
			continue
		}
		if g.keys[o.Epoch] == nil {
			g.keep(deriveKeys(g.space, secret, roster.Devices(), g.cfg.Now()))
			g.forgetOld(b, g.cfg.Now())
		}
		clear(secret)
		g.own.Secrets = slices.Delete(g.own.Secrets, i, i+1)
		if len(g.own.Seed) > 0 && g.own.Epoch == (EpochID{}) {
			// Our first epoch: the key is the one that we were added with.
			g.own.Epoch, g.own.Intro = o.Epoch, OpID{e.ID.Vertex, g.introIndex(e.ID.Vertex)}.wire()
		}
		moved = true
	}
	return moved
}

// introIndex is the place of the op that added us, in the vertex of our first roster.
func (g *Group) introIndex(v dag.ID) uint32 {
	if x := g.rosters[v]; x != nil {
		return uint32(x.Intro)
	}
	return firstOp
}
