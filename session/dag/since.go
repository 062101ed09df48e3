package dag

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Entry is one vertex of an iteration.
type Entry struct {
	Header
	sp *space
	r  pebble.Reader
}

// Encoded reads the vertex's bytes; it may be called until the iteration goes on.
// The error matches [ErrPruned] if they were pruned.
func (e Entry) Encoded() ([]byte, error) { return e.sp.bytes(e.r, e.Position) }

// Since yields what the store held, when the iteration began, that is not in the past
// of a frontier nor in the frontier itself, parents before children: what is new
// for somebody who has all that. nil yields everything. Ids that were never
// accepted here are skipped; there may be [MaxFrontier] ids. Pruned vertices are left out.
//
// It reads what it yields and little more. Only where vertices lie on no chain (see
// the package comment) and the frontier's past down to them is larger than
// [MaxSearch], it may yield some of those though the frontier has them.
func (s *Store) Since(space Space, frontier []ID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w, err := s.walk(space, frontier)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer s.calls.Done()
		stopped, err := w.run(yield)
		if err = errors.Join(err, w.close()); err != nil && !stopped {
			yield(Entry{}, err)
		}
	}
}

// walk is an iteration in causal order, over a snapshot of the database.
type walk struct {
	sp   *space
	db   *pebble.Snapshot
	line uint64
	todo cursors
	// What is read comes by one iterator for all nodes, in their order, and one for
	// all chains: making one costs more than a few records.
	nodes, index *pebble.Iterator
}

// cursor stands on one chain, or for chain 0 on the vertices that are on none.
type cursor struct {
	chain uint32
	place uint32 // next place to read
	from  uint64 // next position to read, on no chain
	past  map[uint64]bool
	ahead []uint64 // positions that were read, next first
}

// readAhead is how many positions a cursor reads at once.
const readAhead = 64

func (s *Store) walk(id Space, frontier []ID) (*walk, error) {
	sp, err := s.begin(id)
	if err != nil {
		return nil, err
	}
	w, err := sp.walk(frontier)
	s.mu.Unlock()
	if err != nil {
		s.calls.Done()
	}
	return w, err
}

// MaxFrontier is how many ids the frontier given to [Store.Since] may have.
const MaxFrontier = 4096

func (sp *space) walk(frontier []ID) (*walk, error) {
	if len(frontier) > MaxFrontier {
		return nil, fmt.Errorf("dag: a frontier of %d ids, want at most %d", len(frontier), MaxFrontier)
	}
	var nodes []*node
	for _, id := range frontier {
		n, err := sp.find(id)
		if err != nil {
			return nil, err
		}
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(b.pos, a.pos) })
	clock, err := sp.clockOf(nodes)
	if err != nil {
		return nil, err
	}
	w := &walk{sp: sp, db: sp.store.db.NewSnapshot(), line: sp.line}
	for i, t := range sp.tips {
		c := &cursor{chain: uint32(i + 1), place: 1}
		if i < len(clock) {
			c.place = clock[i] + 1
		}
		if c.place <= t.place {
			w.todo = append(w.todo, c)
		}
	}
	if sp.loose > 0 {
		past, _, err := sp.past(nodes, 0, 0)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.todo = append(w.todo, &cursor{from: 1, past: past})
	}
	return w, nil
}

// open makes the iterators.
func (w *walk) open() error {
	var err error
	if w.nodes, err = w.db.NewIter(&pebble.IterOptions{LowerBound: w.sp.key(keyNode), UpperBound: after(w.sp.key(keyNode))}); err == nil {
		w.index, err = w.db.NewIter(nil)
	}
	if err != nil {
		return fmt.Errorf("dag: reading a space: %w", err)
	}
	return nil
}

func (w *walk) close() error {
	var errs []error
	for _, it := range []*pebble.Iterator{w.nodes, w.index} {
		if it != nil {
			errs = append(errs, it.Close())
		}
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// run yields the vertices of all cursors by position and reports whether yield
// asked it to stop.
func (w *walk) run(yield func(Entry, error) bool) (stopped bool, err error) {
	if len(w.todo) == 0 {
		return false, nil
	}
	if err := w.open(); err != nil {
		return false, err
	}
	var ready cursors
	for _, c := range w.todo {
		if err := w.fill(c); err != nil {
			return false, err
		}
		if len(c.ahead) > 0 {
			ready = append(ready, c)
		}
	}
	heap.Init(&ready)
	for len(ready) > 0 {
		c := ready[0]
		n, err := w.node(c.ahead[0])
		if err != nil {
			return false, err
		}
		e := Entry{Header: n.header(), sp: w.sp, r: w.db}
		here, err := w.here(n)
		if err != nil {
			return false, err
		}
		if here && !yield(e, nil) {
			return true, nil
		}
		if c.ahead = c.ahead[1:]; len(c.ahead) == 0 {
			if err := w.fill(c); err != nil {
				return false, err
			}
		}
		if len(c.ahead) == 0 {
			heap.Pop(&ready)
		} else {
			heap.Fix(&ready, 0)
		}
	}
	return false, nil
}

// node reads one vertex; calls come in order of position.
func (w *walk) node(pos uint64) (*node, error) {
	key := w.sp.posKey(keyNode, pos)
	found := w.nodes.SeekGE(key) && bytes.Equal(w.nodes.Key(), key)
	if err := w.nodes.Error(); err != nil {
		return nil, fmt.Errorf("dag: reading a node: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("%w: node %d of space %s is missing", ErrCorrupt, pos, w.sp.id)
	}
	return decodeNode(pos, w.nodes.Value())
}

// here reports whether a vertex was not pruned. That of a vertex above the line
// need not be looked up.
func (w *walk) here(n *node) (bool, error) {
	if n.lamport >= w.line {
		return true, nil
	}
	_, found, err := read(w.db, w.sp.key(keyID, n.id[:]))
	return found, err
}

// fill reads the next positions of a cursor.
func (w *walk) fill(c *cursor) error {
	lower, upper := w.sp.chainKey(c.chain, c.place), after(w.sp.chainKey(c.chain, 0)[:9])
	if c.chain == 0 {
		lower, upper = w.sp.posKey(keyLoose, c.from), after(w.sp.key(keyLoose))
	}
	c.ahead = c.ahead[:0]
	it := w.index
	for ok := it.SeekGE(lower); ok && len(c.ahead) < readAhead && bytes.Compare(it.Key(), upper) < 0; ok = it.Next() {
		pos, key := uint64(0), it.Key()
		if c.chain == 0 {
			pos = binary.BigEndian.Uint64(key[5:])
			c.from = pos + 1
			if c.past[pos] {
				continue
			}
		} else {
			r := reader{rest: it.Value()}
			pos = r.uvarint()
			c.place = binary.BigEndian.Uint32(key[9:]) + 1
			if r.bad {
				return fmt.Errorf("%w: chain %d of space %s", ErrCorrupt, c.chain, w.sp.id)
			}
		}
		c.ahead = append(c.ahead, pos)
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("dag: reading a chain: %w", err)
	}
	return nil
}

// cursors is a heap with the lowest next position on top.
type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, j int) bool { return h[i].ahead[0] < h[j].ahead[0] }
func (h cursors) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *cursors) Push(x any) {
	if c, ok := x.(*cursor); ok {
		*h = append(*h, c)
	}
}

// Pop is for package heap.
func (h *cursors) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
