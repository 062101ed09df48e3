package stark

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
)

// alter applies one negative case to a good claim.
func alter(t *testing.T, s *statement, base claim, raw map[string]json.RawMessage) (claim, bool) {
	t.Helper()
	text := func(key string) string {
		var v string
		if err := json.Unmarshal(raw[key], &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := base
	switch text("kind") {
	case "wrong_public_input", "permuted_public_inputs":
		c.public = elements(t, text("public_inputs_hex"))
		if a, ok := raw["assertions"]; ok {
			var list [][]json.RawMessage
			if err := json.Unmarshal(a, &list); err != nil {
				t.Fatal(err)
			}
			c.air.Assertions = assertions(t, list)
		}
	case "wrong_option_policy":
		changed := *s
		if err := json.Unmarshal(raw["required_options"], &changed.Options); err != nil {
			t.Fatal(err)
		}
		c.options = changed.claim(t, nil).options
	case "wrong_hash":
		c.air.Hash = map[string]Hash{"blake3_256": Blake3, "sha3_256": SHA3}[text("hash")]
	case "wrong_air":
		for _, name := range names(t) {
			if strings.HasPrefix(name, text("air")+"_n") {
				other, _ := loadClaim(t, name)
				other.air.Assertions, other.air.PublicInputs, other.air.Hash = c.air.Assertions, c.air.PublicInputs, c.air.Hash
				c.air = other.air
				return c, true
			}
		}
		if text("air") == "vdf7" { // the cubic chain with x^7 in the place of x^3
			c.air.Nodes, c.air.Constants = nil, nil
			root, err := c.air.Compile("next[0] - (current[0]^7 + 42)")
			if err != nil {
				t.Fatal(err)
			}
			c.air.Constraints = []Constraint{{Root: root, Base: 7}}
			return c, true
		}
		return c, false
	case "truncated":
		var n int
		if err := json.Unmarshal(raw["length"], &n); err != nil {
			t.Fatal(err)
		}
		c.proof = c.proof[:n]
	case "trailing_bytes":
		tail, err := hex.DecodeString(text("append_hex"))
		if err != nil {
			t.Fatal(err)
		}
		c.proof = append(bytes.Clone(c.proof), tail...)
	case "security_policy": // the caller's: these options are below 100 bits
	default:
		return c, false
	}
	return c, true
}

// Every single-bit flip of a whole proof must be refused, and refusing must not
// allocate more than twice the proof and a mebibyte. The gate takes the first
// 200 bytes and every 13th bit; PARS_TEST_FULL=1 takes all.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	full := os.Getenv("PARS_TEST_FULL") == "1"
	c, _ := loadClaim(t, "fib_small_n64_blake3_256_q42f8")
	good := c.proof
	var before, after runtime.MemStats
	for bit := range len(good) * 8 {
		if !full && bit > 200*8 && bit%13 != 0 {
			continue
		}
		c.proof = bytes.Clone(good)
		c.proof[bit>>3] ^= 1 << (bit & 7)
		measure := bit%97 == 0
		if measure {
			runtime.ReadMemStats(&before)
		}
		err := c.verify()
		if measure {
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > uint64(2*len(good)+1<<20) {
				t.Errorf("bit %d: refusing allocated %d bytes, want at most %d", bit, used, 2*len(good)+1<<20)
			}
		}
		if err == nil {
			t.Errorf("bit %d of byte %d flipped was accepted", bit&7, bit>>3)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	c, _ := loadClaim(t, "periodic_mix_n256_sha3_256_q42f4")
	good := c.proof
	for n := 0; n < len(good); n += 1 + n/64 {
		if c.proof = good[:n]; c.verify() == nil {
			t.Errorf("a proof cut to %d bytes was accepted", n)
		}
	}
}

// An element written as itself plus the modulus is the same number and must
// be refused all the same: one transcript, one byte string.
func TestNonCanonicalElementsAreRefused(t *testing.T) {
	if _, ok := (field{1}).decode([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}); ok {
		t.Error("decode(2^64-1) succeeded")
	}
	if _, ok := (field{1}).decode([]byte{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}); ok {
		t.Error("decode(p) succeeded")
	}
	if v, ok := (field{1}).decode([]byte{0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}); !ok || v[0] != Modulus-1 {
		t.Error("decode(p-1) failed")
	}
}

func TestVintsAreMinimal(t *testing.T) {
	for _, c := range []struct {
		in string
		v  uint64
		ok bool
	}{
		{"0b", 5, true}, {"020b", 704, true}, {"01", 0, true}, {"ff", 127, true}, {"0202", 128, true},
		{"1600", 0, false}, {"0200", 0, false}, {"02", 0, false}, {"", 0, false},
		{"00ffffffffffffffff", 1<<64 - 1, true}, {"000100000000000000", 0, false},
	} {
		b, _ := hex.DecodeString(c.in)
		r := reader{b: b}
		v := r.vint()
		if ok := r.done(); ok != c.ok || (ok && v != c.v) {
			t.Errorf("vint(%s) = %d, %v, want %d, %v", c.in, v, ok, c.v, c.ok)
		}
	}
}

func TestFieldLaws(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for degree := 1; degree <= 3; degree++ {
		f := field{degree}
		sample := func() (e element) {
			for i := range degree {
				switch r.IntN(8) {
				case 0:
					e[i] = Modulus - 1 - r.Uint64N(3)
				case 1:
					e[i] = r.Uint64N(3)
				default:
					e[i] = r.Uint64N(Modulus)
				}
			}
			return e
		}
		for range 2000 {
			a, b, c := sample(), sample(), sample()
			if f.mul(a, b) != f.mul(b, a) || f.mul(a, f.mul(b, c)) != f.mul(f.mul(a, b), c) {
				t.Fatalf("degree %d: multiplication is not commutative and associative at %v %v %v", degree, a, b, c)
			}
			if f.mul(a, b.add(c)) != f.mul(a, b).add(f.mul(a, c)) || a.add(b).sub(b) != a {
				t.Fatalf("degree %d: no distributive law at %v %v %v", degree, a, b, c)
			}
			if !a.isZero() && f.mul(a, f.inv(a)) != embed(1) {
				t.Fatalf("degree %d: a * 1/a = %v at %v", degree, f.mul(a, f.inv(a)), a)
			}
		}
	}
	// The defining relations of the extensions.
	x := element{0, 1}
	if got, want := (field{2}).mul(x, x), (element{Modulus - 2, 1}); got != want {
		t.Errorf("degree 2: x^2 = %v, want x - 2", got)
	}
	if got, want := (field{3}).pow(x, 3), (element{1, 1}); got != want {
		t.Errorf("degree 3: x^3 = %v, want x + 1", got)
	}
}

func TestCompileRefusesNonsense(t *testing.T) {
	for _, text := range []string{
		"", "current", "current[", "current[0", "current[99999]", "1 +", "(1", "1)", "2^0", "2^65", "2^", "x", "1 2",
		"18446744069414584321", "99999999999999999999999", strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100),
		strings.Repeat("-", 100) + "1",
	} {
		if _, err := new(AIR).Compile(text); err == nil {
			t.Errorf("Compile(%q) succeeded", clip(text))
		}
	}
}
