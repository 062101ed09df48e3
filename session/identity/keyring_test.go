package identity

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pars-network/pars/session/wire"
	"pgregory.net/rapid"
)

func TestRingRotatesWeekly(t *testing.T) {
	r, a := newRing(t, "a"), newAccount(t, "a")
	issued := map[PrekeyID]time.Time{} // prekey -> when the last bundle with it expires
	mailboxes := map[MailboxID]time.Time{}
	for day := range 200 {
		now := start.Add(time.Duration(day) * 24 * time.Hour)
		made := !now.Before(r.NextRotation())
		changed, err := r.Rotate(stream(fmt.Sprint("rotate", day)), now)
		if err != nil {
			t.Fatal(err)
		}
		if made && !changed {
			t.Fatalf("day %d: a rotation was due and changed nothing", day)
		}
		b, err := r.Issue(stream(fmt.Sprint("issue", day)), a, now, IssueOptions{})
		if err != nil {
			t.Fatal(err)
		}
		issued[PrekeyIDOf(b.Devices()[0].Signed)] = b.Expires()
		mailboxes[b.Mailbox()] = b.Expires()
		held := map[MailboxID]bool{}
		for _, m := range r.Mailboxes() {
			held[m.ID()] = true
		}
		// Exactly the keys that a bundle with a chance of use depends on are there.
		for id, expires := range issued {
			_, eraseAt, ok := r.Signed(id)
			if want := now.Before(expires.Add(MaxTTL)); ok != want {
				t.Fatalf("day %d: prekey of a bundle until %v is there = %v, want %v (erased %v)", day, expires, ok, want, eraseAt)
			}
		}
		for id, expires := range mailboxes {
			if want := now.Before(expires.Add(MaxTTL)); held[id] != want {
				t.Fatalf("day %d: mailbox of a bundle until %v is there = %v, want %v", day, expires, held[id], want)
			}
		}
		if len(r.signed) > maxSignedHalves || len(r.mailboxes) > maxMailboxes {
			t.Fatalf("day %d: %d signed prekeys and %d mailboxes", day, len(r.signed), len(r.mailboxes))
		}
	}
	if len(issued) != 29 || len(mailboxes) != 7 {
		t.Errorf("%d prekeys and %d mailboxes in 200 days, want 29 and 7", len(issued), len(mailboxes))
	}
}

func TestAClockThatGoesBackChangesNothing(t *testing.T) {
	r := newRing(t, "a")
	before, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := r.Rotate(stream("rotate"), start.Add(-1000*time.Hour)); changed || err != nil {
		t.Errorf("Rotate with an old clock = %v, %v, want nothing", changed, err)
	}
	after, err := r.Bytes()
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the ring changed")
	}
}

func TestOneTimePrekeysAreUsedOnce(t *testing.T) {
	r, a := newRing(t, "a"), newAccount(t, "a")
	b, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: 2})
	if err != nil {
		t.Fatal(err)
	}
	id := PrekeyIDOf(b.Devices()[0].OneTime[0])
	if _, ok := r.OneTime(id); !ok || r.OneTimeLeft() != 2 {
		t.Fatal("the private half is missing")
	}
	seed := r.oneTime[0].seed[:]
	kept := r.oneTime[:2]
	if !r.EraseOneTime(id) || r.EraseOneTime(id) {
		t.Error("EraseOneTime does not say whether it erased")
	}
	if _, ok := r.OneTime(id); ok || r.OneTimeLeft() != 1 {
		t.Error("the private half is still there")
	}
	if bytes.Equal(seed, make([]byte, len(seed))) {
		t.Error("the other half was wiped instead")
	}
	if kept[1].seed != [96]byte{} {
		t.Error("the freed place still holds a seed")
	}
	state, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKeyRing(state)
	if err != nil || again.OneTimeLeft() != 1 {
		t.Fatalf("after storing: %v", err)
	}
	if _, ok := again.OneTime(id); ok {
		t.Error("the private half is in the store")
	}
	if _, err := r.Rotate(stream("later"), b.Expires().Add(MaxTTL)); err != nil || r.OneTimeLeft() != 0 {
		t.Errorf("%d one-time halves outlive their bundle", r.OneTimeLeft())
	}
}

