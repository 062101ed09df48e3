package messenger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/pars-network/pars/session/delivery"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/store"
)

// friends are two people who know each other and run.
func friends(t *testing.T) (w *world, ava, bahar *node) {
	w = newWorld(t)
	ava, bahar = w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.start()
	bahar.start()
	return w, ava, bahar
}

// says sends and waits until it is delivered.
func (n *node) says(to *node, text string) {
	n.t.Helper()
	m := n.send(to.name, text)
	n.until(fmt.Sprintf("%q delivered", text), inState(m.Seq, Delivered))
}

func (n *node) pairWith(o *node) pair { return pair{o.id(), o.ring.DeviceID()} }

// conversations are those of a node with another.
func (n *node) conversations(o *node) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sets[n.pairWith(o)].Len()
}

func (n *node) transcript(o *node) (t [32]byte) {
	p := n.pairWith(o)
	n.mu.Lock()
	defer n.mu.Unlock()
	if active := n.sets[p].Active(); active != nil {
		t = active.Transcript()
	}
	return t
}

func TestOneSetUpThenTheRatchet(t *testing.T) {
	w, ava, bahar := friends(t)
	ava.says(bahar, "first")
	bahar.until("confirmed", func(list []Message) bool { return !list[0].Unconfirmed })
	w.wires.mu.Lock()
	setups := w.wires.traffic.Len()
	w.wires.mu.Unlock()
	for i := range 5 {
		ava.says(bahar, fmt.Sprint("ava ", i))
		bahar.says(ava, fmt.Sprint("bahar ", i))
	}
	if a, b := records(t, ava.store, kindPending), ava.conversations(bahar); a != 0 || b != 1 {
		t.Errorf("%d set-ups wait and %d conversations are kept, want 0 and 1", a, b)
	}
	if ava.transcript(bahar) != bahar.transcript(ava) {
		t.Error("two people, two conversations")
	}
	ava.stop()
	bahar.stop()
	w.wires.mu.Lock()
	perMessage := float64(w.wires.traffic.Len()-setups) / 10
	w.wires.mu.Unlock()
	// A text and its receipt, each of 8 KiB and recorded at both ends of the link.
	if perMessage > 2*2*(8<<10+400) {
		t.Errorf("%.0f bytes for a message, want a text and a receipt of 8 KiB", perMessage/2)
	}
	if n := records(t, ava.store, kindCopy) + records(t, bahar.store, kindCopy); n != 0 {
		t.Errorf("%d copies are left after all was confirmed", n)
	}
}

func TestRatchetSurvivesRestarts(t *testing.T) {
	_, ava, bahar := friends(t)
	for i := range 4 {
		ava.says(bahar, fmt.Sprint("a", i))
		bahar.says(ava, fmt.Sprint("b", i))
		n := []*node{ava, bahar}[i%2]
		n.stop()
		n.crash()
		n.start()
	}
	if got := len(texts(bahar.list())); got != 8 || ava.conversations(bahar) != 1 {
		t.Errorf("%d messages in %d conversations, want 8 in 1", got, ava.conversations(bahar))
	}
}

// Both write before either has heard of the other: two set-ups cross. Every
// message is there once, and both go on in one conversation.
func TestBothStartAtOnce(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	for i := range 3 {
		ava.send("bahar", fmt.Sprint("a", i))
		bahar.send("ava", fmt.Sprint("b", i))
	}
	ava.start()
	bahar.start()
	all := func(list []Message) bool {
		return len(list) == 6 && !slices.ContainsFunc(list, func(m Message) bool { return m.Sent && m.State != Delivered })
	}
	ava.until("all six", all)
	bahar.until("all six", all)
	ava.says(bahar, "which one?")
	bahar.says(ava, "this one")
	ava.says(bahar, "good")
	if ava.transcript(bahar) != bahar.transcript(ava) {
		t.Error("the two write in different conversations")
	}
	if n := len(ava.list()); n != 9 {
		t.Errorf("ava has %d messages, want 9", n)
	}
}

