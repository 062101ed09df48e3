package graph_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/graph"
)

const query = "query(bytes32,string,string)"

// ask asks the built-in types.
func ask(t *testing.T, n *evmtest.Native, text string) string {
	t.Helper()
	r := n.DoAs(t, vm.StaticCall, evmtest.Gas, query, [32]byte{}, text, "")
	if r.Out == nil {
		t.Fatalf("%s: revert %q, %v", text, r.Revert, r.Err)
	}
	return r.Out[0].(string)
}

func word(n int64) common.Hash { return uint256.MustFromBig(big.NewInt(n)).Bytes32() }

// The pool manager itself makes the pool; its storage is v4's.
func TestPoolsOfTheDEXAreRead(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	n := e.Native(t, precompile.GraphAddress)
	one, two := word(1), word(2)
	key := append(append(append(one[:], two[:]...), common.BigToHash(big.NewInt(3000)).Bytes()...), append(common.BigToHash(big.NewInt(60)).Bytes(), make([]byte, 32)...)...)
	id := crypto.Keccak256Hash(key)
	asked := fmt.Sprintf(`{ pool(id: "%s") { id sqrtPriceX96 tick liquidity protocolFee lpFee feeGrowthGlobal0X128 } }`, id.Hex())
	if got := ask(t, n, asked); got != `{"data":{"pool":null}}` {
		t.Errorf("a pool that isn't there: %s, want null", got)
	}
	// initialize((address,address,uint24,int24,address),uint160), below a price of 1.
	price := new(big.Int).Lsh(big.NewInt(1), 95)
	input := append(append(crypto.Keccak256([]byte("initialize((address,address,uint24,int24,address),uint160)"))[:4], key...), common.BigToHash(price).Bytes()...)
	if out, _, err := e.Do(vm.Call, precompile.PoolManagerAddress, input, evmtest.Gas); err != nil {
		t.Fatalf("initialize: %x, %v", out, err)
	}
	want := fmt.Sprintf(`{"data":{"pool":{"id":"%s","sqrtPriceX96":"%s","tick":-13864,"liquidity":"0","protocolFee":0,"lpFee":3000,"feeGrowthGlobal0X128":"%s"}}}`, id.Hex(), price, common.Hash{}.Hex())
	if got := ask(t, n, asked); got != want {
		t.Errorf("a pool: %s, want %s", got, want)
	}

	// A position, where v4 keeps it: pools are at slot 6, positions at 6 within one.
	pool := crypto.Keccak256(id[:], word(6).Bytes())
	positions := new(uint256.Int).SetBytes(pool)
	slot := positions.AddUint64(positions, 6).Bytes32()
	position := common.Hash{1: 0xaa}
	at := new(uint256.Int).SetBytes(crypto.Keccak256(position[:], slot[:]))
	e.State.SetState(precompile.PoolManagerAddress, at.Bytes32(), word(77))
	e.State.SetState(precompile.PoolManagerAddress, at.AddUint64(at, 2).Bytes32(), word(5))
	asked = fmt.Sprintf(`{ position(id: "%s-%s") { liquidity feeGrowthInside0LastX128 feeGrowthInside1LastX128 } other: position(id: "%s") { id } }`, id.Hex(), position.Hex(), id.Hex())
	want = fmt.Sprintf(`{"data":{"position":{"liquidity":"77","feeGrowthInside0LastX128":"%s","feeGrowthInside1LastX128":"%s"},"other":null}}`, common.Hash{}.Hex(), word(5).Hex())
	if got := ask(t, n, asked); got != want {
		t.Errorf("a position: %s, want %s", got, want)
	}
}

// What storage of another account costs is EIP-2929's: the account and the slot
// when they are cold.
func TestForeignStorageIsChargedColdOnce(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	n := e.Native(t, precompile.GraphAddress)
	e.NextTransaction()
	const asked = `{ feed(id: "0x00000000000000000000000000000000000000000000000000000000000000aa") { id } }`
	cold := n.DoAs(t, vm.StaticCall, evmtest.Gas, query, [32]byte{}, asked, "")
	warm := n.DoAs(t, vm.StaticCall, evmtest.Gas, query, [32]byte{}, asked, "")
	if cold.Used-warm.Used != 2000 {
		t.Errorf("one cold slot of a warm account costs %d more than a warm one, want 2000", cold.Used-warm.Used)
	}
}

