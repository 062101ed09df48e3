package crdt

import (
	"testing"

	"github.com/pars-network/pars/internal/testutil"
)

// TestPartitionsHeal lets groups of replicas live apart, fork, and come together
// again, and looks for a vertex whose effect got lost on the way.
func TestPartitionsHeal(t *testing.T) {
	runs, size := uint64(5), 8
	if testutil.Full() {
		runs, size = 100, 16
	}
	for seed := range runs {
		h := newHistory(t, seed, allKinds...)
		ps := make([]*replica, size)
		for i := range ps {
			ps[i] = newReplica()
		}
		for range 6 {
			h.r.Shuffle(size, func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
			cut := 1 + h.r.IntN(size-1)
			h.wander(ps[:cut], 20)
			h.wander(ps[cut:], 20)
		}
		wanted := map[ID]uint64{}
		for _, p := range ps {
			for id, l := range p.have {
				wanted[id] = l
			}
		}
		all := newReplica()
		h.deliver(all, wanted)
		for i, p := range ps {
			if i%2 == 0 {
				h.deliver(p, wanted)
			} else {
				h.merge(p, all)
			}
			same(t, seed, "a replica after the partition and one that had everything", p.doc, all.doc)
		}
		for _, m := range h.all {
			if _, ok := wanted[m.ID]; ok && m.data != nil && !all.doc.Has(m.Vertex) {
				t.Fatalf("seed %d: vertex %x got lost", seed, m.ID[:4])
			}
		}
	}
}

// TestAForkReachesEverybody: two vertices of one author on one state, with one
// sequence number as a DAG would count, are two dots.
func TestAForkReachesEverybody(t *testing.T) {
	h := newHistory(t, 1, KindText)
	p := newReplica()
	typeInto(t, h, p, 7, 0, "base ")
	q := p.clone(t)
	typeInto(t, h, p, 7, 5, "one ")
	typeInto(t, h, q, 7, 5, "two ")
	h.merge(p, q)
	if got := p.doc.Text("f").String(); got != "base one two " && got != "base two one " {
		t.Errorf("a fork's two halves merge to %q", got)
	}
}
