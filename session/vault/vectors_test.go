package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/vault.json")

type slotVector struct {
	Passphrase string `json:"passphrase"`
	Salt       string `json:"salt"`
	Passes     uint32 `json:"argon2_passes"`
	MemoryKiB  uint32 `json:"argon2_kib"`
	Lanes      uint8  `json:"argon2_lanes"`
	Master     string `json:"master"`
	Slot       int    `json:"slot"`
	Key        string `json:"key"`
	Generation uint64 `json:"generation"`
	OnOpen     byte   `json:"on_open"`
	OnMiss     byte   `json:"on_miss"`
	NetworkID  uint32 `json:"network_id"`
	Region     string `json:"region_key"`
	Restored   int64  `json:"restored"`
	Alive      int64  `json:"alive"`
	Within     int64  `json:"within"`
	Secret     string `json:"secret"`
	Block      string `json:"block"`
}

type placeVector struct {
	Region int   `json:"region"`
	Off    int64 `json:"offset"`
	At     int64 `json:"at"`
}

func TestVectors(t *testing.T) {
	random := rand.NewChaCha8([32]byte([]byte("pars vault vectors, 32 bytes.....")[:32]))
	var v struct {
		Slots  []slotVector  `json:"slots"`
		Places []placeVector `json:"places"`
	}
	for i, passphrase := range []string{"پنجره\u200cای رو به کوه", "", "second"} {
		var salt [saltSize]byte
		c := content{generation: uint64(i) + 7, network: 6133, secret: []byte("secret")}
		for _, b := range [][]byte{salt[:], c.region[:]} {
			if _, err := random.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		if i == 2 {
			c.onOpen, c.onMiss, c.restored, c.alive, c.within, c.secret = ScopeOthers, ScopeAll, 1_800_000_000, 1_800_000_100, 86400, nil
		}
		cost := Cost
		if i > 0 {
			cost = cheap
		}
		master, err := masterKey([]byte(passphrase), salt, cost)
		if err != nil {
			t.Fatal(err)
		}
		key, err := slotKey(master, i+1)
		if err != nil {
			t.Fatal(err)
		}
		block, err := sealSlot(random, key, i+1, c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := openSlot(key, i+1, block); err != nil || got.generation != c.generation {
			t.Fatalf("slot %d: %v", i, err)
		}
		v.Slots = append(v.Slots, slotVector{
			passphrase, hex.EncodeToString(salt[:]), cost.Passes, cost.MemoryKiB, cost.Lanes, hex.EncodeToString(master), i + 1, hex.EncodeToString(key),
			c.generation, byte(c.onOpen), byte(c.onMiss), c.network, hex.EncodeToString(c.region[:]), c.restored, c.alive, c.within,
			hex.EncodeToString(c.secret), hex.EncodeToString(block),
		})
	}
	for _, p := range []placeVector{{Region: 0}, {Region: 3}, {Region: 1, Off: Step - 1}, {Region: 1, Off: Step}, {Region: 2, Off: 5*Step + 77}} {
		p.At, _ = physical(p.Region, p.Off)
		v.Places = append(v.Places, p)
	}
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", "vault.json")
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
