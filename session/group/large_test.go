package group

import (
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
)

// strangers are accounts of which only the ids exist: what is sent to them is counted.
func (w *world) strangers(t *testing.T, g *Group, n int) {
	t.Helper()
	for i := range n {
		d := Device{identity.ID(digest.Sum("stranger", uint64(i))), identity.DeviceID{9, byte(i), byte(i >> 8)}}
		if err := g.Invite(t.Context(), d.Account, Member); err != nil {
			t.Fatal(err)
		}
		h := hand{Type: handAccept, Space: g.space, Device: []bindingWire{{Device: d.Device, Author: dag.Author(digest.Sum("author", uint64(i)))}}}
		if err := g.handle(t.Context(), d, h); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLargeGroup measures what a group costs, of 100 members in the short run and of a
// thousand in the full one.
func TestLargeGroup(t *testing.T) {
	n := 98
	if testutil.Full() {
		n = MaxMembers - 2
	}
	w := newWorld(t, 11, 2)
	w.lost = true
	a, b := w.people[0], w.people[1]
	g, err := a.groups.Create(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	w.strangers(t, g, n)
	began := time.Now()
	for {
		k, err := g.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			break
		}
	}
	t.Logf("%d members let in, %d at once: %v, %d pairwise messages of %d bytes", n, MaxOps, time.Since(began).Round(time.Millisecond), w.pairwise.count, w.pairwise.bytes)
	measure := func(what string, f func()) {
		w.pairwise, w.letters = traffic{}, traffic{}
		began := time.Now()
		f()
		t.Logf("%s: %v; pairwise %d messages of %d bytes; mailbox %d envelopes of %d bytes", what, time.Since(began).Round(100*time.Microsecond), w.pairwise.count, w.pairwise.bytes, w.letters.count, w.letters.bytes)
	}
	measure("letting one more in", func() { w.join(a, g.space, Member, b) })
	if role := b.groups.Group(g.space).Role(); role != Member {
		t.Fatalf("who joined last is %s", role)
	}
	measure("the first message of an epoch, written", func() { a.say(g.space, "first"); a.catchUp() })
	measure("a message, written", func() { a.say(g.space, "hello"); a.catchUp() })
	measure("two messages and a key, read", func() { b.catchUp() })
	if in, _ := b.heard(g.space); len(in) != 2 {
		t.Errorf("who joined last has %q", in)
	}
	measure("a removal", func() {
		if err := g.Remove(t.Context(), identity.ID(digest.Sum("stranger", uint64(0)))); err != nil {
			t.Fatal(err)
		}
		a.catchUp()
	})
	measure("a removal, read", func() { b.catchUp() })
	a.say(g.space, "after")
	a.catchUp()
	b.catchUp()
	if in, _ := b.heard(g.space); len(in) != 3 {
		t.Errorf("after a removal there are %q", in)
	}
	if got := len(b.groups.Group(g.space).Roster().Members); got != n+1 {
		t.Errorf("%d members, want %d", got, n+1)
	}
}
