package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/c2sp/wycheproof"
)

func TestBoxIsXChaCha20Poly1305(t *testing.T) {
	f, err := wycheproof.TestVectors.Open("xchacha20_poly1305_test.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var v struct {
		TestGroups []struct {
			IVSize int
			Tests  []struct {
				TcID                       int
				Key, IV, AAD, Msg, CT, Tag hexText
				Result                     string
			}
		}
	}
	if err := json.NewDecoder(f).Decode(&v); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range v.TestGroups {
		if g.IVSize != 8*nonceSize {
			continue // we use one size only
		}
		for _, c := range g.Tests {
			b, err := newBox(c.Key, c.IV, c.AAD)
			if err != nil {
				t.Fatal(err)
			}
			sealed := append(bytes.Clone(c.CT), c.Tag...)
			got, err := b.open(sealed)
			if c.Result == "valid" {
				if err != nil || !bytes.Equal(got, c.Msg) || !bytes.Equal(b.seal(c.Msg), sealed) {
					t.Errorf("case %d: open = %x, %v, want %x", c.TcID, got, err, []byte(c.Msg))
				}
			} else if !errors.Is(err, ErrRefused) {
				t.Errorf("case %d: open = %v, want ErrRefused", c.TcID, err)
			}
			n++
		}
	}
	if n < 200 {
		t.Errorf("%d cases, want at least 200", n)
	}
}

// The transcript is in every key, so a change of what was absorbed changes all
// that follows; nothing else in the package relies on the order of its calls.
func TestScheduleDependsOnEverything(t *testing.T) {
	run := func(absorb, mix string, secret byte) [32]byte {
		s := newSchedule()
		s.absorb("a", []byte(absorb))
		if _, err := s.mix(mix, []byte{secret}); err != nil {
			t.Fatal(err)
		}
		return s.export("x")
	}
	want := run("a", "m", 1)
	for name, got := range map[string][32]byte{
		"another transcript": run("b", "m", 1),
		"another label":      run("a", "n", 1),
		"another secret":     run("a", "m", 2),
	} {
		if got == want {
			t.Errorf("%s gives the same key", name)
		}
	}
	s := newSchedule()
	before := s.export("x")
	s.absorb("a")
	if s.export("x") == before || s.export("x") == s.export("y") {
		t.Error("an export does not depend on the transcript or the label")
	}
	secret := []byte{1, 2, 3}
	if _, err := s.mix("m", secret); err != nil || !bytes.Equal(secret, make([]byte, 3)) {
		t.Errorf("mix left its secret behind: %x, %v", secret, err)
	}
}
