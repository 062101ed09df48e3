package group

import (
	"context"
	"errors"
	"fmt"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/store"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/content"
)

func TestPeopleOfAGroupReadOneAnother(t *testing.T) {
	w := newWorld(t, 1, 4)
	a, b, c, d := w.people[0], w.people[1], w.people[2], w.people[3]
	space := w.found(b, c)
	w.settle(space)
	a.say(space, "salam")
	w.settle(space)
	b.say(space, "hi")
	w.settle(space)
	c.say(space, "tea?")
	w.settle(space)
	for _, p := range []*person{a, b, c} {
		if in, out := p.heard(space); !slices.Equal(in, []string{"salam", "hi", "tea?"}) || out != nil {
			t.Errorf("person %d has %q and %q", p.name, in, out)
		}
	}
	r := w.sameMembers(space, a, b, c)
	if len(r.Members) != 3 || r.Role(a.self.Account) != Owner || r.Role(b.self.Account) != Member || r.Title != "tea" {
		t.Errorf("members:\n%s", w.describe(r))
	}
	if d.groups.Group(space) != nil {
		t.Error("somebody is in a group without having been asked")
	}
	v := c.groups.Group(space).Conversation().View(content.Viewer{Me: c.self.Account, Now: w.now})
	if len(v.Items) != 3 || v.Items[2].Text != "tea?" {
		t.Errorf("%d messages are shown, want 3", len(v.Items))
	}
}

