package frost

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
)

// generate runs a key generation among n people in one process.
func generate(t testing.TB, s *Suite, n, threshold uint16, seed byte) ([]*Share, map[uint16][]byte) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	var people []*DKG
	var first []Round1
	for id := uint16(1); id <= n; id++ {
		d, r, err := NewDKG(s, id, n, threshold, []byte("test"), random)
		if err != nil {
			t.Fatal(err)
		}
		people, first = append(people, d), append(first, r)
	}
	inbox := make([]map[uint16][]byte, n+1)
	for i := range inbox {
		inbox[i] = map[uint16][]byte{}
	}
	for i, d := range people {
		out, err := d.Shares(first)
		if err != nil {
			t.Fatal(err)
		}
		for to, share := range out {
			inbox[to][uint16(i+1)] = share
		}
	}
	var shares []*Share
	var publics map[uint16][]byte
	for i, d := range people {
		share, p, err := d.Finish(inbox[i+1])
		if err != nil {
			t.Fatal(err)
		}
		if publics != nil && fmt.Sprint(p) != fmt.Sprint(publics) {
			t.Error("two participants have different verification keys")
		}
		shares, publics = append(shares, share), p
	}
	return shares, publics
}

type round struct {
	commitments []Commitment
	parts       map[uint16][]byte
}

func run(t testing.TB, shares []*Share, msg []byte, seed byte) round {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	r := round{parts: map[uint16][]byte{}}
	nonces := make([]*Nonces, len(shares))
	for i, share := range shares {
		n, c, err := share.Commit(random)
		if err != nil {
			t.Fatal(err)
		}
		nonces[i], r.commitments = n, append(r.commitments, c)
	}
	for i, share := range shares {
		z, err := share.Sign(nonces[i], msg, r.commitments)
		if err != nil {
			t.Fatal(err)
		}
		r.parts[share.ID()] = z
		if _, err := share.Sign(nonces[i], msg, r.commitments); !errors.Is(err, ErrUsed) {
			t.Errorf("signing twice with the same nonces: %v, want ErrUsed", err)
		}
	}
	return r
}

func TestAnyThresholdOfSignersSigns(t *testing.T) {
	for _, s := range suites {
		t.Run(s.String(), func(t *testing.T) {
			shares, publics := generate(t, s, 5, 3, byte(s.ID()))
			msg := []byte("salaam")
			for _, pick := range [][]int{{0, 1, 2}, {4, 2, 0}, {0, 1, 2, 3, 4}} {
				var signers []*Share
				for _, i := range pick {
					signers = append(signers, shares[i])
				}
				r := run(t, signers, msg, 1)
				for id, z := range r.parts {
					if err := VerifyShare(s, shares[0].GroupKey(), msg, r.commitments, id, publics[id], z); err != nil {
						t.Errorf("VerifyShare(%d) = %v, want nil", id, err)
					}
				}
				sig, err := Aggregate(s, shares[0].GroupKey(), msg, r.commitments, r.parts)
				if err != nil {
					t.Fatalf("signers %v: %v", pick, err)
				}
				if ok, _ := Verify(s, shares[0].GroupKey(), []byte("another"), sig); ok {
					t.Error("another message was accepted")
				}
				switch s.ID() { // signatures that every verifier of the world accepts
				case Ed25519:
					if !ed25519.Verify(shares[0].GroupKey(), msg, sig) {
						t.Error("crypto/ed25519 refuses the signature")
					}
				case Ed448:
					if !ed448.Verify(ed448.PublicKey(shares[0].GroupKey()), msg, sig, "") {
						t.Error("circl's Ed448 refuses the signature")
					}
				}
			}
			// One too few: the shares add up to something else.
			r := run(t, shares[:2], msg, 2)
			if _, err := Aggregate(s, shares[0].GroupKey(), msg, r.commitments, r.parts); !errors.Is(err, ErrShare) {
				t.Errorf("two of a threshold of three: %v, want ErrShare", err)
			}
		})
	}
}

