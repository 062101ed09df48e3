package crdt

import (
	"testing"

	"github.com/pars-network/pars/internal/testutil"
)

var kindNames = map[Kind]string{
	KindGCounter: "GCounter", KindPNCounter: "PNCounter", KindGSet: "GSet", KindORSet: "ORSet",
	KindLWW: "LWWRegister", KindMV: "MVRegister", KindText: "Text", KindList: "List",
}

var allKinds = []Kind{KindGCounter, KindPNCounter, KindGSet, KindORSet, KindLWW, KindMV, KindText, KindList}

// cases is how many random histories a law is tried on, for each type.
func cases(short int) uint64 {
	if testutil.Full() {
		return 10_000
	}
	return uint64(short)
}

// TestLaws holds merge to being a join, for each type: commutative, associative,
// idempotent, and equal to applying the vertices one by one in any causal order.
func TestLaws(t *testing.T) {
	for _, k := range allKinds {
		t.Run(kindNames[k], func(t *testing.T) {
			t.Parallel()
			for seed := range cases(300) {
				laws(t, seed, k)
			}
		})
	}
	t.Run("all types in one document", func(t *testing.T) {
		t.Parallel()
		for seed := range cases(300) {
			laws(t, seed, allKinds...)
		}
	})
}

func laws(t *testing.T, seed uint64, kinds ...Kind) {
	h := newHistory(t, seed, kinds...)
	h.crowded = seed%2 == 1
	ps := []*replica{newReplica(), newReplica(), newReplica()}
	h.wander(ps, 4+h.r.IntN(12))
	a, b, c := ps[0].doc, ps[1].doc, ps[2].doc

	ab, bc := merged(t, a, b), merged(t, b, c)
	same(t, seed, "a with b and b with a", ab, merged(t, b, a))
	same(t, seed, "a with a and a", merged(t, a, a), a)
	same(t, seed, "a with b twice and once", merged(t, ab, b), ab)
	abc := merged(t, ab, c)
	same(t, seed, "(a with b) with c and a with (b with c)", abc, merged(t, a, bc))

	all := newReplica()
	for _, p := range ps {
		h.deliver(all, p.have)
	}
	same(t, seed, "the vertices one by one and the merged states", all.doc, abc)
	for _, p := range ps {
		h.deliver(p, all.have)
		same(t, seed, "a copy that got the missing vertices and one that got all", p.doc, all.doc)
	}
}

// TestCompactionKeepsConvergence lets replicas draw different stable lines at
// different times and go on; an uncompacted copy is the witness.
func TestCompactionKeepsConvergence(t *testing.T) {
	for seed := range cases(300) {
		h := newHistory(t, seed, allKinds...)
		ps := []*replica{newReplica(), newReplica(), newReplica()}
		witness := newReplica()
		var lines []uint64
		for range 3 {
			h.wander(ps, 6)
			lines = append(lines, h.stabilise(ps))
			for _, p := range ps {
				if h.r.IntN(3) > 0 {
					if err := p.doc.Compact(lines[h.r.IntN(len(lines))]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		h.wander(ps, 6)
		for _, p := range ps {
			h.deliver(witness, p.have)
		}
		for range 2 {
			for _, p := range ps {
				h.merge(p, ps[h.r.IntN(len(ps))])
			}
		}
		for i, p := range ps {
			h.deliver(p, witness.have)
			if got, want := show(p.doc), show(witness.doc); got != want {
				t.Fatalf("seed %d: replica %d shows\n%s, the uncompacted one\n%s", seed, i, got, want)
			}
			if err := p.doc.Compact(lines[len(lines)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := witness.doc.Compact(lines[len(lines)-1]); err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			same(t, seed, "copies compacted by different ways to one line", p.doc, witness.doc)
		}
	}
}

// stabilise gives everybody everything and lets everybody acknowledge it; it
// returns the line that is stable then.
func (h *history) stabilise(ps []*replica) uint64 {
	for range 2 {
		for _, p := range ps {
			for _, q := range ps {
				h.deliver(p, q.have)
			}
		}
	}
	var line uint64
	for _, l := range ps[0].have {
		line = max(line, l)
	}
	for i, p := range ps {
		h.edit(uint64(i), p)
	}
	for _, p := range ps {
		for _, q := range ps {
			h.deliver(p, q.have)
		}
	}
	return line
}
