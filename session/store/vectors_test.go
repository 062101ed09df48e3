package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/store.json")

type nodeVector struct {
	Level  byte   `json:"level"`
	Number uint64 `json:"number"`
	Sealed string `json:"sealed"`
}

type leafVector struct {
	Leaf   uint64 `json:"leaf"`
	Before string `json:"key"`
	Erased bool   `json:"erased"`
}

type recordVector struct {
	Kind    byte   `json:"kind"`
	Name    string `json:"name"`
	Num     uint64 `json:"number"`
	Value   string `json:"value"`
	DiskKey string `json:"database_key"`
	Key     string `json:"key"`
	Sealed  string `json:"sealed"`
}

func TestVectors(t *testing.T) {
	random := rand.NewChaCha8([32]byte([]byte("pars store vectors, 32 bytes.....")[:32]))
	k, err := newKeys(random)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Secret  string         `json:"secret"`
		Records []recordVector `json:"records"`
		Leaves  []leafVector   `json:"leaves"`
		Pending string         `json:"pending"`
		After   string         `json:"secret_after"`
		Nodes   []nodeVector   `json:"nodes"`
		Entropy string         `json:"backup_entropy"`
		Backup  string         `json:"backup"`
	}
	v.Secret = hex.EncodeToString(k.bytes())
	tr := &tree{root: k.tree, get: func(place) ([]byte, error) { return nil, ErrNotFound }}
	for i, kind := range []Kind{0x02, 0x81} {
		r := recordVector{Kind: byte(kind), Name: hex.EncodeToString([]byte("name")), Num: uint64(i) + 5, Value: hex.EncodeToString([]byte("value"))}
		key := k.diskKey(kind, []byte("name"), r.Num)
		secret, head := k.values, []byte(nil)
		if kind.erasable() {
			if secret, err = tr.key(3); err != nil {
				t.Fatal(err)
			}
			head = []byte{0, 0, 0, 0, 0, 0, 0, 3}
		}
		sealed, err := sealValue(random, secret, head, key, []byte("name"), []byte("value"))
		if err != nil {
			t.Fatal(err)
		}
		r.DiskKey, r.Key, r.Sealed = hex.EncodeToString(key), hex.EncodeToString(secret), hex.EncodeToString(sealed)
		v.Records = append(v.Records, r)
	}
	dead := map[uint64]bool{3: true, 4: true, 1<<30 - 1: true}
	for _, leaf := range []uint64{0, 3, 4, 5, 31, 32, 1 << 20, 1<<30 - 2, 1<<30 - 1} {
		key, err := tr.key(leaf)
		if err != nil {
			t.Fatal(err)
		}
		v.Leaves = append(v.Leaves, leafVector{leaf, hex.EncodeToString(key), dead[leaf]})
	}
	root, changes, seeds, err := tr.puncture(random, []uint64{3, 4, 1<<30 - 1})
	if err != nil {
		t.Fatal(err)
	}
	pending, err := sealNode(random, tr.root, pendingData(k.generation+1), root.key[:])
	if err != nil {
		t.Fatal(err)
	}
	v.Pending = hex.EncodeToString(pending)
	places := make([]place, 0, len(changes))
	for p := range changes {
		places = append(places, p)
	}
	sort.Slice(places, func(i, j int) bool {
		return places[i].level < places[j].level || places[i].level == places[j].level && places[i].index < places[j].index
	})
	disk := map[place][]byte{}
	for _, p := range places {
		sealed, err := changes[p].seal(random, seeds[p], p)
		if err != nil {
			t.Fatal(err)
		}
		disk[p] = sealed
		v.Nodes = append(v.Nodes, nodeVector{p.level, p.index, hex.EncodeToString(sealed)})
	}
	k.generation, k.tree = k.generation+1, root
	v.After = hex.EncodeToString(k.bytes())
	after := &tree{root: root, get: func(p place) ([]byte, error) {
		if b, ok := disk[p]; ok {
			return b, nil
		}
		return nil, ErrNotFound
	}}
	for _, l := range v.Leaves {
		if got, err := after.key(l.Leaf); l.Erased != errors.Is(err, errErased) || (!l.Erased && hex.EncodeToString(got) != l.Before) {
			t.Fatalf("leaf %d: %x, %v", l.Leaf, got, err)
		}
	}
	// A backup of two records, whose salt comes from the same randomness. The rest of a
	// store takes randomness in an order that is nobody's business.
	cfg := config(vfs.NewMem(), "")
	cfg.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	s := open(t, cfg)
	put(t, s, 0x02, "a", 1, "one")
	put(t, s, 0x81, "b", 2, "two")
	s.cfg.Rand = random
	entropy := bytes.Repeat([]byte{7}, 32)
	var file bytes.Buffer
	if _, err := s.Export(&file, BackupKey{Entropy: entropy}); err != nil {
		t.Fatal(err)
	}
	v.Entropy, v.Backup = hex.EncodeToString(entropy), hex.EncodeToString(file.Bytes())
	compare(t, v)
}

func compare(t *testing.T, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = fmt.Appendln(got)
	path := filepath.Join("..", "..", "spec", "vectors", "store.json")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with -rewrite", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}
