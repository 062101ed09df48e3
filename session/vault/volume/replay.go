package volume

import "fmt"

// replay applies the records of a log.
type replay struct {
	names map[string]*inode
	dirs  map[string]bool
	byID  map[uint64]*inode
}

func (s *replay) apply(r record) error {
	bad := func(what string) error { return fmt.Errorf("%w: its log says %s", ErrCorrupt, what) }
	n := s.byID[r.id]
	switch r.op {
	case opMkdir:
		s.dirs[r.path] = true
	case opRmdir:
		delete(s.dirs, r.path)
	case opCreate:
		if n != nil || s.names[r.path] != nil {
			return bad("that a file is made that is there")
		}
		n = &inode{id: r.id, links: 1}
		s.byID[r.id], s.names[r.path] = n, n
	case opLink:
		if n == nil || s.names[r.path] != nil {
			return bad("that a name is given that is taken, or to no file")
		}
		n.links++
		s.names[r.path] = n
	case opUnlink:
		if n = s.names[r.path]; n == nil {
			return bad("that a file is removed that is not there")
		}
		s.unlink(r.path)
	case opRename:
		if n = s.names[r.path]; n == nil {
			return bad("that a file is renamed that is not there")
		}
		s.unlink(r.to)
		delete(s.names, r.path)
		s.names[r.to] = n
	case opExtend:
		if n == nil || n.finished {
			return nil // it lost its last name while it was written
		}
		n.extents = append(n.extents, extent{r.blocks[0], r.blocks[1]})
		n.blocks += r.blocks[1]
	case opTails:
		if n == nil || n.finished {
			return nil
		}
		n.tails = r.blocks
	case opFinish:
		if n == nil || n.finished {
			return nil
		}
		if r.size/payloadSize > uint64(n.blocks) {
			return bad("that a file is longer than its blocks")
		}
		n.finish(int64(r.size), r.blocks[0])
	}
	return nil
}

func (s *replay) unlink(path string) {
	n := s.names[path]
	if n == nil {
		return
	}
	delete(s.names, path)
	if n.links--; n.links == 0 {
		delete(s.byID, n.id)
	}
}

// finish fixes a file's size and returns the blocks that it does not need.
func (n *inode) finish(size int64, tail uint32) (spare []extent) {
	full := uint32(size / payloadSize)
	var kept []extent
	at := uint32(0)
	for _, e := range n.extents {
		keep := min(e.count, full-min(full, at))
		if keep > 0 {
			kept = append(kept, extent{e.start, keep})
		}
		if keep < e.count {
			spare = append(spare, extent{e.start + keep, e.count - keep})
		}
		at += e.count
	}
	for _, b := range n.tails {
		if b != 0 && b != tail {
			spare = append(spare, extent{b, 1})
		}
	}
	n.extents, n.blocks, n.tails = kept, full, [2]uint32{}
	n.size, n.tail, n.finished = size, tail, true
	return spare
}
