// Package e2e has tests that run the real programs as processes, the way users
// do. It has no code of its own.
package e2e
