package ratchet

import (
	"crypto/ecdh"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/setup"
	"golang.org/x/crypto/chacha20poly1305"
)

// thief is an attacker who has recorded all traffic and steals what one device
// holds at one moment. It keeps every key that it ever had, and derives all it
// can, forwards and sideways.
type thief struct {
	// known is what it can compute of chains, by index.
	chains map[uint32]*stolenChain
	// next is the header key of a chain that is not begun yet, by index.
	next map[uint32]key
	// The root before step at.
	root, hash [32]byte
	at         uint32
	lastDH     [kem.XSize]byte // public key of the step before
	// privates holds X25519 private halves by public key; a quantum computer fills
	// it with those of both sides.
	privates map[[kem.XSize]byte][kem.XSize]byte
	kemSeeds [][]byte
	markers  []key
}

type stolenChain struct {
	header key
	from   uint32
	chain  key
	loose  map[uint32]key // skipped keys
}

// steal takes everything that is in a state.
func steal(t *testing.T, s *State) *thief {
	t.Helper()
	raw, err := s.Bytes()
	must(t, err)
	if s, err = Parse(raw); err != nil { // what is on the disk and no more
		t.Fatal(err)
	}
	f := &thief{
		chains: map[uint32]*stolenChain{}, next: map[uint32]key{}, root: s.root, hash: s.hash, at: s.index + 1,
		privates: map[[kem.XSize]byte][kem.XSize]byte{}, markers: []key{s.markerSend, s.markerRecv},
	}
	if s.send.open {
		f.chains[s.sendIndex()] = &stolenChain{header: s.send.header, from: s.send.number, chain: s.send.chain, loose: map[uint32]key{}}
	}
	if s.receive.open {
		f.chains[s.receiveIndex()] = &stolenChain{header: s.receive.header, from: s.receive.number, chain: s.receive.chain, loose: map[uint32]key{}}
	}
	for _, c := range s.skipped {
		if f.chains[c.index] == nil {
			f.chains[c.index] = &stolenChain{header: c.header, from: maxNumber, loose: map[uint32]key{}}
		}
		for _, k := range c.keys {
			f.chains[c.index].loose[k.number] = k.key
		}
	}
	if s.ownTurn() {
		f.next[s.index+1], f.next[s.index+2] = s.nextSend, s.nextRecv
		f.lastDH = s.peerDH
	} else {
		f.next[s.index+1], f.next[s.index+2] = s.nextRecv, s.nextSend
		f.lastDH = s.send.dh
		f.addPrivate(s.dh)
	}
	if len(s.kemSeed) > 0 {
		f.kemSeeds = append(f.kemSeeds, s.kemSeed)
	}
	return f
}

func (f *thief) addPrivate(private [kem.XSize]byte) {
	if k, err := ecdh.X25519().NewPrivateKey(private[:]); err == nil && private != [kem.XSize]byte{} {
		f.privates[[kem.XSize]byte(k.PublicKey().Bytes())] = private
	}
}

// read returns the payload of an envelope, if it can.
func (f *thief) read(raw []byte) (string, bool) {
	for index, c := range f.chains {
		if h, ok := openHeader(raw, &c.header); ok {
			return f.readIn(index, h, raw)
		}
	}
	header, ok := f.next[f.at]
	if !ok {
		return "", false
	}
	h, ok := openHeader(raw, &header)
	if !ok || !f.takeStep(h, header, raw) {
		return "", false
	}
	return f.readIn(f.at-1, h, raw)
}

func (f *thief) readIn(index uint32, h header, raw []byte) (string, bool) {
	c := f.chains[index]
	message, ok := c.loose[h.number]
	if !ok && h.number >= c.from {
		chain := c.chain
		for range h.number - c.from + 1 {
			chain, message = advance(chain)
		}
		ok = true
	}
	if !ok {
		return "", false
	}
	rest := offRest
	if h.kem {
		rest += kemSize
	}
	aead, err := chacha20poly1305.NewX(message[:])
	if err != nil {
		return "", false
	}
	padded, err := aead.Open(nil, raw[offNonce:offHeader], raw[rest:], raw[:rest])
	if err != nil {
		return "", false
	}
	payload, ok := envelope.Unpad(padded)
	return string(payload), ok
}

