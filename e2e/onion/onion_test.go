package onion

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/swarm"
)

func full() bool { return os.Getenv("PARS_TEST_FULL") == "1" }

// inbox reads a person's mailbox by long polls until it is closed.
type inbox struct {
	t      *testing.T
	mu     sync.Mutex
	at     map[int]time.Time
	twice  int
	came   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

func (p *person) read() *inbox {
	ctx, cancel := context.WithCancel(context.Background())
	b := &inbox{t: p.t, at: map[int]time.Time{}, came: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		var cursor swarm.Cursor
		for ctx.Err() == nil {
			found, next, err := p.swarm.Poll(ctx, p.key, cursor, swarm.MaxWait)
			now := time.Now()
			cursor = next
			for _, raw := range found {
				b.put(numberOf(p.t, raw), now)
			}
			if err != nil && ctx.Err() == nil && len(found) == 0 {
				select { // too few nodes answered, for instance because one was killed
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond):
				}
			}
		}
	}()
	p.t.Cleanup(b.close)
	return b
}

func (b *inbox) put(n int, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.at[n]; known {
		b.twice++
		return
	}
	b.at[n] = at
	select {
	case b.came <- struct{}{}:
	default:
	}
}

func (b *inbox) close() {
	b.cancel()
	<-b.done
}

// wait waits for message n.
func (b *inbox) wait(n int) time.Time {
	b.t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		at, ok := b.at[n]
		b.mu.Unlock()
		if ok {
			return at
		}
		select {
		case <-b.came:
		case <-late:
			b.t.Fatalf("message %d did not arrive within %v", n, patience)
		}
	}
}

// Latency between two people who are online, both through three nodes of seven,
// writer's call to reader's poll: docs/results/onion.md has what it was.
func TestLatency(t *testing.T) {
	n := &network{t: t}
	size, messages := 7, 20
	if full() {
		size, messages = 10, 200
	}
	for range size {
		n.start()
	}
	alice, bob := n.newPerson(), n.newPerson()
	alice.knows(size)
	bob.knows(size)
	in := bob.read()
	var took, stored []time.Duration
	for i := range messages {
		raw := alice.write(bob, i)
		began := time.Now()
		got, total, err := alice.swarm.Put(t.Context(), raw)
		if err != nil {
			t.Fatalf("message %d stored at %d of %d: %v", i, got, total, err)
		}
		stored = append(stored, time.Since(began))
		if i > 0 { // the first one makes links and learns what the nodes want
			took = append(took, in.wait(i).Sub(began))
		}
	}
	in.close()
	if in.twice != 0 {
		t.Errorf("%d messages came twice", in.twice)
	}
	p50, p95 := quantiles(took)
	s50, s95 := quantiles(stored)
	t.Logf("%d service nodes, %d messages of 8 KiB: until read p50 %v, p95 %v; until stored at a quorum p50 %v, p95 %v", size, messages, p50, p95, s50, s95)
	if full() && (p50 > 150*time.Millisecond || p95 > 400*time.Millisecond) {
		t.Errorf("p50 %v, p95 %v, want under 150 ms and 400 ms", p50, p95)
	}
}

func quantiles(d []time.Duration) (p50, p95 time.Duration) {
	d = slices.Sorted(slices.Values(d))
	at := func(q int) time.Duration { return d[min(len(d)-1, len(d)*q/100)].Round(100 * time.Microsecond) }
	return at(50), at(95)
}

// Nodes that die are gone around, new ones are used: everything that was stored
// arrives once. The writer's guard is among the dead.
func TestNodesComeAndGo(t *testing.T) {
	n := &network{t: t}
	const size, messages = 9, 30
	for range size {
		n.start()
	}
	alice, bob := n.newPerson(), n.newPerson()
	alice.knows(size)
	bob.knows(size)
	in := bob.read()
	send := func(i int) {
		t.Helper()
		raw := alice.write(bob, i)
		deadline := time.Now().Add(patience)
		for {
			_, _, err := alice.swarm.Put(t.Context(), raw)
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("message %d: %v", i, err)
			}
		}
	}
	for i := range messages {
		switch i {
		case messages / 3:
			guard := alice.guards.List()[0]
			for _, s := range n.services {
				if s.id == guard && s != n.services[0] {
					n.kill(s)
				}
			}
			n.kill(n.living()[2])
		case messages / 2:
			n.start()
			n.start()
		}
		send(i)
	}
	for i := range messages {
		in.wait(i)
	}
	in.close()
	if in.twice != 0 || len(in.at) != messages {
		t.Errorf("%d messages came, %d of them twice, want %d once each", len(in.at), in.twice, messages)
	}
	// The dead are named as such, not as a failure of the way.
	for _, s := range n.services {
		if !s.dead {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := alice.onion.Call(ctx, s.id, []byte("anybody there?"))
		cancel()
		var path *onion.PathError
		if !errors.As(err, &path) || path.Hop != 3 || path.Node != s.id {
			t.Errorf("Call of a dead node = %v, want that node 3 fails", err)
		}
	}
}
