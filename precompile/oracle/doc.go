// Package oracle is the native contract at 0x0501: the newest values of feeds that
// are signed off chain, and medians of them.
//
// It is written from the interface of Api3ServerV1, whose bytecode is the oracle of
// the tests in contracts/. Everything here is on the path of consensus.
package oracle
