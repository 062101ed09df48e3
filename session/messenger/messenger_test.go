package messenger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

func TestTextIsDeliveredAndAnswerConfirms(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	bahar.start()
	m := ava.send("bahar", "سلام")
	if m.State != Queued || m.Total != 1 || !m.Unconfirmed {
		t.Errorf("Send returned %+v, want queued of 1, unconfirmed", m)
	}
	ava.until("delivered", inState(m.Seq, Delivered))
	got := ava.list()[0]
	if got.Unconfirmed || got.StoredBy != 1 || got.Total != 1 {
		t.Errorf("after the answer %+v, want confirmed and stored 1 of 1", got)
	}
	in := bahar.list()
	if len(in) != 1 || in[0].Text != "سلام" || in[0].ID != m.ID || in[0].State != Received || in[0].Sent || in[0].Name != "ava" || in[0].Request {
		t.Fatalf("bahar has %+v", in)
	}
	if !in[0].Unconfirmed {
		t.Error("bahar's side is confirmed before ava answered a set-up of hers")
	}
	back := bahar.send(ava.id().String(), "درود")
	bahar.until("delivered", inState(back.Seq, Delivered))
	if bahar.list()[0].Unconfirmed {
		t.Error("bahar's side is not confirmed after ava's answer")
	}
}

func TestOfflinePeerGetsItWhenItComesBack(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	m := ava.send("bahar", "are you there?")
	if got := ava.list()[0].State; got != Queued {
		t.Errorf("with nobody there the state is %v, want queued", got)
	}
	ava.close()
	ava.boot()
	if n := ava.Queued(); n != 1 {
		t.Fatalf("after a restart %d wait, want 1", n)
	}
	ava.start()
	bahar.start()
	ava.until("delivered", inState(m.Seq, Delivered))
	if ava.Queued() != 0 {
		t.Error("something is left in the outbox")
	}
}

// Someone whom nobody could reach is tried again as time passes, without any
// event.
func TestRetriesFollowTheClock(t *testing.T) {
	w := newWorld(t)
	ava, bahar, other := w.person("ava"), w.person("bahar"), w.person("other")
	ava.knows(bahar)
	bahar.knows(ava)
	other.start() // is there, but does not own the mailbox
	ava.start()
	m := ava.send("bahar", "later")
	w.wires.mu.Lock()
	w.wires.up["bahar"] = bahar // reachable from now on, and nobody tells ava
	w.wires.mu.Unlock()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-w.clock.armed: // somebody waits: let a minute pass
				w.clock.advance(time.Minute)
			}
		}
	}()
	ava.until("stored", inState(m.Seq, Stored))
	close(stop)
	<-done
}

func TestExpiryFailsHonestly(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	m := ava.send("bahar", "too late")
	w.clock.advance(envelope.DefaultTTL + 2*time.Hour)
	ava.start()
	ava.until("failed", inState(m.Seq, Failed))
	if got := ava.list()[0]; !strings.Contains(got.Failure, "14 days") {
		t.Errorf("the failure says %q", got.Failure)
	}
	if ava.Queued() != 0 {
		t.Error("an expired envelope is still in the outbox")
	}
}

func TestOrderIsKept(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	var want []string
	var last Message
	for i := range 12 { // more than the card has one-time prekeys
		want = append(want, fmt.Sprintf("message %d", i))
		last = ava.send("bahar", want[i])
	}
	bahar.start()
	ava.start()
	ava.until("all delivered", inState(last.Seq, Delivered))
	if got := texts(bahar.list()); !slices.Equal(got, want) {
		t.Errorf("bahar has %q, want %q", got, want)
	}
}

