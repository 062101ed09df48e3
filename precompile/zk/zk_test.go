package zk_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

func number(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return n
}

type vector struct {
	Inputs []string
	Hash   string
}

func (v vector) numbers(t *testing.T) []*big.Int {
	t.Helper()
	out := make([]*big.Int, len(v.Inputs))
	for i, s := range v.Inputs {
		out[i] = number(t, s)
	}
	return out
}

func load(t *testing.T, path string, to any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

// want calls a function that must succeed with the given first output.
func want(t *testing.T, n *evmtest.Native, out any, signature string, args ...any) {
	t.Helper()
	r := n.Do(t, signature, args...)
	if r.Err != nil || r.Revert != "" {
		t.Errorf("%s = %v, reverts with %q, want %v", signature, r.Err, r.Revert, out)
		return
	}
	if b, ok := out.(*big.Int); ok && b.Cmp(r.Out[0].(*big.Int)) == 0 {
		return
	}
	if r.Out[0] != out {
		t.Errorf("%s = %v, want %v", signature, r.Out[0], out)
	}
}

func reverts(t *testing.T, n *evmtest.Native, with, signature string, args ...any) {
	t.Helper()
	if r := n.Do(t, signature, args...); r.Revert != with {
		t.Errorf("%s = %v, %v, reverts with %q, want %q", signature, r.Out, r.Err, r.Revert, with)
	}
}

func TestPoseidonOnChain(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.PoseidonAddress)
	var bn254 struct{ Cases []vector }
	load(t, "../../crypto/poseidon/testdata/bn254.json", &bn254)
	for _, c := range bn254.Cases {
		want(t, n, number(t, c.Hash), "bn254(uint256[])", c.numbers(t))
	}
	var starknet struct{ Pair, Many []vector }
	load(t, "../../crypto/poseidon/testdata/starknet.json", &starknet)
	for _, c := range starknet.Pair {
		in := c.numbers(t)
		want(t, n, number(t, c.Hash), "starknet(uint256,uint256)", in[0], in[1])
	}
	for _, c := range starknet.Many {
		want(t, n, number(t, c.Hash), "starknetMany(uint256[])", c.numbers(t))
	}
	modulus := number(t, "21888242871839275222246405745257275088548364400416034343698204186575808495617")
	reverts(t, n, "NotInField", "bn254(uint256[])", []*big.Int{big.NewInt(1), modulus})
	reverts(t, n, "InputCount", "bn254(uint256[])", []*big.Int{})
	reverts(t, n, "InputCount", "bn254(uint256[])", make17())
	over := new(big.Int).Lsh(big.NewInt(1), 255)
	reverts(t, n, "NotInField", "starknet(uint256,uint256)", big.NewInt(1), over)
	reverts(t, n, "NotInField", "starknetMany(uint256[])", []*big.Int{over})
}

func make17() []*big.Int {
	out := make([]*big.Int, 17)
	for i := range out {
		out[i] = new(big.Int)
	}
	return out
}

