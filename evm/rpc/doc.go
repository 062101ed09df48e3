// Package rpc serves the EVM chain's JSON-RPC over HTTP and WebSocket on one
// port: the namespaces eth, net, web3, txpool and debug as go-ethereum answers
// them, and pars_ for what only this chain has. docs/rpc.md lists the methods.
//
// What clients may rely on:
//
//   - Only accepted blocks are visible, by number and by hash alike, and an
//     accepted block never goes away: latest, safe and finalized are one block,
//     and no log is ever removed.
//   - pending is the header the next block would have now, over the latest
//     state, without transactions; a pending nonce counts those in the pool.
//   - Block execution never waits for a client. A subscriber that does not read
//     loses its connection, not its events.
//   - Every request has a bound on its size, its gas, its time and the blocks it
//     may replay or scan.
//
// [New] takes the [Chain]; [Server.Serve] takes a listener from the caller.
package rpc
