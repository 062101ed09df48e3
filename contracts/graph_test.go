package contracts_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/graphql"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/graph"
)

// librarySDL has every kind of field.
const librarySDL = `
type Account {
  id: ID!
  name: String! @index
  holder: Address! @index
  score: Int! @index
  active: Boolean! @index
  bio: String!
  balance: BigInt! @index
  parent: Account @index
  children: [Account!]! @derivedFrom(field: "parent")
  posts: [Post!]! @derivedFrom(field: "author")
}
# A comment, and commas that mean nothing,
type Post { id: ID!, title: String!, author: Account @index, likes: BigInt! @index, digest: Bytes! @index, body: Bytes!
  tags: [Tag!]! @derivedFrom(field: "post") }
type Tag { id: ID! post: Post @index word: String! @index weight: Int! }
`

const (
	graphPut    = "put(bytes32,string,string,bytes)"
	graphRemove = "remove(bytes32,string,string)"
	graphQuery  = "query(bytes32,string,string)"
	// queryGas is more than the largest query of these tests needs.
	queryGas = 2_000_000_000
)

// library is the same entities in the contract and in graphql-js.
type library struct {
	tb     testing.TB
	random *rand.Rand
	native *evmtest.Native
	js     *outside
	schema common.Hash
	ids    map[string][]string // live ones, by type
	made   int
}

type jsAnswer struct {
	Result string   `json:"result"`
	Errors []string `json:"errors"`
}

func newLibrary(tb testing.TB, seed uint64) *library {
	tb.Helper()
	l := &library{
		tb: tb, random: rand.New(rand.NewPCG(seed, 0x500)), js: startOutside(tb, "graphql.mjs"), ids: map[string][]string{},
		native: evmtest.New(tb, evmtest.Block{}).Native(tb, precompile.GraphAddress),
	}
	r := l.native.Do(tb, "registerSchema(string)", librarySDL)
	if r.Out == nil {
		tb.Fatalf("registering: revert %q, %v", r.Revert, r.Err)
	}
	l.schema = r.Out[0].([32]byte)
	whole, err := graph.SDL(librarySDL)
	if err != nil {
		tb.Fatal(err)
	}
	l.tell(map[string]string{"registered": librarySDL, "whole": whole})
	return l
}

func (l *library) tell(request any) (a jsAnswer) {
	l.tb.Helper()
	l.js.exchange(l.tb, request, &a)
	return a
}

func (l *library) pick(list []string) string { return list[l.random.IntN(len(list))] }

// text is a string of at most n bytes with whatever JSON has to escape.
func (l *library) text(n int) string {
	letters := []string{"a", "b", "B", "\u0633", "\u200c", "\U0001f600", "\"", "\\", "\n", "\x00", "\x1f", "\x7f", "/", "\u2028", "<", "\t", "\b", "\f", "\r", "é"}
	out := ""
	for range l.random.IntN(12 + n/8) {
		c := letters[l.random.IntN(len(letters))]
		if len(out)+len(c) > n {
			break
		}
		out += c
	}
	return out
}

// word is one of few strings, so that rows share values.
func (l *library) word() string {
	return l.pick([]string{"", "a", "aa", "b", "é", "\U0001f600", "zz"})
}

func (l *library) address() common.Address {
	n := big.NewInt(int64(l.random.IntN(4)))
	return common.BigToAddress(n.Lsh(n, 150))
}

func (l *library) bigNumber() *big.Int {
	n := big.NewInt(int64(l.random.IntN(9)) - 4)
	if l.random.IntN(3) == 0 {
		n.Lsh(n, uint(l.random.IntN(250)))
	}
	return n
}

func (l *library) bytes(n int) []byte {
	out := make([]byte, l.random.IntN(n+1))
	for i := range out {
		out[i] = byte(l.random.IntN(3)) * 100
	}
	return out
}

// reference is an id of a live entity, or none.
func (l *library) reference(typeName string) string {
	if len(l.ids[typeName]) == 0 || l.random.IntN(6) == 0 {
		return ""
	}
	return l.pick(l.ids[typeName])
}

func orNull(id string) any {
	if id == "" {
		return nil
	}
	return id
}

func bytesText(b []byte) string { return "0x" + hex.EncodeToString(b) }

