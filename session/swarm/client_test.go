package swarm

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

// reader is a person with a mailbox who keeps what comes.
type reader struct {
	t      testing.TB
	c      *Client
	n      byte
	cursor Cursor
	got    []uint64
	delete bool
}

// poll polls once and stores the cursor as bytes, as a person's node does.
func (r *reader) poll(wait time.Duration) error {
	r.t.Helper()
	key, _ := mailboxOf(r.t, r.n)
	envelopes, next, err := r.c.Poll(r.t.Context(), key, r.cursor, wait)
	raw, err2 := next.Bytes()
	if err2 != nil {
		r.t.Fatal(err2)
	}
	if r.cursor, err2 = ParseCursor(raw); err2 != nil {
		r.t.Fatal(err2)
	}
	for _, e := range envelopes {
		r.got = append(r.got, numberOf(r.t, e))
	}
	if r.delete && len(envelopes) > 0 {
		if _, _, err := r.c.Delete(r.t.Context(), key, envelopes); err != nil {
			r.t.Errorf("Delete = %v", err)
		}
	}
	return err
}

// drain polls until nothing comes any more.
func (r *reader) drain() {
	r.t.Helper()
	for range 50 {
		n := len(r.got)
		if err := r.poll(0); err != nil {
			r.t.Fatalf("Poll = %v", err)
		}
		if len(r.got) == n {
			return
		}
	}
	r.t.Fatal("a mailbox never becomes empty")
}

func (r *reader) want(n int) {
	r.t.Helper()
	got := slices.Clone(r.got)
	slices.Sort(got)
	if len(slices.Compact(slices.Clone(got))) != len(got) {
		r.t.Errorf("doubles among %v", got)
	}
	if len(got) != n {
		r.t.Errorf("%d messages came, want %d: %v", len(got), n, got)
	}
}

func put(t testing.TB, c *Client, mailbox Key, n uint64, now time.Time) (stored, total int) {
	t.Helper()
	stored, total, err := c.Put(t.Context(), envelopeFor(t, mailbox, n, now, 0))
	if err != nil {
		t.Fatalf("Put(%d) = %d of %d, %v", n, stored, total, err)
	}
	return stored, total
}

func TestPutPollDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 12)
		c := w.client(ClientConfig{Sweep: time.Nanosecond})
		defer c.Close()
		_, box := mailboxOf(t, 1)
		_, other := mailboxOf(t, 2)
		for n := range uint64(30) {
			if stored, total := put(t, c, box, n, start); stored != 7 || total != 7 {
				t.Errorf("stored at %d of %d, want 7 of 7", stored, total)
			}
			put(t, c, other, 100+n, start)
			w.clock.add(time.Second)
		}
		r := &reader{t: t, c: c, n: 1, delete: true}
		r.drain()
		r.want(30)
		for _, p := range w.holders(box) {
			if got := numbers(t, p.store, box); len(got) != 0 {
				t.Errorf("after the deletion a node still has %v", got)
			}
		}
		// A second device of the same account, with a cursor of its own, finds nothing
		// that was deleted, and what comes from now on.
		put(t, c, box, 30, start)
		late := &reader{t: t, c: c, n: 1}
		late.drain()
		late.want(1)
	})
}

func TestThreeReplicasMayBeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 12)
		c := w.client(ClientConfig{})
		defer c.Close()
		_, box := mailboxOf(t, 1)
		for _, p := range w.holders(box)[:3] {
			w.kill(p)
		}
		if stored, total := put(t, c, box, 1, start); stored != 4 || total != 7 {
			t.Errorf("stored at %d of %d, want 4 of 7", stored, total)
		}
		r := &reader{t: t, c: c, n: 1}
		r.drain()
		r.want(1)
		w.kill(w.holders(box)[4])
		stored, total, err := c.Put(t.Context(), envelopeFor(t, box, 2, start, 0))
		if stored != 3 || total != 7 || !errors.Is(err, ErrNotStored) {
			t.Errorf("with four down: %d of %d, %v, want 3 of 7 and ErrNotStored", stored, total, err)
		}
		if err := r.poll(0); !errors.Is(err, ErrUnread) && len(r.got) != 2 {
			t.Errorf("with four down: Poll = %v, want ErrUnread or the message", err)
		}
	})
}

