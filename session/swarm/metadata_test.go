package swarm

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
)

// The rows of docs/security/swarm.md: what a node that stores gets to see, found
// out by looking at every byte that comes to it and that it writes.

// person is an account with one device.
type person struct {
	account *identity.Account
	ring    *identity.KeyRing
	bundle  *identity.Bundle
}

func newPerson(t testing.TB, seed byte, now time.Time) *person {
	t.Helper()
	a, err := identity.NewAccount(bytes.Repeat([]byte{seed}, identity.AccountSeedSize))
	if err != nil {
		t.Fatal(err)
	}
	r, err := identity.NewKeyRing(random1(seed), now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Issue(random1(seed+100), a, now, identity.IssueOptions{OneTime: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &person{a, r, b}
}

// writes returns a real first message of p to another person.
func (p *person) writes(t testing.TB, to *person, text string, now time.Time, seed byte) []byte {
	t.Helper()
	m, err := envelope.NewText(envelope.MessageID{seed}, envelope.ConversationOf(p.account.ID(), to.account.ID()), now, text)
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := setup.Initiate(random1(seed), now, setup.From{Bundle: p.bundle, Device: p.ring.Device()},
		setup.To{Bundle: to.bundle, Device: to.ring.DeviceID(), OneTime: to.bundle.Devices()[0].OneTime[0]}, m, 0)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// names are byte strings that would tell who a person is.
func (p *person) names() map[string][]byte {
	id := p.account.ID()
	dev := p.bundle.Devices()[0]
	device := dev.ID()
	return map[string][]byte{
		"Session ID": id[:], "Session ID as text": []byte(id.String()), "device ID": device[:],
		"signing key": p.account.Signing().Bytes()[:64], "agreement key": p.account.Agreement().Bytes()[:32],
		"device key": dev.Key.Bytes()[:32], "signed prekey": dev.Signed.Bytes()[:32], "bundle": p.bundle.Bytes()[200:264],
	}
}

// watched is a network whose nodes' every byte is kept.
type watched struct {
	*swarmNet
	requests [][]byte
}

func watch(t testing.TB, n int) *watched {
	w := &watched{swarmNet: newNetwork(t, n)}
	var mu = make(chan struct{}, 1)
	w.seen = func(_ string, raw []byte) {
		mu <- struct{}{}
		w.requests = append(w.requests, bytes.Clone(raw))
		<-mu
	}
	return w
}

// everything returns what came to the nodes and what is on their disks.
func (w *watched) everything() [][]byte {
	out := slices.Clone(w.requests)
	for _, p := range w.peers {
		for k, v := range p.disk.all {
			out = append(out, []byte(k), v)
		}
	}
	return out
}

func TestNoPlaintextAndNoNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 8)
		c := w.client(ClientConfig{})
		defer c.Close()
		alice, bob := newPerson(t, 1, start), newPerson(t, 2, start)
		const canary = "the garden behind the library at seven"
		raw := alice.writes(t, bob, canary, start, 9)
		if _, _, err := c.Put(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*person{alice, bob} {
			if err := c.PublishBundle(t.Context(), p.bundle, start); err != nil {
				t.Fatal(err)
			}
			if _, err := c.FindBundle(t.Context(), p.account.ID(), start); err != nil {
				t.Fatal(err)
			}
		}
		key := bob.ring.Mailboxes()[0].Key
		found, _, err := c.Poll(t.Context(), key, Cursor{}, 0)
		if err != nil || len(found) != 1 || !bytes.Equal(found[0], raw) {
			t.Fatalf("Poll = %d envelopes, %v", len(found), err)
		}
		if _, _, err := c.Delete(t.Context(), key, found); err != nil {
			t.Fatal(err)
		}
		all := w.everything()
		box := bob.bundle.Mailbox()
		if !slices.ContainsFunc(all, func(b []byte) bool { return bytes.Contains(b, box[:]) }) {
			t.Fatal("not even the mailbox is seen: this test looks at nothing")
		}
		for _, p := range []*person{alice, bob} {
			for what, name := range p.names() {
				for _, b := range all {
					if bytes.Contains(b, name) {
						t.Errorf("a node sees a %s", what)
					}
				}
			}
		}
		for _, b := range all {
			if bytes.Contains(b, []byte(canary)) || bytes.Contains(b, []byte(canary)[:8]) {
				t.Error("a node sees plaintext")
			}
		}
	})
}

// common reports whether two byte strings share any n bytes, outside of what
// they are allowed to.
func common(a, b []byte, n int, allowed ...[]byte) []byte {
	windows := map[string]bool{}
	for i := 0; i+n <= len(a); i++ {
		windows[string(a[i:i+n])] = true
	}
	for i := 0; i+n <= len(b); i++ {
		part := b[i : i+n]
		if !windows[string(part)] || len(bytes.Trim(part, "\x00")) == 0 {
			continue
		}
		if !slices.ContainsFunc(allowed, func(ok []byte) bool { return bytes.Contains(ok, part) }) {
			return part
		}
	}
	return nil
}

func TestWritersHaveNothingInCommon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 8)
		c := w.client(ClientConfig{})
		defer c.Close()
		alice, bob, carol := newPerson(t, 1, start), newPerson(t, 2, start), newPerson(t, 3, start)
		put := func(raw []byte) (out []byte) {
			w.requests = nil
			if _, _, err := c.Put(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return w.requests[0]
		}
		first := put(alice.writes(t, bob, "one", start, 9))
		second := put(alice.writes(t, carol, "two", start, 10))
		// Twelve bytes are the same for all envelopes of one size and hour: the heads and
		// the hour between the mailbox and the envelope.
		if part := common(first, second, 13); part != nil {
			t.Errorf("two messages of one writer both have %x", part)
		}
		third := put(alice.writes(t, bob, "three", start, 11))
		box := bob.bundle.Mailbox()
		if part := common(first, third, 13, box[:]); part != nil && !around(first, part, box[:]) {
			t.Errorf("two messages to one mailbox both have %x beside the mailbox", part)
		}
	})
}

