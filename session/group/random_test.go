package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/identity"
)

// TestRandomLives lets people write, invite, remove, promote, leave and restart, in parts of a
// network that come and go. When it is whole again, all who are members see the same
// members, and read one another.
func TestRandomLives(t *testing.T) {
	seeds := 8
	if testutil.Full() {
		seeds = 200
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { live(t, 100+seed) })
	}
}

func live(t *testing.T, seed uint64) {
	const n = 6
	ctx := context.Background()
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, seed, n)
	w.unmailed = true // or they would cross from one part to the other
	space := w.found(w.people[1])
	w.join(w.people[0], space, Owner, w.people[2])
	w.settle(space)
	part := make([]int, n)
	together := func(i int) []*person {
		var out []*person
		for j, p := range w.people {
			if part[j] == part[i] {
				out = append(out, p)
			}
		}
		return out
	}
	for range 30 {
		i := r.IntN(n)
		p := w.people[i]
		g := p.groups.Group(space)
		other := w.people[r.IntN(n)].self.Account
		var err error
		switch what := r.IntN(12); {
		case what == 0:
			for j := range part {
				part[j] = r.IntN(2)
			}
		case what == 1:
			p.restart()
		case what == 2:
			for _, x := range p.groups.Invitations() {
				err = p.groups.Accept(ctx, x.Space)
			}
		case g == nil:
		case what < 6:
			_, err = g.Send(ctx, content.Post{Text: fmt.Sprint("from ", i)})
		case what < 8:
			err = g.Invite(ctx, other, Role(1+r.IntN(3)))
		case what == 8:
			err = g.Remove(ctx, other)
		case what == 9:
			err = g.SetRole(ctx, other, Role(1+r.IntN(3)))
		case what == 10:
			w.exchange(space, together(i))
		case r.IntN(3) == 0:
			err = g.Leave(ctx)
		}
		for _, allowed := range []error{ErrRight, ErrNotMember, ErrNoMember, ErrIsMember, ErrInvited} {
			if errors.Is(err, allowed) {
				err = nil
			}
		}
		if err != nil {
			t.Fatalf("seed %d, person %d: %v", seed, i, err)
		}
		if r.IntN(2) == 0 {
			w.exchange(space, together(i))
		}
	}
	for range 4 {
		w.exchange(space, w.people)
	}
	members := w.members(space)
	if len(members) == 0 {
		return
	}
	// Whoever writes first opens the epoch that all changes together call for.
	for round := range 2 {
		for _, p := range members {
			p.say(space, fmt.Sprint("round ", round))
			w.exchange(space, w.people)
		}
	}
	members = w.members(space)
	roster := w.sameMembers(space, members...)
	if len(roster.Members) != len(members) {
		t.Fatalf("seed %d: %d see themselves as members of\n%s", seed, len(members), w.describe(roster))
	}
	last := fmt.Sprint("to all, seed ", seed)
	members[0].say(space, last)
	w.exchange(space, w.people)
	w.exchange(space, w.people)
	for _, p := range w.people {
		in, _ := p.heard(space)
		got := len(in) > 0 && in[len(in)-1] == last
		if is := roster.Role(p.self.Account) != None; got != is {
			t.Errorf("seed %d: person %d is a %s and reads %v of what was written last", seed, p.name, roster.Role(p.self.Account), got)
		}
	}
}

func (w *world) members(space [32]byte) []*person {
	var out []*person
	for _, p := range w.people {
		if g := p.groups.Group(space); g != nil && g.Role() != None {
			out = append(out, p)
		}
	}
	return out
}

// exchange lets some people talk, and nobody else hears of it: their ratchets hold back
// what is for others.
func (w *world) exchange(space [32]byte, some []*person) {
	w.t.Helper()
	is := map[identity.ID]bool{}
	for _, p := range some {
		is[p.self.Account] = true
	}
	held := map[*person][]letterIn{}
	for _, p := range some {
		var now []letterIn
		for _, l := range p.in {
			if is[l.from.Account] {
				now = append(now, l)
			} else {
				held[p] = append(held[p], l)
			}
		}
		p.in = now
	}
	w.settle(space, some...)
	for p, l := range held {
		p.in = append(l, p.in...)
	}
}
