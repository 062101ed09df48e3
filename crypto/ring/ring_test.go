package ring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"github.com/pars-network/pars/internal/vectors"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Monero's own cases: the map to the curve, the hash to a point that is made of it,
// and key images, for which its test takes public key and scalar independently of
// each other.
func TestVectorsMonero(t *testing.T) {
	file, err := os.ReadFile("testdata/monero.txt")
	if err != nil {
		t.Fatal(err)
	}
	mapped := vectors.NewTally(t, "ring map to the curve", "Monero")
	points := vectors.NewTally(t, "ring hash to point", "Monero")
	images := vectors.NewTally(t, "ring key images", "Monero")
	count := map[string]int{}
	for line := range strings.Lines(string(file)) {
		w := strings.Fields(line)
		count[w[0]]++
		in, want := unhex(t, w[1]), w[len(w)-1]
		switch w[0] {
		case "hash_to_point":
			got := hex.EncodeToString(fromField(in).Bytes())
			mapped.Check(t, got == want, "fromField(%x) = %s, want %s", in, got, want)
		case "hash_to_ec":
			got := hex.EncodeToString(HashToPoint(in).Bytes())
			points.Check(t, got == want, "HashToPoint(%x) = %s, want %s", in, got, want)
		case "generate_key_image":
			x, err := edwards25519.NewScalar().SetCanonicalBytes(unhex(t, w[2]))
			if err != nil {
				t.Fatal(err)
			}
			got := hex.EncodeToString(new(edwards25519.Point).ScalarMult(x, HashToPoint(in)).Bytes())
			images.Check(t, got == want, "key image of %x: %s, want %s", in, got, want)
		}
	}
	if want := map[string]int{"hash_to_point": 371, "hash_to_ec": 256, "generate_key_image": 256}; !maps.Equal(count, want) {
		t.Errorf("%v cases, want %v", count, want)
	}
}

type person struct{ secret, public []byte }

type group struct {
	people      []person
	ring        [][]byte
	openings    [][]byte
	commitments [][]byte
	offset      []byte
	random      *rand.ChaCha8
}

