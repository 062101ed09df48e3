package messenger

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Two people with one card: the second uses a one-time prekey that is gone and
// is asked to set up again, without anybody noticing.
func TestUsedOneTimePrekeyIsSetUpAgain(t *testing.T) {
	w := newWorld(t)
	ava, cyrus, bahar := w.person("ava"), w.person("cyrus"), w.person("bahar")
	card, err := bahar.Card()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{ava, cyrus} {
		if _, _, err := n.AddContact(card.Card(), "bahar"); err != nil {
			t.Fatal(err)
		}
		bahar.knows(n)
	}
	for _, n := range []*node{ava, cyrus, bahar} {
		n.start()
	}
	m := ava.send("bahar", "first")
	ava.until("delivered", inState(m.Seq, Delivered))
	m = cyrus.send("bahar", "second")
	cyrus.until("delivered", inState(m.Seq, Delivered))
	if got := texts(bahar.list()); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("bahar has %q", got)
	}
	var r messageRecord
	bid := bahar.id()
	if _, err := load(cyrus.store, kindMessage, bid[:], m.Seq, &r); err != nil || r.Again != 1 {
		t.Errorf("cyrus set up again %d times, %v, want once: the test must take that path", r.Again, err)
	}
}

func TestOneTimePrekeysAreErased(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	before := bahar.ring.OneTimeLeft()
	ava.start()
	bahar.start()
	m := ava.send("bahar", "x")
	ava.until("delivered", inState(m.Seq, Delivered))
	bahar.stop()
	ava.stop()
	bahar.crash()
	if got := bahar.ring.OneTimeLeft(); got != before-1 {
		t.Errorf("%d one-time halves are left on disk, want %d", got, before-1)
	}
	if n := records(t, ava.store, kindPending); n != 0 {
		t.Errorf("%d set-ups still wait, want 0", n)
	}
}

// Who lost a device and wrote from a new one is answered there, though the card
// of the old one has prekeys left.
func TestAnswersFollowThePersonToANewDevice(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	phrase, err := bahar.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	again := &node{t: t, name: "bahar's new device", wires: w.wires, clock: w.clock, fs: newFS()}
	again.boot()
	t.Cleanup(again.close)
	if _, err := again.RestoreIdentity(phrase); err != nil {
		t.Fatal(err)
	}
	again.knows(ava)
	ava.start()
	again.start()
	m := again.send("ava", "it is me")
	again.until("delivered", inState(m.Seq, Delivered))
	m = ava.send("bahar", "welcome back")
	ava.until("delivered", inState(m.Seq, Delivered))
	if got := texts(again.list()); !slices.Equal(got, []string{"it is me", "welcome back"}) {
		t.Errorf("the new device has %q", got)
	}
}

// Keys rotate as weeks pass, and messages still arrive.
func TestRotationOverWeeks(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	for week := range 8 {
		w.clock.advance(6 * 24 * time.Hour)
		for _, n := range []*node{ava, bahar} {
			if err := n.maintain(); err != nil {
				t.Fatal(err)
			}
		}
		ava.start()
		bahar.start()
		m := ava.send("bahar", fmt.Sprint("from ava ", week))
		ava.until("delivered", inState(m.Seq, Delivered))
		m = bahar.send("ava", fmt.Sprint("from bahar ", week))
		bahar.until("delivered", inState(m.Seq, Delivered))
		ava.stop()
		bahar.stop()
	}
	if len(ava.list()) != 16 || len(bahar.list()) != 16 {
		t.Errorf("%d and %d messages, want 16 each", len(ava.list()), len(bahar.list()))
	}
}
