package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Kind says what records are about. Its numbers are part of the format on disk;
// the packages that own the records choose them.
type Kind byte

// Erasable is the bit that makes a kind erasable: see the package comment.
// Erasable records should be few, since erasing one rewrites all of them.
const Erasable Kind = 0x80

func (k Kind) erasable() bool { return k&Erasable != 0 }

// Record is one stored value.
type Record struct {
	Name  []byte
	Num   uint64
	Value []byte
}

// Batch is a set of changes that happen together or not at all. The zero value
// is empty; a batch is for one goroutine.
type Batch struct{ ops []op }

type op struct {
	kind  Kind
	name  []byte
	num   uint64
	value []byte
	del   bool
}

// Put sets a record.
func (b *Batch) Put(kind Kind, name []byte, num uint64, value []byte) {
	b.ops = append(b.ops, op{kind: kind, name: name, num: num, value: value})
}

// Delete removes a record, if it exists.
func (b *Batch) Delete(kind Kind, name []byte, num uint64) {
	b.ops = append(b.ops, op{kind: kind, name: name, num: num, del: true})
}

// Append adds the changes of another batch after those of b.
func (b *Batch) Append(o *Batch) { b.ops = append(b.ops, o.ops...) }

// Get returns the value of one record, or [ErrNotFound].
func (s *Store) Get(kind Kind, name []byte, num uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	key := s.keys.diskKey(kind, name, num)
	sealed, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, fmt.Errorf("store: reading: %w", err)
	}
	_, value, err := s.keys.open(key, sealed)
	return value, errors.Join(err, closer.Close())
}

// Scan calls f for records of a kind, from number from on: those of one name in
// the order of their numbers, or all when name is nil, name by name in no
// particular order of names. It stops when f returns false. It sees the store as
// it was when Scan began; f may use the store.
func (s *Store) Scan(kind Kind, name []byte, from uint64, f func(Record) bool) error {
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return err
	}
	lower, upper := []byte{byte(kind)}, []byte{byte(kind) + 1}
	if kind == 0xff {
		upper = nil
	}
	if name != nil {
		prefix := s.keys.prefix(kind, name)
		lower = binary.BigEndian.AppendUint64(slices.Clone(prefix), from)
		upper = append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	keys := s.keys
	keys.erasure = slices.Clone(keys.erasure)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	return errors.Join(scan(iter, keys, from, f), iter.Close())
}

func scan(iter *pebble.Iterator, keys keyTree, from uint64, f func(Record) bool) error {
	for ok := iter.First(); ok; ok = iter.Next() {
		key := iter.Key()
		if len(key) != diskKeySize {
			return fmt.Errorf("%w: a key of %d bytes", ErrCorrupt, len(key))
		}
		num := binary.BigEndian.Uint64(key[1+nameHashSize:])
		if num < from {
			continue
		}
		sealed, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store: reading: %w", err)
		}
		name, value, err := keys.open(key, sealed)
		if err != nil {
			return err
		}
		if !f(Record{Name: name, Num: num, Value: value}) {
			return nil
		}
	}
	return iter.Error()
}

// Last returns the highest number of a kind's records with that name, and
// whether there is one.
func (s *Store) Last(kind Kind, name []byte) (num uint64, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, false, err
	}
	prefix := s.keys.prefix(kind, name)
	upper := append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: upper})
	if err != nil {
		return 0, false, fmt.Errorf("store: reading: %w", err)
	}
	if ok = iter.Last(); ok {
		num = binary.BigEndian.Uint64(iter.Key()[1+nameHashSize:])
	}
	return num, ok, errors.Join(iter.Error(), iter.Close())
}

// Commit makes a batch durable: when it returns nil the changes survive a crash.
// After an error the batch may still turn out to be there at the next start.
func (s *Store) Commit(b *Batch) error {
	for _, o := range b.ops {
		if len(o.name) > MaxName || len(o.value) > MaxValue {
			return fmt.Errorf("%w: name %d and value %d bytes, at most %d and %d", ErrTooLarge, len(o.name), len(o.value), MaxName, MaxValue)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	erases, err := s.erases(b)
	if err != nil {
		return err
	}
	if erases {
		return s.erase(b)
	}
	return s.write(b, nil)
}

// write applies moved records, then b. The caller holds mu.
func (s *Store) write(b *Batch, moved []movedRecord) error {
	batch := s.db.NewBatch()
	for _, m := range moved {
		if err := s.put(batch, m.key, m.name, m.value); err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	for _, o := range b.ops {
		key := s.keys.diskKey(o.kind, o.name, o.num)
		var err error
		if o.del {
			err = batch.Delete(key, nil)
		} else {
			err = s.put(batch, key, o.name, o.value)
		}
		if err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("store: writing: %w", err)
	}
	return batch.Close()
}

func (s *Store) put(batch *pebble.Batch, key, name, value []byte) error {
	sealed, err := s.keys.seal(s.cfg.Rand, key, name, value)
	if err != nil {
		return err
	}
	return batch.Set(key, sealed, nil)
}
