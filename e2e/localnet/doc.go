// Package localnet has tests of networks of many validators, each a process of
// its own. It has no code of its own.
package localnet
