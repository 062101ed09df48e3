package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/session/sync"
	"github.com/pars-network/pars/session/wire"
)

const (
	// HandProtocol is the name of the hand-over on links.
	HandProtocol = "/pars/swarm-hand/1"
	// SyncProtocol is the name of repair on links: sessions of package sync.
	SyncProtocol = "/pars/swarm-sync/1"
	// maxOffer is how many items one offer names.
	maxOffer = 512

	maxOfferFrame = maxOffer*34 + 16
	maxMarksFrame = maxOffer/8 + 16
)

// offerFrame names items; marksFrame answers with a bit for each, the first the
// lowest of the first byte: wanted, and later settled.
type offerFrame struct {
	_   struct{} `cbor:",toarray"`
	IDs []ID
}

type marksFrame struct {
	_    struct{} `cbor:",toarray"`
	Bits []byte
}

type marks []byte

func newMarks(n int) marks     { return make(marks, (n+7)/8) }
func (m marks) set(i int)      { m[i/8] |= 1 << (i % 8) }
func (m marks) has(i int) bool { return m[i/8]&(1<<(i%8)) != 0 }
func (m marks) check(n int) error {
	if len(m) != (n+7)/8 || n%8 != 0 && m[len(m)-1]>>(n%8) != 0 {
		return fmt.Errorf("%w: %d bytes of marks for %d items", ErrMessage, len(m), n)
	}
	return nil
}

// handOver offers items on a stream and returns those that the other node has
// now, or never wants again.
func handOver(stream io.ReadWriter, store *Store, ids []ID) (settled []ID, sent int, err error) {
	for len(ids) > 0 {
		part := ids[:min(len(ids), maxOffer)]
		ids = ids[len(part):]
		if err := wire.WriteMessage(stream, maxOfferFrame, offerFrame{IDs: part}); err != nil {
			return settled, sent, err
		}
		wanted, err := readMarks(stream, len(part))
		if err != nil {
			return settled, sent, err
		}
		for i, id := range part {
			if !wanted.has(i) {
				continue
			}
			raw, err := encoded(store, id)
			if err != nil {
				return settled, sent, err
			}
			if err := wire.WriteFrame(stream, maxItem, raw); err != nil {
				return settled, sent, err
			}
			sent++
		}
		done, err := readMarks(stream, len(part))
		if err != nil {
			return settled, sent, err
		}
		for i, id := range part {
			if done.has(i) {
				settled = append(settled, id)
			}
		}
	}
	return settled, sent, nil
}

// encoded returns an item's encoding, empty if it is gone meanwhile.
func encoded(store *Store, id ID) ([]byte, error) {
	it, err := store.Item(id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return it.Bytes()
}

func readMarks(stream io.Reader, n int) (marks, error) {
	var f marksFrame
	if err := readFrame(stream, maxMarksFrame, &f); err != nil {
		return nil, err
	}
	return f.Bits, marks(f.Bits).check(n)
}

// takeOver answers a hand-over until the other node ends the stream.
func takeOver(ctx context.Context, stream io.ReadWriter, s *sink) (received int, err error) {
	for {
		var f offerFrame
		if err := readFrame(stream, maxOfferFrame, &f); errors.Is(err, io.EOF) {
			return received, nil
		} else if err != nil {
			return received, err
		}
		if len(f.IDs) == 0 || len(f.IDs) > maxOffer {
			return received, fmt.Errorf("%w: an offer of %d items, want 1 to %d", ErrMessage, len(f.IDs), maxOffer)
		}
		n, err := s.takeOffer(ctx, stream, f.IDs)
		received += n
		if err != nil {
			return received, err
		}
	}
}

func (s *sink) takeOffer(ctx context.Context, stream io.ReadWriter, ids []ID) (received int, err error) {
	wanted, settled := newMarks(len(ids)), newMarks(len(ids))
	for i, id := range ids {
		if s.store.settled(id) {
			settled.set(i)
		} else {
			wanted.set(i)
		}
	}
	if err := wire.WriteMessage(stream, maxMarksFrame, marksFrame{Bits: wanted}); err != nil {
		return 0, err
	}
	for i, id := range ids {
		if !wanted.has(i) {
			continue
		}
		raw, err := wire.ReadFrame(stream, maxItem)
		if err != nil {
			return received, err
		}
		if len(raw) == 0 {
			continue // it is gone there
		}
		it, err := ParseItem(raw)
		if err != nil {
			return received, err
		}
		if it.ID() != id {
			return received, fmt.Errorf("%w: another item than was offered", ErrMessage)
		}
		switch out, err := s.take(it); {
		case err != nil:
			return received, err
		case out == sync.Refused:
			return received, fmt.Errorf("%w: an item that no client could have stored", ErrMessage)
		case out == sync.Accepted:
			settled.set(i)
			received++
		}
		if err := ctx.Err(); err != nil {
			return received, err
		}
	}
	return received, wire.WriteMessage(stream, maxMarksFrame, marksFrame{Bits: settled})
}

// settled reports whether an item is here, or was deleted by its owner.
func (s *Store) settled(id ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, dead := s.tombs[id]
	return dead || s.items[id] != nil
}

// readFrame reads one message. The end of the stream before it is io.EOF.
func readFrame(stream io.Reader, limit int, v any) error {
	err := wire.ReadMessage(stream, limit, v)
	if errors.Is(err, wire.ErrEncoding) || errors.Is(err, wire.ErrSize) {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return err
}
