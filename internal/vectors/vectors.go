// Package vectors reads other people's test vectors for tests, and keeps count
// of what passed, what failed and what was left out for which reason.
package vectors

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// Hex is a byte string that JSON holds as hexadecimal digits.
type Hex []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return err
	}
	*h = append(make([]byte, 0, len(raw)), raw...)
	return nil
}

// ModuleDir is where the module cache holds the version of module that go.mod
// names.
func ModuleDir(tb testing.TB, module string) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		tb.Fatalf("go list -m %s: %q, %v; is it in go.mod and downloaded?", module, dir, err)
	}
	return dir
}

// ACVPGroup is a group of a NIST ACVP vector set, with the fields of all the
// algorithms that are read here.
type ACVPGroup struct {
	ID                 int        `json:"tgId"`
	TestType           string     `json:"testType"`
	ParameterSet       string     `json:"parameterSet"`
	Deterministic      bool       `json:"deterministic"`
	Function           string     `json:"function"`
	SignatureInterface string     `json:"signatureInterface"`
	PreHash            string     `json:"preHash"`
	PK                 Hex        `json:"pk"`
	DK                 Hex        `json:"dk"`
	Tests              []ACVPTest `json:"tests"`
}

// ACVPTest is one case, prompt and expected result together.
type ACVPTest struct {
	ID         int    `json:"tcId"`
	Seed       Hex    `json:"seed"`
	D          Hex    `json:"d"`
	Z          Hex    `json:"z"`
	M          Hex    `json:"m"`
	EK         Hex    `json:"ek"`
	DK         Hex    `json:"dk"`
	C          Hex    `json:"c"`
	K          Hex    `json:"k"`
	PK         Hex    `json:"pk"`
	SK         Hex    `json:"sk"`
	SKSeed     Hex    `json:"skSeed"`
	SKPRF      Hex    `json:"skPrf"`
	PKSeed     Hex    `json:"pkSeed"`
	Message    Hex    `json:"message"`
	Context    Hex    `json:"context"`
	HashAlg    string `json:"hashAlg"`
	Random     Hex    `json:"rnd"`
	Additional Hex    `json:"additionalRandomness"`
	Signature  Hex    `json:"signature"`
	Passed     bool   `json:"testPassed"`
}

// ACVP reads a gzipped prompt file of a NIST ACVP vector set and the file of
// its expected results, and joins them by case.
func ACVP(tb testing.TB, prompt, results string) []ACVPGroup {
	tb.Helper()
	var p, r struct {
		Groups []struct {
			ACVPGroup
			Tests []json.RawMessage `json:"tests"`
		} `json:"testGroups"`
	}
	readGzip(tb, prompt, &p)
	readGzip(tb, results, &r)
	type name struct{ group, test int }
	answers := make(map[name]json.RawMessage)
	for _, g := range r.Groups {
		for _, raw := range g.Tests {
			var id struct {
				ID int `json:"tcId"`
			}
			unmarshal(tb, results, raw, &id)
			answers[name{g.ID, id.ID}] = raw
		}
	}
	var out []ACVPGroup
	for _, g := range p.Groups {
		group := g.ACVPGroup
		for _, raw := range g.Tests {
			var c ACVPTest
			unmarshal(tb, prompt, raw, &c)
			answer, ok := answers[name{g.ID, c.ID}]
			if !ok {
				tb.Fatalf("%s: case %d has no expected result in %s", prompt, c.ID, results)
			}
			unmarshal(tb, results, answer, &c)
			group.Tests = append(group.Tests, c)
		}
		out = append(out, group)
	}
	return out
}

// Wycheproof reads a file of the C2SP Wycheproof collection into v.
func Wycheproof(tb testing.TB, name string, v any) {
	tb.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		tb.Fatalf("wycheproof: %v", err)
	}
	unmarshal(tb, name, raw, v)
}

// Tally counts the cases of one source.
type Tally struct {
	primitive, source string
	passed, failed    int
	skipped           map[string]int
}

// NewTally starts the count for primitive ("ML-DSA sigVer") against source
// ("ACVP, circl v1.6.5") and reports it when the test ends, on a line that
// starts with "VECTORS".
func NewTally(tb testing.TB, primitive, source string) *Tally {
	t := &Tally{primitive: primitive, source: source, skipped: make(map[string]int)}
	tb.Cleanup(func() {
		if t.passed+t.failed+len(t.skipped) == 0 {
			tb.Errorf("%s: %s has no case at all", primitive, source)
		}
		tb.Log(t)
	})
	return t
}

// Check counts a case and fails the test when ok is false.
func (t *Tally) Check(tb testing.TB, ok bool, format string, args ...any) {
	tb.Helper()
	if ok {
		t.passed++
		return
	}
	t.failed++
	tb.Errorf("%s, %s: %s", t.primitive, t.source, fmt.Sprintf(format, args...))
}

// Skip counts a case that does not apply, and says why.
func (t *Tally) Skip(reason string) { t.skipped[reason]++ }

// String is the line that the table of `make test-vectors` is made of.
func (t *Tally) String() string {
	total := 0
	var reasons []string
	for reason, n := range t.skipped {
		total += n
		reasons = append(reasons, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(reasons)
	s := fmt.Sprintf("VECTORS %-24s %-46s %5d passed %3d failed %4d skipped", t.primitive, t.source, t.passed, t.failed, total)
	if total > 0 {
		s += " (" + strings.Join(reasons, "; ") + ")"
	}
	return s
}

func readGzip(tb testing.TB, path string, v any) {
	tb.Helper()
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

func unmarshal(tb testing.TB, name string, raw []byte, v any) {
	tb.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}
