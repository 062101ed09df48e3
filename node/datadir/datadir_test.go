package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var dev = Identity{Network: "pars-dev", NetworkID: 1337, GenesisHash: "0xaa"}

func open(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func bind(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	f := open(t, path)
	if err := f.Bind(dev, []byte("genesis")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFolderRemembersItsGenesis(t *testing.T) {
	path := bind(t)
	f := open(t, path)
	if id, ok := f.Identity(); !ok || id != dev {
		t.Errorf("Identity() = %+v, %t, want %+v, true", id, ok, dev)
	}
	if g, err := f.Genesis(); err != nil || string(g) != "genesis" {
		t.Errorf("Genesis() = %q, %v, want what was bound", g, err)
	}
	if err := f.Bind(dev, nil); err != nil {
		t.Errorf("Bind to the same = %v, want nil", err)
	}
}

func TestNewFolderIsUnbound(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "a", "b"))
	if id, ok := f.Identity(); ok {
		t.Errorf("Identity() = %+v, want none", id)
	}
	if _, err := f.Genesis(); !errors.Is(err, ErrNoGenesis) {
		t.Errorf("Genesis() = %v, want ErrNoGenesis", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := bind(t)
	first := open(t, path)
	_, err := Open(path)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process id %d", os.Getpid())) {
		t.Errorf("second Open = %v, want ErrInUse with our process id", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestMismatchesNameBothSides(t *testing.T) {
	f := open(t, bind(t))
	err := f.Bind(Identity{Network: "pars", NetworkID: 6133, GenesisHash: "0xaa"}, nil)
	if !errors.Is(err, ErrOtherNetwork) || !strings.Contains(err.Error(), "1337") || !strings.Contains(err.Error(), "6133") {
		t.Errorf("Bind to another network = %v, want ErrOtherNetwork with both ids", err)
	}
	err = f.Bind(Identity{Network: "pars-dev", NetworkID: 1337, GenesisHash: "0xbb"}, nil)
	if !errors.Is(err, ErrOtherGenesis) || !strings.Contains(err.Error(), "0xaa") || !strings.Contains(err.Error(), "0xbb") {
		t.Errorf("Bind to another genesis = %v, want ErrOtherGenesis with both hashes", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(path string) error
		want   error
	}{
		{"a marker that is no JSON", func(p string) error { return os.WriteFile(filepath.Join(p, MarkerFile), []byte("{"), 0o600) }, ErrCorrupt},
		{"an empty marker", func(p string) error { return os.Truncate(filepath.Join(p, MarkerFile), 0) }, ErrCorrupt},
		{"a marker without network", func(p string) error { return os.WriteFile(filepath.Join(p, MarkerFile), []byte(`{"format":1}`), 0o600) }, ErrCorrupt},
		{"a huge marker", func(p string) error { return os.Truncate(filepath.Join(p, MarkerFile), 1<<30) }, ErrCorrupt},
		{"a marker of the future", func(p string) error {
			return os.WriteFile(filepath.Join(p, MarkerFile), []byte(`{"format":9,"network":"x","networkId":1,"genesisHash":"0x"}`), 0o600)
		}, ErrCorrupt},
		{"no marker but data", func(p string) error {
			return errors.Join(os.Remove(filepath.Join(p, MarkerFile)), os.Mkdir(filepath.Join(p, EngineFolder), 0o700))
		}, ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := bind(t)
			if err := c.damage(path); err != nil {
				t.Fatal(err)
			}
			if f, err := Open(path); !errors.Is(err, c.want) {
				t.Errorf("Open = %v, %v, want %v", f, err, c.want)
			}
		})
	}
}

func TestForeignFolderIsNamedAndUntouched(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt", "c.txt", "d.txt"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(path)
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "a.txt, b.txt, c.txt and 1 more") {
		t.Errorf("Open = %v, want ErrForeign with the first names", err)
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 4 {
		t.Errorf("after the refusal the folder has %v, %v, want the four files", entries, err)
	}
}

func TestKeysMadeAheadAreWelcome(t *testing.T) {
	path := t.TempDir()
	if err := os.Mkdir(filepath.Join(path, KeysFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestUnusablePaths(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); !errors.Is(err, ErrUnusable) {
		t.Errorf("Open of a file = %v, want ErrUnusable", err)
	}
	if _, err := Open("/proc/parsd"); !errors.Is(err, ErrUnusable) {
		t.Errorf("Open below /proc = %v, want ErrUnusable", err)
	}
}

// A crash between the two writes of Bind leaves a genesis without marker: the
// next start must be able to bind again.
func TestBindAfterACrash(t *testing.T) {
	path := bind(t)
	if err := os.Remove(filepath.Join(path, MarkerFile)); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if err := f.Bind(dev, []byte("genesis")); err != nil {
		t.Errorf("Bind = %v, want nil", err)
	}
}
