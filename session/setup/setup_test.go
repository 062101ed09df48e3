package setup

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

// stream is SHAKE-256 of a name: randomness that every run gives again.
func stream(name string) io.Reader {
	s := sha3.NewSHAKE256()
	_, _ = s.Write([]byte(name))
	return s
}

// start is a moment in the middle of a week.
var start = time.Date(2026, 11, 23, 12, 34, 56, 789e6, time.UTC)

// person is an account with one device, as a daemon holds it.
type person struct {
	account *identity.Account
	ring    *identity.KeyRing
	bundle  *identity.Bundle
	seen    memory
}

// memory is a set of replay tags.
type memory map[Tag]identity.PrekeyID

func (m memory) Seen(t Tag) (bool, error) { _, ok := m[t]; return ok, nil }

func newPerson(t testing.TB, name string, oneTime int) *person {
	t.Helper()
	rand := stream(name)
	seed := make([]byte, identity.AccountSeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		t.Fatal(err)
	}
	account, err := identity.NewAccount(seed)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := identity.NewKeyRing(rand, start)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{account: account, ring: ring, seen: memory{}}
	p.issue(t, start, oneTime)
	return p
}

func (p *person) issue(t testing.TB, now time.Time, oneTime int) {
	t.Helper()
	var err error
	if p.bundle, err = p.ring.Issue(stream(fmt.Sprint("issue", p.account.ID(), now)), p.account, now, identity.IssueOptions{OneTime: oneTime}); err != nil {
		t.Fatal(err)
	}
}

func (p *person) from() From { return From{Bundle: p.bundle, Device: p.ring.Device()} }

// to is the person as a recipient, with the i-th one-time prekey or none for -1.
func (p *person) to(i int) To {
	to := To{Bundle: p.bundle, Device: p.ring.DeviceID()}
	if i >= 0 {
		to.OneTime = p.bundle.Devices()[0].OneTime[i]
	}
	return to
}

// accept does what [Accepted] asks of a caller.
func (p *person) accept(now time.Time, env []byte) (*Accepted, error) {
	a, err := Accept(now, env, p.account.ID(), p.ring, p.seen)
	if err != nil {
		return nil, err
	}
	p.seen[a.ReplayTag] = a.Prekey
	if a.OneTime != nil && !p.ring.EraseOneTime(*a.OneTime) {
		return nil, errors.New("the one-time prekey was not there")
	}
	return a, nil
}

