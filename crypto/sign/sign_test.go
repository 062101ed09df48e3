package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

func seeded(t testing.TB, n uint64) *PrivateKey {
	t.Helper()
	var s [32]byte
	s[0], s[1] = byte(n), byte(n>>8)
	r := rand.NewChaCha8(s)
	seed := make([]byte, SeedSize)
	_, _ = r.Read(seed)
	k, err := NewPrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The ML-DSA half must be what an independent implementation makes from the
// same seed, message and context, byte for byte; the Ed25519 half is checked
// against the standard library over the documented message.
func TestAgreesWithIndependentImplementation(t *testing.T) {
	for i := range uint64(20) {
		k := seeded(t, i)
		msg, ctx := []byte(fmt.Sprintf("message %d", i)), fmt.Sprintf("ctx%d", i)
		sig, err := k.Sign(ctx, msg)
		if err != nil {
			t.Fatal(err)
		}
		other, err := mldsa.NewPublicKey(mldsa.MLDSA87(), k.Public().Bytes()[:mldsa87.PublicKeySize])
		if err != nil {
			t.Fatal(err)
		}
		if err := mldsa.Verify(other, msg, sig[:mldsa87.SignatureSize], &mldsa.Options{Context: ctx}); err != nil {
			t.Errorf("filippo.io/mldsa refuses our signature %d: %v", i, err)
		}
		otherPriv, err := mldsa.NewPrivateKey(mldsa.MLDSA87(), k.Seed()[:mldsa87.SeedSize])
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := otherPriv.Sign(nil, msg, &mldsa.Options{Context: ctx})
		if err != nil {
			t.Fatal(err)
		}
		edMsg := append(append([]byte("pars ed25519 v1"), byte(len(ctx))), append([]byte(ctx), msg...)...)
		mixed := append(theirs, ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed()[32:]), edMsg)...)
		if !k.Public().Verify(ctx, msg, mixed) {
			t.Errorf("Verify refuses signature %d made by filippo.io/mldsa and crypto/ed25519", i)
		}
	}
}

func TestVerifyRefusesEveryAlteration(t *testing.T) {
	k, stranger := seeded(t, 1), seeded(t, 2)
	msg := []byte("salaam")
	sig, err := k.Sign("a", msg)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Public().Verify("a", msg, sig) {
		t.Fatal("Verify(own signature) = false, want true")
	}
	flip := func(i int) []byte { s := bytes.Clone(sig); s[i] ^= 1; return s }
	for name, ok := range map[string]bool{
		"another context":          k.Public().Verify("b", msg, sig),
		"another message":          k.Public().Verify("a", []byte("salaam!"), sig),
		"another key":              stranger.Public().Verify("a", msg, sig),
		"flipped ML-DSA bit":       k.Public().Verify("a", msg, flip(100)),
		"flipped Ed25519 bit":      k.Public().Verify("a", msg, flip(SignatureSize-1)),
		"short":                    k.Public().Verify("a", msg, sig[:SignatureSize-1]),
		"long":                     k.Public().Verify("a", msg, append(bytes.Clone(sig), 0)),
		"empty":                    k.Public().Verify("a", msg, nil),
		"context moved to message": k.Public().Verify("", append([]byte("a"), msg...), sig),
		"context too long":         k.Public().Verify(strings.Repeat("a", 256), msg, sig),
	} {
		if ok {
			t.Errorf("Verify(%s) = true, want false", name)
		}
	}
}

func TestOneHalfIsNotEnough(t *testing.T) {
	k, stranger := seeded(t, 1), seeded(t, 2)
	msg := []byte("salaam")
	mine, _ := k.Sign("a", msg)
	theirs, _ := stranger.Sign("a", msg)
	pqOnly := append(bytes.Clone(mine[:mldsa87.SignatureSize]), theirs[mldsa87.SignatureSize:]...)
	edOnly := append(bytes.Clone(theirs[:mldsa87.SignatureSize]), mine[mldsa87.SignatureSize:]...)
	if k.Public().Verify("a", msg, pqOnly) {
		t.Error("a valid ML-DSA half alone was accepted")
	}
	if k.Public().Verify("a", msg, edOnly) {
		t.Error("a valid Ed25519 half alone was accepted")
	}
}

func TestWrongLengths(t *testing.T) {
	for _, n := range []int{0, SeedSize - 1, SeedSize + 1} {
		if _, err := NewPrivateKey(make([]byte, n)); !errors.Is(err, ErrSize) {
			t.Errorf("NewPrivateKey(%d bytes) = %v, want ErrSize", n, err)
		}
	}
	for _, n := range []int{0, PublicKeySize - 1, PublicKeySize + 1} {
		if _, err := ParsePublicKey(make([]byte, n)); !errors.Is(err, ErrSize) {
			t.Errorf("ParsePublicKey(%d bytes) = %v, want ErrSize", n, err)
		}
	}
	if _, err := seeded(t, 1).Sign(strings.Repeat("a", 256), nil); !errors.Is(err, ErrContext) {
		t.Errorf("Sign(256-byte context) = %v, want ErrContext", err)
	}
}

func TestPublicKeyRoundTrip(t *testing.T) {
	k := seeded(t, 3)
	p, err := ParsePublicKey(k.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Equal(k.Public()) || p.Equal(seeded(t, 4).Public()) || p.Equal(nil) {
		t.Error("Equal does not compare keys")
	}
}

func TestPrivateKeyNeverPrints(t *testing.T) {
	k := seeded(t, 5)
	hex, decimal := fmt.Sprintf("%x", k.Seed()), strings.Trim(fmt.Sprintf("%d", k.Seed()[:4]), "[]")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{k, struct{ K *PrivateKey }{k}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, hex[:16]) || strings.Contains(out, decimal) {
				t.Errorf("Sprintf(%q) shows the seed: %s", verb, out)
			}
		}
	}
}

func BenchmarkSign(b *testing.B) {
	k := seeded(b, 1)
	for b.Loop() {
		_, _ = k.Sign("bench", []byte("message"))
	}
}

func BenchmarkVerify(b *testing.B) {
	k := seeded(b, 1)
	sig, _ := k.Sign("bench", []byte("message"))
	for b.Loop() {
		if !k.Public().Verify("bench", []byte("message"), sig) {
			b.Fatal("refused")
		}
	}
}
