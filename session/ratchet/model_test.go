package ratchet

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/setup"
	"pgregory.net/rapid"
)

// party is a device that keeps to the rules of spec/ratchet.md, "Out of step"
// and "Several conversations", with a log of messages. Everything in disk is
// written in one go.
type party struct {
	t    failer
	who  int
	dev  *device
	peer *device
	now  func() time.Time
	rand func() *recorder
	disk disk
	// out is what left, ever is what was shown at any time, restored or not.
	out  [][]byte
	ever map[string]bool
}

// disk is what a backup holds.
type disk struct {
	set     Set
	pending []waiting
	tags    map[setup.Tag]bool
	seen    map[[32]byte]bool
	unknown [][]byte
	sent    []entry         // own messages, in order
	tries   int             // how often they were sent again in vain
	got     map[string]bool // the peer's messages that are shown
}

type waiting struct {
	p     *setup.Pending
	began time.Time
}

type entry struct {
	text  string
	acked bool
}

func (d disk) clone() disk {
	d.pending, d.unknown, d.sent = slices.Clone(d.pending), slices.Clone(d.unknown), slices.Clone(d.sent)
	d.tags, d.seen, d.got = maps.Clone(d.tags), maps.Clone(d.seen), maps.Clone(d.got)
	return d
}

// Seen implements [setup.Replays].
func (p *party) Seen(tag setup.Tag) (bool, error) { return p.disk.tags[tag], nil }

// write seals a payload: in a conversation if there is one, else as a set-up.
func (p *party) write(payload string) {
	if p.disk.set.Active() == nil {
		p.setUp(payload)
		return
	}
	raw, next, err := p.disk.set.Encrypt(p.rand(), p.now(), p.peer.mailbox(), 0, []byte(payload))
	must(p.t, err)
	p.disk.set = next
	p.out = append(p.out, raw)
}

func (p *party) message(began time.Time, payload string) envelope.Message {
	return envelope.Message{Kind: envelope.Text, Conversation: envelope.ConversationOf(p.dev.account.ID(), p.peer.account.ID()), Sent: began, Body: []byte(payload)}
}

func (p *party) setUp(payload string) {
	began := p.disk.set.NextBegan(p.now())
	if n := len(p.disk.pending); n > 0 && !began.After(p.disk.pending[n-1].began) {
		began = p.disk.pending[n-1].began.Add(time.Millisecond)
	}
	raw, pending, err := setup.Initiate(p.rand(), p.now(), setup.From{Bundle: p.dev.bundle, Device: p.dev.ring.Device()},
		setup.To{Bundle: p.peer.bundle, Device: p.peer.ring.DeviceID()}, p.message(began, payload), 0)
	must(p.t, err)
	p.disk.pending = append(p.disk.pending, waiting{pending, began})
	p.out = append(p.out, raw)
}

// send is a person's new message.
func (p *party) send() {
	text := fmt.Sprintf("t%d/%d", p.who, len(p.disk.sent))
	for p.ever[text] { // a restored log must not use a name twice
		text += "'"
	}
	p.ever[text] = true
	p.disk.sent = append(p.disk.sent, entry{text: text})
	p.write(text)
}

func (p *party) resend() {
	for _, e := range p.disk.sent {
		if !e.acked {
			p.write(e.text)
		}
	}
}

// take handles the payload of an opened envelope.
func (p *party) take(payload string) (ack string) {
	switch payload[0] {
	case 't':
		p.disk.got[payload] = true
		p.ever[payload] = true
		return "a" + payload
	case 'a':
		for i := range p.disk.sent {
			p.disk.sent[i].acked = p.disk.sent[i].acked || "a"+p.disk.sent[i].text == payload
		}
	}
	return ""
}

// add takes over a finished set-up. Who set up shows at once that it has it.
func (p *party) add(e *setup.Established, began time.Time) {
	s, err := Start(e, began, p.now())
	must(p.t, err)
	p.turn(p.disk.set.Add(s))
	if e.Root.Initiator && p.disk.set.Active().transcript == s.transcript {
		p.write("hello")
	}
	unknown := p.disk.unknown
	p.disk.unknown = nil
	for _, raw := range unknown {
		delete(p.disk.seen, digest.Sum("test", raw))
		p.open(raw)
	}
}

// turn takes over a set, and sends again what was not confirmed if it writes in
// another conversation than before.
func (p *party) turn(next Set) {
	before := p.disk.set.Active()
	p.disk.set = next
	if before != nil && before.transcript != next.Active().transcript {
		p.resend()
	}
}