func text(t testing.TB, a, b *person, s string) envelope.Message {
	t.Helper()
	id, err := envelope.NewMessageID(stream("message " + s))
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.NewText(id, envelope.ConversationOf(a.account.ID(), b.account.ID()), start, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func receipt(t testing.TB, a, b *person, ids ...envelope.MessageID) envelope.Message {
	t.Helper()
	m, err := envelope.NewDelivered(envelope.MessageID{9}, envelope.ConversationOf(a.account.ID(), b.account.ID()), start, ids)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func initiate(t testing.TB, a, b *person, oneTime int, msg envelope.Message) ([]byte, *Pending) {
	t.Helper()
	env, pending, err := Initiate(stream("initiate"), start, a.from(), b.to(oneTime), msg, 0)
	if err != nil {
		t.Fatal(err)
	}
	return env, pending
}

func TestTwoPeopleSetUp(t *testing.T) {
	for name, oneTime := range map[string]int{"with a one-time prekey": 1, "without a one-time prekey": -1} {
		t.Run(name, func(t *testing.T) {
			alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 2)
			env, pending := initiate(t, alice, bob, oneTime, text(t, alice, bob, "سلام"))
			if len(env) != 32<<10 {
				t.Errorf("the first envelope has %d bytes, want 32 KiB", len(env))
			}
			stored, err := pending.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if pending, err = ParsePending(stored); err != nil {
				t.Fatal(err)
			}

			left := bob.ring.OneTimeLeft()
			got, err := bob.accept(start.Add(time.Hour), env)
			if err != nil {
				t.Fatal(err)
			}
			if got.From.ID() != alice.account.ID() || got.FromDevice != alice.ring.DeviceID() || got.ReplayTag != pending.Tag() {
				t.Errorf("accepted from %s %s as %x, want %s %s as %x", got.From.ID(), got.FromDevice, got.ReplayTag, alice.account.ID(), alice.ring.DeviceID(), pending.Tag())
			}
			if s, err := got.Message.Text(); err != nil || s != "سلام" || !got.Message.Sent.Equal(start) {
				t.Errorf("message = %q sent %v, %v", s, got.Message.Sent, err)
			}
			if used := left - bob.ring.OneTimeLeft(); (used == 1) != (oneTime >= 0) {
				t.Errorf("%d one-time prekeys were used", used)
			}
			if tag, err := ReplayTag(env); err != nil || tag != got.ReplayTag {
				t.Errorf("ReplayTag = %x, %v, want %x", tag, err, got.ReplayTag)
			}

			back, atBob, err := got.Answer(stream("answer"), start.Add(time.Hour), receipt(t, alice, bob, got.Message.ID), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(back) != 8<<10 {
				t.Errorf("the answer has %d bytes, want 8 KiB", len(back))
			}
			if parsed, err := envelope.Parse(back); err != nil || parsed.Mailbox != alice.bundle.Mailbox() {
				t.Errorf("the answer goes to %s, want %s", parsed.Mailbox, alice.bundle.Mailbox())
			}
			reply, err := pending.Open(back, alice.ring.Device())
			if err != nil {
				t.Fatal(err)
			}
			ids, err := reply.Message.Delivered()
			if err != nil || len(ids) != 1 || ids[0] != pending.Message() {
				t.Errorf("receipt for %v, %v, want %s", ids, err, pending.Message())
			}
			checkRoots(t, reply.Established, atBob, alice, bob)
		})
	}
}

// checkRoots checks what both sides hold in the end, also after storing it.
func checkRoots(t *testing.T, atAlice, atBob *Established, alice, bob *person) {
	t.Helper()
	for _, e := range []**Established{&atAlice, &atBob} {
		stored, err := (*e).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if *e, err = ParseEstablished(stored); err != nil {
			t.Fatal(err)
		}
	}
	a, b := atAlice.Root, atBob.Root
	sendA, recvA := a.HeaderKeys()
	sendB, recvB := b.HeaderKeys()
	switch {
	case a.Key() != b.Key() || a.Transcript != b.Transcript || sendA != recvB || sendB != recvA:
		t.Error("the two sides hold different roots")
	case sendA == recvA || a.Key() == sendA || a.Key() == [32]byte{}:
		t.Error("keys of one root are the same")
	case !a.Own().Public().Equal(b.Peer()) || !b.Own().Public().Equal(a.Peer()):
		t.Error("the ratchet keys do not match")
	case !a.Initiator || b.Initiator || !atAlice.Confirmed || atBob.Confirmed:
		t.Errorf("confirmed %v and %v, want true on the side that set up only", atAlice.Confirmed, atBob.Confirmed)
	case atAlice.Peer != bob.account.ID() || atBob.Peer != alice.account.ID():
		t.Error("the peers are mixed up")
	}
}

func TestUsedOneTimePrekeyAsksToSetUpAgain(t *testing.T) {
	alice, bob, carol := newPerson(t, "alice", 0), newPerson(t, "bob", 2), newPerson(t, "carol", 0)
	first, _ := initiate(t, carol, bob, 0, text(t, carol, bob, "first"))
	if _, err := bob.accept(start, first); err != nil {
		t.Fatal(err)
	}
	env, pending := initiate(t, alice, bob, 0, text(t, alice, bob, "second"))
	_, err := Accept(start, env, bob.account.ID(), bob.ring, memory{})
	var gone *OneTimeGoneError
	if !errors.As(err, &gone) || gone.From.ID() != alice.account.ID() || gone.ReplayTag != pending.Tag() {
		t.Fatalf("Accept = %v, want OneTimeGoneError from alice", err)
	}
	bob.seen[gone.ReplayTag] = gone.Prekey
	bob.issue(t, start.Add(time.Hour), 3)
	ask := envelope.NewSetUpAgain(envelope.MessageID{1}, envelope.ConversationID{}, start, bob.bundle)
	back, err := gone.SetUpAgain(stream("again"), start.Add(time.Hour), ask, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(back); i += 13 {
		if _, err := pending.Open(flip(back, i), alice.ring.Device()); !errors.Is(err, ErrRefused) {
			t.Fatalf("the request with byte %d flipped = %v, want ErrRefused", i, err)
		}
	}
	// Whoever can ask to set up again has proved nothing, so it can't say more.
	wrong, err := gone.SetUpAgain(stream("again"), start, text(t, bob, alice, "hello"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pending.Open(wrong, alice.ring.Device()); !errors.Is(err, ErrRefused) {
		t.Errorf("a text in place of the request = %v, want ErrRefused", err)
	}
	reply, err := pending.Open(back, alice.ring.Device())
	if err != nil || reply.Established != nil {
		t.Fatalf("Open = %v, %v, want a request to set up again", reply, err)
	}
	fresh, err := reply.Message.SetUpAgain()
	if err != nil || fresh.ID() != bob.account.ID() || !fresh.NewerThan(gone.From) {
		t.Fatalf("SetUpAgain = %v, %v", fresh, err)
	}
	again, pending2, err := Initiate(stream("initiate again"), start.Add(2*time.Hour), alice.from(), To{Bundle: fresh, Device: bob.ring.DeviceID(), OneTime: fresh.Devices()[0].OneTime[0]}, text(t, alice, bob, "second"), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := bob.accept(start.Add(3*time.Hour), again)
	if err != nil || got.Message.ID != pending2.Message() || got.Message.ID != pending.Message() {
		t.Fatalf("the second set-up: %v, %v", got, err)
	}
	if _, err := bob.accept(start.Add(3*time.Hour), env); !errors.Is(err, ErrRefused) {
		t.Errorf("the old envelope again = %v, want ErrRefused", err)
	}
	if _, err := pending2.Open(back, alice.ring.Device()); !errors.Is(err, ErrRefused) {
		t.Errorf("another set-up opens the request = %v, want ErrRefused", err)
	}
}

var _ Keys = (*identity.KeyRing)(nil)

func mustKEM(t testing.TB, name string) *kem.PrivateKey {
	t.Helper()
	k, err := kem.Generate(stream(name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func flip(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 1
	return c
}
