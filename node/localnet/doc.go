// Package localnet runs a network of real nodes on one machine: a child process
// for every validator, each with a data folder, a configuration file and a log
// of its own, so that any of them can be killed, frozen and started again by
// hand the way an operator would.
//
// A network's folder has, for validators 1 to N:
//
//	localnet.json    says that the folder is a local network's, and its ports
//	genesis.json     the genesis all nodes begin with
//	LOCK             held while the network runs
//	control          socket for orders while it runs, only if its links can be cut
//	node1/           the node's data folder; node1/parsd.toml has its settings
//	node1.log        what the node wrote to standard error, of all its runs
package localnet
