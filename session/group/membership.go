package group

import (
	"math"
	"slices"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/identity"
)

// Entry is an op with where it stands in the graph.
type Entry struct {
	ID OpID
	// Lamport is the vertex's, Author who signed it.
	Lamport uint64
	Author  dag.Author
	// Intro is the op that, by the author's own word, introduced this key; zero if
	// none is needed, because a [Roster] did.
	Intro OpID
	Op    Op
}

// Past reports whether vertex a is in b's past.
type Past func(a, b dag.ID) bool

// Membership is what a set of ops comes to. It is for one goroutine, and its
// answers depend on the set alone, not on the order in which ops were added.
//
// An op that takes something away (a removal, a lesser role) holds for good if
// its author was allowed to in the op's own past. Any other op holds if, besides, no
// removal of its author stands beside it (neither in the other's past), no lesser role that
// would not allow it does, and what gave its author the right holds too.
type Membership struct {
	past Past
	// ops are in an order in which the past comes first.
	ops []*op
	// byAccount are the ops that say something about an account, byAuthor those
	// that introduce a key.
	byAccount map[identity.ID][]*op
	byAuthor  map[dag.Author][]*op
	sorted    bool
	known     map[OpID]bool
	ancestry  map[[2]dag.ID]bool
	// anchors are the vertices of rosters: an epoch opened there needs no author.
	anchors map[dag.ID]bool
	// now and then remember what holds in the whole set and before one position.
	now, then map[*op]bool
	thenAt    position
}

// maxAncestry bounds what is remembered of the graph; each entry takes 100 bytes.
const maxAncestry = 1 << 20

// op is an entry with what was found out about it.
type op struct {
	Entry
	// base marks the entries of a roster: they hold without an author.
	base bool
	// kept says that the author was allowed to, by the op's own past.
	kept bool
	// who wrote it, and which op introduced the key it was signed with.
	actor   Device
	binding *op
	// takes marks removals and lesser roles.
	takes bool
}

// position is a place in the graph: what a question is about are the ops before it.
type position struct {
	OpID
	all bool // all that there are
}

var everything = position{all: true}

// after is the place behind all ops of a vertex.
func after(v dag.ID) position { return position{OpID: OpID{v, math.MaxUint32}} }

// baseIndex is where the entries of a roster stand in their vertex: behind its ops.
const baseIndex = 1 << 30

// NewMembership returns a membership without members. past must answer for every vertex
// that an entry names.
func NewMembership(past Past) *Membership {
	return &Membership{
		past: past, byAccount: map[identity.ID][]*op{}, byAuthor: map[dag.Author][]*op{}, sorted: true,
		known: map[OpID]bool{}, ancestry: map[[2]dag.ID]bool{}, anchors: map[dag.ID]bool{}, now: map[*op]bool{}, then: map[*op]bool{},
	}
}

// Add takes an op in. Adding one again changes nothing.
func (m *Membership) Add(e Entry) { m.add(&op{Entry: e}) }

// AddRoster makes those of a roster members as of behind a vertex.
func (m *Membership) AddRoster(at dag.ID, lamport uint64, r Roster) {
	m.anchors[at], m.sorted = true, false
	for i, x := range r.Members {
		e := Entry{ID: OpID{at, baseIndex + uint32(i)}, Lamport: lamport, Op: Add(x)}
		m.add(&op{Entry: e, base: true, kept: true})
	}
	if r.Title != "" {
		m.add(&op{Entry: Entry{ID: OpID{at, baseIndex - 1}, Lamport: lamport, Op: SetTitle{r.Title}}, base: true, kept: true})
	}
}

func (m *Membership) add(o *op) {
	if m.known[o.ID] {
		return
	}
	m.known[o.ID] = true
	clear(m.now)
	m.forget()
	if n := len(m.ops); n > 0 && before(o, m.ops[n-1]) {
		m.sorted = false
	}
	m.ops = append(m.ops, o)
	switch x := o.Op.(type) {
	case Create:
		m.note(o, x.Account, x.Binding)
	case Add:
		m.note(o, x.Account, x.Devices...)
	case Remove:
		m.note(o, x.Account)
	case SetRole:
		m.note(o, x.Account)
	case Next:
		m.byAuthor[x.Author] = append(m.byAuthor[x.Author], o)
	case AddDevice:
		m.byAuthor[x.Binding.Author] = append(m.byAuthor[x.Binding.Author], o)
	}
	if m.sorted {
		m.judge(o)
	}
}

