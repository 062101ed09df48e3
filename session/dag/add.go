package dag

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pars-network/pars/crypto/sign"
)

const (
	// MaxBatch is how many vertices one call of [Store.Add] takes.
	MaxBatch = 4096
	// commitVertices and commitBytes bound what is accepted at one go, while other
	// callers wait.
	commitVertices = 512
	commitBytes    = 4 << 20
)

// item is a vertex on its way through the store.
type item struct {
	data     []byte
	v        *Vertex
	id       ID
	source   Source
	key      []byte // the public key that an author's first vertex carries
	verified bool
	sp       *space   // where it is known already
	pos      uint64   // and its position there
	out      *Outcome // of the batch's entry; one nobody reads for what waited
}

func (it *item) done() bool { return it.out.Status != 0 }

func (it *item) decide(s Status, err error) { it.out.Status, it.out.Err = s, err }

// Add takes encoded vertices, in any order, and says for each what became of it.
// When it returns, everything it calls [Accepted] is synced to disk. What waited
// in the buffer for vertices of the batch is accepted with it, without an outcome:
// [Store.Feed] tells of those. An error concerns the store or ctx, not a vertex:
// part of the batch may then have been accepted. The store keeps no reference to
// batch.
func (s *Store) Add(ctx context.Context, batch [][]byte, from Source) ([]Outcome, error) {
	if len(batch) > MaxBatch {
		return nil, fmt.Errorf("dag: a batch of %d vertices, want at most %d", len(batch), MaxBatch)
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()

	outcomes := make([]Outcome, len(batch))
	items := make([]*item, len(batch))
	for i := range batch {
		items[i] = &item{data: batch[i], source: from, out: &outcomes[i]}
	}
	err := s.process(ctx, items)
	return outcomes, err
}

// process takes items through all checks, and after them what had waited for them.
func (s *Store) process(ctx context.Context, items []*item) error {
	var err error
	all := items
	for len(items) > 0 && err == nil {
		s.parallel(len(items), func(i int) { s.read1(items[i]) })
		var keys map[Author]*authorKey
		if keys, err = s.admit(items); err != nil {
			break
		}
		if err = ctx.Err(); err != nil {
			break
		}
		s.parallel(len(items), func(i int) { s.verify(items[i], keys) })
		// Parents lie below their children, so in this order they come first.
		slices.SortStableFunc(items, func(a, b *item) int { return cmp.Compare(a.lamport(), b.lamport()) })
		var released []*item
		for part := range chunks(items) {
			if err = ctx.Err(); err != nil {
				break
			}
			var more []*item
			if more, err = s.commit(part); err != nil {
				break
			}
			released = append(released, more...)
		}
		items = released
		ctx = context.WithoutCancel(ctx) // what was released is nowhere else
	}
	for _, it := range all {
		if it.sp != nil && err == nil {
			err = s.settled(it.sp, it.pos)
		}
	}
	return err
}

// settled waits until a position, which another call has taken, is synced.
func (s *Store) settled(sp *space, pos uint64) error {
	for {
		s.mu.Lock()
		moved, durable, err := sp.moved, sp.durable >= pos, s.failed
		s.mu.Unlock()
		if durable || err != nil {
			return err
		}
		<-moved
	}
}

// known notes that an item was accepted before.
func (it *item) known(sp *space, n *node) {
	it.decide(Known, nil)
	it.sp, it.pos = sp, n.pos
}

func (it *item) lamport() uint64 {
	if it.v == nil {
		return 0
	}
	return it.v.Lamport
}

// chunks cuts items into parts that are accepted at one go.
func chunks(items []*item) func(func([]*item) bool) {
	return func(yield func([]*item) bool) {
		start, size := 0, 0
		for i, it := range items {
			if i-start == commitVertices || size+len(it.data) > commitBytes && i > start {
				if !yield(items[start:i]) {
					return
				}
				start, size = i, 0
			}
			size += len(it.data)
		}
		yield(items[start:])
	}
}

// parallel calls f for 0 to n-1 from as many goroutines as there are workers.
func (s *Store) parallel(n int, f func(int)) {
	workers := min(s.cfg.Workers, n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// read1 decodes an item and computes its id.
func (s *Store) read1(it *item) {
	if it.done() || it.v != nil {
		return
	}
	v, err := Decode(it.data)
	if err != nil {
		it.decide(Refused, err)
		return
	}
	it.v, it.id = v, idOf(it.data, len(v.Auth))
	it.out.ID = it.id
	if s.cfg.Admit != nil && it.source.Peer != "" && !it.verified {
		if err := s.cfg.Admit(v, it.source); err != nil {
			it.decide(Deferred, err)
		}
	}
}

// authorKey is the public key of an author, parsed when it is needed first.
type authorKey struct {
	raw    []byte
	once   sync.Once
	parsed *sign.PublicKey
	err    error
}

// admit decides what needs no signature: vertices of unknown spaces, against the
// space's rules, known ones, and those beyond the peer's budget. It
// returns the keys that the rest is to be verified with.
func (s *Store) admit(items []*item) (map[Author]*authorKey, error) {
	keys := map[Author]*authorKey{}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	for _, it := range items {
		if it.done() {
			continue
		}
		sp := s.spaces[it.v.Space]
		if sp == nil {
			it.decide(Refused, fmt.Errorf("%w: %s", ErrSpace, it.v.Space))
			continue
		}
		if n, err := sp.accepted(it.v, it.id); err != nil {
			return nil, err
		} else if n != nil {
			it.known(sp, n)
			continue
		}
		if err := it.v.checkRules(sp.rules); err != nil {
			it.decide(Refused, err)
			continue
		}
		if p := it.source; p.Peer != "" && !p.Pulled && !it.verified && !s.peers.take(p.Peer, now) {
			it.decide(Deferred, fmt.Errorf("%w from this peer", ErrRate))
			continue
		}
		if sp.rules.Auth != Signed || it.verified {
			continue
		}
		if it.v.Seq == 1 {
			key, err := it.v.carriedKey()
			if err != nil {
				it.decide(Refused, err)
				continue
			}
			it.key = key
			keys[it.v.Author] = &authorKey{raw: key}
		} else if keys[it.v.Author] == nil {
			st, err := sp.author(it.v.Author)
			if err != nil {
				return nil, err
			}
			if st != nil {
				keys[it.v.Author] = &authorKey{raw: st.key}
			}
		}
	}
	return keys, nil
}

// verify checks the signature of an item, if the author's key is known. Where it
// is not, the author's first vertex is missing, and so is a parent.
func (s *Store) verify(it *item, keys map[Author]*authorKey) {
	if it.done() || it.verified || len(it.v.Auth) == 0 {
		return
	}
	k := keys[it.v.Author]
	if k == nil {
		return
	}
	k.once.Do(func() { k.parsed, k.err = s.keys.parse(it.v.Author, k.raw) })
	err := k.err
	if err == nil {
		err = s.signed(it, k.parsed)
	}
	if err != nil {
		it.decide(Refused, err)
		return
	}
	it.verified = true
}

// signed verifies the signature of an item, or remembers that it did.
func (s *Store) signed(it *item, key *sign.PublicKey) error {
	c := s.cfg.Checked
	if c == nil {
		return it.v.verify(it.id, key)
	}
	k := c.key(it.v.Author, it.id, it.v.Auth)
	if c.has(k) {
		return nil
	}
	err := it.v.verify(it.id, key)
	if err == nil {
		c.put(k)
	}
	return err
}

// sync notes that everything up to a position is durable.
func (sp *space) sync(pos uint64) {
	if pos > sp.durable {
		sp.durable = pos
		sp.wake()
	}
}

// accept1 decides one item, whose parents, if they are in the same batch, came
// before it. An error is one of the store's. The caller holds mu.
func (s *Store) accept1(c *group, it *item, now time.Time) ([]*item, error) {
	sp := s.spaces[it.v.Space]
	if n, err := sp.accepted(it.v, it.id); err != nil {
		return nil, err
	} else if n != nil {
		it.known(sp, n)
		return nil, nil
	}
	parents := make([]*node, 0, len(it.v.Parents))
	var missing []ID
	for _, id := range it.v.Parents {
		p, err := sp.find(id)
		if err != nil {
			return nil, err
		}
		if p == nil {
			missing = append(missing, id)
			continue
		}
		parents = append(parents, p)
	}
	verdict, err := s.needsVerdict(sp, it)
	if err != nil || it.done() {
		return nil, err
	}
	if len(missing) > 0 || verdict {
		s.park(it, missing, verdict)
		return nil, nil
	}
	st, err := sp.author(it.v.Author)
	if err != nil {
		return nil, err
	}
	if err := it.v.checkParents(asParents(parents, st)); err != nil {
		it.decide(Refused, err)
		return nil, nil
	}
	if sp.rules.Auth == Signed && !it.verified {
		// The key was unknown when the signature was to be checked, and the author's
		// first vertex came in between. Once more, with it.
		return []*item{it}, nil
	}
	if p := it.source; p.Peer != "" && !p.Pulled && !s.authors.take(it.v.Author, now) {
		it.decide(Deferred, fmt.Errorf("%w of this author", ErrRate))
		return nil, nil
	}
	if err := sp.write(c.batch, it, parents, st); err != nil {
		return nil, err
	}
	c.spaces[sp] = sp.next - 1
	c.accepted = append(c.accepted, it)
	return asItems(s.orphans.arrived(name{sp.id, it.id})), nil
}

// asParents turns nodes into what a check needs of them.
func asParents(parents []*node, author *authorState) []parent {
	out := make([]parent, len(parents))
	for i, p := range parents {
		out[i] = parent{lamport: p.lamport, seq: p.seq, own: author != nil && p.author == author.num}
	}
	return out
}

// needsVerdict reports whether a vertex of a vouched space has none yet. A verdict
// for another author refuses the vertex.
func (s *Store) needsVerdict(sp *space, it *item) (bool, error) {
	if sp.rules.Auth != Vouched || it.verified {
		return false, nil
	}
	by, found, err := s.read(sp.key(keyVouch, it.id[:]))
	if err != nil || !found {
		return !found, err
	}
	if !bytes.Equal(by, it.v.Author[:]) {
		it.decide(Refused, fmt.Errorf("%w: vouched for as another author's", ErrInvalid))
	}
	return false, nil
}

// park puts an item into the buffer.
func (s *Store) park(it *item, missing []ID, verdict bool) {
	o := &orphan{
		key:    orphanKey{name{it.v.Space, it.id}, it.source.Peer},
		author: it.v.Author, data: bytes.Clone(it.data), source: it.source,
		verified: it.verified, missing: make(map[ID]bool, len(missing)), verdict: verdict,
	}
	for _, id := range missing {
		o.missing[id] = true
	}
	if !s.orphans.add(o) {
		it.decide(Deferred, ErrBuffer)
		return
	}
	it.decide(Waiting, nil)
	it.out.Missing = missing
}

// asItems sends what waited through the checks again; what was verified stays so.
func asItems(ready []*orphan) []*item {
	items := make([]*item, len(ready))
	for i, o := range ready {
		items[i] = &item{data: o.data, source: o.source, verified: o.verified, out: new(Outcome)}
	}
	return items
}

// write puts a valid vertex into a batch and moves the state over it.
func (sp *space) write(batch *pebble.Batch, it *item, parents []*node, st *authorState) error {
	v := it.v
	n := &node{pos: sp.next, id: it.id, lamport: v.Lamport, seq: v.Seq, kind: v.Kind, parents: make([]uint64, len(parents))}
	for i, p := range parents {
		n.parents[i] = p.pos
	}
	var errs []error
	set := func(key, value []byte) { errs = append(errs, batch.Set(key, value, nil)) }
	if st == nil {
		st = &authorState{num: sp.nextAuthor, key: it.key}
		if it.key == nil && len(v.Auth) == maxAuth {
			st.key = bytes.Clone(v.Auth[:sign.PublicKeySize])
		}
		set(sp.key(keyName, v.Author[:]), append(binary.BigEndian.AppendUint32(nil, st.num), st.key...))
		set(binary.BigEndian.AppendUint32(sp.key(keyNumber), st.num), v.Author[:])
	}
	sp.authors.put(v.Author, st)
	n.author = st.num
	if v.Seq <= st.last {
		it.out.Fork = true
		set(sp.forkKey(st.num, v.Seq), nil)
	}
	st.last = max(st.last, v.Seq)
	if err := sp.place(n, parents); err != nil {
		return err
	}
	set(sp.key(keyID, n.id[:]), placeRecord(n.pos, n.lamport))
	set(sp.posKey(keyNode, n.pos), n.encode())
	set(sp.posKey(keyBytes, n.pos), it.data)
	set(binary.BigEndian.AppendUint64(sp.authorKey(st.num, v.Seq), n.pos), nil)
	if n.chain == 0 {
		set(sp.posKey(keyLoose, n.pos), nil)
	} else {
		set(sp.chainKey(n.chain, n.place), binary.AppendUvarint(nil, n.pos))
	}
	if sp.rules.Auth == Vouched && !it.verified {
		errs = append(errs, batch.Delete(sp.key(keyVouch, n.id[:]), nil))
	}
	sp.apply(n)
	sp.fresh[n.pos], sp.freshID[n.id] = n, n
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("dag: writing a vertex: %w", err)
	}
	return nil
}