func TestPedersenOnChain(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.PedersenAddress)
	var file struct{ Cases []vector }
	load(t, "../../crypto/pedersen/testdata/starknet.json", &file)
	for _, c := range file.Cases {
		in := c.numbers(t)
		want(t, n, number(t, c.Hash), "starknet(uint256,uint256)", in[0], in[1])
	}
	value, blinding := big.NewInt(6133), number(t, "987654321987654321987654321")
	point := n.Do(t, "commit(uint256,uint256)", value, blinding)
	if point.Err != nil || point.Revert != "" {
		t.Fatalf("commit = %v %q", point.Err, point.Revert)
	}
	x, y := point.Out[0].(*big.Int), point.Out[1].(*big.Int)
	want(t, n, true, "opens(uint256,uint256,uint256,uint256)", x, y, value, blinding)
	want(t, n, false, "opens(uint256,uint256,uint256,uint256)", x, y, big.NewInt(6134), blinding)
	modulus := number(t, "21888242871839275222246405745257275088696311157297823662689037894645226208583")
	want(t, n, false, "opens(uint256,uint256,uint256,uint256)", new(big.Int).Add(x, modulus), y, value, blinding)
	want(t, n, new(big.Int), "commit(uint256,uint256)", new(big.Int), new(big.Int))
	order := number(t, "21888242871839275222246405745257275088548364400416034343698204186575808495617")
	reverts(t, n, "NotInField", "commit(uint256,uint256)", order, blinding)
	// EIP-196's own addition and multiplication give the same commitment.
	g := n.Do(t, "generators()")
	mul := func(x, y, k *big.Int) []byte {
		var in [96]byte
		x.FillBytes(in[:32])
		y.FillBytes(in[32:64])
		k.FillBytes(in[64:])
		out, _, err := n.EVM.Do(vm.Call, [20]byte{19: 7}, in[:], evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	terms := append(mul(g.Out[0].(*big.Int), g.Out[1].(*big.Int), value), mul(g.Out[2].(*big.Int), g.Out[3].(*big.Int), blinding)...)
	sum, _, err := n.EVM.Do(vm.Call, [20]byte{19: 6}, terms, evmtest.Gas)
	if err != nil || new(big.Int).SetBytes(sum[:32]).Cmp(x) != 0 || new(big.Int).SetBytes(sum[32:]).Cmp(y) != 0 {
		t.Errorf("ecAdd(ecMul, ecMul) = %x, %v, want %x %x", sum, err, x, y)
	}
}

// cubic is the AIR of the vdf3 proofs, with its assertions from the public
// inputs: x -> x^3 + 42.
func cubic(t *testing.T, hash stark.Hash) []byte {
	t.Helper()
	air := stark.AIR{Hash: hash, Width: 1, Exemptions: 1, PublicInputs: 2}
	root, err := air.Compile("next[0] - (current[0]^3 + 42)")
	if err != nil {
		t.Fatal(err)
	}
	air.Constraints = []stark.Constraint{{Root: root, Base: 3}}
	air.Assertions = []stark.Assertion{
		{Values: []stark.Value{{Public: true, N: 0}}},
		{FromEnd: true, Values: []stark.Value{{Public: true, N: 1}}},
	}
	b, err := air.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSTARKOnChain(t *testing.T) {
	const verify = "verify(bytes32,uint256,bytes,bytes,bytes)"
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.STARKAddress)
	air := cubic(t, stark.Blake3)
	id := [32]byte(crypto.Keccak256Hash(air))
	proof, err := os.ReadFile("../../crypto/stark/testdata/winterfell/vdf3_n1024_blake3_256_q42f8.bin")
	if err != nil {
		t.Fatal(err)
	}
	public := []byte("\x15\xcd\x5b\x07\x00\x00\x00\x00\x69\xef\xea\xa3\xfa\x77\x4d\xcf")
	options := []byte{42, 8, 16, 2, 8, 31, 0, 0, 1, 1}
	length := big.NewInt(1024)

	reverts(t, n, "UnknownAIR", verify, id, length, options, public, proof)
	want(t, n, id, "registerAIR(bytes)", air)
	want(t, n, id, "registerAIR(bytes)", air)
	if r := n.Do(t, "airOf(bytes32)", id); r.Err != nil || !bytes.Equal(r.Out[0].([]byte), air) {
		t.Errorf("airOf = %x, %v, want %x", r.Out, r.Err, air)
	}
	logs := n.State.Logs()
	if len(logs) != 1 || logs[0].Address != precompile.STARKAddress || logs[0].Topics[1] != id || new(big.Int).SetBytes(logs[0].Data).Int64() != int64(len(air)) {
		t.Errorf("logs = %+v, want one AIRRegistered", logs)
	}
	want(t, n, true, verify, id, length, options, public, proof)
	other := bytes.Clone(public)
	other[8] ^= 1
	want(t, n, false, verify, id, length, options, other, proof)
	damaged := bytes.Clone(proof)
	damaged[200] ^= 1
	want(t, n, false, verify, id, length, options, public, damaged)
	reverts(t, n, "MalformedProof", verify, id, length, options, public, proof[:len(proof)-1])
	reverts(t, n, "MalformedProof", verify, id, length, options, public, append(bytes.Clone(proof), 0))
	reverts(t, n, "MalformedProof", verify, id, big.NewInt(2048), options, public, proof)
	reverts(t, n, "InvalidStatement", verify, id, big.NewInt(1000), options, public, proof)
	reverts(t, n, "InvalidStatement", verify, id, new(big.Int).Lsh(length, 200), options, public, proof)
	reverts(t, n, "InvalidStatement", verify, id, length, options[:9], public, proof)
	reverts(t, n, "InvalidStatement", verify, id, length, options, public[:8], proof)
	reverts(t, n, "InvalidStatement", verify, id, length, options, public[:7], proof)
	weak := bytes.Clone(options)
	weak[0] = 28
	reverts(t, n, "WeakOptions", verify, id, length, weak, public, proof)
	reverts(t, n, "InvalidAIR", "registerAIR(bytes)", air[:len(air)-1])
	reverts(t, n, "InvalidAIR", "registerAIR(bytes)", make([]byte, 25_000))
	if r := n.DoAs(t, vm.StaticCall, evmtest.Gas, "registerAIR(bytes)", air); r.Revert != "ReadOnlyCall" {
		t.Errorf("registerAIR in a STATICCALL reverts with %q, want ReadOnlyCall", r.Revert)
	}
	if r := n.DoAs(t, vm.StaticCall, evmtest.Gas, verify, id, length, options, public, proof); r.Err != nil || r.Out[0] != true {
		t.Errorf("verify in a STATICCALL = %v, %v, want true", r.Out, r.Err)
	}
	want(t, n, big.NewInt(127), "security(bytes,uint256)", options, length)
	reverts(t, n, "InvalidStatement", "security(bytes,uint256)", options, big.NewInt(1000))
}
