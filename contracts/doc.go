// Package contracts has no code of its own: its tests compile the Solidity of
// this folder with Foundry, compare the interfaces with the registry of native
// contracts, and run the compiled examples in an EVM that has them.
package contracts
