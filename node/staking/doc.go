// Package staking changes and lists the validators of a running network: it
// asks the P-Chain through the API of any node, and signs what changes it with
// the key of whoever owns the stake. Keys never leave the process.
package staking
