package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzMarker: a marker is either one that binds the folder, or corrupt.
func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"format":1,"network":"pars-dev","networkId":1337,"genesisHash":"0xaa"}`))
	f.Add([]byte(`{"format":1,"networkId":0,"genesisHash":"0xaa"}`))
	f.Add([]byte(`{"format":2,"networkId":1,"genesisHash":"0xaa"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, MarkerFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := Open(dir)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("Open with the marker %q = %v, want ErrCorrupt", text, err)
			}
			return
		}
		id, ok := folder.Identity()
		if !ok || id.NetworkID == 0 || id.GenesisHash == "" {
			t.Errorf("Open with the marker %q is bound to %+v, %t", text, id, ok)
		}
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
}