// The receiver crashes after it acknowledged, the sender crashes before it
// noted so: the message is there once.
func TestCrashesBetweenAcknowledgementAndOpening(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	m := ava.send("bahar", "once")
	var raw []byte
	var mailbox delivery.Mailbox
	if err := ava.store.Scan(kindOutbox, nil, 0, func(r store.Record) bool {
		var o outboxRecord
		if err := decode(r.Value, &o); err != nil {
			t.Fatal(err)
		}
		env, err := envelope.Parse(o.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		raw, mailbox = o.Envelope, delivery.Mailbox(env.Mailbox)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if err := bahar.Keep(mailbox, delivery.DigestOf(raw), raw); err != nil {
		t.Fatal(err)
	}
	bahar.crash()
	ava.crash()
	ava.start()
	bahar.start()
	ava.until("delivered", inState(m.Seq, Delivered))
	for range 2 {
		if got := texts(bahar.list()); !slices.Equal(got, []string{"once"}) {
			t.Fatalf("bahar has %q, want it once", got)
		}
		bahar.crash()
	}
	if have, err := bahar.Want(mailbox, delivery.DigestOf(raw)); err != nil || !have {
		t.Errorf("offered again after all that: have %v, %v, want true", have, err)
	}
}

func TestReplayedAlteredAndForeignEnvelopesAreDropped(t *testing.T) {
	w := newWorld(t)
	ava, bahar, eve := w.person("ava"), w.person("bahar"), w.person("eve")
	ava.knows(bahar)
	bahar.knows(ava)
	m := ava.send("bahar", "hello")
	raw, mailbox := firstEnvelope(t, ava)
	ava.start()
	bahar.start()
	ava.until("delivered", inState(m.Seq, Delivered))
	bahar.stop()

	altered := bytes.Clone(raw)
	altered[len(altered)-1] ^= 1
	for name, e := range map[string][]byte{"replayed": raw, "altered": altered} {
		if err := bahar.Keep(mailbox, delivery.DigestOf(e), e); err != nil {
			t.Fatal(err)
		}
		if _, err := bahar.openNext(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := bahar.Queued(); n != 0 {
			t.Errorf("%s: it was answered, %d envelopes wait", name, n)
		}
	}
	if err := eve.Keep(mailbox, delivery.DigestOf(raw), raw); !errors.Is(err, delivery.ErrRefused) {
		t.Errorf("another's mailbox: %v, want ErrRefused", err)
	}
	// Even if eve's node took it, she could not open it.
	var b store.Batch
	if _, err := eve.open(&b, raw); !errors.Is(err, errDropped) {
		t.Errorf("eve opens it: %v", err)
	}
	if got := texts(bahar.list()); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("bahar has %q, want the message once", got)
	}
	if bahar.inbox != 0 {
		t.Errorf("%d envelopes are stuck", bahar.inbox)
	}
}

func firstEnvelope(t *testing.T, n *node) (raw []byte, mailbox delivery.Mailbox) {
	t.Helper()
	if err := n.store.Scan(kindOutbox, nil, 0, func(r store.Record) bool {
		var o outboxRecord
		if err := decode(r.Value, &o); err != nil {
			t.Fatal(err)
		}
		env, err := envelope.Parse(o.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		raw, mailbox = o.Envelope, delivery.Mailbox(env.Mailbox)
		return false
	}); err != nil || raw == nil {
		t.Fatalf("no envelope: %v", err)
	}
	return raw, mailbox
}

// A stranger learns nothing until the person accepts.
func TestStrangersAreRequests(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar) // but not the other way round
	ava.start()
	bahar.start()
	m := ava.send("bahar", "you do not know me")
	ava.until("stored", inState(m.Seq, Stored))
	bahar.until("a request", func(list []Message) bool { return len(list) == 1 && list[0].Request })
	if out, held := records(t, bahar.store, kindOutbox), records(t, bahar.store, kindHeld); out != 0 || held != 1 {
		t.Errorf("%d answers in the outbox and %d held back, want 0 and 1", out, held)
	}
	if _, err := bahar.Send(ava.id().String(), "hi"); !errors.Is(err, ErrNoContact) {
		t.Errorf("writing to a request: %v, want ErrNoContact", err)
	}
	if got := ava.list()[0].State; got != Stored {
		t.Errorf("before acceptance ava sees %v, want stored", got)
	}
	if _, _, err := bahar.AddContact(ava.id().String(), "ava"); err != nil {
		t.Fatal(err)
	}
	ava.until("delivered", inState(m.Seq, Delivered))
	if got := bahar.list()[0]; got.Request || got.Name != "ava" {
		t.Errorf("after acceptance %+v", got)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	var last Message
	for i := range MaxRequestMessages + 3 {
		last = ava.send("bahar", fmt.Sprint(i))
	}
	ava.start()
	bahar.start()
	ava.until("all stored", inState(last.Seq, Stored))
	bahar.until("as many as are kept", func(list []Message) bool { return len(list) == MaxRequestMessages })
	bahar.stop()
	for more := true; more; {
		var err error
		if more, err = bahar.openNext(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(bahar.list()); n != MaxRequestMessages {
		t.Errorf("%d messages of a stranger are kept, want %d", n, MaxRequestMessages)
	}
}

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

// Whatever number of envelopes carry a message, it is there once and is
// answered each time.
func TestOneMessageInTwoEnvelopes(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	m := ava.send("bahar", "once")
	peer := bahar.id()
	var r messageRecord
	if _, err := load(ava.store, kindMessage, peer[:], m.Seq, &r); err != nil {
		t.Fatal(err)
	}
	ava.mu.Lock()
	c, err := ava.loadContact(peer)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	nums, err := ava.seal(&b, c, m.Seq, &r)
	if err != nil {
		t.Fatal(err)
	}
	if err := ava.store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	ava.enqueue(peer, nums...)
	ava.mu.Unlock()
	last := ava.send("bahar", "twice")
	ava.start()
	bahar.start()
	ava.until("delivered", inState(last.Seq, Delivered))
	if got := texts(bahar.list()); !slices.Equal(got, []string{"once", "twice"}) {
		t.Errorf("bahar has %q, want each message once", got)
	}
	ava.until("delivered", inState(m.Seq, Delivered))
	if n := records(t, ava.store, kindPending); n != 0 {
		t.Errorf("%d set-ups still wait for their answer", n)
	}
}

// The receipt may overtake the acknowledgement.
func TestDeliveredIsNotTakenBack(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	bahar.start()
	m := ava.send("bahar", "x")
	ava.until("delivered", inState(m.Seq, Delivered))
	for _, stored := range []bool{true, false} {
		if err := ava.settle(bahar.id(), 1, m.Seq, stored); err != nil {
			t.Fatal(err)
		}
		if got := ava.list()[0]; got.State != Delivered || got.Failure != "" || got.StoredBy != 1 {
			t.Errorf("settled with stored %v after the receipt: %+v", stored, got)
		}
	}
}

func records(t *testing.T, s *store.Store, kind store.Kind) int {
	t.Helper()
	n := 0
	if err := s.Scan(kind, nil, 0, func(store.Record) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

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

// Neither disk nor link shows who wrote what to whom.
func TestNothingReadableOnLinkOrDisk(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava-the-sender"), w.person("bahar-the-reader")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	bahar.start()
	const text = "we meet under the old plane tree"
	m := ava.send(bahar.name, text)
	ava.until("delivered", inState(m.Seq, Delivered))
	phrase, err := ava.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	ava.stop()
	bahar.stop()
	secrets := map[string][]byte{"the text": []byte(text), "the phrase": []byte(phrase[:20])}
	for _, n := range []*node{ava, bahar} {
		id := n.id()
		secrets["the Session ID of "+n.name] = []byte(id.String())
		secrets["the bytes of the Session ID of "+n.name] = id[:]
		secrets["the name "+n.name] = []byte(n.name)
		secrets["the signing key of "+n.name] = n.account.Signing().Bytes()[:64]
		secrets["the device key of "+n.name] = n.ring.Device().Public().Bytes()[:64]
	}
	all := map[string][]byte{"the link": w.wires.traffic.Bytes()}
	for _, n := range []*node{ava, bahar} {
		for path, b := range files(t, n) {
			all[n.name+"'s disk, "+path] = b
		}
	}
	if len(all["the link"]) < 30<<10 || len(all) < 5 {
		t.Fatalf("looked at %d bytes of traffic and %d places", len(all["the link"]), len(all))
	}
	for where, b := range all {
		for what, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("%s shows %s", where, what)
			}
		}
	}
}

func TestSlowWatcherIsCutOff(t *testing.T) {
	w := newWorld(t)
	ava := w.person("ava")
	sub := ava.Watch()
	ava.mu.Lock()
	for i := range uint64(watchBuffer + 1) {
		ava.watch.changed(i)
	}
	ava.mu.Unlock()
	n := 0
	for range sub.C {
		n++
	}
	if n != watchBuffer {
		t.Errorf("got %d changes before the end, want %d", n, watchBuffer)
	}
	ava.Unwatch(sub)
}

func TestPagesOfTheLog(t *testing.T) {
	w := newWorld(t)
	ava, bahar, cyrus := w.person("ava"), w.person("bahar"), w.person("cyrus")
	ava.knows(bahar)
	ava.knows(cyrus)
	for i := range 7 {
		ava.send([]string{"bahar", "cyrus"}[i%2], fmt.Sprint(i))
	}
	var got []string
	for after, pages := uint64(0), 0; ; pages++ {
		list, next, err := ava.List("", after, 3)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		got = append(got, texts(list)...)
		if after = next; next == 0 {
			break
		}
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6"}; !slices.Equal(got, want) {
		t.Errorf("pages give %q, want %q", got, want)
	}
	list, next, err := ava.List("cyrus", 0, 100)
	if err != nil || next != 0 || !slices.Equal(texts(list), []string{"1", "3", "5"}) {
		t.Errorf("with cyrus: %q, next %d, %v", texts(list), next, err)
	}
}

var _ Carrier = carrier{}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ava := w.person("ava")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ava.Run(ctx, carrier{ava})
}
