package poseidon

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/stark-curve/fp"

	"github.com/pars-network/pars/internal/vectors"
)

type vector struct {
	Inputs []string
	Hash   string
}

func load(t *testing.T, path string, to any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

func bn254Elements(t testing.TB, in []string) []fr.Element {
	t.Helper()
	out := make([]fr.Element, len(in))
	for i, s := range in {
		if _, err := out[i].SetString(s); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func starkElements(t testing.TB, in []string) []fp.Element {
	t.Helper()
	out := make([]fp.Element, len(in))
	for i, s := range in {
		if _, err := out[i].SetString(s); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestVectorsBN254PoseidonLite(t *testing.T) {
	var file struct{ Cases []vector }
	load(t, "testdata/bn254.json", &file)
	if len(file.Cases) != 16*8 {
		t.Fatalf("%d cases, want %d", len(file.Cases), 16*8)
	}
	tally := vectors.NewTally(t, "Poseidon BN254", "poseidon-lite 0.3.0")
	for _, c := range file.Cases {
		got, err := BN254(bn254Elements(t, c.Inputs))
		tally.Check(t, err == nil && got.String() == c.Hash, "BN254(%v) = %v, %v, want %s", c.Inputs, got.String(), err, c.Hash)
	}
}

// circomlib's own test values.
func TestVectorsBN254Circomlib(t *testing.T) {
	tally := vectors.NewTally(t, "Poseidon BN254", "circomlib")
	for _, c := range []vector{
		{[]string{"1", "2"}, "7853200120776062878684798364095072458815029376092732009249414926327459813530"},
		{[]string{"1", "2", "3", "4"}, "18821383157269793795438455681495246036402687001665670618754263018637548127333"},
	} {
		got, err := BN254(bn254Elements(t, c.Inputs))
		tally.Check(t, err == nil && got.String() == c.Hash, "BN254(%v) = %v, %v, want %s", c.Inputs, got.String(), err, c.Hash)
	}
}

func TestBN254RefusesOtherSizes(t *testing.T) {
	for _, n := range []int{0, 17, 1000} {
		if _, err := BN254(make([]fr.Element, n)); !errors.Is(err, ErrInputs) {
			t.Errorf("BN254 of %d inputs = %v, want ErrInputs", n, err)
		}
	}
}

func TestVectorsStarknetScure(t *testing.T) {
	var file struct{ Pair, Many []vector }
	load(t, "testdata/starknet.json", &file)
	if len(file.Pair) != 40 || len(file.Many) != 12 {
		t.Fatalf("%d pairs and %d lists, want 40 and 12", len(file.Pair), len(file.Many))
	}
	tally := vectors.NewTally(t, "Poseidon Starknet", "@scure/starknet 2.4.0")
	for _, c := range file.Pair {
		in := starkElements(t, c.Inputs)
		got := Stark(in[0], in[1])
		tally.Check(t, got.String() == c.Hash, "Stark(%v) = %s, want %s", c.Inputs, got.String(), c.Hash)
	}
	for _, c := range file.Many {
		got := StarkMany(starkElements(t, c.Inputs))
		tally.Check(t, got.String() == c.Hash, "StarkMany(%v) = %s, want %s", c.Inputs, got.String(), c.Hash)
	}
}

func BenchmarkBN254(b *testing.B) {
	for _, n := range []int{1, 2, 4, 16} {
		in := make([]fr.Element, n)
		for i := range in {
			in[i].SetUint64(uint64(i) + 1)
		}
		of(n + 1)
		b.Run("inputs="+string(rune('0'+n/10))+string(rune('0'+n%10)), func(b *testing.B) {
			for b.Loop() {
				if _, err := BN254(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStark(b *testing.B) {
	var x, y fp.Element
	x.SetUint64(1)
	for b.Loop() {
		y = Stark(x, y)
	}
}
