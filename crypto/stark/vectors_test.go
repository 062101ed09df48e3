package stark

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pars-network/pars/internal/vectors"
)

// statement is NAME.json of testdata/winterfell; README.md there explains it.
type statement struct {
	Name    string
	Hash    string
	Options struct {
		Queries     uint8 `json:"num_queries"`
		Blowup      uint8 `json:"blowup_factor"`
		Grinding    uint8 `json:"grinding_factor"`
		Extension   uint8 `json:"field_extension"`
		Folding     uint8 `json:"fri_folding_factor"`
		Remainder   uint8 `json:"fri_remainder_max_degree"`
		Constraints uint8 `json:"batching_constraints"`
		DEEP        uint8 `json:"batching_deep"`
		Partitions  uint8 `json:"num_partitions"`
		HashRate    uint8 `json:"hash_rate"`
	}
	Width       uint8  `json:"trace_width"`
	Length      uint64 `json:"trace_length"`
	PublicHex   string `json:"public_inputs_hex"`
	Constraints []struct {
		Expr   string
		Degree struct {
			Base   uint8
			Cycles []uint32
		}
	} `json:"transition_constraints"`
	Periodic   [][]string          `json:"periodic_columns"`
	Assertions [][]json.RawMessage `json:"assertions"`
	Exemptions uint8               `json:"num_transition_exemptions"`
	Security   int                 `json:"conjectured_security_bits"`
	Expect     string              `json:"expect"`
	Unlimited  string              `json:"expect_without_security_policy"`
}

// claim is what Verify is asked.
type claim struct {
	air     AIR
	length  uint64
	options Options
	public  []uint64
	proof   []byte
}

func (c claim) verify() error { return Verify(&c.air, c.length, c.options, c.public, c.proof) }

func elements(t testing.TB, s string) []uint64 {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	var out []uint64
	for r := (reader{b: b}); len(r.b) > 0; {
		out = append(out, r.u64())
	}
	return out
}

func assertions(t testing.TB, raw [][]json.RawMessage) []Assertion {
	t.Helper()
	var out []Assertion
	for _, a := range raw {
		var column, step int
		var value string
		for i, to := range []any{&column, &step, &value} {
			if err := json.Unmarshal(a[i], to); err != nil {
				t.Fatal(err)
			}
		}
		v, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Assertion{Column: uint8(column), Step: uint32(step), Values: []Value{{N: v}}})
	}
	return out
}

func (s *statement) claim(t testing.TB, proof []byte) claim {
	t.Helper()
	o := s.Options
	c := claim{
		length: s.Length, public: elements(t, s.PublicHex), proof: proof,
		options: Options{
			o.Queries, o.Blowup, o.Grinding, o.Extension, o.Folding, o.Remainder,
			Batching(o.Constraints), Batching(o.DEEP), o.Partitions, o.HashRate,
		},
		air: AIR{Width: s.Width, Exemptions: s.Exemptions, Assertions: assertions(t, s.Assertions)},
	}
	c.air.PublicInputs = uint16(len(c.public))
	if s.Hash == "sha3_256" {
		c.air.Hash = SHA3
	}
	for _, col := range s.Periodic {
		var values []uint64
		for _, v := range col {
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, n)
		}
		c.air.Periodic = append(c.air.Periodic, values)
	}
	for _, x := range s.Constraints {
		root, err := c.air.Compile(x.Expr)
		if err != nil {
			t.Fatal(err)
		}
		c.air.Constraints = append(c.air.Constraints, Constraint{root, x.Degree.Base, x.Degree.Cycles})
	}
	return c
}

const winterfell = "testdata/winterfell"

func loadJSON(t testing.TB, path string, to any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func loadClaim(t testing.TB, name string) (claim, *statement) {
	t.Helper()
	var s statement
	loadJSON(t, filepath.Join(winterfell, name+".json"), &s)
	proof, err := os.ReadFile(filepath.Join(winterfell, name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return s.claim(t, proof), &s
}

func names(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(winterfell + "/*.bin")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no proofs in %s: %v", winterfell, err)
	}
	var out []string
	for _, p := range paths {
		out = append(out, strings.TrimSuffix(filepath.Base(p), ".bin"))
	}
	return out
}

func TestVectorsWinterfellProofs(t *testing.T) {
	tally := vectors.NewTally(t, "STARK", "Winterfell 0.13.1, proofs")
	for _, name := range names(t) {
		c, s := loadClaim(t, name)
		err := c.verify()
		tally.Check(t, (err == nil) == (s.Unlimited == "accept"), "Verify(%s) = %v, want %s", name, err, s.Unlimited)
		if got := c.options.ConjecturedSecurity(); got != s.Security {
			t.Errorf("%s: ConjecturedSecurity() = %d, want %d", name, got, s.Security)
		}
		if got := c.options.ConjecturedSecurity() >= 100; got != (s.Expect == "accept") {
			t.Errorf("%s: at least 100 bits = %v, want %s", name, got, s.Expect)
		}
	}
}

// negatives is NAME.neg.json.
type negatives struct {
	Flips   struct{ Bits []int } `json:"bit_flips_200"`
	Headers struct{ Bits []int } `json:"bit_flips_header"`
	Cases   []map[string]json.RawMessage
}

func TestVectorsWinterfellNegatives(t *testing.T) {
	tally := vectors.NewTally(t, "STARK", "Winterfell 0.13.1, what must be refused")
	kinds := map[string]int{}
	for _, name := range names(t) {
		path := filepath.Join(winterfell, name+".neg.json")
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		var neg negatives
		loadJSON(t, path, &neg)
		base, s := loadClaim(t, name)
		for _, bit := range append(neg.Flips.Bits, neg.Headers.Bits...) {
			c := base
			c.proof = append([]byte(nil), base.proof...)
			c.proof[bit>>3] ^= 1 << (bit & 7)
			tally.Check(t, c.verify() != nil, "%s with bit %d flipped was accepted", name, bit)
			kinds["bit flip"]++
		}
		for i, raw := range neg.Cases {
			var kind string
			_ = json.Unmarshal(raw["kind"], &kind)
			kinds[kind]++
			c, known := alter(t, s, base, raw)
			if !known {
				t.Errorf("%s case %d (%s): no rule to apply %v", name, i, kind, keysOf(raw))
				continue
			}
			err := c.verify()
			tally.Check(t, err != nil || c.options.ConjecturedSecurity() < 100, "%s case %d (%s) was accepted", name, i, kind)
		}
	}
	t.Log("cases refused, by kind:", kinds)
}

func keysOf(m map[string]json.RawMessage) []string {
	var out []string
	for k, v := range m {
		out = append(out, fmt.Sprintf("%s=%.60s", k, v))
	}
	return out
}
