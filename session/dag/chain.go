package dag

// Limits of the reachability index (see the package comment).
const (
	// MaxChains is how many chains a space has at most; a clock has one entry of
	// 4 bytes for each.
	MaxChains = 1024
	// MaxSearch is after how many vertices a search gives up that the chains
	// can't answer.
	MaxSearch = 1 << 14

	// maxCost bounds how many nodes are read to put a clock together.
	maxCost = 128
)

// chainLimits say when a new author gets a chain of their own.
type chainLimits struct {
	// free is up to how many chains there always is a new one.
	free int
	// most is how many there may be.
	most int
	// idle is after how many vertices without one on it a chain may be taken over.
	idle uint64
	// search is MaxSearch.
	search int
}

var defaultChains = chainLimits{free: 64, most: MaxChains, idle: 1024, search: MaxSearch}

// covers reports whether the clock's past includes a place on a chain.
func covers(clock []uint32, chain, place uint32) bool {
	return chain != 0 && int(chain) <= len(clock) && clock[chain-1] >= place
}

// raise makes clock, which the caller owns, include what o includes.
func raise(clock, o []uint32) []uint32 {
	if len(o) > len(clock) {
		clock = append(clock, make([]uint32, len(o)-len(clock))...)
	}
	for i, place := range o {
		if place > clock[i] {
			clock[i] = place
		}
	}
	return clock
}

func raiseOne(clock []uint32, chain, place uint32) []uint32 {
	if chain == 0 {
		return clock
	}
	if int(chain) > len(clock) {
		clock = append(clock, make([]uint32, int(chain)-len(clock))...)
	}
	clock[chain-1] = max(clock[chain-1], place)
	return clock
}

// clock returns the clock of a vertex, which the caller must not change. It reads
// at most maxCost nodes.
func (sp *space) clock(n *node) ([]uint32, error) {
	if n.cost == 0 {
		return n.clock, nil
	}
	if c, ok := sp.clocks.get(n.pos); ok {
		return c, nil
	}
	var clock []uint32
	todo, seen := []*node{n}, map[uint64]bool{n.pos: true}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if m.cost == 0 {
			clock = raise(clock, m.clock)
			continue
		}
		if c, ok := sp.clocks.get(m.pos); ok {
			clock = raise(clock, c)
			continue
		}
		clock = raiseOne(clock, m.chain, m.place)
		for _, pos := range m.parents {
			if seen[pos] {
				continue
			}
			seen[pos] = true
			p, err := sp.node(pos)
			if err != nil {
				return nil, err
			}
			todo = append(todo, p)
		}
	}
	sp.clocks.put(n.pos, clock)
	return clock, nil
}

// clockOf is the clock of a set of vertices: what any of them includes. The
// caller owns it.
func (sp *space) clockOf(nodes []*node) ([]uint32, error) {
	clock := make([]uint32, 0, len(sp.tips)+1)
	for _, n := range nodes {
		if covers(clock, n.chain, n.place) {
			continue
		}
		c, err := sp.clock(n)
		if err != nil {
			return nil, err
		}
		clock = raise(clock, c)
	}
	return clock, nil
}

// place lays a new vertex on a chain and gives it its clock.
func (sp *space) place(n *node, parents []*node) error {
	clock, err := sp.clockOf(parents)
	if err != nil {
		return err
	}
	n.chain = sp.pickChain(n, parents, clock)
	if n.chain != 0 {
		n.place = 1
		if int(n.chain) <= len(sp.tips) {
			n.place = sp.tips[n.chain-1].place + 1
		}
		clock = raiseOne(clock, n.chain, n.place)
	}
	n.cost = 1
	for _, p := range parents {
		n.cost += max(p.cost, 1)
	}
	if n.cost > maxCost {
		n.cost, n.clock = 0, clock
	} else {
		sp.clocks.put(n.pos, clock)
	}
	return nil
}

// pickChain returns the chain that a new vertex goes on: that of the author's
// previous one if it ends there, else a new one, else one that has ended in the
// vertex's past, best an idle one; 0 if there is none.
func (sp *space) pickChain(n *node, parents []*node, clock []uint32) uint32 {
	for _, p := range parents {
		if p.author == n.author && p.seq == n.seq-1 && p.chain != 0 && sp.tips[p.chain-1].pos == p.pos {
			return p.chain
		}
	}
	count, limits := len(sp.tips), sp.store.chains
	if count < limits.free {
		return uint32(count + 1)
	}
	var oldest uint32
	for i, t := range sp.tips {
		if covers(clock, uint32(i+1), t.place) && (oldest == 0 || t.pos < sp.tips[oldest-1].pos) {
			oldest = uint32(i + 1)
		}
	}
	switch {
	case oldest != 0 && sp.tips[oldest-1].pos+limits.idle < n.pos:
		return oldest
	case count < limits.most:
		return uint32(count + 1)
	default:
		return oldest
	}
}
