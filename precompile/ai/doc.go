// Package ai has the native contract at 0x0300, which keeps neural networks in
// whole numbers (package ai/model) and runs them.
//
// spec/ai.md describes what is kept under its address.
package ai
