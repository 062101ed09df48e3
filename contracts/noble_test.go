package contracts_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

// A third implementation, in another language, makes the same keys and the same
// signatures.
func TestVectorsMLDSANoble(t *testing.T) {
	const seed, rounds = 20261123, 60
	t.Logf("seed %d, %d rounds", seed, rounds)
	r := rand.New(rand.NewPCG(seed, 87))
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.MLDSAAddress)
	signer := noble(t)
	tally := vectors.NewTally(t, "ML-DSA all", "@noble/post-quantum, random")
	sets := []struct {
		name string
		mode uint8
	}{{"ml_dsa44", 44}, {"ml_dsa65", 65}, {"ml_dsa87", 87}}
	for round := range rounds {
		set := sets[round%len(sets)]
		var xi [32]byte
		for i := 0; i < len(xi); i += 8 {
			binary.LittleEndian.PutUint64(xi[i:], r.Uint64())
		}
		message, context := make([]byte, r.IntN(200)), make([]byte, r.IntN(256))
		for _, b := range [][]byte{message, context} {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		}
		pk, sk, sig := signer.sign(t, set.name, xi[:], message, context)
		keys := n.Do(t, "keyGen(uint8,bytes32)", set.mode, xi)
		ours := n.Do(t, "signWithContext(bytes,bytes,bytes)", sk, message, context)
		check := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", pk, message, sig, context)
		ok := bytes.Equal(keys.Out[0].([]byte), pk) && bytes.Equal(keys.Out[1].([]byte), sk) &&
			bytes.Equal(ours.Out[0].([]byte), sig) && check.Out[0].(bool)
		tally.Check(t, ok, "seed %d, round %d: %s differs on xi = %x", seed, round, set.name, xi)
	}
}

func TestVectorsMLKEMNoble(t *testing.T) {
	const seed, rounds = 20261123, 1000
	t.Logf("seed %d, %d rounds", seed, rounds)
	r := rand.New(rand.NewPCG(seed, 512))
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.MLKEMAddress)
	other := noble(t)
	tally := vectors.NewTally(t, "ML-KEM all", "@noble/post-quantum, random")
	sets := []struct {
		name string
		id   uint8
	}{{"ml_kem512", 1}, {"ml_kem768", 3}, {"ml_kem1024", 5}}
	for round := range rounds {
		set := sets[round%len(sets)]
		var random [96]byte // d, z, m
		for i := 0; i < len(random); i += 8 {
			binary.LittleEndian.PutUint64(random[i:], r.Uint64())
		}
		pk, sk, ct, ss := other.encapsulate(t, set.name, random[:64], random[64:])
		keys := n.Do(t, "keyGen(uint8,bytes32,bytes32)", set.id, [32]byte(random[:32]), [32]byte(random[32:64]))
		sealed := n.Do(t, "encapsulate(bytes,bytes32)", pk, [32]byte(random[64:]))
		opened := n.Do(t, "decapsulate(bytes,bytes)", sk, ct)
		ok := bytes.Equal(keys.Out[0].([]byte), pk) && bytes.Equal(keys.Out[1].([]byte), sk) &&
			bytes.Equal(sealed.Out[0].([]byte), ct) && bytes.Equal(sealed.Out[1].([]byte), ss) &&
			bytes.Equal(opened.Out[0].([]byte), ss)
		tally.Check(t, ok, "seed %d, round %d: %s differs on %x", seed, round, set.name, random)
	}
}

// The fast sets (f) only: a small one takes this implementation minutes.
func TestVectorsSLHDSANoble(t *testing.T) {
	const seed = 20261123
	rounds := 6
	if testutil.Full() {
		rounds = 60
	}
	t.Logf("seed %d, %d rounds", seed, rounds)
	r := rand.New(rand.NewPCG(seed, 603))
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.SLHDSAAddress)
	signer := noble(t)
	tally := vectors.NewTally(t, "SLH-DSA fast sets", "@noble/post-quantum, random")
	sets := []struct {
		name string
		id   uint8
		n    int
	}{
		{"slh_dsa_sha2_128f", 3, 16}, {"slh_dsa_shake_128f", 4, 16}, {"slh_dsa_sha2_192f", 7, 24},
		{"slh_dsa_shake_192f", 8, 24}, {"slh_dsa_sha2_256f", 11, 32}, {"slh_dsa_shake_256f", 12, 32},
	}
	for round := range rounds {
		set := sets[round%len(sets)]
		random := make([]byte, 3*set.n)
		message, context := make([]byte, r.IntN(200)), make([]byte, r.IntN(256))
		for _, b := range [][]byte{random, message, context} {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		}
		pk, sk, sig := signer.sign(t, set.name, random, message, context)
		keys := n.Do(t, "keyGen(uint8,bytes)", set.id, random)
		ours := n.Do(t, "signWithContext(uint8,bytes,bytes,bytes)", set.id, sk, message, context)
		check := n.Do(t, "verifyWithContext(uint8,bytes,bytes,bytes,bytes)", set.id, pk, message, sig, context)
		ok := bytes.Equal(keys.Out[0].([]byte), pk) && bytes.Equal(keys.Out[1].([]byte), sk) &&
			bytes.Equal(ours.Out[0].([]byte), sig) && check.Out[0].(bool)
		tally.Check(t, ok, "seed %d, round %d: %s differs on seed %x", seed, round, set.name, random)
	}
}