// packValues is abi.encode of values.
func packValues(tb testing.TB, types []string, values []any) []byte {
	tb.Helper()
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

// put writes a random entity, new or known.
func (l *library) put() {
	l.tb.Helper()
	name := l.pick([]string{"Account", "Post", "Tag", "Tag"})
	id := l.reference(name)
	if id == "" || l.random.IntN(3) > 0 {
		l.made++
		id = fmt.Sprintf("%s %d", strings.Repeat("x", l.random.IntN(60)), l.made)
		l.ids[name] = append(l.ids[name], id)
	}
	var types []string
	var args []any
	values := map[string]any{}
	add := func(field, typ string, arg, value any) {
		types, args = append(types, typ), append(args, arg)
		values[field] = value
	}
	refer := func(field, target string) {
		to := l.reference(target)
		if to == id && target == name {
			to = "" // it may be new, and then it isn't there yet
		}
		add(field, "string", to, orNull(to))
	}
	switch name {
	case "Account":
		name, holder, score, bio, balance := l.word(), l.address(), int32(l.random.IntN(7)-3)*700_000_000, l.text(300), l.bigNumber()
		active := l.random.IntN(2) == 0
		add("name", "string", name, name)
		add("holder", "address", holder, strings.ToLower(holder.Hex()))
		add("score", "int32", score, score)
		add("active", "bool", active, active)
		add("bio", "string", bio, bio)
		add("balance", "int256", balance, balance.String())
		refer("parent", "Account")
	case "Post":
		title, likes, digest, body := l.text(80), l.bigNumber(), l.bytes(4), l.bytes(100)
		add("title", "string", title, title)
		refer("author", "Account")
		add("likes", "int256", likes, likes.String())
		add("digest", "bytes", digest, bytesText(digest))
		add("body", "bytes", body, bytesText(body))
	case "Tag":
		word, weight := l.word(), int32(l.random.IntN(5))
		refer("post", "Post")
		add("word", "string", word, word)
		add("weight", "int32", weight, weight)
	}
	data := packValues(l.tb, types, args)
	if r := l.native.Do(l.tb, graphPut, l.schema, name, id, data); r.Out == nil {
		l.tb.Fatalf("put(%s, %q): revert %q, %v", name, id, r.Revert, r.Err)
	}
	l.tell(map[string]any{"put": []any{name, id, values}})
}

func (l *library) remove() {
	l.tb.Helper()
	name := l.pick([]string{"Account", "Post", "Tag"})
	if len(l.ids[name]) == 0 {
		return
	}
	at := l.random.IntN(len(l.ids[name]))
	id := l.ids[name][at]
	l.ids[name] = append(l.ids[name][:at:at], l.ids[name][at+1:]...)
	if r := l.native.Do(l.tb, graphRemove, l.schema, name, id); r.Out == nil {
		l.tb.Fatalf("remove(%s, %q): revert %q, %v", name, id, r.Revert, r.Err)
	}
	l.tell(map[string]any{"remove": []any{name, id}})
}

// ours is the contract's answer; the name of a revert instead of one.
func (l *library) ours(query, variables string) (json, revert string) {
	l.tb.Helper()
	r := l.native.DoAs(l.tb, vm.StaticCall, queryGas, graphQuery, l.schema, query, variables)
	if r.Err != nil {
		l.tb.Fatalf("%s %s: %v", query, variables, r.Err)
	}
	if r.Out == nil {
		return "", r.Revert
	}
	return r.Out[0].(string), ""
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// asker writes random queries.
type asker struct {
	*library
	declared  []string
	variables map[string]any
	page      map[string]string // a cursor for each order, as results brought them
}

// variable moves a literal of a type into a variable, at times.
func (a *asker) variable(typ, text string, value any) string {
	if a.random.IntN(5) > 0 {
		return text
	}
	name := fmt.Sprintf("v%d", len(a.declared))
	switch a.random.IntN(4) {
	case 0:
		a.declared = append(a.declared, fmt.Sprintf("$%s: %s = %s", name, typ, text))
	case 1:
		a.declared = append(a.declared, fmt.Sprintf("$%s: %s! ", name, typ))
		a.variables[name] = value
	default:
		a.declared = append(a.declared, fmt.Sprintf("$%s:%s", name, typ))
		a.variables[name] = value
	}
	return "$" + name
}

// compare is one comparison of a filter.
func (a *asker) compare(field, typ string) string {
	op := a.pick([]string{"", "", "_gt", "_gte", "_lt", "_lte"})
	var value any
	switch typ {
	case "String":
		value = a.word()
	case "Int":
		value = int32(a.random.IntN(7)-3) * 700_000_000
	case "BigInt":
		value = a.bigNumber().String()
	case "Address":
		value = a.address().Hex()
	case "Bytes":
		value = bytesText(a.bytes(4))
	case "Boolean":
		op, value = "", a.random.IntN(2) == 0
	default: // a reference to a type
		op, value = "", a.reference(typ)
		typ = "ID"
	}
	text := fmt.Sprint(value)
	if s, ok := value.(string); ok {
		text = quote(s)
	}
	if a.random.IntN(15) == 0 {
		return fmt.Sprintf("%s%s: null", field, op)
	}
	return fmt.Sprintf("%s%s: %s", field, op, a.variable(typ, text, value))
}

var libraryIndexes = map[string][][2]string{
	"Account": {{"name", "String"}, {"holder", "Address"}, {"score", "Int"}, {"active", "Boolean"}, {"balance", "BigInt"}, {"parent", "Account"}},
	"Post":    {{"author", "Account"}, {"likes", "BigInt"}, {"digest", "Bytes"}},
	"Tag":     {{"post", "Post"}, {"word", "String"}},
}

func (a *asker) arguments(name string, derived bool) string {
	var list []string
	if a.random.IntN(2) == 0 {
		n := 1 + a.random.IntN(6)
		list = append(list, "first: "+a.variable("Int", fmt.Sprint(n), n))
	}
	indexes := libraryIndexes[name]
	order := ""
	if !derived && a.random.IntN(2) == 0 {
		by := indexes[a.random.IntN(len(indexes))]
		if by[1] != "Account" && by[1] != "Post" {
			order = by[0]
			list = append(list, "orderBy: "+order)
		}
	}
	if a.random.IntN(3) == 0 {
		list = append(list, "orderDirection: "+a.pick([]string{"asc", "desc"}))
	}
	if a.random.IntN(3) == 0 {
		var where []string
		for _, at := range a.random.Perm(len(indexes))[:1+a.random.IntN(2)] {
			where = append(where, a.compare(indexes[at][0], indexes[at][1]))
		}
		list = append(list, "where: {"+strings.Join(where, " ")+"}")
	}
	if c := a.page[name+order]; c != "" && a.random.IntN(3) == 0 {
		list = append(list, "after: "+a.variable("String", quote(c), c))
	}
	if len(list) == 0 {
		return ""
	}
	a.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return "(" + strings.Join(list, ", ") + ")"
}

var libraryFields = map[string][]string{
	"Account": {"id", "name", "holder", "score", "active", "bio", "balance", "__typename", "parent:Account", "children[Account", "posts[Post"},
	"Post":    {"id", "title", "likes", "digest", "body", "__typename", "author:Account", "tags[Tag"},
	"Tag":     {"id", "word", "weight", "__typename", "post:Post"},
}

// row selects fields of a row that is so many entities deep.
func (a *asker) row(name string, depth int) string {
	fields := libraryFields[name]
	var out []string
	for i, at := range a.random.Perm(len(fields))[:1+a.random.IntN(4)] {
		f := fields[at]
		if base, target, ok := strings.Cut(f, ":"); ok {
			if f = base + a.row(target, depth+1); depth == 5 {
				f = "id"
			}
		} else if base, target, ok := strings.Cut(f, "["); ok {
			if f = base + a.connection(target, true, depth+1); depth == 5 {
				f = "id"
			}
		}
		if a.random.IntN(4) == 0 || depth == 5 {
			f = fmt.Sprintf("k%d: %s", i, f)
		}
		out = append(out, f)
	}
	return "{" + strings.Join(out, " ") + "}"
}

func (a *asker) connection(name string, derived bool, depth int) string {
	if depth > 5 {
		return ""
	}
	out := []string{"nodes " + a.row(name, depth)}
	if a.random.IntN(2) == 0 {
		out = append(out, "pageInfo { hasNextPage endCursor }")
	}
	if a.random.IntN(8) == 0 {
		out = append(out, "t: __typename")
	}
	a.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return a.arguments(name, derived) + "{" + strings.Join(out, " ") + "}"
}

// ask makes a query and its variables.
func (a *asker) ask() (query, variables string) {
	for {
		a.declared, a.variables = nil, map[string]any{}
		var out []string
		for i := range 1 + a.random.IntN(2) {
			name := a.pick([]string{"Account", "Post", "Tag"})
			f := strings.ToLower(name)
			if id := a.reference(name); a.random.IntN(4) == 0 {
				text := quote(id)
				if a.random.IntN(2) == 0 {
					a.declared = append(a.declared, fmt.Sprintf("$i%d: ID!", i))
					a.variables[fmt.Sprintf("i%d", i)], text = id, fmt.Sprintf("$i%d", i)
				}
				f += "(id: " + text + ")" + a.row(name, 1)
			} else {
				f += "s" + a.connection(name, false, 1)
			}
			out = append(out, fmt.Sprintf("r%d: %s", i, f))
		}
		query = "{ " + strings.Join(out, "\n") + " }"
		if len(a.declared) > 0 {
			query = "query Q(" + strings.Join(a.declared, ", ") + ") " + query
		}
		variables = ""
		if len(a.variables) > 0 {
			raw, err := json.Marshal(a.variables)
			if err != nil {
				a.tb.Fatal(err)
			}
			variables = string(raw)
		}
		if len(query) <= 2048 && len(variables) <= 2048 {
			return query, variables
		}
	}
}

// learn remembers cursors of the root's lists, for pages after them.
func (a *asker) learn(query, result string) {
	var r struct {
		Data map[string]struct {
			PageInfo struct{ EndCursor string }
		}
	}
	if json.Unmarshal([]byte(result), &r) != nil {
		return
	}
	for _, name := range []string{"Account", "Post", "Tag"} {
		for _, by := range append(libraryIndexes[name], [2]string{}) {
			order := by[0]
			if strings.Contains(query, strings.ToLower(name)+"s") && strings.Contains(query, "orderBy: "+order) == (order != "") && r.Data["r0"].PageInfo.EndCursor != "" {
				a.page[name+order] = r.Data["r0"].PageInfo.EndCursor
			}
		}
	}
}

// graphql-js, with the same schema and entities, answers byte for byte alike.
func TestVectorsGraphQLJS(t *testing.T) {
	const seed = 20261123
	rounds := 2_000
	if testutil.Full() {
		rounds = 50_000
	}
	t.Logf("seed %d, %d queries", seed, rounds)
	l := newLibrary(t, seed)
	for range 250 {
		l.put()
	}
	tally := vectors.NewTally(t, "GraphQL", "graphql-js, random")
	altered := vectors.NewTally(t, "GraphQL, altered", "graphql-js, random")
	a := &asker{library: l, page: map[string]string{}}
	refused, accepted, rows := 0, 0, 0
	for round := range rounds {
		if round%10 == 0 {
			l.put()
			l.remove()
		}
		query, variables := a.ask()
		got, revert := l.ours(query, variables)
		want := l.tell(map[string]string{"query": query, "variables": variables})
		tally.Check(t, revert == "" && got == want.Result, "seed %d, round %d: %s with %s gives\n%s%s, want\n%s%s", seed, round, query, variables, got, revert, want.Result, want.Errors)
		if t.Failed() {
			return
		}
		a.learn(query, got)
		rows += strings.Count(got, `"id"`)

		// What is altered is refused, or else graphql-js takes it too.
		query = alter(l.random, query)
		got, revert = l.ours(query, variables)
		if revert != "" {
			refused++
			continue
		}
		accepted++
		want = l.tell(map[string]string{"query": query, "variables": variables})
		altered.Check(t, got == want.Result, "seed %d, round %d: %s with %s gives\n%s, want\n%s%s", seed, round, query, variables, got, want.Result, want.Errors)
	}
	t.Logf("%d ids in results; %d altered queries refused, %d answered", rows, refused, accepted)
	if rows < rounds || refused < rounds/4 || accepted < rounds/20 {
		t.Errorf("the queries are too dull to show anything")
	}
}

// alter changes a query in one place: a character, a word, or a piece doubled.
func alter(r *rand.Rand, query string) string {
	at := r.IntN(len(query))
	switch r.IntN(4) {
	case 0:
		return query[:at] + string("{}()[]:!$\"#,@. x0_-"[r.IntN(19)]) + query[at+1:]
	case 1:
		return query[:at] + query[min(len(query), at+1+r.IntN(4)):]
	case 2:
		end := min(len(query), at+1+r.IntN(20))
		return query[:end] + query[at:]
	}
	words := strings.Fields(query)
	i, j := r.IntN(len(words)), r.IntN(len(words))
	words[i], words[j] = words[j], words[i]
	return strings.Join(words, " ")
}

// What /graphql says of a schema is what graphql-js says of it, to the query that
// tools send.
func TestIntrospectionAgreesWithGraphQLJS(t *testing.T) {
	l := newLibrary(t, 1)
	server := httptest.NewServer(graphql.New(func(_ context.Context, input []byte) ([]byte, error) {
		out, _, err := l.native.EVM.Do(vm.StaticCall, precompile.GraphAddress, input, queryGas)
		return out, err
	}))
	defer server.Close()
	var asked struct {
		Query  string `json:"query"`
		Result string `json:"result"`
	}
	l.js.exchange(t, map[string]bool{"introspect": true}, &asked)
	body, err := json.Marshal(map[string]string{"query": asked.Query, "operationName": "IntrospectionQuery"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+graphql.Path+"/"+common.Hash(l.schema).Hex(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Schema struct {
			QueryType map[string]string `json:"queryType"`
			Types     []map[string]any  `json:"types"`
		} `json:"__schema"`
	}
	var got struct{ Data answer }
	var want answer
	if err := errors.Join(json.Unmarshal(raw, &got), json.Unmarshal([]byte(asked.Result), &want)); err != nil {
		t.Fatalf("%v\n%.500s", err, raw)
	}
	if !reflect.DeepEqual(got.Data.Schema.QueryType, want.Schema.QueryType) {
		t.Errorf("the root is %v, want %v", got.Data.Schema.QueryType, want.Schema.QueryType)
	}
	ours := map[string]map[string]any{}
	for _, typ := range got.Data.Schema.Types {
		ours[typ["name"].(string)] = typ
	}
	compared := 0
	for _, typ := range want.Schema.Types {
		name := typ["name"].(string)
		if strings.HasPrefix(name, "__") || slices.Contains([]string{"String", "Int", "Boolean", "ID"}, name) {
			continue // the texts about GraphQL itself are each library's own
		}
		compared++
		if !reflect.DeepEqual(ours[name], typ) {
			t.Errorf("type %s is\n%v, want\n%v", name, ours[name], typ)
		}
	}
	if compared < 15 {
		t.Errorf("%d types were compared, want at least 15", compared)
	}
}

// A contract reads a pool of the DEX and a feed of the oracle by GraphQL.
func TestBazaarReadsPoolsByGraphQL(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	bazaar := deploy(t, e, compiled(t, "Bazaar.sol", "Bazaar"), 0)
	var key []byte
	for _, n := range []int64{1, 2, 3000, 60, 0} {
		key = append(key, common.BigToHash(big.NewInt(n)).Bytes()...)
	}
	price := new(big.Int).Lsh(big.NewInt(3), 95)
	input := append(append(crypto.Keccak256([]byte("initialize((address,address,uint24,int24,address),uint160)"))[:4], key...), common.BigToHash(price).Bytes()...)
	if out, _, err := e.Do(vm.Call, precompile.PoolManagerAddress, input, evmtest.Gas); err != nil {
		t.Fatalf("initialize: %x, %v", out, err)
	}
	out, used, revert := bazaar.call(t, "poolPrice", crypto.Keccak256Hash(key))
	if revert != "" || out[0].(*big.Int).Cmp(price) != 0 || out[1].(*big.Int).Sign() != 0 {
		t.Errorf("poolPrice = %v, revert %q, want %s and no liquidity", out, revert, price)
	}
	t.Logf("reading a pool's price by GraphQL in a contract used %d gas", used)
	if _, _, revert := bazaar.call(t, "poolPrice", common.Hash{1}); revert != "NoNumber" {
		t.Errorf("a pool that isn't there: revert %q, want NoNumber", revert)
	}
	if _, _, revert := bazaar.call(t, "cheapest"); revert != "NoNumber" {
		t.Errorf("the cheapest of no offers: revert %q, want NoNumber", revert)
	}
	for i, title := range []string{"a carpet", "\"id\":\"7\" saffron"} {
		if _, used, revert := bazaar.call(t, "offer", title, big.NewInt(int64(50-i))); revert != "" || i == 1 && used > 500_000 {
			t.Fatalf("offer: revert %q, %d gas", revert, used)
		}
	}
	if out, _, _ := bazaar.call(t, "cheapest"); out[0].(*big.Int).Int64() != 2 || out[1].(*big.Int).Int64() != 49 {
		t.Errorf("cheapest = %v, want offer 2 for 49", out)
	}
}
