package sync

import (
	"encoding/binary"
	"errors"
	"iter"
	"math"
)

// Limits of a sketch.
const (
	// symbolSize is the encoding of a symbol in bytes.
	symbolSize = 16
	// maxSymbols is how many symbols a sketch has at most. It recovers about
	// 12,000 differences; more are found by ranges.
	maxSymbols = 1 << 14
	// minSymbols is the least first batch. Each further batch doubles the sketch,
	// so that no peer can ask for many passes over a set.
	minSymbols = 16
	// firstSymbols is the usual first batch, 4 KiB, less than one vertex with a
	// hybrid signature. It recovers about 170 differences without a second round.
	firstSymbols = 256
	// maxSketched is how many ids are sketched at most, 24 bytes of memory each.
	maxSketched = 1 << 20
)

// errSketch reports symbols that no two sets of at most maxSymbols differences
// give, or too few of them at the limit.
var errSketch = errors.New("sync: the sketch can't be decoded")

// symbol is the sum (xor) of the tags, and of their checks, of the items mapped
// to one index. Index 0 has all items, index i one in 1 + i/2 of them.
type symbol struct{ tag, check uint64 }

func (s *symbol) add(tag, check uint64) {
	s.tag ^= tag
	s.check ^= check
}

// item is a tag on its way through the indices that it is mapped to.
type item struct {
	tag, check uint64
	next       uint32 // the first index that it hasn't been added to
	draws      uint32 // how many random numbers its way has used
}

// advance moves the item to the index after next. The random numbers are those
// of SplitMix64 seeded with the tag.
func (it *item) advance() {
	it.draws++
	z := it.tag + uint64(it.draws)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	it.next = jump(it.next, (z^z>>31)>>32+1)
}

// jump returns the smallest j > i with (j+1)(j+2)u >= (i+1)(i+2)2^32, or
// maxSymbols if that is less; u is uniform in 1 to 2^32 and i below maxSymbols.
//
// With the probability 1/(1 + j/2) that index j is used, an item at i uses none
// up to j with probability (i+1)(i+2)/((j+1)(j+2)) (section 4.2 of the paper,
// alpha 0.5); this is the inverse of that, in integers, so that every machine
// agrees. Floating point only guesses.
func jump(i uint32, u uint64) uint32 {
	// All numbers stay below 2^62, so signed ones hold them, and the sign of a
	// difference is a comparison without a branch, which would be a guess.
	square := int64(i+1) * int64(i+2) << 32
	root := math.Sqrt(float64(square) / float64(int64(u)))
	if root > maxSymbols+1 {
		return maxSymbols
	}
	// floor(root)-1 is the answer or one below it; the comparison is exact.
	j := max(int64(i)+1, int64(root)-1)
	j += int64(uint64((j+1)*(j+2)*int64(u)-square) >> 63)
	return uint32(min(j, maxSymbols))
}

// sketch is the coded symbols of one set, of which a prefix is made and sent at
// a time.
type sketch struct {
	items   []item
	symbols []symbol
}

// newSketch takes in the tags of n ids.
func newSketch(k *key, n int, ids iter.Seq2[ID, error]) (*sketch, error) {
	s := &sketch{items: make([]item, 0, n)}
	for id, err := range ids {
		if err != nil {
			return nil, err
		}
		t := k.tag(&id)
		s.items = append(s.items, item{tag: t, check: k.check(t)})
	}
	return s, nil
}

// block is how many items extend moves side by side.
const block = 64

// extend makes the sketch n symbols long.
//
// One step of an item takes a division and a root that wait for those of the
// step before. So a block of items takes its steps together: those of different
// items wait for nothing, and the processor works on several at once.
func (s *sketch) extend(n int) {
	s.symbols = append(s.symbols, make([]symbol, n-len(s.symbols))...)
	cells, end := s.symbols, uint32(n)
	for items := s.items; len(items) > 0; {
		part := items[:min(block, len(items))]
		items = items[len(part):]
		var moving [block]uint8 // indices of those that are below end
		k := 0
		for i := range part {
			moving[k&(block-1)] = uint8(i) // k <= i
			k += int((uint64(part[i].next) - uint64(end)) >> 63)
		}
		for k > 0 {
			kept := 0
			for _, i := range moving[:k] {
				it := &part[i&(block-1)]
				cells[it.next].add(it.tag, it.check)
				it.advance()
				moving[kept&(block-1)] = i
				kept += int((uint64(it.next) - uint64(end)) >> 63)
			}
			k = kept
		}
	}
}

// appendSymbols appends the encoding of symbols from index from on.
func (s *sketch) appendSymbols(b []byte, from int) []byte {
	for _, c := range s.symbols[from:] {
		b = binary.BigEndian.AppendUint64(b, c.tag)
		b = binary.BigEndian.AppendUint64(b, c.check)
	}
	return b
}

// decoder recovers the tags that are in one of two sets only, from one set's
// sketch and the symbols of the other's.
type decoder struct {
	key       *key
	own       *sketch
	rest      []symbol // theirs plus ours, less what was recovered
	recovered []item
	pure      []uint32 // indices to look at
}

func newDecoder(k *key, own *sketch) *decoder { return &decoder{key: k, own: own} }

// add takes in the next symbols, a multiple of symbolSize bytes, and reports
// whether everything is recovered.
func (d *decoder) add(symbols []byte) (bool, error) {
	from := len(d.rest)
	d.own.extend(from + len(symbols)/symbolSize)
	for i := from; i < len(d.own.symbols); i++ {
		b := symbols[(i-from)*symbolSize:]
		c := d.own.symbols[i]
		c.add(binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]))
		d.rest = append(d.rest, c)
	}
	end := uint32(len(d.rest))
	for i := range d.recovered {
		it := &d.recovered[i]
		for it.next < end {
			d.rest[it.next].add(it.tag, it.check)
			it.advance()
		}
	}
	for i := from; i < len(d.rest); i++ {
		d.look(uint32(i))
	}
	return d.peel()
}

// look notes index i if one item is left there.
func (d *decoder) look(i uint32) {
	if c := d.rest[i]; c != (symbol{}) && d.key.check(c.tag) == c.check {
		d.pure = append(d.pure, i)
	}
}

func (d *decoder) peel() (bool, error) {
	end := uint32(len(d.rest))
	for len(d.pure) > 0 {
		i := d.pure[len(d.pure)-1]
		d.pure = d.pure[:len(d.pure)-1]
		c := d.rest[i]
		if c == (symbol{}) || d.key.check(c.tag) != c.check {
			continue // it was recovered from another index meanwhile
		}
		if len(d.recovered) == len(d.rest) {
			return false, errSketch // more items than symbols: not from sets
		}
		it := item{tag: c.tag, check: c.check}
		for it.next < end {
			d.rest[it.next].add(it.tag, it.check)
			d.look(it.next)
			it.advance()
		}
		d.recovered = append(d.recovered, it)
	}
	for _, c := range d.rest {
		if c != (symbol{}) {
			return false, nil
		}
	}
	return true, nil
}
