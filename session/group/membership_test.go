package group

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"pgregory.net/rapid"
)

// graph is a small graph of vertices with ops, made by people who obey and by people who
// don't.
type graph struct {
	entries []Entry
	past    map[dag.ID]map[dag.ID]bool
}

func (g *graph) isPast(a, b dag.ID) bool { return g.past[b][a] }

func vertexID(n int) dag.ID {
	// Not in the order of making, so that ties are broken in every way.
	return digest.Sum("vertex", uint64(n))
}

func accountID(n int) identity.ID { return identity.ID{byte(n + 1)} }

func authorOfNumber(n int) dag.Author {
	var a dag.Author
	binary.BigEndian.PutUint32(a[:], uint32(n+1))
	return a
}

const accounts = 5

// drawGraph makes random vertices on top of random others. Each op is by a key that was
// introduced somewhere, not always in the op's past; rights are not asked.
func drawGraph(t *rapid.T) *graph {
	g := &graph{past: map[dag.ID]map[dag.ID]bool{}}
	type key struct {
		author dag.Author
		intro  OpID
	}
	keys := []key{{author: authorOfNumber(0)}}
	lamport := map[dag.ID]uint64{}
	var all []dag.ID
	n := rapid.IntRange(1, 18).Draw(t, "vertices")
	for i := range n {
		id := vertexID(i)
		past := map[dag.ID]bool{}
		lamport[id] = 1
		if i > 0 {
			heads := rapid.SliceOfN(rapid.SampledFrom(all), 1, 2).Draw(t, "parents")
			if rapid.IntRange(0, 2).Draw(t, "sees all") > 0 {
				heads = all[max(0, len(all)-1):]
			}
			for _, h := range heads {
				past[h] = true
				for p := range g.past[h] {
					past[p] = true
				}
				lamport[id] = max(lamport[id], lamport[h]+1)
			}
		}
		g.past[id] = past
		all = append(all, id)
		by := rapid.SampledFrom(keys).Draw(t, "key")
		e := Entry{ID: OpID{id, firstOp}, Lamport: lamport[id], Author: by.author, Intro: by.intro}
		account := accountID(rapid.IntRange(0, accounts-1).Draw(t, "account"))
		if i == 0 {
			e.Op = Create{Title: "t", Account: accountID(0), Binding: Binding{identity.DeviceID{1}, authorOfNumber(0)}}
		} else {
			role := Role(rapid.IntRange(1, 3).Draw(t, "role"))
			fresh := authorOfNumber(1 + i)
			switch rapid.IntRange(0, 8).Draw(t, "op") {
			case 0, 1, 2:
				e.Op = Add{Account: account, Role: role, Devices: []Binding{{identity.DeviceID{1}, fresh}}}
				keys = append(keys, key{fresh, e.ID})
			case 3, 4:
				e.Op = Remove{account}
			case 5:
				e.Op = SetRole{account, role}
			case 6:
				e.Op = Next{fresh}
				keys = append(keys, key{fresh, e.ID})
			case 7:
				e.Op = AddDevice{Binding{identity.DeviceID{2}, fresh}}
				keys = append(keys, key{fresh, e.ID})
			default:
				e.Op = SetTitle{fmt.Sprint("title ", i)}
			}
		}
		g.entries = append(g.entries, e)
	}
	return g
}

func (g *graph) fold(entries []Entry) *Membership {
	m := NewMembership(g.isPast)
	for _, e := range entries {
		m.Add(e)
	}
	return m
}

func TestEverybodyEndsWithTheSameMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		m := g.fold(g.entries)
		other := NewMembership(g.isPast)
		for _, e := range rapid.Permutation(g.entries).Draw(t, "order") {
			other.Add(e)
			other.Add(e)
			if rapid.Bool().Draw(t, "asks in between") {
				_ = other.Roster()
			}
		}
		if a, b := m.Roster(), other.Roster(); a.Digest() != b.Digest() || a.Title != b.Title {
			t.Fatalf("in order %v, in another %v", a, b)
		}
		for _, e := range g.entries {
			a, b := m.RosterAfter(e.ID.Vertex), other.RosterAfter(e.ID.Vertex)
			if a.Digest() != b.Digest() {
				t.Fatalf("behind %s: in order %v, in another %v", e.ID.Vertex, a, b)
			}
			d1, c1, ok1 := m.Writer(e.ID.Vertex, e.Author, e.Intro)
			d2, c2, ok2 := other.Writer(e.ID.Vertex, e.Author, e.Intro)
			if d1 != d2 || c1 != c2 || ok1 != ok2 {
				t.Fatalf("the writer of %s depends on the order", e.ID.Vertex)
			}
		}
	})
}

// reference works out roles straight from spec/group.md, without remembering anything: sets
// of ops in, a role out.
type reference struct{ g *graph }

func (r reference) before(a, b Entry) bool { return r.g.isPast(a.ID.Vertex, b.ID.Vertex) }

func (r reference) pastOf(e Entry) []Entry {
	var out []Entry
	for _, x := range r.g.entries {
		if r.before(x, e) {
			out = append(out, x)
		}
	}
	return out
}

// whose finds who signed an op, by the ops in known, and the op that introduced the key.
func (r reference) whose(e Entry, known []Entry) (identity.ID, *Entry) {
	if c, ok := e.Op.(Create); ok {
		return c.Account, nil
	}
	for _, x := range known {
		_, founds := x.Op.(Create)
		if x.ID != e.Intro && !founds {
			continue
		}
		switch o := x.Op.(type) {
		case Create:
			if o.Binding.Author == e.Author {
				return o.Account, &x
			}
		case Add:
			if o.Devices[0].Author == e.Author {
				return o.Account, &x
			}
		case Next:
			if o.Author == e.Author {
				who, _ := r.whose(x, r.pastOf(x))
				return who, &x
			}
		case AddDevice:
			if o.Binding.Author == e.Author {
				who, _ := r.whose(x, r.pastOf(x))
				return who, &x
			}
		}
	}
	return identity.ID{}, nil
}

func (r reference) least(op Op) Role {
	switch o := op.(type) {
	case Add:
		if o.Role == Member {
			return Admin
		}
		return Owner
	case SetRole:
		return Owner
	case SetTitle:
		return Admin
	}
	return Member
}

// allowed is by the op's own past.
func (r reference) allowed(e Entry) (ok, takes bool) {
	if c, is := e.Op.(Create); is {
		return c.Binding.Author == e.Author, false
	}
	past := r.pastOf(e)
	who, by := r.whose(e, past)
	if by == nil || !r.counts(*by, past) {
		return false, false
	}
	mine := r.role(who, past, past)
	switch o := e.Op.(type) {
	case Add:
		return mine >= r.least(o) && r.role(o.Account, past, past) == None, false
	case Remove:
		theirs := r.role(o.Account, past, past)
		ok := theirs != None && mine != None && (who == o.Account || mine == Owner || mine == Admin && theirs == Member)
		return ok, ok
	case SetRole:
		theirs := r.role(o.Account, past, past)
		return mine == Owner && theirs != None, mine == Owner && theirs != None && o.Role < theirs
	default:
		return mine >= r.least(o), false
	}
}

// counts reports whether an op holds when known is all that is known.
func (r reference) counts(e Entry, known []Entry) bool {
	ok, takes := r.allowed(e)
	if _, is := e.Op.(Create); is || !ok || takes {
		return ok
	}
	past := r.pastOf(e)
	who, by := r.whose(e, past)
	for _, t := range known {
		if t.ID == e.ID || r.before(t, e) || r.before(e, t) {
			continue
		}
		ok, takes := r.allowed(t)
		if !ok || !takes {
			continue
		}
		switch o := t.Op.(type) {
		case Remove:
			if o.Account == who {
				return false
			}
		case SetRole:
			if o.Account == who && o.Role < r.least(e.Op) {
				return false
			}
		}
	}
	return r.counts(*by, known) && r.role(who, past, known) >= r.least(e.Op)
}

