package pedersen

import (
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"

	"github.com/pars-network/pars/internal/vectors"
)

func TestVectorsStarknetScure(t *testing.T) {
	var file struct {
		Cases []struct {
			Inputs []string
			Hash   string
		}
	}
	b, err := os.ReadFile("testdata/starknet.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 40 {
		t.Fatalf("%d cases, want 40", len(file.Cases))
	}
	tally := vectors.NewTally(t, "Pedersen Starknet", "@scure/starknet 2.4.0")
	for _, c := range file.Cases {
		var x, y fp.Element
		if _, err := x.SetString(c.Inputs[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := y.SetString(c.Inputs[1]); err != nil {
			t.Fatal(err)
		}
		got := Stark(x, y)
		tally.Check(t, got.String() == c.Hash, "Stark(%v) = %s, want %s", c.Inputs, got.String(), c.Hash)
	}
}

// Two generic multiplications and an addition, which share no code with the
// joint multiplication.
func TestCommitIsTheSumOfBothTerms(t *testing.T) {
	g, h := Generators()
	if !h.IsOnCurve() || !h.IsInSubGroup() || h.IsInfinity() || h.Equal(&g) {
		t.Fatalf("H = %v is not a usable generator", h)
	}
	for range 50 {
		var v, r fr.Element
		v.MustSetRandom()
		r.MustSetRandom()
		var vG, rH, want bn254.G1Affine
		vG.ScalarMultiplication(&g, v.BigInt(new(big.Int)))
		rH.ScalarMultiplication(&h, r.BigInt(new(big.Int)))
		want.Add(&vG, &rH)
		if got := Commit(v, r); !got.Equal(&want) {
			t.Errorf("Commit(%s, %s) = %v, want %v", v.String(), r.String(), got, want)
		}
	}
}

func TestCommitIsHomomorphic(t *testing.T) {
	var v1, r1, v2, r2, v, r fr.Element
	for _, e := range []*fr.Element{&v1, &r1, &v2, &r2} {
		e.MustSetRandom()
	}
	c1, c2 := Commit(v1, r1), Commit(v2, r2)
	var sum bn254.G1Affine
	sum.Add(&c1, &c2)
	if got := Commit(*v.Add(&v1, &v2), *r.Add(&r1, &r2)); !got.Equal(&sum) {
		t.Error("Commit of the sums is not the sum of the commitments")
	}
	var zero fr.Element
	if got := Commit(zero, zero); !got.IsInfinity() {
		t.Errorf("Commit(0, 0) = %v, want the point at infinity", got)
	}
}

// H is part of the interface: a change of it breaks every commitment made.
func TestBlindingGeneratorIsPinned(t *testing.T) {
	_, h := Generators()
	if got := h.String(); got != pinnedH {
		t.Errorf("H = %s, want %s", got, pinnedH)
	}
}

func BenchmarkCommit(b *testing.B) {
	var v, r fr.Element
	v.MustSetRandom()
	r.MustSetRandom()
	for b.Loop() {
		Commit(v, r)
	}
}

func BenchmarkStark(b *testing.B) {
	var x, y fp.Element
	x.MustSetRandom()
	y.MustSetRandom()
	for b.Loop() {
		x = Stark(x, y)
	}
}

const pinnedH = "E([69628970727744223392880432659826011745379337271836322753217040466549364280,7328206757719867890714953082720823327761389317087961542920928344226250088486])"
