package graph

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

const shopSDL = `type Shop { id: ID! name: String! @index open: Boolean! @index stock: BigInt! @index goods: [Good!]! @derivedFrom(field: "shop") }
type Good { id: ID! shop: Shop @index price: Int! }`

func TestSchemasAreRefusedWithTheReason(t *testing.T) {
	many := func(n int, f string) string { return strings.Repeat(f, n) }
	for _, c := range []struct{ name, sdl, reason string }{
		{"nothing", " # only a comment", "no type"},
		{"not a type", "enum E { a }", "want type"},
		{"a type without id", "type A { name: String! }", "the first field, and no other, is id: ID!"},
		{"an empty type", "type A { }", "a type without id"},
		{"a nullable id", "type A { id: ID }", "want !"},
		{"a second ID", "type A { id: ID! other: ID! }", "the first field, and no other"},
		{"a nullable scalar", "type A { id: ID! n: Int }", "want !"},
		{"a non-null reference", "type A { id: ID! a: A! }", "can't be non-null"},
		{"an unknown type", "type A { id: ID! b: B }", "no type B"},
		{"a built-in type", "type Block { id: ID! }", "taken or not allowed"},
		{"a reference to a built-in type", "type A { id: ID! b: Block }", "no type Block"},
		{"a name that is made", "type AWhere { id: ID! }", "taken or not allowed"},
		{"a small letter", "type a { id: ID! }", "taken or not allowed"},
		{"an underscore", "type A { id: ID! a_gt: Int! }", "taken or not allowed"},
		{"a capital field", "type A { id: ID! Name: Int! }", "taken or not allowed"},
		{"a long name", "type A { id: ID! " + many(33, "a") + ": Int! }", "taken or not allowed"},
		{"a field twice", "type A { id: ID! a: Int! a: Int! }", "taken or not allowed"},
		{"a type twice", "type A { id: ID! } type A { id: ID! }", "taken or not allowed"},
		{"one plural twice", "type Good { id: ID! } type Goods { id: ID! }", "share the root's field goods"},
		{"an unknown directive", "type A { id: ID! a: Int! @unique }", "no place here"},
		{"an index twice", "type A { id: ID! a: Int! @index @index }", "no place here"},
		{"an indexed id", "type A { id: ID! @index }", "no place here"},
		{"a list without origin", "type A { id: ID! a: [A!]! }", "has to be @derivedFrom"},
		{"a list of scalars", "type A { id: ID! a: [Int!]! @derivedFrom(field: \"a\") }", "no type Int"},
		{"a nullable list", "type A { id: ID! a: [A!] @derivedFrom(field: \"a\") }", "want !"},
		{"a list by a field without index", "type A { id: ID! p: A a: [A!]! @derivedFrom(field: \"p\") }", "no field of that name"},
		{"a list by another type's field", "type A { id: ID! l: [B!]! @derivedFrom(field: \"b\") } type B { id: ID! b: B @index }", "no field of that name"},
		{"arguments", "type A { id: ID! a(n: Int): Int! }", "want :"},
		{"a description", "\"text\" type A { id: ID! }", "want type"},
		{"17 types", func() string {
			s := ""
			for i := range 17 {
				s += "type T" + string(rune('a'+i)) + " { id: ID! } "
			}
			return s
		}(), "more than 16 types"},
		{"seven indexes", "type A { id: ID! " + func() string {
			s := ""
			for i := range 7 {
				s += string(rune('a'+i)) + ": Int! @index "
			}
			return s
		}() + "}", "more than 6 indexes"},
		{"25 fields", "type A { id: ID! " + func() string {
			s := ""
			for i := range 24 {
				s += string(rune('a'+i)) + ": Int! "
			}
			return s
		}() + "}", "more than 24 fields"},
		{"too long", "type A { id: ID! }" + many(4096, " "), "longer than 4096"},
		{"cut off", "type A { id: ID!", "got the end"},
		{"not UTF-8", "type A { id: ID! } # \xff", "not UTF-8"},
	} {
		_, err := parseSchema(c.sdl)
		var s *syntaxError
		if !errors.As(err, &s) || !strings.Contains(s.reason, c.reason) {
			t.Errorf("%s: parseSchema = %v, want a refusal with %q", c.name, err, c.reason)
		}
	}
}

// plan parses and binds.
func plan(s *schema, query, variables string) ([]*bound, error) {
	d, err := parseQuery(query)
	if err != nil {
		return nil, err
	}
	given, err := parseVariables(variables)
	if err != nil {
		return nil, err
	}
	return bind(s, d, given)
}