// role is that of an account by the ops at, as far as they hold when known is all that
// is known.
func (r reference) role(account identity.ID, at, known []Entry) Role {
	var gifts []Entry
	member := false
	for _, e := range at {
		var of identity.ID
		switch o := e.Op.(type) {
		case Create:
			of = o.Account
		case Add:
			of = o.Account
		case SetRole:
			of = o.Account
		default:
			continue
		}
		if of != account || !r.counts(e, known) {
			continue
		}
		cut := slices.ContainsFunc(at, func(x Entry) bool {
			o, is := x.Op.(Remove)
			ok, _ := r.allowed(x)
			return is && o.Account == account && ok && !r.before(x, e)
		})
		if cut {
			continue
		}
		if _, is := e.Op.(SetRole); !is {
			member = true
		}
		gifts = append(gifts, e)
	}
	if !member {
		return None
	}
	least := Owner
	for _, e := range gifts {
		if slices.ContainsFunc(gifts, func(x Entry) bool { return r.before(e, x) }) {
			continue
		}
		switch o := e.Op.(type) {
		case Add:
			least = min(least, o.Role)
		case SetRole:
			least = min(least, o.Role)
		}
	}
	return least
}

func TestMembershipIsWhatTheTextSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		if len(g.entries) > 12 {
			g.entries = g.entries[:12]
		}
		m, r := g.fold(g.entries), reference{g}
		for n := range accounts {
			if got, want := m.Role(accountID(n)), r.role(accountID(n), g.entries, g.entries); got != want {
				t.Fatalf("account %d is %s, want %s", n, got, want)
			}
		}
	})
}

func TestRemovalWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		m := g.fold(g.entries)
		for _, e := range g.entries {
			o, is := e.Op.(Remove)
			if !is || !m.known[e.ID] {
				continue
			}
			i := slices.IndexFunc(m.ops, func(x *op) bool { return x.ID == e.ID })
			if !m.ops[i].kept || m.Role(o.Account) == None {
				continue
			}
			// A member in spite of a removal has been let in by who knew of it.
			if !slices.ContainsFunc(g.entries, func(x Entry) bool {
				a, is := x.Op.(Add)
				return is && a.Account == o.Account && g.isPast(e.ID.Vertex, x.ID.Vertex)
			}) {
				t.Fatalf("%s was removed, never let in again, and is a %s", o.Account, m.Role(o.Account))
			}
		}
	})
}

func FuzzPayload(f *testing.F) {
	raw, err := encodePayload(dag.Control, payload{Epochs: []epochWire{{Epoch: [32]byte{1}}}, Sealed: []sealed{{Tag: [16]byte{2}, Index: 3, Box: []byte("box")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(dag.Control), raw)
	in, err := encodeInside(contents{ops: []Op{Create{Title: "t", Account: accountID(1)}, Remove{accountID(1)}, SetRole{accountID(1), Admin}, SetTitle{"x"}, Next{}, AddDevice{}, Add{Account: accountID(2), Role: Member, Devices: []Binding{{}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(dag.Control), in)
	h, err := encodeHand(hand{Type: handSecret, Secret: make([]byte, 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(0), h)
	roster, err := Roster{Title: "t", Members: []RosterMember{{accountID(1), Owner, []Binding{{}}}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(0), roster)
	f.Fuzz(func(t *testing.T, kind uint64, data []byte) {
		if p, err := decodePayload(dag.Kind(kind), data); err == nil {
			if again, err := encodePayload(dag.Kind(kind), p); err != nil || !slices.Equal(again, data) {
				t.Fatalf("a payload has two encodings: %v", err)
			}
		}
		if c, err := decodeInside(dag.Kind(kind), data); err == nil && c.message == nil {
			if again, err := encodeInside(c); err != nil || !slices.Equal(again, data) {
				t.Fatalf("ops have two encodings: %v", err)
			}
		}
		if r, err := decodeRoster(data); err == nil {
			if again, err := r.encode(); err != nil || !slices.Equal(again, data) {
				t.Fatalf("a roster has two encodings: %v", err)
			}
		}
		_, _ = decodeHand(data)
	})
}
