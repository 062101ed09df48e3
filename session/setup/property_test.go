package setup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"pgregory.net/rapid"
)

// Whatever byte of an envelope is changed, it is refused, and nothing is said.
func TestAnyFlippedBitIsRefused(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 2)
	env, pending := initiate(t, alice, bob, 0, text(t, alice, bob, "salaam"))
	got, err := Accept(start, env, bob.account.ID(), bob.ring, memory{})
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := got.Answer(stream("answer"), start, receipt(t, alice, bob, got.Message.ID), 0)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(t *rapid.T, what string, err error) {
		if !errors.Is(err, ErrRefused) || err.Error() != ErrRefused.Error() {
			t.Fatalf("%s = %v, want exactly ErrRefused", what, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		mask := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		change := func(b []byte) []byte {
			// Half of the changes in the first 4 KiB, where the parts are small.
			i := rapid.IntRange(0, min(len(b), rapid.SampledFrom([]int{4 << 10, len(b)}).Draw(t, "within"))-1).Draw(t, "byte")
			c := bytes.Clone(b)
			c[i] ^= mask
			return c
		}
		_, err := Accept(start, change(env), bob.account.ID(), bob.ring, memory{})
		refused(t, "Accept", err)
		_, err = pending.Open(change(back), alice.ring.Device())
		refused(t, "Open", err)
	})
	// Every byte before the boxes that are large, one bit each.
	for i := range offAddress + addressSize {
		if i > envelope.HeaderSize+2*32 && i%16 != 0 {
			continue
		}
		if _, err := Accept(start, flip(env, i), bob.account.ID(), bob.ring, memory{}); !errors.Is(err, ErrRefused) {
			t.Fatalf("Accept with byte %d flipped = %v", i, err)
		}
	}
}

func TestCutAndExtendedEnvelopesAreRefused(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 0)
	env, pending := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	for _, n := range []int{0, 1, 44, 8 << 10, 16 << 10, len(env) - 1} {
		if _, err := Accept(start, env[:n], bob.account.ID(), bob.ring, bob.seen); !errors.Is(err, ErrRefused) {
			t.Errorf("Accept of the first %d bytes = %v, want ErrRefused", n, err)
		}
		if _, err := pending.Open(env[:n], alice.ring.Device()); !errors.Is(err, ErrRefused) {
			t.Errorf("Open of the first %d bytes = %v, want ErrRefused", n, err)
		}
	}
	if _, err := Accept(start, append(bytes.Clone(env), 0), bob.account.ID(), bob.ring, bob.seen); !errors.Is(err, ErrRefused) {
		t.Errorf("Accept of one byte more = %v, want ErrRefused", err)
	}
}

