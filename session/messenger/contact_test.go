package messenger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/identity"
)

func TestContactRules(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	card, err := bahar.Card()
	if err != nil {
		t.Fatal(err)
	}
	own, err := ava.Card()
	if err != nil {
		t.Fatal(err)
	}
	text := card.Card()
	tampered := strings.Replace(text, text[200:204], "AAAA", 1)
	for _, c := range []struct {
		name, card, as string
		want           error
	}{
		{"no card", "hello", "x", ErrCard},
		{"a tampered card", tampered, "x", ErrCardAltered},
		{"one's own card", own.Card(), "x", ErrOwnCard},
		{"a bare Session ID of nobody", bahar.id().String(), "x", ErrNoContact},
		{"a name with a line break", text, "a\nb", ErrName},
		{"a name of 65 characters", text, strings.Repeat("آ", MaxName+1), ErrName},
		{"a Session ID as name", text, ava.id().String(), ErrName},
		{"a good card", text, "بهار", nil},
	} {
		if _, _, err := ava.AddContact(c.card, c.as); !errors.Is(err, c.want) {
			t.Errorf("adding %s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, known, err := ava.AddContact(text, ""); err != nil || !known {
		t.Errorf("the same card again: known %v, %v", known, err)
	}
	if c, err := ava.Contact("بهار"); err != nil || c.ID != bahar.id() {
		t.Errorf("by name: %+v, %v", c, err)
	}
	if _, err := ava.Send("nobody", "x"); !errors.Is(err, ErrNoContact) {
		t.Errorf("writing to nobody: %v", err)
	}
	if _, err := ava.Send("بهار", ""); !errors.Is(err, ErrText) {
		t.Errorf("an empty text: %v", err)
	}
	if _, err := ava.Send("بهار", strings.Repeat("x", MaxText+1)); !errors.Is(err, ErrText) {
		t.Errorf("a long text: %v", err)
	}
	if _, err := ava.Send("بهار", strings.Repeat("x", MaxText)); err != nil {
		t.Errorf("the longest text: %v", err)
	}
	if _, err := ava.RenameContact("بهار", "b"); err != nil {
		t.Error(err)
	}
	if _, err := ava.RemoveContact("b"); err != nil {
		t.Error(err)
	}
	if _, err := ava.Contact("b"); !errors.Is(err, ErrNoContact) {
		t.Errorf("after removal: %v", err)
	}
	w.clock.advance(identity.Lifetime + time.Hour)
	if _, _, err := ava.AddContact(text, "b"); !errors.Is(err, ErrCardExpired) {
		t.Errorf("an expired card: %v", err)
	}
	w.clock.advance(-identity.Lifetime - 72*time.Hour)
	if _, _, err := ava.AddContact(text, "b"); !errors.Is(err, ErrCardFuture) {
		t.Errorf("a card from the future: %v", err)
	}
}

func TestIdentityIsRestoredFromItsPhrase(t *testing.T) {
	w := newWorld(t)
	ava := w.person("ava")
	if _, _, err := ava.CreateIdentity(); !errors.Is(err, ErrIdentityExists) {
		t.Errorf("a second identity: %v", err)
	}
	phrase, err := ava.Phrase()
	if err != nil || len(strings.Fields(phrase)) != identity.Words {
		t.Fatalf("Phrase gave %d words, %v", len(strings.Fields(phrase)), err)
	}
	id := ava.id()
	ava.crash()
	if ava.id() != id {
		t.Error("another identity after a crash")
	}
	n := &node{t: t, name: "again", wires: w.wires, clock: w.clock, fs: ava.fs}
	n.fs = newFS()
	n.boot()
	t.Cleanup(n.close)
	if _, err := n.Identity(); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("a new folder: %v, want ErrNoIdentity", err)
	}
	if _, err := n.RestoreIdentity("not these words"); !errors.Is(err, ErrPhrase) {
		t.Errorf("wrong words: %v", err)
	}
	if i, err := n.RestoreIdentity("  " + strings.ToUpper(phrase) + "\n"); err != nil || i.ID != id {
		t.Errorf("RestoreIdentity = %v, %v, want %v", i.ID, err, id)
	}
	if _, err := n.Want(delivery.Mailbox{1}, delivery.Digest{}); !errors.Is(err, delivery.ErrRefused) {
		t.Errorf("an unknown mailbox: %v", err)
	}
}
