package onion

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

func TestCall(t *testing.T) {
	w := newWorld(t, 5, nil)
	p := w.newPerson(nil)
	for _, size := range []int{0, 1, 100, 8 << 10, 16<<10 + 200, 64<<10 + 4<<10 - 32} {
		for _, m := range w.members {
			request := bytes.Repeat([]byte{7}, size)
			got, err := p.Call(t.Context(), m.id, request)
			if err != nil || !bytes.Equal(got, append(m.id[:], request...)) {
				t.Fatalf("%d bytes to %s: Call = %d bytes, %v", size, m.id.Short(), len(got), err)
			}
		}
	}
	if got := p.guards.List(); len(got) < 1 || len(got) > 2 {
		t.Errorf("the client has %d guards, want one, and one for when that is the one to ask", len(got))
	}
	for _, m := range w.members {
		until(t, "relays forget what is over", func() bool { return m.relay.gate.waiting() == 0 })
	}
}

func TestTooLong(t *testing.T) {
	w := newWorld(t, 3, func(_ int, c *RelayConfig) {
		c.Handler = func(context.Context, []byte) ([]byte, error) { return make([]byte, MaxMessage+1), nil }
	})
	p := w.newPerson(nil)
	if _, err := p.Call(t.Context(), w.members[0].id, make([]byte, MaxMessage+1)); !errors.Is(err, packet.ErrSize) {
		t.Errorf("Call with too much = %v, want ErrSize", err)
	}
	_, err := p.Call(t.Context(), w.members[0].id, nil)
	if e := pathError(t, err); e.Hop != 3 || e.Reason != packet.ReasonFailed || !e.Unsure {
		t.Errorf("Call of a node that answers too much = %v", err)
	}
}

// A poll waits as long as its handler does; when the client gives up, the
// handler is told, through all hops.
func TestLongPollEndsWithItsClient(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	w := newWorld(t, 4, func(_ int, c *RelayConfig) {
		c.Handler = func(ctx context.Context, _ []byte) ([]byte, error) {
			close(entered)
			<-ctx.Done()
			close(left)
			return nil, ctx.Err()
		}
	})
	p := w.newPerson(nil)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := p.Call(ctx, w.members[0].id, []byte("poll"))
		failed <- err
	}()
	<-entered
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v, want Canceled", err)
	}
	<-left
	for _, m := range w.members {
		until(t, "nothing waits any more", func() bool { return m.relay.gate.waiting() == 0 })
		if p.choose.health.ails(m.id, time.Now()) {
			t.Errorf("%s is blamed for what the caller did", m.id.Short())
		}
	}
}

func TestForward(t *testing.T) {
	behind := nodes.ID{42}
	w := newWorld(t, 3, func(_ int, c *RelayConfig) {
		c.Forward = callerFunc(func(_ context.Context, to nodes.ID, request []byte) ([]byte, error) {
			if to != behind {
				return nil, errors.New("not behind this one")
			}
			return append([]byte("from behind: "), request...), nil
		})
	})
	p := w.newPerson(nil)
	got, err := p.CallBehind(t.Context(), w.members[1].id, behind, []byte("hello"))
	if err != nil || string(got) != "from behind: hello" {
		t.Errorf("CallBehind = %q, %v", got, err)
	}
	_, err = p.CallBehind(t.Context(), w.members[1].id, nodes.ID{43}, nil)
	if e := pathError(t, err); e.Hop != 3 || e.Reason != packet.ReasonFailed {
		t.Errorf("CallBehind to a node that is not there = %v", err)
	}
}

type callerFunc func(context.Context, nodes.ID, []byte) ([]byte, error)

func (f callerFunc) Call(ctx context.Context, to nodes.ID, request []byte) ([]byte, error) {
	return f(ctx, to, request)
}

// middleOf runs a call and returns who was in its middle: neither guard nor end.
func (w *world) opened(m *member) float64 { return counter(w.t, m.relay, outcomeOpened) }

// A middle that is dead, refuses or breaks is replaced, and the call succeeds;
// the error says which node failed if none is left.
func TestFailingMiddles(t *testing.T) {
	for _, c := range []struct {
		name   string
		harm   func(m *member)
		reason packet.Reason
	}{
		{"dead", func(m *member) { _ = m.host.Close() }, packet.ReasonUnreachable},
		{"refusing", func(m *member) {
			m.handle(func(s network.Stream) { _ = m.relay.refuse(s, packet.ReasonBusy) })
		}, packet.ReasonBusy},
		{"restarted with another key", func(m *member) {
			fresh, err := NewKeyring(m.keys.cfg)
			if err != nil {
				t.Fatal(err)
			}
			m.relay.cfg.Keys = fresh
		}, packet.ReasonKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 5, nil)
			p := w.newPerson(nil)
			to := w.members[0]
			if _, err := p.Call(t.Context(), to.id, nil); err != nil {
				t.Fatal(err)
			}
			guard := p.guards.List()[0]
			var middles []*member
			for _, m := range w.members {
				if m.id != to.id && m.id != guard {
					middles = append(middles, m)
				}
			}
			for _, m := range middles[1:] {
				c.harm(m)
			}
			for range 10 { // one is left, and is found
				if _, err := p.Call(t.Context(), to.id, nil); err != nil {
					t.Fatalf("with one middle left: %v", err)
				}
			}
			c.harm(middles[0])
			_, err := p.Call(t.Context(), to.id, nil)
			if e := pathError(t, err); e.Hop != 2 || e.Reason != c.reason || e.Unsure || w.member(e.Node) == to {
				t.Errorf("with no middle left: %v, want hop 2 %v", err, c.reason)
			}
		})
	}
}

