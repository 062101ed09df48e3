package outside

import (
	"bytes"
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"

	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/internal/vectors"
)

func (s source) scalar(t *testing.T) *edwards25519.Scalar {
	t.Helper()
	x, err := edwards25519.NewScalar().SetUniformBytes(s.bytes(64))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (s source) scalars(t *testing.T, n int) (encoded [][]byte) {
	t.Helper()
	for range n {
		encoded = append(encoded, s.scalar(t).Bytes())
	}
	return encoded
}

func base(x *edwards25519.Scalar) []byte { return new(edwards25519.Point).ScalarBaseMult(x).Bytes() }

func TestVectorsHashToPointRandom(t *testing.T) {
	r, n := random(t), start(t)
	points := vectors.NewTally(t, "ring hash to point", "spec/check over noble, random")
	images := vectors.NewTally(t, "ring key image", "spec/check over noble, random")
	for round := range rounds() {
		key := r.bytes(32) // any bytes are hashed
		got, want := hex.EncodeToString(ring.HashToPoint(key).Bytes()), n.text("hashToPoint", key)
		points.Check(t, got == want, "round %d: HashToPoint(%x) = %s, want %s", round, key, got, want)
		secret := r.scalar(t).Bytes()
		image, err := ring.KeyImage(secret)
		want = n.text("keyImage", secret)
		images.Check(t, err == nil && hex.EncodeToString(image) == want, "round %d: KeyImage(%x) = %x, %v, want %s", round, secret, image, err, want)
	}
}

// Each side signs, both verify, and both refuse what was altered.
func TestVectorsLSAGRandom(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "LSAG", "spec/check over noble, random, both ways")
	for round := range cases(3) {
		size := 2 + r.IntN(4)
		at := r.IntN(size)
		var keys [][]byte
		var secret []byte
		for i := range size {
			x := r.scalar(t)
			keys = append(keys, base(x))
			if i == at {
				secret = x.Bytes()
			}
		}
		message := r.bytes(r.IntN(100))
		sig, image, err := ring.SignLSAG(r, keys, at, secret, message)
		if err != nil {
			t.Fatal(err)
		}
		tally.Check(t, n.truth("verifyLSAG", keys, image, message, sig), "round %d: the other side refuses our signature %x", round, sig)
		bad := r.altered(sig)
		ours, _ := ring.VerifyLSAG(keys, image, message, bad)
		theirs := n.truth("verifyLSAG", keys, image, message, bad)
		tally.Check(t, !ours && !theirs, "round %d: altered %x: ours %v, theirs %v", round, bad, ours, theirs)

		var made [2]vectors.Hex
		n.ask(&made, "signLSAG", keys, at, secret, message, r.scalar(t).Bytes(), r.scalars(t, size))
		ok, err := ring.VerifyLSAG(keys, made[0], message, made[1])
		tally.Check(t, ok && bytes.Equal(made[0], image), "round %d: we refuse the other side's signature %x: %v", round, made[1], err)
	}
}

func TestVectorsCLSAGRandom(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "CLSAG", "spec/check over noble, random, both ways")
	for round := range cases(3) {
		size := 2 + r.IntN(4)
		at := r.IntN(size)
		offset := base(r.scalar(t))
		shift, err := new(edwards25519.Point).SetBytes(offset)
		if err != nil {
			t.Fatal(err)
		}
		var keys, commitments [][]byte
		var secret, opening []byte
		for i := range size {
			x, z := r.scalar(t), r.scalar(t)
			c := new(edwards25519.Point).ScalarBaseMult(z)
			if i == at {
				secret, opening = x.Bytes(), z.Bytes()
				c.Add(c, shift)
			}
			keys, commitments = append(keys, base(x)), append(commitments, c.Bytes())
		}
		message := r.bytes(32)
		sig, err := ring.SignCLSAG(r, keys, commitments, offset, at, secret, opening, message)
		if err != nil {
			t.Fatal(err)
		}
		tally.Check(t, n.truth("verifyCLSAG", keys, commitments, offset, message, sig.Bytes()), "round %d: the other side refuses our signature", round)
		bad := r.altered(sig.Bytes())
		ours := false
		if parsed, err := ring.ParseCLSAG(bad, size); err == nil {
			ours, _ = ring.VerifyCLSAG(keys, commitments, offset, message, parsed)
		}
		theirs := n.truth("verifyCLSAG", keys, commitments, offset, message, bad)
		tally.Check(t, !ours && !theirs, "round %d: altered: ours %v, theirs %v", round, ours, theirs)

		var made vectors.Hex
		n.ask(&made, "signCLSAG", keys, commitments, offset, at, secret, opening, message, r.scalar(t).Bytes(), r.scalars(t, size))
		parsed, err := ring.ParseCLSAG(made, size)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := ring.VerifyCLSAG(keys, commitments, offset, message, parsed)
		tally.Check(t, ok, "round %d: we refuse the other side's signature: %v", round, err)
	}
}
