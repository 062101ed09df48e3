package rpc

import (
	"strconv"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/params"
)

// nodeInfo returns what is known about this node, with the gaps filled in.
func (b *backend) nodeInfo() NodeInfo {
	var info NodeInfo
	if b.chain.Node != nil {
		info = b.chain.Node.NodeInfo()
	}
	if info.Version == "" {
		info.Version = params.Version
	}
	if info.Commit == "" {
		info.Commit = params.Commit
	}
	if info.ChainID == 0 {
		info.ChainID = b.bc.Config().ChainID.Uint64()
	}
	if info.NetworkID == 0 {
		info.NetworkID = uint32(info.ChainID)
	}
	if network, err := params.NetworkByID(info.NetworkID); err == nil && info.Network == "" {
		info.Network = network.Name
	}
	return info
}

// netAPI is the net namespace.
type netAPI struct{ b *backend }

// Version returns the network id in decimal.
func (a netAPI) Version() string {
	return strconv.FormatUint(uint64(a.b.nodeInfo().NetworkID), 10)
}

// Listening says that the node takes connections.
func (netAPI) Listening() bool { return true }

// PeerCount returns the number of connected peers.
func (a netAPI) PeerCount() hexutil.Uint { return hexutil.Uint(max(0, a.b.nodeInfo().Peers)) }

// web3API is the web3 namespace.
type web3API struct{}

// ClientVersion names the program.
func (web3API) ClientVersion() string { return "parsd/" + params.Version }

// Sha3 returns the Keccak-256 hash of data.
func (web3API) Sha3(data hexutil.Bytes) hexutil.Bytes { return crypto.Keccak256(data) }

// accountAPI is the part of eth about keys in the node: there are none.
type accountAPI struct{}

// Accounts returns the accounts that the node can sign for: none, ever.
func (accountAPI) Accounts() []common.Address { return []common.Address{} }
