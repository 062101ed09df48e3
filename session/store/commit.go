package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Keys of the store's own records; numbers are big-endian.
//
//	0xff 'n'                            -> the next leaf of the tree of keys (8)
//	0xff 'p'                            -> generation (8), the next root sealed under the one before
//	0xff 't', level, number (8)         -> a node of the tree
//	0xff 'x', Unix milliseconds (8), database key of an erasable record -> its leaf (8)
var (
	keyNextLeaf = []byte{byte(kindOwn), 'n'}
	keyPending  = []byte{byte(kindOwn), 'p'}
	keyExpiry   = []byte{byte(kindOwn), 'x'}
)

func nodeKey(p place) []byte { return append([]byte{byte(kindOwn)}, nodeData(p)...) }

// nodesOf reads nodes of the tree.
func nodesOf(r reader) func(place) ([]byte, error) {
	return func(p place) ([]byte, error) { return get(r, nodeKey(p)) }
}

// Commit makes a batch durable: when it returns nil the changes survive a crash,
// and what it replaced or deleted of erasable kinds can't be decrypted any more.
// After an error the batch may still turn out to be there at the next start.
func (s *Store) Commit(b *Batch) error {
	for _, o := range b.ops {
		if len(o.name) > MaxName || len(o.value) > MaxValue {
			return fmt.Errorf("%w: name %d and value %d bytes, at most %d and %d", ErrTooLarge, len(o.name), len(o.value), MaxName, MaxValue)
		}
		if o.kind == kindOwn || (o.until != 0 && !o.kind.erasable()) {
			return fmt.Errorf("%w: kind %#x, with a time: %v", ErrKind, byte(o.kind), o.until != 0)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return s.commit(b.ops)
}

// change is an op with its key in the database.
type keyed struct {
	op
	key []byte
}

// last keeps the last op of each record: what one batch sets and changes again must
// never reach the disk.
func (s *Store) last(ops []op) []keyed {
	at := map[string]int{}
	out := make([]keyed, 0, len(ops))
	for _, o := range ops {
		k := keyed{o, s.keys.diskKey(o.kind, o.name, o.num)}
		if i, ok := at[string(k.key)]; ok {
			out[i] = k
			continue
		}
		at[string(k.key)] = len(out)
		out = append(out, k)
	}
	return out
}

// commit applies ops. The caller holds mu.
//
// An erasure is one synced batch with the new nodes, and the new root sealed under
// the old one; then the slot, whose rewriting destroys the old root. A crash in
// between leaves a slot that opens the new root: Open goes on from there.
func (s *Store) commit(ops []op) error {
	changes := s.last(ops)
	dead, err := s.dying(changes)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	next := s.tree
	if len(dead) > 0 {
		if next, err = s.puncture(batch, dead); err != nil {
			return err
		}
	}
	leaf := s.nextLeaf
	for _, c := range changes {
		if err := s.apply(batch, next, c, &leaf); err != nil {
			return err
		}
	}
	if leaf != s.nextLeaf {
		if err := batch.Set(keyNextLeaf, binary.BigEndian.AppendUint64(nil, leaf), nil); err != nil {
			return err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		// The batch may be in the log: leaves that it used must not be used again.
		s.failed = fmt.Errorf("store: writing failed, nothing more is accepted until a restart: %w", err)
		return s.failed
	}
	s.nextLeaf = leaf
	if next != s.tree {
		return s.turn(next.root)
	}
	return nil
}

// dying returns the leaves of the erasable records that changes replace or delete.
func (s *Store) dying(changes []keyed) (dead []uint64, err error) {
	for _, c := range changes {
		if !c.kind.erasable() {
			continue
		}
		sealed, err := get(s.db, c.key)
		if errors.Is(err, ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		leaf, _, err := leafOf(sealed)
		if err != nil {
			return nil, err
		}
		dead = append(dead, leaf)
	}
	return dead, nil
}

// puncture puts into batch what takes leaves out of the tree, and returns the tree
// as it will be.
func (s *Store) puncture(batch *pebble.Batch, dead []uint64) (*tree, error) {
	root, changes, seeds, err := s.tree.puncture(s.cfg.Rand, dead)
	if err != nil {
		return nil, err
	}
	for p, n := range changes {
		if n == nil {
			err = batch.Delete(nodeKey(p), nil)
		} else {
			var sealed []byte
			if sealed, err = n.seal(s.cfg.Rand, seeds[p], p); err == nil {
				err = batch.Set(nodeKey(p), sealed, nil)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	pending, err := sealNode(s.cfg.Rand, s.tree.root, pendingData(s.keys.generation+1), root.key[:])
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint64(nil, s.keys.generation+1)
	return &tree{root: root, get: nodesOf(s.db), fresh: changes}, batch.Set(keyPending, append(head, pending...), nil)
}

func pendingData(generation uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'p'}, generation)
}

// turn makes root the root in the slot, which destroys the one before. The caller
// holds mu.
func (s *Store) turn(root seed) error {
	k := s.keys
	k.generation, k.tree = k.generation+1, root
	if err := s.region.SetSecret(k.bytes()); err != nil {
		s.failed = fmt.Errorf("store: the keys could not be written, nothing more is accepted until a restart: %w", err)
		return s.failed
	}
	s.keys = k
	s.tree = &tree{root: root, get: nodesOf(s.db)}
	return nil
}

// finishErasure turns to the root of an erasure that a crash interrupted.
func (s *Store) finishErasure() error {
	pending, err := get(s.db, keyPending)
	if errors.Is(err, ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if len(pending) < 8 {
		return fmt.Errorf("%w: the record of an erasure has %d bytes", ErrCorrupt, len(pending))
	}
	generation := binary.BigEndian.Uint64(pending)
	switch {
	case generation <= s.keys.generation:
		return nil // it is done
	case generation > s.keys.generation+1:
		return fmt.Errorf("%w: the records are %d erasures ahead of their keys; the file was put together from two", ErrCorrupt, generation-s.keys.generation)
	}
	key, err := openNodeBytes(s.keys.tree, pendingData(generation), pending[8:])
	if err != nil {
		return err
	}
	if len(key) != keySize {
		return fmt.Errorf("%w: a root of %d bytes", ErrCorrupt, len(key))
	}
	root := seed{stored: true}
	copy(root.key[:], key)
	return s.turn(root)
}

// apply puts one change into batch.
func (s *Store) apply(batch *pebble.Batch, t *tree, c keyed, leaf *uint64) error {
	if c.del {
		return batch.Delete(c.key, nil)
	}
	secret, head := s.keys.values, []byte(nil)
	if c.kind.erasable() {
		if *leaf >= maxLeaves {
			return fmt.Errorf("%w: %d erasable records were written, no more are possible; export a backup and import it", ErrTooLarge, *leaf)
		}
		var err error
		if secret, err = t.key(*leaf); err != nil {
			return err
		}
		head = binary.BigEndian.AppendUint64(nil, *leaf)
		*leaf++
	}
	sealed, err := sealValue(s.cfg.Rand, secret, slices.Clone(head), c.key, c.name, c.value)
	if err != nil {
		return err
	}
	if c.until != 0 {
		if err := batch.Set(expiryKey(c.until, c.key), head, nil); err != nil {
			return err
		}
	}
	return batch.Set(c.key, sealed, nil)
}

func expiryKey(until int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(slices.Clone(keyExpiry), uint64(until)), key...)
}

// maxSweep is how many records one erasure of Sweep takes at most.
const maxSweep = 1000

// Sweep erases the records whose time has come, and returns how many.
func (s *Store) Sweep(now time.Time) (erased int, err error) {
	for {
		n, more, err := s.sweep(now)
		erased += n
		if err != nil || !more {
			return erased, err
		}
	}
}

func (s *Store) sweep(now time.Time) (erased int, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, false, err
	}
	upper := binary.BigEndian.AppendUint64(slices.Clone(keyExpiry), uint64(max(0, now.UnixMilli()))+1)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keyExpiry, UpperBound: upper})
	if err != nil {
		return 0, false, fmt.Errorf("store: reading: %w", err)
	}
	var due, records [][]byte
	var dead []uint64
	for ok := iter.First(); ok && len(due) < maxSweep; ok = iter.Next() {
		entry := slices.Clone(iter.Key())
		if len(entry) != len(keyExpiry)+8+diskKeySize || len(iter.Value()) != 8 {
			err = fmt.Errorf("%w: a time of %d bytes", ErrCorrupt, len(entry))
			break
		}
		due = append(due, entry)
		// A record that was written again since has another leaf, and another time or none.
		key := entry[len(keyExpiry)+8:]
		sealed, e := get(s.db, key)
		if errors.Is(e, ErrNotFound) {
			continue
		} else if e != nil {
			err = e
			break
		}
		if leaf := binary.BigEndian.Uint64(iter.Value()); len(sealed) >= 8 && binary.BigEndian.Uint64(sealed) == leaf {
			dead, records = append(dead, leaf), append(records, key)
		}
	}
	if err = errors.Join(err, iter.Error(), iter.Close()); err != nil || len(due) == 0 {
		return 0, false, err
	}
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	next := s.tree
	if len(dead) > 0 {
		if next, err = s.puncture(batch, dead); err != nil {
			return 0, false, err
		}
	}
	for _, key := range slices.Concat(due, records) {
		if err := batch.Delete(key, nil); err != nil {
			return 0, false, err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		s.failed = fmt.Errorf("store: writing failed, nothing more is accepted until a restart: %w", err)
		return 0, false, s.failed
	}
	if next != s.tree {
		err = s.turn(next.root)
	}
	return len(dead), len(due) == maxSweep, err
}

// NextSweep returns when the first record's time comes, and whether there is one.
func (s *Store) NextSweep() (at time.Time, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return time.Time{}, false, err
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keyExpiry, UpperBound: []byte{byte(kindOwn), 'x' + 1}})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("store: reading: %w", err)
	}
	if ok = iter.First() && len(iter.Key()) >= len(keyExpiry)+8; ok {
		at = time.UnixMilli(int64(binary.BigEndian.Uint64(iter.Key()[len(keyExpiry):])))
	}
	return at, ok, errors.Join(iter.Error(), iter.Close())
}
