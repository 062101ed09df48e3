package pq_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"filippo.io/mldsa"

	"github.com/pars-network/pars/internal/vectors"
)

// The second implementation, Filippo Valsorda's, agrees on random keys,
// messages and contexts, in both directions.
func TestVectorsMLDSASecondImplementation(t *testing.T) {
	const seed, rounds = 20261123, 1000
	t.Logf("seed %d, %d rounds", seed, rounds)
	r := rand.New(rand.NewPCG(seed, 602))
	n := mldsaContract(t)
	tally := vectors.NewTally(t, "ML-DSA all", "filippo.io/mldsa, random")
	sets := []struct {
		mode   uint8
		params mldsa.Parameters
	}{{44, mldsa.MLDSA44()}, {65, mldsa.MLDSA65()}, {87, mldsa.MLDSA87()}}
	for round := range rounds {
		set := sets[round%len(sets)]
		var xi [32]byte
		for i := 0; i < len(xi); i += 8 {
			binary.LittleEndian.PutUint64(xi[i:], r.Uint64())
		}
		message, context := make([]byte, r.IntN(300)), make([]byte, r.IntN(256))
		for _, b := range [][]byte{message, context} {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		}
		theirs, err := mldsa.NewPrivateKey(set.params, xi[:])
		if err != nil {
			t.Fatal(err)
		}
		keys := n.Do(t, "keyGen(uint8,bytes32)", set.mode, xi)
		pk, sk := keys.Out[0].([]byte), keys.Out[1].([]byte)
		want, err := theirs.SignDeterministic(message, &mldsa.Options{Context: string(context)})
		if err != nil {
			t.Fatal(err)
		}
		sig := n.Do(t, "signWithContext(bytes,bytes,bytes)", sk, message, context).Out[0].([]byte)
		good := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", pk, message, sig, context)
		bad := bytes.Clone(sig)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		refused := n.Do(t, "verifyWithContext(bytes,bytes,bytes,bytes)", pk, message, bad, context)
		theirPK, err := mldsa.NewPublicKey(set.params, pk)
		if err != nil {
			t.Fatal(err)
		}
		theySay := mldsa.Verify(theirPK, message, bad, &mldsa.Options{Context: string(context)}) == nil
		ok := bytes.Equal(pk, theirs.PublicKey().Bytes()) && bytes.Equal(sig, want) &&
			good.Out[0].(bool) && refused.Out[0].(bool) == theySay && !theySay
		tally.Check(t, ok, "seed %d, round %d: the implementations differ on xi = %x", seed, round, xi)
	}
}

func TestMLDSARefusesMalformedInput(t *testing.T) {
	n := mldsaContract(t)
	for name, mode := range mldsaModes {
		keys := n.Do(t, "keyGen(uint8,bytes32)", mode, [32]byte{1})
		pk, sk := keys.Out[0].([]byte), keys.Out[1].([]byte)
		sig := n.Do(t, "sign(bytes,bytes)", sk, []byte("m")).Out[0].([]byte)
		outOfRange := bytes.Clone(sk)
		outOfRange[128] |= 0x0f // the first coefficient of s1: 15 or 7, above 2·eta
		message, long := []byte("m"), make([]byte, 256)
		for _, c := range []struct {
			what, signature string
			args            []any
			revert          string
		}{
			{"mode 0", "keyGen(uint8)", []any{uint8(0)}, "UnknownMode"},
			{"mode 45", "keyGen(uint8,bytes32)", []any{uint8(45), [32]byte{}}, "UnknownMode"},
			{"no public key", "verify(bytes,bytes,bytes)", []any{[]byte{}, message, sig}, "PublicKeyLength"},
			{"short public key", "verify(bytes,bytes,bytes)", []any{pk[1:], message, sig}, "PublicKeyLength"},
			{"long public key", "verify(bytes,bytes,bytes)", []any{append(bytes.Clone(pk), 0), message, sig}, "PublicKeyLength"},
			{"no signature", "verify(bytes,bytes,bytes)", []any{pk, message, []byte{}}, "SignatureLength"},
			{"short signature", "verify(bytes,bytes,bytes)", []any{pk, message, sig[1:]}, "SignatureLength"},
			{"long signature", "verify(bytes,bytes,bytes)", []any{pk, message, append(bytes.Clone(sig), 0)}, "SignatureLength"},
			{"long context", "verifyWithContext(bytes,bytes,bytes,bytes)", []any{pk, message, sig, long}, "ContextLength"},
			{"long context", "signWithContext(bytes,bytes,bytes)", []any{sk, message, long}, "ContextLength"},
			{"short secret key", "sign(bytes,bytes)", []any{sk[1:], message}, "SecretKeyLength"},
			{"coefficient out of range", "sign(bytes,bytes)", []any{outOfRange, message}, "SecretKeyEncoding"},
			{"empty batch", "verifyBatch(bytes[],bytes[],bytes[])", []any{[][]byte{}, [][]byte{}, [][]byte{}}, "BatchLength"},
			{"uneven batch", "verifyBatch(bytes[],bytes[],bytes[])", []any{[][]byte{pk}, [][]byte{message, message}, [][]byte{sig}}, "BatchLength"},
			{"malformed member", "verifyBatch(bytes[],bytes[],bytes[])", []any{[][]byte{pk, pk}, [][]byte{message, message}, [][]byte{sig, sig[1:]}}, "SignatureLength"},
		} {
			if r := n.Do(t, c.signature, c.args...); r.Revert != c.revert {
				t.Errorf("%s, %s: out %v, revert %q, error %v, want a revert with %s", name, c.what, r.Out, r.Revert, r.Err, c.revert)
			}
		}
		for _, fill := range []byte{0x00, 0xff} {
			r := n.Do(t, "verify(bytes,bytes,bytes)", bytes.Repeat([]byte{fill}, len(pk)), message, bytes.Repeat([]byte{fill}, len(sig)))
			if r.Out == nil || r.Out[0].(bool) {
				t.Errorf("%s: a key and signature of %#x: out %v, revert %q, want false", name, fill, r.Out, r.Revert)
			}
		}
	}
}

