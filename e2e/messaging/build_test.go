package messaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var programs = []string{"./cmd/sessiond", "./cmd/parsctl"}

// golang runs the go command in the root of the repository.
func golang(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v go %s: %v\n%s", env, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A light node is small and pure Go: nothing of the chain's engine is in it.
func TestLightNodesReachNoEngine(t *testing.T) {
	deps := golang(t, []string{"CGO_ENABLED=0"}, append([]string{"list", "-deps"}, programs...)...)
	if n := strings.Count(deps, "\n"); n < 100 {
		t.Fatalf("only %d packages", n)
	}
	for _, dep := range strings.Fields(deps) {
		if strings.HasPrefix(dep, "github.com/ava-labs/") {
			t.Errorf("sessiond or parsctl reaches %s", dep)
		}
	}
}

// The gate builds for the machine it runs on, as make build does;
// make test-full builds all six.
func TestCrossBuilds(t *testing.T) {
	targets := []string{"linux/amd64"}
	if os.Getenv("PARS_TEST_FULL") == "1" {
		targets = []string{"linux/amd64", "linux/arm64", "linux/arm", "darwin/arm64", "windows/amd64", "android/arm64"}
	}
	for _, target := range targets {
		system, arch, _ := strings.Cut(target, "/")
		dir := t.TempDir()
		flags := []string{"build", "-trimpath", "-o", dir + string(filepath.Separator)}
		if system == "android" {
			flags = append(flags, "-ldflags=-checklinkname=0") // as the Makefile says
		}
		golang(t, []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + arch}, append(flags, programs...)...)
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != len(programs) {
			t.Errorf("%s: %d programs, %v, want %d", target, len(files), err, len(programs))
		}
	}
}
