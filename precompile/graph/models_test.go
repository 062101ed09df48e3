package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/ai/model"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// The AI contract itself registers the models.
func TestModelsOfTheAIContractAreRead(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{Number: 9})
	n, networks := e.Native(t, precompile.GraphAddress), e.Native(t, precompile.AIAddress)
	const asked = `{ models { nodes { id registrant size block } } }`
	if got := ask(t, n, asked); got != `{"data":{"models":{"nodes":[]}}}` {
		t.Errorf("before any: %s, want none", got)
	}
	var nodes []string
	for count := 1; count <= 2; count++ {
		m := &model.Model{Input: model.Input{Shape: model.Shape{C: 1, H: 1, W: 1}, Hi: 255}}
		for i := range count {
			m.Nodes = append(m.Nodes, model.Node{Op: model.ReLU, A: i})
		}
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		networks.Do(t, "putChunk(bytes)", b)
		networks.Do(t, "registerModel(bytes32[])", [][32]byte{crypto.Keccak256Hash(b)})
		nodes = append(nodes, fmt.Sprintf(`{"id":"%s","registrant":"%s","size":%d,"block":"9"}`, crypto.Keccak256Hash(b).Hex(), strings.ToLower(evmtest.Caller.Hex()), len(b)))
	}
	if got, want := ask(t, n, asked), `{"data":{"models":{"nodes":[`+strings.Join(nodes, ",")+`]}}}`; got != want {
		t.Errorf("models: %s, want %s", got, want)
	}
	id := nodes[1][7:73]
	if got, want := ask(t, n, fmt.Sprintf(`{ model(id: "%s") { size } other: model(id: "0x00") { size } }`, id)), `{"data":{"model":{"size":29},"other":null}}`; got != want {
		t.Errorf("one model: %s, want %s", got, want)
	}
}