func TestBlocksAreKeptOnlyWhereTheContractIs(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{Number: 3})
	n := e.Native(t, precompile.GraphAddress)
	for i := range int64(4) {
		h := &types.Header{Number: big.NewInt(i), ParentHash: word(100 + i), GasUsed: 7, GasLimit: 9, BaseFee: big.NewInt(5)}
		graph.Record(e.State, h, uint64(1000*i+1), [20]byte{19: 8})
	}
	want := `{"data":{"blocks":{"nodes":[{"number":"1","hash":"` + word(102).Hex() + `","timeMs":"1001","timestamp":"1","gasUsed":"7","gasLimit":"9","baseFeePerGas":"5"},` +
		`{"number":"2","hash":"` + common.Hash{}.Hex() + `","timeMs":"2001","timestamp":"2","gasUsed":"7","gasLimit":"9","baseFeePerGas":"5"}]}}}`
	if got := ask(t, n, "{ blocks { nodes { number hash timeMs timestamp gasUsed gasLimit baseFeePerGas } } }"); got != want {
		t.Errorf("blocks before block 3: %s, want %s", got, want)
	}
	e.State.SetCode(graph.Address, nil)
	before := e.State.IntermediateRoot(false)
	graph.Record(e.State, &types.Header{Number: big.NewInt(9)}, 1, [20]byte{})
	if e.State.IntermediateRoot(false) != before {
		t.Error("a chain without the contract keeps blocks all the same")
	}
}

// Owners, refusals and what a schema's life brings.
func TestTypesBelongToTheirOwners(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	n := e.Native(t, precompile.GraphAddress)
	const sdl = "type Note { id: ID! text: String! } type Mark { id: ID! }"
	id := n.Do(t, "registerSchema(string)", sdl).Out[0].([32]byte)
	if again := n.Do(t, "registerSchema(string)", sdl); again.Out == nil || again.Out[0] != id || id != [32]byte(graph.SchemaID(evmtest.Caller, sdl)) {
		t.Errorf("registering again gives %v, want the same id", again)
	}
	other := common.Address{1}
	data := append(append(word(32).Bytes(), word(2).Bytes()...), append([]byte("hi"), make([]byte, 30)...)...)
	as := func(who common.Address, signature string, args ...any) string {
		t.Helper()
		out, _, err := e.Call(vm.AccountRef(who), precompile.GraphAddress, n.Pack(t, signature, args...), evmtest.Gas, new(uint256.Int))
		if err == nil {
			return ""
		}
		return n.RevertName(t, out)
	}
	const put, remove, transfer = "put(bytes32,string,string,bytes)", "remove(bytes32,string,string)", "transferType(bytes32,string,address)"
	for _, c := range []struct {
		name      string
		who       common.Address
		signature string
		args      []any
		want      string
	}{
		{"a stranger puts", other, put, []any{id, "Note", "a", data}, "NotOwner"},
		{"the owner puts", evmtest.Caller, put, []any{id, "Note", "a", data}, ""},
		{"a stranger removes", other, remove, []any{id, "Note", "a"}, "NotOwner"},
		{"a stranger takes a type", other, transfer, []any{id, "Note", other}, "NotOwner"},
		{"a type for nobody", evmtest.Caller, transfer, []any{id, "Note", common.Address{}}, "NotOwner"},
		{"the owner gives a type away", evmtest.Caller, transfer, []any{id, "Note", other}, ""},
		{"the old owner puts", evmtest.Caller, put, []any{id, "Note", "b", data}, "NotOwner"},
		{"the old owner puts another type", evmtest.Caller, put, []any{id, "Mark", "b", []byte{}}, ""},
		{"the new owner puts", other, put, []any{id, "Note", "b", data}, ""},
		{"the new owner removes", other, remove, []any{id, "Note", "a"}, ""},
		{"what is gone is removed", other, remove, []any{id, "Note", "a"}, "NoEntity"},
		{"an empty id", other, put, []any{id, "Note", "", data}, "InvalidFields"},
		{"a long id", other, put, []any{id, "Note", string(make([]byte, 67)), data}, "InvalidFields"},
		{"fields cut short", other, put, []any{id, "Note", "c", data[:64]}, "InvalidFields"},
		{"no UTF-8", other, put, []any{id, "Note", "c", append(append(word(32).Bytes(), word(1).Bytes()...), append([]byte{0xff}, make([]byte, 31)...)...)}, "InvalidFields"},
		{"no such type", other, put, []any{id, "Nothing", "c", data}, "UnknownType"},
		{"a built-in type", other, put, []any{id, "Block", "c", data}, "UnknownType"},
		{"no such schema", other, put, []any{[32]byte{1}, "Note", "c", data}, "UnknownSchema"},
		{"the built-in schema", other, put, []any{[32]byte{}, "Feed", "c", data}, "UnknownType"},
	} {
		if got := as(c.who, c.signature, c.args...); got != c.want {
			t.Errorf("%s: reverts with %q, want %q", c.name, got, c.want)
		}
	}
	r := n.Do(t, query, id, "{ notes { nodes { id text } } marks { nodes { id } } }", "")
	if want := `{"data":{"notes":{"nodes":[{"id":"b","text":"hi"}]},"marks":{"nodes":[{"id":"b"}]}}}`; r.Out == nil || r.Out[0] != want {
		t.Errorf("in the end: %v, want %s", r, want)
	}
}
