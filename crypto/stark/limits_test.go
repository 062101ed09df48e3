package stark

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
)

var updateLimits = flag.Bool("update-limits", false, "write testdata/limits.json.gz anew")

// still is the statement that a trace of zeros stays as it is, with as many
// columns as asked, and zeroProof proves it: every value of such a proof is zero
// and every leaf of a tree is the same, so that the limits of the format can be
// reached without a prover. For the verifier it is a proof like any other.
func still(t testing.TB, hash Hash, width int) *AIR {
	t.Helper()
	air := &AIR{Hash: hash, Width: uint8(width), Exemptions: 1}
	for i := range width {
		root, err := air.Compile(fmt.Sprintf("next[%d] - current[%d]", i, i))
		if err != nil {
			t.Fatal(err)
		}
		air.Constraints = append(air.Constraints, Constraint{Root: root, Base: 1})
	}
	air.Assertions = []Assertion{{Values: []Value{{N: 0}}}}
	return air
}

func vint(b []byte, v uint64) []byte {
	n := 1
	for v>>(7*n) != 0 {
		n++
	}
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], v<<n|1<<(n-1))
	return append(b, buf[:n]...)
}

// uniform is a Merkle tree whose leaves are all the same: one digest a level.
func uniform(h Hash, depth int, leaf digest) []digest {
	levels := []digest{leaf}
	for range depth {
		last := levels[len(levels)-1]
		levels = append(levels, h.merge(last, last))
	}
	return levels
}

// uniformBatch is the batch proof of distinct positions in such a tree.
func uniformBatch(levels []digest, positions []uint64) []byte {
	depth := len(levels) - 1
	sorted := slices.Sorted(slices.Values(positions))
	var vectors [][]digest
	var level []uint64
	for i := 0; i < len(sorted); i++ {
		var v []digest
		if i+1 < len(sorted) && sorted[i+1] == sorted[i]|1 {
			i++
		} else {
			v = append(v, levels[0])
		}
		vectors, level = append(vectors, v), append(level, sorted[i]/2)
	}
	for height := 1; height < depth; height++ {
		var up []uint64
		for i := 0; i < len(level); i++ {
			if i+1 < len(level) && level[i+1] == level[i]^1 {
				up = append(up, level[i]/2)
				i++
				continue
			}
			vectors[i] = append(vectors[i], levels[height])
			up = append(up, level[i]/2)
		}
		level = up
	}
	b := vint([]byte{byte(depth)}, uint64(len(vectors)))
	for _, v := range vectors {
		b = vint(b, uint64(len(v)))
		for _, d := range v {
			b = append(b, d[:]...)
		}
	}
	return b
}

func zeroProof(t testing.TB, air *AIR, length uint64, o Options) []byte {
	t.Helper()
	s, err := newShape(air, length, o)
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := air.boundaries(length, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, s.width*elementBytes)
	quotients := make([]byte, s.quotients*s.field.size())
	folding := int(o.Folding)
	layer := make([]byte, folding*s.field.size())
	remainder := make([]byte, s.last/uint64(o.Blowup)*uint64(s.field.size()))
	trees := [][]digest{uniform(s.hash, s.logDomain, s.leaf(row, 1)), uniform(s.hash, s.logDomain, s.leaf(quotients, s.field.degree))}
	logDomain := s.logDomain
	for range s.layers {
		for n := folding; n > 1; n /= 2 {
			logDomain--
		}
		trees = append(trees, uniform(s.hash, logDomain, s.hash.sum(layer)))
	}
	var commitments []digest
	for _, tree := range trees {
		commitments = append(commitments, tree[len(tree)-1])
	}
	commitments = append(commitments, s.hash.sum(remainder))

	// The verifier's own coin says which positions are opened.
	p := &proof{commitments: commitments, oodTrace: make([]element, 2*s.width), oodQuotient: make([]element, 2*s.quotients)}
	v := verifier{shape: s, air: air, bounds: bounds, proof: p}
	v.coin = coin{hash: v.hash, field: v.field, seed: v.hash.sum(v.seed())}
	v.coin.reseed(commitments[0])
	v.coin.reseed(commitments[1])
	v.coin.reseed(v.hash.sum(v.outOfDomainBytes()))
	for _, c := range commitments[2:] {
		v.coin.reseed(c)
	}
	var positions []uint64
	for p.nonce = 0; ; p.nonce++ {
		before := v.coin
		for p.unique = 1; p.unique <= int(o.Queries); p.unique++ {
			v.coin = before
			if positions, err = v.positions(); err == nil || errors.Is(err, ErrInvalid) {
				break // as many as drawn, or a nonce that is no proof of work
			}
		}
		if err == nil {
			break
		}
		v.coin = before
	}

	b := vint(s.header(), uint64(len(air.Constraints)+len(air.Assertions)))
	b = append(b, byte(p.unique))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(commitments)*len(digest{})))
	for _, c := range commitments {
		b = append(b, c[:]...)
	}
	for i, row := range [][]byte{row, quotients} {
		opened := uniformBatch(trees[i], positions)
		b = append(vint(b, uint64(p.unique*len(row))), make([]byte, p.unique*len(row))...)
		b = append(vint(b, uint64(len(opened))), opened...)
	}
	for _, columns := range []int{s.width, s.quotients} {
		frame := make([]byte, 1+2*columns*s.field.size())
		frame[0] = 2
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(frame))), frame...)
	}
	b = append(b, byte(s.layers))
	for _, tree := range trees[2:] {
		positions = distinct(positions, 1<<(len(tree)-1)-1)
		opened := uniformBatch(tree, positions)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(positions)*len(layer))), make([]byte, len(positions)*len(layer))...)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(opened))), opened...)
	}
	b = append(binary.LittleEndian.AppendUint16(b, uint16(len(remainder))), remainder...)
	return binary.LittleEndian.AppendUint64(append(b, 0), p.nonce)
}

