package volume

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"
)

// maxPath bounds a path in bytes, maxExtent the blocks of one extent.
const (
	maxPath   = 1024
	maxExtent = 1 << 20
)

// op is what a record of the log does. Its values are part of the format.
type op byte

const (
	opMkdir  op = 1 // path
	opRmdir  op = 2 // path
	opCreate op = 3 // id, path: a new file
	opLink   op = 4 // id, path: another name
	opUnlink op = 5 // path
	opRename op = 6 // path, new path: what had the new one loses it
	opExtend op = 7 // id, first block, number of blocks
	opTails  op = 8 // id, two blocks
	opFinish op = 9 // id, size in bytes, block of the tail or 0
)

// record is one change. What an op does not use is zero.
type record struct {
	op     op
	id     uint64
	path   string
	to     string
	blocks [2]uint32
	size   uint64
}

// append encodes r behind b.
func (r record) append(b []byte) []byte {
	b = append(b, byte(r.op))
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	number := func(x uint64) { b = binary.AppendUvarint(b, x) }
	switch r.op {
	case opMkdir, opRmdir, opUnlink:
		text(r.path)
	case opCreate, opLink:
		number(r.id)
		text(r.path)
	case opRename:
		text(r.path)
		text(r.to)
	case opExtend, opTails:
		number(r.id)
		number(uint64(r.blocks[0]))
		number(uint64(r.blocks[1]))
	case opFinish:
		number(r.id)
		number(r.size)
		number(uint64(r.blocks[0]))
	}
	return b
}

// parser reads records. bad is set by anything that append does not write.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) number(limit uint64) uint64 {
	x, n := binary.Uvarint(p.rest)
	if n <= 0 || x > limit || (n > 1 && p.rest[n-1] == 0) {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return x
}

func (p *parser) path() string {
	n := p.number(maxPath)
	if n > uint64(len(p.rest)) {
		p.bad, p.rest = true, nil
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	if !strings.HasPrefix(s, "/") || path.Clean(s) != s {
		p.bad = true
	}
	return s
}

func (p *parser) block() uint32 { return uint32(p.number(1<<32 - 1)) }

// parseRecords reads the payload of one block of the log.
func parseRecords(b []byte) ([]record, error) {
	p := parser{rest: b}
	var out []record
	for len(p.rest) > 0 && !p.bad {
		r := record{op: op(p.rest[0])}
		p.rest = p.rest[1:]
		switch r.op {
		case opMkdir, opRmdir, opUnlink:
			r.path = p.path()
		case opCreate, opLink:
			r.id = p.number(1<<63 - 1)
			r.path = p.path()
		case opRename:
			r.path = p.path()
			r.to = p.path()
		case opExtend:
			r.id = p.number(1<<63 - 1)
			r.blocks[0], r.blocks[1] = p.block(), uint32(p.number(maxExtent))
			p.bad = p.bad || r.blocks[1] == 0
		case opTails:
			r.id = p.number(1<<63 - 1)
			r.blocks[0], r.blocks[1] = p.block(), p.block()
		case opFinish:
			r.id = p.number(1<<63 - 1)
			r.size = p.number(1<<62 - 1)
			r.blocks[0] = p.block()
		default:
			p.bad = true
		}
		out = append(out, r)
	}
	if p.bad {
		return nil, fmt.Errorf("%w: a record of its log can't be read", ErrCorrupt)
	}
	return out, nil
}

// extent is a run of blocks.
type extent struct{ start, count uint32 }

// superblock says where the log is.
type superblock struct {
	generation uint64
	log        uint64 // id of the log
	extents    []extent
}

const (
	formatVersion = 1
	// maxLogExtents bounds the superblock to one block.
	maxLogExtents = 256
)

func (s superblock) bytes() []byte {
	b := binary.BigEndian.AppendUint16(nil, formatVersion)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	b = binary.BigEndian.AppendUint64(b, s.log)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.extents)))
	for _, e := range s.extents {
		b = binary.BigEndian.AppendUint32(b, e.start)
		b = binary.BigEndian.AppendUint32(b, e.count)
	}
	return b
}

func parseSuperblock(b []byte) (superblock, error) {
	const fixed = 2 + 2*8 + 2
	var s superblock
	if len(b) < fixed {
		return s, fmt.Errorf("%w: a superblock of %d bytes", ErrCorrupt, len(b))
	}
	if v := binary.BigEndian.Uint16(b); v != formatVersion {
		return s, fmt.Errorf("%w: version %d, this program knows %d", ErrVersion, v, formatVersion)
	}
	s.generation = binary.BigEndian.Uint64(b[2:])
	s.log = binary.BigEndian.Uint64(b[10:])
	n := int(binary.BigEndian.Uint16(b[18:]))
	if n < 1 || n > maxLogExtents || len(b) != fixed+8*n {
		return s, fmt.Errorf("%w: a superblock of %d bytes with %d extents", ErrCorrupt, len(b), n)
	}
	for at := b[fixed:]; len(at) > 0; at = at[8:] {
		e := extent{binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:])}
		if e.count == 0 || e.count > maxExtent {
			return s, fmt.Errorf("%w: an extent of %d blocks", ErrCorrupt, e.count)
		}
		s.extents = append(s.extents, e)
	}
	return s, nil
}
