package cggmp21

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/pars-network/pars/internal/vectors"
)

// session is a presignature as its parties leave it: a dealer in the test's
// place of the protocol's rounds, with the same outputs.
type session struct {
	key         []byte
	k, chi      []*secp256k1.ModNScalar
	commitments []Commitment
}

func compressed(p *secp256k1.JacobianPoint) []byte {
	p.ToAffine()
	return secp256k1.NewPublicKey(&p.X, &p.Y).SerializeCompressed()
}

func random(r *rand.ChaCha8) *secp256k1.ModNScalar {
	var b [32]byte
	_, _ = r.Read(b[:])
	s := new(secp256k1.ModNScalar)
	s.SetBytes(&b)
	return s
}

// shares splits a number into n that add up to it.
func shares(r *rand.ChaCha8, total *secp256k1.ModNScalar, n int) []*secp256k1.ModNScalar {
	rest := new(secp256k1.ModNScalar).Set(total)
	var out []*secp256k1.ModNScalar
	for range n - 1 {
		s := random(r)
		out = append(out, s)
		rest.Add(new(secp256k1.ModNScalar).NegateVal(s))
	}
	return append(out, rest)
}

func newSession(r *rand.ChaCha8, n int) session {
	x, k := random(r), random(r)
	var key, nonce, p secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(x, &key)
	secp256k1.ScalarBaseMultNonConst(new(secp256k1.ModNScalar).InverseValNonConst(k), &nonce)
	s := session{key: compressed(&key), k: shares(r, k, n), chi: shares(r, new(secp256k1.ModNScalar).Mul2(k, x), n)}
	for i := range n {
		c := Commitment{R: compressed(&nonce)}
		secp256k1.ScalarMultNonConst(s.k[i], &nonce, &p)
		c.K = compressed(&p)
		secp256k1.ScalarMultNonConst(s.chi[i], &nonce, &p)
		c.S = compressed(&p)
		s.commitments = append(s.commitments, c)
	}
	return s
}

// partial is sigma_i = k_i m + r chi_i.
func (s session) partial(t *testing.T, i int, hash [32]byte) *secp256k1.ModNScalar {
	t.Helper()
	p, err := point(s.commitments[i].R)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x(p)
	if err != nil {
		t.Fatal(err)
	}
	out := new(secp256k1.ModNScalar).Mul2(s.k[i], digest(hash))
	return out.Add(r.Mul(s.chi[i]))
}

// signature adds partial signatures up.
func (s session) signature(t *testing.T, parts []*secp256k1.ModNScalar) []byte {
	t.Helper()
	p, err := point(s.commitments[0].R)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x(p)
	if err != nil {
		t.Fatal(err)
	}
	sum := new(secp256k1.ModNScalar)
	for _, p := range parts {
		sum.Add(p)
	}
	if sum.IsOverHalfOrder() {
		sum.Negate()
	}
	rBytes, sBytes := r.Bytes(), sum.Bytes()
	return append(rBytes[:], sBytes[:]...)
}

func TestHonestPartiesSignAndOnlyTheCheatIsBlamed(t *testing.T) {
	r := rand.NewChaCha8([32]byte{21})
	for n := 2; n <= 5; n++ {
		s := newSession(r, n)
		hash := sha256.Sum256([]byte{byte(n)})
		if ok, err := Consistent(s.key, s.commitments); err != nil || !ok {
			t.Fatalf("%d parties: Consistent = %t, %v, want true", n, ok, err)
		}
		var parts []*secp256k1.ModNScalar
		for i := range n {
			parts = append(parts, s.partial(t, i, hash))
		}
		if ok, err := Verify(s.key, hash, s.signature(t, parts)); err != nil || !ok {
			t.Errorf("%d parties: Verify = %t, %v, want true", n, ok, err)
		}
		cheat := n / 2
		parts[cheat].Add(new(secp256k1.ModNScalar).SetInt(1))
		if ok, err := Verify(s.key, hash, s.signature(t, parts)); err != nil || ok {
			t.Errorf("%d parties, one cheats: Verify = %t, %v, want false", n, ok, err)
		}
		for i, c := range s.commitments {
			sigma := parts[i].Bytes()
			if ok, err := c.Partial(hash, sigma[:]); err != nil || ok != (i != cheat) {
				t.Errorf("%d parties: Partial of %d = %t, %v, want %t", n, i, ok, err, i != cheat)
			}
		}
		// A partial signature of another message is wrong too.
		other := s.partial(t, 0, sha256.Sum256(nil)).Bytes()
		if ok, err := s.commitments[0].Partial(hash, other[:]); err != nil || ok {
			t.Errorf("%d parties: Partial of another message = %t, %v, want false", n, ok, err)
		}
	}
}

