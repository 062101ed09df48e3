package ratchet

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
)

func TestConversation(t *testing.T) {
	a, b := pair(t, "conversation")
	if !a.state.Confirmed() || b.state.Confirmed() {
		t.Fatal("who set up knows the other side after the answer; who answered does not yet")
	}
	for i := range 100 {
		from, to := a, b
		if i%3 == 1 {
			from, to = b, a
		}
		to.hear(start, from.say(start, numbered(i)), numbered(i))
	}
	if !b.state.Confirmed() {
		t.Error("not confirmed after 67 messages")
	}
	if a.state.Transcript() != b.state.Transcript() || a.state.Skipped()+b.state.Skipped() != 0 {
		t.Error("the two sides differ")
	}
}

func TestWhoAnsweredMayWriteFirst(t *testing.T) {
	a, b := pair(t, "answerer first")
	first, second := b.say(start, "one"), b.say(start, "two")
	fromA := a.say(start, "three") // crosses both
	b.hear(start, fromA, "three")
	fourth := b.say(start, "four")
	a.hear(start, fourth, "four")
	a.hear(start, second, "two")
	a.hear(start, first, "one")
	b.hear(start, a.say(start, "five"), "five")
}

func TestEveryOrderOfFiveMessages(t *testing.T) {
	var orders [][]int
	var permute func(done, left []int)
	permute = func(done, left []int) {
		if len(left) == 0 {
			orders = append(orders, done)
		}
		for i := range left {
			rest := append(append([]int{}, left[:i]...), left[i+1:]...)
			permute(append(append([]int{}, done...), left[i]), rest)
		}
	}
	permute(nil, []int{0, 1, 2, 3, 4})
	// Two chains of Alice's: three messages, an answer of Bob's to the first, two more.
	a, b := pair(t, "orders")
	var raws [][]byte
	for i := range 3 {
		raws = append(raws, a.say(start, numbered(i)))
	}
	b.hear(start, raws[0], numbered(0))
	a.hear(start, b.say(start, "answer"), "answer")
	raws[0] = nil
	raws = append(raws[1:], a.say(start, numbered(3)), a.say(start, numbered(4)), a.say(start, numbered(5)))
	before := b.state
	for _, order := range orders {
		b.state = before
		for _, i := range order {
			b.hear(start, raws[i], numbered(i+1))
		}
		for _, i := range order {
			b.refuse(start, raws[i], ErrOutOfStep)
		}
		if n := b.state.Skipped(); n != 0 {
			t.Fatalf("order %v leaves %d keys", order, n)
		}
	}
}

func TestSkippedKeysAreBounded(t *testing.T) {
	a, b := pair(t, "bounds")
	var lost [][]byte
	for i := range MaxSkipped + 5 {
		lost = append(lost, a.say(start, numbered(i)))
	}
	b.hear(start, a.say(start, "late"), "late")
	if n := b.state.Skipped(); n != MaxSkipped {
		t.Fatalf("%d keys are kept, want %d", n, MaxSkipped)
	}
	b.refuse(start, lost[4], ErrOutOfStep) // the oldest are dropped
	b.hear(start, lost[5], numbered(5))
	b.hear(start, lost[MaxSkipped], numbered(MaxSkipped))
	// Other chains add up to the limit over all of them.
	for c := range 4 {
		a.hear(start, b.say(start, "turn"), "turn")
		for range MaxSkipped/2 + 1 {
			a.say(start, "lost")
		}
		b.hear(start, a.say(start, "end"), "end")
		if n := b.state.Skipped(); n > MaxSkippedTotal {
			t.Fatalf("%d keys after %d more chains, want at most %d", n, c+1, MaxSkippedTotal)
		}
	}
	b.refuse(start, lost[6], ErrOutOfStep) // its chain was the oldest
	for range MaxSkippedChains + 3 {
		a.hear(start, b.say(start, "turn"), "turn")
		a.say(start, "lost")
		b.hear(start, a.say(start, "end"), "end")
	}
	if n := len(b.state.skipped); n > MaxSkippedChains {
		t.Fatalf("%d chains are kept, want at most %d", n, MaxSkippedChains)
	}
	raw, err := b.state.Bytes()
	must(t, err)
	if len(raw) > MaxState {
		t.Fatalf("a state of %d bytes, want at most %d", len(raw), MaxState)
	}
}

func TestGreatestStateIsWithinItsLimit(t *testing.T) {
	_, b := pair(t, "greatest")
	s := b.state.clone()
	s.send.kem, s.peerKEM = make([]byte, kemPlain), make([]byte, 1568)
	s.index, s.kemCount = maxNumber-1, 1<<32-1
	s.skipped = nil
	for c := range MaxSkippedChains {
		chain := skippedChain{index: uint32(1<<30 + c)}
		for i := range MaxSkippedTotal / MaxSkippedChains {
			chain.keys = append(chain.keys, skippedKey{number: uint32(i), hour: 1 << 31})
		}
		s.skipped = append(s.skipped, chain)
	}
	raw, err := s.Bytes()
	must(t, err)
	if len(raw) > MaxState {
		t.Errorf("%d bytes, want at most %d", len(raw), MaxState)
	}
	_, err = Parse(raw)
	must(t, err)
}

