// Package outside has no code of its own: its tests compare the packages beside
// it with implementations by other people on random inputs. Most of those are in
// JavaScript and are run by spec/check/outside.mjs, which `make deps` readies; the ring
// signatures and ECIES there are a second implementation of spec/ring.md and
// spec/ecies.md over noble's curves.
//
// The seed is printed, and PARS_TEST_SEED sets it. `make test` compares a few
// cases of each, PARS_TEST_FULL=1 a thousand.
package outside
