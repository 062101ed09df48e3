package dag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// How much of a space is kept in memory, in entries; caches hold up to twice.
const (
	cachedNodes   = 4096
	cachedClocks  = 1024
	cachedAuthors = 2048
	// saveEvery is after how many accepted vertices the state is written: at
	// most so many nodes are read when the store is opened.
	saveEvery = 4096
)

// space is one joined space. Its fields belong to who holds the store's mu.
type space struct {
	store *Store
	id    Space
	num   uint32
	rules Rules

	next       uint64 // position of the next vertex
	saved      uint64 // position of the last one in the state on disk
	durable    uint64 // position of the last one known to be synced
	nextAuthor uint32
	held       uint64 // vertices whose bytes are here
	stubs      uint64 // pruned ones
	line       uint64 // prune line
	below      uint64 // of those held, how many lie below the line
	pruning    bool   // the line was raised, and below is not known yet
	loose      uint64 // vertices on no chain
	heads      map[uint64]ID
	tips       []tip // of chain i+1

	// fresh are the vertices of a batch that is not applied yet, which reading the
	// database would not find.
	fresh   map[uint64]*node
	freshID map[ID]*node

	nodes   *cache[uint64, *node]
	byID    *cache[ID, *node]
	clocks  *cache[uint64, []uint32]
	authors *cache[Author, *authorState]

	moved chan struct{} // closed when durable grows
}

// tip is the end of a chain.
type tip struct {
	place uint32
	pos   uint64
}

// authorState is what is kept of an author. Since each of an author's vertices
// has one of the number before among its parents, every number up to last is taken.
type authorState struct {
	num  uint32
	last uint64
	key  []byte // encoded public key, of signed vertices
}

func newSpace(s *Store, id Space, num uint32, rules Rules) *space {
	return &space{
		store: s, id: id, num: num, rules: rules, next: 1, heads: map[uint64]ID{},
		fresh: map[uint64]*node{}, freshID: map[ID]*node{},
		nodes: newCache[uint64, *node](cachedNodes), byID: newCache[ID, *node](cachedNodes),
		clocks:  newCache[uint64, []uint32](cachedClocks),
		authors: newCache[Author, *authorState](cachedAuthors),
		moved:   make(chan struct{}),
	}
}

// wake tells feeds that there is something new, or that it is over.
func (sp *space) wake() {
	close(sp.moved)
	sp.moved = make(chan struct{})
}

// save puts the state as of now into a batch.
func (sp *space) save(batch *pebble.Batch) error {
	pruning := uint64(0)
	if sp.pruning {
		pruning = 1
	}
	var b []byte
	for _, x := range []uint64{sp.next, uint64(sp.nextAuthor), sp.held, sp.stubs, sp.below, pruning, sp.loose, uint64(len(sp.tips))} {
		b = binary.AppendUvarint(b, x)
	}
	for _, t := range sp.tips {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.place)), t.pos)
	}
	heads := make([]uint64, 0, len(sp.heads))
	for pos := range sp.heads {
		heads = append(heads, pos)
	}
	slices.Sort(heads)
	b = binary.AppendUvarint(b, uint64(len(heads)))
	for _, pos := range heads {
		b = binary.AppendUvarint(b, pos)
	}
	if err := batch.Set(sp.key(keyState), b, nil); err != nil {
		return fmt.Errorf("dag: writing the state of a space: %w", err)
	}
	sp.saved = sp.next - 1
	return nil
}

// load reads the state, then the nodes accepted after it was written.
func (sp *space) load() error {
	value, found, err := sp.store.read(sp.key(keyLine))
	if err != nil {
		return err
	}
	if found {
		if len(value) != 8 {
			return fmt.Errorf("%w: a prune line of %d bytes", ErrCorrupt, len(value))
		}
		sp.line = binary.BigEndian.Uint64(value)
	}
	if value, found, err = sp.store.read(sp.key(keyState)); err != nil {
		return err
	}
	if found {
		if err := sp.readState(value); err != nil {
			return err
		}
	}
	sp.saved = sp.next - 1
	if err := sp.replay(); err != nil {
		return err
	}
	sp.durable = sp.next - 1
	return nil
}

func (sp *space) readState(value []byte) error {
	r := reader{rest: value}
	sp.next = r.uvarint()
	sp.nextAuthor = r.uint32()
	sp.held, sp.stubs, sp.below = r.uvarint(), r.uvarint(), r.uvarint()
	sp.pruning = r.uvarint() == 1
	sp.loose = r.uvarint()
	sp.tips = make([]tip, r.count(MaxChains))
	for i := range sp.tips {
		sp.tips[i] = tip{place: r.uint32(), pos: r.uvarint()}
	}
	heads := r.count(len(r.rest))
	for range heads {
		pos := r.uvarint()
		if r.bad {
			break
		}
		n, err := sp.node(pos)
		if err != nil {
			return err
		}
		sp.heads[pos] = n.id
	}
	if r.bad || len(r.rest) != 0 || sp.next == 0 {
		return fmt.Errorf("%w: the state of space %s can't be read", ErrCorrupt, sp.id)
	}
	return nil
}