func TestTooFarAhead(t *testing.T) {
	a, b := pair(t, "jump")
	b.hear(start, a.say(start, "first"), "first")
	var last []byte
	n := a.state.clone()
	for range MaxJump + 1 {
		n.send.chain, _ = advance(n.send.chain)
		n.send.number++
	}
	a.state = n
	last = a.say(start, "far")
	b.refuse(start, last, ErrOutOfStep)
}

func TestSkippedKeysAreDroppedWithTime(t *testing.T) {
	a, b := pair(t, "time")
	lost, kept := a.say(start, "lost"), a.say(start, "kept")
	b.hear(start, a.say(start, "now"), "now")
	almost := start.Add(SkippedTTL)
	b.hear(almost, kept, "kept")
	after := start.Add(SkippedTTL + 2*time.Hour)
	b.refuse(after, lost, ErrOutOfStep)
	next, changed := b.state.Expire(after)
	if !changed || next.Skipped() != 0 {
		t.Errorf("Expire keeps %d keys, changed %v", next.Skipped(), changed)
	}
	if _, changed := next.Expire(after); changed {
		t.Error("Expire changes a state in which nothing has expired")
	}
}

func TestHeadersAreRepeatedUntilThePeerHasUsedThem(t *testing.T) {
	a, b := pair(t, "repeat")
	// The first five of the chain with the KEM step are lost; the sixth suffices.
	for range 5 {
		a.say(start, "lost")
	}
	b.hear(start, a.say(start, "sixth"), "sixth")
	if len(b.state.peerKEM) == 0 || len(b.state.kemSeed) != 0 {
		t.Error("the sixth message did not carry the KEM step")
	}
	a.hear(start, b.say(start, "answer"), "answer")
	if len(a.state.peerKEM) == 0 {
		t.Error("the answerer's first step is no KEM step")
	}
	// 6 + 1 messages, no hour: the next steps are Diffie-Hellman alone.
	b.hear(start, a.say(start, "seventh"), "seventh")
	if len(a.state.send.kem) != 0 {
		t.Error("a KEM step too early")
	}
}

