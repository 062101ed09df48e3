package dag

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Snapshot is a space as it was at one moment, for reconciliation. It must be
// closed before the store. It is safe for concurrent use.
type Snapshot struct {
	sp       *space
	db       *pebble.Snapshot
	frontier []ID
	line     uint64
	held     uint64
	exact    bool // held counts what lies on the line and above
}

// Snapshot takes one. What it shows may not be synced to disk yet, unless it is the
// node's own.
func (s *Store) Snapshot(space Space) (*Snapshot, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return &Snapshot{
		sp: sp, db: s.db.NewSnapshot(), frontier: sp.frontier(), line: sp.line,
		held: sp.held - sp.below, exact: !sp.pruning,
	}, nil
}

// Frontier returns the frontier, ascending. The caller must not change it.
func (x *Snapshot) Frontier() []ID { return x.frontier }

// Line is the prune line: vertices of lower lamport numbers are not promised.
func (x *Snapshot) Line() uint64 { return x.line }

// Count returns how many vertices lie on a line, which is at least [Snapshot.Line], or
// above it. For Line itself it is known, for others it is counted.
func (x *Snapshot) Count(line uint64) (uint64, error) {
	if line == x.line && x.exact {
		return x.held, nil
	}
	var n uint64
	for _, err := range x.IDs(line, ID{}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// IDs yields the ids, ascending, from one on, of the vertices that lie on a line
// or above it and whose bytes are here, with their lamport numbers.
func (x *Snapshot) IDs(line uint64, from ID) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: x.sp.key(keyID, from[:]), UpperBound: after(x.sp.key(keyID))})
		if err != nil {
			yield(Ref{}, fmt.Errorf("dag: reading ids: %w", err))
			return
		}
		for ok := it.First(); ok; ok = it.Next() {
			var ref Ref
			_, lamport, err := readPlaceRecord(it.Value())
			if err == nil && len(it.Key()) != 1+4+len(ref.ID) {
				err = fmt.Errorf("%w: an id of %d bytes", ErrCorrupt, len(it.Key())-5)
			}
			if err != nil {
				yield(Ref{}, errors.Join(err, it.Close()))
				return
			}
			if lamport < line {
				continue
			}
			ref.ID, ref.Lamport = ID(it.Key()[5:]), lamport
			if !yield(ref, nil) {
				_ = it.Close()
				return
			}
		}
		if err := errors.Join(it.Error(), it.Close()); err != nil {
			yield(Ref{}, fmt.Errorf("dag: reading ids: %w", err))
		}
	}
}

// Ref is a vertex in a [Snapshot].
type Ref struct {
	ID      ID
	Lamport uint64
}

// Encoded returns the bytes of a vertex in the snapshot: [ErrNotFound], or
// [ErrPruned].
func (x *Snapshot) Encoded(id ID) ([]byte, error) {
	for _, kind := range []byte{keyID, keyStub} {
		value, found, err := read(x.db, x.sp.key(kind, id[:]))
		if err != nil {
			return nil, err
		}
		if found && kind == keyStub {
			return nil, fmt.Errorf("%w: %s", ErrPruned, id)
		}
		if found {
			pos, _, err := readPlaceRecord(value)
			if err != nil {
				return nil, err
			}
			return x.sp.bytes(x.db, pos)
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
}

// Close releases the snapshot.
func (x *Snapshot) Close() error {
	err := x.db.Close()
	x.sp.store.calls.Done()
	return err
}