func (p *party) open(raw []byte) {
	d := digest.Sum("test", raw)
	if p.disk.seen[d] {
		return
	}
	p.disk.seen[d] = true
	got, err := p.disk.set.Decrypt(p.now(), raw)
	if !errors.Is(err, ErrRefused) {
		p.turn(got.Set)
		if err == nil {
			if ack := p.take(string(got.Payload)); ack != "" {
				p.write(ack)
			}
		}
		if got.SetUp {
			p.setUp("hello again")
		}
		return
	}
	for i, w := range p.disk.pending {
		reply, err := w.p.Open(raw, p.dev.ring.Device())
		if err != nil {
			continue
		}
		p.disk.pending = slices.Delete(slices.Clone(p.disk.pending), i, i+1)
		p.take(string(reply.Message.Body))
		p.add(reply.Established, w.began)
		return
	}
	accepted, err := setup.Accept(p.now(), raw, p.dev.account.ID(), p.dev.ring, p)
	if err != nil {
		p.disk.unknown = append(p.disk.unknown, raw)
		if len(p.disk.unknown) > 64 {
			p.disk.unknown = p.disk.unknown[1:]
		}
		return
	}
	began := accepted.Message.Sent
	if err := CheckBegan(began, p.now()); err != nil {
		p.t.Fatal(err)
	}
	p.disk.tags[accepted.ReplayTag] = true
	ack := p.take(string(accepted.Message.Body))
	if ack == "" {
		ack = "hello"
	}
	answer, e, err := accepted.Answer(p.rand(), p.now(), p.message(p.now(), ack), 0)
	must(p.t, err)
	p.out = append(p.out, answer)
	p.add(e, began)
}

// world is two parties and the network between them.
type world struct {
	t       *rapid.T
	now     time.Time
	step    int
	parties [2]*party
	// way holds envelopes to each party; what is delivered may stay.
	way     [2][][]byte
	backups [2]*disk
}

func newWorld(t *rapid.T, alice, bob *device) *world {
	w := &world{t: t, now: start}
	devs := [2]*device{alice, bob}
	for i := range 2 {
		w.parties[i] = &party{
			t: t, who: i, dev: devs[i], peer: devs[1-i], now: func() time.Time { return w.now }, ever: map[string]bool{},
			rand: func() *recorder { w.step++; return &recorder{from: stream(fmt.Sprint("world", w.step))} },
			disk: disk{tags: map[setup.Tag]bool{}, seen: map[[32]byte]bool{}, got: map[string]bool{}},
		}
	}
	return w
}

// do lets one party act. If it crashes, nothing of it happened.
func (w *world) do(i int, crash bool, f func(*party)) {
	p := w.parties[i]
	before := p.disk.clone()
	ever := maps.Clone(p.ever)
	f(p)
	if crash {
		p.disk, p.ever = before, ever
	} else {
		w.way[1-i] = append(w.way[1-i], p.out...)
	}
	p.out = nil
	raw, err := p.disk.set.Bytes()
	must(w.t, err)
	if p.disk.set, err = ParseSet(raw); err != nil {
		w.t.Fatal(err)
	}
}

// again is what a device does a day later: it sends once more what was not
// confirmed, and sets up for it if that did not help or if it has not heard
// anything in its conversation.
func (p *party) again() {
	if !slices.ContainsFunc(p.disk.sent, func(e entry) bool { return !e.acked }) {
		p.disk.tries = 0
		return
	}
	p.disk.tries++
	if active := p.disk.set.Active(); active != nil && (!active.Heard() || p.disk.tries > 1) {
		p.setUp("hello again")
		return
	}
	p.resend()
}

// settle delivers everything in order, several times, with each side sending
// again what the other has not confirmed.
func (w *world) settle() {
	for round := range 8 {
		for i := range 2 {
			w.do(i, false, (*party).send)
		}
		for n := 0; len(w.way[0])+len(w.way[1]) > 0; n++ {
			if n > 5000 {
				w.t.Fatal("the two sides never come to rest")
			}
			for i := range 2 {
				if len(w.way[i]) > 0 {
					raw := w.way[i][0]
					w.way[i] = w.way[i][1:]
					w.do(i, false, func(p *party) { p.open(raw) })
				}
			}
		}
		if round < 7 {
			for i := range 2 {
				w.do(i, false, (*party).again)
			}
		}
	}
}

func (w *world) check() {
	for i, p := range w.parties {
		for _, e := range p.disk.sent {
			if !e.acked || !w.parties[1-i].ever[e.text] {
				w.t.Fatalf("%s: confirmed %v, shown %v", e.text, e.acked, w.parties[1-i].ever[e.text])
			}
		}
	}
	a, b := w.parties[0].disk.set, w.parties[1].disk.set
	if a.Active().transcript != b.Active().transcript {
		w.t.Fatal("the two sides write in different conversations")
	}
}

// fewer lowers rapid's number of histories outside make test-full.
func fewer(t *testing.T, n string) {
	if os.Getenv("PARS_TEST_FULL") != "" {
		return
	}
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if err := checks.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Set(before) })
}

