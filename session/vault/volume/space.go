package volume

import "math/bits"

// space knows which blocks are in use.
type space struct {
	used []uint64 // a bit for each block
	size uint32   // blocks
	free uint32
	hint uint32 // where to look first
}

func (s *space) grow(size uint32) {
	for int(size) > 64*len(s.used) {
		s.used = append(s.used, 0)
	}
	s.free += size - s.size
	s.size = size
}

func (s *space) has(b uint32) bool { return s.used[b/64]>>(b%64)&1 == 1 }

// take marks blocks as used; false if one is already or is not there.
func (s *space) take(e extent) bool {
	if uint64(e.start)+uint64(e.count) > uint64(s.size) {
		return false
	}
	for b := e.start; b < e.start+e.count; b++ {
		if s.has(b) {
			return false
		}
		s.used[b/64] |= 1 << (b % 64)
		s.free--
	}
	return true
}

// release marks blocks as free.
func (s *space) release(e extent) {
	for b := e.start; b < e.start+e.count; b++ {
		if s.has(b) {
			s.used[b/64] &^= 1 << (b % 64)
			s.free++
		}
	}
}

// find takes a run of at most want free blocks, the first that it comes to. The
// count is 0 if nothing is free.
func (s *space) find(want uint32) extent {
	if s.free == 0 || want == 0 {
		return extent{}
	}
	start, ok := s.next(s.hint)
	if !ok {
		if start, ok = s.next(0); !ok {
			return extent{}
		}
	}
	e := extent{start: start}
	for b := start; b < s.size && e.count < want && !s.has(b); b++ {
		s.used[b/64] |= 1 << (b % 64)
		s.free--
		e.count++
	}
	s.hint = e.start + e.count
	return e
}

// next returns the first free block from b on.
func (s *space) next(b uint32) (uint32, bool) {
	for w := int(b / 64); w < len(s.used); w++ {
		free := ^s.used[w]
		if w == int(b/64) {
			free &^= 1<<(b%64) - 1
		}
		if free != 0 {
			at := uint32(w*64 + bits.TrailingZeros64(free))
			return at, at < s.size
		}
	}
	return 0, false
}
