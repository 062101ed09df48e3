package volume

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

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/volume.json")

type blockVector struct {
	Use     string `json:"use"`
	ID      uint64 `json:"id"`
	Index   uint64 `json:"index"`
	Payload string `json:"payload"`
	Block   string `json:"block"`
}

func TestVectors(t *testing.T) {
	random := rand.NewChaCha8([32]byte([]byte("pars volume vectors, 32 bytes....")[:32]))
	s, err := newSealer(testKey, random)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Key    string        `json:"key"`
		Blocks []blockVector `json:"blocks"`
	}
	v.Key = hex.EncodeToString(testKey[:])
	var log []byte
	for _, r := range []record{
		{op: opMkdir, path: "/"}, {op: opMkdir, path: "/db"}, {op: opCreate, id: 1<<52 + 7, path: "/db/000002.log"}, {op: opExtend, id: 1<<52 + 7, blocks: [2]uint32{300, 8}},
		{op: opTails, id: 1<<52 + 7, blocks: [2]uint32{40, 41}}, {op: opFinish, id: 1<<52 + 7, size: 5000, blocks: [2]uint32{41}},
		{op: opLink, id: 1<<52 + 7, path: "/b"}, {op: opRename, path: "/b", to: "/c"}, {op: opUnlink, path: "/c"}, {op: opRmdir, path: "/e"},
	} {
		log = r.append(log)
	}
	for _, b := range []struct {
		u         use
		id, index uint64
		payload   []byte
	}{
		{useSuper, 0, 0, superblock{generation: 3, log: 9, extents: []extent{{2, 20}, {90, 1}}}.bytes()},
		{useLog, 9, 0, log},
		{useTail, 1<<52 + 7, 1, []byte("the end of a file")},
	} {
		block := make([]byte, BlockSize)
		if err := s.seal(block, b.u, b.id, b.index, b.payload); err != nil {
			t.Fatal(err)
		}
		v.Blocks = append(v.Blocks, blockVector{string(rune(b.u)), b.id, b.index, hex.EncodeToString(b.payload), hex.EncodeToString(block)})
	}
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "..", "spec", "vectors", "volume.json")
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
