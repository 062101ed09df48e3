package dag

import "slices"

// OrphanLimits bound the buffer of vertices that wait for their parents or, in
// vouched spaces, for a verdict. It is in memory: a vertex that waits is not
// acknowledged, and its sender still has it.
type OrphanLimits struct {
	// Bytes is the greatest size of the buffer; 0 means 8 MiB. Each vertex counts
	// its encoding and 512 bytes.
	Bytes int
	// Count is the greatest number of vertices; 0 means 4,096.
	Count int
	// PerAuthor is how many vertices of one author one peer may leave here; 0 means
	// 256. It is per peer, since nobody has to be an author to name them.
	PerAuthor int
}

// orphanOverhead is what an entry costs beside its bytes, roughly, with the
// index of its missing parents.
const orphanOverhead = 512

func (l OrphanLimits) orDefault() OrphanLimits {
	if l.Bytes <= 0 {
		l.Bytes = 8 << 20
	}
	if l.Count <= 0 {
		l.Count = 4096
	}
	if l.PerAuthor <= 0 {
		l.PerAuthor = 256
	}
	return l
}

// name is a vertex in a space.
type name struct {
	space Space
	id    ID
}

// orphanKey is what there is one of in the buffer: a peer may hold one encoding
// of a vertex in it, so that wrong auth bytes from one do not keep out the right
// ones from another.
type orphanKey struct {
	name
	peer string
}

type orphan struct {
	key      orphanKey
	author   Author
	data     []byte
	source   Source
	verified bool
	missing  map[ID]bool // parents not accepted yet
	verdict  bool        // waits for [Store.Vouch]
}

// byPeer is an author as far as one peer sent the vertices.
type byPeer struct {
	peer   string
	author Author
}

func (o *orphan) byPeer() byPeer { return byPeer{o.key.peer, o.author} }

func (o *orphan) size() int { return len(o.data) + orphanOverhead + 64*len(o.missing) }

// orphans is the buffer. Its fields belong to who holds the store's mu.
type orphans struct {
	limits  OrphanLimits
	entries map[orphanKey]*orphan
	waiting map[name]map[*orphan]bool // by missing parent, or by own name for a verdict
	held    map[name]int              // encodings of a vertex in the buffer
	peers   map[string]*share
	authors map[byPeer]int
	bytes   int
	evicted uint64
}

// share is what one peer has in the buffer, oldest first. Entries that have left
// are skipped when they come up.
type share struct {
	queue        []*orphan
	bytes, count int
}

func newOrphans(l OrphanLimits) *orphans {
	return &orphans{
		limits: l, entries: map[orphanKey]*orphan{}, waiting: map[name]map[*orphan]bool{}, held: map[name]int{},
		peers: map[string]*share{}, authors: map[byPeer]int{},
	}
}

// add puts an entry in, and throws out others if that makes too much: the oldest
// ones of the peer that takes most room. It reports whether the entry stayed.
func (b *orphans) add(o *orphan) bool {
	if old := b.entries[o.key]; old != nil {
		b.remove(old)
	}
	if b.authors[o.byPeer()] >= b.limits.PerAuthor || o.size() > b.limits.Bytes {
		b.evicted++
		return false
	}
	b.entries[o.key] = o
	b.held[o.key.name]++
	for id := range o.missing {
		b.wait(name{o.key.space, id}, o)
	}
	if o.verdict {
		b.wait(o.key.name, o)
	}
	s := b.peers[o.key.peer]
	if s == nil {
		s = &share{}
		b.peers[o.key.peer] = s
	}
	s.queue = append(s.queue, o)
	s.bytes += o.size()
	s.count++
	b.bytes += o.size()
	b.authors[o.byPeer()]++
	for b.bytes > b.limits.Bytes || len(b.entries) > b.limits.Count {
		b.remove(b.largest().oldest(b))
		b.evicted++
	}
	return b.entries[o.key] == o
}

func (b *orphans) wait(n name, o *orphan) {
	m := b.waiting[n]
	if m == nil {
		m = map[*orphan]bool{}
		b.waiting[n] = m
	}
	m[o] = true
}

// largest returns the share with most bytes; entries have a cost each, so one of
// many small ones counts too.
func (b *orphans) largest() *share {
	var most *share
	for _, s := range b.peers {
		if most == nil || s.bytes > most.bytes {
			most = s
		}
	}
	return most
}

// oldest returns the oldest entry of a share, which must have one.
func (s *share) oldest(b *orphans) *orphan {
	for b.entries[s.queue[0].key] != s.queue[0] {
		s.queue = s.queue[1:]
	}
	return s.queue[0]
}

func (b *orphans) remove(o *orphan) {
	if b.entries[o.key] != o {
		return
	}
	delete(b.entries, o.key)
	if b.held[o.key.name]--; b.held[o.key.name] == 0 {
		delete(b.held, o.key.name)
	}
	for id := range o.missing {
		b.unwait(name{o.key.space, id}, o)
	}
	if o.verdict {
		b.unwait(o.key.name, o)
	}
	b.bytes -= o.size()
	if b.authors[o.byPeer()]--; b.authors[o.byPeer()] == 0 {
		delete(b.authors, o.byPeer())
	}
	s := b.peers[o.key.peer]
	s.bytes -= o.size()
	if s.count--; s.count == 0 {
		delete(b.peers, o.key.peer)
	} else if len(s.queue) > 2*s.count+16 {
		s.queue = slices.DeleteFunc(s.queue, func(q *orphan) bool { return b.entries[q.key] != q })
	}
}

func (b *orphans) unwait(n name, o *orphan) {
	m := b.waiting[n]
	delete(m, o)
	if len(m) == 0 {
		delete(b.waiting, n)
	}
}

// arrived takes out the entries that waited for a vertex and now wait for nothing
// more, and the other encodings of it.
func (b *orphans) arrived(n name) []*orphan {
	var ready []*orphan
	for o := range b.waiting[n] {
		if !o.missing[n.id] {
			b.remove(o) // another encoding of n itself
			continue
		}
		if len(o.missing) == 1 && !o.verdict {
			b.remove(o)
			ready = append(ready, o)
			continue
		}
		b.bytes -= 64
		b.peers[o.key.peer].bytes -= 64
		delete(o.missing, n.id)
		b.unwait(n, o)
	}
	return ready
}

// vouched takes out the entries of a vertex that waited for the verdict alone.
func (b *orphans) vouched(n name) []*orphan {
	var ready []*orphan
	for o := range b.waiting[n] {
		if o.key.name != n || !o.verdict {
			continue
		}
		if len(o.missing) == 0 {
			b.remove(o)
			ready = append(ready, o)
			continue
		}
		o.verdict = false
		b.unwait(n, o)
	}
	return ready
}

// wanted reports whether a vertex that others wait for is not in the buffer.
func (b *orphans) wanted(n name) bool { return b.held[n] == 0 }
