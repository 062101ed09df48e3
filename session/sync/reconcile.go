package sync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// sendSymbols makes the sketch n symbols long and sends the new ones.
func (m *machine) sendSymbols(n int) error {
	m.sketch.extend(n)
	b := m.sketch.appendSymbols(make([]byte, 0, (n-m.sent)*symbolSize), m.sent)
	m.sent, m.result.Symbols = n, n
	m.state = waitSketched
	return m.push(symbols{Type: typeSymbols, Symbols: b})
}

// onMore sends as many symbols again.
func (m *machine) onMore(have uint64) error {
	if have != uint64(m.sent) || m.sent == maxSymbols {
		return violation("it asks for more than %d symbols after %d", have, m.sent)
	}
	return m.sendSymbols(min(2*m.sent, maxSymbols))
}

// onSymbols decodes what it can and asks for more, or for what is missing.
func (m *machine) onSymbols(b []byte) error {
	n := len(b) / symbolSize
	if m.decoder == nil {
		if n < minSymbols || n > maxSymbols {
			return violation("%d symbols at first, want %d to %d", n, minSymbols, maxSymbols)
		}
		if m.set.len() > maxSketched {
			return m.startRanges()
		}
		if err := m.sketchSet(); err != nil {
			return err
		}
		m.decoder = newDecoder(&m.key, m.sketch)
	} else if have := len(m.decoder.rest); n != min(have, maxSymbols-have) {
		return violation("%d symbols after %d, want %d", n, have, min(have, maxSymbols-have))
	}
	whole, err := m.decoder.add(b)
	m.result.Symbols = len(m.decoder.rest)
	switch {
	case errors.Is(err, errSketch) || !whole && len(m.decoder.rest) == maxSymbols:
		return m.startRanges() // an overrun
	case err != nil:
		return err
	case !whole:
		m.state = waitSymbols
		return m.push(more{Type: typeMore, Have: uint64(len(m.decoder.rest))})
	}
	return m.sketched()
}

// sketched sorts the recovered tags by whose they are.
func (m *machine) sketched() error {
	open := make(map[uint64]struct{}, len(m.decoder.recovered))
	for _, it := range m.decoder.recovered {
		open[it.tag] = struct{}{}
	}
	err := m.tagged(func(id ID, t uint64) {
		if _, own := open[t]; own {
			delete(open, t)
			m.offers = append(m.offers, id)
		}
	})
	if err != nil {
		return err
	}
	m.in.strict = true
	for t := range open {
		m.in.wants = append(m.in.wants, t)
	}
	if err := m.sendWant(); err != nil {
		return err
	}
	return m.sendOffers()
}

// tagged calls f with every id of the set and its tag.
func (m *machine) tagged(f func(id ID, tag uint64)) error {
	i := 0
	for id, err := range m.set.from(ID{}) {
		if err != nil {
			return fmt.Errorf("sync: reading the snapshot: %w", err)
		}
		if m.sketch != nil {
			f(id, m.sketch.items[i].tag)
		} else {
			f(id, m.key.tag(&id))
		}
		i++
	}
	return nil
}

// startRanges sends the first turn of ranges.
func (m *machine) startRanges() error {
	m.sketch, m.decoder = nil, nil
	m.ranger = &ranger{key: &m.key, set: m.set}
	if err := m.ranger.open(); err != nil {
		return err
	}
	return m.sendTurn()
}

func (m *machine) sendTurn() error {
	frames, err := m.ranger.out.frames()
	if err != nil {
		return err
	}
	m.queue = append(m.queue, frames...)
	m.result.Turns++
	m.state = waitRanges
	return nil
}

func (m *machine) onRanges(r *ranges, size int) error {
	if m.ranger == nil {
		m.sketch, m.decoder = nil, nil
		m.ranger = &ranger{key: &m.key, set: m.set}
	}
	m.state = waitRanges
	if err := m.ranger.take(r, size); err != nil {
		if errors.Is(err, errRanges) {
			return violation("%w", err)
		}
		return fmt.Errorf("sync: reading the snapshot: %w", err)
	}
	if !r.Last {
		return nil
	}
	if m.ranger.out.open {
		return m.sendTurn()
	}
	m.settle()
	m.state = waitWant
	return m.sendWant()
}

// settle takes over what ranges have found.
func (m *machine) settle() {
	m.offers, m.in.wants = m.ranger.offers, m.ranger.wants
	m.result.More = m.result.More || m.ranger.cut
	m.ranger = nil
}

// sendWant names the vertices that only the other side has, by tag.
func (m *machine) sendWant() error {
	slices.Sort(m.in.wants)
	m.in.got = make([]bool, len(m.in.wants))
	for part := m.in.wants; ; {
		n := min(len(part), maxTags)
		tags := make([]byte, 0, 8*n)
		for _, t := range part[:n] {
			tags = binary.BigEndian.AppendUint64(tags, t)
		}
		part = part[n:]
		if err := m.push(want{Type: typeWant, Last: len(part) == 0, Tags: tags}); err != nil || len(part) == 0 {
			return err
		}
	}
}

// onWant takes in what the other side lacks, and ends reconciliation.
func (m *machine) onWant(w *want) error {
	if len(m.wanted)+len(w.Tags)/8 > MaxVertices {
		return violation("it wants more than %d vertices", MaxVertices)
	}
	for b := w.Tags; len(b) > 0; b = b[8:] {
		m.wanted = append(m.wanted, binary.BigEndian.Uint64(b))
	}
	if m.state == waitRanges {
		// The other side has nothing left to ask about. In ranges both sides say
		// what they want.
		m.settle()
		m.state = waitWant
		if err := m.sendWant(); err != nil {
			return err
		}
	}
	if !w.Last {
		m.state = waitWant
		return nil
	}
	if err := m.resolve(); err != nil {
		return err
	}
	return m.sendOffers()
}
