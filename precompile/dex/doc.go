// Package dex is the family of native contracts for exchange: the pool manager at
// 0x0400, which is Uniswap v4's IPoolManager in Go, and the quoter at 0x0401.
//
// The pool manager was written from the published interface, its documentation,
// the whitepaper and the definitions in the libraries that are under the MIT
// licence. Selectors, errors, events, revert data, storage and transient storage
// are those of the published contract, which the tests of this package run beside
// it: the same operations must leave both with the same bytes.
//
// Everything here is consensus.
package dex