func TestQueriesAreRefusedWithTheReason(t *testing.T) {
	s, err := parseSchema(shopSDL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, query, variables, reason string }{
		{"nothing", "", "", "want {"},
		{"a mutation", "mutation { shops { nodes { id } } }", "", "want query"},
		{"a fragment", "{ ...F } fragment F on Query { shops { nodes { id } } }", "", "unexpected character"},
		{"two operations", "query A { __typename } query B { __typename }", "", "one operation"},
		{"a directive", "{ shops @skip(if: true) { nodes { id } } }", "", "want a name"},
		{"a field twice", "{ shops { nodes { id id } } }", "", "give it an alias"},
		{"an alias twice", "{ shops { nodes { a: id a: name } } }", "", "give it an alias"},
		{"no selection", "{ shops }", "", "needs a selection"},
		{"an empty selection", "{ shops { } }", "", "want a name"},
		{"a selection below a scalar", "{ shops { nodes { id { x } } } }", "", "no fields of its own"},
		{"an unknown field", "{ shops { nodes { size } } }", "", "Shop has no field size"},
		{"an unknown root", "{ houses { nodes { id } } }", "", "Query has no field houses"},
		{"introspection", "{ __schema { types { name } } }", "", "can't ask for the schema"},
		{"a list of pools", "{ pools { nodes { id } } }", "", "Query has no field pools"},
		{"no id", "{ shop { id } }", "", "one argument, id"},
		{"null for an id", "{ shop(id: null) { id } }", "", "got null"},
		{"a number for an id", "{ shop(id: 5) { id } }", "", "want an id in quotes"},
		{"no rows", "{ shops(first: 0) { nodes { id } } }", "", "want 1 to 100"},
		{"too many rows", "{ shops(first: 101) { nodes { id } } }", "", "want 1 to 100"},
		{"less than no rows", "{ shops(first: -1) { nodes { id } } }", "", "want 1 to 100"},
		{"a huge number", "{ shops(first: 4294967297) { nodes { id } } }", "", "32 bits"},
		{"an argument twice", "{ shops(first: 1, first: 2) { nodes { id } } }", "", "a second first"},
		{"an unknown argument", "{ shops(last: 1) { nodes { id } } }", "", "no argument last"},
		{"arguments of a scalar", "{ shops { nodes { id(x: 1) } } }", "", "takes no arguments"},
		{"empty arguments", "{ shops() { nodes { id } } }", "", "empty list"},
		{"a bad cursor", "{ shops(after: \"00\") { nodes { id } } }", "", "not a cursor"},
		{"a filter without index", "{ goods(where: {price: 1}) { nodes { id } } }", "", "no field price"},
		{"an order of truth", "{ shops(where: {open_gt: true}) { nodes { id } } }", "", "no field open_gt"},
		{"a filter of nothing", "{ shops(where: {_gt: 1}) { nodes { id } } }", "", "no field _gt"},
		{"an object in a filter", "{ shops(where: {stock: {gt: 1}}) { nodes { id } } }", "", "want a value"},
		{"a long value of an index", "{ shops(where: {name: \"" + strings.Repeat("n", 32) + "\"}) { nodes { id } } }", "", "longer than the 31 bytes"},
		{"an order without index", "{ goods(orderBy: price) { nodes { id } } }", "", "can't be ordered"},
		{"an order in quotes", "{ shops(orderBy: \"name\") { nodes { id } } }", "", "can't be ordered"},
		{"an order of a derived list", "{ shops { nodes { goods(orderBy: price) { nodes { id } } } } }", "", "no argument orderBy"},
		{"a strange direction", "{ shops(orderDirection: up) { nodes { id } } }", "", "want asc or desc"},
		{"six entities deep", "{ shops { nodes { goods { nodes { shop { goods { nodes { shop { goods { nodes { id } } } } } } } } } } }", "", "entities deep"},
		{"braces without end", strings.Repeat("{a", 1000), "", "nested too deep"},
		{"a long query", "{ __typename }" + strings.Repeat(" ", 2048), "", "longer than 2048"},
		{"an undeclared variable", "{ shops(first: $n) { nodes { id } } }", "", "no variable $n"},
		{"an unused variable", "query($n: Int) { __typename }", "", "not used"},
		{"a variable twice", "query($n: Int, $n: Int) { shops(first: $n) { nodes { id } } }", "", "second variable"},
		{"a variable of another type", "query($n: String) { shops(first: $n) { nodes { id } } }", "", "another type than Int"},
		{"a nullable variable for an id", "query($n: ID) { shop(id: $n) { id } }", "", "another type than ID"},
		{"a variable without value", "query($n: ID!) { shop(id: $n) { id } }", "", "has no value"},
		{"null for a variable", "query($n: ID!) { shop(id: $n) { id } }", `{"n": null}`, "has no value"},
		{"a wrong value", "query($n: Int) { shops(first: $n) { nodes { id } } }", `{"n": "5"}`, "want an integer"},
		{"a wrong default", "query($n: Int = \"5\") { shops(first: $n) { nodes { id } } }", "", "want an integer"},
		{"a variable too many", "{ __typename }", `{"n": 5}`, "declares no variable"},
		{"a variable given twice", "query($n: Int) { shops(first: $n) { nodes { id } } }", `{"n": 5, "n": 6}`, "another variable"},
		{"variables without comma", "query($n: Int) { shops(first: $n) { nodes { id } } }", `{"n": 5 "m": 6}`, "want ,"},
		{"a list for a variable", "query($n: Int) { shops(first: $n) { nodes { id } } }", `{"n": [5]}`, "want a value"},
		{"a comment in JSON", "{ __typename }", "{} # x", "unexpected character"},
		{"a float", "{ shops(first: 1.0) { nodes { id } } }", "", "not an integer"},
		{"a leading zero", "{ shops(first: 01) { nodes { id } } }", "", "not an integer"},
		{"a block string", "{ shop(id: \"\"\"a\"\"\") { id } }", "", "block string"},
		{"half a pair", `{ shop(id: "\ud800") { id } }`, "", "surrogate"},
		{"an odd escape", `{ shop(id: "\x41") { id } }`, "", "unknown escape"},
		{"a string over lines", "{ shop(id: \"a\nb\") { id } }", "", "control character"},
	} {
		_, err := plan(s, c.query, c.variables)
		var se *syntaxError
		if !errors.As(err, &se) || !strings.Contains(se.reason, c.reason) {
			t.Errorf("%s: %s gives %v, want a refusal with %q", c.name, c.query, err, c.reason)
		}
	}
	for _, good := range []string{
		"{ shops { nodes { goods { nodes { shop { goods { nodes { shop { id } } } } } } } } }", // five deep
		"query Q { a: __typename, b: __typename }",
		`{ shop(id: "\ud83d\ude00\/") { id } }`,
		"{ block(id: \"5\") { hash } feeds(where: {isSet: true}) { nodes { id } } }",
	} {
		if _, err := plan(s, good, ""); err != nil {
			t.Errorf("%s: %v, want a plan", good, err)
		}
	}
}

