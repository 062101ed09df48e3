package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Append makes a vertex of our own on top of everything that the space holds,
// and returns it with its id when it is synced to disk. Nobody
// sees it before, so that a crash can't make two vertices with one seq.
// Calls for one writer may come from many goroutines. An author that has forked
// goes on from the vertex with the greatest seq.
func (s *Store) Append(ctx context.Context, space Space, w Writer, kind Kind, payload []byte) (*Vertex, ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, ID{}, err
	}
	sp, err := s.begin(space)
	if err != nil {
		return nil, ID{}, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	if (sp.rules.Auth == Signed) != (w.key != nil) {
		return nil, ID{}, fmt.Errorf("%w: a writer with a key is for signed spaces, one without for vouched", ErrInvalid)
	}
	v, parents, st, err := sp.draft(w.author, kind)
	if err != nil {
		return nil, ID{}, err
	}
	v.Payload = payload
	if err := w.Seal(v); err != nil {
		return nil, ID{}, err
	}
	data, err := v.Encode()
	if err == nil {
		err = v.checkRules(sp.rules)
	}
	if err != nil {
		return nil, ID{}, err
	}
	it := &item{data: data, v: v, id: v.ID(), verified: true, out: new(Outcome)}
	batch := s.db.NewBatch()
	if err := sp.write(batch, it, parents, st); err != nil {
		return nil, ID{}, s.fail(errors.Join(err, batch.Close()))
	}
	if err := s.commitNow(batch); err != nil {
		return nil, ID{}, err
	}
	sp.applied()
	sp.sync(sp.next - 1)
	return v, it.id, nil
}

// draft fills in everything of a new vertex but payload and auth: as parents, the
// author's last vertex and the highest heads, as many as the kind allows.
func (sp *space) draft(a Author, kind Kind) (*Vertex, []*node, *authorState, error) {
	limits, ok := kind.limits(int(sp.rules.Witnesses))
	if !ok {
		return nil, nil, nil, fmt.Errorf("%w: kind %d in this space", ErrInvalid, kind)
	}
	st, err := sp.author(a)
	if err != nil {
		return nil, nil, nil, err
	}
	var parents []*node
	if st != nil {
		last, err := sp.byAuthor(st.num, st.last, st.last)
		if err != nil {
			return nil, nil, nil, err
		}
		parents = append(parents, last[0])
	}
	heads := make([]*node, 0, len(sp.heads))
	for pos := range sp.heads {
		n, err := sp.node(pos)
		if err != nil {
			return nil, nil, nil, err
		}
		heads = append(heads, n)
	}
	slices.SortFunc(heads, func(a, b *node) int { return cmp.Or(cmp.Compare(b.lamport, a.lamport), a.id.Compare(b.id)) })
	for _, n := range heads {
		if len(parents) == limits.Parents {
			break
		}
		if len(parents) == 0 || n.pos != parents[0].pos {
			parents = append(parents, n)
		}
	}
	v := &Vertex{Space: sp.id, Author: a, Kind: kind, Lamport: 1, Seq: 1}
	if st != nil {
		v.Seq = st.last + 1
	}
	slices.SortFunc(parents, func(a, b *node) int { return a.id.Compare(b.id) })
	for _, p := range parents {
		v.Lamport = max(v.Lamport, p.lamport+1)
		v.Parents = append(v.Parents, p.id)
	}
	return v, parents, st, nil
}

// Vouch records that the ratchet has authenticated vertices of a vouched space as
// an author's, now and for ever, whether they have come yet or not. Those that
// waited for nothing else are accepted. It returns when that is synced to disk.
func (s *Store) Vouch(ctx context.Context, space Space, author Author, ids ...ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(ids) > MaxBatch {
		return fmt.Errorf("dag: %d verdicts, want at most %d", len(ids), MaxBatch)
	}
	sp, err := s.begin(space)
	if err != nil {
		return err
	}
	defer s.calls.Done()
	ready, err := s.vouch(sp, author, ids)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.process(context.WithoutCancel(ctx), ready)
}

// vouch writes the verdicts. A second one for another author is an error: the id
// commits to its author, so one of the two messages was a lie.
func (s *Store) vouch(sp *space, author Author, ids []ID) ([]*item, error) {
	if sp.rules.Auth != Vouched {
		return nil, fmt.Errorf("%w: %s is a signed space, its vertices need no verdict", ErrInvalid, sp.id)
	}
	batch := s.db.NewBatch()
	for _, id := range ids {
		by, found, err := sp.vouchedAs(id)
		if err == nil && found && by != author {
			err = fmt.Errorf("%w: %s was vouched for as another author's", ErrInvalid, id)
		}
		if err == nil && !found {
			err = batch.Set(sp.key(keyVouch, id[:]), author[:], nil)
		}
		if err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	if err := s.commitNow(batch); err != nil {
		return nil, err
	}
	var ready []*orphan
	for _, id := range ids {
		ready = append(ready, s.orphans.vouched(name{sp.id, id})...)
	}
	return asItems(ready), nil
}

// vouchedAs returns whose a vertex is by a verdict; that of an accepted one went
// when it was accepted, and its author stands in it.
func (sp *space) vouchedAs(id ID) (by Author, found bool, err error) {
	n, err := sp.find(id)
	if err != nil {
		return by, false, err
	}
	if n != nil {
		by, err = sp.authorName(n)
		return by, true, err
	}
	value, found, err := sp.store.read(sp.key(keyVouch, id[:]))
	if err == nil && found && len(value) != len(by) {
		err = fmt.Errorf("%w: the verdict on %s has %d bytes", ErrCorrupt, id, len(value))
	}
	copy(by[:], value)
	return by, found, err
}
