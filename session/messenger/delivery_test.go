package messenger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
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
	// Ava's first message after the answer, which comes by itself, confirms her.
	bahar.until("confirmed", func(list []Message) bool { return !list[0].Unconfirmed })
	back := bahar.send(ava.id().String(), "درود")
	bahar.until("delivered", inState(back.Seq, Delivered))
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
	bahar.until("confirmed", func(list []Message) bool { return !list[0].Unconfirmed }) // ava's last envelope
	ava.stop()
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
		if err := ava.settle(pair{bahar.id(), bahar.ring.DeviceID()}, 1, m.Seq, stored); err != nil {
			t.Fatal(err)
		}
		if got := ava.list()[0]; got.State != Delivered || got.Failure != "" || got.StoredBy != 1 {
			t.Errorf("settled with stored %v after the receipt: %+v", stored, got)
		}
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
	ava.mu.Lock()
	ch := ava.begin()
	p := pair{peer, bahar.ring.DeviceID()}
	if err := ch.again(p, func(*copyRecord) bool { return true }, true); err != nil {
		t.Fatal(err)
	}
	if err := ch.commit(); err != nil {
		t.Fatal(err)
	}
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

func records(t *testing.T, s *store.Store, kind store.Kind) int {
	t.Helper()
	n := 0
	if err := s.Scan(kind, nil, 0, func(store.Record) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}
