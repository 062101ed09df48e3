package folder

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// load puts testdata/v1 into "data" of a file system in memory.
func load(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	root := filepath.Join("testdata", "v1")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		to := fs.PathJoin("data", filepath.ToSlash(rel))
		if d.IsDir() {
			return fs.MkdirAll(to, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return put(fs, to, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func put(fs vfs.FS, path string, b []byte) error {
	f, err := fs.Create(path, "")
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Clone(b))
	return errors.Join(err, f.Close())
}

const passphrase = "an old passphrase"

func TestReadsWhatTheFirstVersionWrote(t *testing.T) {
	fs := load(t)
	o, err := Open(fs, "data", 1337, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[byte]int{}
	if err := o.Each(func(r Record) error { kinds[r.Kind]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(kinds) != 3 || kinds[0x02] != 20 || kinds[0x81] != 1 || kinds[0x90] != 3 {
		t.Errorf("records by kind: %v", kinds)
	}
	pairs := 0
	if err := o.Graph(func(_, _ []byte) error { pairs++; return nil }); err != nil || pairs != 30 {
		t.Errorf("%d pairs of the graph, %v", pairs, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it can be repeated
		if err := Destroy(fs, "data"); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := fs.List("data"); err != nil || len(names) != 0 {
		t.Errorf("destroyed, and %v is left, %v", names, err)
	}
}

func TestRefusals(t *testing.T) {
	fs := load(t)
	for _, c := range []struct {
		network    uint32
		passphrase string
		want       error
	}{{1337, "wrong", ErrPassphrase}, {1337, "", ErrPassphraseNeeded}, {6133, passphrase, ErrNetwork}} {
		if _, err := Open(fs, "data", c.network, []byte(c.passphrase)); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	good, err := os.ReadFile(filepath.Join("testdata", "v1", slotName))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at ...int) []byte {
		b := bytes.Clone(good)
		for _, i := range at {
			b[i] ^= 1
		}
		return b
	}
	for what, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut short":               {good[:100], ErrCorrupt},
		"empty":                   {nil, ErrCorrupt},
		"both copies damaged":     {flip(60, slotSize+60), ErrCorrupt},
		"the first copy damaged":  {flip(60), nil},
		"the second copy damaged": {flip(slotSize + 4000), nil},
	} {
		if err := put(fs, "data/"+slotName, c.b); err != nil {
			t.Fatal(err)
		}
		o, err := Open(fs, "data", 1337, []byte(passphrase))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		if err == nil {
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "v1", slotName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:slotSize])
	f.Add([]byte(slotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err == nil && !bytes.Equal(h.bytes(), b[:slotAD]) {
			t.Errorf("parseHeader(%x) encodes as %x", b[:slotAD], h.bytes())
		}
	})
}
