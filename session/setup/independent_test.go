package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A second implementation, in JavaScript over other primitives, must make the
// same of every vector, from both sides. `make deps` installs what it needs.
func TestIndependentImplementation(t *testing.T) {
	dir := filepath.Join("..", "..", "spec", "check")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Skip("spec/check has no node_modules; `make deps` installs them")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js on this machine")
	}
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("node --test in spec/check: %v\n%s", err, out)
	}
}
