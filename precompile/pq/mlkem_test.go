package pq_test

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

var mlkemSets = map[string]uint8{"ML-KEM-512": 1, "ML-KEM-768": 3, "ML-KEM-1024": 5}

func mlkemContract(tb testing.TB) *evmtest.Native {
	return evmtest.New(tb, evmtest.Block{}).Native(tb, precompile.MLKEMAddress)
}

func acvpMLKEM(t *testing.T, mode string) []vectors.ACVPGroup {
	dir := filepath.Join(vectors.ModuleDir(t, circl), "kem/mlkem/testdata", "ML-KEM-"+mode+"-FIPS203")
	return vectors.ACVP(t, filepath.Join(dir, "prompt.json.gz"), filepath.Join(dir, "expectedResults.json.gz"))
}

// same reports whether the outputs of r are want.
func same(r evmtest.Result, want ...[]byte) bool {
	if len(r.Out) != len(want) {
		return false
	}
	for i := range want {
		if !bytes.Equal(r.Out[i].([]byte), want[i]) {
			return false
		}
	}
	return true
}

func TestVectorsACVPMLKEM(t *testing.T) {
	n := mlkemContract(t)
	tally := vectors.NewTally(t, "ML-KEM keyGen", "ACVP (circl)")
	for _, g := range acvpMLKEM(t, "keyGen") {
		for _, c := range g.Tests {
			r := n.Do(t, "keyGen(uint8,bytes32,bytes32)", mlkemSets[g.ParameterSet], [32]byte(c.D), [32]byte(c.Z))
			tally.Check(t, same(r, c.EK, c.DK), "%s case %d: other keys, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
		}
	}
	encaps, decaps := vectors.NewTally(t, "ML-KEM encapsulate", "ACVP (circl)"), vectors.NewTally(t, "ML-KEM decapsulate", "ACVP (circl)")
	for _, g := range acvpMLKEM(t, "encapDecap") {
		for _, c := range g.Tests {
			if g.Function == "encapsulation" {
				r := n.Do(t, "encapsulate(bytes,bytes32)", []byte(c.EK), [32]byte(c.M))
				encaps.Check(t, same(r, c.C, c.K), "%s case %d: other ciphertext, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
				continue
			}
			r := n.Do(t, "decapsulate(bytes,bytes)", []byte(g.DK), []byte(c.C))
			decaps.Check(t, same(r, c.K), "%s case %d: other secret, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
		}
	}
}

// wycheproofMLKEM is any of Wycheproof's ML-KEM files.
type wycheproofMLKEM struct {
	Groups []struct {
		Tests []struct {
			ID      int         `json:"tcId"`
			Comment string      `json:"comment"`
			Seed    vectors.Hex `json:"seed"`
			M       vectors.Hex `json:"m"`
			EK      vectors.Hex `json:"ek"`
			DK      vectors.Hex `json:"dk"`
			C       vectors.Hex `json:"c"`
			K       vectors.Hex `json:"K"`
			Result  string      `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func TestVectorsWycheproofMLKEM(t *testing.T) {
	n := mlkemContract(t)
	for name, set := range mlkemSets {
		bits := name[len("ML-KEM-"):]
		read := func(kind string) (wycheproofMLKEM, *vectors.Tally) {
			var file wycheproofMLKEM
			vectors.Wycheproof(t, fmt.Sprintf("mlkem_%s%s_test.json", bits, kind), &file)
			return file, vectors.NewTally(t, name, "Wycheproof"+kind)
		}

		file, tally := read("_keygen_seed")
		for _, g := range file.Groups {
			for _, c := range g.Tests {
				r := n.Do(t, "keyGen(uint8,bytes32,bytes32)", set, [32]byte(c.Seed[:32]), [32]byte(c.Seed[32:]))
				tally.Check(t, same(r, c.EK, c.DK), "case %d: other keys", c.ID)
			}
		}

		file, tally = read("_encaps")
		for _, g := range file.Groups {
			for _, c := range g.Tests {
				r := n.Do(t, "encapsulate(bytes,bytes32)", []byte(c.EK), [32]byte(c.M))
				if c.Result == "valid" {
					tally.Check(t, same(r, c.C, c.K), "case %d (%s): other ciphertext, revert %q", c.ID, c.Comment, r.Revert)
				} else {
					tally.Check(t, r.Revert == "PublicKeyEncoding" || r.Revert == "PublicKeyLength", "case %d (%s): revert %q, want one", c.ID, c.Comment, r.Revert)
				}
			}
		}

		file, tally = read("_semi_expanded_decaps")
		for _, g := range file.Groups {
			for _, c := range g.Tests {
				r := n.Do(t, "decapsulate(bytes,bytes)", []byte(c.DK), []byte(c.C))
				if c.Result == "valid" {
					tally.Check(t, r.Out != nil && (len(c.K) == 0 || same(r, c.K)), "case %d (%s): other secret, revert %q", c.ID, c.Comment, r.Revert)
				} else {
					tally.Check(t, r.Revert != "", "case %d (%s): decapsulated, want a revert", c.ID, c.Comment)
				}
			}
		}

		file, tally = read("")
		for _, g := range file.Groups {
			for _, c := range g.Tests {
				if len(c.Seed) != 64 {
					tally.Skip("seed of another length, which two bytes32 can't hold")
					continue
				}
				keys := n.Do(t, "keyGen(uint8,bytes32,bytes32)", set, [32]byte(c.Seed[:32]), [32]byte(c.Seed[32:]))
				r := n.Do(t, "decapsulate(bytes,bytes)", keys.Out[1], []byte(c.C))
				if c.Result == "valid" {
					tally.Check(t, same(r, c.K) && (len(c.EK) == 0 || bytes.Equal(keys.Out[0].([]byte), c.EK)), "case %d (%s): other secret, revert %q", c.ID, c.Comment, r.Revert)
				} else {
					tally.Check(t, r.Revert == "CiphertextLength", "case %d (%s): revert %q, want CiphertextLength", c.ID, c.Comment, r.Revert)
				}
			}
		}
	}
}

// Go's own implementation has 768 and 1024; 512 is compared with noble in
// contracts/.
func TestVectorsMLKEMSecondImplementation(t *testing.T) {
	const seed, rounds = 20261123, 1000
	t.Logf("seed %d, %d rounds", seed, rounds)
	r := rand.New(rand.NewPCG(seed, 601))
	n := mlkemContract(t)
	tally := vectors.NewTally(t, "ML-KEM 768 and 1024", "Go's crypto/mlkem, random")
	for round := range rounds {
		var dz [64]byte
		var m [32]byte
		for _, b := range [][]byte{dz[:], m[:]} {
			for i := 0; i < len(b); i += 8 {
				binary.LittleEndian.PutUint64(b[i:], r.Uint64())
			}
		}
		var set uint8
		var pk, ct, ss, rejected []byte
		var flipped []byte
		if round%2 == 0 {
			set = 3
			dk, err := mlkem.NewDecapsulationKey768(dz[:])
			if err != nil {
				t.Fatal(err)
			}
			pk = dk.EncapsulationKey().Bytes()
			if ss, ct, err = mlkemtest.Encapsulate768(dk.EncapsulationKey(), m[:]); err != nil {
				t.Fatal(err)
			}
			flipped = bytes.Clone(ct)
			flipped[r.IntN(len(ct))] ^= 1 << r.IntN(8)
			if rejected, err = dk.Decapsulate(flipped); err != nil {
				t.Fatal(err)
			}
		} else {
			set = 5
			dk, err := mlkem.NewDecapsulationKey1024(dz[:])
			if err != nil {
				t.Fatal(err)
			}
			pk = dk.EncapsulationKey().Bytes()
			if ss, ct, err = mlkemtest.Encapsulate1024(dk.EncapsulationKey(), m[:]); err != nil {
				t.Fatal(err)
			}
			flipped = bytes.Clone(ct)
			flipped[r.IntN(len(ct))] ^= 1 << r.IntN(8)
			if rejected, err = dk.Decapsulate(flipped); err != nil {
				t.Fatal(err)
			}
		}
		keys := n.Do(t, "keyGen(uint8,bytes32,bytes32)", set, [32]byte(dz[:32]), [32]byte(dz[32:]))
		ok := bytes.Equal(keys.Out[0].([]byte), pk) &&
			same(n.Do(t, "encapsulate(bytes,bytes32)", pk, m), ct, ss) &&
			same(n.Do(t, "decapsulate(bytes,bytes)", keys.Out[1], ct), ss) &&
			same(n.Do(t, "decapsulate(bytes,bytes)", keys.Out[1], flipped), rejected)
		tally.Check(t, ok, "seed %d, round %d: the implementations differ on %x", seed, round, dz)
	}
}

func TestMLKEMRefusesMalformedInput(t *testing.T) {
	n := mlkemContract(t)
	for name, set := range mlkemSets {
		keys := n.Do(t, "keyGen(uint8,bytes32,bytes32)", set, [32]byte{1}, [32]byte{2})
		pk, sk := keys.Out[0].([]byte), keys.Out[1].([]byte)
		ct := n.Do(t, "encapsulate(bytes,bytes32)", pk, [32]byte{3}).Out[0].([]byte)
		long := func(b []byte) []byte { return append(bytes.Clone(b), 0) }
		with := func(b []byte, at int, v ...byte) []byte {
			return slices.Concat(b[:at], v, b[at+len(v):])
		}
		for _, c := range []struct {
			what, signature string
			args            []any
			revert          string
		}{
			{"set 0", "keyGen(uint8)", []any{uint8(0)}, "UnknownParameterSet"},
			{"set 2", "keyGen(uint8,bytes32,bytes32)", []any{uint8(2), [32]byte{}, [32]byte{}}, "UnknownParameterSet"},
			{"no public key", "encapsulate(bytes)", []any{[]byte{}}, "PublicKeyLength"},
			{"short public key", "encapsulate(bytes,bytes32)", []any{pk[1:], [32]byte{}}, "PublicKeyLength"},
			{"long public key", "encapsulate(bytes)", []any{long(pk)}, "PublicKeyLength"},
			{"first number is q", "encapsulate(bytes)", []any{with(pk, 0, 0x01, pk[1]&0xf0|0x0d)}, "PublicKeyEncoding"},
			{"all ones", "encapsulate(bytes)", []any{bytes.Repeat([]byte{0xff}, len(pk))}, "PublicKeyEncoding"},
			{"short secret key", "decapsulate(bytes,bytes)", []any{sk[1:], ct}, "SecretKeyLength"},
			{"first number is q", "decapsulate(bytes,bytes)", []any{with(sk, 0, 0x01, sk[1]&0xf0|0x0d), ct}, "SecretKeyEncoding"},
			{"other hash", "decapsulate(bytes,bytes)", []any{with(sk, len(sk)-64, sk[len(sk)-64]^1), ct}, "SecretKeyEncoding"},
			{"short ciphertext", "decapsulate(bytes,bytes)", []any{sk, ct[1:]}, "CiphertextLength"},
			{"long ciphertext", "decapsulate(bytes,bytes)", []any{sk, long(ct)}, "CiphertextLength"},
		} {
			if r := n.Do(t, c.signature, c.args...); r.Revert != c.revert {
				t.Errorf("%s, %s: out %x, revert %q, error %v, want a revert with %s", name, c.what, r.Out, r.Revert, r.Err, c.revert)
			}
		}
	}
}
