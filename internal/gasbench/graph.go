package main

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/graph"
	"github.com/pars-network/pars/precompile/oracle"
)

const graphSDL = `type Shop { id: ID! name: String! owner: Address! @index stock: BigInt! @index open: Boolean! text: Bytes! goods: [Good!]! @derivedFrom(field: "shop") }
type Good { id: ID! shop: Shop @index price: Int! @index }`

// values is abi.encode of values.
func (b *builder) values(types []string, list ...any) []byte {
	args := make(abi.Arguments, len(types))
	for i, name := range types {
		var err error
		if args[i].Type, err = abi.NewType(name, "", nil); err != nil {
			b.fail(err)
			return nil
		}
	}
	data, err := args.Pack(list...)
	if err != nil {
		b.fail(fmt.Errorf("packing %v: %w", types, err))
	}
	return data
}

// graph asks for as much work as a query can for its price: rows that filters
// drop, short fields, long texts, deep nesting, and text that is refused late.
func (b *builder) graph() {
	at := precompile.GraphAddress
	setUp := func(signature string, args ...any) {
		b.before = append(b.before, call{address: at, input: b.pack(at, signature, args...)})
	}
	setUp("registerSchema(string)", graphSDL)
	id := [32]byte(graph.SchemaID(evmtest.Caller, graphSDL))
	const put = "put(bytes32,string,string,bytes)"
	shop := func(i int) []byte {
		return b.values([]string{"string", "address", "int256", "bool", "bytes"}, fmt.Sprintf("shop %d", i), common.Address{19: byte(i % 7)},
			big.NewInt(int64(i*37%100)), i%2 == 0, make([]byte, 500))
	}
	good := func(i int) []byte {
		return b.values([]string{"string", "int32"}, fmt.Sprintf("shop %d", i%100), int32(i))
	}
	for i := range 100 {
		setUp(put, id, "Shop", fmt.Sprintf("shop %d", i), shop(i))
	}
	for i := range 400 {
		setUp(put, id, "Good", fmt.Sprintf("good %d", i), good(i))
	}
	b.add("Graph registerSchema again", at, false, "registerSchema(string)", graphSDL)
	wide := "type A { id: ID! "
	for i := range 23 {
		wide += fmt.Sprintf("f%d:Int! ", i)
	}
	wide += "} "
	for len(wide) < 4000 {
		wide += fmt.Sprintf("type B%d{id:ID! a:Int!} ", len(wide))
	}
	b.add("revert: Graph registerSchema, 4 kB", at, true, "registerSchema(string)", wide)
	b.add("Graph schemaOf", at, false, "schemaOf(bytes32)", id)
	b.add("Graph ownerOf", at, false, "ownerOf(bytes32,string)", id, "Good")
	b.add("Graph put, nothing new", at, false, put, id, "Shop", "shop 5", shop(5))
	query := func(name string, reverts bool, text, variables string) {
		b.add(name, at, reverts, "query(bytes32,string,string)", id, text, variables)
	}
	query("Graph query, nothing", false, "{a:__typename}", "")
	query("Graph query, one by id", false, `{shop(id:"shop 5"){name}}`, "")
	query("Graph query, 100 rows of one field", false, "{shops(first:100){nodes{open}}}", "")
	query("Graph query, 100 rows of all fields", false, "{shops(first:100){nodes{id name owner stock open text}}}", "")
	query("Graph query, 100 rows in order", false, "{goods(first:100 orderBy:price orderDirection:desc){nodes{id}}}", "")
	query("Graph query, 400 rows for none", false, "{goods(where:{price_gt:1000 price_lt:2000}){nodes{id}}}", "")
	query("Graph query, an empty range", false, "{goods(orderBy:price where:{price_gt:1000}){nodes{id}}}", "")
	query("Graph query, 400 rows below 100", false, "{shops(first:100){nodes{goods(first:100){nodes{price}}}}}", "")
	query("Graph query, 400 rows back and forth", false, "{shops(first:100){nodes{goods{nodes{shop{name}}}}}}", "")
	many := ""
	for i := 0; len(many) < 1980; i++ {
		many += fmt.Sprintf("a%d:__typename ", i)
	}
	query("Graph query, 2 kB of names", false, "{"+many+"}", "")
	long := ""
	for i := 0; len(long) < 1850; i++ {
		long += fmt.Sprintf("a%d:id ", i)
	}
	query("revert: Graph query, a result too large", true, "{shops(first:100){nodes{"+long+"}}}", "")
	query("Graph query, 40 rows of 230 fields", false, "{shops(first:40){nodes{"+long+"}}}", "")
	query("revert: Graph query, 2 kB refused at the end", true, "{"+many+"b}", "")
	query("revert: Graph query, 2 kB of arguments", true, "{shops("+strings.Repeat("a:1,", 480)+"){nodes{id}}}", "")
	query("revert: Graph query, 2 kB of variables", true, "{a:__typename}", `{"a":"`+strings.Repeat(`\n`, 1000)+`"}`)
	query("revert: Graph query, 2 kB of braces", true, strings.Repeat("{a", 1000), "")
	query("Graph query, 10 feeds", false, "{feeds{nodes{id value timestamp round}}}", "")
	query("Graph query, 100 blocks not kept", false, "{blocks{nodes{id}}}", "")
}

