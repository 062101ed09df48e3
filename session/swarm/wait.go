package swarm

import "slices"

const (
	// maxWaiters is how many polls wait for one mailbox: one for each device that
	// an account may have, and as many again for those that were cut off. Another one
	// ends the oldest.
	maxWaiters = 16
	// maxAllWaiters is how many wait at a node, each some kilobytes.
	maxAllWaiters = 8192
)

// waiter is a poll that waits. woken is closed once.
type waiter struct {
	woken chan struct{}
	done  bool
}

func (w *waiter) wake() {
	if !w.done {
		w.done = true
		close(w.woken)
	}
}

// Wait returns a channel that is closed when there is an item of the key after a
// position, or when the wait has to end for another reason, and a function that
// ends the wait. A node at its limit does not wait: the channel is closed.
func (s *Store) Wait(key Key, after uint64) (woken <-chan struct{}, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &waiter{woken: make(chan struct{})}
	b := s.box(key)
	if n := len(b.entries); s.waiting >= maxAllWaiters || n > 0 && b.entries[n-1].seq > after {
		s.tidy(key, b)
		w.wake()
		return w.woken, func() {}
	}
	for i := range len(b.waiters) - maxWaiters + 1 {
		b.waiters[i].wake()
	}
	b.waiters = append(b.waiters, w)
	s.waiting++
	return w.woken, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting--
		b.waiters = slices.DeleteFunc(b.waiters, func(o *waiter) bool { return o == w })
		s.tidy(key, b)
	}
}
