package peerclock

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/ava-labs/avalanchego/utils/set"
	"pgregory.net/rapid"
)

func id(i int) ids.NodeID { return ids.NodeID{byte(i)} }

// equalStakes is a set of n validators.
func equalStakes(n int) []Stake {
	out := make([]Stake, n)
	for i := range out {
		out[i] = Stake{ID: id(i), Weight: 2_000_000_000_000}
	}
	return out
}

// note tells c of a peer that is ahead, with the given times of travel.
func note(c *Comparer, peer ids.NodeID, ahead, there, held, back time.Duration) bool {
	asked := time.Now()
	came := asked.Add(there + ahead)
	return c.Note(peer, asked, asked.Add(there+held+back), came.UnixNano(), came.Add(held).UnixNano())
}

const ms = time.Millisecond

func TestOneWrongClockIsFoundByItselfAndByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wrong := range []time.Duration{80 * ms, -80 * ms, 300 * ms, -300 * ms, 5 * time.Second, -5 * time.Second} {
			// Node 0 is the wrong one: all others are that much behind.
			c := NewComparer()
			for i := 1; i < 5; i++ {
				note(c, id(i), -wrong, 3*ms, ms, 3*ms)
			}
			r := c.Report(id(0), equalStakes(5), time.Now())
			if want := (Offset{id(0), wrong, 3 * ms}); r.Own != want {
				t.Errorf("a clock %s ahead: own offset = %+v, want %+v", wrong, r.Own, want)
			}
			if got, want := r.Own.Beyond(100*ms), wrong.Abs() > 103*ms; got != want {
				t.Errorf("a clock %s ahead: beyond 100ms = %t, want %t", wrong, got, want)
			}
			// Node 1 sees itself and three others right and node 0 wrong.
			c = NewComparer()
			for i := range 5 {
				if i == 0 {
					note(c, id(i), wrong, 3*ms, ms, 3*ms)
				} else if i != 1 {
					note(c, id(i), 0, 3*ms, ms, 3*ms)
				}
			}
			r = c.Report(id(1), equalStakes(5), time.Now())
			if r.Own.Ahead != 0 {
				t.Errorf("another's clock %s ahead: own offset = %+v, want 0", wrong, r.Own)
			}
			if got, want := len(r.Wrong(100*ms)), min(1, int(wrong.Abs()/(110*ms))); got != want {
				t.Errorf("another's clock %s ahead: %d clocks are wrong, want %d", wrong, got, want)
			}
			for _, p := range r.Peers {
				if want := p.ID == id(0); (p.Ahead == wrong) != want {
					t.Errorf("offset of %s = %+v, want %s for %s only", p.ID, p, wrong, id(0))
				}
			}
		}
	})
}

func TestTheTrueOffsetIsWithinDoubt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		within := func(name string, most time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, name))
		}
		c := NewComparer()
		ahead := within("ahead", 20*time.Second) - 10*time.Second
		var least time.Duration = math.MaxInt64
		for range rapid.IntRange(1, 2*maxSamples).Draw(t, "samples") {
			there, back := within("there", time.Second), within("back", time.Second)
			if !note(c, id(1), ahead, there, within("held", time.Second), back) {
				t.Fatal("a true sample was refused")
			}
			least = min(least, (there+back)/2)
		}
		r := c.Report(id(0), equalStakes(2), time.Now())
		got := r.Own.Ahead
		if len(r.Peers) == 1 && r.Own.Ahead == 0 {
			got = -r.Peers[0].Ahead
		}
		doubt := max(r.Own.Doubt, r.Peers[0].Doubt)
		if (got + ahead).Abs() > doubt+1 {
			t.Errorf("a peer %s ahead: own offset %s, doubt %s", ahead, got, doubt)
		}
	})
}

func TestMinorityOfStakeCannotAccuseAnHonestNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 21).Draw(t, "validators")
		stakes := equalStakes(n)
		var total, bad uint64
		for i := range stakes {
			stakes[i].Weight = rapid.Uint64Range(1, math.MaxUint64/64).Draw(t, "weight")
			total += stakes[i].Weight
		}
		c := NewComparer()
		for i := 1; i < n; i++ {
			liar := rapid.Bool().Draw(t, "liar") && bad+stakes[i].Weight < (total+1)/2
			ahead := time.Duration(0)
			if liar {
				bad += stakes[i].Weight
				ahead = time.Duration(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "ahead"))
			}
			note(c, id(i), ahead, 0, 0, 0)
		}
		if r := c.Report(id(0), stakes, time.Now()); r.Own.Ahead != 0 {
			t.Errorf("%d of %d stake lie: own offset = %+v, want 0", bad, total, r.Own)
		}
	})
}

