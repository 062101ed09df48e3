package identity

import (
	"crypto/sha3"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// stream is SHAKE-256 of a name: randomness that every run gives again.
func stream(name string) io.Reader {
	s := sha3.NewSHAKE256()
	_, _ = s.Write([]byte(name))
	return s
}

// start is a moment in the middle of a week.
var start = time.Date(2026, 11, 23, 12, 34, 56, 789e6, time.UTC)

func newAccount(t testing.TB, name string) *Account {
	t.Helper()
	seed := make([]byte, AccountSeedSize)
	if _, err := io.ReadFull(stream("account "+name), seed); err != nil {
		t.Fatal(err)
	}
	a, err := NewAccount(seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newRing(t testing.TB, name string) *KeyRing {
	t.Helper()
	r, err := NewKeyRing(stream("ring "+name), start)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newBundle(t testing.TB, name string, oneTime int) *Bundle {
	t.Helper()
	b, err := newRing(t, name).Issue(stream("issue "+name), newAccount(t, name), start, IssueOptions{OneTime: oneTime})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hexText is bytes that are hex in JSON.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func read(t testing.TB, name string, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(stream(name), b); err != nil {
		t.Fatal(fmt.Errorf("reading %s: %w", name, err))
	}
	return b
}
