// Package testutil builds this repository's programs for tests and runs them:
// as a user would, as processes, with ports the system chooses.
package testutil

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// buildTime bounds one cold build of a program.
const buildTime = 10 * time.Minute

var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// Main runs a package's tests and removes the programs they built. Packages
// that call [Build] call it from TestMain: os.Exit(testutil.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, "testutil:", err)
		}
	}
	return code
}

// Build returns the path of the program cmd/name: the one in the folder that the
// variable PARS_TEST_BIN names, if it is set, so that `make test` builds once;
// else one built for this test process.
func Build(tb testing.TB, name string) string {
	tb.Helper()
	if dir := os.Getenv("PARS_TEST_BIN"); dir != "" {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil || !filepath.IsAbs(path) {
			tb.Fatalf("PARS_TEST_BIN=%s has no %s (%v); name a folder by its absolute path and run `make build`", dir, name, err)
		}
		return path
	}
	return build(tb, "cmd/"+name)
}

// BuildTestProgram returns the path of a program that exists for tests only, in
// the folder dir of this repository, built for this test process.
func BuildTestProgram(tb testing.TB, dir string) string {
	tb.Helper()
	if os.Getenv("PARS_TEST_BIN") != "" {
		return build(tb, dir, "-trimpath") // as `make build` did: nothing compiles twice
	}
	return build(tb, dir)
}

func build(tb testing.TB, dir string, flags ...string) string {
	tb.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[dir]; ok {
		return path
	}
	if built.dir == "" {
		made, err := os.MkdirTemp("", "pars-bin-")
		if err != nil {
			tb.Fatal(err)
		}
		built.dir, built.paths = made, map[string]string{}
	}
	path := filepath.Join(built.dir, filepath.Base(dir))
	// Not the test's own context: the next test needs the program too.
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	args := append(append([]string{"build"}, flags...), "-o", path, "github.com/pars-network/pars/"+dir)
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", dir, err, out)
	}
	built.paths[dir] = path
	return path
}

// Full reports whether the long tests are asked for: `make test-full`.
func Full() bool { return os.Getenv("PARS_TEST_FULL") != "" }
