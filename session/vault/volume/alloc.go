package volume

import (
	"errors"
	"fmt"
	"syscall"
)

// Files grow by pieces of at least minPiece and at most maxPiece blocks.
const (
	minPiece = 8
	maxPiece = 256
)

// grow makes the device longer.
func (v *Volume) grow() error {
	if err := v.dev.Grow(); err != nil {
		return fmt.Errorf("%w: %w (%w)", ErrFull, err, syscall.ENOSPC)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.space.grow(uint32(min(v.dev.Size()/BlockSize, maxBlocks)))
	return nil
}

// reserve is how many blocks are kept for the log: removing a file must always be
// possible. The caller holds mu.
func (v *Volume) reserve() uint32 { return max(32, v.space.size/64) }

// room calls take, which holds mu, until it has found what it wants; in between it
// waits for blocks that were freed, then for the device to grow.
func (v *Volume) room(take func() bool) error {
	for waited := false; ; {
		v.mu.Lock()
		if err := v.usable(); err != nil {
			v.mu.Unlock()
			return err
		}
		ok, freed := take(), len(v.freed) > 0
		v.mu.Unlock()
		if ok {
			return nil
		}
		if freed && !waited {
			waited = true
			if err := v.barrier(); err != nil {
				return err
			}
			continue
		}
		if err := v.grow(); err != nil {
			return err
		}
	}
}

// extend gives a file another piece. The caller holds n.mu.
func (v *Volume) extend(n *inode, want uint32) error {
	want = min(max(want, minPiece, n.blocks/2), maxPiece)
	return v.room(func() bool {
		if v.space.free <= v.reserve() {
			return false
		}
		e := v.space.find(min(want, v.space.free-v.reserve()))
		if e.count == 0 {
			return false
		}
		if last := len(n.extents) - 1; last >= 0 && n.extents[last].start+n.extents[last].count == e.start && n.extents[last].count+e.count <= maxExtent {
			n.extents[last].count += e.count
		} else {
			n.extents = append(n.extents, e)
		}
		n.blocks += e.count
		v.ops = append(v.ops, record{op: opExtend, id: n.id, blocks: [2]uint32{e.start, e.count}})
		return true
	})
}

// giveTails gives a file the two places of its unfinished block.
func (v *Volume) giveTails(n *inode) error {
	return v.room(func() bool {
		if v.space.free < v.reserve()+2 {
			return false
		}
		var tails [2]uint32
		for i := range tails {
			tails[i] = v.space.find(1).start
		}
		n.tails = tails
		v.ops = append(v.ops, record{op: opTails, id: n.id, blocks: tails})
		return true
	})
}

// finish fixes the size of a file that is written no more. The caller holds n.mu.
func (v *Volume) finish(n *inode, size int64, tail uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.freed = append(v.freed, n.finish(size, tail)...)
	v.ops = append(v.ops, record{op: opFinish, id: n.id, size: uint64(size), blocks: [2]uint32{tail}})
}

// drop frees a file that has no name and is open nowhere. The caller holds mu.
func (v *Volume) drop(n *inode) {
	if n.links == 0 && n.handles == 0 {
		v.freed = append(v.freed, n.all()...)
	}
}

// findEnd finds where a file ends that was being written when the volume was left.
func (v *Volume) findEnd(n *inode) error {
	if n.finished {
		return nil
	}
	block := make([]byte, BlockSize)
	read := func(at uint32, u use, index uint32) (int, error) {
		if _, err := v.dev.ReadAt(block, int64(at)*BlockSize); err != nil {
			return 0, fmt.Errorf("volume: looking for the end of a file: %w", err)
		}
		payload, err := v.sealer.open(block, u, n.id, uint64(index))
		if errors.Is(err, errBlock) {
			return 0, nil
		}
		return len(payload), err
	}
	full := uint32(0)
	for ; full < n.blocks; full++ {
		at, _ := place(n.extents, full)
		if length, err := read(at, useData, full); err != nil {
			return err
		} else if length != payloadSize {
			break
		}
	}
	length, tail := 0, uint32(0)
	for _, at := range n.tails {
		if at == 0 {
			continue
		}
		if l, err := read(at, useTail, full); err != nil {
			return err
		} else if l > length {
			length, tail = l, at
		}
	}
	v.freed = append(v.freed, n.finish(int64(full)*payloadSize+int64(length), tail)...)
	return nil
}
