package file

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrNoSource reports that no source could give what is missing. What has come is kept:
// the next [Fetch] goes on from there.
var ErrNoSource = errors.New("file: no source has what is missing")

// Source is where chunks come from: another device over a link, a service node. Its
// methods may be called from several goroutines.
type Source interface {
	// String names the source for people.
	String() string
	// Chunk asks for one chunk with its proof.
	Chunk(ctx context.Context, n Name, index uint64) (chunk []byte, proof []Hash, err error)
}

// Sink is where chunks go.
type Sink interface {
	// String names the sink for people.
	String() string
	// Missing returns up to most chunks that it does not have, from an index on.
	Missing(ctx context.Context, n Name, from uint64, most int) ([]uint64, error)
	// Put brings one chunk.
	Put(ctx context.Context, n Name, index uint64, chunk []byte, proof []Hash) error
}

// perSource is how many chunks are asked of one source at once.
const perSource = 2

// Fault is what was wrong with a source.
type Fault struct {
	Source string
	Index  uint64
	// Err matches [ErrChunk] if the source gave a wrong chunk; else it could not give one.
	Err error
}

// Report is what came of a transfer.
type Report struct {
	// Done of Total chunks are there.
	Done, Total uint64
	// From counts the chunks that each source gave.
	From map[string]int
	// Faults names sources that were given up.
	Faults []Fault
}

// Progress is told after every chunk.
type Progress func(done, total uint64)

// fetch is one transfer under way.
type fetch struct {
	blob     *Blob
	progress Progress

	mu     sync.Mutex
	report Report
	todo   []uint64
	next   uint64 // everything below is in todo, on its way or here
	away   int    // chunks on their way
	moved  sync.Cond
	failed error
}

// Fetch brings in what is missing of a blob, from all sources at once. A source
// that fails or gives a wrong chunk is not asked again; the rest go on. Errors match [ErrNoSource],
// those of ctx and of the disk. The report is there in any case.
func Fetch(ctx context.Context, x *Blob, sources []Source, progress Progress) (Report, error) {
	f := &fetch{blob: x, progress: progress}
	f.moved.L = &f.mu
	f.report.From = map[string]int{}
	f.report.Done, f.report.Total = x.Have()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.moved.Broadcast()
	})()
	var all sync.WaitGroup
	for _, s := range sources {
		given := &given{} // one fault stops all that is asked of a source
		for range perSource {
			all.Go(func() { f.from(ctx, cancel, s, given) })
		}
	}
	all.Wait()
	if err := x.Sync(); err != nil {
		return f.report, err
	}
	f.report.Done, f.report.Total = x.Have()
	switch {
	case f.failed != nil:
		return f.report, f.failed
	case f.report.Done == f.report.Total:
		return f.report, nil
	case ctx.Err() != nil:
		return f.report, ctx.Err()
	default:
		return f.report, fmt.Errorf("%w: %d of %d chunks are here", ErrNoSource, f.report.Done, f.report.Total)
	}
}

// given says that a source was given up.
type given struct {
	mu sync.Mutex
	up bool
}

func (g *given) set() (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first = !g.up
	g.up = true
	return first
}

func (g *given) is() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.up
}

// take returns the next chunk to ask for. While the last ones are on their way it waits,
// for one may come back; false if there is nothing left or the transfer is over.
func (f *fetch) take(ctx context.Context) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ctx.Err() == nil {
		if len(f.todo) == 0 {
			if f.todo = f.blob.Missing(f.next, 64); len(f.todo) > 0 {
				f.next = f.todo[len(f.todo)-1] + 1
			}
		}
		if len(f.todo) > 0 {
			i := f.todo[0]
			f.todo = f.todo[1:]
			f.away++
			return i, true
		}
		if f.away == 0 {
			break
		}
		f.moved.Wait()
	}
	return 0, false
}

// done notes that a chunk is no longer on its way, and puts it back for other sources
// if it has not come.
func (f *fetch) done(i uint64, came bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away--
	if !came {
		f.todo = slices.Insert(f.todo, 0, i)
	}
	f.moved.Broadcast()
}

func (f *fetch) from(ctx context.Context, cancel context.CancelFunc, s Source, g *given) {
	for !g.is() {
		i, ok := f.take(ctx)
		if !ok {
			return
		}
		disk := false
		chunk, proof, err := s.Chunk(ctx, f.blob.name, i)
		if err == nil {
			err = f.blob.Put(i, chunk, proof)
			disk = err != nil && !errors.Is(err, ErrChunk)
		}
		f.done(i, err == nil)
		switch {
		case err == nil:
			f.came(s)
		case disk:
			f.mu.Lock()
			f.failed = err
			f.mu.Unlock()
			cancel()
			return
		case ctx.Err() == nil && g.set():
			f.mu.Lock()
			f.report.Faults = append(f.report.Faults, Fault{s.String(), i, err})
			f.mu.Unlock()
		}
	}
}

// came counts a chunk.
func (f *fetch) came(s Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report.From[s.String()]++
	if f.progress != nil {
		f.progress(f.blob.Have())
	}
}

// Push brings a whole blob to a sink, those chunks that it does not have.
func Push(ctx context.Context, x *Blob, to Sink, progress Progress) error {
	total := x.name.Chunks()
	var from uint64
	for from < total {
		missing, err := to.Missing(ctx, x.name, from, 64)
		if err != nil {
			return fmt.Errorf("file: asking %s: %w", to, err)
		}
		if len(missing) == 0 {
			break
		}
		for _, i := range missing {
			if i < from || i >= total {
				return fmt.Errorf("file: %s asks for chunk %d of %d, from %d on", to, i, total, from)
			}
			chunk, proof, err := x.Chunk(i)
			if err != nil {
				return err
			}
			if err := to.Put(ctx, x.name, i, chunk, proof); err != nil {
				return fmt.Errorf("file: bringing chunk %d to %s: %w", i, to, err)
			}
			from = i + 1
			if progress != nil {
				progress(from, total)
			}
		}
	}
	if progress != nil {
		progress(total, total)
	}
	return nil
}