func TestOnlyTheRecipientOpens(t *testing.T) {
	alice, bob, carol := newPerson(t, "alice", 0), newPerson(t, "bob", 0), newPerson(t, "carol", 0)
	env, pending := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	for name, open := range map[string]func() error{
		"a stranger": func() error {
			_, err := Accept(start, env, carol.account.ID(), carol.ring, carol.seen)
			return err
		},
		"a stranger with the recipient's name": func() error {
			_, err := Accept(start, env, bob.account.ID(), carol.ring, carol.seen)
			return err
		},
		// Unknown key share: Mallory lists Bob's device as her own, so Alice
		// means Mallory, and Bob must not take the message as meant for him.
		"the right device under another name": func() error {
			_, err := Accept(start, env, carol.account.ID(), bob.ring, bob.seen)
			return err
		},
		"the sender": func() error {
			_, err := Accept(start, env, alice.account.ID(), alice.ring, alice.seen)
			return err
		},
		"the sender, as an answer": func() error {
			_, err := pending.Open(env, alice.ring.Device())
			return err
		},
	} {
		if err := open(); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
	if _, err := bob.accept(start, env); err != nil {
		t.Errorf("the recipient: %v", err)
	}
}

// Mallory publishes a bundle of her own that lists Bob's device and prekey.
func TestAStolenDeviceKeyInAnotherBundleReachesNobody(t *testing.T) {
	alice, bob, mallory := newPerson(t, "alice", 0), newPerson(t, "bob", 0), newPerson(t, "mallory", 0)
	stolen, err := bob.ring.Describe(stream("describe"), start, start.Add(identity.Lifetime), 0)
	if err != nil {
		t.Fatal(err)
	}
	mallory.bundle, err = mallory.ring.Issue(stream("m"), mallory.account, start, identity.IssueOptions{Others: []identity.Device{stolen}})
	if err != nil {
		t.Fatal(err)
	}
	env, _, err := Initiate(stream("i"), start, alice.from(), To{Bundle: mallory.bundle, Device: bob.ring.DeviceID()}, text(t, alice, mallory, "for mallory"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.accept(start, env); !errors.Is(err, ErrRefused) {
		t.Errorf("bob accepts what was meant for mallory: %v", err)
	}
}

// Anyone can carry Alice's bundle, but without her device key stage 2 fails.
func TestCarryingSomebodysBundleIsNotBeingThem(t *testing.T) {
	alice, bob, mallory := newPerson(t, "alice", 0), newPerson(t, "bob", 0), newPerson(t, "mallory", 0)
	from := From{Bundle: alice.bundle, Device: mallory.ring.Device()}
	if _, _, err := Initiate(stream("i"), start, from, bob.to(-1), text(t, alice, bob, "it's me"), 0); err == nil {
		t.Error("Initiate accepts a device that the bundle does not list")
	}
	// A program without that check; TestHostilePlaintextsAreRefused shows that
	// with Alice's device key the same flight is accepted.
	parts := honestParts(t, alice, bob)
	parts.private = mallory.ring.Device()
	env := buildFlight(t, parts)
	if _, err := bob.accept(start, env); !errors.Is(err, ErrRefused) {
		t.Errorf("bob accepts mallory as alice: %v", err)
	}
}

func TestReplaysAreRefused(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 2)
	for _, oneTime := range []int{-1, 0} {
		env, _ := initiate(t, alice, bob, oneTime, text(t, alice, bob, "salaam"))
		bob.seen = memory{}
		if _, err := bob.accept(start, env); err != nil {
			t.Fatal(err)
		}
		for _, later := range []time.Duration{0, time.Hour, 28 * 24 * time.Hour} {
			if _, err := bob.accept(start.Add(later), env); !errors.Is(err, ErrRefused) {
				t.Errorf("a replay after %v = %v, want ErrRefused", later, err)
			}
		}
	}
	broken := errors.New("disk is gone")
	env, _ := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	if _, err := Accept(start, env, bob.account.ID(), bob.ring, brokenMemory{broken}); !errors.Is(err, broken) || errors.Is(err, ErrRefused) {
		t.Errorf("Accept with a broken store = %v, want its error", err)
	}
}

type brokenMemory struct{ err error }

func (m brokenMemory) Seen(Tag) (bool, error) { return false, m.err }

// As long as a device can open an envelope at all, it knows that it did: tags
// are kept while the ring has the prekey, and not a moment less.
func TestReplaysAreRefusedUntilThePrekeyIsErased(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 0)
	env, _ := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	if _, err := bob.accept(start, env); err != nil {
		t.Fatal(err)
	}
	erased := false
	for now := start; now.Before(start.Add(100 * 24 * time.Hour)); now = now.Add(24 * time.Hour) {
		if _, err := bob.ring.Rotate(stream(fmt.Sprint("rotate", now)), now); err != nil {
			t.Fatal(err)
		}
		if now.Sub(start) < 6*24*time.Hour {
			bob.issue(t, now, 0) // lists the same prekey, which lives longer for it
		}
		for tag, prekey := range bob.seen {
			if _, _, ok := bob.ring.Signed(prekey); !ok {
				delete(bob.seen, tag)
				erased = true
			}
		}
		if _, err := bob.accept(now, env); !errors.Is(err, ErrRefused) {
			t.Fatalf("a replay after %v = %v, want ErrRefused", now.Sub(start), err)
		}
	}
	if !erased {
		t.Error("the prekey was never erased")
	}
}

func TestClocks(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 0)
	env, _ := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	expires := alice.bundle.Expires()
	for _, c := range []struct {
		name string
		now  time.Time
		ok   bool
	}{
		{"a recipient whose clock is a day behind", start.Add(-24 * time.Hour), true},
		{"a recipient whose clock is two days behind", start.Add(-48 * time.Hour), false},
		{"after the sender's bundle expired, while the message may still have been waiting", expires.Add(29 * 24 * time.Hour), true},
		{"when no message can have waited so long", expires.Add(identity.MaxTTL), false},
	} {
		if _, err := Accept(c.now, env, bob.account.ID(), bob.ring, memory{}); (err == nil) != c.ok {
			t.Errorf("%s: %v, want accepted = %v", c.name, err, c.ok)
		}
	}
	for _, c := range []struct {
		name string
		now  time.Time
		want error
	}{
		{"an expired bundle", expires, identity.ErrExpired},
		{"a bundle from the future", start.Add(-25 * time.Hour), identity.ErrNotYet},
	} {
		if _, _, err := Initiate(stream("i"), c.now, alice.from(), bob.to(-1), text(t, alice, bob, "x"), 0); !errors.Is(err, c.want) {
			t.Errorf("Initiate with %s = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestRecipientsThatAreNotInTheBundle(t *testing.T) {
	alice, bob := newPerson(t, "alice", 1), newPerson(t, "bob", 1)
	to := bob.to(0)
	to.OneTime = alice.bundle.Devices()[0].OneTime[0]
	if _, _, err := Initiate(stream("i"), start, alice.from(), to, text(t, alice, bob, "x"), 0); !errors.Is(err, ErrRecipient) {
		t.Errorf("Initiate with a foreign one-time prekey = %v, want ErrRecipient", err)
	}
	to = bob.to(0)
	to.Device = alice.ring.DeviceID()
	if _, _, err := Initiate(stream("i"), start, alice.from(), to, text(t, alice, bob, "x"), 0); !errors.Is(err, ErrRecipient) {
		t.Errorf("Initiate with a foreign device = %v, want ErrRecipient", err)
	}
}

func TestSizes(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 1)
	for _, c := range []struct{ text, want int }{{0, 32 << 10}, {10 << 10, 32 << 10}, {20 << 10, 64 << 10}, {40 << 10, 64 << 10}} {
		env, _ := initiate(t, alice, bob, 0, text(t, alice, bob, strings.Repeat("x", c.text)))
		if len(env) != c.want {
			t.Errorf("a first message of %d bytes gives %d bytes, want %d", c.text, len(env), c.want)
		}
	}
	for _, n := range []int{47 << 10, envelope.MaxPayload + 1} {
		if _, _, err := Initiate(stream("i"), start, alice.from(), bob.to(0), text(t, alice, bob, strings.Repeat("x", n)), 0); !errors.Is(err, envelope.ErrTooLarge) {
			t.Errorf("Initiate with %d bytes = %v, want ErrTooLarge", n, err)
		}
	}
	if _, _, err := Initiate(stream("i"), start, alice.from(), bob.to(0), text(t, alice, bob, "x"), 31*24*time.Hour); !errors.Is(err, envelope.ErrLifetime) {
		t.Errorf("Initiate for 31 days = %v, want ErrLifetime", err)
	}
}

// Bob answers a set-up once: another answer would be another conversation.
func TestOneAnswer(t *testing.T) {
	alice, bob, carol := newPerson(t, "alice", 0), newPerson(t, "bob", 0), newPerson(t, "carol", 0)
	env, pending := initiate(t, alice, bob, -1, text(t, alice, bob, "salaam"))
	got, err := bob.accept(start, env)
	if err != nil {
		t.Fatal(err)
	}
	ack := receipt(t, alice, bob, got.Message.ID)
	if _, _, err := got.Answer(bytes.NewReader(nil), start, ack, 0); err == nil {
		t.Error("Answer without randomness succeeded")
	}
	back, _, err := got.Answer(stream("answer"), start, ack, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := got.Answer(stream("answer 2"), start, ack, 0); err == nil {
		t.Error("a second Answer succeeded")
	}
	if _, err := pending.Open(back, carol.ring.Device()); !errors.Is(err, ErrRefused) {
		t.Errorf("Open with another device = %v, want ErrRefused", err)
	}
	_, other, err := Initiate(stream("other"), start, alice.from(), bob.to(-1), text(t, alice, bob, "salaam"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(back, alice.ring.Device()); !errors.Is(err, ErrRefused) {
		t.Errorf("another set-up of the same people opens the answer: %v", err)
	}
	if _, err := pending.Open(back, alice.ring.Device()); err != nil {
		t.Errorf("Open = %v", err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 1)
	env, pending := initiate(t, alice, bob, 0, text(t, alice, bob, "the plaintext"))
	got, err := bob.accept(start, env)
	if err != nil {
		t.Fatal(err)
	}
	unanswered := *got
	chain := bytes.Clone(got.schedule.chain)
	_, again := Accept(start, env, bob.account.ID(), bob.ring, memory{})
	var gone *OneTimeGoneError
	if !errors.As(again, &gone) {
		t.Fatal(again)
	}
	back, est, err := got.Answer(stream("answer"), start, text(t, bob, alice, "the plaintext"), 0)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := pending.Open(back, alice.ring.Device())
	if err != nil {
		t.Fatal(err)
	}
	key := est.Root.Key()
	secrets := [][]byte{chain, key[:], est.Root.own.Seed(), pending.ratchet.Seed(), gone.again.key[:], []byte("the plaintext")}
	for _, v := range []any{pending, *pending, got, *got, unanswered, &unanswered, est, *est, est.Root, *est.Root, reply, *reply, gone, *gone, got.Message, []any{got}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			out := fmt.Sprintf(verb, v)
			for i, s := range secrets {
				for _, shown := range []string{fmt.Sprintf("%x", s[:6]), strings.Trim(fmt.Sprintf("%d", s[:6]), "[]"), string(s), strings.Join(hexList(s[:6]), ", ")} {
					if strings.Contains(out, shown) {
						t.Errorf("Sprintf(%q, %T) shows secret %d", verb, v, i)
					}
				}
			}
		}
	}
}

func hexList(b []byte) (out []string) {
	for _, c := range b {
		out = append(out, fmt.Sprintf("0x%x", c))
	}
	return out
}