// oracle has 64 beacons and their set.
func (b *builder) oracle() {
	at := precompile.OracleAddress
	var ids [][32]byte
	const update, updateSet = "updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)", "updateBeaconSetWithBeacons(bytes32[])"
	seed := sha256.Sum256([]byte("gasbench oracle"))
	key, err := crypto.ToECDSA(seed[:])
	if err != nil {
		b.fail(err)
		return
	}
	airnode := crypto.PubkeyToAddress(key.PublicKey)
	for i := range 64 {
		template := common.Hash{31: byte(i)}
		stamp, data := big.NewInt(int64(1000+i)), common.BigToHash(big.NewInt(int64(i*37%64)))
		inner := crypto.Keccak256(template[:], common.BigToHash(stamp).Bytes(), data[:])
		sig, err := crypto.Sign(crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), inner), key)
		if err != nil {
			b.fail(err)
			return
		}
		sig[64] += 27
		ids = append(ids, oracle.BeaconID(airnode, template[:]))
		c := call{name: "revert: Oracle updateBeacon again", address: at, reverts: true, input: b.pack(at, update, airnode, template, stamp, data[:], sig)}
		b.before = append(b.before, c)
		if i == 0 {
			b.calls = append(b.calls, c)
		}
	}
	b.before = append(b.before, call{address: at, input: b.pack(at, updateSet, ids)})
	b.add("revert: Oracle updateBeaconSet again, 64 beacons", at, true, updateSet, ids)
	b.add("revert: Oracle updateBeaconSet, 1 beacon", at, true, updateSet, ids[:1])
	b.add("Oracle readDataFeedWithId", at, false, "readDataFeedWithId(bytes32)", ids[0])
	b.add("Oracle readFresh", at, false, "readFresh(bytes32,uint32)", ids[0], uint32(10))
	b.add("Oracle readBeaconSet, 64 beacons", at, false, "readBeaconSet(bytes32[],uint32,uint256)", ids, uint32(5000), new(big.Int).Lsh(big.NewInt(1), 200))
	b.add("Oracle latestRoundData", at, false, "latestRoundData(bytes32)", ids[0])
	b.add("Oracle deviation", at, false, "deviation(int224,int224)", big.NewInt(-100), new(big.Int).Lsh(big.NewInt(1), 222))
	b.add("Oracle deriveBeaconSetId, 64 beacons", at, false, "deriveBeaconSetId(bytes32[])", ids)
	b.add("Oracle feedAt", at, false, "feedAt(uint256)", big.NewInt(5))
}
