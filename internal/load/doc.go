// Package load puts transactions on an Ethereum chain at a given rate, or as
// fast as answers come, and measures what a user sees: the time from handing a
// transaction in until its receipt, the gap between blocks, and throughput. It
// needs nothing but JSON-RPC over HTTP and WebSocket, so peers of parsd can be
// measured with it too. docs/load.md has the commands.
package load
