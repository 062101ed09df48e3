package dag

// Lookup returns a vertex of the snapshot, and false for one that is not in it or
// whose bytes were pruned.
func (x *Snapshot) Lookup(id ID) (Ref, bool, error) {
	value, found, err := read(x.db, x.sp.key(keyID, id[:]))
	if err != nil || !found {
		return Ref{}, false, err
	}
	_, lamport, err := readPlaceRecord(value)
	return Ref{ID: id, Lamport: lamport}, err == nil, err
}
