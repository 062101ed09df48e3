package crdt

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// generateTrace makes a trace in the form of the public concurrent ones, from a
// seed alone: several hands that type, go back and delete in one text, each in a
// section of its own, so that the end does not depend on how an algorithm
// orders insertions at one place. A section is what stands between two marks
// that its owner never touches.
func generateTrace(seed uint64, agents, txns int) trace {
	r := rand.New(rand.NewPCG(seed, 11))
	// What each hand knows: the sections' texts as of the transactions it has seen.
	type view struct {
		sections [][]rune
		heads    []int // last transaction seen of each agent, -1 for none
	}
	first := make([][]rune, agents)
	marks := make([]rune, agents+1)
	for i := range marks {
		marks[i] = rune('0' + i)
	}
	tr := trace{Name: fmt.Sprintf("generated-%d", seed), Kind: "concurrent"}
	tr.Txns = append(tr.Txns, traceTxn{Patches: []patch{{0, 0, string(marks)}}})
	views := make([]view, agents)
	heads := make([]int, agents)
	for i := range views {
		views[i] = view{slices.Clone(first), make([]int, agents)}
		for j := range views[i].heads {
			views[i].heads[j] = -1
		}
		heads[i] = -1
	}
	// known[t] is what the author of transaction t had seen, t included.
	known := [][]int{slices.Repeat([]int{-1}, agents)}
	sectionAt := map[int][]rune{} // the author's section after transaction t
	for t := 1; t <= txns; t++ {
		a := r.IntN(agents)
		v := &views[a]
		if b := r.IntN(agents); b != a && heads[b] >= 0 { // hear from somebody
			for c, h := range known[heads[b]] {
				if h > v.heads[c] {
					v.heads[c], v.sections[c] = h, sectionAt[h]
				}
			}
		}
		x := traceTxn{Agent: a}
		start := a + 1
		for _, s := range v.sections[:a] {
			start += len(s)
		}
		for range 1 + r.IntN(4) {
			text := v.sections[a]
			p := patch{}
			at := len(text) - r.IntN(min(len(text), 12)+1)
			if r.IntN(3) == 0 {
				p.del = r.IntN(min(len(text)-at, 6) + 1)
			}
			if p.del == 0 || r.IntN(2) == 0 {
				p.text = []string{"a", "word ", "نامه", "\n", "🙂"}[r.IntN(5)]
			}
			p.at = start + at
			v.sections[a] = slices.Concat(text[:at], []rune(p.text), text[at+p.del:])
			x.Patches = append(x.Patches, p)
		}
		x.Parents = parents(v.heads, known)
		tr.Txns = append(tr.Txns, x)
		v.heads[a], heads[a] = t, t
		known = append(known, slices.Clone(v.heads))
		sectionAt[t] = v.sections[a]
	}
	end := []rune{}
	for a := range agents {
		end = append(end, marks[a])
		if heads[a] >= 0 {
			end = append(end, sectionAt[heads[a]]...)
		}
	}
	tr.End = string(append(end, marks[agents]))
	return tr
}

// parents are the heads that no other head has in its past.
func parents(heads []int, known [][]int) []int {
	var out []int
	for a, h := range heads {
		covered := h < 0
		for b, other := range heads {
			covered = covered || b != a && other >= 0 && known[other][a] >= h
		}
		if !covered {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return []int{0}
	}
	return out
}
