package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage overwrites the manifests of the databases below dir.
func damage(t *testing.T, dir string) {
	t.Helper()
	damaged := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "MANIFEST") {
			return err
		}
		damaged++
		return os.WriteFile(path, []byte("nonsense that is no manifest"), 0o600)
	})
	if err != nil || damaged == 0 {
		t.Fatalf("damaged %d databases below %s: %v", damaged, dir, err)
	}
}
