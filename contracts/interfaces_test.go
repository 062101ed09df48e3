package contracts_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"

	"github.com/pars-network/pars/precompile"
)

// interfaces names the Solidity interface of each native contract.
var interfaces = map[string]string{
	"AI":              "IAI",
	"CGGMP21":         "ICGGMP21",
	"DEX quoter":      "IQuoter",
	"ECIES":           "IECIES",
	"FROST":           "IFROST",
	"Graph":           "IGraph",
	"HPKE":            "IHPKE",
	"ML-DSA":          "IMLDSA",
	"ML-KEM":          "IMLKEM",
	"Oracle feeds":    "IOracleFeeds",
	"Pedersen":        "IPedersen",
	"Poseidon":        "IPoseidon",
	"Ring signatures": "IRing",
	"SLH-DSA":         "ISLHDSA",
	"STARK verifier":  "ISTARK",
	"Threshold ECDSA": "IThresholdECDSA",
}

func TestSolidityIsFormattedAndTested(t *testing.T) {
	forge(t, "fmt", "--check")
	compiled(t, "IMLDSA.sol", "IMLDSA")
	forge(t, "test")
}

// describe lists what an ABI promises: selectors, signatures with the names of
// arguments and results, mutability, errors.
func describe(a abi.ABI) []string {
	var out []string
	for _, m := range a.Methods {
		out = append(out, fmt.Sprintf("%x %s", m.ID, m.String()))
	}
	for _, e := range a.Errors {
		out = append(out, fmt.Sprintf("%x %s", e.ID.Bytes()[:4], e.String()))
	}
	for _, e := range a.Events {
		out = append(out, fmt.Sprintf("%x %s", e.ID, e.String()))
	}
	slices.Sort(out)
	return out
}

func TestInterfacesAreTheRegistrys(t *testing.T) {
	left := maps.Clone(interfaces)
	for _, entry := range precompile.Entries() {
		if entry.ABI == nil {
			continue
		}
		name, ok := interfaces[entry.Name]
		if !ok {
			t.Errorf("%s has no Solidity interface", entry.Name)
			continue
		}
		delete(left, entry.Name)
		want, got := describe(compiled(t, name+".sol", name).ABI), describe(*entry.ABI)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the registry has\n%q\nand %s.sol has\n%q", entry.Name, got, name, want)
		}
	}
	if len(left) > 0 {
		t.Errorf("the registry lacks %v", left)
	}
}

// PIP-0000 gives these signatures word by word.
func TestTheMissionsFunctionsExist(t *testing.T) {
	mission := map[string][]string{
		"ML-DSA": {"keyGen(uint8)", "sign(bytes,bytes)", "verify(bytes,bytes,bytes)"},
		"ML-KEM": {"keyGen(uint8)", "encapsulate(bytes)", "decapsulate(bytes,bytes)"},
	}
	for _, entry := range precompile.Entries() {
		for _, want := range mission[entry.Name] {
			found := false
			for _, m := range entry.ABI.Methods {
				found = found || m.Sig == want
			}
			if !found {
				t.Errorf("%s has no %s", entry.Name, want)
			}
		}
	}
}

// A lock file that names a registry can't be installed behind another one.
func TestLockFileNamesNoRegistry(t *testing.T) {
	raw, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), `"resolved"`); n > 0 {
		t.Errorf("package-lock.json has %d resolved addresses, want none: npm install --omit-lockfile-registry-resolved", n)
	}
}
