package pq_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

const circl = "github.com/cloudflare/circl"

var mldsaModes = map[string]uint8{"ML-DSA-44": 44, "ML-DSA-65": 65, "ML-DSA-87": 87}

func mldsaContract(tb testing.TB) *evmtest.Native {
	return evmtest.New(tb, evmtest.Block{}).Native(tb, precompile.MLDSAAddress)
}

func acvpMLDSA(t *testing.T, mode string) []vectors.ACVPGroup {
	dir := filepath.Join(vectors.ModuleDir(t, circl), "sign/mldsa/testdata", "ML-DSA-"+mode+"-FIPS204")
	return vectors.ACVP(t, filepath.Join(dir, "prompt.json.gz"), filepath.Join(dir, "expectedResults.json.gz"))
}

func TestVectorsACVPMLDSAKeyGen(t *testing.T) {
	n, tally := mldsaContract(t), vectors.NewTally(t, "ML-DSA keyGen", "ACVP (circl)")
	for _, g := range acvpMLDSA(t, "keyGen") {
		for _, c := range g.Tests {
			r := n.Do(t, "keyGen(uint8,bytes32)", mldsaModes[g.ParameterSet], [32]byte(c.Seed))
			ok := r.Out != nil && bytes.Equal(r.Out[0].([]byte), c.PK) && bytes.Equal(r.Out[1].([]byte), c.SK)
			tally.Check(t, ok, "%s case %d: other keys, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
		}
	}
}

// NIST's signing and verification cases, as circl has them, are for the internal
// functions of FIPS 204, which take the formatted message M'. One applies when
// its message is what the external functions would have formatted: a zero, the
// context's length, the context, the message.
func TestVectorsACVPMLDSASignVerify(t *testing.T) {
	n := mldsaContract(t)
	for _, kind := range []string{"sigGen", "sigVer"} {
		tally := vectors.NewTally(t, "ML-DSA "+kind, "ACVP (circl)")
		for _, g := range acvpMLDSA(t, kind) {
			for _, c := range g.Tests {
				m := []byte(c.Message)
				switch {
				case kind == "sigGen" && !g.Deterministic:
					tally.Skip("hedged: rnd is not zero")
				case len(m) < 2 || m[0] != 0 || len(m) < 2+int(m[1]):
					tally.Skip("internal interface, message of no external form")
				case kind == "sigGen":
					context, message := m[2:2+m[1]], m[2+m[1]:]
					r := n.Do(t, "signWithContext(bytes,bytes,bytes)", []byte(c.SK), message, context)
					tally.Check(t, r.Out != nil && bytes.Equal(r.Out[0].([]byte), c.Signature), "case %d: other signature", c.ID)
				default:
					context, message := m[2:2+m[1]], m[2+m[1]:]
					r := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", []byte(g.PK), message, []byte(c.Signature), context)
					tally.Check(t, r.Out != nil && r.Out[0].(bool) == c.Passed, "case %d: want %t", c.ID, c.Passed)
				}
			}
		}
	}
}

// NIST's cases for the functions that the contract has, one of a kind.
func TestVectorsACVPMLDSAExternal(t *testing.T) {
	n := mldsaContract(t)
	for _, kind := range []string{"sigGen", "sigVer"} {
		tally := vectors.NewTally(t, "ML-DSA "+kind, "ACVP, external interface")
		for _, g := range vectors.ACVP(t, "testdata/ML-DSA-"+kind+"-prompt.json.gz", "testdata/ML-DSA-"+kind+"-expectedResults.json.gz") {
			for _, c := range g.Tests {
				switch {
				case g.SignatureInterface != "external":
					tally.Skip("internal interface: signs mu, not a message")
				case kind == "sigGen" && !g.Deterministic:
					tally.Skip("hedged: rnd is not zero")
				case kind == "sigGen":
					r := n.Do(t, "signWithContext(bytes,bytes,bytes)", []byte(c.SK), []byte(c.Message), []byte(c.Context))
					tally.Check(t, r.Out != nil && bytes.Equal(r.Out[0].([]byte), c.Signature), "%s: other signature, revert %q", g.ParameterSet, r.Revert)
				default:
					r := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", []byte(c.PK), []byte(c.Message), []byte(c.Signature), []byte(c.Context))
					tally.Check(t, r.Out != nil && r.Out[0].(bool) == c.Passed, "%s: want %t, revert %q", g.ParameterSet, c.Passed, r.Revert)
				}
			}
		}
	}
}

// The case of a Wycheproof ML-DSA file.
type wycheproofMLDSA struct {
	Groups []struct {
		PrivateKey  vectors.Hex  `json:"privateKey"`
		PrivateSeed vectors.Hex  `json:"privateSeed"`
		PublicKey   *vectors.Hex `json:"publicKey"`
		Tests       []struct {
			ID      int         `json:"tcId"`
			Comment string      `json:"comment"`
			Message vectors.Hex `json:"msg"`
			Context vectors.Hex `json:"ctx"`
			Random  vectors.Hex `json:"rnd"`
			Sig     vectors.Hex `json:"sig"`
			Result  string      `json:"result"`
			Flags   []string    `json:"flags"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func TestVectorsWycheproofMLDSASign(t *testing.T) {
	n := mldsaContract(t)
	for _, kind := range []string{"noseed", "seed"} {
		for name, mode := range mldsaModes {
			var file wycheproofMLDSA
			vectors.Wycheproof(t, fmt.Sprintf("mldsa_%d_sign_%s_test.json", mode, kind), &file)
			tally := vectors.NewTally(t, name+" sign", "Wycheproof, "+kind)
			for _, g := range file.Groups {
				sk := []byte(g.PrivateKey)
				if kind == "seed" {
					if len(g.PrivateSeed) != 32 {
						for range g.Tests {
							tally.Skip("seed of another length, which bytes32 can't hold")
						}
						continue
					}
					keys := n.Do(t, "keyGen(uint8,bytes32)", mode, [32]byte(g.PrivateSeed))
					if g.PublicKey != nil && !bytes.Equal(keys.Out[0].([]byte), *g.PublicKey) {
						t.Errorf("%s: keyGen(%x) gives another public key", name, []byte(g.PrivateSeed))
					}
					sk = keys.Out[1].([]byte)
				}
				for _, c := range g.Tests {
					switch {
					case slices.Contains(c.Flags, "Internal"):
						tally.Skip("internal interface: signs mu, not a message")
						continue
					case len(bytes.Trim(c.Random, "\x00")) != 0:
						tally.Skip("hedged: rnd is not zero")
						continue
					}
					r := n.Do(t, "signWithContext(bytes,bytes,bytes)", sk, []byte(c.Message), []byte(c.Context))
					if c.Result == "valid" {
						ok := r.Out != nil && bytes.Equal(r.Out[0].([]byte), c.Sig)
						tally.Check(t, ok, "case %d (%s): other signature, revert %q, error %v", c.ID, c.Comment, r.Revert, r.Err)
					} else {
						tally.Check(t, r.Revert != "", "case %d (%s): signed, want a revert", c.ID, c.Comment)
					}
					if c.Result == "valid" && len(c.Context) == 0 {
						short := n.Do(t, "sign(bytes,bytes)", sk, []byte(c.Message))
						if short.Out == nil || !bytes.Equal(short.Out[0].([]byte), c.Sig) {
							t.Errorf("%s case %d: sign and signWithContext with no context differ", name, c.ID)
						}
					}
				}
			}
		}
	}
}

func TestVectorsWycheproofMLDSAVerify(t *testing.T) {
	n := mldsaContract(t)
	for name, mode := range mldsaModes {
		var file wycheproofMLDSA
		vectors.Wycheproof(t, fmt.Sprintf("mldsa_%d_verify_test.json", mode), &file)
		tally := vectors.NewTally(t, name+" verify", "Wycheproof")
		for _, g := range file.Groups {
			for _, c := range g.Tests {
				r := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", []byte(*g.PublicKey), []byte(c.Message), []byte(c.Sig), []byte(c.Context))
				// Malformed input reverts, a bad signature is false.
				wrongLength := slices.ContainsFunc(c.Flags, func(f string) bool {
					return strings.HasSuffix(f, "Length") || f == "InvalidContext"
				})
				var ok bool
				switch {
				case c.Result == "valid":
					ok = r.Out != nil && r.Out[0].(bool)
				case wrongLength:
					ok = r.Revert != ""
				default:
					ok = r.Out != nil && !r.Out[0].(bool)
				}
				tally.Check(t, ok, "case %d (%s, %v): out %v, revert %q, error %v, want %s", c.ID, c.Comment, c.Flags, r.Out, r.Revert, r.Err, c.Result)
			}
		}
	}
}