func TestMLDSABatch(t *testing.T) {
	n := mldsaContract(t)
	var pks, messages, sigs [][]byte
	for i, mode := range []uint8{44, 65, 87, 44} {
		keys := n.Do(t, "keyGen(uint8,bytes32)", mode, [32]byte{byte(i)})
		message := []byte{byte(i)}
		pks, messages = append(pks, keys.Out[0].([]byte)), append(messages, message)
		sigs = append(sigs, n.Do(t, "sign(bytes,bytes)", keys.Out[1].([]byte), message).Out[0].([]byte))
	}
	good := n.Do(t, "verifyBatch(bytes[],bytes[],bytes[])", pks, messages, sigs)
	if good.Out == nil || !good.Out[0].(bool) {
		t.Errorf("a good batch: out %v, revert %q, error %v, want true", good.Out, good.Revert, good.Err)
	}
	for i := range sigs {
		bad := bytes.Clone(sigs[i])
		bad[0] ^= 1
		with := append([][]byte(nil), sigs...)
		with[i] = bad
		r := n.Do(t, "verifyBatch(bytes[],bytes[],bytes[])", pks, messages, with)
		if r.Out == nil || r.Out[0].(bool) {
			t.Errorf("a batch whose signature %d is bad: out %v, revert %q, want false", i, r.Out, r.Revert)
		}
		if r.Used != good.Used {
			t.Errorf("a batch whose signature %d is bad used %d gas, want %d as the good one", i, r.Used, good.Used)
		}
	}
}

// Secret keys are bit strings that anybody may craft. A t0 at its extremes makes
// more hints than a signature holds in nearly every try, and circl panics when
// it has tried 576 times: that has to end in a revert, not in a dead node.
func TestMLDSASurvivesKeysThatCannotSign(t *testing.T) {
	n := mldsaContract(t)
	for name, mode := range mldsaModes {
		sk, message := unsignable(t, mode)
		if r := n.Do(t, "sign(bytes,bytes)", sk, message); r.Revert != "CannotSign" {
			t.Errorf("%s: a key with an extreme t0: out of %d bytes, revert %q, error %v, want a revert with CannotSign", name, len(r.Out), r.Revert, r.Err)
		}
	}
}

// unsignable returns a crafted secret key and a message that no try signs: the
// slowest input of sign. The messages are numbers, found by counting up from 0.
func unsignable(tb testing.TB, mode uint8) (sk, message []byte) {
	tb.Helper()
	number := map[uint8]uint32{44: 1, 65: 5728, 87: 3}[mode]
	polys := map[uint8]int{44: 4, 65: 6, 87: 8}[mode] // k of FIPS 204, table 1
	sk = mldsaContract(tb).Do(tb, "keyGen(uint8,bytes32)", mode, [32]byte{7}).Out[1].([]byte)
	// Each coefficient of t0, 13 bits wide, becomes the least or the greatest,
	// as a seeded coin says, so that products with the challenge don't cancel.
	r := rand.New(rand.NewPCG(13, 13))
	t0 := sk[len(sk)-polys*416:]
	clear(t0)
	for bit := 0; bit < len(t0)*8; bit += 13 {
		if r.IntN(2) == 0 {
			continue
		}
		for b := bit; b < bit+13; b++ {
			t0[b/8] |= 1 << (b % 8)
		}
	}
	return sk, binary.BigEndian.AppendUint32(nil, number)
}