// Lies that a replica can tell. Three of seven tell one each, together with four
// honest ones nothing is lost and nothing comes twice.
func TestLyingReplicas(t *testing.T) {
	type lie = func(verb, func() []byte) ([]byte, bool)
	marshal := func(t *testing.T, r response) []byte {
		r.Version = messageVersion
		raw, err := wire.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, c := range []struct {
		name string
		make func(*testing.T, Key) lie
	}{
		{"says stored and forgets", func(t *testing.T, _ Key) lie {
			return func(v verb, _ func() []byte) ([]byte, bool) { return marshal(t, response{}), v == verbPut }
		}},
		{"withholds everything", func(t *testing.T, _ Key) lie {
			return func(v verb, _ func() []byte) ([]byte, bool) {
				body, err := wire.Marshal(listBody{Next: 1 << 60})
				if err != nil {
					t.Error(err)
				}
				return marshal(t, response{Body: body}), v == verbPoll
			}
		}},
		{"answers junk", func(*testing.T, Key) lie {
			return func(verb, func() []byte) ([]byte, bool) { return bytes.Repeat([]byte{0x5f}, 100), true }
		}},
		{"answers nothing", func(*testing.T, Key) lie {
			return func(verb, func() []byte) ([]byte, bool) { return nil, true }
		}},
		{"sends another's envelopes", func(t *testing.T, _ Key) lie {
			body, err := wire.Marshal(listBody{Next: 1, Contents: [][]byte{envelopeFor(t, Key{77}, 1, start, 0)}})
			if err != nil {
				t.Fatal(err)
			}
			return func(v verb, _ func() []byte) ([]byte, bool) { return marshal(t, response{Body: body}), v == verbPoll }
		}},
		{"sends junk for ever", func(t *testing.T, _ Key) lie {
			n := uint64(0)
			return func(v verb, _ func() []byte) ([]byte, bool) {
				n++
				body, err := wire.Marshal(listBody{Next: n, More: true, Contents: [][]byte{make([]byte, 8<<10)}})
				if err != nil {
					t.Error(err)
				}
				return marshal(t, response{Body: body}), v == verbPoll
			}
		}},
		{"never forgets, always says news", func(t *testing.T, box Key) lie {
			n := uint64(0)
			return func(v verb, honest func() []byte) ([]byte, bool) {
				if v != verbPoll {
					return nil, v == verbDelete
				}
				n++
				body, err := wire.Marshal(listBody{Run: [16]byte{byte(n)}, Next: 1, Contents: [][]byte{envelopeFor(t, box, 3, start, 0)}})
				if err != nil {
					t.Error(err)
				}
				return marshal(t, response{Body: body}), true
			}
		}},
		{"goes back", func(t *testing.T, _ Key) lie {
			n := uint64(1 << 40)
			return func(v verb, _ func() []byte) ([]byte, bool) {
				n--
				body, err := wire.Marshal(listBody{Next: n})
				if err != nil {
					t.Error(err)
				}
				return marshal(t, response{Body: body}), v == verbPoll
			}
		}},
		{"asks to sign for ever", func(t *testing.T, _ Key) lie {
			return func(verb, func() []byte) ([]byte, bool) { return marshal(t, response{Answer: answerSign}), true }
		}},
		{"asks for all the work in the world", func(t *testing.T, _ Key) lie {
			return func(verb, func() []byte) ([]byte, bool) {
				return marshal(t, response{Answer: answerWork, Work: 250}), true
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t, 12)
				client := w.client(ClientConfig{Sweep: time.Nanosecond, Attempts: 2})
				defer client.Close()
				_, box := mailboxOf(t, 1)
				for _, p := range w.holders(box)[2:5] {
					p.lies = c.make(t, box)
				}
				for n := range uint64(8) {
					put(t, client, box, n, start)
				}
				r := &reader{t: t, c: client, n: 1, delete: true}
				for range 4 {
					_ = r.poll(0) // what a lying node says may be all that one poll hears
					w.clock.add(time.Second)
				}
				r.drain()
				r.want(8)
			})
		})
	}
}

