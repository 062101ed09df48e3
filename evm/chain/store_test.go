package chain

import (
	"slices"
	"sync"
	"testing"

	"github.com/ava-labs/libevm/ethdb"
	"github.com/ava-labs/libevm/ethdb/memorydb"
)

// write is one change of a key; a nil value deletes it.
type write struct{ key, value []byte }

// recordingStore remembers every atomic write in order. Any prefix of them is a
// state in which a killed node can find its disk: each write is flushed before
// the next begins.
type recordingStore struct {
	*memorydb.Database
	mu     sync.Mutex
	writes [][]write
}

func newRecordingStore() *recordingStore { return &recordingStore{Database: memorydb.New()} }

func (s *recordingStore) record(ws []write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, ws)
}

func (s *recordingStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes)
}

func (s *recordingStore) Put(key, value []byte) error {
	s.record([]write{{slices.Clone(key), append([]byte{}, value...)}})
	return s.Database.Put(key, value)
}

func (s *recordingStore) Delete(key []byte) error {
	s.record([]write{{slices.Clone(key), nil}})
	return s.Database.Delete(key)
}

func (s *recordingStore) NewBatch() ethdb.Batch {
	return &recordingBatch{Batch: s.Database.NewBatch(), store: s}
}

func (s *recordingStore) NewBatchWithSize(size int) ethdb.Batch {
	return &recordingBatch{Batch: s.Database.NewBatchWithSize(size), store: s}
}

// at returns the disk after the first n writes.
func (s *recordingStore) at(t testing.TB, n int) *recordingStore {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := newRecordingStore()
	for _, ws := range s.writes[:n] {
		for _, w := range ws {
			var err error
			if w.value == nil {
				err = out.Database.Delete(w.key)
			} else {
				err = out.Database.Put(w.key, w.value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

type recordingBatch struct {
	ethdb.Batch
	store  *recordingStore
	writes []write
}

func (b *recordingBatch) Put(key, value []byte) error {
	b.writes = append(b.writes, write{slices.Clone(key), append([]byte{}, value...)})
	return b.Batch.Put(key, value)
}

func (b *recordingBatch) Delete(key []byte) error {
	b.writes = append(b.writes, write{slices.Clone(key), nil})
	return b.Batch.Delete(key)
}

func (b *recordingBatch) Write() error {
	b.store.record(slices.Clone(b.writes))
	return b.Batch.Write()
}

func (b *recordingBatch) Reset() {
	b.writes = nil
	b.Batch.Reset()
}

// copyStore returns a copy of a store in memory.
func copyStore(t testing.TB, from ethdb.KeyValueStore) ethdb.KeyValueStore {
	t.Helper()
	to := memorydb.New()
	it := from.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		if err := to.Put(it.Key(), it.Value()); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
