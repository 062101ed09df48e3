// Package genesis reads, checks and builds the one file a Pars network begins
// with: genesis.json, in geth's genesis format plus a section "pars" that names
// the validators and repeats the chain's timing (spec/chain.md, section 7).
//
// The file is complete: it holds the accounts of the native contracts too, so
// that any geth-compatible tool computes the same genesis block hash from it,
// and a later build with more contracts still agrees with it.
//
// Package pchain below turns a checked genesis into AvalancheGo's.
package genesis