// The limits of Winterfell's format: 255 queries, rows of 255 columns.
var limits = []struct {
	name   string
	hash   Hash
	width  int
	length uint64
	o      Options
}{
	{"255 queries", Blake3, 1, 4096, Options{Queries: 255, Blowup: 8, Extension: 2, Folding: 8, RemainderDegree: 31, Partitions: 1, HashRate: 1}},
	{"width 255", Blake3, 255, 4096, Options{Queries: 42, Blowup: 8, Extension: 2, Folding: 8, RemainderDegree: 31, Partitions: 1, HashRate: 1}},
	{"255 queries, width 255", Blake3, 255, 4096, Options{Queries: 255, Blowup: 8, Extension: 2, Folding: 8, RemainderDegree: 31, Partitions: 1, HashRate: 1}},
	{"255 queries, width 255, cubic, folding by 2, SHA3", SHA3, 255, 4096, Options{Queries: 255, Blowup: 8, Extension: 3, Folding: 2, RemainderDegree: 0, Partitions: 1, HashRate: 1}},
	{"255 queries, width 255, cubic, folding by 16, 16 partitions", Blake3, 255, 1 << 16, Options{Queries: 255, Blowup: 16, Extension: 3, Folding: 16, RemainderDegree: 255, Partitions: 16, HashRate: 4}},
}

func TestProofsAtTheLimitsOfTheFormat(t *testing.T) {
	for _, c := range limits {
		t.Run(c.name, func(t *testing.T) {
			air := still(t, c.hash, c.width)
			proof := zeroProof(t, air, c.length, c.o)
			if err := Verify(air, c.length, c.o, nil, proof); err != nil {
				t.Fatalf("a proof of %d bytes: %v", len(proof), err)
			}
			for _, bit := range []int{0, 8 * 40, len(proof) * 2, len(proof) * 4, len(proof)*8 - 1} {
				bad := slices.Clone(proof)
				bad[bit/8] ^= 1 << (bit % 8)
				if Verify(air, c.length, c.o, nil, bad) == nil {
					t.Errorf("bit %d flipped was accepted", bit)
				}
			}
			w, err := WorkOf(air, c.length, c.o, len(proof))
			t.Logf("%d bytes, %+v, %v", len(proof), w, err)
		})
	}
}

// limitProof is a proof at the limits as a file has it, for what has to price them.
type limitProof struct {
	Name       string
	Length     uint64
	Options    []byte
	AIR, Proof []byte
}

// The file of proofs at the limits is what this package makes.
func TestFileOfProofsAtTheLimits(t *testing.T) {
	var made []limitProof
	for _, c := range limits {
		air := still(t, c.hash, c.width)
		description, err := air.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		proof := zeroProof(t, air, c.length, c.o)
		made = append(made, limitProof{c.name, c.length, proof[15:25], description, proof})
	}
	want, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/limits.json.gz"
	if *updateLimits {
		var file bytes.Buffer
		z, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s has %d bytes that differ from what is made, %d bytes (%v); write it anew with -update-limits", name, len(got), len(want), err)
	}
}

func BenchmarkVerifyAtTheLimits(b *testing.B) {
	for _, c := range limits {
		b.Run(c.name, func(b *testing.B) {
			air := still(b, c.hash, c.width)
			proof := zeroProof(b, air, c.length, c.o)
			for b.Loop() {
				if err := Verify(air, c.length, c.o, nil, proof); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