func TestSamplesThatCannotBeTrueAnyMoreAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewComparer()
		note(c, id(1), 0, ms, 0, ms)
		// The peer's clock was set; what came before contradicts it, less doubt or not.
		note(c, id(1), 300*ms, 40*ms, 0, 40*ms)
		set := []Stake{{id(0), 1}, {id(1), 3}}
		if got := c.Report(id(0), set, time.Now()).Own; got.Ahead != -300*ms || got.Doubt != 40*ms {
			t.Errorf("after the peer's clock was set: own offset = %+v, want -300ms with 40ms doubt", got)
		}
		// A better sample that agrees is used, a worse one isn't.
		note(c, id(1), 300*ms, 20*ms, 0, 0)
		note(c, id(1), 300*ms, 400*ms, 0, 400*ms)
		if got := c.Report(id(0), set, time.Now()).Own; got.Doubt != 10*ms || got.Ahead != -310*ms {
			t.Errorf("with samples of 40, 10 and 400ms doubt: own offset = %+v, want that of 10ms", got)
		}
		time.Sleep(maxAge + time.Second) // of the bubble's clock
		if r := c.Report(id(0), set, time.Now()); r.Own.Ahead != 0 || len(r.Peers) != 0 {
			t.Errorf("after a minute without answers: %+v, want nothing", r)
		}
		c.Report(id(0), equalStakes(1), time.Now())
		if len(c.peers) != 0 {
			t.Errorf("%d peers outside the set are remembered, want none", len(c.peers))
		}
		for range 3 * maxSamples {
			note(c, id(1), 0, ms, 0, ms)
		}
		if got := len(c.peers[id(1)]); got != maxSamples {
			t.Errorf("%d samples are kept, want %d", got, maxSamples)
		}
	})
}

func TestImpossibleSamplesAreRefused(t *testing.T) {
	c := NewComparer()
	if note(c, id(1), 0, ms, ms, -ms-1) {
		t.Error("a peer that held the question longer than the answer took is believed")
	}
	if before := time.Unix(-5, 0); c.Note(id(1), before, before.Add(ms), 0, 0) {
		t.Error("a question asked before 1970 is used")
	}
	if len(c.peers) != 0 {
		t.Errorf("%d peers have samples, want none", len(c.peers))
	}
}

// straight is a client whose peers answer at once, by their handlers.
type straight struct {
	peers map[ids.NodeID]Handler
	held  []func()
	asked int
}

func (s *straight) AppRequest(ctx context.Context, to set.Set[ids.NodeID], question []byte, onAnswer p2p.AppResponseCallback) error {
	for peer := range to {
		s.asked++
		h, ok := s.peers[peer]
		if !ok {
			s.held = append(s.held, func() { onAnswer(ctx, peer, nil, errors.New("not connected")) })
			continue
		}
		answer, refused := h.AppRequest(ctx, peer, time.Now(), question)
		if refused != nil {
			return refused
		}
		onAnswer(ctx, peer, answer, nil)
	}
	return nil
}

func TestAskerComparesWithWhoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := func(ahead time.Duration) Handler {
			return Handler{Now: func() time.Time { return time.Now().Add(ahead) }}
		}
		client := &straight{peers: map[ids.NodeID]Handler{id(1): clock(0), id(2): clock(time.Second)}}
		c := NewComparer()
		a := NewAsker(client, time.Now, c)
		everybody := []ids.NodeID{id(1), id(2), id(3)}
		for range 3 {
			if err := a.Ask(t.Context(), everybody); err != nil {
				t.Fatal(err)
			}
		}
		if client.asked != 7 {
			t.Errorf("%d questions, want 3 to each of two and 1 to the one who doesn't answer", client.asked)
		}
		client.held[0]()
		if err := a.Ask(t.Context(), everybody); err != nil || client.asked != 10 {
			t.Errorf("after the failure %d questions, %v, want 10: the silent one is asked again", client.asked, err)
		}
		r := c.Report(id(0), equalStakes(4), time.Now())
		if len(r.Peers) != 2 || r.Own.Ahead != 0 || r.Peers[0].Ahead != 0 || r.Peers[1] != (Offset{id(2), time.Second, 0}) {
			t.Errorf("report = %+v, want the second peer a second ahead", r)
		}
	})
}

func TestHandlerRefusesWhatIsNoQuestion(t *testing.T) {
	h := Handler{Now: time.Now}
	for _, bad := range [][]byte{nil, {}, {2}, {1, 1}, make([]byte, 1<<16)} {
		if answer, err := h.AppRequest(t.Context(), id(1), time.Now(), bad); err == nil {
			t.Errorf("%d bytes were answered with %x, want a refusal", len(bad), answer)
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(encodeAnswer(time.Unix(1, 2), time.Unix(3, 4)))
	f.Add(encodeAnswer(time.Unix(-9, 0), time.Unix(1<<33, 0)))
	f.Add([]byte{version})
	f.Add(make([]byte, answerSize+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		came, left, err := decodeAnswer(b)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Errorf("error %v, want an ErrMessage", err)
			}
			return
		}
		if came < 0 || left < came {
			t.Fatalf("decodeAnswer(%x) = %d, %d, want 0 <= came <= left", b, came, left)
		}
		if again := encodeAnswer(time.Unix(0, came), time.Unix(0, left)); string(again) != string(b) {
			t.Errorf("encoding %d, %d = %x, want %x", came, left, again, b)
		}
		// However absurd, it is noted without a panic, and doubt is never negative.
		c := NewComparer()
		c.Note(id(1), time.Now(), time.Now(), came, left)
		if r := c.Report(id(0), equalStakes(2), time.Now()); r.Own.Doubt < 0 {
			t.Errorf("doubt %s", r.Own.Doubt)
		}
	})
}
