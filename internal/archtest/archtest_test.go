package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pars-network/pars"

// pkg is what `go list -json` says of a package, as far as the rules need it.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
	GoFiles    []string
	Doc        string
}

// rule binds every package below dir (a path inside the module).
type rule struct {
	dir string
	// ours lists the directories of this module that it may import besides
	// itself; nil means any.
	ours []string
	// never lists import path prefixes that must not be reachable at all, not
	// even through others.
	never []string
}

var (
	engine  = []string{"github.com/ava-labs/avalanchego", "github.com/ava-labs/libevm"}
	libp2p  = []string{"github.com/libp2p"}
	refused = []string{
		"github.com/luxfi", "github.com/katzenpost", "go.mau.fi/libsignal",
		"github.com/emersion/go-mls", "github.com/taurusgroup",
	}
)

// rules is the import table of docs/layout.md.
var rules = []rule{
	{dir: "params", ours: []string{}, never: slices.Concat(engine, libp2p)},
	{dir: "crypto", ours: []string{"params"}, never: slices.Concat(engine, libp2p)},
	{dir: "ai", ours: []string{}, never: slices.Concat(engine, libp2p)},
	{dir: "precompile", ours: []string{"ai/model", "crypto", "params"}, never: libp2p},
	{dir: "session", ours: []string{"crypto", "params"}, never: engine},
	{dir: "evm", ours: []string{"precompile", "crypto", "params"}, never: libp2p},
	{dir: "bridge", ours: []string{"crypto", "params"}, never: slices.Concat(engine, libp2p)},
	{dir: "client", ours: []string{"params", "session/api"}, never: []string{"github.com/ava-labs/avalanchego"}},
	{dir: "cli", ours: []string{"ai", "params", "client", "crypto", "session"}, never: engine},
	{dir: "cmd/sessiond", ours: []string{"session", "params", "cli"}, never: engine},
	{dir: "cmd/parsctl", ours: []string{"cli", "params"}, never: engine},
	{dir: "cmd/parsd", ours: []string{"node", "params"}},
}

// consensus lists the packages whose result must be the same on every machine,
// and what they may not import directly.
var (
	consensus = []string{"ai/model", "precompile", "evm/engine", "session/core", "session/crdt", "session/content"}
	unstable  = []string{"math/rand", "math/rand/v2", "crypto/rand", "net", "net/http", "os", "os/exec", "syscall"}
)

func TestImportTable(t *testing.T) {
	pkgs := load(t)
	for _, p := range pkgs {
		for _, r := range rules {
			if !below(p.ImportPath, r.dir) {
				continue
			}
			for _, imp := range p.Imports {
				if r.ours != nil && below(imp, "") && !below(imp, r.dir) && !slices.ContainsFunc(r.ours, func(d string) bool { return below(imp, d) }) {
					t.Errorf("%s imports %s; packages below %s may import only %v of this module", p.ImportPath, imp, r.dir, r.ours)
				}
			}
			for _, dep := range p.Deps {
				if i := slices.IndexFunc(r.never, func(n string) bool { return dep == n || strings.HasPrefix(dep, n+"/") }); i >= 0 {
					t.Errorf("%s reaches %s; nothing below %s may reach %s", p.ImportPath, dep, r.dir, r.never[i])
				}
			}
		}
		for _, dep := range p.Deps {
			if slices.ContainsFunc(refused, func(n string) bool { return strings.HasPrefix(dep, n) }) {
				t.Errorf("%s reaches %s, whose licence or state docs/adr refuses", p.ImportPath, dep)
			}
		}
	}
}

func TestConsensusPackagesAreDeterministic(t *testing.T) {
	for _, p := range load(t) {
		if !slices.ContainsFunc(consensus, func(d string) bool { return below(p.ImportPath, d) }) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(unstable, imp) {
				t.Errorf("%s is consensus code and imports %s; take time, randomness and configuration as arguments", p.ImportPath, imp)
			}
		}
	}
}

// The programs below e2e attack networks. Nothing that is shipped may hold them.
func TestNothingShipsWhatAttacks(t *testing.T) {
	hostile := false
	for _, p := range load(t) {
		if below(p.ImportPath, "e2e") {
			hostile = hostile || below(p.ImportPath, "e2e/localnet/hostile")
			continue
		}
		for _, dep := range p.Deps {
			if below(dep, "e2e") {
				t.Errorf("%s reaches %s; only tests below e2e may", p.ImportPath, dep)
			}
		}
	}
	if !hostile {
		t.Error("e2e/localnet/hostile is gone; name the program here that took its place")
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range load(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// below reports whether path is the module's directory dir or inside it.
func below(path, dir string) bool {
	full := strings.TrimSuffix(module+"/"+dir, "/")
	return path == full || strings.HasPrefix(path, full+"/")
}

func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Standard,Imports,Deps,GoFiles,Doc", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}