// takeStep computes the step of a header that it can open.
func (f *thief) takeStep(h header, headerKey key, raw []byte) bool {
	_, kemPart, err := openKEM(raw, h, headerKey)
	if err != nil {
		return false
	}
	hash := absorbStep(f.hash, h.dh[:], kemPart)
	var secrets [][]byte // candidates: one for each KEM key it has
	for _, pair := range [][2][kem.XSize]byte{{f.lastDH, h.dh}, {h.dh, f.lastDH}} {
		private, ok := f.privates[pair[0]]
		if !ok {
			continue
		}
		own, err := ecdh.X25519().NewPrivateKey(private[:])
		if err != nil {
			return false
		}
		peer, err := kem.ParseX(pair[1][:])
		if err != nil {
			return false
		}
		secret, err := own.ECDH(peer)
		if err != nil {
			return false
		}
		if kemPart == nil {
			secrets = append(secrets, secret)
		}
		for _, seed := range f.kemSeeds {
			if k, err := kem.NewPQPrivateKey(seed); err == nil && kemPart != nil {
				if shared, err := k.Decapsulate(kemPart[:kem.CiphertextSize]); err == nil {
					secrets = append(secrets, append(append([]byte{}, secret...), shared...))
				}
			}
		}
	}
	for _, secret := range secrets {
		root, chain, nextHeader := step(f.root, hash, secret)
		f.chains[f.at] = &stolenChain{header: headerKey, chain: chain, loose: map[uint32]key{}}
		if _, ok := f.readIn(f.at, h, raw); !ok {
			delete(f.chains, f.at)
			continue
		}
		f.root, f.hash, f.lastDH = root, hash, h.dh
		f.next[f.at+2] = nextHeader
		f.at++
		return true
	}
	return false
}

// recorded is one message of a conversation as everybody can record it, with
// what the test knows of it besides.
type recorded struct {
	raw   []byte
	text  string
	chain uint32
	kem   bool
	event int // when it was sent
}

// wiretap is a conversation with all its traffic and every state of both sides.
type wiretap struct {
	traffic  []recorded
	states   [2][]*State // by side, after each event
	privates [][kem.XSize]byte
}

// tap lets two devices write in bursts of one to three messages.
func tap(t *testing.T, messages int) *wiretap {
	t.Helper()
	a, b := pair(t, "wiretap")
	sides := [2]*side{a, b}
	w := &wiretap{}
	for i, from := 0, 0; i < messages; from = 1 - from {
		for range 1 + (i*7)%3 {
			s, to := sides[from], sides[1-from]
			text := numbered(i)
			raw := s.say(start, text)
			w.traffic = append(w.traffic, recorded{raw: raw, text: text, chain: s.state.sendIndex(), kem: len(s.state.send.kem) > 0, event: i})
			to.hear(start, raw, text)
			for j := range 2 {
				w.states[j] = append(w.states[j], sides[j].state)
				w.privates = append(w.privates, sides[j].state.dh)
			}
			i++
		}
	}
	return w
}

// attack is what a thief who steals a side's state after an event has read.
func (w *wiretap) attack(t *testing.T, side, event int, quantum bool) (before, after []recorded) {
	t.Helper()
	f := steal(t, w.states[side][event])
	if quantum {
		for _, private := range w.privates {
			f.addPrivate(private)
		}
	}
	for range 2 { // once more, with the keys of the first time
		before, after = nil, nil
		for _, m := range w.traffic {
			text, ok := f.read(m.raw)
			if !ok {
				continue
			}
			if text != m.text {
				t.Fatal("the thief read another message than was sent")
			}
			if m.event <= event {
				before = append(before, m)
			} else {
				after = append(after, m)
			}
		}
	}
	return before, after
}