// newGroup makes n people from a seed; person at's commitment minus the offset
// is openings[at] x G.
func newGroup(t testing.TB, n int, seed byte) *group {
	t.Helper()
	g := &group{random: rand.NewChaCha8([32]byte{seed})}
	scalar := func() *edwards25519.Scalar {
		s, err := randomScalar(g.random)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	offset := new(edwards25519.Point).ScalarBaseMult(scalar())
	g.offset = offset.Bytes()
	for range n {
		x, z := scalar(), scalar()
		p := person{x.Bytes(), new(edwards25519.Point).ScalarBaseMult(x).Bytes()}
		g.people, g.ring = append(g.people, p), append(g.ring, p.public)
		c := new(edwards25519.Point).ScalarBaseMult(z)
		g.openings, g.commitments = append(g.openings, z.Bytes()), append(g.commitments, c.Add(c, offset).Bytes())
	}
	return g
}

func TestLSAGSignsForEveryMemberAndSize(t *testing.T) {
	for _, n := range []int{2, 3, 11, 64} {
		g := newGroup(t, n, byte(n))
		for at := 0; at < n; at += 1 + n/4 {
			sig, img, err := SignLSAG(g.random, g.ring, at, g.people[at].secret, []byte("salaam"))
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := VerifyLSAG(g.ring, img, []byte("salaam"), sig); !ok || err != nil {
				t.Errorf("VerifyLSAG(ring of %d, member %d) = %v, %v, want true", n, at, ok, err)
			}
			if want, _ := KeyImage(g.people[at].secret); !bytes.Equal(img, want) {
				t.Errorf("image %x, want %x", img, want)
			}
		}
	}
}

func TestLSAGLinksAKeyAcrossRingsAndMessages(t *testing.T) {
	g, other := newGroup(t, 4, 1), newGroup(t, 7, 2)
	other.ring[3] = g.ring[2]
	_, first, err := SignLSAG(g.random, g.ring, 2, g.people[2].secret, []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := SignLSAG(g.random, other.ring, 3, g.people[2].secret, []byte("b"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two signatures by one key have different images")
	}
}

func TestLSAGRefusesEveryFlippedBit(t *testing.T) {
	g := newGroup(t, 3, 9)
	msg := []byte("m")
	sig, img, err := SignLSAG(g.random, g.ring, 1, g.people[1].secret, msg)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, bit int) []byte { c := bytes.Clone(b); c[bit/8] ^= 1 << (bit % 8); return c }
	for bit := range len(sig) * 8 {
		if ok, _ := VerifyLSAG(g.ring, img, msg, flip(sig, bit)); ok {
			t.Errorf("signature bit %d flipped was accepted", bit)
		}
	}
	for bit := range len(img) * 8 {
		if ok, _ := VerifyLSAG(g.ring, flip(img, bit), msg, sig); ok {
			t.Errorf("image bit %d flipped was accepted", bit)
		}
	}
	for m := range g.ring {
		ring := append([][]byte{}, g.ring...)
		for bit := 0; bit < 256; bit += 7 {
			ring[m] = flip(g.ring[m], bit)
			if ok, _ := VerifyLSAG(ring, img, msg, sig); ok {
				t.Errorf("member %d bit %d flipped was accepted", m, bit)
			}
		}
	}
	if ok, _ := VerifyLSAG(g.ring, img, []byte("n"), sig); ok {
		t.Error("another message was accepted")
	}
	if ok, _ := VerifyLSAG([][]byte{g.ring[1], g.ring[0], g.ring[2]}, img, msg, sig); ok {
		t.Error("another order of the ring was accepted")
	}
}

// torsion is a point of order 8 (RFC 8032's curve; y from the order-8 subgroup).
const torsion = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"

// With a component of small order in the image, one key could vote 8 times.
func TestImagesWithTorsionAreRefused(t *testing.T) {
	g := newGroup(t, 3, 4)
	sig, img, err := SignLSAG(g.random, g.ring, 0, g.people[0].secret, []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(edwards25519.Point).SetBytes(img)
	if err != nil {
		t.Fatal(err)
	}
	small, err := new(edwards25519.Point).SetBytes(unhex(t, torsion))
	if err != nil {
		t.Fatal(err)
	}
	if new(edwards25519.Point).MultByCofactor(small).Equal(edwards25519.NewIdentityPoint()) != 1 {
		t.Fatal("the torsion point is not of order 8")
	}
	for i := range 7 {
		p.Add(p, small)
		if _, err := VerifyLSAG(g.ring, p.Bytes(), []byte("m"), sig); !errors.Is(err, ErrPoint) {
			t.Errorf("image plus %d torsion points: %v, want ErrPoint", i+1, err)
		}
	}
}

func TestMalformedInputsAreErrors(t *testing.T) {
	g := newGroup(t, 3, 5)
	msg := []byte("m")
	sig, img, err := SignLSAG(g.random, g.ring, 0, g.people[0].secret, msg)
	if err != nil {
		t.Fatal(err)
	}
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	over := bytes.Clone(sig)
	copy(over[32:], order)
	nonCanonical := unhex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f") // y = p + 1
	for name, c := range map[string]struct {
		ring     [][]byte
		img, sig []byte
		want     error
	}{
		"one member":           {g.ring[:1], img, sig, ErrRing},
		"65 members":           {newGroup(t, 65, 8).ring, img, sig, ErrRing},
		"a member twice":       {[][]byte{g.ring[0], g.ring[1], g.ring[0]}, img, sig, ErrRing},
		"a member of order 8":  {[][]byte{g.ring[0], g.ring[1], unhex(t, torsion)}, img, sig, ErrPoint},
		"a non-canonical one":  {[][]byte{g.ring[0], g.ring[1], nonCanonical}, img, sig, ErrPoint},
		"a short member":       {[][]byte{g.ring[0], g.ring[1], g.ring[2][:31]}, img, sig, ErrPoint},
		"identity image":       {g.ring, edwards25519.NewIdentityPoint().Bytes(), sig, ErrPoint},
		"empty image":          {g.ring, nil, sig, ErrPoint},
		"short signature":      {g.ring, img, sig[:len(sig)-1], ErrSignature},
		"long signature":       {g.ring, img, append(bytes.Clone(sig), 0), ErrSignature},
		"scalar at the order":  {g.ring, img, over, ErrSignature},
		"no signature":         {g.ring, img, nil, ErrSignature},
		"all 0xff":             {g.ring, img, bytes.Repeat([]byte{0xFF}, len(sig)), ErrSignature},
		"image of all 0xff":    {g.ring, bytes.Repeat([]byte{0xFF}, 32), sig, ErrPoint},
		"member of all zeroes": {[][]byte{g.ring[0], make([]byte, 32)}, img, sig, ErrPoint},
	} {
		if ok, err := VerifyLSAG(c.ring, c.img, msg, c.sig); ok || !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyLSAG = %v, %v, want %v", name, ok, err, c.want)
		}
	}
	if _, _, err := SignLSAG(g.random, g.ring, 1, g.people[0].secret, msg); !errors.Is(err, ErrKey) {
		t.Errorf("signing with another member's key: %v, want ErrKey", err)
	}
}

func TestCLSAG(t *testing.T) {
	msg := bytes.Repeat([]byte{7}, MessageSize)
	for _, n := range []int{2, 11, 16} {
		g := newGroup(t, n, byte(100+n))
		for at := 0; at < n; at += 1 + n/3 {
			sig, err := SignCLSAG(g.random, g.ring, g.commitments, g.offset, at, g.people[at].secret, g.openings[at], msg)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := ParseCLSAG(sig.Bytes(), n)
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := VerifyCLSAG(g.ring, g.commitments, g.offset, msg, parsed); !ok || err != nil {
				t.Errorf("VerifyCLSAG(ring of %d, member %d) = %v, %v, want true", n, at, ok, err)
			}
			if want, _ := KeyImage(g.people[at].secret); !bytes.Equal(sig.Image, want) {
				t.Error("the CLSAG image differs from the key's")
			}
			if ok, _ := VerifyCLSAG(g.ring, g.commitments, g.ring[0], msg, parsed); ok {
				t.Error("another offset was accepted")
			}
			swapped := append([][]byte{}, g.commitments...)
			swapped[0], swapped[1] = swapped[1], swapped[0]
			if ok, _ := VerifyCLSAG(g.ring, swapped, g.offset, msg, parsed); ok {
				t.Error("exchanged commitments were accepted")
			}
		}
	}
}

func TestCLSAGRefusesEveryFlippedBit(t *testing.T) {
	g := newGroup(t, 2, 77)
	msg := bytes.Repeat([]byte{7}, MessageSize)
	sig, err := SignCLSAG(g.random, g.ring, g.commitments, g.offset, 1, g.people[1].secret, g.openings[1], msg)
	if err != nil {
		t.Fatal(err)
	}
	good := sig.Bytes()
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		s, err := ParseCLSAG(b, 2)
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := VerifyCLSAG(g.ring, g.commitments, g.offset, msg, s); ok {
			t.Errorf("bit %d flipped was accepted", bit)
		}
	}
	if _, err := SignCLSAG(g.random, g.ring, g.commitments, g.offset, 1, g.people[1].secret, g.openings[0], msg); !errors.Is(err, ErrCommitment) {
		t.Errorf("signing with another opening: %v, want ErrCommitment", err)
	}
}

func FuzzVerifyLSAG(f *testing.F) {
	g := newGroup(f, 3, 5)
	sig, img, err := SignLSAG(g.random, g.ring, 0, g.people[0].secret, []byte("m"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(img, sig)
	f.Fuzz(func(t *testing.T, i, s []byte) {
		if ok, _ := VerifyLSAG(g.ring, i, []byte("m"), s); ok && (!bytes.Equal(i, img) || !bytes.Equal(s, sig)) {
			t.Errorf("a second signature was accepted: %x %x", i, s)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{2, 16, 64} {
		g := newGroup(b, n, 3)
		msg := make([]byte, MessageSize)
		sig, img, err := SignLSAG(g.random, g.ring, 0, g.people[0].secret, msg)
		if err != nil {
			b.Fatal(err)
		}
		c, err := SignCLSAG(g.random, g.ring, g.commitments, g.offset, 0, g.people[0].secret, g.openings[0], msg)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("LSAG-%d", n), func(b *testing.B) {
			for b.Loop() {
				if ok, _ := VerifyLSAG(g.ring, img, msg, sig); !ok {
					b.Fatal("refused")
				}
			}
		})
		b.Run(fmt.Sprintf("CLSAG-%d", n), func(b *testing.B) {
			for b.Loop() {
				if ok, _ := VerifyCLSAG(g.ring, g.commitments, g.offset, msg, c); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
