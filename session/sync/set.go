package sync

import (
	"bytes"
	"crypto/sha3"
	"fmt"
	"iter"
	"slices"
)

// cached is up to how many ids of a set are held in memory instead of being
// read again for every pass over them: 8 MiB.
const cached = 1 << 18

// set is what one side has at or above the common prune line: its snapshot and
// what it stored during the session.
type set struct {
	snap  Snapshot
	line  uint64
	count int  // of the snapshot, at or above line
	ids   []ID // all of them, ascending, if there are at most cached
	extra []ID // stored in this session, ascending
}

func newSet(snap Snapshot, line uint64) (*set, error) {
	s := &set{snap: snap, line: line}
	// What the store counts is only used to choose between memory and reading
	// again, so that a wrong count costs time and nothing else.
	if n := snap.Count(); n <= cached {
		s.ids = make([]ID, 0, n)
		for id, err := range snap.IDs(line, ID{}) {
			if err != nil {
				return nil, err
			}
			s.ids = append(s.ids, id)
		}
		s.count = len(s.ids)
		return s, nil
	}
	for _, err := range snap.IDs(line, ID{}) {
		if err != nil {
			return nil, err
		}
		s.count++
	}
	return s, nil
}

// len is the number of ids.
func (s *set) len() int { return s.count + len(s.extra) }

// has reports whether id is in the set.
func (s *set) has(id ID) (bool, error) {
	if s.isExtra(id) {
		return true, nil
	}
	if s.ids != nil {
		_, found := slices.BinarySearchFunc(s.ids, id, compareIDs)
		return found, nil
	}
	has, err := s.snap.Has(id)
	if err != nil {
		return false, fmt.Errorf("sync: looking up %x: %w", id, err)
	}
	return has, nil
}

// since yields the ids of the set that known and their ancestors are not.
func (s *set) since(known []ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for id, err := range s.snap.Since(known, s.line) {
			if err != nil {
				yield(ID{}, fmt.Errorf("sync: listing what is new: %w", err))
				return
			}
			has, err := s.has(id)
			if (has || err != nil) && (!yield(id, err) || err != nil) {
				return
			}
		}
	}
}

// isExtra reports whether id was stored in an earlier pass.
func (s *set) isExtra(id ID) bool {
	_, found := slices.BinarySearchFunc(s.extra, id, compareIDs)
	return found
}

// grow adds what was stored in a pass. Nothing of it may be there twice.
func (s *set) grow(ids []ID) error {
	s.extra = slices.Concat(s.extra, ids)
	slices.SortFunc(s.extra, compareIDs)
	n := len(s.extra)
	if s.extra = slices.Compact(s.extra); len(s.extra) != n {
		return fmt.Errorf("%w: %d of them twice", ErrUnasked, n-len(s.extra))
	}
	return nil
}

// from yields the ids from lo on, ascending.
func (s *set) from(lo ID) iter.Seq2[ID, error] {
	own := s.snap.IDs
	if s.ids != nil {
		own = func(_ uint64, lo ID) iter.Seq2[ID, error] { return s.held(lo) }
	}
	if len(s.extra) == 0 {
		return own(s.line, lo)
	}
	return merge(own(s.line, lo), s.extra[search(s.extra, lo):])
}

func (s *set) held(lo ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for _, id := range s.ids[search(s.ids, lo):] {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// within yields the ids of r, ascending.
func (s *set) within(lo ID, hi bound) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for id, err := range s.from(lo) {
			if err == nil && !hi.above(&id) || !yield(id, err) {
				return
			}
		}
	}
}

// digest is the SHA3-256 of all ids, ascending, one after the other.
func (s *set) digest() ([]byte, error) {
	h := sha3.New256()
	var b []byte
	for id, err := range s.from(ID{}) {
		if err != nil {
			return nil, err
		}
		if b = append(b, id[:]...); len(b) >= 8<<10 {
			_, _ = h.Write(b) // never fails
			b = b[:0]
		}
	}
	_, _ = h.Write(b)
	return h.Sum(nil), nil
}

// bound is the upper end of a range.
type bound struct {
	id  ID
	end bool // above all ids
}

func (b *bound) above(id *ID) bool { return b.end || bytes.Compare(id[:], b.id[:]) < 0 }

func search(ids []ID, lo ID) int {
	i, _ := slices.BinarySearchFunc(ids, lo, compareIDs)
	return i
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// merge yields what is in a or in b, both ascending.
func merge(a iter.Seq2[ID, error], b []ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for id, err := range a {
			for err == nil && len(b) > 0 && compareIDs(b[0], id) <= 0 {
				if b[0] != id && !yield(b[0], nil) {
					return
				}
				b = b[1:]
			}
			if !yield(id, err) || err != nil {
				return
			}
		}
		for _, id := range b {
			if !yield(id, nil) {
				return
			}
		}
	}
}
