package stark

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// MaxProofSize bounds a proof in bytes; the largest that the options allow at
// sensible widths are a tenth of it.
const MaxProofSize = 4 << 20

// shape is everything about a proof's layout that the statement fixes.
type shape struct {
	hash      Hash
	field     field
	options   Options
	width     int
	quotients int
	length    uint64 // trace length n
	logDomain int    // log2 of the evaluation domain, D = n x blow-up
	layers    int    // FRI layers
	last      uint64 // size of the domain of the FRI remainder
}

func newShape(a *AIR, n uint64, o Options) (shape, error) {
	s := shape{
		hash: a.Hash, field: field{int(o.Extension)}, options: o,
		width: int(a.Width), quotients: a.quotients(n), length: n,
		logDomain: bits.Len64(n*uint64(o.Blowup)) - 1,
	}
	s.last = s.domain()
	for s.last > (uint64(o.RemainderDegree)+1)*uint64(o.Blowup) {
		if s.last/uint64(o.Folding) < uint64(o.Blowup) {
			return shape{}, bad("folding by %d leaves no remainder for %d steps", o.Folding, n)
		}
		s.last /= uint64(o.Folding)
		s.layers++
	}
	return s, nil
}

func (s shape) domain() uint64 { return 1 << s.logDomain }

// opening is the part of a tree that a proof reveals: rows, then the siblings.
type opening struct {
	rows  []byte
	proof []byte
}

// proof is a parsed proof; every slice points into the caller's bytes.
type proof struct {
	unique      int
	commitments []digest // trace, constraints, FRI layers, remainder
	trace       opening
	constraint  opening
	oodTrace    []element // width values at z, then at z*g
	oodQuotient []element
	layers      []opening
	remainder   []byte
	nonce       uint64
}

// parse reads b as a proof of the given shape with the given number of
// constraints, and refuses every byte that the shape does not call for.
func parse(b []byte, s shape, constraints int) (*proof, error) {
	if len(b) > MaxProofSize {
		return nil, ErrMalformed
	}
	r := reader{b: b}
	if !bytes.Equal(r.bytes(len(s.header())), s.header()) || r.vint() != uint64(constraints) {
		return nil, ErrMalformed
	}
	p := &proof{unique: int(r.u8())}
	if p.unique == 0 || p.unique > int(s.options.Queries) {
		return nil, ErrMalformed
	}

	commitments := r.bytes(int(r.u16()))
	if len(commitments) != (2+s.layers+1)*len(digest{}) {
		return nil, ErrMalformed
	}
	p.commitments = make([]digest, 0, 2+s.layers+1)
	for c := commitments; len(c) > 0; c = c[len(digest{}):] {
		p.commitments = append(p.commitments, digest(c))
	}

	p.trace = opening{rows: r.blob(r.vint()), proof: r.blob(r.vint())}
	p.constraint = opening{rows: r.blob(r.vint()), proof: r.blob(r.vint())}
	if len(p.trace.rows) != p.unique*s.width*elementBytes ||
		len(p.constraint.rows) != p.unique*s.quotients*s.field.size() {
		return nil, ErrMalformed
	}

	var ok bool
	if p.oodTrace, ok = s.frame(r.bytes(int(r.u16())), s.width); !ok {
		return nil, ErrMalformed
	}
	if p.oodQuotient, ok = s.frame(r.bytes(int(r.u16())), s.quotients); !ok {
		return nil, ErrMalformed
	}

	if int(r.u8()) != s.layers {
		return nil, ErrMalformed
	}
	p.layers = make([]opening, s.layers)
	for i := range p.layers {
		p.layers[i] = opening{rows: r.blob(uint64(r.u32())), proof: r.blob(uint64(r.u32()))}
	}
	p.remainder = r.bytes(int(r.u16()))
	if uint64(len(p.remainder)) != s.last/uint64(s.options.Blowup)*uint64(s.field.size()) {
		return nil, ErrMalformed
	}
	partitions := r.u8()
	p.nonce = r.u64()
	if !r.done() || partitions != 0 {
		return nil, ErrMalformed
	}
	return p, nil
}

// blob reads n bytes, for lengths that may exceed an int.
func (r *reader) blob(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.err = true
		return nil
	}
	return r.bytes(int(n))
}

// header is the proof's first 25 bytes: trace info, modulus and options.
func (s shape) header() []byte {
	b := []byte{byte(s.width), 0, 0, byte(bits.TrailingZeros64(s.length)), 0, 0, elementBytes}
	b = binary.LittleEndian.AppendUint64(b, Modulus)
	o := s.options.Bytes()
	return append(b, o[:]...)
}

// frame reads an out-of-domain frame: the byte 2, then n elements at z and n
// at z*g.
func (s shape) frame(b []byte, n int) ([]element, bool) {
	if len(b) != 1+2*n*s.field.size() || b[0] != 2 {
		return nil, false
	}
	return s.field.decodeAll(b[1:])
}

// leaf hashes a row of elements of size bytes each, cut into partitions when
// the options ask for it. degree is the extension degree of the elements.
func (s shape) leaf(row []byte, degree int) digest {
	columns, part := len(row)/(degree*elementBytes), 0
	if s.options.Partitions == 1 {
		part = columns
	} else {
		p := int(s.options.Partitions)
		part = max((columns+p-1)/p, int(s.options.HashRate)/degree)
	}
	if part == columns {
		return s.hash.sum(row)
	}
	joined := make([]byte, 0, 16*len(digest{}))
	for step := part * degree * elementBytes; len(row) > 0; {
		n := min(step, len(row))
		d := s.hash.sum(row[:n])
		joined, row = append(joined, d[:]...), row[n:]
	}
	return s.hash.sum(joined)
}

// leaves hashes rows of rowBytes bytes.
func leaves(rows []byte, rowBytes int, hash func([]byte) digest) []digest {
	out := make([]digest, 0, len(rows)/rowBytes)
	for ; len(rows) > 0; rows = rows[rowBytes:] {
		out = append(out, hash(rows[:rowBytes:rowBytes]))
	}
	return out
}
