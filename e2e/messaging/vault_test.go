package messaging

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guidePage returns the commands of a page, in the order in which a person pastes
// them.
func guidePage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "guide", name))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 5 {
		t.Fatalf("%s has %d blocks of commands", name, len(blocks))
	}
	var out strings.Builder
	for _, b := range blocks {
		out.WriteString(b[1])
	}
	return out.String()
}

// The page about the vault does what it says, pasted into a shell. Only the folders
// differ: it must not touch /tmp/vault of whoever runs the tests.
func TestVaultGuide(t *testing.T) {
	dir := t.TempDir()
	work, bin := filepath.Join(dir, "v"), filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	// The test binary is both programs; testscript has put them on the PATH for scripts
	// only.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sessiond", "parsctl"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := strings.ReplaceAll(guidePage(t, "vault.md"), "/tmp/vault", work)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -u\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LANG=C", "OLDPWD="+dir, "HOME="+dir)
	cmd.WaitDelay = patience
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{
		"four regions of",
		"no sessiond has it open; which profiles are in it, nobody can tell",
		"has a passphrase",
		"the decoy is set",
		"the backup backup.pars holds",
		"no identity yet",
		"wrong passphrase",
		"exit code 5",
		"is a profile now",
		"A restored device can't continue",
		"without a sign of life for 30 days",
		"the keys of every profile are destroyed, in",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page never shows %q", want)
		}
	}
	ids := regexp.MustCompile(`07[0-9a-f]{64}`).FindAllString(text, -1)
	if len(ids) < 2 || ids[0] != ids[len(ids)-1] {
		t.Errorf("the identity is %v: the restored one is not the first", ids)
	}
	if took := regexp.MustCompile(`destroyed, in (\d+) ms`).FindStringSubmatch(text); took != nil {
		var ms int
		if _, err := fmt.Sscan(took[1], &ms); err != nil || ms >= 1000 {
			t.Errorf("the wipe took %s ms, want under 1000", took[1])
		}
		t.Logf("the wipe of a running daemon took %s ms", took[1])
	}
	if t.Failed() {
		t.Log(text)
	}
}
