package volume

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// syncer lets many calls share one sync of the device.
type syncer struct {
	mu            sync.Mutex
	cond          *sync.Cond
	running       bool
	started, done uint64
}

func (s *syncer) init() { s.cond = sync.NewCond(&s.mu) }

// barrier returns when everything written and every change of names before the
// call is durable.
func (v *Volume) barrier() error {
	s := &v.sync
	s.mu.Lock()
	defer s.mu.Unlock()
	for want := s.started + 1; s.done < want; {
		v.mu.Lock()
		err := v.usable()
		v.mu.Unlock()
		if err != nil {
			return err
		}
		if s.running {
			s.cond.Wait()
			continue
		}
		s.running = true
		s.started++
		s.mu.Unlock()
		err = v.flush()
		s.mu.Lock()
		s.running = false
		if err != nil {
			err = v.fail(err) // who waits finds it
		} else {
			s.done = s.started
		}
		s.cond.Broadcast()
		if err != nil {
			return err
		}
	}
	return nil
}

// flush writes the changes to the log and syncs the device. One call runs at a
// time.
func (v *Volume) flush() error {
	v.mu.Lock()
	ops, freed := v.ops, v.freed
	v.ops, v.freed = nil, nil
	payloads := pack(ops)
	if uint64(v.next)+uint64(len(payloads)) > uint64(total(v.super.extents)) {
		freed = append(freed, v.super.extents...)
		v.mu.Unlock()
		return v.rotate(freed)
	}
	first, log := v.next, v.super
	v.next += uint32(len(payloads))
	v.mu.Unlock()
	if err := v.writeLog(log, first, payloads); err != nil {
		return err
	}
	if err := v.dev.Sync(); err != nil {
		return err
	}
	v.release(freed)
	return nil
}

func (v *Volume) release(freed []extent) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range freed {
		v.space.release(e)
	}
}

func total(extents []extent) (n uint32) {
	for _, e := range extents {
		n += e.count
	}
	return n
}

// pack puts records into payloads of log blocks.
func pack(ops []record) (payloads [][]byte) {
	var b []byte
	for _, r := range ops {
		one := r.append(nil)
		if len(b)+len(one) > payloadSize {
			payloads, b = append(payloads, b), nil
		}
		b = append(b, one...)
	}
	if len(b) > 0 {
		payloads = append(payloads, b)
	}
	return payloads
}

// writeLog writes payloads from block first of a log on.
func (v *Volume) writeLog(s superblock, first uint32, payloads [][]byte) error {
	block := make([]byte, BlockSize)
	for i, payload := range payloads {
		index := first + uint32(i)
		if err := v.sealer.seal(block, useLog, s.log, uint64(index), payload); err != nil {
			return err
		}
		at, _ := place(s.extents, index)
		if _, err := v.dev.WriteAt(block, int64(at)*BlockSize); err != nil {
			return fmt.Errorf("volume: writing the log: %w", err)
		}
	}
	return nil
}

// place returns where block index of extents lies and how many follow it there,
// itself included; 0 if there is no such block.
func place(extents []extent, index uint32) (block, run uint32) {
	for _, e := range extents {
		if index < e.count {
			return e.start + index, e.count - index
		}
		index -= e.count
	}
	return 0, 0
}

// snapshot returns records that make everything there is. The caller holds mu.
func (v *Volume) snapshot() []record {
	var out []record
	for _, dir := range slices.Sorted(maps.Keys(v.dirs)) {
		out = append(out, record{op: opMkdir, path: dir})
	}
	seen := map[*inode]bool{}
	for _, name := range slices.Sorted(maps.Keys(v.names)) {
		n := v.names[name]
		if seen[n] {
			out = append(out, record{op: opLink, id: n.id, path: name})
			continue
		}
		seen[n] = true
		out = append(out, record{op: opCreate, id: n.id, path: name})
		for _, e := range n.extents {
			out = append(out, record{op: opExtend, id: n.id, blocks: [2]uint32{e.start, e.count}})
		}
		if n.finished {
			out = append(out, record{op: opFinish, id: n.id, size: uint64(n.size), blocks: [2]uint32{n.tail}})
		} else if n.tails[0] != 0 {
			out = append(out, record{op: opTails, id: n.id, blocks: n.tails})
		}
	}
	return out
}

// beginLog takes the snapshot that a log begins with, and room for the log. What
// changes from here on is appended to it.
func (v *Volume) beginLog(s *superblock) ([][]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	payloads := pack(v.snapshot())
	want := 2*uint32(len(payloads)) + min(max(v.space.size/64, 16), 256)
	for have := uint32(0); have < want && len(s.extents) < maxLogExtents; {
		e := v.space.find(want - have)
		if e.count == 0 {
			break
		}
		s.extents = append(s.extents, e)
		have += e.count
	}
	if total(s.extents) <= uint32(len(payloads)) {
		for _, e := range s.extents {
			v.space.release(e)
		}
		s.extents = nil
		return nil, fmt.Errorf("%w: no room for its own log", ErrFull)
	}
	v.ops = nil
	return payloads, nil
}

// rotate begins a new log with everything there is, turns to it, and releases
// freed. Like flush it runs alone.
func (v *Volume) rotate(freed []extent) error {
	id, err := v.newID()
	if err != nil {
		return err
	}
	s := superblock{generation: v.super.generation + 1, log: id}
	payloads, err := v.beginLog(&s)
	if errors.Is(err, ErrFull) {
		if err := v.grow(); err != nil {
			return err
		}
		payloads, err = v.beginLog(&s)
	}
	if err != nil {
		return err
	}
	if err := v.writeLog(s, 0, payloads); err != nil {
		return err
	}
	if err := v.dev.Sync(); err != nil {
		return err
	}
	block := make([]byte, BlockSize)
	if err := v.sealer.seal(block, useSuper, 0, 0, s.bytes()); err != nil {
		return err
	}
	if _, err := v.dev.WriteAt(block, int64(s.generation%2)*BlockSize); err != nil {
		return fmt.Errorf("volume: writing the superblock: %w", err)
	}
	if err := v.dev.Sync(); err != nil {
		return err
	}
	v.mu.Lock()
	v.super, v.next = s, uint32(len(payloads))
	v.mu.Unlock()
	v.release(freed)
	return nil
}
