package kem

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// stream is SHAKE-256 of a name: randomness that every run gives again.
func stream(name string) io.Reader {
	s := sha3.NewSHAKE256()
	_, _ = s.Write([]byte(name))
	return s
}

func generate(t testing.TB, name string) *PrivateKey {
	t.Helper()
	k, err := Generate(stream(name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func TestACVP(t *testing.T) {
	data, err := os.ReadFile("testdata/acvp-mlkem1024.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		KeyGen        []struct{ D, Z, Ek hexBytes }
		Encapsulation []struct{ Ek, M, C, K hexBytes }
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.KeyGen) != 8 || len(v.Encapsulation) != 8 {
		t.Fatalf("%d and %d cases, want 8 of each", len(v.KeyGen), len(v.Encapsulation))
	}
	for i, c := range v.KeyGen {
		k, err := NewPrivateKey(slices.Concat(make([]byte, XSize), c.D, c.Z))
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Public().Bytes()[XSize:]; !bytes.Equal(got, c.Ek) {
			t.Errorf("key generation %d gives another encapsulation key", i)
		}
	}
	for i, c := range v.Encapsulation {
		ct, shared, err := withX(t, c.Ek).Encapsulate(bytes.NewReader(c.M))
		if err != nil || !bytes.Equal(ct, c.C) || !bytes.Equal(shared, c.K) {
			t.Errorf("encapsulation %d gives another ciphertext or secret, %v", i, err)
		}
	}
}

// withX puts an X25519 half before an encapsulation key.
func withX(t testing.TB, ek []byte) *PublicKey {
	t.Helper()
	p, err := ParsePublicKey(append(generate(t, "x").Public().Bytes()[:XSize], ek...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type kemCase struct {
	TcID              int
	Seed, Ek, M, C, K hexBytes
	Result            string
}

type xCase struct {
	TcID                    int
	Public, Private, Shared hexBytes
	Flags                   []string
}

func wycheproofCases[T any](t *testing.T, file string, want int) []T {
	t.Helper()
	f, err := wycheproof.TestVectors.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var v struct {
		TestGroups []struct{ Tests []T }
	}
	if err := json.NewDecoder(f).Decode(&v); err != nil {
		t.Fatal(err)
	}
	var all []T
	for _, g := range v.TestGroups {
		all = append(all, g.Tests...)
	}
	if len(all) < want {
		t.Fatalf("%s holds %d cases, want at least %d", file, len(all), want)
	}
	return all
}

func TestWycheproofDecapsulation(t *testing.T) {
	for _, c := range wycheproofCases[kemCase](t, "mlkem_1024_test.json", 200) {
		k, err := NewPrivateKey(append(make([]byte, XSize), c.Seed...))
		if err != nil {
			if c.Result == "valid" {
				t.Errorf("case %d: %v", c.TcID, err)
			}
			continue
		}
		shared, err := k.Decapsulate(c.C)
		valid := err == nil && bytes.Equal(shared, c.K) && bytes.Equal(k.Public().Bytes()[XSize:], c.Ek)
		if valid != (c.Result == "valid") {
			t.Errorf("case %d: valid = %v, want %s (%v)", c.TcID, valid, c.Result, err)
		}
	}
}

func TestWycheproofEncapsulation(t *testing.T) {
	x := generate(t, "x").Public().Bytes()[:XSize]
	for _, c := range wycheproofCases[kemCase](t, "mlkem_1024_encaps_test.json", 260) {
		p, err := ParsePublicKey(append(slices.Clone(x), c.Ek...))
		if c.Result != "valid" {
			if err == nil {
				t.Errorf("case %d: an invalid encapsulation key was accepted", c.TcID)
			}
			continue
		}
		if err != nil {
			t.Errorf("case %d: %v", c.TcID, err)
			continue
		}
		ct, shared, err := p.Encapsulate(bytes.NewReader(c.M))
		if err != nil || !bytes.Equal(ct, c.C) || !bytes.Equal(shared, c.K) {
			t.Errorf("case %d: another ciphertext or secret, %v", c.TcID, err)
		}
	}
}

func TestWycheproofX25519(t *testing.T) {
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	refused := 0
	for _, c := range wycheproofCases[xCase](t, "x25519_test.json", 500) {
		k, err := NewPrivateKey(append(slices.Clone(c.Private), make([]byte, 64)...))
		if err != nil {
			t.Fatal(err)
		}
		x, err := ParseX(c.Public)
		be := slices.Clone(c.Public)
		slices.Reverse(be)
		if canonical := new(big.Int).SetBytes(be).Cmp(prime) < 0; !canonical {
			if !errors.Is(err, ErrPublicKey) {
				t.Errorf("case %d: ParseX of a key that is not canonical = %v, want ErrPublicKey", c.TcID, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("case %d: %v", c.TcID, err)
			continue
		}
		shared, err := k.DH(x)
		if slices.Contains(c.Flags, "ZeroSharedSecret") {
			if refused++; !errors.Is(err, ErrLowOrder) {
				t.Errorf("case %d: DH with a key of low order = %v, want ErrLowOrder", c.TcID, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(shared, c.Shared) {
			t.Errorf("case %d: DH = %x, %v, want %x", c.TcID, shared, err, c.Shared)
		}
	}
	if refused == 0 {
		t.Error("no case with a key of low order was seen")
	}
}

// The standard library is a second implementation of ML-KEM; each must open
// what the other made, and make the same from the same randomness.
func TestAgreesWithStandardLibrary(t *testing.T) {
	for i := range 20 {
		k := generate(t, fmt.Sprint("key", i))
		theirs, err := mlkem.NewDecapsulationKey1024(k.Seed()[XSize:])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(theirs.EncapsulationKey().Bytes(), k.Public().Bytes()[XSize:]) {
			t.Fatal("another encapsulation key from the same seed")
		}
		m := make([]byte, 32)
		_, _ = io.ReadFull(stream(fmt.Sprint("m", i)), m)
		ct, shared, err := k.Public().Encapsulate(bytes.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		wantShared, wantCT, err := mlkemtest.Encapsulate1024(theirs.EncapsulationKey(), m)
		if err != nil || !bytes.Equal(ct, wantCT) || !bytes.Equal(shared, wantShared) {
			t.Errorf("encapsulations of %d differ, %v", i, err)
		}
		if got, err := theirs.Decapsulate(ct); err != nil || !bytes.Equal(got, shared) {
			t.Errorf("crypto/mlkem opens %d as %x, %v, want %x", i, got, err, shared)
		}
		ct[i] ^= 1 // implicit rejection must give the same secret too
		want, err := theirs.Decapsulate(ct)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Decapsulate(ct); err != nil || !bytes.Equal(got, want) || bytes.Equal(got, shared) {
			t.Errorf("rejection of %d differs, %v", i, err)
		}
		peer, err := ecdh.X25519().NewPrivateKey(m)
		if err != nil {
			t.Fatal(err)
		}
		x, err := ecdh.X25519().NewPrivateKey(k.Seed()[:XSize])
		if err != nil {
			t.Fatal(err)
		}
		want, _ = x.ECDH(peer.PublicKey())
		if got, err := k.DH(peer.PublicKey()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("DH = %x, %v, want %x", got, err, want)
		}
	}
}

func TestPublicKeyRoundTrip(t *testing.T) {
	k := generate(t, "a")
	p, err := ParsePublicKey(k.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Equal(k.Public()) || p.Equal(generate(t, "b").Public()) || p.Equal(nil) {
		t.Error("Equal does not compare keys")
	}
	if p.Bytes()[0] ^= 1; !p.Equal(k.Public()) {
		t.Error("Bytes gives its caller the key itself")
	}
	again, err := NewPrivateKey(k.Seed())
	if err != nil || !again.Public().Equal(p) {
		t.Errorf("NewPrivateKey(Seed()) gives another key, %v", err)
	}
}

func TestWrongLengths(t *testing.T) {
	k := generate(t, "a")
	for name, err := range map[string]error{
		"short seed":       second(NewPrivateKey(make([]byte, SeedSize-1))),
		"long seed":        second(NewPrivateKey(make([]byte, SeedSize+1))),
		"short public key": second(ParsePublicKey(make([]byte, PublicKeySize-1))),
		"long public key":  second(ParsePublicKey(make([]byte, PublicKeySize+1))),
		"short X25519 key": second(ParseX(make([]byte, XSize-1))),
		"short ciphertext": second(k.Decapsulate(make([]byte, CiphertextSize-1))),
		"long ciphertext":  second(k.Decapsulate(make([]byte, CiphertextSize+1))),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v, want ErrSize", name, err)
		}
	}
	if _, err := Generate(bytes.NewReader(make([]byte, SeedSize-1))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Generate with too little randomness = %v", err)
	}
	if _, _, err := k.Public().Encapsulate(bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Encapsulate with too little randomness = %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPrivateKeyNeverPrints(t *testing.T) {
	k := generate(t, "a")
	seed := k.Seed()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{k, struct{ K *PrivateKey }{k}, []*PrivateKey{k}} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{hex.EncodeToString(seed[:6]), hex.EncodeToString(seed[40:46]), strings.Trim(fmt.Sprintf("%d", seed[:5]), "[]")} {
				if strings.Contains(out, secret) {
					t.Errorf("Sprintf(%q) shows the seed: %s", verb, out)
				}
			}
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(generate(f, "a").Public().Bytes())
	f.Add(bytes.Repeat([]byte{0xff}, PublicKeySize))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePublicKey(data)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), data) {
			t.Fatal("a key has two encodings")
		}
		if _, err := mlkem.NewEncapsulationKey1024(data[XSize:]); err != nil {
			t.Fatalf("crypto/mlkem refuses the key: %v", err)
		}
	})
}

func BenchmarkGenerate(b *testing.B) {
	r := stream("bench")
	for b.Loop() {
		_, _ = Generate(r)
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	raw := generate(b, "a").Public().Bytes()
	for b.Loop() {
		_, _ = ParsePublicKey(raw)
	}
}

func BenchmarkEncapsulate(b *testing.B) {
	p, r := generate(b, "a").Public(), stream("bench")
	for b.Loop() {
		_, _, _ = p.Encapsulate(r)
	}
}

func BenchmarkDecapsulate(b *testing.B) {
	k := generate(b, "a")
	ct, _, _ := k.Public().Encapsulate(stream("bench"))
	for b.Loop() {
		_, _ = k.Decapsulate(ct)
	}
}

func BenchmarkDH(b *testing.B) {
	k, p := generate(b, "a"), generate(b, "b").Public()
	for b.Loop() {
		_, _ = k.DH(p.X())
	}
}
