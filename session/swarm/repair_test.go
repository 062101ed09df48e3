package swarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

// everywhere reports how many of a mailbox's nodes have how many of its items.
func (w *swarmNet) everywhere(key Key) (out []int) {
	for _, p := range w.holders(key) {
		out = append(out, len(numbers(w.t, p.store, key)))
	}
	return out
}

func TestRepairMakesReplicasEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 9)
		_, a := mailboxOf(t, 1)
		_, b := mailboxOf(t, 2)
		for _, key := range []Key{a, b} {
			for i, p := range w.holders(key) {
				for n := range uint64(3) { // each node has three of its own, and none twice
					if err := p.store.Put(envelopeItem(t, key, uint64(i)*3+n, start, 0), MinWork); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		w.round()
		w.round()
		for _, key := range []Key{a, b} {
			if got := fmt.Sprint(w.everywhere(key)); got != "[21 21 21 21 21 21 21]" {
				t.Errorf("after repair the replicas have %v items, want 21 each", got)
			}
		}
		for _, p := range w.peers {
			for key := range p.store.byKey() {
				if !w.maps.Now().Holds(p.id, key) {
					t.Errorf("%s has items that do not belong to it", p.id.Short())
				}
			}
		}
	})
}

func TestDeletionsAreNotUndoneByRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 8)
		c := w.client(ClientConfig{})
		defer c.Close()
		_, box := mailboxOf(t, 1)
		for n := range uint64(5) {
			put(t, c, box, n, start)
		}
		away := w.holders(box)[0]
		w.kill(away) // it misses the deletion
		r := &reader{t: t, c: c, n: 1, delete: true}
		r.drain()
		r.want(5)
		away.down = false
		w.round()
		w.round()
		for _, p := range w.holders(box) {
			want := 0
			if p == away {
				want = 5
			}
			if got := len(numbers(t, p.store, box)); got != want {
				t.Errorf("%s has %d items, want %d", p.id.Short(), got, want)
			}
		}
		// The owner sees none of them again, and they are deleted there too.
		for range 4 {
			if err := r.poll(0); err != nil {
				t.Fatal(err)
			}
			w.clock.add(3 * time.Minute)
			synctest.Wait()
		}
		r.want(5)
		if got := numbers(t, away.store, box); len(got) != 0 {
			t.Errorf("the node that missed the deletion still has %v", got)
		}
	})
}

// Nodes come and go, and every message that was stored at a quorum is there.
func TestChurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 12)
		c := w.client(ClientConfig{Sweep: time.Nanosecond})
		defer c.Close()
		readers := make([]*reader, 6)
		for i := range readers {
			readers[i] = &reader{t: t, c: c, n: byte(i + 1)}
		}
		r := random(uint64(time.Now().UnixNano()))
		sent := make([]int, len(readers))
		var alive []*mate
		for _, p := range w.peers {
			alive = append(alive, p)
		}
		for step := range 12 {
			for i := range readers {
				_, box := mailboxOf(t, readers[i].n)
				if _, _, err := c.Put(t.Context(), envelopeFor(t, box, uint64(sent[i]), w.clock.now(), 0)); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				sent[i]++
			}
			switch step % 3 {
			case 0: // somebody joins
				alive = append(alive, w.add())
			case 1: // somebody says goodbye
				i := r.IntN(len(alive))
				p := alive[i]
				alive = append(alive[:i], alive[i+1:]...)
				w.say(p, 0)
				if err := p.repair.Leave(t.Context()); err != nil {
					t.Fatalf("Leave = %v", err)
				}
				if n := p.store.Stats().Items; n != 0 {
					t.Errorf("a node that left kept %d items", n)
				}
				w.kill(p)
			default: // three vanish at once, with their disks; their records expire later
				for range 3 {
					if len(alive) > 8 {
						i := r.IntN(len(alive))
						w.kill(alive[i])
						defer w.bury(alive[i])
						w.bury(alive[i])
						alive = append(alive[:i], alive[i+1:]...)
					}
				}
			}
			w.clock.add(time.Minute)
			w.round()
			if step%4 == 3 {
				for _, rd := range readers[:3] {
					rd.drain()
				}
			}
		}
		for i, rd := range readers {
			rd.drain()
			rd.want(sent[i])
		}
	})
}

func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 30)
		_, box := mailboxOf(t, 1)
		var far *mate
		for _, p := range w.peers {
			if !w.maps.Now().Holds(p.id, box) && (far == nil || p.id.Compare(far.id) < 0) {
				far = p
			}
		}
		for n := range uint64(maxOffer + 40) {
			if err := far.store.Put(envelopeItem(t, box, n, start, 0), MinWork); err != nil {
				t.Fatal(err)
			}
		}
		if err := far.repair.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.holders(box) {
			if got := p.store.Stats().Items; got != maxOffer+40 {
				t.Errorf("a holder has %d items, want %d", got, maxOffer+40)
			}
		}
		if got := far.store.Stats().Items; got != 0 {
			t.Errorf("who handed over still has %d items, want none", got)
		}
	})
}