// A thief who steals a device reads nothing that was sent before. It reads on,
// until each side has written once: then fresh X25519 keys shut it out.
func TestThiefReadsNothingBeforeAndNothingAfterARoundTrip(t *testing.T) {
	w := tap(t, 130)
	could, rounds := 0, 0
	for side := range 2 {
		for event := range len(w.traffic) {
			before, after := w.attack(t, side, event, false)
			if len(before) > 0 {
				t.Fatalf("after event %d the thief of side %d reads %q, sent before", event, side, before[0].text)
			}
			index := w.states[side][event].index
			for _, m := range after {
				if m.chain >= index+2 {
					t.Fatalf("stolen in chain %d, %q in chain %d was read", index, m.text, m.chain)
				}
			}
			could += len(after)
			rounds++
		}
	}
	if could == 0 {
		t.Fatal("the thief never read anything: this test proves nothing")
	}
	t.Logf("%d thefts read %d messages in all, each at most until the second change of direction", rounds, could)
}

// A thief with a quantum computer, who has every X25519 key of both sides, reads
// until one complete KEM step: a key made after the theft and encapsulated to.
func TestQuantumThiefIsShutOutByACompleteKEMStep(t *testing.T) {
	w := tap(t, 130)
	past, until, longest, stride := 0, 0, 0, 5 // each theft decapsulates a lot
	if os.Getenv("PARS_TEST_FULL") != "" {
		stride = 1
	}
	for side := range 2 {
		for event := 0; event < len(w.traffic); event += stride {
			before, after := w.attack(t, side, event, true)
			if len(before) > 0 {
				t.Fatalf("after event %d the thief of side %d reads %q, sent before", event, side, before[0].text)
			}
			// The chains that begin with a KEM step after the theft.
			var steps []uint32
			for _, m := range w.traffic[event+1:] {
				if m.kem && m.chain > w.states[side][event].index && (len(steps) == 0 || steps[len(steps)-1] != m.chain) {
					steps = append(steps, m.chain)
				}
			}
			for _, m := range after {
				if m.chain >= w.states[side][event].index+2 {
					past++ // Diffie-Hellman steps did not stop it
				}
				if len(steps) > 0 && m.chain >= steps[0] {
					until++ // nor a KEM step to a key that it stole
				}
				if len(steps) > 1 && m.chain >= steps[1] {
					t.Fatalf("stolen after event %d, %q was read after two KEM steps", event, m.text)
				}
			}
			longest = max(longest, len(after))
		}
	}
	if past == 0 || until == 0 {
		t.Fatal("the thief was never stopped by a KEM step alone: this test proves nothing")
	}
	if limit := 2 * (KEMMessages + 4); longest > limit {
		t.Errorf("a thief with a quantum computer reads %d messages after the theft, want at most %d", longest, limit)
	}
	t.Logf("a thief with a quantum computer reads at most %d messages after the theft", longest)
}

// The keys of messages that are on their way are still needed, so a thief can
// use them. That is all that is kept.
func TestThiefReadsWhatIsStillOnItsWay(t *testing.T) {
	a, b := pair(t, "on its way")
	lost := a.say(start, "on its way")
	b.hear(start, a.say(start, "next"), "next")
	a.hear(start, b.say(start, "turn"), "turn")
	b.hear(start, a.say(start, "new chain"), "new chain")
	f := steal(t, b.state)
	if text, ok := f.read(lost); !ok || text != "on its way" {
		t.Fatal("a key of a message on its way is not in the state: the thief's code is wrong")
	}
	gone, _ := b.state.Expire(start.Add(SkippedTTL + 2*time.Hour))
	if _, ok := steal(t, gone).read(lost); ok {
		t.Fatal("the key is still there after 30 days")
	}
}

// What a thief learns of older envelopes, even if it can't read them: which are
// of this conversation, from the start of last week on.
func TestThiefLinksEnvelopesSinceLastWeek(t *testing.T) {
	a, b := pair(t, "links")
	week := 7 * 24 * time.Hour
	var raws [][]byte
	for i := range 5 {
		now := start.Add(time.Duration(i) * week)
		raws = append(raws, a.say(now, "x"))
		b.hear(now, raws[i], "x")
		a.hear(now, b.say(now, "y"), "y")
	}
	stolen := b.state
	for i, raw := range raws {
		linked := false
		for d := range uint64(10) {
			if k, ok := markerAt(stolen.markerRecv, stolen.week, stolen.week+d); ok {
				aead, err := newAEAD(&k)
				must(t, err)
				_, err = aead.Open(nil, raw[offNonce:offHeader], raw[offMarker:offRest], raw[:offMarker])
				linked = linked || err == nil
			}
		}
		if want := i >= 3; linked != want {
			t.Errorf("the envelope of week %d of 5 is linked: %v, want %v", i+1, linked, want)
		}
	}
}

