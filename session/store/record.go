package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Kind says what records are about. Its numbers are part of the format on disk;
// the packages that own the records choose them.
type Kind byte

// Erasable is the bit that makes a kind erasable: see the package comment. What
// an erasure costs does not depend on how many records there are.
const Erasable Kind = 0x80

// kindOwn is the store's own and nobody else's.
const kindOwn Kind = 0xff

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
	// until is when the record is to be gone, Unix milliseconds; 0 means never.
	until int64
}

// Put sets a record.
func (b *Batch) Put(kind Kind, name []byte, num uint64, value []byte) {
	b.ops = append(b.ops, op{kind: kind, name: name, num: num, value: value})
}

// PutUntil sets a record of an erasable kind that [Store.Sweep] erases once the
// time has come. A later Put of the same record takes the time away.
func (b *Batch) PutUntil(kind Kind, name []byte, num uint64, value []byte, until time.Time) {
	b.ops = append(b.ops, op{kind: kind, name: name, num: num, value: value, until: max(1, until.UnixMilli())})
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
	sealed, err := get(s.db, key)
	if err != nil {
		return nil, err
	}
	_, value, err := openRecord(s.keys, s.tree, key, sealed)
	return value, err
}

// reader is a database or a snapshot of one.
type reader interface {
	Get(key []byte) ([]byte, io.Closer, error)
}

// get returns a copy of a value, or ErrNotFound.
func get(r reader, key []byte) ([]byte, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, fmt.Errorf("store: reading: %w", err)
	}
	return slices.Clone(value), closer.Close()
}

// leafOf returns which leaf of the tree of keys an erasable record is under, and
// what follows.
func leafOf(sealed []byte) (uint64, []byte, error) {
	if len(sealed) < 8 {
		return 0, nil, fmt.Errorf("%w: an erasable record of %d bytes", ErrCorrupt, len(sealed))
	}
	leaf := binary.BigEndian.Uint64(sealed)
	if leaf >= maxLeaves {
		return 0, nil, fmt.Errorf("%w: an erasable record under key %d", ErrCorrupt, leaf)
	}
	return leaf, sealed[8:], nil
}

// openRecord decrypts a record.
func openRecord(k keys, t *tree, key, sealed []byte) (name, value []byte, err error) {
	if !Kind(key[0]).erasable() {
		return openValue(k.values, key, sealed)
	}
	leaf, sealed, err := leafOf(sealed)
	if err != nil {
		return nil, nil, err
	}
	secret, err := t.key(leaf)
	if errors.Is(err, errErased) {
		return nil, nil, fmt.Errorf("%w: a record's key was erased", ErrCorrupt)
	} else if err != nil {
		return nil, nil, err
	}
	return openValue(secret, key, sealed)
}

// Scan calls f for records of a kind, from number from on: those of one name in
// the order of their numbers, or all when name is nil, name by name in no
// particular order of names. It stops when f returns false. It sees the store as
// it was when Scan began; f may use the store.
func (s *Store) Scan(kind Kind, name []byte, from uint64, f func(Record) bool) error {
	lower, upper := []byte{byte(kind)}, []byte{byte(kind) + 1}
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return err
	}
	if name != nil {
		prefix := s.keys.prefix(kind, name)
		lower = binary.BigEndian.AppendUint64(slices.Clone(prefix), from)
		upper = append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	snapshot := s.db.NewSnapshot()
	keys, tree := s.keys, &tree{root: s.tree.root, get: nodesOf(snapshot)}
	s.mu.Unlock()
	err := scan(snapshot, keys, tree, lower, upper, from, f)
	return errors.Join(err, snapshot.Close())
}

func scan(from *pebble.Snapshot, k keys, t *tree, lower, upper []byte, first uint64, f func(Record) bool) (err error) {
	iter, err := from.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		key := iter.Key()
		if len(key) != diskKeySize {
			return fmt.Errorf("%w: a key of %d bytes", ErrCorrupt, len(key))
		}
		num := binary.BigEndian.Uint64(key[1+nameHashSize:])
		if num < first {
			continue
		}
		sealed, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store: reading: %w", err)
		}
		name, value, err := openRecord(k, t, key, sealed)
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
