package dag

import (
	"context"
	"errors"
)

// Feed tells of the vertices of one space as they are accepted, in causal order,
// once each, from a position on: who keeps the position of the last vertex they
// have dealt with misses nothing over a restart. It is for one goroutine, holds
// no memory or lock between calls, and needs no closing.
type Feed struct {
	sp   *space
	next uint64
}

// Feed returns a feed of what was or will be accepted after a position; 0 is
// everything.
func (s *Store) Feed(space Space, after uint64) (*Feed, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	return &Feed{sp: sp, next: after + 1}, nil
}

// Next waits for the next vertices and returns at least one and at most limit of them, all
// synced to disk. Those whose bytes were pruned are passed over. The error is that of ctx or matches
// [ErrClosed] or [ErrFailed].
func (f *Feed) Next(ctx context.Context, limit int) ([]Entry, error) {
	s := f.sp.store
	for {
		s.mu.Lock()
		err := s.usable()
		if err == nil {
			err = s.enter()
		}
		durable, moved := f.sp.durable, f.sp.moved
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		entries, err := f.read(durable, limit)
		s.calls.Done()
		if err != nil || len(entries) > 0 {
			return entries, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-moved:
		}
	}
}

// read collects what lies between the feed's position and the last durable one.
func (f *Feed) read(durable uint64, limit int) ([]Entry, error) {
	s := f.sp.store
	var out []Entry
	for ; f.next <= durable && len(out) < max(limit, 1); f.next++ {
		s.mu.Lock()
		n, err := f.sp.node(f.next)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		e := Entry{Header: n.header(), sp: f.sp, r: s.db}
		if _, err := e.Encoded(); errors.Is(err, ErrPruned) {
			continue
		} else if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
