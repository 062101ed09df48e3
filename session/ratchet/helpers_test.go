package ratchet

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
)

// stream is SHAKE-256 of a name: randomness that every run gives again.
func stream(name string) io.Reader {
	s := sha3.NewSHAKE256()
	_, _ = s.Write([]byte(name))
	return s
}

// start is a moment in the middle of a week.
var start = time.Date(2026, 11, 23, 12, 34, 56, 789e6, time.UTC)

// failer is what helpers need of a test; *rapid.T is one too.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type noReplays struct{}

func (noReplays) Seen(setup.Tag) (bool, error) { return false, nil }

// device is an account with one device.
type device struct {
	account *identity.Account
	ring    *identity.KeyRing
	bundle  *identity.Bundle
}

func newDevice(t failer, name string) *device {
	t.Helper()
	rand := stream(name)
	seed := make([]byte, identity.AccountSeedSize)
	must(t, second(io.ReadFull(rand, seed)))
	account, err := identity.NewAccount(seed)
	must(t, err)
	ring, err := identity.NewKeyRing(rand, start)
	must(t, err)
	bundle, err := ring.Issue(rand, account, start, identity.IssueOptions{})
	must(t, err)
	return &device{account: account, ring: ring, bundle: bundle}
}

func (d *device) mailbox() identity.MailboxID { return d.bundle.Mailbox() }

func second(_ int, err error) error { return err }

func must(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// establish sets up between two devices and returns both sides' beginnings.
func establish(t failer, a, b *device, name string, now time.Time) (atA, atB *setup.Established) {
	t.Helper()
	rand := stream("establish " + name)
	msg := envelope.Message{Kind: envelope.Text, Conversation: envelope.ConversationOf(a.account.ID(), b.account.ID()), Sent: now, Body: []byte("first")}
	raw, pending, err := setup.Initiate(rand, now, setup.From{Bundle: a.bundle, Device: a.ring.Device()}, setup.To{Bundle: b.bundle, Device: b.ring.DeviceID()}, msg, 0)
	must(t, err)
	accepted, err := setup.Accept(now, raw, b.account.ID(), b.ring, noReplays{})
	must(t, err)
	answer, atB, err := accepted.Answer(rand, now, msg, 0)
	must(t, err)
	reply, err := pending.Open(answer, a.ring.Device())
	must(t, err)
	return reply.Established, atB
}

// side is one end of a conversation that stores each state before the next.
type side struct {
	t     failer
	name  string
	rand  io.Reader
	to    identity.MailboxID
	state *State
}

// pair is a conversation of two devices after its set-up.
func pair(t failer, name string) (a, b *side) {
	t.Helper()
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	atA, atB := establish(t, alice, bob, name, start)
	begin := func(who string, e *setup.Established, to *device) *side {
		s, err := Start(e, start, start)
		must(t, err)
		return &side{t: t, name: who, rand: stream(who + name), to: to.mailbox(), state: s}
	}
	return begin("alice", atA, bob), begin("bob", atB, alice)
}

// say encrypts a payload and commits.
func (s *side) say(now time.Time, payload string) []byte {
	s.t.Helper()
	raw, next, err := s.state.Encrypt(s.rand, now, s.to, 0, []byte(payload))
	must(s.t, err)
	s.state = stored(s.t, next)
	return raw
}

// hear opens an envelope, wants a payload of it, and commits.
func (s *side) hear(now time.Time, raw []byte, want string) {
	s.t.Helper()
	got, next, err := s.state.Decrypt(now, raw)
	if err != nil || string(got) != want {
		s.t.Fatalf("%s: Decrypt = %q, %v, want %q", s.name, got, err, want)
	}
	s.state = stored(s.t, next)
}

// refuse wants an envelope to fail with an error and to change nothing.
func (s *side) refuse(now time.Time, raw []byte, want error) {
	s.t.Helper()
	before, err := s.state.Bytes()
	must(s.t, err)
	got, next, err := s.state.Decrypt(now, raw)
	if !errors.Is(err, want) || next != nil || got != nil {
		s.t.Fatalf("%s: Decrypt = %q, %v, want %v", s.name, got, err, want)
	}
	after, err := s.state.Bytes()
	must(s.t, err)
	if !bytes.Equal(before, after) {
		s.t.Fatal("a refused envelope changed the state")
	}
}

// stored is a state after its way through a store.
func stored(t failer, s *State) *State {
	t.Helper()
	raw, err := s.Bytes()
	must(t, err)
	back, err := Parse(raw)
	must(t, err)
	again, err := back.Bytes()
	must(t, err)
	if !bytes.Equal(raw, again) {
		t.Fatal("a state has two encodings")
	}
	return back
}

func numbered(i int) string { return fmt.Sprint("message ", i) }
