// Package graphql serves the Graph contract's queries over HTTP, for people and
// for programs that speak GraphQL: POST and GET as graphql.org's "Serving over
// HTTP" has them, introspection, and a page to try queries on.
//
// A query is answered by the contract itself, in a call on the newest block, so
// that what is seen here is what contracts see. Only introspection is answered
// beside the chain, from the schema's text.
package graphql
