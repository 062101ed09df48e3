package messenger

import (
	"slices"
	"testing"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// twoDevices are two nodes of one account whose bundle lists both.
func (w *world) twoDevices(name string) (one, two *node) {
	w.t.Helper()
	one = w.person(name)
	phrase, err := one.Phrase()
	if err != nil {
		w.t.Fatal(err)
	}
	two = &node{t: w.t, name: name + "'s other device", wires: w.wires, clock: w.clock, fs: newFS()}
	two.boot()
	w.t.Cleanup(two.close)
	if _, err := two.RestoreIdentity(phrase); err != nil {
		w.t.Fatal(err)
	}
	now := w.clock.Now()
	described, err := two.ring.Describe(two.cfg.Rand, now, now.Add(identity.Lifetime), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	bundle, err := one.ring.Issue(one.cfg.Rand, one.account, now, identity.IssueOptions{Others: []identity.Device{described}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range []*node{one, two} {
		n.own = bundle
		var b store.Batch
		if err := putKeys(&b, n.ring, bundle); err != nil {
			w.t.Fatal(err)
		}
		if err := n.store.Commit(&b); err != nil {
			w.t.Fatal(err)
		}
	}
	return one, two
}

// exchange hands every envelope to every node, as a mailbox does that all devices
// of an account read, until nothing is left, and returns how many there were.
func exchange(t *testing.T, nodes ...*node) (n int) {
	t.Helper()
	for again := true; again; {
		again = false
		for _, from := range nodes {
			if err := from.store.Scan(kindOutbox, nil, 0, func(r store.Record) bool {
				var o outboxRecord
				if err := decode(r.Value, &o); err != nil {
					t.Fatal(err)
				}
				again = true
				n++
				for _, to := range nodes {
					if to == from {
						continue
					}
					to.mu.Lock()
					var b store.Batch
					b.Put(kindInbox, nameInbox, to.nextIn, o.Envelope)
					if err := to.store.Commit(&b); err != nil {
						t.Fatal(err)
					}
					to.nextIn++
					to.inbox++
					to.mu.Unlock()
				}
				if err := from.settle(pair{identity.ID(r.Name), o.Device}, r.Num, o.Message, true); err != nil {
					t.Fatal(err)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			for _, to := range nodes {
				for more := true; more; {
					var err error
					if more, err = to.openNext(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return n
}

// Every device of both people shows the conversation, whichever wrote.
func TestAllDevicesSeeTheConversation(t *testing.T) {
	w := newWorld(t)
	ava, ava2 := w.twoDevices("ava")
	bahar, bahar2 := w.twoDevices("bahar")
	nodes := []*node{ava, ava2, bahar, bahar2}
	for _, n := range []*node{ava, ava2} {
		if _, _, err := n.AddContact(bahar.own.Card(), "bahar"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*node{bahar, bahar2} {
		if _, _, err := n.AddContact(ava.own.Card(), "ava"); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for round := range 3 {
		for i, n := range nodes {
			to := []string{"bahar", "ava"}[i/2]
			text := n.name + " " + string(rune('0'+round))
			m := n.send(to, text)
			if m.Total != 2 {
				t.Fatalf("%d devices, want 2", m.Total)
			}
			if round == 1 {
				if _, err := n.SendContent(to, envelope.Reaction, []byte("to "+text)); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, text)
			exchange(t, nodes...)
			if got, _, err := n.Message(m.Seq); err != nil || got.State != Delivered || got.StoredBy != 2 {
				t.Fatalf("%q is %+v, %v", text, got, err)
			}
		}
	}
	for i, n := range nodes {
		if got := texts(n.list()); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", n.name, got, want)
		}
		sent := 0
		for _, m := range n.list() {
			if m.Sent {
				sent++
			}
		}
		if sent != 6 {
			t.Errorf("%s shows %d messages as sent by its person, want 6", n.name, sent)
		}
		if got := eventsOf(t, n, []string{"bahar", "ava"}[i/2]); len(got) != 4 {
			t.Errorf("%s has the events %q, want 4", n.name, got)
		}
		if left := records(t, n.store, kindCopy); left != 0 {
			t.Errorf("%s still waits for %d receipts", n.name, left)
		}
		// Three others each: the other own one, and two of the other person.
		if len(n.sets) != 3 {
			t.Errorf("%s has conversations with %d devices, want 3", n.name, len(n.sets))
		}
	}
	// A third device that the account's bundle does not list is not one of its own.
	phrase, err := ava.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	thief := &node{t: t, name: "thief", wires: w.wires, clock: w.clock, fs: newFS()}
	thief.boot()
	t.Cleanup(thief.close)
	if _, err := thief.RestoreIdentity(phrase); err != nil {
		t.Fatal(err)
	}
	described, err := ava.ring.Describe(ava.cfg.Rand, w.clock.Now(), w.clock.Now().Add(identity.Lifetime), 0)
	if err != nil {
		t.Fatal(err)
	}
	if thief.own, err = thief.ring.Issue(thief.cfg.Rand, thief.account, w.clock.Now(), identity.IssueOptions{Others: []identity.Device{described}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := thief.AddContact(bahar.own.Card(), "bahar"); err != nil {
		t.Fatal(err)
	}
	thief.send("bahar", "a copy goes to ava's device")
	before := len(ava.list())
	exchange(t, thief, ava)
	if len(ava.list()) != before {
		t.Error("ava took a copy from a device that her bundle does not list")
	}
}
