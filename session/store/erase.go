package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// An erasure takes three steps, each durable before the next begins:
//
//  1. the slot file gets a second erasure key;
//  2. one batch makes the change and moves every other erasable record to it;
//  3. the slot file is rewritten with the second key alone.
//
// After a crash between 1 and 2 nothing has changed but the slot; between 2 and
// 3 the change is there. finishErasure does the rest in both cases.

// movedRecord is an erasable record on its way to another erasure key.
type movedRecord struct{ key, name, value []byte }

// erases reports whether b replaces or deletes an erasable record that exists.
func (s *Store) erases(b *Batch) (bool, error) {
	for _, o := range b.ops {
		if !o.kind.erasable() {
			continue
		}
		_, closer, err := s.db.Get(s.keys.diskKey(o.kind, o.name, o.num))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		} else if err != nil {
			return false, fmt.Errorf("store: reading: %w", err)
		}
		return true, closer.Close()
	}
	return false, nil
}

// erase commits b and destroys the key of what it replaces.
func (s *Store) erase(b *Batch) error {
	old := s.keys
	if err := s.keys.addErasureKey(s.cfg.Rand); err != nil {
		s.keys = old
		return err
	}
	if err := s.writeSlot(); err != nil {
		return err
	}
	touched := map[string]bool{}
	for _, o := range b.ops {
		touched[string(s.keys.diskKey(o.kind, o.name, o.num))] = true
	}
	moved, err := s.erasable(touched)
	if err == nil {
		err = s.write(b, moved)
	}
	if err != nil {
		s.failed = fmt.Errorf("store: an erasure was cut short, nothing more is accepted until a restart: %w", err)
		return s.failed
	}
	s.keys.dropOldErasureKeys()
	return s.writeSlot()
}

// finishErasure completes an erasure that a crash interrupted.
func (s *Store) finishErasure() error {
	if len(s.keys.erasure) < 2 {
		return nil
	}
	moved, err := s.erasable(nil)
	if err != nil {
		return err
	}
	if err := s.write(&Batch{}, moved); err != nil {
		return err
	}
	s.keys.dropOldErasureKeys()
	return s.writeSlot()
}

// erasable reads every erasable record but those in except.
func (s *Store) erasable(except map[string]bool) (records []movedRecord, err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{byte(Erasable)}})
	if err != nil {
		return nil, fmt.Errorf("store: reading: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		key := slices.Clone(iter.Key())
		if except[string(key)] {
			continue
		}
		sealed, err := iter.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("store: reading: %w", err)
		}
		name, value, err := s.keys.open(key, sealed)
		if err != nil {
			return nil, err
		}
		records = append(records, movedRecord{key: key, name: slices.Clone(name), value: slices.Clone(value)})
	}
	return records, iter.Error()
}