// A disk that is put back to an older state heals with the next message in
// either direction, and what the other side had not confirmed arrives.
func TestOlderDiskHeals(t *testing.T) {
	for _, first := range []string{"ava", "bahar"} {
		t.Run(first+" writes first", func(t *testing.T) {
			_, ava, bahar := friends(t)
			ava.says(bahar, "one")
			bahar.says(ava, "two")
			ava.stop()
			backup := ava.fs.CrashClone(vfs.CrashCloneCfg{})
			ava.start()
			for i := range 3 {
				ava.says(bahar, fmt.Sprint("lost at ava ", i))
				bahar.says(ava, fmt.Sprint("lost at ava too ", i))
			}
			before := bahar.transcript(ava)
			ava.stop()
			ava.close()
			ava.fs = backup
			ava.boot()
			ava.start()
			writer, reader := ava, bahar
			if first == "bahar" {
				writer, reader = bahar, ava
			}
			writer.says(reader, "after the backup")
			reader.says(writer, "and back")
			if bahar.transcript(ava) == before || ava.transcript(bahar) != bahar.transcript(ava) {
				t.Error("the conversation was not set up anew")
			}
			for _, n := range []*node{ava, bahar} {
				list := texts(n.list())
				for _, want := range []string{"after the backup", "and back"} {
					if i := slices.Index(list, want); i < 0 || slices.Contains(list[i+1:], want) {
						t.Errorf("%s has %q, want %q once", n.name, list, want)
					}
				}
			}
		})
	}
}

// The processes die at random moments, again and again. What was queued arrives
// once, and in order.
func TestNothingIsLostWhenProcessesDie(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sent := map[*node][]string{}
	for i := range 24 {
		for _, n := range []*node{ava, bahar} {
			if n.stop == nil {
				n.start()
			}
		}
		n, to := ava, bahar
		if random.IntN(2) == 0 {
			n, to = bahar, ava
		}
		text := fmt.Sprintf("%s %d", n.name, i)
		m := n.send(to.name, text)
		sent[n] = append(sent[n], text)
		if random.IntN(3) == 0 {
			n.until("stored", func(list []Message) bool { return inState(m.Seq, Stored)(list) || inState(m.Seq, Delivered)(list) })
		}
		if random.IntN(3) == 0 {
			victim := []*node{ava, bahar}[random.IntN(2)]
			victim.stop() // the carriers of this test need their goroutines back
			victim.crash()
		}
	}
	for _, n := range []*node{ava, bahar} {
		if n.stop == nil {
			n.start()
		}
	}
	delivered := func(list []Message) bool {
		return !slices.ContainsFunc(list, func(m Message) bool { return m.Sent && m.State != Delivered })
	}
	ava.until("all delivered", delivered)
	bahar.until("all delivered", delivered)
	for n, to := range map[*node]*node{ava: bahar, bahar: ava} {
		var got []string
		for _, m := range to.list() {
			if !m.Sent {
				got = append(got, m.Text)
			}
		}
		if !slices.Equal(got, sent[n]) {
			t.Errorf("%s has %q of %s, want %q", to.name, got, n.name, sent[n])
		}
	}
}

// A message overtakes the answer that it depends on, in a network that does not
// keep the order.
func TestMessageBeforeItsAnswerIsKept(t *testing.T) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	ava.send("bahar", "hello")
	give := func(to *node, raw []byte) {
		t.Helper()
		env, err := envelope.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Keep(delivery.Mailbox(env.Mailbox), delivery.DigestOf(raw), raw); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			if more, err = to.openNext(); err != nil {
				t.Fatal(err)
			}
		}
	}
	give(bahar, outbox(t, ava)[0])
	bahar.send("ava", "welcome")
	from := outbox(t, bahar)
	if len(from) != 2 {
		t.Fatalf("%d envelopes wait at bahar's, want the answer and the message", len(from))
	}
	give(ava, from[1])
	if n := records(t, ava.store, kindUnknown); n != 1 || len(ava.list()) != 1 {
		t.Fatalf("%d unknown envelopes and %d messages, want 1 and 1", n, len(ava.list()))
	}
	give(ava, from[0])
	if got := texts(ava.list()); !slices.Equal(got, []string{"hello", "welcome"}) || records(t, ava.store, kindUnknown) != 0 {
		t.Errorf("ava has %q", got)
	}
	// What nobody opens is bounded, and goes after a day.
	for i := range maxUnknown + 3 {
		junk := bytes.Clone(from[1])
		junk[len(junk)-1-i] ^= 1
		junk[100] ^= 0xff // not even a marker of theirs
		give(ava, junk)
	}
	if n := records(t, ava.store, kindUnknown); n != maxUnknown {
		t.Errorf("%d unknown envelopes are kept, want %d", n, maxUnknown)
	}
	w.clock.advance(unknownTTL + time.Hour)
	if err := ava.maintain(); err != nil {
		t.Fatal(err)
	}
	if n := records(t, ava.store, kindUnknown); n != 0 {
		t.Errorf("%d unknown envelopes are left after a day", n)
	}
}