func TestWhenKEMStepsJoin(t *testing.T) {
	for _, c := range []struct {
		name   string
		rounds int
		pause  time.Duration
		want   bool
	}{
		{"after 17 messages", 9, 0, false},
		{"after 21 messages", 11, 0, true},
		{"after an hour less a second", 1, time.Hour - time.Second, false},
		{"after an hour", 1, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := pair(t, c.name)
			b.hear(start, a.say(start, "x"), "x")
			a.hear(start, b.say(start, "x"), "x") // the second KEM step, Bob's, counts as 1
			for i := range c.rounds - 1 {
				b.hear(start, a.say(start, "x"), "x")
				if len(a.state.send.kem) > 0 {
					t.Fatalf("a KEM step in round %d", i)
				}
				a.hear(start, b.say(start, "x"), "x")
			}
			a.say(start.Add(c.pause), "x")
			if got := len(a.state.send.kem) > 0; got != c.want {
				t.Errorf("a KEM step: %v, want %v", got, c.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	a, b := pair(t, "sizes")
	for _, c := range []struct{ payload, want int }{
		{0, 8 << 10}, {100, 8 << 10}, {8<<10 - Overhead, 8 << 10}, {8<<10 - Overhead + 1, 16 << 10},
		{48 << 10, 64 << 10}, {MaxPayload, 64 << 10},
	} {
		// With and without a KEM step the size is the same.
		for _, at := range []time.Time{start, start.Add(3 * time.Hour), start.Add(3 * time.Hour)} {
			text := strings.Repeat("x", c.payload)
			for _, way := range [][2]*side{{a, b}, {b, a}} {
				raw := way[0].say(at, text)
				if len(raw) != c.want {
					t.Errorf("%d bytes for a payload of %d, want %d", len(raw), c.payload, c.want)
				}
				way[1].hear(at, raw, text)
			}
		}
	}
	if _, _, err := a.state.Encrypt(a.rand, start, a.to, 0, make([]byte, MaxPayload+1)); !errors.Is(err, envelope.ErrTooLarge) {
		t.Errorf("a byte more = %v, want ErrTooLarge", err)
	}
	if _, _, err := a.state.Encrypt(a.rand, start, a.to, envelope.MaxTTL+1, nil); !errors.Is(err, envelope.ErrLifetime) {
		t.Errorf("a longer life = %v, want ErrLifetime", err)
	}
	if _, _, err := a.state.Encrypt(strings.NewReader("short"), start, a.to, 0, nil); err == nil {
		t.Error("Encrypt without randomness succeeded")
	}
}

func TestEnvelopesOfOthersAreRefused(t *testing.T) {
	a, b := pair(t, "one")
	c, d := pair(t, "two")
	foreign := c.say(start, "not for Bob here")
	a.refuse(start, foreign, ErrRefused)
	b.refuse(start, foreign, ErrRefused)
	a.refuse(start, a.say(start, "own"), ErrRefused)
	d.refuse(start, foreign[:8000], ErrRefused)
	d.refuse(start, nil, ErrRefused)
	d.hear(start, foreign, "not for Bob here")
}

func TestRollbackIsNoticed(t *testing.T) {
	talk := func(a, b *side, rounds int) {
		for range rounds {
			b.hear(start, a.say(start, "x"), "x")
			a.hear(start, b.say(start, "y"), "y")
		}
	}
	for _, weeks := range []int{0, 1, 5, 300} {
		t.Run(fmt.Sprint(weeks, " weeks"), func(t *testing.T) {
			now := start.Add(time.Duration(weeks) * 7 * 24 * time.Hour)
			a, b := pair(t, "rollback")
			talk(a, b, 3)
			backup := *a
			for range 4 {
				b.hear(now, a.say(now, "x"), "x")
				a.hear(now, b.say(now, "y"), "y")
			}
			fromB := b.say(now, "to the older state")
			fromOld := backup.say(now, "from the older state")
			backup.refuse(now, fromB, ErrOutOfStep)
			b.refuse(now, fromOld, ErrOutOfStep)
		})
	}
	a, b := pair(t, "rollback within a chain")
	talk(a, b, 1)
	backup := *a
	b.hear(start, a.say(start, "first use"), "first use")
	second := backup.say(start, "second use")
	b.refuse(start, second, ErrOutOfStep)
}

func TestSupersedes(t *testing.T) {
	alice, bob := newDevice(t, "alice"), newDevice(t, "bob")
	state := func(name string, began time.Time) *State {
		e, _ := establish(t, alice, bob, name, start)
		s, err := Start(e, began, start)
		must(t, err)
		return s
	}
	one, two, late := state("one", start), state("two", start), state("late", start.Add(time.Millisecond))
	if one.Supersedes(two) == two.Supersedes(one) {
		t.Error("two set-ups of one moment have no order")
	}
	if !late.Supersedes(one) || !late.Supersedes(two) || one.Supersedes(late) || one.Supersedes(one) {
		t.Error("the later set-up does not win")
	}
}

func TestStatesPrintAsNothing(t *testing.T) {
	a, _ := pair(t, "print")
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %x", a.state, a.state, a.state, *a.state), a.state.String()} {
		if strings.Contains(s, fmt.Sprintf("%x", a.state.root[:8])) || !strings.Contains(s, "hidden") {
			t.Errorf("prints %q", s)
		}
	}
}

func TestEraseOverwritesKeys(t *testing.T) {
	a, b := pair(t, "erase")
	b.hear(start, a.say(start, "x"), "x")
	old := b.state
	a.hear(start, b.say(start, "y"), "y")
	old.Erase()
	for _, k := range []key{old.root, old.receive.chain, old.nextSend, old.markerRecv, old.dh} {
		if k != (key{}) {
			t.Error("a key is left")
		}
	}
	b.hear(start, a.say(start, "z"), "z")
}

// Outside of the boxes an envelope has its mailbox, its hour and its size. No
// eight bytes of the rest come twice in a conversation, not even where the same
// key and the same KEM step are repeated.
func TestNothingOutsideIsStable(t *testing.T) {
	a, b := pair(t, "stable")
	seen := map[string]int{}
	n := 0
	look := func(raw []byte) {
		n++
		for i := envelope.HeaderSize; i+8 <= len(raw); i++ {
			if at, ok := seen[string(raw[i:i+8])]; ok && at != n {
				t.Fatalf("bytes %d to %d of message %d came in message %d too", i, i+8, n, at)
			}
			seen[string(raw[i:i+8])] = n
		}
		ones := 0
		for _, c := range raw[envelope.HeaderSize:] {
			ones += bits.OnesCount8(c)
		}
		// Half of 65,184 bits, give or take ten standard deviations.
		if want := 4 * (len(raw) - envelope.HeaderSize); ones < want-1280 || ones > want+1280 {
			t.Errorf("%d of %d bits are set", ones, 2*want)
		}
	}
	for range 3 {
		look(a.say(start, "x"))
	}
	last := a.say(start, "x")
	look(last)
	b.hear(start, last, "x")
	for range 3 {
		raw := b.say(start, "x")
		look(raw)
		a.hear(start, raw, "x")
		raw = a.say(start, "x")
		look(raw)
		b.hear(start, raw, "x")
	}
}