// around reports whether part lies at the mailbox and the heads beside it.
func around(raw, part, box []byte) bool {
	at := bytes.Index(raw, part)
	for from := 0; ; {
		i := bytes.Index(raw[from:], box)
		if i < 0 {
			return false
		}
		i += from
		if at >= i-24 && at+len(part) <= i+len(box)+24 {
			return true
		}
		from = i + 1
	}
}

func TestMailboxesOfOneAccountShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 8)
		c := w.client(ClientConfig{})
		defer c.Close()
		bob := newPerson(t, 2, start)
		if _, err := bob.ring.Rotate(random1(50), start.Add(identity.MailboxPeriod)); err != nil {
			t.Fatal(err)
		}
		boxes := bob.ring.Mailboxes()
		if len(boxes) < 2 {
			t.Fatalf("%d mailboxes, want two that must be emptied", len(boxes))
		}
		var owners [][]byte
		for _, b := range boxes[:2] {
			w.requests = nil
			if _, _, err := c.Poll(t.Context(), b.Key, Cursor{}, 0); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			req, err := parseRequest(w.requests[0])
			if err != nil {
				t.Fatal(err)
			}
			owners = append(owners, req.Owner)
		}
		zero := make([]byte, challengeSize)
		if part := common(owners[0], owners[1], 12, zero); part != nil {
			t.Errorf("polls of two mailboxes of one account both have %x", part)
		}
	})
}

func TestMailboxChangesEveryMonth(t *testing.T) {
	bob := newPerson(t, 2, start)
	seen := map[identity.MailboxID]int{}
	for month := range 6 {
		now := start.Add(time.Duration(month) * identity.MailboxPeriod)
		if _, err := bob.ring.Rotate(random1(byte(60+month)), now); err != nil {
			t.Fatal(err)
		}
		b, err := bob.ring.Issue(random1(byte(70+month)), bob.account, now, identity.IssueOptions{})
		if err != nil {
			t.Fatal(err)
		}
		seen[b.Mailbox()]++
		// The old ones are emptied as long as somebody may write to them, then forgotten.
		if n := len(bob.ring.Mailboxes()); n > 4 {
			t.Errorf("month %d: %d mailboxes, want at most 4", month, n)
		}
	}
	if len(seen) != 6 {
		t.Errorf("six months had %d mailboxes, want 6", len(seen))
	}
}

func TestSlotsOfTwoWeeksShareNothing(t *testing.T) {
	bob := newPerson(t, 2, start)
	week := identity.WeekOf(start)
	var all [][]byte
	for i := range uint64(2) {
		sealed, err := identity.SealBundle(random1(byte(80+i)), bob.bundle, week+i)
		if err != nil {
			t.Fatal(err)
		}
		it, err := NewBundle(identity.SlotOf(bob.account.ID(), week+i), week+i, sealed)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := it.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	if part := common(all[0], all[1], 8); part != nil {
		t.Errorf("the bundles of two weeks both have %x", part)
	}
	// All slots of one week expire at one time, whoever's they are.
	alice := newPerson(t, 1, start)
	a, err := NewBundle(identity.SlotOf(alice.account.ID(), week), week, make([]byte, 16<<10))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseItem(all[0])
	if err != nil || a.Hour != b.Hour {
		t.Errorf("hours %d and %d of one week, %v", a.Hour, b.Hour, err)
	}
}
