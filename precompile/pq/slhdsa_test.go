package pq_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/core/vm"
	"github.com/cloudflare/circl/sign/slhdsa"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

// slhdsaGas is enough for every call: signing with the small sets costs more
// than a block has.
const slhdsaGas = 1_000_000_000

// The small sets (s) need up to a second for a signature, and ten under the race
// detector. `make test-vectors` tries one case of each, `make test-full` all.
const (
	slow      = "slow, left to make test-full"
	slowRaced = "too slow under the race detector"
)

func small(set string) bool { return set[len(set)-1] == 's' }

func slhdsaContract(tb testing.TB) *evmtest.Native {
	return evmtest.New(tb, evmtest.Block{}).Native(tb, precompile.SLHDSAAddress)
}

func slhdsaID(tb testing.TB, name string) uint8 {
	tb.Helper()
	id, err := slhdsa.IDByName(name)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return uint8(id)
}

func acvpSLHDSA(t *testing.T, kind string) []vectors.ACVPGroup {
	dir := filepath.Join(vectors.ModuleDir(t, circl), "sign/slhdsa/testdata")
	return vectors.ACVP(t, filepath.Join(dir, kind+"_prompt.json.gz"), filepath.Join(dir, kind+"_results.json.gz"))
}

// elsewhere says why a group of signatures is none for this contract.
func elsewhere(g vectors.ACVPGroup) string {
	switch {
	case g.SignatureInterface == "internal":
		return "internal interface"
	case g.PreHash == "preHash":
		return "HashSLH-DSA, which the contract doesn't offer"
	}
	return ""
}

func TestVectorsACVPSLHDSAKeyGen(t *testing.T) {
	n, tally := slhdsaContract(t), vectors.NewTally(t, "SLH-DSA keyGen", "ACVP (circl)")
	for _, g := range acvpSLHDSA(t, "keyGen") {
		for i, c := range g.Tests {
			if small(g.ParameterSet) && !testutil.Full() && i > 0 {
				tally.Skip(slow)
				continue
			}
			if small(g.ParameterSet) && raced {
				tally.Skip(slowRaced)
				continue
			}
			r := n.DoAs(t, vm.Call, slhdsaGas, "keyGen(uint8,bytes)", slhdsaID(t, g.ParameterSet), []byte(slices.Concat(c.SKSeed, c.SKPRF, c.PKSeed)))
			tally.Check(t, same(r, c.PK, c.SK), "%s case %d: other keys, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
		}
	}
}

func TestVectorsACVPSLHDSASign(t *testing.T) {
	n, tally := slhdsaContract(t), vectors.NewTally(t, "SLH-DSA sigGen", "ACVP (circl)")
	for _, g := range acvpSLHDSA(t, "sigGen") {
		for i, c := range g.Tests {
			switch {
			case elsewhere(g) != "":
				tally.Skip(elsewhere(g))
			case !g.Deterministic:
				tally.Skip("hedged: opt_rand is not PK.seed")
			case !testutil.Full() && i > 0:
				tally.Skip(slow)
			case raced && g.ParameterSet[len(g.ParameterSet)-4:] != "128f":
				tally.Skip(slowRaced)
			default:
				r := n.DoAs(t, vm.Call, slhdsaGas, "signWithContext(uint8,bytes,bytes,bytes)", slhdsaID(t, g.ParameterSet), []byte(c.SK), []byte(c.Message), []byte(c.Context))
				tally.Check(t, same(r, c.Signature), "%s case %d: other signature, revert %q, error %v", g.ParameterSet, c.ID, r.Revert, r.Err)
			}
		}
	}
}

func TestVectorsACVPSLHDSAVerify(t *testing.T) {
	n, tally := slhdsaContract(t), vectors.NewTally(t, "SLH-DSA sigVer", "ACVP (circl)")
	for _, g := range acvpSLHDSA(t, "verify") {
		id := slhdsaID(t, g.ParameterSet)
		for _, c := range g.Tests {
			if reason := elsewhere(g); reason != "" {
				tally.Skip(reason)
				continue
			}
			r := n.Do(t, "verifyWithContext(uint8,bytes,bytes,bytes,bytes)", id, []byte(c.PK), []byte(c.Message), []byte(c.Signature), []byte(c.Context))
			ok := r.Out != nil && r.Out[0].(bool) == c.Passed
			if len(c.Signature) != slhdsa.ID(id).Scheme().SignatureSize() {
				ok = !c.Passed && r.Revert == "SignatureLength"
			}
			tally.Check(t, ok, "%s case %d: out %v, revert %q, error %v, want %t", g.ParameterSet, c.ID, r.Out, r.Revert, r.Err, c.Passed)
		}
	}
}

func TestSLHDSARefusesMalformedInput(t *testing.T) {
	n := slhdsaContract(t)
	for id := slhdsa.SHA2_128s; id <= slhdsa.SHAKE_256f; id++ {
		set := uint8(id)
		pk, sk, sig := make([]byte, id.Scheme().PublicKeySize()), make([]byte, id.Scheme().PrivateKeySize()), make([]byte, id.Scheme().SignatureSize())
		seed, message, long := make([]byte, len(pk)/2*3), []byte("m"), make([]byte, 256)
		for _, c := range []struct {
			what, signature string
			args            []any
			revert          string
		}{
			{"set 0", "keyGen(uint8)", []any{uint8(0)}, "UnknownParameterSet"},
			{"set 13", "verify(uint8,bytes,bytes,bytes)", []any{uint8(13), pk, message, sig}, "UnknownParameterSet"},
			{"short seed", "keyGen(uint8,bytes)", []any{set, seed[1:]}, "SeedLength"},
			{"long seed", "keyGen(uint8,bytes)", []any{set, append(bytes.Clone(seed), 0)}, "SeedLength"},
			{"short secret key", "sign(uint8,bytes,bytes)", []any{set, sk[1:], message}, "SecretKeyLength"},
			{"long context", "signWithContext(uint8,bytes,bytes,bytes)", []any{set, sk, message, long}, "ContextLength"},
			{"short public key", "verify(uint8,bytes,bytes,bytes)", []any{set, pk[1:], message, sig}, "PublicKeyLength"},
			{"short signature", "verify(uint8,bytes,bytes,bytes)", []any{set, pk, message, sig[1:]}, "SignatureLength"},
			{"long signature", "verify(uint8,bytes,bytes,bytes)", []any{set, pk, message, append(bytes.Clone(sig), 0)}, "SignatureLength"},
			{"long context", "verifyWithContext(uint8,bytes,bytes,bytes,bytes)", []any{set, pk, message, sig, long}, "ContextLength"},
		} {
			if r := n.Do(t, c.signature, c.args...); r.Revert != c.revert {
				t.Errorf("%s, %s: out %v, revert %q, error %v, want a revert with %s", id, c.what, r.Out, r.Revert, r.Err, c.revert)
			}
		}
		if r := n.Do(t, "verify(uint8,bytes,bytes,bytes)", set, pk, message, sig); r.Out == nil || r.Out[0].(bool) {
			t.Errorf("%s: a signature of zeros: out %v, revert %q, want false", id, r.Out, r.Revert)
		}
	}
}
