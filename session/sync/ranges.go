package sync

import (
	"bytes"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// printSize is the length of a range's fingerprint in bytes.
const printSize = 16

var errRanges = errors.New("ranges that don't ascend or are too many")

// ranger is one side's part in finding differences by ranges. Sides take turns;
// a turn covers all ids, in one or more frames.
type ranger struct {
	key *key
	set *set

	lo    ID  // where the other side's next span starts
	bytes int // of the other side's turn so far
	turns int // of the other side
	spans int // of the other side that needed an answer

	out   rangeWriter
	asked int // spans in out and in earlier turns that need an answer
	p     printer

	wants  []uint64 // tags that only the other side has
	offers []ID     // ids that only this side has
	cut    bool     // there were more of them than MaxVertices
}

// open starts the first turn.
func (r *ranger) open() error {
	return r.split(ID{}, bound{end: true})
}

// take answers the spans of one frame of the other side's turn.
func (r *ranger) take(m *ranges, size int) error {
	if r.bytes += size; r.bytes > 2*maxTurn {
		return errRanges
	}
	for _, s := range m.Ranges {
		hi := bound{end: len(s.Bound) == 0}
		copy(hi.id[:], s.Bound)
		if !hi.above(&r.lo) {
			return errRanges
		}
		if s.Mode != modeSkip {
			r.spans++
		}
		if r.spans > maxSpans {
			return errRanges
		}
		if err := r.answer(r.lo, hi, s); err != nil {
			return err
		}
		r.lo = hi.id
	}
	if m.Last {
		r.lo, r.bytes = ID{}, 0
		if r.turns++; r.turns > maxTurns {
			return errRanges
		}
	}
	return nil
}

func (r *ranger) answer(lo ID, hi bound, s span) error {
	if r.out.rest { // the turn is full: the other side's next one repeats this
		return nil
	}
	switch s.Mode {
	case modePrint:
		p, err := r.print(lo, hi)
		if err != nil {
			return err
		}
		if !bytes.Equal(p, s.Data) {
			return r.split(lo, hi)
		}
	case modeList:
		if err := r.compare(lo, hi, s.Data); err != nil {
			return err
		}
	}
	r.add(hi, modeSkip, nil)
	return nil
}

// add adds a span to the turn. Beyond maxSpans differences are left to another
// session.
func (r *ranger) add(hi bound, mode uint64, data []byte) {
	if mode != modeSkip {
		if r.asked == maxSpans {
			r.cut = true
			mode, data = modeSkip, nil
		} else {
			r.asked++
		}
	}
	r.out.add(hi, mode, data)
}

// print is the first 16 bytes of SHA3-256 of the key and the ids of a range.
func (r *ranger) print(lo ID, hi bound) ([]byte, error) {
	r.p.start(r.key)
	for id, err := range r.set.within(lo, hi) {
		if err != nil {
			return nil, err
		}
		r.p.add(&id)
	}
	return r.p.sum(), nil
}

// split answers a range that differs: with the tags of all its ids when they
// are few, else with fingerprints of its parts.
func (r *ranger) split(lo ID, hi bound) error {
	if r.out.size > maxTurn {
		// No more than this in one turn. What is left is one range, and the next
		// turns go on there.
		p, err := r.print(lo, bound{end: true})
		if err != nil {
			return err
		}
		r.add(bound{end: true}, modePrint, p)
		r.out.rest = true
		return nil
	}
	n := 0
	for _, err := range r.set.within(lo, hi) {
		if err != nil {
			return err
		}
		n++
	}
	if n <= listBelow {
		var tags []byte
		for id, err := range r.set.within(lo, hi) {
			if err != nil {
				return err
			}
			tags = binary.BigEndian.AppendUint64(tags, r.key.tag(&id))
		}
		r.add(hi, modeList, tags)
		return nil
	}
	r.p.start(r.key)
	i, parts := 0, 0
	var last ID
	for id, err := range r.set.within(lo, hi) {
		if err != nil {
			return err
		}
		if i > 0 && i*fan/n > parts {
			r.add(between(&last, &id), modePrint, r.p.sum())
			r.p.start(r.key)
			parts = i * fan / n
		}
		r.p.add(&id)
		last = id
		i++
	}
	r.add(hi, modePrint, r.p.sum())
	return nil
}

// compare settles a range whose tags on the other side are known.
func (r *ranger) compare(lo ID, hi bound, data []byte) error {
	theirs := make(map[uint64]struct{}, len(data)/8)
	for ; len(data) > 0; data = data[8:] {
		theirs[binary.BigEndian.Uint64(data)] = struct{}{}
	}
	for id, err := range r.set.within(lo, hi) {
		if err != nil {
			return err
		}
		t := r.key.tag(&id)
		if _, both := theirs[t]; both {
			delete(theirs, t)
		} else if r.room(len(r.offers)) {
			r.offers = append(r.offers, id)
		}
	}
	for t := range theirs {
		if r.room(len(r.wants)) {
			r.wants = append(r.wants, t)
		}
	}
	return nil
}

func (r *ranger) room(n int) bool {
	if n >= MaxVertices {
		r.cut = true
	}
	return n < MaxVertices
}

// between is the shortest bound above a and not above b.
func between(a, b *ID) bound {
	var out bound
	for i := range b {
		out.id[i] = b[i]
		if a[i] != b[i] {
			break
		}
	}
	return out
}

// printer makes one fingerprint after another.
type printer struct {
	h   *sha3.SHA3
	buf []byte
}

func (p *printer) start(k *key) {
	if p.h == nil {
		p.h, p.buf = sha3.New256(), make([]byte, 0, 1088)
	}
	p.h.Reset()
	p.buf = append(p.buf[:0], k.ranges[:]...)
}

func (p *printer) add(id *ID) {
	if p.buf = append(p.buf, id[:]...); len(p.buf) >= 1056 {
		_, _ = p.h.Write(p.buf) // never fails
		p.buf = p.buf[:0]
	}
}

func (p *printer) sum() []byte {
	_, _ = p.h.Write(p.buf)
	return p.h.Sum(make([]byte, 0, digest.Size))[:printSize]
}

// rangeWriter collects the spans of a turn.
type rangeWriter struct {
	spans []span
	size  int  // of all of them in bytes, about
	open  bool // some span needs an answer
	rest  bool // the turn is full and its last span covers the rest
}

func (w *rangeWriter) add(hi bound, mode uint64, data []byte) {
	var b []byte
	if !hi.end {
		b = bytes.TrimRight(hi.id[:], "\x00")
		b = slices.Clone(b)
	}
	if n := len(w.spans); mode == modeSkip && n > 0 && w.spans[n-1].Mode == modeSkip {
		w.spans[n-1].Bound = b
		return
	}
	w.open = w.open || mode != modeSkip
	w.spans = append(w.spans, span{Bound: b, Mode: mode, Data: data})
	w.size += 8 + len(b) + len(data)
}

// frames returns the encoded turn and starts another.
func (w *rangeWriter) frames() ([][]byte, error) {
	var out [][]byte
	for part := range slices.Chunk(w.spans, maxFrameRanges) {
		last := (len(out)+1)*maxFrameRanges >= len(w.spans)
		b, err := wire.Marshal(ranges{Type: typeRanges, Last: last, Ranges: part})
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	*w = rangeWriter{}
	return out, nil
}
