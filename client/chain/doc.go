// Package chain is a small client of an EVM chain for programs that must not
// carry an EVM themselves: JSON-RPC over HTTP, keys from files, and transactions
// of EIP-1559's type.
package chain
