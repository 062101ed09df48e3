package dag

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// ErrSearch reports a question about vertices on no chain that [MaxSearch] steps
// did not answer (see the package comment).
var ErrSearch = errors.New("dag: too many vertices to search")

// Header is what the store knows of a vertex without reading its bytes.
type Header struct {
	ID      ID
	Lamport uint64
	Seq     uint64
	Kind    Kind
	// Position is its local number in the order of arrival, from 1.
	Position uint64
}

func (n *node) header() Header {
	return Header{ID: n.id, Lamport: n.lamport, Seq: n.seq, Kind: n.kind, Position: n.pos}
}

// Has reports whether a vertex was accepted, be it pruned since or not.
func (s *Store) Has(space Space, id ID) (bool, error) {
	_, found, err := s.Header(space, id)
	return found, err
}

// Header returns what is known of an accepted vertex, and whether it is one.
func (s *Store) Header(space Space, id ID) (Header, bool, error) {
	sp, err := s.begin(space)
	if err != nil {
		return Header{}, false, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	n, err := sp.find(id)
	if err != nil || n == nil {
		return Header{}, false, err
	}
	return n.header(), true, nil
}

// Encoded returns the bytes of an accepted vertex: [ErrNotFound], or [ErrPruned].
func (s *Store) Encoded(space Space, id ID) ([]byte, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	n, err := sp.find(id)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return sp.bytes(s.db, n.pos)
}

func (sp *space) bytes(r pebble.Reader, pos uint64) ([]byte, error) {
	data, found, err := read(r, sp.posKey(keyBytes, pos))
	if err == nil && !found {
		err = fmt.Errorf("%w: position %d", ErrPruned, pos)
	}
	return data, err
}

// Get returns an accepted vertex: [ErrNotFound], or [ErrPruned].
func (s *Store) Get(space Space, id ID) (*Vertex, error) {
	data, err := s.Encoded(space, id)
	if err != nil {
		return nil, err
	}
	v, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: vertex %s: %w", ErrCorrupt, id, err)
	}
	return v, nil
}

// Frontier returns the ids of the vertices that no other names as parent,
// ascending.
func (s *Store) Frontier(space Space) ([]ID, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	return sp.frontier(), nil
}

