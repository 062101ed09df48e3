package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/store/folder/cryptfs"
	"github.com/pars-network/pars/session/vault"
)

var benchRules = dag.Rules{Auth: dag.Vouched, Seed: [32]byte{2}}

// ingest appends n vertices of 500 bytes to a graph, by 16 writers, durably one by
// one, and returns how long it took.
func ingest(b *testing.B, fs vfs.FS, dir string, n int) time.Duration {
	g, err := dag.Open(dag.Config{FS: fs, Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Join(benchRules); err != nil {
		b.Fatal(err)
	}
	const writers = 16
	start := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(w)))
			author := dag.NewVouchedWriter(dag.Author(binary.BigEndian.AppendUint32(make([]byte, 28), uint32(w))))
			for range n / writers {
				payload := make([]byte, 500)
				for i := range payload {
					payload[i] = byte(rng.Uint32())
				}
				if _, _, err := g.Append(context.Background(), benchRules.Space(), author, dag.Data, payload); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	if err := g.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// rawIngest writes as many bytes under ids to a plain database, one in a synced
// batch.
func rawIngest(b *testing.B, fs vfs.FS, dir string, n int) time.Duration {
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, MemTableSize: 8 << 20, Logger: silent{}})
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(8, uint64(w)))
			for range n / 16 {
				key, value := make([]byte, 32), make([]byte, 900)
				for _, p := range [][]byte{key, value} {
					for i := range p {
						p[i] = byte(rng.Uint32())
					}
				}
				if err := db.Set(key, value, pebble.Sync); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

type silent struct{}

func (silent) Infof(string, ...any)      {}
func (silent) Errorf(string, ...any)     {}
func (silent) Fatalf(f string, _ ...any) { panic(f) }

func openAt(b *testing.B, dir string, touch vault.Touch) *store.Store {
	b.Helper()
	s, err := store.Open(store.Config{Dir: dir, Region: 64 << 20, Touch: touch})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkGraph is durable ingest into a graph: on encrypted files in a folder, as
// before the vault, in a region whose writes are repeated in the others, in one whose
// are not, and raw pebble on plain files.
func BenchmarkGraph(b *testing.B) {
	const turns, n = 3, 6000
	took := map[string]time.Duration{}
	for turn := range turns {
		dir := func(what string) string { return fmt.Sprintf("%s/%s%d", b.TempDir(), what, turn) }
		took["folder"] += ingest(b, cryptfs.New(vfs.Default, [32]byte{1}, nil), dir("folder"), n)
		for what, touch := range map[string]vault.Touch{"region": vault.TouchAll, "region-touch-one": vault.TouchOne} {
			s := openAt(b, dir(what), touch)
			fs, at, err := s.Graph()
			if err != nil {
				b.Fatal(err)
			}
			took[what] += ingest(b, fs, at, n)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		took["raw"] += rawIngest(b, vfs.Default, dir("raw"), n)
	}
	for what, t := range took {
		b.ReportMetric(turns*n/t.Seconds(), what+"-vertices/s")
	}
	b.ReportMetric(took["region"].Seconds()/took["folder"].Seconds(), "region-of-folder")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCommit is one record of 1 KiB in a batch of its own, of an ordinary kind,
// of an erasable one, and of an erasable one that replaces itself.
func BenchmarkCommit(b *testing.B) {
	for name, c := range map[string]struct {
		kind store.Kind
		same bool
	}{"plain": {1, false}, "erasable": {0x81, false}, "erasing": {0x81, true}} {
		b.Run(name, func(b *testing.B) {
			s := openAt(b, b.TempDir(), vault.TouchAll)
			value := make([]byte, 1024)
			for i := 0; b.Loop(); i++ {
				var batch store.Batch
				num := uint64(i)
				if c.same {
					num = 0
				}
				batch.Put(c.kind, []byte("m"), num, value)
				if err := s.Commit(&batch); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkOpen is the opening of a store of 10,000 records with a passphrase, of
// which Argon2id takes most, and without.
func BenchmarkOpen(b *testing.B) {
	for name, passphrase := range map[string][]byte{"passphrase": []byte("p"), "none": nil} {
		b.Run(name, func(b *testing.B) {
			cfg := store.Config{Dir: b.TempDir(), Passphrase: passphrase, Region: 64 << 20}
			s, err := store.Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			var batch store.Batch
			for i := range uint64(10_000) {
				batch.Put(1, []byte("m"), i, make([]byte, 300))
			}
			if err := errors.Join(s.Commit(&batch), s.Close()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := store.Open(cfg)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkCreate is making a vault of four regions of 64 MiB.
func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		s := openAt(b, b.TempDir(), vault.TouchAll)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWipe is the panic wipe of a vault of four regions of 64 MiB.
func BenchmarkWipe(b *testing.B) {
	dir := b.TempDir()
	if err := openAt(b, dir, vault.TouchAll).Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := store.Wipe(dir); err != nil {
			b.Fatal(err)
		}
	}
}
