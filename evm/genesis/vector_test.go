package genesis

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/params"
)

// rewrite makes the vector test write its file anew before it reads it.
var rewrite = flag.Bool("rewrite", false, "write spec/vectors from the code; review the difference")

const vectorPath = "../../spec/vectors/genesis.json"

// vector is spec/vectors/genesis.json.
type vector struct {
	Comment   string      `json:"comment"`
	File      string      `json:"file"`
	FileHash  common.Hash `json:"genesisHash"`
	BlockHash common.Hash `json:"genesisBlockHash"`
}

func TestVector(t *testing.T) {
	var v vector
	b, err := os.ReadFile(vectorPath)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	if *rewrite {
		v = newVector(t, v)
	}
	// Without Check: the vector stays when the registry of native contracts grows.
	g, err := read([]byte(v.File))
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := g.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Hashes{Block: v.BlockHash, File: v.FileHash}); hashes != want {
		t.Errorf("Hash() = %+v, want %+v", hashes, want)
	}
	if got := string(mustBytes(t, g)); got != v.File {
		t.Errorf("Bytes() = %s, want %s", got, v.File)
	}
}

func newVector(t *testing.T, v vector) vector {
	alloc, err := DevAlloc()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Build(params.Dev, testValidators(t, 2), alloc, genesisTime, Options{
		MixHash: common.Hash{1}, Holdings: []Holding{{Owner: testValidators(t, 1)[0].Owner, Amount: 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := g.Hash()
	if err != nil {
		t.Fatal(err)
	}
	v.Comment = "A canonical genesis.json and its hashes: spec/chain.md, section 7. Written by go test ./evm/genesis -rewrite."
	v.File, v.FileHash, v.BlockHash = string(mustBytes(t, g)), hashes.File, hashes.Block
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorPath, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	return v
}
