package swarm

import (
	"math"
	"time"
)

// Stats say how full a store is.
type Stats struct {
	Items, Keys, Tombs, Waiting int
	Bytes, MaxBytes             int64
	// Work is the bits that a write to an empty mailbox needs.
	Work int
}

// Stats returns how full the store is.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Items: len(s.items), Keys: len(s.boxes), Tombs: len(s.tombs), Waiting: s.waiting,
		Bytes: s.bytes, MaxBytes: s.limits.Bytes, Work: s.work(nil),
	}
}

// Work returns how many bits of work a write to a key needs now: [MinWork], and
// more as the mailbox and the node fill up and the more is written, up to
// [MaxWork].
func (s *Store) Work(key Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.work(s.boxes[key])
}

// work is Work under the lock. A half-full mailbox asks for five bits more, a
// full one for ten; so does a node, from half full on; each doubling of the rate of
// writes beyond what is comfortable asks for one, up to six.
func (s *Store) work(b *box) int {
	bits := MinWork
	if b != nil {
		byBytes := float64(b.bytes) / float64(s.limits.MailboxBytes)
		byCount := float64(len(b.entries)) / float64(s.limits.MailboxItems)
		bits += int(10 * max(byBytes, byCount))
	}
	if full := float64(s.bytes) / float64(s.limits.Bytes); full > 0.5 {
		bits += int(20 * (full - 0.5))
	}
	if over := s.decayed() / (60 * s.limits.Rate); over > 1 {
		bits += min(6, 1+int(math.Log2(over)))
	}
	return min(bits, MaxWork)
}

// decayed is the number of writes of the last minute, each of which counts for
// less and less.
func (s *Store) decayed() float64 {
	d := s.now().Sub(s.loadAt)
	if d <= 0 {
		return s.load
	}
	return s.load * math.Exp(-float64(d)/float64(time.Minute))
}

// count notes a write.
func (s *Store) count() {
	s.load, s.loadAt = s.decayed()+1, s.now()
}
