package setup

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

// FuzzAccept changes a first envelope where nothing but the keys protects it.
func FuzzAccept(f *testing.F) {
	alice, bob := newPerson(f, "alice", 0), newPerson(f, "bob", 1)
	env, _ := initiate(f, alice, bob, 0, text(f, alice, bob, "salaam"))
	f.Add(uint16(50), []byte{1})
	f.Add(uint16(1600), []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		changed := bytes.Clone(env)
		copy(changed[int(at)%len(changed):], patch)
		_, err := Accept(start, changed, bob.account.ID(), bob.ring, memory{})
		if same := bytes.Equal(changed, env); same != (err == nil) || err != nil && err.Error() != ErrRefused.Error() {
			t.Fatalf("Accept = %v, envelope unchanged = %v", err, same)
		}
	})
}

// FuzzHostileSender seals what a sender with real keys may put into the three
// boxes.
func FuzzHostileSender(f *testing.F) {
	alice, bob := newPerson(f, "alice", 0), newPerson(f, "bob", 0)
	f.Add(uint16(0), []byte{}, uint16(0), []byte{}, uint16(0), []byte{})
	f.Add(uint16(16), []byte{0, 0, 1, 0}, uint16(3), []byte{0xff}, uint16(2), []byte{9, 9})
	f.Fuzz(func(t *testing.T, i uint16, a []byte, j uint16, w []byte, k uint16, m []byte) {
		parts := honestParts(t, alice, bob)
		parts.tamper = func(addr, who, first []byte) ([]byte, []byte, []byte) {
			copy(addr[int(i)%len(addr):], a)
			copy(who[int(j)%len(who):], w)
			copy(first[int(k)%len(first):], m)
			return addr, who, first
		}
		got, err := Accept(start, buildFlight(t, parts), bob.account.ID(), bob.ring, memory{})
		var gone *OneTimeGoneError
		switch {
		case err == nil && got.From.ID() == alice.account.ID():
		case errors.As(err, &gone) && gone.From.ID() == alice.account.ID():
		case err != nil && err.Error() == ErrRefused.Error():
		default:
			t.Fatalf("Accept = %v, %v", got, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	alice, bob := newPerson(f, "alice", 0), newPerson(f, "bob", 1)
	env, pending := initiate(f, alice, bob, 0, text(f, alice, bob, "salaam"))
	got, err := bob.accept(start, env)
	if err != nil {
		f.Fatal(err)
	}
	back, _, err := got.Answer(stream("answer"), start, receipt(f, alice, bob, got.Message.ID), 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(60), []byte{1})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		changed := bytes.Clone(back)
		copy(changed[int(at)%len(changed):], patch)
		_, err := pending.Open(changed, alice.ring.Device())
		if same := bytes.Equal(changed, back); same != (err == nil) || err != nil && err.Error() != ErrRefused.Error() {
			t.Fatalf("Open = %v, envelope unchanged = %v", err, same)
		}
	})
}

// FuzzPlaintexts feeds the parsers of what the boxes hold.
func FuzzPlaintexts(f *testing.F) {
	alice, bob := newPerson(f, "alice", 0), newPerson(f, "bob", 0)
	who, err := wire.Marshal(identityWire{Bundle: alice.bundle.Bytes(), Device: alice.ring.DeviceID()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(who)
	f.Add(append([]byte{0, 0, 0, 5}, 0x82, 0x40, 0x40, 0, 0))
	if raw, err := text(f, alice, bob, "x").Bytes(); err == nil {
		f.Add(append([]byte{0, 0, 0, byte(len(raw))}, raw...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := parseIdentity(data, start); err != nil && !errors.Is(err, ErrRefused) {
			t.Fatalf("parseIdentity = %v", err)
		}
		if _, _, err := parseFirst(data); err != nil && !errors.Is(err, ErrRefused) {
			t.Fatalf("parseFirst = %v", err)
		}
		if _, err := unpadMessage(data); err != nil && !errors.Is(err, ErrRefused) {
			t.Fatalf("unpadMessage = %v", err)
		}
	})
}

func FuzzStates(f *testing.F) {
	alice, bob := newPerson(f, "alice", 0), newPerson(f, "bob", 0)
	env, pending := initiate(f, alice, bob, -1, text(f, alice, bob, "salaam"))
	got, err := bob.accept(start, env)
	if err != nil {
		f.Fatal(err)
	}
	_, est, err := got.Answer(stream("answer"), start, receipt(f, alice, bob, got.Message.ID), 0)
	if err != nil {
		f.Fatal(err)
	}
	for _, state := range []interface{ Bytes() ([]byte, error) }{pending, est} {
		raw, err := state.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ParsePending(data); err == nil {
			if again, err := p.Bytes(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("a pending state has two encodings, %v", err)
			}
		} else if !errors.Is(err, ErrState) {
			t.Fatalf("ParsePending = %v", err)
		}
		if e, err := ParseEstablished(data); err == nil {
			if again, err := e.Bytes(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("an established state has two encodings, %v", err)
			}
		} else if !errors.Is(err, ErrState) {
			t.Fatalf("ParseEstablished = %v", err)
		}
	})
}
