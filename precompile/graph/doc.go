// Package graph is the native contract at 0x0500: entities under schemas of a
// GraphQL subset, and queries over them and over what the chain itself knows.
//
// A query goes through three stages: parseQuery reads bounded text into a syntax
// tree, bind holds the tree against the schema and puts the variables in, and run
// reads rows and writes JSON. Refusals happen in the first two; after them only
// gas and the size of the result can end a query. The parser is our own, because
// every node has to refuse the same text at the same place for ever, and because
// the subset needs no more: no fragments, no directives, no merging of fields,
// which is what makes validators of whole GraphQL quadratic.
//
// spec/graph.md is the normative text. Everything here is on the path of
// consensus.
package graph
