// Package avalanche runs AvalancheGo inside this process with one chain of
// ours beside its P-Chain: peer network, validator set and Snowman consensus
// come from there, blocks from the VM that the caller hands in.
//
// AvalancheGo has no call that takes a VM. It looks for plugins when it is
// built and creates the chains of the genesis right after, so a VM registered
// later comes too late. The way in is the log factory: AvalancheGo asks it for
// a chain's log before it asks for the chain's VM, so [Start] hands it a
// factory that answers for our chain only once the VM is registered.
//
// # Upgrades
//
// All of AvalancheGo's released upgrades are active from the start. The P-Chain
// needs Durango for warp messages signed with BLS keys and Etna for its dynamic
// fees; it keeps proposervm, which Apricot phase 4 turns on. Our own chain
// stays out of proposervm because its blocks report a constant time before
// that upgrade; the VM brings its own schedule.
package avalanche
