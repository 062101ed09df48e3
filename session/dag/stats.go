package dag

// Stats counts what a store holds of one space, and what waits.
type Stats struct {
	// Vertices are those whose bytes are here, Pruned those of which only the
	// index remains.
	Vertices, Pruned uint64
	// Heads are the vertices that nobody has built on.
	Heads int
	// Authors are those with vertices.
	Authors int
	// Chains are those of the reachability index, Loose the vertices on none.
	Chains int
	Loose  uint64
	// Line is the prune line, a lamport number.
	Line uint64
	// Last is the position of the vertex accepted last.
	Last uint64
	// Orphans, OrphanBytes and Evicted count the vertices that wait, of all spaces,
	// their bytes, and those that found no room since the store was opened.
	Orphans     int
	OrphanBytes int
	Evicted     uint64
}

// Stats returns them.
func (s *Store) Stats(space Space) (Stats, error) {
	sp, err := s.begin(space)
	if err != nil {
		return Stats{}, err
	}
	defer s.calls.Done()
	defer s.mu.Unlock()
	return Stats{
		Vertices: sp.held, Pruned: sp.stubs, Heads: len(sp.heads), Authors: int(sp.nextAuthor),
		Chains: len(sp.tips), Loose: sp.loose, Line: sp.line, Last: sp.next - 1,
		Orphans: len(s.orphans.entries), OrphanBytes: s.orphans.bytes, Evicted: s.orphans.evicted,
	}, nil
}