func (m *Membership) note(o *op, account identity.ID, bindings ...Binding) {
	m.byAccount[account] = append(m.byAccount[account], o)
	for _, b := range bindings {
		m.byAuthor[b.Author] = append(m.byAuthor[b.Author], o)
	}
}

// before is an order in which the past comes first.
func before(a, b *op) bool {
	if a.Lamport != b.Lamport {
		return a.Lamport < b.Lamport
	}
	return a.ID.compare(b.ID) < 0
}

// settle judges all ops anew after one came whose place is before others'.
func (m *Membership) settle() {
	if m.sorted {
		return
	}
	slices.SortFunc(m.ops, func(a, b *op) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	m.sorted = true
	for _, o := range m.ops {
		o.kept, o.takes, o.actor, o.binding = o.base, false, Device{}, nil
	}
	m.forget()
	for _, o := range m.ops {
		m.judge(o)
	}
	clear(m.now)
}

// forget drops what was found out about the ops before one position.
func (m *Membership) forget() {
	clear(m.then)
	m.thenAt = position{}
}

// precedes reports whether op o stands before a position.
func (m *Membership) precedes(o OpID, p position) bool {
	if p.all {
		return true
	}
	if o.Vertex == p.Vertex {
		return o.Index < p.Index
	}
	k := [2]dag.ID{o.Vertex, p.Vertex}
	is, ok := m.ancestry[k]
	if !ok {
		if len(m.ancestry) >= maxAncestry {
			clear(m.ancestry)
		}
		is = m.past(o.Vertex, p.Vertex)
		m.ancestry[k] = is
	}
	return is
}

// superseded reports whether a roster that stands before a position replaces an op: who
// was told who is in the group may have missed what had changed by then.
func (m *Membership) superseded(o *op, at position) bool {
	for a := range m.anchors {
		base := OpID{a, baseIndex - 1}
		if m.precedes(base, at) && m.precedes(o.ID, position{OpID: base}) {
			return true
		}
	}
	return false
}

func (m *Membership) beside(a, b *op) bool {
	return a != b && !m.precedes(a.ID, position{OpID: b.ID}) && !m.precedes(b.ID, position{OpID: a.ID})
}

// judge decides whether the author of an op was allowed to, by the op's past.
func (m *Membership) judge(o *op) {
	if o.base {
		return
	}
	here := position{OpID: o.ID}
	if c, ok := o.Op.(Create); ok {
		// That the key is the founder's, and the vertex the first, has been checked.
		o.actor, o.kept = Device{c.Account, c.Binding.Device}, c.Binding.Author == o.Author
		return
	}
	if _, opens := o.Op.(OpenEpoch); opens && m.anchors[o.ID.Vertex] {
		o.kept = true
		return
	}
	o.binding = m.introduced(o.Author, o.Intro, here, here)
	if o.binding == nil {
		return
	}
	o.actor = bound(o.binding, o.Author)
	mine := m.role(o.actor.Account, here, here)
	switch x := o.Op.(type) {
	case Add:
		o.kept = mine >= o.needs() && m.role(x.Account, here, here) == None
	case Remove:
		theirs := m.role(x.Account, here, here)
		self := x.Account == o.actor.Account
		o.kept = theirs > None && mine > None && (self || mine == Owner || mine == Admin && theirs == Member)
		o.takes = o.kept
	case SetRole:
		theirs := m.role(x.Account, here, here)
		o.kept = mine == Owner && theirs > None
		o.takes = o.kept && x.Role < theirs
	default:
		o.kept = mine >= o.needs()
	}
}

// needs is the least role that an op takes.
func (o *op) needs() Role {
	switch x := o.Op.(type) {
	case Add:
		if x.Role > Member {
			return Owner
		}
		return Admin
	case SetRole:
		return Owner
	case SetTitle:
		return Admin
	default:
		return Member
	}
}

// bound returns whose key an op introduces.
func bound(o *op, a dag.Author) Device {
	switch x := o.Op.(type) {
	case Create:
		return Device{x.Account, x.Binding.Device}
	case Add:
		for _, b := range x.Devices {
			if b.Author == a {
				return Device{x.Account, b.Device}
			}
		}
	case Next:
		return o.actor
	case AddDevice:
		return Device{o.actor.Account, x.Binding.Device}
	}
	return Device{}
}

// introduced returns the op that introduced a key and holds in ctx, the one that
// the key itself names or one of a roster; nil if there is none before at.
func (m *Membership) introduced(a dag.Author, intro OpID, at, ctx position) *op {
	for _, o := range m.byAuthor[a] {
		if o.introduces(intro) && m.precedes(o.ID, at) && m.holds(o, ctx) {
			return o
		}
	}
	return nil
}

// introduces reports whether an op is the one that a key names, or one that needs no naming.
func (o *op) introduces(intro OpID) bool {
	_, founds := o.Op.(Create)
	return o.ID == intro || o.base || founds
}

// role is that of an account at a position, by the ops that hold in ctx, which the
// position is part of.
func (m *Membership) role(account identity.ID, at, ctx position) Role {
	var removals, gifts []*op
	for _, o := range m.byAccount[account] {
		if _, ok := o.Op.(Remove); ok && o.kept && m.precedes(o.ID, at) && !m.superseded(o, at) {
			removals = append(removals, o)
		}
	}
	member := false
	for _, o := range m.byAccount[account] {
		if _, ok := o.Op.(Remove); ok || !m.precedes(o.ID, at) || m.superseded(o, at) || !m.holds(o, ctx) {
			continue
		}
		// Coming back takes knowing of every removal.
		if slices.ContainsFunc(removals, func(r *op) bool { return !m.precedes(r.ID, position{OpID: o.ID}) }) {
			continue
		}
		if _, ok := o.Op.(SetRole); !ok {
			member = true
		}
		gifts = append(gifts, o)
	}
	if !member {
		return None
	}
	least := Owner
	for _, o := range gifts {
		if slices.ContainsFunc(gifts, func(later *op) bool { return m.precedes(o.ID, position{OpID: later.ID}) }) {
			continue
		}
		least = min(least, roleIn(o))
	}
	return least
}

func roleIn(o *op) Role {
	switch x := o.Op.(type) {
	case Add:
		return x.Role
	case SetRole:
		return x.Role
	default:
		return Owner // who made the group
	}
}

// holds reports whether an op counts when everything before ctx is known.
func (m *Membership) holds(o *op, ctx position) bool {
	if !o.kept || o.base || o.takes {
		return o.kept
	}
	if _, ok := o.Op.(Create); ok {
		return true
	}
	memo := m.now
	if !ctx.all {
		if m.thenAt != ctx {
			m.forget()
			m.thenAt = ctx
		}
		memo = m.then
	}
	v, ok := memo[o]
	if !ok {
		v = m.stands(o, ctx)
		memo[o] = v
	}
	return v
}

func (m *Membership) stands(o *op, ctx position) bool {
	if o.binding == nil {
		return true // an anchor's epoch
	}
	for _, t := range m.byAccount[o.actor.Account] {
		if !t.takes || !m.precedes(t.ID, ctx) || !m.beside(t, o) {
			continue
		}
		if s, ok := t.Op.(SetRole); !ok || s.Role < o.needs() {
			return false
		}
	}
	here := position{OpID: o.ID}
	return m.holds(o.binding, ctx) && m.role(o.actor.Account, here, ctx) >= o.needs()
}

// Role is that of an account now.
func (m *Membership) Role(account identity.ID) Role {
	m.settle()
	return m.role(account, everything, everything)
}

// Roster is who is a member now.
func (m *Membership) Roster() Roster {
	m.settle()
	return m.roster(everything)
}

// RosterAfter is who was a member behind a vertex, by what was known there.
func (m *Membership) RosterAfter(v dag.ID) Roster {
	m.settle()
	return m.roster(after(v))
}

func (m *Membership) roster(at position) Roster {
	var out Roster
	for account := range m.byAccount {
		if r := m.role(account, at, at); r > None {
			out.Members = append(out.Members, RosterMember{Account: account, Role: r})
		}
	}
	slices.SortFunc(out.Members, func(a, b RosterMember) int { return a.Account.Compare(b.Account) })
	m.fillDevices(&out, at)
	out.Title = m.title(at)
	return out
}

// fillDevices finds the key that each device writes with: of those introduced for
// it, by ops that hold and that no removal cut off, the one that no other follows.
func (m *Membership) fillDevices(r *Roster, at position) {
	last := map[Device]*op{}
	author := map[Device]dag.Author{}
	for _, o := range m.ops {
		if !m.precedes(o.ID, at) || m.superseded(o, at) || !m.holds(o, at) {
			continue
		}
		for a := range authorsOf(o.Op) {
			d := bound(o, a)
			if m.cutOff(d.Account, o, at) {
				continue
			}
			// Of two beside each other the order of ops decides: it is the same everywhere.
			last[d], author[d] = o, a
		}
	}
	for d := range last {
		if i, ok := r.find(d.Account); ok {
			r.Members[i].Devices = append(r.Members[i].Devices, Binding{d.Device, author[d]})
		}
	}
	for i := range r.Members {
		slices.SortFunc(r.Members[i].Devices, func(a, b Binding) int {
			return Device{Device: a.Device}.compare(Device{Device: b.Device})
		})
	}
}

// cutOff reports whether a removal of the account stands behind or beside an op.
func (m *Membership) cutOff(account identity.ID, o *op, at position) bool {
	for _, t := range m.byAccount[account] {
		if _, ok := t.Op.(Remove); ok && t.kept && m.precedes(t.ID, at) && !m.precedes(t.ID, position{OpID: o.ID}) {
			return true
		}
	}
	return false
}

// authorsOf are the keys that an op introduces.
func authorsOf(o Op) map[dag.Author]bool {
	out := map[dag.Author]bool{}
	switch x := o.(type) {
	case Create:
		out[x.Binding.Author] = true
	case Add:
		for _, b := range x.Devices {
			out[b.Author] = true
		}
	case Next:
		out[x.Author] = true
	case AddDevice:
		out[x.Binding.Author] = true
	}
	return out
}

// title is what the last op that sets it says.
func (m *Membership) title(at position) string {
	var text string
	for _, o := range m.ops {
		if !m.precedes(o.ID, at) || m.superseded(o, at) || !m.holds(o, at) {
			continue
		}
		switch x := o.Op.(type) {
		case Create:
			text = x.Title
		case SetTitle:
			text = x.Title
		}
	}
	return text
}

// Writer returns whose key a vertex was signed with, and whether what it says counts:
// it does not if a removal of its author stands beside it, or before it and no coming
// back in between. intro is what the key's first vertex names.
func (m *Membership) Writer(v dag.ID, a dag.Author, intro OpID) (d Device, counts, ok bool) {
	m.settle()
	var o *op
	for _, x := range m.byAuthor[a] {
		if x.introduces(intro) && x.kept && m.precedes(x.ID, after(v)) {
			o = x
		}
	}
	if o == nil {
		return Device{}, false, false
	}
	d = bound(o, a)
	start := position{OpID: OpID{Vertex: v}}
	counts = m.role(d.Account, start, everything) > None || m.role(d.Account, after(v), everything) > None
	for _, t := range m.byAccount[d.Account] {
		if _, is := t.Op.(Remove); is && t.kept && t.ID.Vertex != v && !m.precedes(OpID{Vertex: v}, position{OpID: t.ID}) && !m.precedes(t.ID, start) {
			counts = false
		}
	}
	return d, counts, true
}

// MayWriteWith reports whether some op has introduced this key for that device: what can
// be asked before the vertex itself is decrypted.
func (m *Membership) MayWriteWith(a dag.Author, d Device) bool {
	m.settle()
	return slices.ContainsFunc(m.byAuthor[a], func(o *op) bool { return o.kept && bound(o, a) == d })
}

// Epoch returns the epoch to write in: the last one, of those that have says yes to, whose recipients
// are exactly the present members with their present devices; false if there is none.
func (m *Membership) Epoch(have func(EpochID) bool) (EpochID, bool) {
	m.settle()
	now := m.roster(everything).recipients()
	for _, o := range slices.Backward(m.ops) {
		e, ok := o.Op.(OpenEpoch)
		if !ok || !have(e.Epoch) || m.stale(o) || !m.holds(o, everything) {
			continue
		}
		if then := m.roster(after(o.ID.Vertex)); then.recipients() == now && (m.anchors[o.ID.Vertex] || then.Digest() == e.Roster) {
			return e.Epoch, true
		}
	}
	return EpochID{}, false
}

// stale reports whether a removal stands behind or beside an epoch's opening: then
// somebody may have its secret who is no member, or has come back since.
func (m *Membership) stale(o *op) bool {
	end := after(o.ID.Vertex)
	return slices.ContainsFunc(m.ops, func(t *op) bool {
		_, ok := t.Op.(Remove)
		return ok && t.kept && !m.precedes(t.ID, end)
	})
}
