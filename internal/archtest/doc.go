// Package archtest keeps the promises of docs/layout.md about who may import
// whom. It has no code of its own, only tests.
package archtest