// Whatever parses prints to a schema that parses to the same print, and the
// printed text is what graphql-js reads in contracts/.
func FuzzSchema(f *testing.F) {
	f.Add(shopSDL)
	f.Add("type A { id: ID! }")
	f.Add("type A @index { id: ID! a: [A!]! @derivedFrom(field: \"\\u0061\") }")
	f.Fuzz(func(t *testing.T, sdl string) {
		s, err := parseSchema(sdl)
		if err != nil {
			var se *syntaxError
			if !errors.As(err, &se) || se.offset < 0 || se.offset > len(sdl) || !utf8.ValidString(se.reason) {
				t.Fatalf("parseSchema(%q) = %v, want a refusal at a byte of it", sdl, err)
			}
			return
		}
		if len(s.entities()) == 0 || len(s.entities()) > maxTypes {
			t.Fatalf("parseSchema(%q) has %d types", sdl, len(s.entities()))
		}
		if again, err := parseSchema(sdl); err != nil || again.print() != s.print() {
			t.Fatalf("parseSchema(%q) differs the second time: %v", sdl, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	s, err := parseSchema(shopSDL)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`query Q($n: Int = 5, $s: String!) { a: shops(first: $n, where: {name_gte: $s, open: true}, orderBy: stock, orderDirection: desc) { nodes { id goods { nodes { price shop { id } } } } pageInfo { endCursor hasNextPage } } }`, `{"n": 3, "s": "\u0633\""}`)
	f.Add("{ shop(id: \"\\ud83d\\ude00\") { __typename } }", "")
	f.Add("{{", "{")
	f.Fuzz(func(t *testing.T, query, variables string) {
		out, err := plan(s, query, variables)
		if err == nil {
			if len(out) == 0 {
				t.Fatalf("%q binds to nothing", query)
			}
			return
		}
		var se *syntaxError
		if !errors.As(err, &se) || se.offset < 0 || se.offset > max(len(query), len(variables), maxQuery) || !utf8.ValidString(se.reason) {
			t.Fatalf("%q, %q: %v, want a refusal at a byte", query, variables, err)
		}
	})
}