func (sp *space) frontier() []ID {
	ids := make([]ID, 0, len(sp.heads))
	for _, id := range sp.heads {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	return ids
}

// Ancestor reports whether a is in b's past; a vertex is not in its own. Errors
// match [ErrNotFound] for a vertex that was never accepted, and [ErrSearch]
// if a lies on no chain and b's past above it is too large.
func (s *Store) Ancestor(space Space, a, b ID) (bool, error) {
	sp, err := s.begin(space)
	if err != nil {
		return false, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	na, err := sp.must(a)
	if err != nil {
		return false, err
	}
	nb, err := sp.must(b)
	if err != nil {
		return false, err
	}
	if na.pos >= nb.pos || na.lamport >= nb.lamport {
		return false, nil
	}
	if na.chain == 0 {
		return sp.search(na, nb)
	}
	clock, err := sp.clock(nb)
	return covers(clock, na.chain, na.place), err
}

func (sp *space) must(id ID) (*node, error) {
	n, err := sp.find(id)
	if err == nil && n == nil {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return n, err
}

// search looks for a, which is on no chain, in b's past.
func (sp *space) search(a, b *node) (bool, error) {
	past, whole, err := sp.past([]*node{b}, a.lamport, a.pos)
	switch {
	case err != nil:
		return false, err
	case past[a.pos]:
		return true, nil
	case !whole:
		return false, fmt.Errorf("%w: %s in the past of %s", ErrSearch, a.id, b.id)
	default:
		return false, nil
	}
}

// past collects the positions of vertices in the past of from, themselves
// included, of lamport number low and above, highest first, until it has seen
// stop, if that is not 0, or as many as [MaxSearch]. It reports whether it saw all.
func (sp *space) past(from []*node, low, stop uint64) (map[uint64]bool, bool, error) {
	seen := map[uint64]bool{}
	var todo byLamport
	for _, n := range from {
		seen[n.pos] = true
		heap.Push(&todo, n)
	}
	for len(todo) > 0 {
		n, _ := heap.Pop(&todo).(*node)
		for _, pos := range n.parents {
			if seen[pos] {
				continue
			}
			if len(seen) >= sp.store.chains.search {
				return seen, false, nil
			}
			p, err := sp.node(pos)
			if err != nil {
				return nil, false, err
			}
			if p.lamport < low {
				continue
			}
			seen[pos] = true
			if pos == stop {
				return seen, false, nil
			}
			heap.Push(&todo, p)
		}
	}
	return seen, true, nil
}

// byLamport is a heap with the highest vertex on top.
type byLamport []*node

func (h byLamport) Len() int           { return len(h) }
func (h byLamport) Less(i, j int) bool { return h[i].lamport > h[j].lamport }
func (h byLamport) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *byLamport) Push(x any) {
	if n, ok := x.(*node); ok {
		*h = append(*h, n)
	}
}

// Pop is for package heap.
func (h *byLamport) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// ByAuthor returns an author's vertices with seq from first to last, ascending by
// seq, those of a fork by arrival; at most [MaxBatch] of them.
func (s *Store) ByAuthor(space Space, author Author, first, last uint64) ([]Header, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	st, err := sp.author(author)
	if err != nil || st == nil {
		return nil, err
	}
	nodes, err := sp.byAuthor(st.num, first, last)
	if err != nil {
		return nil, err
	}
	out := make([]Header, len(nodes))
	for i, n := range nodes {
		out[i] = n.header()
	}
	return out, nil
}

// LastSeq returns the greatest seq of an author's vertices, 0 without any. Every
// number up to it is taken.
func (s *Store) LastSeq(space Space, author Author) (uint64, error) {
	sp, err := s.begin(space)
	if err != nil {
		return 0, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	st, err := sp.author(author)
	if err != nil || st == nil {
		return 0, err
	}
	return st.last, nil
}

func (sp *space) byAuthor(author uint32, first, last uint64) ([]*node, error) {
	iter, err := sp.store.db.NewIter(&pebble.IterOptions{LowerBound: sp.authorKey(author, first), UpperBound: after(sp.authorKey(author, last))})
	if err != nil {
		return nil, fmt.Errorf("dag: reading an author's vertices: %w", err)
	}
	var nodes []*node
	for ok := iter.First(); ok && len(nodes) < MaxBatch; ok = iter.Next() {
		n, err := sp.node(binary.BigEndian.Uint64(iter.Key()[17:]))
		if err != nil {
			return nil, errors.Join(err, iter.Close())
		}
		nodes = append(nodes, n)
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return nil, fmt.Errorf("dag: reading an author's vertices: %w", err)
	}
	return nodes, nil
}

// Fork is a number that an author has used more than once.
type Fork struct {
	Author Author
	Seq    uint64
	// Vertices are all with that number, ascending.
	Vertices []ID
}

// Forks returns the forks of a space, at most [MaxBatch], by author and number.
func (s *Store) Forks(space Space) ([]Fork, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	prefix := sp.key(keyFork)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, fmt.Errorf("dag: reading the forks: %w", err)
	}
	var forks []Fork
	for ok := iter.First(); ok && len(forks) < MaxBatch; ok = iter.Next() {
		f, err := sp.fork(iter.Key())
		if err != nil {
			return nil, errors.Join(err, iter.Close())
		}
		forks = append(forks, f)
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return nil, fmt.Errorf("dag: reading the forks: %w", err)
	}
	slices.SortFunc(forks, func(a, b Fork) int {
		return cmp.Or(bytes.Compare(a.Author[:], b.Author[:]), cmp.Compare(a.Seq, b.Seq))
	})
	return forks, nil
}

func (sp *space) fork(key []byte) (Fork, error) {
	if len(key) != 1+4+4+8 {
		return Fork{}, fmt.Errorf("%w: the key of a fork has %d bytes", ErrCorrupt, len(key))
	}
	f := Fork{Seq: binary.BigEndian.Uint64(key[9:])}
	nodes, err := sp.byAuthor(binary.BigEndian.Uint32(key[5:]), f.Seq, f.Seq)
	if err != nil {
		return f, err
	}
	for _, n := range nodes {
		f.Vertices = append(f.Vertices, n.id)
	}
	slices.SortFunc(f.Vertices, ID.Compare)
	f.Author, err = sp.authorName(nodes[0])
	return f, err
}

// authorName reads who a vertex is by.
func (sp *space) authorName(n *node) (Author, error) {
	value, found, err := sp.store.read(binary.BigEndian.AppendUint32(sp.key(keyNumber), n.author))
	if err == nil && (!found || len(value) != len(Author{})) {
		err = fmt.Errorf("%w: author %d is missing", ErrCorrupt, n.author)
	}
	if err != nil {
		return Author{}, err
	}
	return Author(value), nil
}

// Forked reports whether an author has used a number more than once: what they
// say is then shown with a warning.
func (s *Store) Forked(space Space, author Author) (bool, error) {
	sp, err := s.begin(space)
	if err != nil {
		return false, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	st, err := sp.author(author)
	if err != nil || st == nil {
		return false, err
	}
	prefix := sp.forkKey(st.num, 0)[:9]
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return false, fmt.Errorf("dag: reading the forks: %w", err)
	}
	forked := iter.First()
	return forked, errors.Join(iter.Error(), iter.Close())
}

// Missing returns ids of vertices that others wait for and that are not here, at
// most so many, in no order: what to ask peers for.
func (s *Store) Missing(space Space, most int) ([]ID, error) {
	sp, err := s.begin(space)
	if err != nil {
		return nil, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	var ids []ID
	for n := range s.orphans.waiting {
		if len(ids) >= most {
			break
		}
		if n.space == sp.id && s.orphans.wanted(n) {
			ids = append(ids, n.id)
		}
	}
	return ids, nil
}
