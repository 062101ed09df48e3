package digest

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func TestDeriveIsHKDF(t *testing.T) {
	f, err := wycheproof.TestVectors.Open("hkdf_sha512_test.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var v struct {
		TestGroups []struct {
			Tests []struct {
				TcID                 int
				IKM, Salt, Info, OKM hexBytes
				Size                 int
				Result               string
			}
		}
	}
	if err := json.NewDecoder(f).Decode(&v); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			if c.Result != "valid" {
				continue // lengths above 255 * 64, which panic
			}
			if got := Derive(c.IKM, c.Salt, string(c.Info), c.Size); !bytes.Equal(got, c.OKM) {
				t.Errorf("case %d: %x, want %x", c.TcID, got, c.OKM)
			}
			n++
		}
	}
	if n < 50 {
		t.Errorf("%d cases, want at least 50", n)
	}
}

func TestSumHashesTheDocumentedBytes(t *testing.T) {
	// 84: array of 4; 61 61: "a"; 01: 1; 19 01 00: 256; 42 07 08: two bytes.
	want := sha3.Sum256([]byte{0x84, 0x61, 0x61, 0x01, 0x19, 0x01, 0x00, 0x42, 0x07, 0x08})
	if got := Sum("a", uint64(1), uint64(256), []byte{7, 8}); got != want {
		t.Errorf("Sum = %x, want %x", got, want)
	}
	if got := Sum("a", uint64(1), uint64(256), [2]byte{7, 8}); got != want {
		t.Errorf("Sum of an array = %x, want the same as of a slice, %x", got, want)
	}
}

func TestFieldsCannotRunIntoOneAnother(t *testing.T) {
	seen := map[[Size]byte]int{}
	for i, fields := range [][]any{
		{[]byte("ab"), []byte("c")}, {[]byte("a"), []byte("bc")}, {[]byte("abc")}, {[]byte("abc"), []byte{}}, {[]byte{}, []byte("abc")}, {"abc"}, {},
	} {
		h := Sum("label", fields...)
		if j, ok := seen[h]; ok {
			t.Errorf("inputs %d and %d have one hash", i, j)
		}
		seen[h] = i
	}
	if Sum("la", "bel") == Sum("label") {
		t.Error("label and field run into one another")
	}
}

func TestWhatHasNoEncodingPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"floating point": func() { Sum("x", 1.5) },
		"too long a key": func() { Derive(nil, nil, "x", 255*64+1) },
	} {
		func() {
			defer func() {
				if r, ok := recover().(string); !ok || !strings.HasPrefix(r, "digest: ") {
					t.Errorf("%s: recovered %v, want our own words", name, r)
				}
			}()
			f()
		}()
	}
}
