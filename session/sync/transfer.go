package sync

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// outgoing is what this side sends in one pass.
type outgoing struct {
	next func() (ID, error, bool) // parents first; nil when there is nothing
	stop func()

	held    ID // the next one, if holding
	holding bool

	vertices       int
	batches, acked uint64
	ended          bool
}

// incoming is what this side gets in one pass.
type incoming struct {
	strict bool     // nothing but wants may come
	wants  []uint64 // tags, ascending
	got    []bool   // by index of wants

	vertices       int
	batches, acked uint64
	ended          bool
	stored         []ID
	lost           bool // something could not be stored
}

// transfer starts moving vertices: ids, nil for none, go out, and nothing says
// that none come.
func (m *machine) transfer(ids iter.Seq2[ID, error], nothing bool) error {
	m.state = waitTransfer
	m.in.ended = nothing
	if ids == nil {
		m.out.ended = true
		return nil
	}
	next, stop := iter.Pull2(ids)
	m.out.next = func() (ID, error, bool) { return next() }
	m.out.stop = stop
	return m.out.look()
}

// resolve adds what the other side asked for to the offers. A tag that no
// vertex has is left out; the final digest judges.
func (m *machine) resolve() error {
	asked := make(map[uint64]struct{}, len(m.wanted))
	for _, t := range m.wanted {
		asked[t] = struct{}{}
	}
	m.wanted = nil
	return m.tagged(func(id ID, t uint64) {
		if _, ok := asked[t]; ok && !m.set.isExtra(id) {
			m.offers = append(m.offers, id)
		}
	})
}

// sendOffers starts the transfer in both directions.
func (m *machine) sendOffers() error {
	m.sketch, m.decoder = nil, nil
	ids, err := causal(m.snap, m.offers)
	if err != nil {
		return fmt.Errorf("sync: ordering what to send: %w", err)
	}
	m.offers = nil
	return m.transfer(listed(ids), false)
}

