package ratchet

import (
	"slices"
	"time"
)

// skippedChain holds the keys of messages of one chain of the peer's that did
// not come yet, by number.
type skippedChain struct {
	index  uint32
	header key
	keys   []skippedKey
}

// skippedKey is the key of one message and the hour in which it was put aside.
type skippedKey struct {
	number uint32
	hour   uint32
	key    key
}

func hourOf(t time.Time) uint32 { return uint32(seconds(t) / 3600) }

// skipTo puts aside the keys of the peer's latest chain up to number.
func (s *State) skipTo(now time.Time, number uint32) {
	if s.receive.number == number {
		return
	}
	index := s.receiveIndex()
	i := slices.IndexFunc(s.skipped, func(c skippedChain) bool { return c.index == index })
	if i < 0 {
		i = len(s.skipped)
		s.skipped = append(s.skipped, skippedChain{index: index, header: s.receive.header})
	}
	keys := slices.Clone(s.skipped[i].keys)
	for s.receive.number < number {
		k := skippedKey{number: s.receive.number, hour: hourOf(now)}
		s.receive.chain, k.key = advance(s.receive.chain)
		s.receive.number++
		if number-k.number <= MaxSkipped {
			keys = append(keys, k)
		}
	}
	if n := len(keys); n > MaxSkipped {
		keys = slices.Clone(keys[n-MaxSkipped:])
	}
	s.skipped[i].keys = keys
	s.limitSkipped()
}

// limitSkipped drops the oldest keys above the limits over all chains.
func (s *State) limitSkipped() {
	total := 0
	for _, c := range s.skipped {
		total += len(c.keys)
	}
	for len(s.skipped) > MaxSkippedChains || total > MaxSkippedTotal {
		total -= len(s.skipped[0].keys)
		s.skipped = s.skipped[1:]
	}
}

// takeSkipped removes and returns a key that was put aside.
func (s *State) takeSkipped(index, number uint32) (key, error) {
	for i, c := range s.skipped {
		if c.index != index {
			continue
		}
		at, ok := slices.BinarySearchFunc(c.keys, number, func(k skippedKey, n uint32) int { return int(k.number) - int(n) })
		if !ok {
			return key{}, ErrOutOfStep
		}
		message := c.keys[at].key
		if len(c.keys) == 1 {
			s.skipped = slices.Delete(s.skipped, i, i+1)
			return message, nil
		}
		s.skipped[i].keys = slices.Concat(c.keys[:at], c.keys[at+1:])
		return message, nil
	}
	return key{}, ErrOutOfStep
}

// dropOld forgets keys that were put aside more than [SkippedTTL] ago.
func (s *State) dropOld(now time.Time) {
	limit := int64(hourOf(now)) - int64(SkippedTTL/time.Hour)
	old := func(k skippedKey) bool { return int64(k.hour) < limit }
	if !slices.ContainsFunc(s.skipped, func(c skippedChain) bool { return slices.ContainsFunc(c.keys, old) }) {
		return
	}
	var kept []skippedChain
	for _, c := range s.skipped {
		c.keys = slices.DeleteFunc(slices.Clone(c.keys), old)
		if len(c.keys) > 0 {
			kept = append(kept, c)
		}
	}
	s.skipped = kept
}

// Expire returns the state without the keys whose time is over, and whether
// there were any, for who keeps a conversation in which nothing is said.
func (s *State) Expire(now time.Time) (*State, bool) {
	n := s.clone()
	n.dropOld(now)
	n.forgetWeeks(now)
	before, after := s.Skipped(), n.Skipped()
	return n, before != after || n.week != s.week
}

// Skipped counts the keys of messages that did not come yet.
func (s *State) Skipped() int {
	n := 0
	for _, c := range s.skipped {
		n += len(c.keys)
	}
	return n
}