func TestCommitmentsThatDontAddUpAreInconsistent(t *testing.T) {
	r := rand.NewChaCha8([32]byte{22})
	s, other := newSession(r, 3), newSession(r, 3)
	swap := func(change func(c []Commitment)) []Commitment {
		c := append([]Commitment(nil), s.commitments...)
		change(c)
		return c
	}
	for name, c := range map[string][]Commitment{
		"none":      nil,
		"one less":  s.commitments[:2],
		"another K": swap(func(c []Commitment) { c[1].K = other.commitments[1].K }),
		"another S": swap(func(c []Commitment) { c[1].S = other.commitments[1].S }),
		"another R": swap(func(c []Commitment) { c[1].R = other.commitments[1].R }),
	} {
		if ok, err := Consistent(s.key, c); err != nil || ok {
			t.Errorf("%s: Consistent = %t, %v, want false", name, ok, err)
		}
	}
	if ok, err := Consistent(other.key, s.commitments); err != nil || ok {
		t.Errorf("another key: Consistent = %t, %v, want false", ok, err)
	}
}

func TestMalformedInputsAreErrors(t *testing.T) {
	s := newSession(rand.NewChaCha8([32]byte{23}), 2)
	c, sigma := s.commitments[0], make([]byte, ScalarSize)
	order, err := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	if err != nil {
		t.Fatal(err)
	}
	infinity := make([]byte, PointSize)
	for name, f := range map[string]func() error{
		"R short":       func() error { return Commitment{c.R[1:], c.K, c.S}.Check() },
		"K at infinity": func() error { return Commitment{c.R, infinity, c.S}.Check() },
		"S off curve": func() error {
			return Commitment{c.R, c.K, append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)}.Check()
		},
		"sigma = order": func() error { _, err := c.Partial([32]byte{}, order); return err },
		"sigma short":   func() error { _, err := c.Partial([32]byte{}, sigma[1:]); return err },
		"key short":     func() error { _, err := Verify(s.key[1:], [32]byte{}, make([]byte, 64)); return err },
		"zero r, s":     func() error { _, err := Verify(s.key, [32]byte{}, make([]byte, 64)); return err },
		"r = order":     func() error { _, err := Verify(s.key, [32]byte{}, append(order, order...)); return err },
		"short sig":     func() error { _, err := Verify(s.key, [32]byte{}, make([]byte, 63)); return err },
		"group key":     func() error { _, err := Consistent(infinity, s.commitments); return err },
	} {
		if err := f(); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v, want ErrEncoding", name, err)
		}
	}
}

func TestVectorsECDSASecp256k1(t *testing.T) {
	var file struct {
		Groups []struct {
			Key   struct{ Uncompressed vectors.Hex } `json:"publicKey"`
			Tests []struct {
				ID       int `json:"tcId"`
				Msg, Sig vectors.Hex
				Result   string
				Comment  string
			}
		} `json:"testGroups"`
	}
	vectors.Wycheproof(t, "ecdsa_secp256k1_sha256_p1363_test.json", &file)
	tally := vectors.NewTally(t, "ECDSA secp256k1, low s", "Wycheproof P1363")
	for _, g := range file.Groups {
		key, err := secp256k1.ParsePubKey(g.Key.Uncompressed)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			got, err := Verify(key.SerializeCompressed(), sha256.Sum256(c.Msg), c.Sig)
			want := c.Result == "valid"
			if want {
				// What Wycheproof calls valid may have the greater s.
				s, err := scalar(c.Sig[ScalarSize:])
				want = err == nil && !s.IsOverHalfOrder()
			}
			tally.Check(t, got == want && (err == nil || !want), "case %d, %s, %s: %t, %v", c.ID, c.Result, c.Comment, got, err)
		}
	}
}

func FuzzPartial(f *testing.F) {
	s := newSession(rand.NewChaCha8([32]byte{24}), 2)
	c := s.commitments[0]
	f.Add(c.R, c.K, c.S, make([]byte, ScalarSize))
	f.Add(c.R, c.R, c.R, bytes.Repeat([]byte{0xff}, ScalarSize))
	f.Fuzz(func(t *testing.T, r, k, s, sigma []byte) {
		ok, err := Commitment{r, k, s}.Partial([32]byte{1}, sigma)
		if err != nil && (ok || !errors.Is(err, ErrEncoding)) {
			t.Errorf("Partial = %t, %v", ok, err)
		}
	})
}