func TestRightsAreAskedBeforeWriting(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 2, 4)
	a, b, c, d := w.people[0], w.people[1], w.people[2], w.people[3]
	space := w.found(b, c)
	w.settle(space)
	gb := b.groups.Group(space)
	for name, err := range map[string]error{
		"inviting":          gb.Invite(ctx, d.self.Account, Member),
		"removing":          gb.Remove(ctx, c.self.Account),
		"removing owners":   gb.Remove(ctx, a.self.Account),
		"giving a role":     gb.SetRole(ctx, b.self.Account, Admin),
		"setting a title":   gb.SetTitle(ctx, "mine"),
		"making an admin":   a.groups.Group(space).Invite(ctx, b.self.Account, Owner),
		"removing nobody":   a.groups.Group(space).Remove(ctx, d.self.Account),
		"joining uninvited": d.groups.Accept(ctx, space),
	} {
		want := ErrRight
		switch name {
		case "making an admin":
			want = ErrIsMember
		case "removing nobody":
			want = ErrNoMember
		case "joining uninvited":
			want = ErrInvited
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if err := a.groups.Group(space).SetRole(ctx, b.self.Account, Admin); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	w.join(b, space, Member, d)
	w.settle(space)
	if err := gb.Remove(ctx, c.self.Account); err != nil {
		t.Fatal(err)
	}
	if err := gb.SetTitle(ctx, "چای"); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	r := w.sameMembers(space, a, b, d)
	if r.Role(c.self.Account) != None || r.Role(b.self.Account) != Admin || r.Role(d.self.Account) != Member || r.Title != "چای" {
		t.Errorf("members:\n%s of %q", w.describe(r), r.Title)
	}
	if d.groups.Group(space).Title() != "چای" {
		t.Errorf("the joiner's title is %q", d.groups.Group(space).Title())
	}
}

func TestARestartLosesNothing(t *testing.T) {
	w := newWorld(t, 3, 3)
	a, b, c := w.people[0], w.people[1], w.people[2]
	space := w.found(b, c)
	w.settle(space)
	for i, p := range []*person{a, b, c, b, a} {
		p.say(space, string(rune('0'+i)))
		p.restart()
		w.settle(space)
	}
	for _, p := range w.people {
		p.restart()
		if in, out := p.heard(space); len(in) != 5 || out != nil {
			t.Errorf("person %d has %q and %q", p.name, in, out)
		}
	}
	w.sameMembers(space, a, b, c)
}

// attacker is somebody with everything that a device had at some moment: its records,
// and all that it can ever be given later. It tries every key it can make.
type attacker struct {
	keys    []*keys
	secrets [][]byte
}

// steal takes all keys in the records of a device.
func steal(t *testing.T, m *memory) *attacker {
	t.Helper()
	a := &attacker{}
	err := scan(m, kindKeys, nil, func(_ store.Record, r *keysRecord) error {
		a.keys = append(a.keys, r.keys())
		return nil
	})
	if err == nil {
		err = scan(m, kindGroup, nil, func(_ store.Record, r *ownRecord) error {
			a.secrets = append(a.secrets, r.Secrets...)
			return nil
		})
	}
	if err == nil {
		err = scan(m, kindHanding, nil, func(_ store.Record, r *handingRecord) error {
			a.secrets = append(a.secrets, r.Secret)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try opens a vertex with everything that the attacker has: the chains as they are and
// a thousand steps on, the keys that were skipped, chains made of stolen secrets.
func (a *attacker) try(space dag.Space, v *dag.Vertex, devices []Device) (string, bool) {
	p, err := decodePayload(v.Kind, v.Payload)
	if err != nil || len(p.Sealed) == 0 {
		return "", false
	}
	s := p.Sealed[0]
	all := slices.Clone(a.keys)
	for _, secret := range a.secrets {
		all = append(all, deriveKeys(space, secret, devices, time.Time{}))
	}
	var candidates [][32]byte
	for _, k := range all {
		for _, c := range k.chains {
			for _, key := range c.skipped {
				candidates = append(candidates, key)
			}
			fork := chain{key: c.key}
			for range 20 {
				candidates = append(candidates, fork.key)
				candidates = append(candidates, fork.step())
			}
		}
		candidates = append(candidates, k.wrap, [32]byte(k.mailbox[:32]), [32]byte(k.mailbox[32:]))
	}
	for _, key := range candidates {
		if plain, err := aead(key[:]).Open(nil, s.Nonce[:], s.Box, s.bind(space, v.Author)); err == nil {
			return string(plain), true
		}
	}
	return "", false
}

// readable are the texts among canaries that the attacker reads in a graph.
func (a *attacker) readable(t *testing.T, p *person, space dag.Space, canaries ...string) []string {
	t.Helper()
	var devices []Device
	for _, q := range p.w.people {
		devices = append(devices, q.self)
	}
	var out []string
	for e, err := range p.graph.Since(space, nil) {
		if err != nil {
			t.Fatal(err)
		}
		raw, err := e.Encoded()
		if err != nil {
			t.Fatal(err)
		}
		v, err := dag.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if plain, ok := a.try(space, v, devices); ok {
			for _, c := range canaries {
				if strings.Contains(plain, c) {
					out = append(out, c)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func (a *attacker) add(b *attacker) *attacker {
	return &attacker{keys: slices.Concat(a.keys, b.keys), secrets: slices.Concat(a.secrets, b.secrets)}
}

func TestARemovedMemberReadsNothingMore(t *testing.T) {
	w := newWorld(t, 4, 4)
	a, b, c, d := w.people[0], w.people[1], w.people[2], w.people[3]
	space := w.found(b, c, d)
	w.settle(space)
	a.say(space, "canary-before")
	thief := steal(t, d.store.copy()) // everything, before it was read
	w.settle(space, a, b, c)
	if err := a.groups.Group(space).Remove(t.Context(), d.self.Account); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	a.say(space, "canary-after-1")
	w.settle(space)
	b.say(space, "canary-after-2")
	w.settle(space)
	thief = thief.add(steal(t, d.store.copy()))
	// The attacker also gets the whole graph from a friend.
	w.meet(a, d, space)
	if got := thief.readable(t, a, space, "canary-before", "canary-after-1", "canary-after-2"); !slices.Equal(got, []string{"canary-before"}) {
		t.Errorf("a removed member reads %q, want what was before alone", got)
	}
	for _, p := range []*person{b, c} {
		if in, _ := p.heard(space); len(in) != 3 {
			t.Errorf("person %d has %q", p.name, in)
		}
	}
	if _, err := d.groups.Group(space).Send(t.Context(), content.Post{Text: "still here"}); !errors.Is(err, ErrNotMember) {
		t.Errorf("a removed member writes: %v, want ErrNotMember", err)
	}
}

func TestTwoWhoAreRemovedAtOnceReadNothingTogether(t *testing.T) {
	w := newWorld(t, 5, 5)
	a, b, c, d, e := w.people[0], w.people[1], w.people[2], w.people[3], w.people[4]
	space := w.found(b, c, d, e)
	w.settle(space)
	if err := a.groups.Group(space).SetRole(t.Context(), b.self.Account, Admin); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	// Two admins who don't hear of each other remove one each, and hand a secret
	// to the one whom the other removes.
	if err := a.groups.Group(space).Remove(t.Context(), c.self.Account); err != nil {
		t.Fatal(err)
	}
	if err := b.groups.Group(space).Remove(t.Context(), d.self.Account); err != nil {
		t.Fatal(err)
	}
	thief := steal(t, c.store.copy()).add(steal(t, d.store.copy()))
	w.settle(space)
	thief = thief.add(steal(t, c.store.copy())).add(steal(t, d.store.copy()))
	e.say(space, "canary-1")
	w.settle(space)
	b.say(space, "canary-2")
	w.settle(space)
	thief = thief.add(steal(t, c.store.copy())).add(steal(t, d.store.copy()))
	if got := thief.readable(t, a, space, "canary-1", "canary-2"); got != nil {
		t.Errorf("two removed members read %q together", got)
	}
	r := w.sameMembers(space, a, b, e)
	if len(r.Members) != 3 {
		t.Errorf("members:\n%s", w.describe(r))
	}
	if in, out := a.heard(space); len(in) != 2 || out != nil {
		t.Errorf("the members have %q and %q", in, out)
	}
}

func TestAJoinerReadsNothingOfBefore(t *testing.T) {
	w := newWorld(t, 6, 3)
	a, b, c := w.people[0], w.people[1], w.people[2]
	space := w.found(b)
	w.settle(space, a, b)
	a.say(space, "canary-1")
	b.say(space, "canary-2")
	w.settle(space, a, b)
	w.join(a, space, Member, c)
	w.settle(space)
	a.say(space, "canary-3")
	w.settle(space)
	thief := steal(t, c.store.copy())
	if got := thief.readable(t, a, space, "canary-1", "canary-2", "canary-3", "tea"); got != nil {
		t.Errorf("the joiner's keys still open %q", got)
	}
	if in, out := c.heard(space); !slices.Equal(in, []string{"canary-3"}) || out != nil {
		t.Errorf("the joiner has %q and %q", in, out)
	}
	w.sameMembers(space, a, b, c)
}

func TestAStolenDeviceOpensNothingOfBefore(t *testing.T) {
	w := newWorld(t, 7, 3)
	a, b, c := w.people[0], w.people[1], w.people[2]
	space := w.found(b, c)
	w.settle(space)
	var canaries []string
	for i := range 6 {
		text := fmt.Sprintf("canary-%d", i)
		canaries = append(canaries, text)
		w.people[i%3].say(space, text)
		w.settle(space)
		if i == 2 {
			if err := a.groups.Group(space).Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.settle(space)
		}
	}
	thief := &attacker{}
	for _, p := range w.people {
		image := p.store.copy()
		delete(image.now, kindMessage) // the message store is wiped
		thief = thief.add(steal(t, image))
	}
	if got := thief.readable(t, a, space, canaries...); got != nil {
		t.Errorf("with every key of every device, %q can be read", got)
	}
	a.say(space, "canary-later")
	if got := thief.readable(t, a, space, "canary-later"); got == nil {
		t.Error("the attack does not work at all: it should read what is written after the theft")
	}
}

func TestMutualRemovalsBothHold(t *testing.T) {
	w := newWorld(t, 8, 3)
	a, b, c := w.people[0], w.people[1], w.people[2]
	space := w.found(c)
	w.join(a, space, Owner, b)
	w.settle(space)
	if err := a.groups.Group(space).Remove(t.Context(), b.self.Account); err != nil {
		t.Fatal(err)
	}
	if err := b.groups.Group(space).Remove(t.Context(), a.self.Account); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	r := w.sameMembers(space, a, b, c)
	if len(r.Members) != 1 || r.Role(c.self.Account) != Member {
		t.Errorf("members:\n%s", w.describe(r))
	}
	c.say(space, "alone") // and goes on
}

func TestWhatARemovedMemberWritesBesideTheRemovalIsShownAsSuch(t *testing.T) {
	w := newWorld(t, 9, 4)
	a, b, c, d := w.people[0], w.people[1], w.people[2], w.people[3]
	space := w.found(b, c)
	w.settle(space)
	if err := a.groups.Group(space).SetRole(t.Context(), c.self.Account, Admin); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	c.say(space, "known to all")
	w.settle(space)
	if err := a.groups.Group(space).Remove(t.Context(), c.self.Account); err != nil {
		t.Fatal(err)
	}
	// c does not know yet, says something and lets a friend in.
	c.gone = true
	c.say(space, "beside")
	if err := c.groups.Group(space).SetTitle(t.Context(), "c's"); err != nil {
		t.Fatal(err)
	}
	c.gone = false
	w.join(c, space, Member, d)
	w.settle(space)
	for _, p := range []*person{a, b} {
		in, out := p.heard(space)
		if !slices.Equal(in, []string{"known to all"}) || !slices.Equal(out, []string{"beside"}) {
			t.Errorf("person %d has %q inside and %q outside", p.name, in, out)
		}
	}
	r := w.sameMembers(space, a, b)
	if len(r.Members) != 2 || r.Title != "tea" {
		t.Errorf("members of %q:\n%s", r.Title, w.describe(r))
	}
	// Back again, with the removal known, it counts.
	w.join(a, space, Member, c)
	w.settle(space)
	c.say(space, "back")
	w.settle(space)
	if in, _ := b.heard(space); !slices.Equal(in, []string{"known to all", "back"}) {
		t.Errorf("after coming back: %q", in)
	}
	w.sameMembers(space, a, b, c)
}

func TestEpochsEnd(t *testing.T) {
	w := newWorld(t, 10, 2)
	a, b := w.people[0], w.people[1]
	space := w.found(b)
	w.settle(space)
	epoch := func() EpochID { return a.groups.Group(space).current().epoch }
	first := epoch()
	a.say(space, "1")
	if epoch() != first {
		t.Error("an epoch ended with one message")
	}
	w.now = w.now.Add(MaxEpochAge)
	a.say(space, "2")
	second := epoch()
	if second == first {
		t.Error("an epoch goes on after a week")
	}
	w.settle(space)
	for _, k := range []*Group{a.groups.Group(space)} {
		for _, c := range k.keys[second].chains {
			c.next = MaxEpochMessages
			break
		}
	}
	a.say(space, "3")
	if epoch() == second {
		t.Error("an epoch goes on after a thousand messages")
	}
	w.settle(space)
	if in, _ := b.heard(space); len(in) != 3 {
		t.Errorf("the other has %q", in)
	}
}

func TestWhoComesBackSeesWhatChangedMeanwhile(t *testing.T) {
	w := newWorld(t, 12, 5)
	a, b, c, d, e := w.people[0], w.people[1], w.people[2], w.people[3], w.people[4]
	space := w.found(c, d)
	w.join(a, space, Owner, b)
	w.settle(space)
	// The founder, who can read everything so far, is out while others come and go.
	if err := b.groups.Group(space).Remove(t.Context(), a.self.Account); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	if err := b.groups.Group(space).Remove(t.Context(), c.self.Account); err != nil {
		t.Fatal(err)
	}
	w.settle(space)
	w.join(b, space, Admin, e)
	w.settle(space)
	w.join(b, space, Member, a)
	w.settle(space)
	r := w.sameMembers(space, b, a, d, e)
	if len(r.Members) != 4 || r.Role(c.self.Account) != None || r.Role(a.self.Account) != Member || r.Role(e.self.Account) != Admin {
		t.Errorf("members:\n%s", w.describe(r))
	}
	a.say(space, "back")
	w.settle(space)
	for _, p := range []*person{b, d, e} {
		if in, _ := p.heard(space); !slices.Contains(in, "back") {
			t.Errorf("person %d has %q", p.name, in)
		}
	}
	if in, _ := c.heard(space); slices.Contains(in, "back") {
		t.Error("who was removed meanwhile reads on")
	}
}
