package messenger

import (
	"errors"
	"testing"
	"time"

	"github.com/pars-network/pars/session/identity"
)

// A card grows old while two people are apart; a newer bundle from the network
// makes the conversation possible again.
func TestNewerBundleFromTheNetwork(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	if old, err := ava.Outdated(7 * 24 * time.Hour); err != nil || len(old) != 0 {
		t.Fatalf("outdated at once: %v, %v", old, err)
	}
	w.clock.advance(identity.Lifetime + time.Hour)
	for _, n := range []*node{ava, bahar} {
		if err := n.maintain(); err != nil {
			t.Fatal(err)
		}
	}
	if old, err := ava.Outdated(7 * 24 * time.Hour); err != nil || len(old) != 1 || old[0] != bahar.id() {
		t.Fatalf("outdated after four weeks: %v, %v", old, err)
	}
	if _, err := ava.Send("bahar", "x"); !errors.Is(err, ErrCardExpired) {
		t.Errorf("with an expired card: %v", err)
	}
	bundle, err := bahar.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	own, err := ava.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		bundle *identity.Bundle
		want   bool
	}{{"a stranger's", own, false}, {"a newer one", bundle, true}, {"the same again", bundle, false}} {
		if got, err := ava.Learn(c.bundle); err != nil || got != c.want {
			t.Errorf("Learn of %s = %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	// The mailbox may be a new one, whose key the fetcher has.
	keys := bahar.Mailboxes()
	if len(keys) == 0 || keys[0].ID() != bundle.Mailbox() {
		t.Error("the newest mailbox is not the bundle's")
	}
	ava.start()
	bahar.start()
	ava.says(bahar, "there you are")
	none := &node{t: t, name: "nobody", wires: w.wires, clock: w.clock, fs: newFS()}
	none.boot()
	t.Cleanup(none.close)
	if keys := none.Mailboxes(); len(keys) != 0 {
		t.Errorf("%d mailboxes without an identity", len(keys))
	}
	if _, err := none.Bundle(); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("a bundle without an identity: %v", err)
	}
}