func TestACloneChangesAlone(t *testing.T) {
	r, a := newRing(t, "a"), newAccount(t, "a")
	b, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: 2})
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	c := r.Clone()
	if state, err := c.Bytes(); err != nil || !bytes.Equal(state, before) {
		t.Fatalf("a clone differs, %v", err)
	}
	d := b.Devices()[0]
	c.EraseOneTime(PrekeyIDOf(d.OneTime[0]))
	if _, err := c.Issue(stream("more"), a, start.Add(time.Hour), IssueOptions{OneTime: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Rotate(stream("rotate"), start.Add(100*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if state, err := r.Bytes(); err != nil || !bytes.Equal(state, before) {
		t.Errorf("what was done to a clone changed the ring, %v", err)
	}
	if id := PrekeyIDOf(d.Signed); !r.HasSigned(id) || c.HasSigned(id) || r.HasSigned(PrekeyID{}) {
		t.Error("HasSigned does not tell what the ring has")
	}
}

func TestOneTimeHalvesAreBounded(t *testing.T) {
	r, a := newRing(t, "a"), newAccount(t, "a")
	var first *Bundle
	for i := range MaxOneTimeHalves/MaxOneTime + 1 {
		b, err := r.Issue(stream(fmt.Sprint("issue", i)), a, start, IssueOptions{OneTime: MaxOneTime})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
	}
	if n := r.OneTimeLeft(); n != MaxOneTimeHalves {
		t.Errorf("%d halves, want %d", n, MaxOneTimeHalves)
	}
	if _, ok := r.OneTime(PrekeyIDOf(first.Devices()[0].OneTime[0])); ok {
		t.Error("the oldest half was kept")
	}
	state, err := r.Bytes()
	if err != nil || len(state) > MaxKeyRing {
		t.Fatalf("state of %d bytes, %v, want at most %d", len(state), err, MaxKeyRing)
	}
	if again, err := ParseKeyRing(state); err != nil || again.OneTimeLeft() != MaxOneTimeHalves {
		t.Errorf("ParseKeyRing = %v", err)
	}
}

func TestRingSurvivesItsStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := NewKeyRing(stream(rapid.String().Draw(t, "name")), start)
		if err != nil {
			t.Fatal(err)
		}
		now := start
		for i := range rapid.IntRange(0, 4).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "days")) * 24 * time.Hour)
			if _, err := r.Rotate(stream(fmt.Sprint(i)), now); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Describe(stream(fmt.Sprint("d", i)), now, now.Add(Lifetime), rapid.IntRange(0, 3).Draw(t, "one-time")); err != nil {
				t.Fatal(err)
			}
		}
		state, err := r.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKeyRing(state)
		if err != nil {
			t.Fatal(err)
		}
		back, err := again.Bytes()
		if err != nil || !bytes.Equal(back, state) || again.DeviceID() != r.DeviceID() || !again.NextRotation().Equal(r.NextRotation()) {
			t.Fatalf("the ring changed in its store, %v", err)
		}
		for _, p := range r.signed {
			if k, eraseAt, ok := again.Signed(p.id); !ok || !eraseAt.Equal(p.eraseAt) || PrekeyIDOf(k.Public()) != p.id {
				t.Fatal("a signed prekey changed in the store")
			}
		}
	})
}

func TestCorruptRings(t *testing.T) {
	state, err := newRing(t, "a").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := func(change func(*keyRingWire)) []byte {
		var w keyRingWire
		if err := wire.Unmarshal(state, MaxKeyRing, &w); err != nil {
			t.Fatal(err)
		}
		change(&w)
		data, err := wire.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"nothing":             nil,
		"cut":                 state[:len(state)-1],
		"another version":     encode(func(w *keyRingWire) { w.Version = 2 }),
		"no device":           encode(func(w *keyRingWire) { w.Device = nil }),
		"no signed prekey":    encode(func(w *keyRingWire) { w.Signed = nil }),
		"no mailbox":          encode(func(w *keyRingWire) { w.Mailboxes = nil }),
		"a short seed":        encode(func(w *keyRingWire) { w.Signed[0].Seed = w.Signed[0].Seed[1:] }),
		"a short mailbox key": encode(func(w *keyRingWire) { w.Mailboxes[0].Seed = nil }),
		"a time out of range": encode(func(w *keyRingWire) { w.Signed[0].EraseAt = 1 << 63 }),
		"a mailbox from then": encode(func(w *keyRingWire) { w.Mailboxes[0].Made = 1 << 63 }),
		"33 signed prekeys":   encode(func(w *keyRingWire) { w.Signed = make([]secretWire, 33) }),
	} {
		if _, err := ParseKeyRing(data); !errors.Is(err, ErrKeyRing) {
			t.Errorf("%s: %v, want ErrKeyRing", name, err)
		}
	}
	for _, n := range []int{0, 96, 96 + 96} {
		if _, err := NewKeyRing(bytes.NewReader(make([]byte, n)), start); err == nil {
			t.Errorf("NewKeyRing with %d bytes of randomness succeeded", n)
		}
	}
}

func FuzzParseKeyRing(f *testing.F) {
	state, err := newRing(f, "a").Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseKeyRing(data)
		if err != nil {
			if !errors.Is(err, ErrKeyRing) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := r.Bytes(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("a ring has two states, %v", err)
		}
	})
}