// TestAnyHistory lets two devices set up, at once too, and write, while the
// network loses, doubles and reorders, the machines crash before they write to
// their disks, and disks are put back to older states. In the end every message
// that a device still has in its log was shown by the other, and both use one
// conversation.
func TestAnyHistory(t *testing.T) {
	fewer(t, "25")
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, alice, bob)
		who := func() int { return rapid.IntRange(0, 1).Draw(t, "who") }
		crash := func() bool { return rapid.IntRange(0, 9).Draw(t, "crash") == 0 }
		t.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) { w.do(who(), crash(), (*party).send) },
			"deliver": func(t *rapid.T) {
				i := who()
				if len(w.way[i]) == 0 {
					t.Skip("nothing on its way")
				}
				at := rapid.IntRange(0, len(w.way[i])-1).Draw(t, "which")
				raw := w.way[i][at]
				died := crash()
				if !died && !rapid.Bool().Draw(t, "twice") {
					w.way[i] = slices.Delete(w.way[i], at, at+1)
				}
				w.do(i, died, func(p *party) { p.open(raw) })
			},
			"deliver in order": func(t *rapid.T) {
				i := who()
				for _, raw := range w.way[i] {
					w.do(i, false, func(p *party) { p.open(raw) })
				}
				w.way[i] = nil
			},
			"lose": func(t *rapid.T) {
				i := who()
				if len(w.way[i]) == 0 {
					t.Skip("nothing on its way")
				}
				at := rapid.IntRange(0, len(w.way[i])-1).Draw(t, "which")
				w.way[i] = slices.Delete(w.way[i], at, at+1)
			},
			"wait": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "minutes")) * time.Minute)
			},
			"back up": func(*rapid.T) {
				i := who()
				d := w.parties[i].disk.clone()
				w.backups[i] = &d
			},
			"restore": func(t *rapid.T) {
				i := who()
				if w.backups[i] == nil {
					t.Skip("no backup")
				}
				w.parties[i].disk = w.backups[i].clone()
			},
		})
		w.settle()
		w.check()
	})
}

// TestBothStartAtOnce is the shortest of these histories, in every order.
func TestBothStartAtOnce(t *testing.T) {
	fewer(t, "25")
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, alice, bob)
		for range rapid.IntRange(1, 3).Draw(t, "messages") {
			w.do(0, false, (*party).send)
			w.do(1, false, (*party).send)
		}
		for len(w.way[0])+len(w.way[1]) > 0 {
			i := rapid.IntRange(0, 1).Draw(t, "to")
			if len(w.way[i]) == 0 {
				i = 1 - i
			}
			at := rapid.IntRange(0, len(w.way[i])-1).Draw(t, "which")
			raw := w.way[i][at]
			w.way[i] = slices.Delete(w.way[i], at, at+1)
			w.do(i, false, func(p *party) { p.open(raw) })
		}
		w.check()
	})
}

// A disk that is put back heals with its first message, and with the first
// message of the other side too if that is in a conversation that it still knows.
func TestAnOlderStateHealsAtOnce(t *testing.T) {
	fewer(t, "25")
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, alice, bob)
		deliver := func() {
			for len(w.way[0])+len(w.way[1]) > 0 {
				for i := range 2 {
					for len(w.way[i]) > 0 {
						raw := w.way[i][0]
						w.way[i] = w.way[i][1:]
						w.do(i, false, func(p *party) { p.open(raw) })
					}
				}
			}
		}
		talk := func(n int) {
			for range n {
				w.do(rapid.IntRange(0, 1).Draw(t, "who"), false, (*party).send)
				if rapid.Bool().Draw(t, "at once") {
					deliver()
				}
			}
			deliver()
		}
		talk(rapid.IntRange(1, 4).Draw(t, "before"))
		backup := w.parties[0].disk.clone()
		first := rapid.IntRange(0, 1).Draw(t, "first")
		if rapid.Bool().Draw(t, "another conversation") {
			first = 0
			w.do(rapid.IntRange(0, 1).Draw(t, "who"), false, func(p *party) { p.setUp("hello again") })
			deliver()
		}
		talk(rapid.IntRange(1, 4).Draw(t, "lost"))
		w.parties[0].disk = backup
		w.do(first, false, (*party).send)
		deliver()
		w.check()
		talk(2)
		w.check()
	})
}

func TestSetsAreBoundedAndOrdered(t *testing.T) {
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	var s Set
	var added []*State
	for i := range 2 * MaxConversations {
		e, _ := establish(t, alice, bob, fmt.Sprint("set", i), start)
		state, err := Start(e, start.Add(time.Duration((i*5)%7)*time.Second), start)
		must(t, err)
		added = append(added, state)
		s = s.Add(state)
	}
	if s.Len() != MaxConversations {
		t.Fatalf("%d conversations, want %d", s.Len(), MaxConversations)
	}
	for _, state := range added {
		if state.Supersedes(s.Active()) {
			t.Error("the active conversation is not the newest")
		}
	}
	if began := s.NextBegan(start); !began.After(s.Active().Began()) {
		t.Errorf("the next set-up would be at %v, the last was at %v", began, s.Active().Began())
	}
	if err := CheckBegan(start.Add(25*time.Hour), start); !errors.Is(err, ErrRefused) {
		t.Errorf("CheckBegan of a time in the future = %v", err)
	}
	raw, err := s.Bytes()
	must(t, err)
	back, err := ParseSet(raw)
	must(t, err)
	again, err := back.Bytes()
	must(t, err)
	if !bytes.Equal(raw, again) {
		t.Error("a set has two encodings")
	}
	if _, _, err := (Set{}).Encrypt(stream("x"), start, alice.mailbox(), 0, nil); err == nil {
		t.Error("an empty set encrypts")
	}
}