func listed(ids []ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// causal orders ids so that parents come first, by lamport number and id.
func causal(snap Snapshot, ids []ID) ([]ID, error) {
	heads := make([]Head, len(ids))
	for i, id := range ids {
		l, err := snap.Lamport(id)
		if err != nil {
			return nil, err
		}
		heads[i] = Head{ID: id, Lamport: l}
	}
	slices.SortFunc(heads, func(a, b Head) int {
		return cmp.Or(cmp.Compare(a.Lamport, b.Lamport), compareIDs(a.ID, b.ID))
	})
	heads = slices.Compact(heads)
	ids = ids[:len(heads)]
	for i, h := range heads {
		ids[i] = h.ID
	}
	return ids, nil
}

// look reads the next id ahead, so that the last batch can say that it is.
func (o *outgoing) look() error {
	id, err, ok := o.next()
	if err != nil {
		return err
	}
	o.held, o.holding = id, ok
	return nil
}

// ready reports whether a batch may be sent now.
func (o *outgoing) ready() bool { return !o.ended && o.batches-o.acked < window }

// batch makes the next one.
func (o *outgoing) batch(snap Snapshot) (vertices, error) {
	b := vertices{Type: typeVertices, Vertices: [][]byte{}}
	size := 0
	for o.holding && len(b.Vertices) < MaxBatch && size < batchBytes && o.vertices < MaxVertices {
		v, err := snap.Vertex(o.held)
		if err != nil {
			return b, fmt.Errorf("sync: reading vertex %x: %w", o.held, err)
		}
		if len(v) > MaxVertex {
			return b, fmt.Errorf("sync: vertex %x has %d bytes, want at most %d", o.held, len(v), MaxVertex)
		}
		b.Vertices = append(b.Vertices, v)
		size += len(v)
		o.vertices++
		if err := o.look(); err != nil {
			return b, err
		}
	}
	switch {
	case !o.holding:
		b.End = endAll
	case o.vertices == MaxVertices:
		b.End = endMore
	}
	o.ended = b.End != endNo
	o.batches++
	return b, nil
}

// ack takes the other side's word that it is done with batches, counted from
// the start.
func (o *outgoing) ack(batches uint64) error {
	if batches <= o.acked || batches > o.batches {
		return violation("an answer to batch %d after %d, want at most %d", batches, o.acked, o.batches)
	}
	o.acked = batches
	return nil
}

// onVertices stores a batch.
func (m *machine) onVertices(v *vertices) error {
	if m.state == waitPlan { // the initiator has all that this side has
		if err := m.transfer(nil, false); err != nil {
			return err
		}
	}
	in := &m.in
	if in.batches++; in.batches-in.acked > window {
		return violation("%d batches without waiting for an answer, want at most %d", in.batches-in.acked, window)
	}
	if in.vertices += len(v.Vertices); in.vertices > MaxVertices {
		return violation("%d vertices in one pass, want at most %d", in.vertices, MaxVertices)
	}
	ids := make([]ID, len(v.Vertices))
	for i, b := range v.Vertices {
		id, err := m.sink.ID(b)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if err := m.admit(id); err != nil {
			return err
		}
		ids[i] = id
	}
	if err := m.store(ids, v.Vertices); err != nil {
		return err
	}
	switch v.End {
	case endAll:
		if i := slices.Index(in.got, false); i >= 0 {
			return fmt.Errorf("%w: %x is one of them", ErrWithheld, in.wants[i])
		}
	case endMore:
		if in.vertices != MaxVertices {
			return violation("it stops after %d vertices, want %d or all", in.vertices, MaxVertices)
		}
		m.result.More = true
	}
	in.ended = v.End != endNo
	return nil
}

// admit checks that a vertex was asked for, before anything is spent on it.
func (m *machine) admit(id ID) error {
	if len(m.in.wants) > 0 || m.in.strict {
		i, wanted := slices.BinarySearch(m.in.wants, m.key.tag(&id))
		if wanted && m.in.got[i] || !wanted && m.in.strict {
			return fmt.Errorf("%w: %x", ErrUnasked, id)
		}
		if wanted {
			m.in.got[i] = true
		}
	}
	has, err := m.set.has(id)
	if err != nil {
		return err
	}
	if has {
		return fmt.Errorf("%w: %x is here", ErrUnasked, id)
	}
	return nil
}

// store gives a batch to the sink and judges what became of it.
func (m *machine) store(ids []ID, batch [][]byte) error {
	if len(batch) == 0 {
		return nil
	}
	for _, b := range batch {
		m.result.Payload += int64(len(b))
	}
	outcomes, err := m.sink.Add(m.ctx, batch)
	if err != nil {
		return fmt.Errorf("sync: storing %d vertices: %w", len(batch), err)
	}
	if len(outcomes) != len(batch) {
		return fmt.Errorf("sync: the sink answered %d of %d vertices", len(outcomes), len(batch))
	}
	for i, o := range outcomes {
		switch {
		case o == Accepted:
			m.in.stored = append(m.in.stored, ids[i])
			m.result.Received++
		case o == Deferred:
			m.in.lost = true
		case o == Waiting && (m.in.lost || m.line > 0):
			// Its parent was put off, or one side has pruned it.
			m.in.lost = true
		case o == Waiting:
			return fmt.Errorf("%w: %x came before its parents", ErrRefused, ids[i])
		default:
			return fmt.Errorf("%w: %x", ErrRefused, ids[i])
		}
	}
	return nil
}

// conclude says what this side has, once all has come and gone.
func (m *machine) conclude() error {
	f := final{Type: typeFinal, Digest: []byte{}}
	switch {
	case m.in.lost:
		f.Status = statusPart
	case m.result.More:
		f.Status = statusMore
	default:
		if err := m.set.grow(m.in.stored); err != nil {
			return err
		}
		var err error
		if f.Digest, err = m.set.digest(); err != nil {
			return fmt.Errorf("sync: reading the snapshot: %w", err)
		}
	}
	m.final = &f
	if err := m.push(f); err != nil {
		return err
	}
	return m.judge()
}

func (m *machine) onFinal(f *final) error {
	m.peerFinal = f
	return m.judge()
}

// judge ends the session, or starts the second pass, when both sides have said
// what they have.
func (m *machine) judge() error {
	if m.final == nil || m.peerFinal == nil {
		return nil
	}
	m.result.Passes, m.result.Line, m.result.Space = m.pass, m.line, m.space
	m.state = finished
	switch a, b := m.final.Status, m.peerFinal.Status; {
	case a == statusPart || b == statusPart:
		m.failure = ErrIncomplete
	case a == statusMore || b == statusMore:
		m.result.More = true
	case bytes.Equal(m.final.Digest, m.peerFinal.Digest):
		m.result.Equal = true
	case m.pass == 2:
		m.failure = ErrMismatch
	default:
		return m.again()
	}
	return nil
}

// again starts the second pass: ranges with a fresh key.
func (m *machine) again() error {
	m.close()
	m.pass = 2
	m.key = newKey(m.space, m.nonces[0], m.nonces[1], m.pass)
	m.in, m.out, m.final, m.peerFinal, m.ranger = incoming{}, outgoing{}, nil, nil, nil
	m.state = waitRanges
	if m.initiator {
		return m.startRanges()
	}
	return nil
}

// close ends what may be open in the snapshot.
func (m *machine) close() {
	if m.out.stop != nil {
		m.out.stop()
		m.out.stop = nil
	}
}