// The first flight is the one message that a thief may read afterwards. It could
// not if a one-time prekey was named; else as long as the signed prekey lives.
// This measures how long that is (spec/setup.md, "What this gives").
func TestWindowOfAFirstFlight(t *testing.T) {
	const day = 24 * time.Hour
	accepts := func(ring *identity.KeyRing, b *device, now time.Time, raw []byte) error {
		_, err := setup.Accept(now, raw, b.account.ID(), ring, noReplays{})
		return err
	}
	flight := func(b *device, oneTime *kem.PublicKey, now time.Time) []byte {
		a := newDevice(t, "alice")
		var err error
		a.bundle, err = a.ring.Issue(stream("issue"), a.account, now, identity.IssueOptions{})
		must(t, err)
		msg := envelope.Message{Kind: envelope.Text, Sent: now, Body: []byte("first")}
		raw, _, err := setup.Initiate(stream("flight"), now, setup.From{Bundle: a.bundle, Device: a.ring.Device()},
			setup.To{Bundle: b.bundle, Device: b.ring.DeviceID(), OneTime: oneTime}, msg, 0)
		must(t, err)
		return raw
	}

	// With a one-time prekey, the moment after it was accepted.
	b := newDevice(t, "bob")
	var err error
	b.bundle, err = b.ring.Issue(stream("one"), b.account, start, identity.IssueOptions{OneTime: 1})
	must(t, err)
	raw := flight(b, b.bundle.Devices()[0].OneTime[0], start)
	if err := accepts(b.ring, b, start, raw); err != nil {
		t.Fatalf("before it is erased: %v", err)
	}
	b.ring.EraseOneTime(identity.PrekeyIDOf(b.bundle.Devices()[0].OneTime[0]))
	var gone *setup.OneTimeGoneError
	if err := accepts(b.ring, b, start, raw); !errors.As(err, &gone) {
		t.Fatalf("a thief's attempt after it = %v, want no message", err)
	}

	// Without: a bundle issued just before a rotation lives longest. The ring is
	// looked after every day, as the daemon does; the thief has a card of that time.
	longest := map[string]time.Duration{}
	for offset := range 8 {
		b := newDevice(t, "bob")
		now := start
		for range offset {
			now = now.Add(day)
			_, err := b.ring.Rotate(stream("rotate"+now.String()), now)
			must(t, err)
		}
		b.bundle, err = b.ring.Issue(stream("card"), b.account, now, identity.IssueOptions{})
		must(t, err)
		made := b.bundle.Issued()
		uses := map[string]time.Time{"as soon as its bundle is made": now, "when its bundle is about to expire": b.bundle.Expires().Add(-time.Second)}
		raws, open := map[string][]byte{}, map[string]bool{}
		for use, at := range uses {
			raws[use], open[use] = flight(b, nil, at), true
		}
		for at := now; open["as soon as its bundle is made"]; at = at.Add(day) {
			_, err := b.ring.Rotate(stream("rotate"+at.String()), at)
			must(t, err)
			for use, raw := range raws {
				if !open[use] || accepts(b.ring, b, uses[use], raw) == nil {
					continue
				}
				open[use], longest[use] = false, max(longest[use], at.Sub(uses[use]))
				if at.Sub(made) > 66*day {
					t.Errorf("the signed prekey lived %v after its bundle, want at most 65 days", at.Sub(made))
				}
			}
		}
	}
	if len(longest) != 2 {
		t.Fatal("the thief never read a first flight: this test proves nothing")
	}
	for use, window := range longest {
		t.Logf("a first flight without a one-time prekey, sent %s, can be read for up to %.0f days", use, window.Hours()/24)
	}
}