// A guard that is dead is replaced by the next, and comes back into its place.
func TestFailingGuard(t *testing.T) {
	w := newWorld(t, 5, nil)
	now := time.Now()
	clock := func() time.Time { return now }
	p := w.newPerson(func(c *ClientConfig) { c.Guards.now = clock })
	to := w.members[0]
	if _, err := p.Call(t.Context(), to.id, nil); err != nil {
		t.Fatal(err)
	}
	first := w.member(p.guards.List()[0])
	first.handle(func(s network.Stream) { _ = first.relay.refuse(s, packet.ReasonBusy) })
	if _, err := p.Call(t.Context(), to.id, nil); err != nil {
		t.Fatalf("with another guard: %v", err)
	}
	list := p.guards.List()
	if len(list) < 2 || list[0] != first.id {
		t.Fatalf("guards = %v, want %s to keep its place before another", list, first.id.Short())
	}
	first.handle(func(s network.Stream) { _ = first.relay.Serve(string(s.Conn().RemotePeer()), s) })
	before := w.opened(first)
	now = now.Add(lastRest)
	if _, err := p.Call(t.Context(), to.id, nil); err != nil || w.opened(first) != before+1 {
		t.Errorf("Call = %v, and the first guard opened %v packets, want 1", err, w.opened(first)-before)
	}
}

// A node that is dead is said to be, by two middles; one that lies about it is
// found out.
func TestDeadDestination(t *testing.T) {
	w := newWorld(t, 6, nil)
	p := w.newPerson(nil)
	_ = w.members[0].host.Close()
	_, err := p.Call(t.Context(), w.members[0].id, nil)
	if e := pathError(t, err); e.Hop != 3 || e.Node != w.members[0].id || e.Reason != packet.ReasonUnreachable || e.Unsure {
		t.Errorf("Call = %v, want hop 3 unreachable", err)
	}
}

// The request arrives at most once: what may have arrived is not sent again.
func TestAtMostOnce(t *testing.T) {
	var calls atomic.Int32
	w := newWorld(t, 5, func(_ int, c *RelayConfig) {
		c.Handler = func(context.Context, []byte) ([]byte, error) {
			calls.Add(1)
			return nil, errors.New("disk on fire")
		}
	})
	p := w.newPerson(nil)
	_, err := p.Call(t.Context(), w.members[0].id, nil)
	if e := pathError(t, err); e.Hop != 3 || e.Reason != packet.ReasonFailed || !e.Unsure || calls.Load() != 1 {
		t.Errorf("Call = %v after %d requests, want the failure of hop 3 after 1", err, calls.Load())
	}
	if bytes.Contains([]byte(err.Error()), []byte("fire")) {
		t.Error("what went wrong inside a node is told to strangers")
	}
}

// A node that swallows the request costs the caller's patience, and is avoided.
func TestSilence(t *testing.T) {
	w := newWorld(t, 4, nil)
	p := w.newPerson(nil)
	to := w.members[0]
	if _, err := p.Call(t.Context(), to.id, nil); err != nil {
		t.Fatal(err)
	}
	guard := p.guards.List()[0]
	hold := make(chan struct{})
	defer close(hold)
	var silent []*member
	for _, m := range w.members {
		if m.id != to.id && m.id != guard {
			silent = append(silent, m)
			m.handle(func(network.Stream) { <-hold })
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := p.Call(ctx, to.id, nil)
	if e := pathError(t, err); e.Hop != 2 || !e.Unsure || !errors.Is(err, context.DeadlineExceeded) || !p.choose.health.ails(e.Node, time.Now()) {
		t.Errorf("Call = %v, want silence, held against the middle", err)
	}
	if len(silent) != 2 {
		t.Fatalf("%d silent nodes, want 2", len(silent))
	}
}

// A relay says that the next node did not answer in time.
func TestAnswerTime(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	w := newWorld(t, 3, func(_ int, c *RelayConfig) {
		c.Limits.AnswerTime = 100 * time.Millisecond
		c.Handler = func(context.Context, []byte) ([]byte, error) { <-hold; return nil, nil }
	})
	_, err := w.newPerson(nil).Call(t.Context(), w.members[0].id, nil)
	if e := pathError(t, err); e.Reason != packet.ReasonTimeout || !e.Unsure {
		t.Errorf("Call = %v, want a timeout", err)
	}
}

// A record that names a key which is gone is asked for anew, once.
func TestStaleRecord(t *testing.T) {
	w := newWorld(t, 4, nil)
	m := w.members[0]
	fresh, err := NewKeyring(m.keys.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.relay.cfg.Keys, m.keys = fresh, fresh
	asked := 0
	p := w.newPerson(func(c *ClientConfig) {
		c.Stale = func(id nodes.ID) {
			if asked++; id == m.id {
				w.publish(m)
			}
		}
	})
	if _, err := p.Call(t.Context(), m.id, nil); err != nil || asked != 1 {
		t.Errorf("Call = %v after %d fetched records, want 1", err, asked)
	}
}
