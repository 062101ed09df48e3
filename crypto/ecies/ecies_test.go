package ecies

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

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

// What stands before the point in a key of the named curve (RFC 5480).
var (
	uncompressedKey = "3056301006072a8648ce3d020106052b8104000a034200"
	compressedKey   = "3036301006072a8648ce3d020106052b8104000a032200"
)

func TestVectorsECDHSecp256k1(t *testing.T) {
	var file struct {
		Groups []struct {
			Tests []struct {
				ID                      int `json:"tcId"`
				Public, Private, Shared vectors.Hex
				Result, Comment         string
			}
		} `json:"testGroups"`
	}
	vectors.Wycheproof(t, "ecdh_secp256k1_test.json", &file)
	tally := vectors.NewTally(t, "ECDH secp256k1", "Wycheproof")
	for _, g := range file.Groups {
		for _, c := range g.Tests {
			public := []byte(c.Public)
			for _, prefix := range []string{uncompressedKey, compressedKey} {
				public = bytes.TrimPrefix(public, unhex(t, prefix))
			}
			if len(public) == len(c.Public) {
				tally.Skip("whose key is not a bare point of the named curve")
				continue
			}
			private := bytes.TrimLeft(c.Private, "\x00")
			private = append(make([]byte, PrivateKeySize-len(private)), private...)
			got, err := Agree(private, public)
			ok := err == nil && bytes.Equal(got, c.Shared)
			// What is merely acceptable are keys in unclean wrapping.
			if c.Result != "valid" {
				ok = ok && c.Result == "acceptable" || errors.Is(err, ErrKey)
			}
			tally.Check(t, ok, "case %d, %s, %s: %x, %v, want %x", c.ID, c.Result, c.Comment, got, err, c.Shared)
		}
	}
}

// The first case of NIST's CAVP file for ANSX963_KDF with SHA-256.
func TestKDFAgreesWithCAVP(t *testing.T) {
	got := KDF(unhex(t, "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08"), nil, 16)
	if want := "443024c3dae66b95e6f5670601558f71"; hex.EncodeToString(got) != want {
		t.Errorf("KDF = %x, want %s", got, want)
	}
}

func TestVectorsECIES(t *testing.T) {
	raw, err := os.ReadFile("testdata/ecies.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Private, Public, Ephemeral, Info, Plaintext, Sealed vectors.Hex }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	tally := vectors.NewTally(t, "ECIES", "pyca/cryptography, testdata")
	for i, v := range list {
		public, err := PublicKey(v.Private)
		sealed, errSeal := Seal(v.Public, v.Ephemeral, v.Info, v.Plaintext)
		opened, errOpen := Open(v.Private, v.Info, v.Sealed)
		ok := errors.Join(err, errSeal, errOpen) == nil && bytes.Equal(public, v.Public) && bytes.Equal(sealed, v.Sealed) && bytes.Equal(opened, v.Plaintext)
		tally.Check(t, ok, "case %d: %x, %x, %v, %v", i, sealed, opened, errSeal, errOpen)
	}
}

func TestSealedMessagesOpenAndAlteredOnesDont(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = r.Read(b)
		return b
	}
	private, ephemeral := random(32), random(32)
	public, err := PublicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	info, plaintext := []byte("about"), random(50)
	sealed, err := Seal(public, ephemeral, info, plaintext)
	if err != nil || len(sealed) != len(plaintext)+Overhead {
		t.Fatalf("Seal = %d bytes, %v, want %d", len(sealed), err, len(plaintext)+Overhead)
	}
	if got, err := Open(private, info, sealed); err != nil || !bytes.Equal(got, plaintext) {
		t.Errorf("Open = %x, %v, want %x", got, err, plaintext)
	}
	for bit := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		if got, err := Open(private, info, bad); err == nil {
			t.Errorf("bit %d altered: opens to %x", bit, got)
		}
	}
	for name, c := range map[string]struct {
		private, info, sealed []byte
		want                  error
	}{
		"another info":    {private, []byte("abou"), sealed, ErrOpen},
		"another key":     {random(32), info, sealed, ErrOpen},
		"cut off":         {private, info, sealed[:Overhead-1], ErrShort},
		"key 0":           {make([]byte, 32), info, sealed, ErrKey},
		"key of order":    {unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"), info, sealed, ErrKey},
		"short key":       {private[1:], info, sealed, ErrKey},
		"no point":        {private, info, append([]byte{2}, bytes.Repeat([]byte{0xff}, len(sealed)-1)...), ErrKey},
		"infinity":        {private, info, make([]byte, len(sealed)), ErrKey},
		"a hybrid point":  {private, info, append([]byte{6}, sealed[1:]...), ErrKey},
		"x beyond fields": {private, info, append(unhex(t, "02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"), sealed[33:]...), ErrKey},
	} {
		if got, err := Open(c.private, c.info, c.sealed); !errors.Is(err, c.want) {
			t.Errorf("%s: Open = %x, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := Seal(append([]byte{4}, make([]byte, 64)...), ephemeral, nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("Seal to an uncompressed key = %v, want ErrKey", err)
	}
}

func FuzzOpen(f *testing.F) {
	private := bytes.Repeat([]byte{1}, 32)
	public, err := PublicKey(private)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := Seal(public, bytes.Repeat([]byte{2}, 32), nil, []byte("message"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(make([]byte, Overhead))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Open(private, nil, b); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("%x opens without its key's owner having sealed it", b)
		}
	})
}