// A node that says that it took what it did not take must not make the one that
// hands over forget it.
func TestHandOverToLiars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t, 30)
		_, box := mailboxOf(t, 1)
		var far *mate
		for _, p := range w.peers {
			if !w.maps.Now().Holds(p.id, box) {
				far = p
			}
		}
		if err := far.store.Put(envelopeItem(t, box, 1, start, 0), MinWork); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.holders(box)[:2] {
			w.kill(p)
		}
		if err := far.repair.Round(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("Round = %v, want an error about the two that are down", err)
		}
		if got := far.store.Stats().Items; got != 1 {
			t.Errorf("with two of seven unheard it kept %d items, want 1", got)
		}
	})
}

func TestStrangersGetNoRepair(t *testing.T) {
	w := newNetwork(t, 2)
	for _, p := range w.peers {
		x, y := pipe()
		err := p.repair.Answer(t.Context(), nodes.ID{1}, SyncProtocol, y)
		if !errors.Is(err, ErrPeer) {
			t.Errorf("Answer to a stranger = %v, want ErrPeer", err)
		}
		_ = x.Close()
		_ = y.Close()
	}
}

// stream is a stream of which the other end was recorded.
type stream struct {
	io.Reader
	io.Writer
}

func TestHostileHandOvers(t *testing.T) {
	w := newNetwork(t, 1)
	var p *mate
	for _, p = range w.peers {
	}
	frames := func(messages ...any) *bytes.Reader {
		var out bytes.Buffer
		for _, m := range messages {
			var err error
			if raw, ok := m.([]byte); ok {
				err = wire.WriteFrame(&out, 1<<20, raw)
			} else {
				err = wire.WriteMessage(&out, 1<<20, m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return bytes.NewReader(out.Bytes())
	}
	it := envelopeItem(t, Key{1}, 1, start, 0)
	raw, err := it.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	weak := it
	for weak.Stamp = 0; StrengthOf(weak.ID(), weak.Stamp).Work() >= MinWork; weak.Stamp++ {
	}
	rawWeak, err := weak.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		in   *bytes.Reader
	}{
		{"an empty offer", frames(offerFrame{})},
		{"a huge offer", frames(offerFrame{IDs: make([]ID, maxOffer+1)})},
		{"another item than offered", frames(offerFrame{IDs: []ID{{1}}}, raw)},
		{"no item", frames(offerFrame{IDs: []ID{{1}}}, []byte{1, 2})},
		{"an item without work", frames(offerFrame{IDs: []ID{weak.ID()}}, rawWeak)},
		{"another message", frames(marksFrame{})},
	} {
		if _, err := takeOver(t.Context(), stream{c.in, io.Discard}, p.repair.sink); err == nil {
			t.Errorf("%s: takeOver = nil, want an error", c.name)
		}
	}
	for _, c := range []struct {
		name string
		in   *bytes.Reader
	}{
		{"too few marks", frames(marksFrame{})},
		{"too many marks", frames(marksFrame{Bits: make([]byte, 3)})},
		{"marks beyond the end", frames(marksFrame{Bits: []byte{0xff}})},
	} {
		if settled, _, err := handOver(stream{c.in, io.Discard}, p.store, []ID{{1}}); err == nil || len(settled) > 0 {
			t.Errorf("%s: handOver = %v, %v, want an error", c.name, settled, err)
		}
	}
	if st := p.store.Stats(); st.Items != 0 {
		t.Errorf("%d items were stored", st.Items)
	}
}

func FuzzHandOver(f *testing.F) {
	w := newNetwork(f, 1)
	var p *mate
	for _, p = range w.peers {
	}
	it := envelopeItem(f, Key{1}, 1, start, 0)
	raw, err := it.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	var in bytes.Buffer
	_ = wire.WriteMessage(&in, maxOfferFrame, offerFrame{IDs: []ID{it.ID()}})
	_ = wire.WriteFrame(&in, maxItem, raw)
	f.Add(in.Bytes())
	in.Reset()
	_ = wire.WriteMessage(&in, maxMarksFrame, marksFrame{Bits: []byte{1}})
	_ = wire.WriteMessage(&in, maxMarksFrame, marksFrame{Bits: []byte{1}})
	f.Add(in.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = takeOver(context.Background(), stream{bytes.NewReader(b), io.Discard}, p.repair.sink)
		_, _, _ = handOver(stream{bytes.NewReader(b), io.Discard}, p.store, []ID{{1}})
		if n := p.store.Stats().Items; n > 1 {
			t.Errorf("%d items", n)
		}
	})
}
