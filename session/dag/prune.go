package dag

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// pruneStep is how many index records one step of [Store.Prune] looks at, while
// other callers wait.
const pruneStep = 2048

// Prune forgets the bytes of vertices below a line: those with a lower lamport
// number, which a finalised prefix or an age have made dispensable; with a vertex
// everything in its past goes. The line never goes down. Of a pruned vertex
// remains what checks and searches need, some 150 bytes on disk, so pruning changes nothing
// about which vertices are valid: one that comes late, below the line, is accepted
// as ever and stays until the next call. It returns how many vertices it pruned.
// An interrupted call is finished by the next one.
func (s *Store) Prune(ctx context.Context, space Space, line uint64) (uint64, error) {
	sp, err := s.begin(space)
	if err != nil {
		return 0, err
	}
	defer s.calls.Done()
	err = sp.raiseLine(line)
	last := sp.next - 1
	s.mu.Unlock()
	var pruned uint64
	from := sp.key(keyID)
	for from != nil && err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n uint64
		n, from, err = sp.pruneStep(from, last)
		pruned += n
	}
	if err != nil {
		return pruned, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sp.pruning = false
	batch := s.db.NewBatch()
	if err := sp.save(batch); err != nil {
		return pruned, errors.Join(err, batch.Close())
	}
	return pruned, s.commitNow(batch)
}

// commitNow writes a batch and waits until it is synced. The caller holds mu.
func (s *Store) commitNow(batch *pebble.Batch) error {
	if err := s.failed; err != nil { // not usable: what began before Close may finish
		return errors.Join(err, batch.Close())
	}
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return s.fail(err)
	}
	if err := batch.SyncWait(); err != nil {
		return s.fail(err)
	}
	return batch.Close()
}

// raiseLine writes the new line. From here on, what arrives below it is counted
// apart. The caller holds mu.
func (sp *space) raiseLine(line uint64) error {
	sp.line = max(sp.line, line)
	sp.below, sp.pruning = 0, true
	batch := sp.store.db.NewBatch()
	err := batch.Set(sp.key(keyLine), binary.BigEndian.AppendUint64(nil, sp.line), nil)
	if err == nil {
		err = sp.save(batch)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("dag: writing the prune line: %w", err), batch.Close())
	}
	return sp.store.commitNow(batch)
}

// pruneStep prunes what lies below the line among some ids, of vertices up to a
// position, and returns where to go on, nil at the end.
func (sp *space) pruneStep(from []byte, last uint64) (pruned uint64, next []byte, err error) {
	s := sp.store
	s.mu.Lock()
	defer s.mu.Unlock()
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(sp.key(keyID))})
	if err != nil {
		return 0, nil, fmt.Errorf("dag: pruning: %w", err)
	}
	batch := s.db.NewBatch()
	var errs []error
	ok := iter.First()
	for seen := 0; ok && seen < pruneStep; seen++ {
		pos, lamport, err := readPlaceRecord(iter.Value())
		if err != nil {
			errs = append(errs, err)
			break
		}
		if lamport < sp.line && pos <= last {
			key := iter.Key()
			stub := append([]byte{keyStub}, key[1:]...)
			errs = append(errs, batch.Set(stub, iter.Value(), nil), batch.Delete(key, nil), batch.Delete(sp.posKey(keyBytes, pos), nil))
			pruned++
		}
		ok = iter.Next()
	}
	if ok {
		next = append([]byte{}, iter.Key()...)
	}
	errs = append(errs, iter.Error(), iter.Close())
	if err := errors.Join(errs...); err != nil {
		return 0, nil, errors.Join(fmt.Errorf("dag: pruning: %w", err), batch.Close())
	}
	if pruned == 0 {
		return 0, next, batch.Close()
	}
	sp.held -= pruned
	sp.stubs += pruned
	if err := sp.save(batch); err != nil {
		return 0, nil, errors.Join(err, batch.Close())
	}
	return pruned, next, s.commitNow(batch)
}