func TestTheSpoilerIsNamed(t *testing.T) {
	for _, s := range suites {
		shares, publics := generate(t, s, 3, 2, 9)
		msg := []byte("m")
		r := run(t, shares, msg, 3)
		r.parts[2] = r.parts[3]
		if _, err := Aggregate(s, shares[0].GroupKey(), msg, r.commitments, r.parts); !errors.Is(err, ErrShare) {
			t.Errorf("%s: Aggregate = %v, want ErrShare", s, err)
		}
		for id := uint16(1); id <= 3; id++ {
			err := VerifyShare(s, shares[0].GroupKey(), msg, r.commitments, id, publics[id], r.parts[id])
			if blamed := errors.Is(err, ErrShare); blamed != (id == 2) {
				t.Errorf("%s: VerifyShare(%d) = %v, want blame for 2 only", s, id, err)
			}
		}
	}
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	for _, s := range suites {
		shares, _ := generate(t, s, 2, 2, 5)
		msg := []byte("m")
		r := run(t, shares, msg, 4)
		key := shares[0].GroupKey()
		sig, err := Aggregate(s, key, msg, r.commitments, r.parts)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(sig) * 8 {
			b := bytes.Clone(sig)
			b[bit/8] ^= 1 << (bit % 8)
			if ok, _ := Verify(s, key, msg, b); ok {
				t.Errorf("%s: signature bit %d flipped was accepted", s, bit)
			}
		}
		for bit := range len(key) * 8 {
			b := bytes.Clone(key)
			b[bit/8] ^= 1 << (bit % 8)
			if ok, _ := Verify(s, b, msg, sig); ok {
				t.Errorf("%s: key bit %d flipped was accepted", s, bit)
			}
		}
		for name, in := range map[string][2][]byte{
			"no signature": {key, nil}, "short": {key, sig[:len(sig)-1]}, "long": {key, append(bytes.Clone(sig), 0)},
			"zeroes": {key, make([]byte, len(sig))}, "all 0xff": {key, bytes.Repeat([]byte{0xFF}, len(sig))},
			"no key": {nil, sig}, "zero key": {make([]byte, len(key)), sig}, "key of 0xff": {bytes.Repeat([]byte{0xFF}, len(key)), sig},
		} {
			if ok, err := Verify(s, in[0], msg, in[1]); ok || !errors.Is(err, ErrEncoding) {
				t.Errorf("%s, %s: Verify = %v, %v, want ErrEncoding", s, name, ok, err)
			}
		}
	}
}

func TestKeyGenerationFindsCheats(t *testing.T) {
	s := suites[0]
	random := rand.NewChaCha8([32]byte{1})
	a, ra, err := NewDKG(s, 1, 2, 2, []byte("x"), random)
	if err != nil {
		t.Fatal(err)
	}
	_, rb, err := NewDKG(s, 2, 2, 2, []byte("x"), random)
	if err != nil {
		t.Fatal(err)
	}
	_, elsewhere, err := NewDKG(s, 2, 2, 2, []byte("another generation"), random)
	if err != nil {
		t.Fatal(err)
	}
	// Participant 2 copies the first one's commitment without knowing its secret.
	rogue := rb
	rogue.Commitments = [][]byte{ra.Commitments[0], rb.Commitments[1]}
	for name, c := range map[string]struct {
		all  []Round1
		want error
	}{
		"rogue key":            {[]Round1{ra, rogue}, ErrProof},
		"proof from elsewhere": {[]Round1{ra, elsewhere}, ErrProof},
		"missing":              {[]Round1{ra}, ErrSigners},
		"twice":                {[]Round1{ra, ra}, ErrSigners},
		"too few coefficients": {[]Round1{ra, {ID: 2, Commitments: rb.Commitments[:1], ProofR: rb.ProofR, ProofZ: rb.ProofZ}}, ErrProof},
		"garbage":              {[]Round1{ra, {ID: 2, Commitments: [][]byte{{1}, {2}}}}, ErrEncoding},
		"identifier 3 of 2":    {[]Round1{ra, {ID: 3}}, ErrSigners},
	} {
		if _, err := a.Shares(c.all); !errors.Is(err, c.want) {
			t.Errorf("%s: Shares = %v, want %v", name, err, c.want)
		}
	}
	if _, err := a.Shares([]Round1{ra, rb}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Finish(map[uint16][]byte{2: fixed(order25519, 32, true)}); err == nil {
		t.Error("a share at the order was accepted")
	}
	one := make([]byte, 32)
	one[0] = 1
	if _, _, err := a.Finish(map[uint16][]byte{2: one}); !errors.Is(err, ErrShare) || !strings.Contains(err.Error(), "participant 2") {
		t.Errorf("a wrong share: %v, want ErrShare that names participant 2", err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	shares, _ := generate(t, suites[4], 2, 2, 7)
	n, _, err := shares[0].Commit(rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{shares[0], n} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{shares[0].secret.String(), fmt.Sprintf("%x", shares[0].Secret()), n.hiding.String()} {
				if strings.Contains(out, secret[:12]) {
					t.Errorf("Sprintf(%q) shows a secret", verb)
				}
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, s := range suites {
		shares, _ := generate(f, s, 2, 2, 5)
		r := run(f, shares, []byte("m"), 4)
		sig, err := Aggregate(s, shares[0].GroupKey(), []byte("m"), r.commitments, r.parts)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(s.ID()), shares[0].GroupKey(), sig)
	}
	f.Fuzz(func(t *testing.T, id uint8, key, sig []byte) {
		s, err := SuiteByID(SuiteID(id))
		if err != nil {
			return
		}
		_, _ = Verify(s, key, []byte("m"), sig)
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, s := range suites {
		shares, _ := generate(b, s, 2, 2, 5)
		r := run(b, shares, []byte("m"), 4)
		sig, err := Aggregate(s, shares[0].GroupKey(), []byte("m"), r.commitments, r.parts)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.String(), func(b *testing.B) {
			for b.Loop() {
				if ok, _ := Verify(s, shares[0].GroupKey(), []byte("m"), sig); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
