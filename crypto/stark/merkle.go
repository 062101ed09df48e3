package stark

import "slices"

// batchRoot recomputes the root of a Merkle tree of the given depth from opened
// leaves and a batch proof. positions are distinct; leaves[i] is the leaf at
// positions[i]. proof must be consumed to the last digest.
func batchRoot(h Hash, depth int, positions []uint64, leaves []digest, proof []byte) (digest, error) {
	r := reader{b: proof}
	if int(r.u8()) != depth || depth < 1 {
		return digest{}, ErrMalformed
	}
	opened := make([]int, len(positions)) // indices into positions, by position
	for i := range opened {
		opened[i] = i
	}
	slices.SortFunc(opened, func(a, b int) int {
		if positions[a] < positions[b] {
			return -1
		}
		return 1
	})
	// One vector of sibling digests for each pair of leaves that is touched.
	type vector struct {
		digests []byte
	}
	take := func(v *vector) (digest, bool) {
		if len(v.digests) < len(digest{}) {
			return digest{}, false
		}
		d := digest(v.digests)
		v.digests = v.digests[len(digest{}):]
		return d, true
	}
	count := r.vint()
	if r.failed() || count > uint64(len(positions)) {
		return digest{}, ErrMalformed
	}
	vectors := make([]vector, count)
	for i := range vectors {
		n := r.vint()
		if n > uint64(depth) {
			return digest{}, ErrMalformed
		}
		vectors[i].digests = r.bytes(int(n) * len(digest{}))
	}
	if !r.done() {
		return digest{}, ErrMalformed
	}

	type node struct {
		index uint64
		value digest
	}
	level := make([]node, 0, count)
	for i := 0; i < len(opened); {
		if len(level) == len(vectors) {
			return digest{}, ErrMalformed
		}
		v := &vectors[len(level)]
		position := positions[opened[i]]
		even := position &^ 1
		var pair [2]digest
		pair[position&1] = leaves[opened[i]]
		i++
		if i < len(opened) && positions[opened[i]] == even|1 {
			pair[1] = leaves[opened[i]]
			i++
		} else {
			d, ok := take(v)
			if !ok {
				return digest{}, ErrMalformed
			}
			pair[1-position&1] = d
		}
		level = append(level, node{(1<<depth + even) / 2, h.merge(pair[0], pair[1])})
	}
	if len(level) != len(vectors) {
		return digest{}, ErrMalformed
	}
	for range depth - 1 {
		up := level[:0]
		for i := 0; i < len(level); {
			n := level[i]
			if i+1 < len(level) && level[i+1].index == n.index^1 {
				up = append(up, node{n.index / 2, h.merge(n.value, level[i+1].value)})
				i += 2
				continue
			}
			sibling, ok := take(&vectors[i])
			if !ok {
				return digest{}, ErrMalformed
			}
			if n.index&1 == 0 {
				n.value = h.merge(n.value, sibling)
			} else {
				n.value = h.merge(sibling, n.value)
			}
			up = append(up, node{n.index / 2, n.value})
			i++
		}
		level = up
	}
	for _, v := range vectors {
		if len(v.digests) != 0 {
			return digest{}, ErrMalformed
		}
	}
	if len(level) != 1 {
		return digest{}, ErrMalformed
	}
	return level[0].value, nil
}