// outbox lists the envelopes that wait, in order.
func outbox(t *testing.T, n *node) (out [][]byte) {
	t.Helper()
	if err := n.store.Scan(kindOutbox, nil, 0, func(r store.Record) bool {
		var o outboxRecord
		if err := decode(r.Value, &o); err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Envelope)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// A message that was stored and never confirmed is sent again after a day, the
// second time with a new set-up.
func TestUnconfirmedIsSentAgain(t *testing.T) {
	w, ava, bahar := friends(t)
	ava.says(bahar, "one")
	bahar.until("confirmed", func(list []Message) bool { return !list[0].Unconfirmed })
	bahar.stop()
	// Bahar's node takes the envelope and loses it with its disk.
	backup := bahar.fs.CrashClone(vfs.CrashCloneCfg{})
	w.wires.mu.Lock()
	w.wires.up["bahar"] = bahar
	w.wires.mu.Unlock()
	ava.PeerConnected("bahar")
	m := ava.send("bahar", "two")
	ava.until("stored", inState(m.Seq, Stored))
	w.wires.mu.Lock()
	delete(w.wires.up, "bahar")
	w.wires.mu.Unlock()
	ava.stop()
	bahar.close()
	bahar.fs = backup
	bahar.boot()
	if err := ava.maintain(); err != nil || len(outbox(t, ava)) != 0 {
		t.Fatalf("%d envelopes at once, %v", len(outbox(t, ava)), err)
	}
	w.clock.advance(copyRest + time.Minute)
	if err := ava.maintain(); err != nil || len(outbox(t, ava)) != 1 {
		t.Fatalf("%d envelopes after a day, want 1, %v", len(outbox(t, ava)), err)
	}
	if err := ava.maintain(); err != nil || len(outbox(t, ava)) != 1 {
		t.Fatalf("%d envelopes, want no more of the same day, %v", len(outbox(t, ava)), err)
	}
	ava.start()
	bahar.start()
	ava.until("delivered", inState(m.Seq, Delivered))
	if got := texts(bahar.list()); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("bahar has %q", got)
	}
}

// What comes together is confirmed together, and what is owed survives a crash.
func TestReceiptsAreOwedTogether(t *testing.T) {
	_, ava, bahar := friends(t)
	ava.says(bahar, "one")
	bahar.until("confirmed", func(list []Message) bool { return !list[0].Unconfirmed })
	bahar.stop()
	ava.stop()
	for i := range 10 {
		ava.send("bahar", fmt.Sprint("burst ", i))
	}
	for i, raw := range outbox(t, ava) {
		env, err := envelope.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := bahar.Keep(delivery.Mailbox(env.Mailbox), delivery.DigestOf(raw), raw); err != nil {
			t.Fatal(err)
		}
		if more, err := bahar.openNext(); err != nil || !more {
			t.Fatalf("opening the %d. of a burst: %v, %v", i, more, err)
		}
	}
	if n := len(outbox(t, bahar)); n != 0 {
		t.Errorf("%d receipts before the inbox was empty", n)
	}
	bahar.crash()
	if more, err := bahar.openNext(); err != nil || more {
		t.Fatal(more, err)
	}
	if n := len(outbox(t, bahar)); n != 1 || records(t, bahar.store, kindOwed) != 0 {
		t.Errorf("%d receipts for a burst of 10, want 1", n)
	}
	ava.start()
	bahar.start()
	ava.until("all delivered", func(list []Message) bool {
		return !slices.ContainsFunc(list, func(m Message) bool { return m.Sent && m.State != Delivered })
	})
}