// Nodes that want all the work that a node may want keep nobody waiting for
// longer than the grace, and what they say raises no later write's work.
func TestGreedyReplicas(t *testing.T) {
	w := newNetwork(t, 7)
	c := w.client(ClientConfig{Grace: time.Millisecond})
	_, box := mailboxOf(t, 1)
	raw, err := wire.Marshal(response{Version: messageVersion, Answer: answerWork, Work: MaxWork})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.holders(box)[:3] {
		p.lies = func(verb, func() []byte) ([]byte, bool) { return raw, true }
	}
	for n := range uint64(5) {
		if stored, _ := put(t, c, box, n, start); stored != 4 {
			t.Errorf("stored at %d, want the honest 4", stored)
		}
	}
	for _, p := range w.holders(box)[3:] {
		for _, e := range p.store.items {
			if StrengthOf(e.id, e.stamp).Work() >= MaxWork-2 {
				t.Error("an honest node got the work that a greedy one wanted")
			}
		}
	}
}

func TestLongPollHearsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 10)
		c := w.client(ClientConfig{})
		defer c.Close()
		_, box := mailboxOf(t, 1)
		r := &reader{t: t, c: c, n: 1}
		r.drain()
		began := time.Now()
		done := make(chan error)
		go func() { done <- r.poll(20 * time.Second) }()
		time.Sleep(5 * time.Second) // under a fake clock
		synctest.Wait()
		put(t, c, box, 7, start)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.want(1)
		if took := time.Since(began); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("the message came after %v, want a little over 5 s", took)
		}
		began = time.Now()
		if err := r.poll(20 * time.Second); err != nil {
			t.Errorf("Poll without news = %v", err)
		}
		if took := time.Since(began); took < 19*time.Second || took > 26*time.Second {
			t.Errorf("a poll without news took %v, want 20 s", took)
		}
		r.want(1)
	})
}

func TestPlacementOfTwoEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 20)
		c := w.client(ClientConfig{})
		defer c.Close()
		_, box := mailboxOf(t, 1)
		// The last hours of an epoch.
		w.clock.add(nodes.Epoch{Number: 701}.Start().Sub(w.clock.now()) - 2*time.Hour)
		for _, p := range w.peers {
			w.say(p, nodes.Store)
		}
		before := w.maps.Now().Current(box)
		put(t, c, box, 1, w.clock.now())
		w.clock.add(4 * time.Hour)
		after := w.maps.Now().Current(box)
		same := 0
		for _, r := range after {
			if slices.ContainsFunc(before, func(o *nodes.Record) bool { return o.ID() == r.ID() }) {
				same++
			}
		}
		if same == len(after) {
			t.Fatal("nothing moved between two epochs")
		}
		// It is read where it was, and after a repair where it belongs now.
		r := &reader{t: t, c: c, n: 1}
		r.drain()
		r.want(1)
		w.round()
		w.round()
		for _, p := range w.holders(box) {
			if got := numbers(t, p.store, box); len(got) != 1 {
				t.Errorf("a node of the new placement has %v, want the message", got)
			}
		}
	})
}

func TestBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 12)
		c := w.client(ClientConfig{})
		defer c.Close()
		account, err := identity.NewAccount(bytes.Repeat([]byte{3}, identity.AccountSeedSize))
		if err != nil {
			t.Fatal(err)
		}
		ring, err := identity.NewKeyRing(random1(3), start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.FindBundle(t.Context(), account.ID(), start); !errors.Is(err, ErrNotFound) {
			t.Errorf("FindBundle of nobody = %v, want ErrNotFound", err)
		}
		var last *identity.Bundle
		for i := range 3 {
			last, err = ring.Issue(random1(byte(4+i)), account, start.Add(time.Duration(i)*time.Hour), identity.IssueOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // again, as after a restart: it takes no second place
				if err := c.PublishBundle(t.Context(), last, start); err != nil {
					t.Fatal(err)
				}
			}
		}
		week := identity.WeekOf(start)
		if values, err := c.GetBundle(t.Context(), identity.SlotOf(account.ID(), week)); len(values) != 3 || err != nil {
			t.Errorf("three bundles take %d places in a slot, %v", len(values), err)
		}
		// Rivals: junk in the same slot.
		for n := range byte(3) {
			if _, _, err := c.PutBundle(t.Context(), identity.SlotOf(account.ID(), week), week, bytes.Repeat([]byte{n}, 32<<10)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.FindBundle(t.Context(), account.ID(), start)
		if err != nil || !bytes.Equal(got.Bytes(), last.Bytes()) {
			t.Errorf("FindBundle = %v, want the newest of three", err)
		}
		// It is found in the coming weeks, and by a clock that is a week off.
		for _, d := range []time.Duration{-identity.Week, identity.Week, 3 * identity.Week} {
			if b, err := c.FindBundle(t.Context(), account.ID(), start.Add(d)); d >= 0 && (err != nil || b.ID() != account.ID()) {
				t.Errorf("FindBundle %v later = %v", d, err)
			}
		}
	})
}

func TestNobodyIsThere(t *testing.T) {
	w := newNetwork(t, 0)
	c := w.client(ClientConfig{})
	key, box := mailboxOf(t, 1)
	if _, _, err := c.Put(t.Context(), envelopeFor(t, box, 1, start, 0)); !errors.Is(err, ErrNoNodes) {
		t.Errorf("Put = %v, want ErrNoNodes", err)
	}
	if _, _, err := c.Poll(t.Context(), key, Cursor{}, 0); !errors.Is(err, ErrNoNodes) {
		t.Errorf("Poll = %v, want ErrNoNodes", err)
	}
	if _, err := c.GetBundle(t.Context(), identity.Slot{}); !errors.Is(err, ErrNoNodes) {
		t.Errorf("GetBundle = %v, want ErrNoNodes", err)
	}
	if _, _, err := c.Put(t.Context(), []byte("no envelope")); !errors.Is(err, ErrItem) {
		t.Errorf("Put of junk = %v, want ErrItem", err)
	}
}

func TestSearchIsBounded(t *testing.T) {
	if _, err := Search(t.Context(), ID{}, MaxWork+1, 0); !errors.Is(err, ErrWork) {
		t.Errorf("Search = %v, want ErrWork", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Search(ctx, ID{}, MaxWork, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Search = %v, want canceled", err)
	}
}

func FuzzParseResponse(f *testing.F) {
	body, err := wire.Marshal(listBody{Next: 1, Contents: [][]byte{{1}}})
	if err != nil {
		f.Fatal(err)
	}
	raw, err := wire.Marshal(response{Version: 1, Work: 8, Reason: "x", Body: body})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:5])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseResponse(b)
		if err != nil {
			return
		}
		var l listBody
		if parseBody(r.Body, &l) == nil && len(l.Contents) > len(r.Body) {
			t.Error("more contents than bytes")
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	c := Cursor{}.clone(start)
	c.add(ID{1}, 500000)
	c.move(nodes.ID{1}, place1{after: 3}, nil)
	raw, err := c.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCursor(b)
		if err != nil {
			return
		}
		if again, err := c.clone(time.Unix(0, 0)).Bytes(); err != nil || len(again) > MaxCursor {
			t.Errorf("a cursor of %d bytes is encoded as %d, %v", len(b), len(again), err)
		}
	})
}
