package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage overwrites the files below dir whose name begins with prefix.
func damage(t *testing.T, dir, prefix string) {
	t.Helper()
	damaged := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), prefix) {
			return err
		}
		damaged++
		return os.WriteFile(path, []byte("nonsense"), 0o600)
	})
	if err != nil || damaged == 0 {
		t.Fatalf("damaged %d files %s below %s: %v", damaged, prefix, dir, err)
	}
}
