package contracts_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/pars-network/pars/internal/evmtest"
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
		pk, sk, sig := signer.sign(t, set.name, xi, message, context)
		keys := n.Do(t, "keyGen(uint8,bytes32)", set.mode, xi)
		ours := n.Do(t, "signWithContext(bytes,bytes,bytes)", sk, message, context)
		check := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", pk, message, sig, context)
		ok := bytes.Equal(keys.Out[0].([]byte), pk) && bytes.Equal(keys.Out[1].([]byte), sk) &&
			bytes.Equal(ours.Out[0].([]byte), sig) && check.Out[0].(bool)
		tally.Check(t, ok, "seed %d, round %d: %s differs on xi = %x", seed, round, set.name, xi)
	}
}