func (sp *space) replay() error {
	iter, err := sp.store.db.NewIter(&pebble.IterOptions{LowerBound: sp.posKey(keyNode, sp.next), UpperBound: after(sp.key(keyNode))})
	if err != nil {
		return fmt.Errorf("dag: reading nodes: %w", err)
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		key := iter.Key()
		if len(key) != 1+4+8 || binary.BigEndian.Uint64(key[5:]) != sp.next {
			return errors.Join(fmt.Errorf("%w: node %d of space %s is missing", ErrCorrupt, sp.next, sp.id), iter.Close())
		}
		n, err := decodeNode(sp.next, iter.Value())
		if err != nil {
			return errors.Join(err, iter.Close())
		}
		sp.apply(n)
	}
	return errors.Join(iter.Error(), iter.Close())
}

// apply moves the state over a vertex that is accepted now or was before the store
// was opened.
func (sp *space) apply(n *node) {
	sp.next = n.pos + 1
	sp.held++
	if n.lamport < sp.line {
		sp.below++
	}
	sp.nextAuthor = max(sp.nextAuthor, n.author+1)
	for _, p := range n.parents {
		delete(sp.heads, p)
	}
	sp.heads[n.pos] = n.id
	if n.chain == 0 {
		sp.loose++
	} else {
		if int(n.chain) > len(sp.tips) {
			sp.tips = append(sp.tips, tip{})
		}
		sp.tips[n.chain-1] = tip{place: n.place, pos: n.pos}
	}
	sp.remember(n)
}

// applied says that the batch with the fresh vertices is in the database.
func (sp *space) applied() {
	clear(sp.fresh)
	clear(sp.freshID)
}

func (sp *space) remember(n *node) {
	sp.nodes.put(n.pos, n)
	sp.byID.put(n.id, n)
}

// node returns the vertex at a position.
func (sp *space) node(pos uint64) (*node, error) {
	if n := sp.fresh[pos]; n != nil {
		return n, nil
	}
	if n, ok := sp.nodes.get(pos); ok {
		return n, nil
	}
	value, found, err := sp.store.read(sp.posKey(keyNode, pos))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: node %d of space %s is missing", ErrCorrupt, pos, sp.id)
	}
	n, err := decodeNode(pos, value)
	if err != nil {
		return nil, err
	}
	sp.remember(n)
	return n, nil
}

// find returns the vertex with an id, nil for one that was never accepted.
func (sp *space) find(id ID) (*node, error) {
	if n := sp.freshID[id]; n != nil {
		return n, nil
	}
	if n, ok := sp.byID.get(id); ok {
		return n, nil
	}
	for _, kind := range []byte{keyID, keyStub} {
		if kind == keyStub && sp.stubs == 0 && !sp.pruning {
			break
		}
		value, found, err := sp.store.read(sp.key(kind, id[:]))
		if err != nil {
			return nil, err
		}
		if found {
			pos, _, err := readPlaceRecord(value)
			if err != nil {
				return nil, err
			}
			return sp.node(pos)
		}
	}
	return nil, nil
}

// accepted is find for a vertex that is at hand. One that is its author's next can't
// be there yet, which needs no look at the index.
func (sp *space) accepted(v *Vertex, id ID) (*node, error) {
	st, err := sp.author(v.Author)
	if err != nil || st == nil || v.Seq > st.last {
		return nil, err
	}
	return sp.find(id)
}

// author returns what is kept of an author, nil for one without vertices.
func (sp *space) author(a Author) (*authorState, error) {
	if st, ok := sp.authors.get(a); ok {
		return st, nil
	}
	value, found, err := sp.store.read(sp.key(keyName, a[:]))
	if err != nil || !found {
		return nil, err
	}
	if len(value) < 4 {
		return nil, fmt.Errorf("%w: the record of an author has %d bytes", ErrCorrupt, len(value))
	}
	st := &authorState{num: binary.BigEndian.Uint32(value), key: value[4:]}
	prefix := binary.BigEndian.AppendUint32(sp.key(keyAuthor), st.num)
	iter, err := sp.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, fmt.Errorf("dag: reading an author: %w", err)
	}
	if iter.Last() {
		st.last = binary.BigEndian.Uint64(iter.Key()[9:])
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return nil, fmt.Errorf("dag: reading an author: %w", err)
	}
	sp.authors.put(a, st)
	return st, nil
}
