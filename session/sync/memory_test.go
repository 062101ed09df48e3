package sync

import (
	"context"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
)

var testSpace = ID{'s', 'p', 'a', 'c', 'e'}

// memory is a store of one space in memory. A vertex is: the space, the lamport
// number, the number of parents, the parents, and a payload that must not start with "bad".
type memory struct {
	mu       sync.Mutex
	line     uint64
	vertices map[ID]node
	gone     map[ID]bool      // pruned, but known
	lost     map[ID]bool      // damaged: children say that they are here, but they are not
	adds     int              // batches that were given to Add
	verified int              // vertices whose payload was looked at
	outcome  func(ID) Outcome // overrides, if it returns one
}

type node struct {
	encoded []byte
	lamport uint64
	parents []ID
}

func newMemory() *memory { return &memory{vertices: map[ID]node{}} }

func encodeVertex(lamport uint64, parents []ID, payload []byte) []byte {
	parents = slices.SortedFunc(slices.Values(parents), compareIDs)
	b := append([]byte{}, testSpace[:]...)
	b = binary.BigEndian.AppendUint64(b, lamport)
	b = append(b, byte(len(parents)))
	for _, p := range parents {
		b = append(b, p[:]...)
	}
	return append(b, payload...)
}

func decodeVertex(b []byte) (ID, node, error) {
	if len(b) < 41 || ID(b[:32]) != testSpace || len(b) < 41+32*int(b[40]) {
		return ID{}, node{}, errors.New("not a vertex of this space")
	}
	n := node{encoded: b, lamport: binary.BigEndian.Uint64(b[32:])}
	for i := range int(b[40]) {
		n.parents = append(n.parents, ID(b[41+32*i:]))
	}
	return sha3.Sum256(b), n, nil
}

// write adds a vertex of our own.
func (s *memory) write(parents []ID, payload string) ID {
	lamport := uint64(1)
	for _, p := range parents {
		lamport = max(lamport, s.vertices[p].lamport+1)
	}
	id, n, err := decodeVertex(encodeVertex(lamport, parents, []byte(payload)))
	if err != nil {
		panic(err)
	}
	s.vertices[id] = n
	return id
}

func (s *memory) ID(b []byte) (ID, error) {
	id, _, err := decodeVertex(b)
	return id, err
}

func (s *memory) Add(_ context.Context, batch [][]byte) ([]Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adds++
	var out []Outcome
	for _, b := range batch {
		s.verified++
		id, n, err := decodeVertex(b)
		if err != nil {
			return nil, err
		}
		out = append(out, s.add(id, n))
	}
	return out, nil
}

func (s *memory) add(id ID, n node) Outcome {
	if s.outcome != nil {
		if o := s.outcome(id); o != 0 {
			return o
		}
	}
	if payload := n.encoded[41+32*len(n.parents):]; len(payload) >= 3 && string(payload[:3]) == "bad" {
		return Refused
	}
	for _, p := range n.parents {
		if _, here := s.vertices[p]; !here && !s.gone[p] {
			return Waiting
		}
	}
	delete(s.lost, id)
	s.vertices[id] = n
	return Accepted
}

// prune drops what lies below line.
func (s *memory) prune(line uint64) {
	s.line, s.gone = line, map[ID]bool{}
	for id, n := range s.vertices {
		s.gone[id] = n.lamport < line
	}
	maps.DeleteFunc(s.vertices, func(_ ID, n node) bool { return n.lamport < line })
}

// snapshot is a state of a memory.
type snapshot struct {
	line     uint64
	vertices map[ID]node
	sorted   []ID
	heads    []Head
	scans    int
}

func (s *memory) snapshot() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &snapshot{line: s.line, vertices: maps.Clone(s.vertices)}
	p.sorted = slices.SortedFunc(maps.Keys(p.vertices), compareIDs)
	inner := map[ID]bool{}
	for _, n := range p.vertices {
		for _, q := range n.parents {
			inner[q] = true
		}
	}
	for _, id := range p.sorted {
		if !inner[id] {
			p.heads = append(p.heads, Head{ID: id, Lamport: p.vertices[id].lamport})
		}
	}
	maps.DeleteFunc(p.vertices, func(id ID, _ node) bool { return s.lost[id] })
	p.sorted = slices.DeleteFunc(p.sorted, func(id ID) bool { return s.lost[id] })
	return p
}

func (p *snapshot) Line() uint64            { return p.line }
func (p *snapshot) Count() uint64           { return uint64(len(p.sorted)) }
func (p *snapshot) Heads() []Head           { return p.heads }
func (p *snapshot) Has(id ID) (bool, error) { _, ok := p.vertices[id]; return ok, nil }

func (p *snapshot) IDs(line uint64, from ID) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		p.scans++
		for _, id := range p.sorted[search(p.sorted, from):] {
			if line > p.line && p.vertices[id].lamport < line {
				continue
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (p *snapshot) Since(known []ID, line uint64) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) {
		past := map[ID]bool{}
		for stack := slices.Clone(known); len(stack) > 0; {
			id := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if n, ok := p.vertices[id]; ok && !past[id] {
				past[id] = true
				stack = append(stack, n.parents...)
			}
		}
		var rest []ID
		for id, n := range p.vertices {
			if !past[id] && n.lamport >= line {
				rest = append(rest, id)
			}
		}
		rest, err := causal(p, rest)
		if err != nil {
			yield(ID{}, err)
			return
		}
		for _, id := range rest {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (p *snapshot) Lamport(id ID) (uint64, error) {
	n, ok := p.vertices[id]
	if !ok {
		return 0, fmt.Errorf("no vertex %x", id)
	}
	return n.lamport, nil
}

func (p *snapshot) Vertex(id ID) ([]byte, error) {
	n, ok := p.vertices[id]
	if !ok {
		return nil, fmt.Errorf("no vertex %x", id)
	}
	return n.encoded, nil
}
