package precompile_test

import (
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/graph"
)

func sampleGraph(tb testing.TB) []sample {
	tb.Helper()
	const sdl = `type Shop { id: ID! name: String! owner: Address! @index stock: BigInt! @index goods: [Good!]! @derivedFrom(field: "shop") }
type Good { id: ID! shop: Shop @index price: Int! @index }`
	pack := func(types []string, values ...any) []byte {
		args := make(abi.Arguments, len(types))
		for i, name := range types {
			var err error
			if args[i].Type, err = abi.NewType(name, "", nil); err != nil {
				tb.Fatal(err)
			}
		}
		data, err := args.Pack(values...)
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	id := [32]byte(graph.SchemaID(evmtest.Caller, sdl))
	const long = "a name that is longer than the thirty-one bytes of one slot"
	register := sample{signature: "registerSchema(string)", args: []any{sdl}}
	put := func(typeName, entity string, fields []byte, before ...sample) sample {
		return sample{signature: "put(bytes32,string,string,bytes)", args: []any{id, typeName, entity, fields}, before: before}
	}
	shopTypes, goodTypes := []string{"string", "address", "int256"}, []string{"string", "int32"}
	world := []sample{register}
	for i, name := range []string{"a", "b", "c", "d"} {
		world = append(world, put("Shop", name, pack(shopTypes, long, common.Address{19: byte(i)}, big.NewInt(int64(-i)))))
		world = append(world, put("Good", name, pack(goodTypes, name, int32(10*i))))
	}
	_, beacon := signedUpdate(tb, "first", [32]byte{}, 1)
	update, _ := signedUpdate(tb, "first", [32]byte{}, 1)
	update.to = precompile.OracleAddress
	query := func(text, variables string) sample {
		return sample{signature: "query(bytes32,string,string)", args: []any{id, text, variables}, before: append(world, update)}
	}
	return []sample{
		register,
		{signature: "schemaOf(bytes32)", args: []any{id}, before: world},
		{signature: "transferType(bytes32,string,address)", args: []any{id, "Shop", common.Address{1}}, before: world},
		{signature: "ownerOf(bytes32,string)", args: []any{id, "Good"}, before: world},
		put("Good", "e", pack(goodTypes, "b", int32(7)), world...),
		put("Shop", "b", pack(shopTypes, "short", common.Address{19: 9}, big.NewInt(99)), world...),
		{signature: "remove(bytes32,string,string)", args: []any{id, "Shop", "b"}, before: world},
		query(`query($n: Int) { shops(first: $n, orderBy: stock, where: {stock_gt: -3}) { nodes { id name owner goods { nodes { price } } } pageInfo { endCursor hasNextPage } } }`, `{"n": 2}`),
		query(`{ good(id: "c") { shop { name stock } } feed(id: "`+common.Hash(beacon).Hex()+`") { value round } feeds { nodes { id } } blocks { nodes { id } } }`, ""),
	}
}
